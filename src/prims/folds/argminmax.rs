//! Positions of extrema: `argmax`, `argmin`, composed of reductions.
//!
//! The result is the index of the first element that attains the extremum, or of the first NaN. No
//! derivative: the result is an int.

use crate::core::array::Array;
use crate::prims::folds::reduce::{try_reduce_max, try_reduce_min};
use crate::prims::points::binary::{try_and, try_or};
use crate::prims::points::compare::{try_eq, try_ne};
use crate::prims::points::select::try_select_n;
use crate::prims::rules::apply::{composed, expect, expect_axis};
use crate::prims::rules::numbers::{holds, int_range, place_dtype};
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::iota::try_iota;
use cotangent_jit::{DType, Error, Scalar, err};

/// The index (i32, or i64 if i32 cannot count the elements) of the greatest element along an axis,
/// which is removed. If several elements attain it, the first one counts; if there is a NaN, the
/// first NaN.
///
/// `argmax([2.0, 5.0, 5.0], 0)` is 1. Any real dtype; no derivative. Panics where [`try_argmax`]
/// gives an error.
#[track_caller]
pub fn argmax(x: &Array, axis: usize) -> Array {
    expect(try_argmax(x, axis))
}

/// Returns the error of [`argmax`] instead of panicking.
///
/// Fails if the axis is out of range or has no elements.
#[track_caller]
pub fn try_argmax(x: &Array, axis: usize) -> Result<Array, Error> {
    composed("argmax", || {
        first_extremum("argmax", x, axis, index_dtype_along(x, axis), try_reduce_max)
    })
}

/// [`argmax`] with indices of another int dtype.
#[track_caller]
pub fn argmax_as(x: &Array, axis: usize, index_dtype: DType) -> Array {
    expect(try_argmax_as(x, axis, index_dtype))
}

/// Returns the error of [`argmax_as`] instead of panicking.
///
/// Fails if the axis is out of range or has no elements, or the dtype is not an int or cannot hold
/// the indices.
#[track_caller]
pub fn try_argmax_as(x: &Array, axis: usize, index_dtype: DType) -> Result<Array, Error> {
    composed("argmax_as", || first_extremum("argmax", x, axis, index_dtype, try_reduce_max))
}

/// [`argmin`] with indices of another int dtype.
#[track_caller]
pub fn argmin_as(x: &Array, axis: usize, index_dtype: DType) -> Array {
    expect(try_argmin_as(x, axis, index_dtype))
}

/// Returns the error of [`argmin_as`] instead of panicking.
///
/// Fails if the axis is out of range or has no elements, or the dtype is not an int or cannot hold
/// the indices.
#[track_caller]
pub fn try_argmin_as(x: &Array, axis: usize, index_dtype: DType) -> Result<Array, Error> {
    composed("argmin_as", || first_extremum("argmin", x, axis, index_dtype, try_reduce_min))
}

/// The index (i32, or i64 if i32 cannot count the elements) of the least element along an axis,
/// which is removed. If several elements attain it, the first one counts; if there is a NaN, the
/// first NaN.
///
/// `argmin([2.0, 5.0, 2.0], 0)` is 0. Any real dtype; no derivative. Panics where [`try_argmin`]
/// gives an error.
#[track_caller]
pub fn argmin(x: &Array, axis: usize) -> Array {
    expect(try_argmin(x, axis))
}

/// Returns the error of [`argmin`] instead of panicking.
///
/// Fails if the axis is out of range or has no elements.
#[track_caller]
pub fn try_argmin(x: &Array, axis: usize) -> Result<Array, Error> {
    composed("argmin", || {
        first_extremum("argmin", x, axis, index_dtype_along(x, axis), try_reduce_min)
    })
}

/// The dtype of indices along an axis, if the axis exists.
fn index_dtype_along(x: &Array, axis: usize) -> DType {
    place_dtype(x.shape().get(axis).copied().unwrap_or(0))
}

/// The least index of an element that attains the extremum or is NaN.
fn first_extremum(
    name: &str,
    x: &Array,
    axis: usize,
    index_dtype: DType,
    extremum: fn(&Array, &[usize]) -> Result<Array, Error>,
) -> Result<Array, Error> {
    expect_axis(name, "axis", axis, &x.aval())?;
    if x.dtype().is_complex() {
        return Err(err!(
            DType,
            "{name}: expected real numbers, got {}; take real(x), imag(x) or abs(x)",
            x.aval()
        ));
    }
    let n = x.shape()[axis];
    if n == 0 {
        return Err(err!(
            Shape,
            "{name}: expected elements along axis {axis}, got {} which has none",
            x.aval()
        ));
    }
    if !index_dtype.is_int() {
        return Err(err!(DType, "{name}: expected an int dtype for indices, got {index_dtype}"));
    }
    if !holds(index_dtype, n as i128 - 1) {
        return Err(err!(
            DType,
            "{name}: expected a dtype that holds the indices of axis {axis} of {}, \
             got {index_dtype}; take a wider one",
            x.aval()
        ));
    }
    first_attaining(x, axis, index_dtype, extremum)
}

/// [`first_extremum`] along an axis that has elements, also for complex numbers.
pub(crate) fn first_attaining(
    x: &Array,
    axis: usize,
    index_dtype: DType,
    extremum: fn(&Array, &[usize]) -> Result<Array, Error>,
) -> Result<Array, Error> {
    let kept: Vec<usize> = (0..x.ndim()).filter(|a| *a != axis).collect();
    let best = try_broadcast_in_dim(&extremum(x, &[axis])?, x.shape(), &kept)?;
    let mut attained = try_eq(x, &best)?;
    if x.dtype().is_inexact() {
        let mut nan = try_ne(x, x)?;
        if x.dtype().is_complex() {
            // For complex numbers, a NaN need not be the extremum.
            nan = try_and(&nan, &try_ne(&best, &best)?)?;
        }
        attained = try_or(&attained, &nan)?;
    }
    let index = try_iota(index_dtype, x.shape(), axis)?;
    let n = x.shape()[axis];
    // Some element attains the extremum, so the value for the others only has to be at least as
    // great as every index.
    let filler = int_range(index_dtype).1.min(n as i128);
    let filler = Array::strong_literal(Scalar::from_bits(index_dtype, filler as u128));
    try_reduce_min(&try_select_n(&attained, &[&filler, &index])?, &[axis])
}
