//! `<ct, J v> = <J^T ct, v>`, with `<a, b>` the real part of the sum of products, none conjugated:
//! reverse mode against forward mode, for all inputs together and each alone, for all outputs
//! together and each alone. Programs in floats of 16 bits: their twin in f64, whose cotangents are
//! theirs but for rounding.

use super::jvp;
use crate::program::{Program, subsets};
use crate::values::{Near, compare_all, compare_with_twin, numbers, zeros};
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::core::primitive::Recur;
use cotangent::prims::entry::Case;
use cotangent::transforms::Transforms;
use cotangent::transforms::vjp::linearize;

pub fn law(case: &Case) -> Result<(), Violation> {
    on(&Program::of(case)?)
}

pub fn on(p: &Program) -> Result<(), Violation> {
    if let Some(twin) = p.twin()? {
        on(&twin).map_err(|e| e.within("the twin in f64"))?;
        let back = p.pullback(0)?;
        let (own, other) = (back.interpret()?, twin.pullback(0)?.interpret()?);
        return compare_with_twin("cotangents", &own, &other, p.epsilon())
            .map_err(|e| e.within(format!("by\n{}", back.jaxpr)));
    }
    let n = p.outs();
    let inexact: Vec<bool> = p.jaxpr.out_avals().iter().map(|a| a.dtype.is_inexact()).collect();
    let expected = p.interpret()?;
    let reverse_only = p.reverse_only();
    for mask in subsets(&p.wrt()) {
        let t = Transforms::new();
        let lin = linearize(&t, &p.jaxpr, &mask)?;
        let mut outs = p.with(lin.forward.clone()).interpret()?;
        let residuals = outs.split_off(n);
        compare_all("outputs of the forward part", &outs, &expected, Near::Roundings(16.0))?;

        let v = p.tangents(&mask, 0);
        let linear = Program { jaxpr: lin.linear.clone(), inputs: [&residuals[..], &v].concat() };
        // Where nothing can be computed forwards, differences stand in.
        let (forward, roundings) = if reverse_only {
            (jvp::by_differences(p, &mask)?, if p.epsilon() > 1e-10 { 3e4 } else { 1e10 })
        } else {
            let forward = p.jvp_in(&mask, 0)?.interpret()?.split_off(n);
            compare_all("the linear part", &linear.interpret()?, &forward, Near::Roundings(64.0))
                .map_err(|e| e.within(format!("inputs in {mask:?}, by\n{}", lin.linear)))?;
            (forward, 64.0)
        };

        let is_linear: Vec<bool> = (0..linear.inputs.len()).map(|i| i >= residuals.len()).collect();
        let cts: Vec<Array> = p.cotangents(0);
        for wanted in subsets(&inexact) {
            let force = vec![true; v.len()];
            let (back, _) = t.transpose(&lin.linear, &is_linear, &wanted, &force)?;
            let chosen = cts.iter().zip(&wanted).filter(|(_, w)| **w).map(|(c, _)| c.clone());
            let back =
                Program { jaxpr: back, inputs: residuals.iter().cloned().chain(chosen).collect() };
            let returned = back.interpret()?;
            let sent: Vec<Array> = cts
                .iter()
                .zip(&wanted)
                .map(|(c, w)| if *w { c.clone() } else { zeros(&c.aval()) })
                .collect();
            let (left, a) = inner(&sent, &forward)?;
            let (right, b) = inner(&returned, &v)?;
            if reverse_only && left.is_nan() && right.is_finite() {
                // At a kink or a jump differences say nothing.
                continue;
            }
            let slack = roundings * p.epsilon() * (1.0 + a + b);
            if (left - right).abs() > slack || left.is_nan() != right.is_nan() {
                return Err(Violation::new(format!(
                    "<ct, J v> is {left:.9}, <J^T ct, v> is {right:.9}, for inputs in {mask:?} and \
                     outputs in {wanted:?}, by\n{}",
                    back.jaxpr
                )));
            }
        }
    }
    Ok(())
}

/// The inner product over all elements, and the sum of its terms' sizes.
fn inner(a: &[Array], b: &[Array]) -> Result<(f64, f64), Violation> {
    let (mut sum, mut size) = (0.0, 0.0);
    if a.len() != b.len() {
        return Err(Violation::new(format!("{} cotangents for {} inputs", a.len(), b.len())));
    }
    for (a, b) in a.iter().zip(b) {
        if a.aval() != b.aval() {
            let (a, b) = (a.aval(), b.aval());
            return Err(Violation::new(format!("a cotangent is {a}, its tangent {b}")));
        }
        // Of complex numbers the real part of the product: a product of imaginary parts counts
        // negatively.
        let complex = a.dtype().is_complex();
        for (i, (x, y)) in numbers(a)?.iter().zip(numbers(b)?).enumerate() {
            sum += if complex && i % 2 == 1 { -x * y } else { x * y };
            size += (x * y).abs();
        }
    }
    Ok((sum, size))
}
