//! Sums in rules, as products with ones.

use super::broadcast::try_full;
use super::concatenate::try_concatenate;
use super::dot_general::try_dot_general;
use super::reshape::try_expand_dims;
use crate::core::array::Array;
use crate::core::lowering::DotDims;
use cotangent_jit::{Error, Scalar};
use smallvec::smallvec;

/// `x` summed over `axes`.
pub(crate) fn try_reduce_sum(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    let sizes: Vec<usize> = axes.iter().map(|a| x.shape()[*a]).collect();
    let ones = try_full(&sizes, Scalar::one(x.dtype()))?;
    let dims = DotDims {
        lhs_contract: axes.into(),
        rhs_contract: (0..axes.len()).collect(),
        lhs_batch: smallvec![],
        rhs_batch: smallvec![],
    };
    try_dot_general(x, &ones, &dims)
}

/// `a + b`.
pub(crate) fn try_add(a: &Array, b: &Array) -> Result<Array, Error> {
    let both = [try_expand_dims(a, &[0])?, try_expand_dims(b, &[0])?];
    try_reduce_sum(&try_concatenate(&both, 0)?, &[0])
}

/// `a - b`.
pub(crate) fn try_sub(a: &Array, b: &Array) -> Result<Array, Error> {
    let minus = Scalar::from_i64(b.dtype(), -1).expect("a number");
    let none = DotDims {
        lhs_contract: smallvec![],
        rhs_contract: smallvec![],
        lhs_batch: smallvec![],
        rhs_batch: smallvec![],
    };
    try_add(a, &try_dot_general(b, &Array::strong_literal(minus), &none)?)
}
