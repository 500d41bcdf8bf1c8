//! Sorting and picking: sort, argsort, take, take_along_axis.

use super::axes::axis_of;
use super::fallible::methods;
use super::index::wrapped;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::lax::{self, GatherDims, Mode};
use cotangent_jit::{Error, err};
use smallvec::smallvec;

methods! {
    /// Sorted along an axis, NaN last.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3, 1, 2].sort(-1).to_vec::<i32>(), [1, 2, 3]);
    /// ```
    fn sort, try_sort(self, axis: isize) -> Array {
        lax::try_sort(self, axis_of("sort", axis as i64, &self.aval())?)
    }

    /// The indices (i32) that sort along an axis; equal elements keep their order, NaN comes last.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3, 1, 2].argsort(-1).to_vec::<i32>(), [1, 2, 0]);
    /// ```
    fn argsort, try_argsort(self, axis: isize) -> Array {
        lax::try_argsort(self, axis_of("argsort", axis as i64, &self.aval())?)
    }

    /// The entries at `indices` along an axis, which is replaced by the axes of `indices`.
    ///
    /// Negative indices count from the end; out of range gives NaN, the least int, or the greatest unsigned int.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![10, 20, 30].take(&array![2, 0, -1], 0).to_vec::<i32>(), [30, 10, 30]);
    /// ```
    fn take, try_take(self, indices: &Array, axis: isize) -> Array {
        let axis = axis_of("take", axis as i64, &self.aval())?;
        take_in("take", self, indices, axis, Mode::fill(self.dtype()))
    }

    /// Elements picked along an axis: `out[.., i, ..] = self[.., indices[.., i, ..], ..]`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (x, i) = (array![[1, 2], [3, 4]], array![[1], [0]]);
    /// assert_eq!(x.take_along_axis(&i, 1).to_vec::<i32>(), [2, 3]);
    /// ```
    fn take_along_axis, try_take_along_axis(self, indices: &Array, axis: isize) -> Array {
        let axis = axis_of("take_along_axis", axis as i64, &self.aval())?;
        let indices = wrapped("take_along_axis", indices, self.shape()[axis])?;
        lax::try_take_along_axis(self, &indices, axis, Mode::fill(self.dtype()))
    }
}

/// The entries at `indices` along one axis.
pub(super) fn take_in(
    op: &str,
    x: &Array,
    indices: &Array,
    axis: usize,
    mode: Mode,
) -> Result<Array, Error> {
    let n = x.shape()[axis];
    if n == 0 && indices.size() > 0 {
        return Err(err!(Axis, "{op}: axis {axis} of {} has no entries", x.aval()));
    }
    if indices.size() == 0 {
        let mut shape = x.to_shape();
        shape.splice_in(axis, indices.shape());
        return lax::try_full(&shape, cotangent_jit::Scalar::zero(x.dtype()));
    }
    let (dims, sizes) = rows(x, indices.ndim(), axis);
    let vectors = lax::try_expand_dims(&wrapped(op, indices, n)?, &[indices.ndim()])?;
    lax::try_gather(x, &vectors, &dims, &sizes, mode)
}

/// Dimension numbers and sizes of windows that are whole but for one entry along `axis`, at indices of rank `rank`.
pub(super) fn rows(x: &Array, rank: usize, axis: usize) -> (GatherDims, Shape) {
    let dims = GatherDims {
        offset_dims: (0..axis).chain(axis + rank..x.ndim() - 1 + rank).collect(),
        collapsed_slice_dims: smallvec![axis],
        start_index_map: smallvec![axis],
        ..GatherDims::default()
    };
    let mut sizes = x.to_shape();
    sizes[axis] = 1;
    (dims, sizes)
}

trait SpliceIn {
    fn splice_in(&mut self, axis: usize, sizes: &[usize]);
}

impl SpliceIn for Shape {
    /// Axis `axis` replaced by these.
    fn splice_in(&mut self, axis: usize, sizes: &[usize]) {
        self.remove(axis);
        self.insert_many(axis, sizes.iter().copied());
    }
}
