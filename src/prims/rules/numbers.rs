//! Numbers that rules and users write, as literals of the dtype of the other operands.

use crate::core::array::Array;
use cotangent_jit::{DType, Scalar};

/// The number `value` as a literal of `dtype`, or of f32 if `dtype` has no literals.
pub(crate) fn number(value: f64, dtype: DType) -> Array {
    match Scalar::from_f64(dtype, value) {
        Some(s) => Array::strong_literal(s),
        None => Array::literal(Scalar::from(value as f32)),
    }
}

/// The least and the greatest int of an int dtype.
pub(crate) fn int_range(dtype: DType) -> (i128, i128) {
    let bits = dtype.bits();
    match dtype.is_signed() {
        true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        false => (0, (1 << bits) - 1),
    }
}

/// Whether an int dtype can represent `n`.
pub(crate) fn holds(dtype: DType, n: i128) -> bool {
    let (least, greatest) = int_range(dtype);
    (least..=greatest).contains(&n)
}

/// The dtype of positions along an axis of `n` elements: i32, or i64 if i32 cannot count them.
pub(crate) fn place_dtype(n: usize) -> DType {
    if holds(DType::I32, n as i128) { DType::I32 } else { DType::I64 }
}

/// The limit of a number of rounds as an i32, or `i32::MAX` if it is greater.
pub(crate) fn rounds(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// The value of a literal in another dtype of the same kind or a wider one: ints become floats, but
/// floats never become ints.
pub(crate) fn scalar_as(value: Scalar, dtype: DType) -> Option<Scalar> {
    let from = value.dtype();
    if from == dtype {
        return Some(value);
    }
    if let (Some((re, im)), true) = (value.parts(), dtype.is_complex()) {
        return Scalar::complex(scalar_as(re, dtype.part())?, scalar_as(im, dtype.part())?);
    }
    match from {
        d if d.is_complex() || d.is_float() && !dtype.is_inexact() => None,
        d if d.is_float() => Scalar::from_f64(dtype, value.to_f64()?),
        d if d.is_int() && dtype.is_bool() => None,
        DType::U64 if dtype.is_inexact() => Scalar::from_f64(dtype, value.to_f64()?),
        _ => Scalar::from_i64(dtype, value.to_i64()?),
    }
}

/// The value of a literal as an f64.
pub(crate) fn literal_f64(x: &Array) -> Option<f64> {
    x.as_literal()?.to_f64()
}
