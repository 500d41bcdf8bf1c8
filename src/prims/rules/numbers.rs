//! Numbers written in rules and by users, as literals of the dtype they meet.

use crate::core::array::Array;
use cotangent_jit::{DType, Scalar};

/// The number `value` as a literal of `dtype`; of f32 where `dtype` has no literals.
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

/// Whether an int dtype has this int.
pub(crate) fn holds(dtype: DType, n: i128) -> bool {
    let (least, greatest) = int_range(dtype);
    (least..=greatest).contains(&n)
}

/// The dtype of places along an axis of so many elements: i32, or i64 where i32 cannot count them.
pub(crate) fn place_dtype(n: usize) -> DType {
    if holds(DType::I32, n as i128) { DType::I32 } else { DType::I64 }
}

/// A limit of rounds, for a counter of i32.
pub(crate) fn rounds(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// A literal's value in another dtype of the same kind or a wider one: ints become floats, never the reverse.
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
