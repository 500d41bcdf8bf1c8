//! Small bodies and inputs for the cases of primitives that carry jaxprs.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::core::trace::trace;
use crate::prims::cases::samples::array;
use crate::prims::lax;
use crate::prims::points::name::checkpoint_name;
use cotangent_jit::DType;
use std::sync::Arc;

/// The dtypes that have derivatives.
pub const INEXACT: [DType; 6] =
    [DType::F32, DType::F64, DType::F16, DType::BF16, DType::C64, DType::C128];

/// The inexact dtypes and some ints, for primitives that carry both.
pub const NUMBERS: [DType; 8] = [
    DType::F32,
    DType::F64,
    DType::F16,
    DType::BF16,
    DType::C64,
    DType::C128,
    DType::I32,
    DType::U8,
];

/// `n` different numbers between 0.3 and 1.
pub fn numbers(dtype: DType, n: usize) -> Array {
    filled(Aval::new([n], dtype))
}

/// A number between 0.3 and 1.
pub fn number(dtype: DType) -> Array {
    filled(Aval::scalar(dtype))
}

/// Different numbers between 0.3 and 1 in any shape, as both parts of complex numbers too; 0 to 2
/// for ints.
pub fn filled(aval: Aval) -> Array {
    let value = |i: usize| match aval.dtype.is_inexact() {
        true => 0.3 + 0.7 * ((i * 7 + 3) % 11) as f64 / 11.0,
        false => ((i * 7 + 3) % 3) as f64,
    };
    let parts = if aval.dtype.is_complex() { 2 } else { 1 };
    array(&aval.shape, aval.dtype, (0..parts * aval.size()).map(value))
}

pub fn body(inputs: &[Aval], f: impl Fn(&[Array]) -> Vec<Array>) -> Arc<Jaxpr> {
    Arc::new(trace(inputs, |args| Ok(f(&args))).expect("a body of a case").jaxpr)
}

fn two(d: DType) -> [Aval; 2] {
    [Aval::new([3], d), Aval::new([3], d)]
}

/// A nonlinear function: the sine, or `x + x²` for ints.
pub fn nonlinear(x: &Array) -> Array {
    if x.dtype().is_inexact() { lax::sin(x) } else { lax::add(x, &lax::square(x)) }
}

/// Another nonlinear function: the exponential, or the square for ints.
fn exp_or_square(x: &Array) -> Array {
    if x.dtype().is_inexact() { lax::exp(x) } else { lax::square(x) }
}

/// `x, y -> sin x * y, x + y`
pub fn product(d: DType) -> Arc<Jaxpr> {
    body(&two(d), |a| vec![lax::mul(&nonlinear(&a[0]), &a[1]), lax::add(&a[0], &a[1])])
}

/// `x, y -> sin x * exp y, (sin x . y) exp y`; the sine has the name `sine`.
pub fn named(d: DType) -> Arc<Jaxpr> {
    body(&two(d), |a| {
        let sine = checkpoint_name(&nonlinear(&a[0]), "sine");
        let dims = lax::DotDims {
            lhs_contract: [0].into_iter().collect(),
            rhs_contract: [0].into_iter().collect(),
            ..Default::default()
        };
        let dot = lax::broadcast_in_dim(&lax::dot_general(&sine, &a[1], &dims), &[3], &[]);
        let exp = exp_or_square(&a[1]);
        vec![lax::mul(&sine, &exp), lax::mul(&lax::mul(&dot, &exp), &exp)]
    })
}

/// `x, y -> exp x, y`
pub fn forwarding(d: DType) -> Arc<Jaxpr> {
    body(&two(d), |a| vec![exp_or_square(&a[0]), a[1].clone()])
}

/// The body of a scan: `const, carry, x -> sin(carry * const) + x, carry * x`
pub fn step(d: DType) -> Arc<Jaxpr> {
    let s = Aval::scalar(d);
    body(&[s.clone(), s.clone(), s], |a| {
        let (c, carry, x) = (&a[0], &a[1], &a[2]);
        vec![lax::add(&nonlinear(&lax::mul(carry, c)), x), lax::mul(carry, x)]
    })
}
