//! Functions of the library where some inputs are infinite, NaN, zero or equal: if the partial
//! derivatives are finite, every mode gives them, compiled and over batches, too.
//!
//! Differences say nothing at infinities, so that what is right is written in a table.

use crate::values::numbers;
use crate::violation::{Violation, guard};
use cotangent::prelude::*;

/// A function of a vector at a point.
pub struct Limit {
    pub name: &'static str,
    pub f: fn(Array) -> Array,
    pub at: Vec<f64>,
    /// The partial derivatives of each output, in a row. NaN asks for nothing: that derivative is
    /// infinite, or there is none.
    pub jacobian: Vec<Vec<f64>>,
    /// The second derivatives of the sum of all outputs; empty where there are none.
    pub hessian: Vec<Vec<f64>>,
}

/// Checks the derivatives in f64 and f32.
pub fn check(limit: &Limit) -> Result<(), Violation> {
    for dtype in [DType::F64, DType::F32] {
        let x = Array::from_slice(&limit.at).astype(dtype);
        guard(|| first(limit, &x).and_then(|()| second(limit, &x)))
            .map_err(|e| e.within(format!("{} at {:?} in {dtype}", limit.name, limit.at)))?;
    }
    Ok(())
}

fn first(limit: &Limit, x: &Array) -> Result<(), Violation> {
    let f = limit.f;
    let lanes = stack(&[x.clone(), x.clone()], 0);
    let of_lanes = |y: Array| y.index(1);
    let found = [
        ("forward", jacfwd(f)(x.clone())),
        ("reverse", jacrev(f)(x.clone())),
        ("forward, compiled", jit(jacfwd(f))(x.clone())),
        ("reverse, compiled", jit(jacrev(f))(x.clone())),
        ("forward, of a batch", of_lanes(vmap(jacfwd(f))(lanes.clone()))),
        ("reverse, of a batch", of_lanes(vmap(jacrev(f))(lanes))),
    ];
    found.iter().try_for_each(|(what, got)| compare(what, got, &limit.jacobian))
}

fn second(limit: &Limit, x: &Array) -> Result<(), Violation> {
    if limit.hessian.is_empty() {
        return Ok(());
    }
    let f = limit.f;
    let sum = move |x: Array| f(x).sum();
    let found = [
        ("forward over reverse", jacfwd(grad(sum))(x.clone())),
        ("reverse over reverse", jacrev(grad(sum))(x.clone())),
        ("reverse over forward", jacrev(jacfwd(sum))(x.clone())),
        ("forward over forward", jacfwd(jacfwd(sum))(x.clone())),
        ("forward over reverse, compiled", jit(jacfwd(grad(sum)))(x.clone())),
    ];
    found.iter().try_for_each(|(what, got)| compare(what, got, &limit.hessian))
}

fn compare(what: &str, got: &Array, expected: &[Vec<f64>]) -> Result<(), Violation> {
    let slack = 64.0 * crate::values::epsilon(got.dtype());
    let (got, expected) = (numbers(got)?, expected.concat());
    let near = |(g, e): (&f64, &f64)| e.is_nan() || (g - e).abs() <= slack * (1.0 + e.abs());
    if got.len() != expected.len() || !got.iter().zip(&expected).all(near) {
        return Err(Violation::new(format!("{what}: expected {expected:?}, got {got:?}")));
    }
    Ok(())
}
