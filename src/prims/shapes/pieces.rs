//! Functions that cut and join arrays, composed of slices, reshapes and `concatenate`: `split`,
//! `stack`, `unstack`, `tile`.

use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::rules::apply::{composed, expect, expect_axis};
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::concatenate::try_concatenate;
use crate::prims::shapes::reshape::{try_expand_dims, try_reshape};
use crate::prims::shapes::slice::try_slice_in_dim;
use cotangent_jit::{Error, err};

/// Splits an axis into parts of these sizes. Linear. Panics where [`try_split`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let parts = lax::split(&array![1, 2, 3], &[1, 2], 0);
/// assert_eq!(parts[1].to_vec::<i32>(), [2, 3]);
/// ```
#[track_caller]
pub fn split(operand: &Array, sizes: &[usize], axis: usize) -> Vec<Array> {
    expect(try_split(operand, sizes, axis))
}

/// Returns the error of [`split`] instead of panicking.
///
/// Fails if the axis is out of range or the sizes do not add up to its size.
#[track_caller]
pub fn try_split(operand: &Array, sizes: &[usize], axis: usize) -> Result<Vec<Array>, Error> {
    composed("split", || {
        expect_axis("split", "axis", axis, &operand.aval())?;
        let n = operand.shape()[axis];
        if sizes.iter().sum::<usize>() != n {
            return Err(err!(
                Shape,
                "split: expected sizes that add up to {n}, those of axis {axis} of {}, got \
                 {sizes:?}",
                operand.aval()
            ));
        }
        let mut start = 0;
        let part = |size: &usize| {
            start += size;
            try_slice_in_dim(operand, start - size, start, axis)
        };
        sizes.iter().map(part).collect()
    })
}

/// Joins arrays of one shape along a new axis. Linear. Panics where [`try_stack`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// assert_eq!(lax::stack(&[array![1, 2], array![3, 4]], 1).to_vec::<i32>(), [1, 3, 2, 4]);
/// ```
#[track_caller]
pub fn stack(operands: &[Array], axis: usize) -> Array {
    expect(try_stack(operands, axis))
}

/// Returns the error of [`stack`] instead of panicking.
///
/// Fails if there are no operands, shapes or dtypes differ, or the axis is out of range.
#[track_caller]
pub fn try_stack(operands: &[Array], axis: usize) -> Result<Array, Error> {
    composed("stack", || {
        let Some(first) = operands.first() else {
            return Err(err!(Shape, "stack: expected at least one array, got none"));
        };
        if let Some(other) = operands.iter().find(|x| x.shape() != first.shape()) {
            let (first, other) = (first.aval(), other.aval());
            return Err(err!(
                Shape,
                "stack: expected arrays of one shape, got {first} and {other}"
            ));
        }
        if axis > first.ndim() {
            let first = first.aval();
            return Err(err!(Axis, "stack: axis {axis} is out of range for a stack of {first}"));
        }
        let rows: Result<Vec<Array>, Error> =
            operands.iter().map(|x| try_expand_dims(x, &[axis])).collect();
        try_concatenate(&rows?, axis)
    })
}

/// Cuts an array into its entries along an axis and removes that axis: the inverse of [`stack`].
/// Linear. Panics where [`try_unstack`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// assert_eq!(lax::unstack(&array![[1, 2], [3, 4]], 1)[1].to_vec::<i32>(), [2, 4]);
/// ```
#[doc(alias = "unbind")]
#[track_caller]
pub fn unstack(operand: &Array, axis: usize) -> Vec<Array> {
    expect(try_unstack(operand, axis))
}

/// Returns the error of [`unstack`] instead of panicking.
///
/// Fails if the axis is out of range.
#[track_caller]
pub fn try_unstack(operand: &Array, axis: usize) -> Result<Vec<Array>, Error> {
    composed("unstack", || {
        expect_axis("unstack", "axis", axis, &operand.aval())?;
        let mut shape = operand.to_shape();
        let n = shape.remove(axis);
        let entry = |i| try_reshape(&try_slice_in_dim(operand, i, i + 1, axis)?, &shape);
        (0..n).map(entry).collect()
    })
}

/// Repeats the operand `times[a]` times along each axis `a`. Linear. Panics where [`try_tile`]
/// gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// assert_eq!(lax::tile(&array![1, 2], &[2]).to_vec::<i32>(), [1, 2, 1, 2]);
/// ```
#[track_caller]
pub fn tile(operand: &Array, times: &[usize]) -> Array {
    expect(try_tile(operand, times))
}

/// Returns the error of [`tile`] instead of panicking.
///
/// Fails if there is not one number per axis.
#[track_caller]
pub fn try_tile(operand: &Array, times: &[usize]) -> Result<Array, Error> {
    composed("tile", || {
        if times.len() != operand.ndim() {
            return Err(err!(
                Shape,
                "tile: expected one number per axis of {}, got {times:?}",
                operand.aval()
            ));
        }
        let pairs = || times.iter().zip(operand.shape());
        let interleaved: Shape = pairs().flat_map(|(t, n)| [*t, *n]).collect();
        let kept: Shape = (0..operand.ndim()).map(|a| 2 * a + 1).collect();
        let repeated = try_broadcast_in_dim(operand, &interleaved, &kept)?;
        try_reshape(&repeated, &pairs().map(|(t, n)| t * n).collect::<Shape>())
    })
}
