//! Batch axes where a rule needs them: broadcast, or moved to the front.
//!
//! A rule puts the batch axis of a result at 0 unless another position costs nothing.

use crate::core::array::Array;
use crate::core::primitive::Ctx;
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::Error;

/// `x` broadcast along a new axis of `size` at `axis`.
pub fn broadcast_batch(x: &Array, size: usize, axis: usize) -> Result<Array, Error> {
    let mut shape = x.to_shape();
    shape.insert(axis, size);
    let kept: Vec<usize> = (0..shape.len()).filter(|a| *a != axis).collect();
    try_broadcast_in_dim(x, &shape, &kept)
}

/// `x` with its batch axis in front; if it has none, `x` is broadcast.
pub fn batch_in_front(ctx: &Ctx, x: &Array, axis: Option<usize>) -> Result<Array, Error> {
    match axis {
        Some(axis) => moveaxis(x, axis, 0),
        None => broadcast_batch(x, ctx.batch_size, 0),
    }
}
