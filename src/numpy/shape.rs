//! Shapes: reshaping, reordering, repeating and reversing axes.
//!
//! All are linear: their derivatives do to tangents what they do to values. Joining and splitting
//! are in `join`.

use super::axes::{Ints, axes_of, axis_below, axis_of, sizes_of};
use super::fallible::methods;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::{Error, err, plural};

methods! {
    //! # Shapes and axes

    /// The same elements, in row-major order, under another shape; one size may be -1 and is
    /// inferred.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1, 2, 3], [4, 5, 6]];
    /// assert_eq!(x.reshape([3, -1]).shape(), [3, 2]);
    /// // A tuple, where a size that was computed stands beside -1, which no `usize` is.
    /// let n: usize = 3;
    /// assert_eq!(x.reshape((n, -1)).shape(), [3, 2]);
    /// ```
    #[doc(alias("view", "unflatten"))]
    fn reshape, try_reshape(self, sizes: impl Ints) -> Array { // `x.reshape((2, -1))`
        lax::try_reshape(self, &inferred(self, &sizes.ints())?)
    }

    /// The axes in reverse order; of a matrix the transpose.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2, 3], [4, 5, 6]].t().to_vec::<i32>(), [1, 4, 2, 5, 3, 6]);
    /// ```
    #[doc(alias("T", "mT", "matrix_transpose"))]
    fn t, try_t(self) -> Array {
        lax::try_transpose(self, &(0..self.ndim()).rev().collect::<Shape>())
    }

    /// The axes in another order: axis `k` of the result is axis `order[k]` of this; `()` reverses
    /// them.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(zeros([2, 3, 4]).transpose([2, 0, 1]).shape(), [4, 2, 3]);
    /// ```
    #[doc(alias("permute", "permute_dims"))]
    fn transpose, try_transpose(self, order: impl Ints) -> Array {
        let order = axes_of("transpose", order, &self.aval())?;
        if order.is_empty() {
            return self.try_t();
        }
        lax::try_transpose(self, &order)
    }

    /// Two axes exchanged.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(zeros([2, 3, 4]).swapaxes(0, -1).shape(), [4, 3, 2]);
    /// ```
    #[doc(alias = "swapdims")]
    fn swapaxes, try_swapaxes(self, a: isize, b: isize) -> Array {
        let a = axis_of("swapaxes", a as i64, &self.aval())?;
        let b = axis_of("swapaxes", b as i64, &self.aval())?;
        let mut order: Shape = (0..self.ndim()).collect();
        order.swap(a, b);
        lax::try_transpose(self, &order)
    }

    /// Axis `from` moved to place `to`, the others in order.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(zeros([2, 3, 4]).moveaxis(0, -1).shape(), [3, 4, 2]);
    /// ```
    #[doc(alias("movedim", "rollaxis"))]
    fn moveaxis, try_moveaxis(self, from: isize, to: isize) -> Array {
        let from = axis_of("moveaxis", from as i64, &self.aval())?;
        let to = axis_of("moveaxis", to as i64, &self.aval())?;
        moveaxis(self, from, to)
    }

    /// Repeated to a larger shape, as NumPy broadcasts: aligned at the last axis, sizes of 1
    /// repeat.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1], [2]].broadcast_to([2, 3]).to_vec::<i32>(), [1, 1, 1, 2, 2, 2]);
    /// ```
    #[doc(alias = "expand")]
    fn broadcast_to, try_broadcast_to(self, shape: impl Ints) -> Array {
        let shape = sizes_of("broadcast_to", shape)?;
        let fits = shape.len() >= self.ndim()
            && self.shape().iter().rev().zip(shape.iter().rev()).all(|(n, to)| *n == 1 || n == to);
        if !fits {
            return Err(err!(
                Shape,
                "broadcast_to: expected a shape that {} stretches to, got {shape:?}",
                self.aval()
            ));
        }
        let new = shape.len() - self.ndim();
        lax::try_broadcast_in_dim(self, &shape, &(new..shape.len()).collect::<Shape>())
    }

    /// With axes of size 1 put in, so that they stand at `axes` of the result.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].expand_dims(-1).shape(), [3, 1]);
    /// ```
    #[doc(alias("unsqueeze", "newaxis"))]
    fn expand_dims, try_expand_dims(self, axes: impl Ints) -> Array {
        let axes = axes.ints();
        let rank = self.ndim() + axes.len();
        let mut found = Shape::new();
        for &axis in &axes {
            let Some(a) = axis_below(axis, rank) else {
                return Err(err!(
                    Axis,
                    "expand_dims: axis {axis} is out of range for the result of {}, which has \
                     {axes}",
                    self.aval(),
                    axes = plural(rank, "axis")
                ));
            };
            if found.contains(&a) {
                let x = self.aval();
                return Err(err!(Axis, "expand_dims: axis {axis} of {x} is given twice"));
            }
            found.push(a);
        }
        lax::try_expand_dims(self, &found)
    }

    /// Without these axes, which have size 1; `()` drops all of size 1.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(zeros([1, 3, 1]).squeeze(0).shape(), [3, 1]);
    /// assert_eq!(zeros([1, 3, 1]).squeeze(()).shape(), [3]);
    /// ```
    fn squeeze, try_squeeze(self, axes: impl Ints) -> Array {
        let axes = axes.ints();
        if axes.is_empty() {
            let ones = (0..self.ndim()).filter(|a| self.shape()[*a] == 1);
            return lax::try_squeeze(self, &ones.collect::<Shape>());
        }
        lax::try_squeeze(self, &axes_of("squeeze", &axes[..], &self.aval())?)
    }

    /// All elements in row-major order as a vector.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].ravel().shape(), [4]);
    /// ```
    #[doc(alias = "flatten")]
    fn ravel, try_ravel(self) -> Array {
        lax::try_reshape(self, &[self.size()])
    }

    /// Read backwards along these axes; `()` for all.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].flip(0).to_vec::<i32>(), [3, 2, 1]);
    /// ```
    #[doc(alias = "reverse")]
    fn flip, try_flip(self, axes: impl Ints) -> Array {
        let mut axes = axes_of("flip", axes, &self.aval())?;
        if axes.is_empty() {
            axes = (0..self.ndim()).collect();
        }
        lax::try_rev(self, &axes)
    }

    /// Surrounded by `value`: per axis so many elements before and after (negative numbers cut
    /// off).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].pad([(1, 2)], 0).to_vec::<i32>(), [0, 1, 2, 0, 0]);
    /// ```
    fn pad, try_pad(self, widths: impl AsRef<[(isize, isize)]>, value: impl Operand) -> Array {
        let config: Vec<lax::Padding> =
            widths.as_ref().iter().map(|(lo, hi)| (*lo as i64, *hi as i64, 0)).collect();
        let both = promoted("pad", &[self, &value], false)?;
        lax::try_pad(&both[0], &both[1], &config)
    }
}

/// Sizes with the one that is -1 worked out.
fn inferred(x: &Array, sizes: &[i64]) -> Result<Shape, Error> {
    let unknown: Vec<usize> = (0..sizes.len()).filter(|i| sizes[*i] == -1).collect();
    let wrong = || {
        let aval = x.aval();
        err!(
            Shape,
            "reshape: expected sizes for the {elements} of {aval}, got {sizes:?}",
            elements = plural(x.size(), "element")
        )
    };
    match unknown[..] {
        [] => sizes_of("reshape", sizes),
        [at] => {
            let mut sizes = sizes.to_vec();
            sizes[at] = 1;
            let known = sizes_of("reshape", &sizes)?;
            let rest = known.iter().fold(1usize, |all, n| all.saturating_mul(*n));
            if rest == 0 || !x.size().is_multiple_of(rest) {
                return Err(wrong());
            }
            let mut shape = known;
            shape[at] = x.size() / rest;
            Ok(shape)
        }
        _ => Err(err!(Shape, "reshape: expected at most one size of -1, got {sizes:?}")),
    }
}
