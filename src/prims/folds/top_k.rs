//! The greatest elements along an axis: `top_k`, composed of a sort and a gather.
//!
//! Floats are ordered by their bits: NaN is greater than every number (less, if its sign is
//! negative), and 0 is greater than -0. Of equal elements, the first in the operand comes first.
//! The values are gathered, and so are their tangents.

use crate::core::array::Array;
use crate::prims::folds::sort::try_sort_by;
use crate::prims::places::gather::{Mode, try_take_along_axis};
use crate::prims::points::binary::try_xor;
use crate::prims::points::compare::try_lt;
use crate::prims::points::convert::try_bitcast_convert_type;
use crate::prims::points::identity::try_stop_gradient;
use crate::prims::points::select::try_select_n;
use crate::prims::points::unary::try_not;
use crate::prims::rules::apply::{composed, expect, expect_axis};
use crate::prims::rules::numbers::place_dtype;
use crate::prims::shapes::iota::try_iota;
use crate::prims::shapes::slice::try_slice_in_dim;
use cotangent_jit::{DType, Error, Scalar, err, plural};

/// The `k` greatest elements along an axis, from the greatest down, and their indices (i32, or i64
/// if i32 cannot count the elements).
///
/// Any real dtype. The derivative gathers the tangent. Panics where [`try_top_k`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let (values, indices) = lax::top_k(&array![1.0, 3.0, 2.0, 3.0], 3, 0);
/// assert_eq!(values.to_vec::<f32>(), [3.0, 3.0, 2.0]);
/// assert_eq!(indices.to_vec::<i32>(), [1, 3, 2]);
/// ```
#[track_caller]
pub fn top_k(x: &Array, k: usize, axis: usize) -> (Array, Array) {
    expect(try_top_k(x, k, axis))
}

/// Returns the error of [`top_k`] instead of panicking.
///
/// Fails if the axis is out of range or has fewer than `k` elements.
#[track_caller]
pub fn try_top_k(x: &Array, k: usize, axis: usize) -> Result<(Array, Array), Error> {
    composed("top_k", || {
        expect_axis("top_k", "axis", axis, &x.aval())?;
        if x.dtype().is_complex() {
            return Err(err!(
                DType,
                "top_k: expected real numbers, got {}; take real(x), imag(x) or abs(x)",
                x.aval()
            ));
        }
        let n = x.shape()[axis];
        if k > n {
            return Err(err!(
                Shape,
                "top_k: expected at most the {elements} along axis {axis} of {}, got k = {k}",
                x.aval(),
                elements = plural(n, "element")
            ));
        }
        let positions = try_iota(place_dtype(n), x.shape(), axis)?;
        let key = descending_key(&try_stop_gradient(x)?)?;
        let order = try_sort_by(&[key, positions], axis, 1)?.swap_remove(1);
        let first = try_slice_in_dim(&order, 0, k, axis)?;
        Ok((try_take_along_axis(x, &first, axis, Mode::Promise)?, first))
    })
}

/// Ints (or bools) that increase where `x` decreases.
fn descending_key(x: &Array) -> Result<Array, Error> {
    let int = match x.dtype() {
        d if !d.is_float() => return try_not(x),
        d if d.size() == 2 => DType::I16,
        d if d.size() == 4 => DType::I32,
        _ => DType::I64,
    };
    let bits = try_bitcast_convert_type(x, int)?;
    let most = Scalar::from_bits(int, (1 << (int.bits() - 1)) - 1);
    let flipped = try_xor(&bits, &Array::strong_literal(most))?;
    let negative = try_lt(&bits, &Array::strong_literal(Scalar::zero(int)))?;
    try_not(&try_select_n(&negative, &[&bits, &flipped])?)
}
