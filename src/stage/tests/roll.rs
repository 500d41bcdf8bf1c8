//! Every case of every primitive on the roll: compiled as interpreted, traced as eager.

use super::toys::{run, values};
use crate::core::lowering::LoweringKind;
use crate::core::trace::bind;
use crate::prims::entry::Case;
use crate::prims::roll_call::roll_call;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn every_case_runs_in_every_way() {
    let mut failed = Vec::new();
    for entry in roll_call() {
        for (n, case) in (entry.cases)().iter().enumerate() {
            // A collective runs in a batch only, which is made by transforms: the laws do that.
            if case.axis.is_some() {
                continue;
            }
            if case.exempt.iter().any(|(law, _)| *law == "*") {
                continue;
            }
            if catch_unwind(AssertUnwindSafe(|| check(case))).is_err() {
                let types: Vec<_> = case.inputs.iter().map(|a| a.aval()).collect();
                failed.push(format!("{} (case {n}) of {types:?}", entry.name));
            }
        }
    }
    assert!(failed.is_empty(), "these cases fail:\n{}", failed.join("\n"));
}

/// A pass that asks for the kind must be told what lowering would have told it.
#[test]
fn the_kind_is_that_of_the_lowering() {
    let mut wrong = Vec::new();
    for entry in roll_call() {
        for (n, Case { prim, inputs, .. }) in (entry.cases)().iter().enumerate() {
            let inputs: Vec<_> = inputs.iter().map(|a| a.aval()).collect();
            let outputs = prim.abstract_eval(&inputs).expect("a case");
            let lowered = match prim.lower(&inputs, &outputs) {
                Ok(lowering) => lowering.kind(),
                Err(_) => LoweringKind::Waits,
            };
            let same_dtype = entry.name == "convert_element_type"
                && inputs[0].dtype == outputs[0].dtype
                && lowered == LoweringKind::Forward;
            if prim.kind() != lowered && !same_dtype {
                let (name, kind) = (entry.name, prim.kind());
                wrong.push(format!("{name} (case {n}): says {kind:?}, lowers to {lowered:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(case: &Case) {
    let apply = |x: &[_]| bind(case.prim.clone(), x).expect("a case").into_vec();
    let (text, expected) = run(&case.inputs, apply);
    for (got, expected) in apply(&case.inputs).iter().map(values).zip(&expected) {
        let close = |(g, e): (&f64, &f64)| {
            g == e || (g - e).abs() <= 1e-5 * e.abs().max(1.0) || (g.is_nan() && e.is_nan())
        };
        let fits = got.len() == expected.len() && got.iter().zip(expected).all(close);
        assert!(fits, "eager {got:?}, expected {expected:?} of\n{text}");
    }
}
