//! Transformations that hold updates back: by value, by norm, by block; NaNs; nothing at all.

use super::scale::Leafwise;
use super::transform::{Rule, Transform};
use crate::api::pytree::{Pytree, Tree};
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::create::zeros_like;
use cotangent_jit::{Error, Scalar, err};

/// Every element held between `-limit` and `limit`.
///
/// ```
/// use cotangent::{optim::clip, prelude::*};
/// let (held, w) = (clip(1.0), array![0.0, 0.0]);
/// let (u, _) = held.update(array![-3.0, 0.5], held.init(&w), &w);
/// assert_eq!(u.to_vec::<f32>(), [-1.0, 0.5]);
/// ```
#[doc(alias("clip_grad_value", "clip_grad_value_"))]
pub fn clip(limit: f64) -> Transform {
    Transform::new("clip", Leafwise(move |u: Array, _: &Array| u.clip(-limit, limit)))
}

/// The root of the sum of all squares of all leaves, a scalar of the widest dtype among them (f32
/// if there is none).
///
/// Derivative: `x / norm` at each leaf, NaN where all is zero. Panics if a leaf is no float.
///
/// ```
/// use cotangent::{optim::global_norm, prelude::*};
/// assert_eq!(global_norm(&(array![3.0], array![0.0, 4.0])).item::<f32>(), 5.0);
/// ```
#[track_caller]
pub fn global_norm<P: Pytree>(tree: &P) -> Array {
    raise(try_global_norm(tree))
}

/// Returns the error of [`global_norm`] instead of panicking.
#[track_caller]
pub fn try_global_norm<P: Pytree>(tree: &P) -> Result<Array, Error> {
    in_name_of("global_norm", || {
        let tree = Tree::of_ref(tree);
        if let Some(x) = tree.leaves().iter().find(|x| !x.dtype().is_float()) {
            return Err(err!(DType, "global_norm: expected floats, got {}", x.aval()));
        }
        sum_of_squares(&tree).try_sqrt()
    })
}

fn sum_of_squares(tree: &Tree) -> Array {
    let squares = tree.leaves().iter().map(|x| x.square().sum());
    squares.reduce(|sum, x| sum + x).unwrap_or_else(|| Array::strong_literal(Scalar::from(0f32)))
}

struct GlobalNorm(f64);

impl Rule for GlobalNorm {
    type State = ();

    fn init(&self, _: &Tree) -> Result<(), Error> {
        Ok(())
    }

    fn update(&self, updates: Tree, _: (), _: &Tree) -> Result<(Tree, ()), Error> {
        // The root of what is at least the limit's square: its derivative is finite where all is
        // zero.
        let square = sum_of_squares(&updates);
        let most = self.0 * self.0;
        let factor = square.lt(most).select(1.0, self.0 / square.maximum(most).sqrt());
        Ok((updates.map(|u| &u * factor.astype(u.dtype())), ()))
    }
}

/// All updates together scaled down to this norm where they are longer: `u min(1, limit / |u|)`
/// with the [`global_norm`]. Where a gradient is NaN all are; where one is infinite it becomes NaN
/// and the others zero.
///
/// ```
/// use cotangent::{optim::clip_by_global_norm, prelude::*};
/// let (held, w) = (clip_by_global_norm(1.0), array![0.0, 0.0]);
/// let (u, _) = held.update(array![3.0, 4.0], held.init(&w), &w);
/// assert_eq!(u.to_vec::<f32>(), [0.6, 0.8]);
/// ```
#[doc(alias("clip_grad_norm", "clip_grad_norm_"))]
pub fn clip_by_global_norm(limit: f64) -> Transform {
    Transform::new("clip_by_global_norm", GlobalNorm(limit))
}

/// Each leaf scaled down to this root mean square where it has a greater one:
/// `u / max(1, rms(u) / limit)`.
pub fn clip_by_block_rms(limit: f64) -> Transform {
    let rule = Leafwise(move |u: Array, _: &Array| {
        if u.size() == 0 {
            return u;
        }
        let excess = u.square().mean() / (limit * limit);
        u / excess.maximum(1.0).sqrt()
    });
    Transform::new("clip_by_block_rms", rule)
}

/// NaNs replaced by zero.
pub fn zero_nans() -> Transform {
    Transform::new("zero_nans", Leafwise(|u: Array, _: &Array| u.is_nan().select(0.0, &u)))
}

/// No updates: parameters under it stay as they are.
pub fn set_to_zero() -> Transform {
    Transform::new("set_to_zero", Leafwise(|u: Array, _: &Array| zeros_like(&u)))
}
