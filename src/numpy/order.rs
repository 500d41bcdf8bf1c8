//! Sorting, searching and picking: sort, argsort, top_k, searchsorted, take, take_along_axis.

use super::axes::axis_of;
use super::compare::{apart, ordered};
use super::fallible::methods;
use super::picks::{Picks, wrapped};
use crate::core::array::Array;
use crate::prims::array::literal::Operand;
use crate::prims::array::literal::promoted;
use crate::prims::lax::{self, Mode};
use crate::prims::rules::numbers::place_dtype;
use cotangent_jit::{Error, Scalar, err};

methods! {
    //! # Sort, search, pick

    /// Sorted along an axis, NaN last.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3, 1, 2].sort(-1).to_vec::<i32>(), [1, 2, 3]);
    /// ```
    #[doc(alias = "msort")]
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

    /// Sorted along an axis from the greatest down, NaN first.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3, 1, 2].sort_descending(-1).to_vec::<i32>(), [3, 2, 1]);
    /// ```
    fn sort_descending, try_sort_descending(self, axis: isize) -> Array {
        let axis = axis_of("sort_descending", axis as i64, &self.aval())?;
        lax::try_rev(&lax::try_sort(self, axis)?, &[axis])
    }

    /// The indices (i32) that sort along an axis from the greatest down; equal elements keep their
    /// order, NaN comes first.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3, 1, 3].argsort_descending(-1).to_vec::<i32>(), [0, 2, 1]);
    /// ```
    fn argsort_descending, try_argsort_descending(self, axis: isize) -> Array {
        let axis = axis_of("argsort_descending", axis as i64, &self.aval())?;
        let order = lax::try_argsort(&lax::try_rev(self, &[axis])?, axis)?;
        let last = Scalar::from_i64(order.dtype(), self.shape()[axis] as i64 - 1).expect("an int");
        lax::try_sub(&Array::strong_literal(last), &lax::try_rev(&order, &[axis])?)
    }

    /// The `k` greatest elements along an axis, from the greatest down, and their indices (i32):
    /// [`lax::top_k`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (values, indices) = array![1, 3, 2].top_k(2, -1);
    /// assert_eq!((values.to_vec::<i32>(), indices.to_vec::<i32>()), (vec![3, 2], vec![1, 2]));
    /// ```
    #[doc(alias = "topk")]
    fn top_k, try_top_k(self, k: usize, axis: isize) -> (Array, Array) {
        lax::try_top_k(self, k, axis_of("top_k", axis as i64, &self.aval())?)
    }

    /// Where `values` would be put into this sorted vector so that it stays sorted, before equal
    /// elements: indices (i32, or i64 where that cannot count the vector) of the shape of `values`.
    /// NaN sorts last.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1.0, 2.0, 2.0, 4.0];
    /// assert_eq!(x.searchsorted(&array![2.0, 3.0]).to_vec::<i32>(), [1, 3]);
    /// ```
    fn searchsorted, try_searchsorted(self, values: impl Operand) -> Array {
        let values = &values.to_array();
        search(self, values, false)
    }

    /// [`Array::searchsorted`], after equal elements.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1.0, 2.0, 2.0, 4.0];
    /// assert_eq!(x.searchsorted_right(&array![2.0, 3.0]).to_vec::<i32>(), [3, 3]);
    /// ```
    fn searchsorted_right, try_searchsorted_right(self, values: impl Operand) -> Array {
        let values = &values.to_array();
        search(self, values, true)
    }

    /// The entries at `indices` along an axis, which is replaced by the axes of `indices`.
    ///
    /// Negative indices count from the end; out of range gives NaN, the least int, or the greatest
    /// unsigned int.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![10, 20, 30].take(&array![2, 0, -1], 0).to_vec::<i32>(), [30, 10, 30]);
    /// ```
    #[doc(alias("index_select", "embedding"))]
    fn take, try_take(self, indices: impl Operand, axis: isize) -> Array {
        let indices = &indices.to_array();
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
    #[doc(alias = "take_along_dim")]
    fn take_along_axis, try_take_along_axis(self, indices: impl Operand, axis: isize) -> Array {
        let indices = &indices.to_array();
        let axis = axis_of("take_along_axis", axis as i64, &self.aval())?;
        let indices = wrapped("take_along_axis", indices, self.shape()[axis])?;
        lax::try_take_along_axis(self, &indices, axis, Mode::fill(self.dtype()))
    }
}

/// Places found by halving the part of the vector in which they are, as often as it can be halved.
fn search(sorted: &Array, values: &Array, right: bool) -> Result<Array, Error> {
    let operands = match apart(sorted, values) {
        true => [sorted.clone(), values.clone()].into_iter().collect(),
        false => promoted("searchsorted", &[sorted, values], false)?,
    };
    let (sorted, values) = (&operands[0], &operands[1]);
    if sorted.ndim() != 1 {
        let got = sorted.aval();
        return Err(err!(Shape, "searchsorted: expected a sorted vector, got {got}"));
    }
    let (n, shape) = (sorted.size(), values.shape());
    // Sums of two places fit into it.
    let dtype = place_dtype(n.saturating_mul(2));
    let number = |i: usize| Scalar::from_bits(dtype, i as u128);
    let (mut low, mut high) = (lax::try_full(shape, number(0))?, lax::try_full(shape, number(n))?);
    let one = Array::strong_literal(number(1));
    for _ in 0..(usize::BITS - n.leading_zeros()) {
        let middle = lax::try_shift_right_arithmetic(&lax::try_add(&low, &high)?, &one)?;
        let x = take_in("searchsorted", sorted, &middle, 0, Mode::Clip)?;
        let after = if right {
            lax::try_not(&sorts_before(values, &x)?)?
        } else {
            sorts_before(&x, values)?
        };
        let open = lax::try_lt(&low, &high)?;
        let up = lax::try_and(&open, &after)?;
        let down = lax::try_and(&open, &lax::try_not(&after)?)?;
        low = lax::try_select_n(&up, &[&low, &lax::try_add(&middle, &one)?])?;
        high = lax::try_select_n(&down, &[&high, &middle])?;
    }
    lax::try_convert_element_type(&low, place_dtype(n))
}

/// Whether `a < b`, NaN being the greatest of all.
fn sorts_before(a: &Array, b: &Array) -> Result<Array, Error> {
    let less = ordered(a, b, lax::try_lt)?;
    if !a.dtype().is_inexact() {
        return Ok(less);
    }
    lax::try_or(&less, &lax::try_and(&lax::try_ne(b, b)?, &lax::try_eq(a, a)?)?)
}

/// The entries at `indices` along one axis.
pub(super) fn take_in(
    op: &str,
    x: &Array,
    indices: &Array,
    axis: usize,
    mode: Mode,
) -> Result<Array, Error> {
    Picks::along(op, &x.aval(), indices, axis)?.read(op, x, mode)
}
