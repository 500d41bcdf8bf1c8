//! Materializes symbolic zeros.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::Tangent;
use crate::prims::rules::apply::expect;
use crate::prims::shapes::broadcast::try_full;
use cotangent_jit::{Error, Scalar};

/// Zeros of this type. Panics where [`try_zeros`] gives an error.
#[track_caller]
pub fn zeros(aval: &Aval) -> Array {
    expect(try_zeros(aval))
}

/// Returns the error of [`zeros`] instead of panicking.
///
/// Fails if there is no memory for them.
pub fn try_zeros(aval: &Aval) -> Result<Array, Error> {
    try_full(&aval.shape, Scalar::zero(aval.dtype))
}

/// The tangent as an array; a symbolic zero is materialized. Panics where [`try_instantiate`] gives
/// an error.
#[track_caller]
pub fn instantiate(tangent: &Tangent) -> Array {
    expect(try_instantiate(tangent))
}

/// Returns the error of [`instantiate`] instead of panicking.
///
/// Fails if there is no memory for the zeros.
pub fn try_instantiate(tangent: &Tangent) -> Result<Array, Error> {
    match tangent {
        Tangent::Value(a) => Ok(a.clone()),
        Tangent::Zero(aval) => try_zeros(aval),
    }
}
