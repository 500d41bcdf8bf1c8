//! Joining and splitting: concatenate, stack, split, tile, repeat, roll.

use super::axes::{Ints, axis_below, axis_of, sizes_of};
use super::fallible::{functions, methods};
use super::list::{ArrayList, fixed};
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax;
use cotangent_jit::{Error, err, plural};

functions! {
    /// The arrays one after another along an existing axis, in the dtype in which they meet; their
    /// other axes agree.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (x, y) = (array![1, 2], array![3]);
    /// assert_eq!(concatenate([&x, &y], 0).to_vec::<i32>(), [1, 2, 3]);
    /// ```
    #[doc(alias("cat", "concat", "append"))]
    fn concatenate, try_concatenate(arrays: impl ArrayList, axis: isize) -> Array {
        let arrays = arrays.to_arrays();
        let Some(first) = arrays.first() else {
            return Err(err!(Shape, "concatenate: expected at least one array, got none"));
        };
        let axis = axis_of("concatenate", axis as i64, &first.aval())?;
        lax::try_concatenate(&alike("concatenate", &arrays)?, axis)
    }

    /// Arrays of one shape along a new axis, in the dtype in which they meet.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(stack([array![1, 2], array![3, 4]], -1).to_vec::<i32>(), [1, 3, 2, 4]);
    /// ```
    fn stack, try_stack(arrays: impl ArrayList, axis: isize) -> Array {
        let arrays = arrays.to_arrays();
        let Some(first) = arrays.first() else {
            return Err(err!(Shape, "stack: expected at least one array, got none"));
        };
        if let Some(other) = arrays.iter().find(|a| a.shape() != first.shape()) {
            return Err(err!(
                Shape,
                "stack: expected arrays of one shape, got {} and {}",
                first.aval(),
                other.aval()
            ));
        }
        let at = axis_below(axis as i64, first.ndim() + 1).ok_or_else(|| {
            err!(Axis, "stack: axis {axis} is out of range for a stack of {}", first.aval())
        })?;
        let rows: Result<Vec<Array>, Error> =
            alike("stack", &arrays)?.iter().map(|a| lax::try_expand_dims(a, &[at])).collect();
        lax::try_concatenate(&rows?, at)
    }
}

/// The arrays in the dtype in which they meet.
fn alike(op: &str, arrays: &[Array]) -> Result<Vec<Array>, Error> {
    let operands: Vec<&dyn Operand> = arrays.iter().map(|a| a as &dyn Operand).collect();
    Ok(promoted(op, &operands, false)?.into_vec())
}

/// Parts of equal size along an axis of `x`.
fn equal_parts(op: &str, x: &Array, sections: usize, axis: isize) -> Result<Vec<Array>, Error> {
    let axis = axis_of(op, axis as i64, &x.aval())?;
    let n = x.shape()[axis];
    if sections == 0 || !n.is_multiple_of(sections) {
        return Err(err!(
            Shape,
            "{op}: expected a number of equal parts of axis {axis} of {}, got {sections}; \
             split_at takes positions",
            x.aval()
        ));
    }
    let size = n / sections;
    (0..sections).map(|i| lax::try_slice_in_dim(x, i * size, (i + 1) * size, axis)).collect()
}

