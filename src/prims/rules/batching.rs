//! Moving batch axes about: what every batching rule begins with.
//!
//! Rules put the batch axis of a result at 0 unless another place costs nothing.

use crate::core::array::Array;
use crate::core::primitive::Ctx;
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::transpose::try_transpose;
use cotangent_jit::Error;

/// `x` with axis `from` at `to`, the others in order; `x` itself if it is there already.
pub fn moveaxis(x: &Array, from: usize, to: usize) -> Result<Array, Error> {
    if from == to {
        return Ok(x.clone());
    }
    let mut order: Vec<usize> = (0..x.ndim()).filter(|a| *a != from).collect();
    order.insert(to, from);
    try_transpose(x, &order)
}

/// `x` repeated along a new axis of `size` at `axis`.
pub fn broadcast_batch(x: &Array, size: usize, axis: usize) -> Result<Array, Error> {
    let mut shape = x.to_shape();
    shape.insert(axis, size);
    let kept: Vec<usize> = (0..shape.len()).filter(|a| *a != axis).collect();
    try_broadcast_in_dim(x, &shape, &kept)
}

/// `x` with its batch axis in front, repeated if it has none.
pub fn batch_in_front(ctx: &Ctx, x: &Array, axis: Option<usize>) -> Result<Array, Error> {
    match axis {
        Some(axis) => moveaxis(x, axis, 0),
        None => broadcast_batch(x, ctx.batch_size, 0),
    }
}
