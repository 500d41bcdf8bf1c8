//! Small bodies and inputs for the cases of primitives that carry jaxprs.

use super::lax;
use super::name::checkpoint_name;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::eager;
use crate::core::jaxpr::Jaxpr;
use crate::core::trace::trace;
use cotangent_jit::{DType, Scalar};
use std::sync::Arc;

pub const FLOATS: [DType; 2] = [DType::F32, DType::F64];

/// `n` different numbers between 0.3 and 1.
pub fn numbers(dtype: DType, n: usize) -> Array {
    filled(Aval::new([n], dtype))
}

/// A scalar like that.
pub fn number(dtype: DType) -> Array {
    filled(Aval::scalar(dtype))
}

/// Different numbers between 0.3 and 1 in any shape; 0 to 2 for ints.
pub fn filled(aval: Aval) -> Array {
    let value = |i: usize| match aval.dtype.is_float() {
        true => 0.3 + 0.7 * ((i * 7 + 3) % 11) as f64 / 11.0,
        false => ((i * 7 + 3) % 3) as f64,
    };
    let scalar = |i| Scalar::from_f64(aval.dtype, value(i)).expect("a dtype that runs");
    let bytes: Vec<u8> = (0..aval.size()).flat_map(|i| scalar(i).to_bytes()).collect();
    eager::upload(aval, &bytes).expect("a small array")
}

pub fn body(inputs: &[Aval], f: impl Fn(&[Array]) -> Vec<Array>) -> Arc<Jaxpr> {
    Arc::new(trace(inputs, |args| Ok(f(&args))).expect("a body of a case").jaxpr)
}

fn two(d: DType) -> [Aval; 2] {
    [Aval::new([3], d), Aval::new([3], d)]
}

/// `x, y -> sin x * y, x + y`
pub fn product(d: DType) -> Arc<Jaxpr> {
    body(&two(d), |a| vec![lax::mul(&lax::sin(&a[0]), &a[1]), lax::add(&a[0], &a[1])])
}

/// `x, y -> sin x * exp y, (sin x . y) exp y`, the sine under a name.
pub fn named(d: DType) -> Arc<Jaxpr> {
    body(&two(d), |a| {
        let sine = checkpoint_name(&lax::sin(&a[0]), "sine");
        let dims = lax::DotDims {
            lhs_contract: [0].into_iter().collect(),
            rhs_contract: [0].into_iter().collect(),
            ..Default::default()
        };
        let dot = lax::broadcast_in_dim(&lax::dot_general(&sine, &a[1], &dims), &[3], &[]);
        let exp = lax::exp(&a[1]);
        vec![lax::mul(&sine, &exp), lax::mul(&lax::mul(&dot, &exp), &exp)]
    })
}

/// `x, y -> exp x, y`
pub fn forwarding(d: DType) -> Arc<Jaxpr> {
    body(&two(d), |a| vec![lax::exp(&a[0]), a[1].clone()])
}

/// A scan's body: `const, carry, x -> sin(carry * const) + x, carry * x`
pub fn step(d: DType) -> Arc<Jaxpr> {
    let s = Aval::scalar(d);
    body(&[s.clone(), s.clone(), s], |a| {
        let (c, carry, x) = (&a[0], &a[1], &a[2]);
        vec![lax::add(&lax::sin(&lax::mul(carry, c)), x), lax::mul(carry, x)]
    })
}