methods! {
    //! # Split, repeat, roll

    /// `sections` parts of equal size along an axis.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let parts = array![1, 2, 3, 4].split(2, 0);
    /// assert_eq!(parts[1].to_vec::<i32>(), [3, 4]);
    /// ```
    #[doc(alias("hsplit", "vsplit", "dsplit", "chunk"))]
    fn split, try_split(self, sections: usize, axis: isize) -> Vec<Array> {
        equal_parts("split", self, sections, axis)
    }

    /// `N` parts of equal size along an axis, `N` being the number of names that they are given:
    /// of `[3 n]` along axis 0 the parts `[..n]`, `[n..2 n]`, `[2 n..]`.
    ///
    /// Any dtype. Linear: the derivatives are the parts of `dx`, and their cotangents are joined.
    /// Errors if there is no such axis, or if `N` does not divide its size ([`Array::split_at`]
    /// gives parts of different sizes).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let qkv = arange(6).reshape([1, 6]);
    /// let [q, k, v] = qkv.split_into(-1);
    /// assert_eq!((q, k, v), (array![[0, 1]], array![[2, 3]], array![[4, 5]]));
    /// ```
    #[doc(alias("chunk", "hsplit", "vsplit", "array_split"))]
    fn split_into, try_split_into[const N: usize](self, axis: isize) -> [Array; N] {
        Ok(fixed(equal_parts("split_into", self, N, axis)?))
    }

    /// The `N` entries along an axis, which is gone from them: `out[i][..] = x[.., i, ..]`.
    ///
    /// Any dtype. Linear: the derivatives are the entries of `dx`, and their cotangents are
    /// stacked. Errors if there is no such axis, or if it has another size than `N`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let points = array![[1.0, 2.0], [3.0, 4.0]];
    /// let [x, y] = points.unstack(-1);
    /// assert_eq!((x, y), (array![1.0, 3.0], array![2.0, 4.0]));
    /// ```
    #[doc(alias = "unbind")]
    fn unstack, try_unstack[const N: usize](self, axis: isize) -> [Array; N] {
        let axis = axis_of("unstack", axis as i64, &self.aval())?;
        let n = self.shape()[axis];
        if n != N {
            return Err(err!(
                Shape,
                "unstack: expected {N} entries along axis {axis}, as there are names for them, \
                 got {n} of {}; split_into gives equal parts",
                self.aval()
            ));
        }
        Ok(fixed(lax::try_unstack(self, axis)?))
    }

    /// The parts between these positions along an axis: of `[2, 3]` the parts `..2`, `2..3` and
    /// `3..`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let sizes: Vec<usize> =
    ///     array![1, 2, 3, 4].split_at([1], 0).iter().map(Array::size).collect();
    /// assert_eq!(sizes, [1, 3]);
    /// ```
    #[doc(alias("array_split", "tensor_split", "split_with_sizes"))]
    fn split_at, try_split_at(self, positions: impl Ints, axis: isize) -> Vec<Array> {
        let axis = axis_of("split_at", axis as i64, &self.aval())?;
        let n = self.shape()[axis];
        let mut ends: Shape =
            sizes_of("split_at", positions)?.into_iter().map(|p| p.min(n)).collect();
        ends.push(n);
        let mut start = 0;
        let part = |end: usize| {
            let from = start.min(end);
            start = end;
            lax::try_slice_in_dim(self, from, end, axis)
        };
        ends.into_iter().map(part).collect()
    }

    /// The whole repeated so often along each axis; aligned at the last one.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].tile([2, 2]).to_vec::<i32>(), [1, 2, 1, 2, 1, 2, 1, 2]);
    /// ```
    fn tile, try_tile(self, times: impl Ints) -> Array {
        let mut times = sizes_of("tile", times)?;
        let rank = times.len().max(self.ndim());
        let mut shape = self.to_shape();
        while shape.len() < rank {
            shape.insert(0, 1);
        }
        while times.len() < rank {
            times.insert(0, 1);
        }
        let pairs = || times.iter().zip(&shape);
        let wide: Shape = pairs().flat_map(|(t, n)| [*t, *n]).collect();
        let kept: Shape = (0..rank).map(|a| 2 * a + 1).collect();
        let repeated = lax::try_broadcast_in_dim(&lax::try_reshape(self, &shape)?, &wide, &kept)?;
        lax::try_reshape(&repeated, &pairs().map(|(t, n)| t * n).collect::<Shape>())
    }

    /// Each element repeated so often along an axis.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].repeat(2, 0).to_vec::<i32>(), [1, 1, 2, 2]);
    /// ```
    #[doc(alias = "repeat_interleave")]
    fn repeat, try_repeat(self, times: usize, axis: isize) -> Array {
        let axis = axis_of("repeat", axis as i64, &self.aval())?;
        let mut wide = self.to_shape();
        wide.insert(axis + 1, times);
        let kept: Shape = (0..wide.len()).filter(|a| *a != axis + 1).collect();
        let repeated = lax::try_broadcast_in_dim(self, &wide, &kept)?;
        let mut shape = self.to_shape();
        shape[axis] *= times;
        lax::try_reshape(&repeated, &shape)
    }

    /// Shifted along axes by so many places each; what leaves at the end comes back at the front.
    ///
    /// `out[.., (i + shift) mod n, ..] = self[.., i, ..]`. One shift serves several axes, and
    /// several shifts along one axis add up, as in NumPy. Linear. It is an error if there are
    /// several shifts and as many axes are not given.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].roll(1, 0).to_vec::<i32>(), [3, 1, 2]);
    /// let x = array![[0, 1, 2], [3, 4, 5]];
    /// assert_eq!(x.roll([1, -1], [0, 1]).to_vec::<i32>(), [4, 5, 3, 1, 2, 0]);
    /// ```
    fn roll, try_roll(self, shift: impl Ints, axis: impl Ints) -> Array {
        let (shifts, axes) = (shift.ints(), axis.ints());
        let pairs = match (shifts.len(), axes.len()) {
            (m, n) if m == n || m == 1 => n,
            (m, 1) => m,
            (m, n) => {
                return Err(err!(
                    Value,
                    "roll: expected one shift, or one for each of {axes}, got {m}",
                    axes = plural(n, "axis")
                ));
            }
        };
        // A list of one serves all.
        let of = |list: &[i64], k: usize| list[if list.len() == 1 { 0 } else { k }];
        let mut rolled = self.clone();
        for k in 0..pairs {
            let axis = axis_of("roll", of(&axes, k), &self.aval())?;
            rolled = rolled_along(&rolled, of(&shifts, k), axis)?;
        }
        Ok(rolled)
    }
}

fn rolled_along(x: &Array, shift: i64, axis: usize) -> Result<Array, Error> {
    let n = x.shape()[axis];
    if n == 0 {
        return Ok(x.clone());
    }
    let cut = n - shift.rem_euclid(n as i64) as usize;
    let parts = [lax::try_slice_in_dim(x, cut, n, axis)?, lax::try_slice_in_dim(x, 0, cut, axis)?];
    lax::try_concatenate(&parts, axis)
}
