//! Every case of every primitive on the roll: compiled as interpreted, traced as eager.

use super::toys::{run, values};
use crate::core::trace::bind;
use crate::prims::roll_call::roll_call;

#[test]
fn every_case_runs_in_every_way() {
    for entry in roll_call() {
        for case in (entry.cases)() {
            let (text, expected) =
                run(&case.inputs, |x| bind(case.prim.clone(), x).expect("a case").into_vec());
            let eager = bind(case.prim.clone(), &case.inputs).expect("a case");
            for (got, expected) in eager.iter().map(values).zip(&expected) {
                let close = |(g, e): (&f64, &f64)| {
                    g == e || (g - e).abs() <= 1e-5 * e.abs().max(1.0) || (g.is_nan() && e.is_nan())
                };
                let fits = got.len() == expected.len() && got.iter().zip(expected).all(close);
                assert!(fits, "{}: eager {got:?}, expected {expected:?} of\n{text}", entry.name);
            }
        }
    }
}
