//! Reductions by groups: entries with the same segment id are summed, multiplied and so on, as in
//! `jax.ops`.

use super::compare::truth;
use super::fallible::functions;
use super::finfo::iinfo;
use super::math::float;
use crate::api::control::{AssociativeScanOptions, try_associative_scan};
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::array::literal::Operand;
use crate::prims::array::operators::counted;
use crate::prims::lax;
use crate::prims::rules::numbers::{holds, number, place_dtype};
use cotangent_jit::{DType, Error, Scalar, err};

functions! {
    /// Sums of the entries of each segment: `out[s] = ∑ data[i]` over `i` with
    /// `segment_ids[i] = s`.
    ///
    /// `data` is `[n, ..]`, `segment_ids` ints `[n]` in any order, the result `[num_segments, ..]`
    /// in the dtype of the data (of bools i32). Entries whose id is negative or not below
    /// `num_segments` are dropped; a segment without entries is 0.
    ///
    /// Derivative: the same sums of the tangent. It is an error if the ids are not one int for each
    /// entry.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let sums = segment_sum(array![1.0, 2.0, 4.0], array![0, 2, 0], 3);
    /// assert_eq!(sums.to_vec::<f32>(), [5.0, 0.0, 2.0]);
    /// ```
    #[doc(alias = "groupby")]
    #[doc(alias = "scatter_add")]
    fn segment_sum, try_segment_sum(
        data: impl Operand, segment_ids: impl Operand, num_segments: usize,
    ) -> Array {
        let s = Segments::new("segment_sum", &data, &segment_ids, num_segments)?;
        let data = counted(&s.data)?;
        s.base(Scalar::zero(data.dtype()))?.at(&s.ids).try_add(&data)
    }

    /// Products of the entries of each segment; 1 for a segment without entries. Otherwise as
    /// [`segment_sum`].
    ///
    /// The derivative is that of the product, at zeros too, in both modes and to any order.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let products = segment_prod(array![3.0, 2.0, 4.0], array![0, 2, 0], 3);
    /// assert_eq!(products.to_vec::<f32>(), [12.0, 1.0, 2.0]);
    /// ```
    fn segment_prod, try_segment_prod(
        data: impl Operand, segment_ids: impl Operand, num_segments: usize,
    ) -> Array {
        let s = Segments::new("segment_prod", &data, &segment_ids, num_segments)?;
        let data = counted(&s.data)?;
        if data.dtype().is_inexact() {
            return s.products(&data);
        }
        s.base(Scalar::one(data.dtype()))?.at(&s.ids).try_multiply(&data)
    }

    /// The greatest of the entries of each segment, NaN if one of them is. A segment without
    /// entries is `-inf`, of ints the least int, of bools false. Otherwise as [`segment_sum`].
    ///
    /// Derivative: the tangent of the greatest entry; where several are, they share it.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let greatest = segment_max(array![1.0, 2.0, 4.0], array![0, 2, 0], 3);
    /// assert_eq!(greatest.to_vec::<f32>(), [4.0, f32::NEG_INFINITY, 2.0]);
    /// ```
    fn segment_max, try_segment_max(
        data: impl Operand, segment_ids: impl Operand, num_segments: usize,
    ) -> Array {
        let s = Segments::new("segment_max", &data, &segment_ids, num_segments)?;
        s.extremes("segment_max", false)
    }

    /// The least of the entries of each segment, NaN if one of them is. A segment without entries
    /// is `inf`, of ints the greatest int, of bools true. Otherwise as [`segment_max`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let least = segment_min(array![1, 2, 4], array![0, 2, 0], 3);
    /// assert_eq!(least.to_vec::<i32>(), [1, i32::MAX, 2]);
    /// ```
    fn segment_min, try_segment_min(
        data: impl Operand, segment_ids: impl Operand, num_segments: usize,
    ) -> Array {
        let s = Segments::new("segment_min", &data, &segment_ids, num_segments)?;
        s.extremes("segment_min", true)
    }

    /// Means of the entries of each segment, of ints in f32; NaN for a segment without entries.
    /// Otherwise as [`segment_sum`].
    ///
    /// Derivative: the same means of the tangent.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let means = segment_mean(array![1.0, 2.0, 4.0], array![0, 1, 0], 2);
    /// assert_eq!(means.to_vec::<f32>(), [2.5, 2.0]);
    /// ```
    #[doc(alias = "scatter_mean")]
    fn segment_mean, try_segment_mean(
        data: impl Operand, segment_ids: impl Operand, num_segments: usize,
    ) -> Array {
        let s = Segments::new("segment_mean", &data, &segment_ids, num_segments)?;
        let data = float(&s.data)?;
        let dtype = data.dtype();
        let wide = if dtype.is_narrow() { DType::F32 } else { dtype };
        let data = lax::try_convert_element_type(&data, wide)?;
        let sums = s.base(Scalar::zero(wide))?.at(&s.ids).try_add(&data)?;
        let counts = lax::try_convert_element_type(&s.counts()?, wide)?;
        lax::try_convert_element_type(&lax::try_div(&sums, &counts)?, dtype)
    }
}

/// Entries and the segments that they belong to.
struct Segments {
    data: Array,
    /// i32 or i64; those that are out of range are the number of segments.
    ids: Array,
    count: usize,
}

impl Segments {
    fn new(
        op: &str,
        data: &dyn Operand,
        ids: &dyn Operand,
        count: usize,
    ) -> Result<Segments, Error> {
        let (data, ids) = (data.to_array(), ids.to_array());
        let one_each = ids.ndim() == 1 && data.shape().first() == ids.shape().first();
        if !ids.dtype().is_int() {
            return Err(err!(
                DType,
                "{op}: expected ints as segment ids, got {}; convert them with astype",
                ids.aval()
            ));
        }
        if !one_each {
            return Err(err!(
                Shape,
                "{op}: expected data [n, ..] and segment ids [n], got {} and {}; map over more \
                 axes with vmap",
                data.aval(),
                ids.aval()
            ));
        }
        // An id of u64 beyond i64 becomes negative, which is out of range, too.
        let wide = !holds(DType::I32, count as i128)
            || ids.dtype().bits() > 32
            || ids.dtype() == DType::U32;
        let dtype = if wide { DType::I64 } else { DType::I32 };
        let ids = lax::try_convert_element_type(&ids, dtype)?;
        let beyond = Array::strong_literal(Scalar::from_bits(dtype, count as u128));
        let inside = ids.try_ge(0)?.try_logical_and(&lax::try_lt(
            &ids,
            &lax::try_broadcast_in_dim(&beyond, ids.shape(), &[])?,
        )?)?;
        let ids = inside.try_select(&ids, &beyond)?;
        let data = lax::try_convert_element_type(&data, data.dtype())?;
        Ok(Segments { data, ids, count })
    }

    /// Segments that all have this value.
    fn base(&self, value: Scalar) -> Result<Array, Error> {
        let rest = self.data.shape()[1..].iter().copied();
        lax::try_full(&[self.count].into_iter().chain(rest).collect::<Shape>(), value)
    }

    /// How many entries each segment has, in a shape that broadcasts to the result.
    fn counts(&self) -> Result<Array, Error> {
        let dtype = place_dtype(self.data.shape()[0]);
        let none = lax::try_full(&[self.count], Scalar::zero(dtype))?;
        let ones = lax::try_full(self.ids.shape(), Scalar::one(dtype))?;
        self.beside(&none.at(&self.ids).try_add(&ones)?)
    }

    /// A vector along the first axis of the data, with an axis of size 1 for each further one.
    fn beside(&self, vector: &Array) -> Result<Array, Error> {
        let further = std::iter::repeat_n(1, self.data.ndim() - 1);
        let shape: Shape = [vector.size()].into_iter().chain(further).collect();
        lax::try_reshape(vector, &shape)
    }

    fn extremes(&self, op: &str, least: bool) -> Result<Array, Error> {
        let x = &self.data;
        let d = x.dtype();
        if d.is_complex() {
            return Err(err!(
                DType,
                "{op}: expected real numbers, got {}; take real(x), imag(x) or abs(x)",
                x.aval()
            ));
        }
        if d.is_bool() {
            // As counts of what holds, or of what does not.
            let held = if least { lax::try_not(x)? } else { x.clone() };
            let counts = Segments { data: counted(&held)?, ids: self.ids.clone(), ..*self };
            let sums =
                counts.base(Scalar::zero(DType::I32))?.at(&self.ids).try_max(&counts.data)?;
            let any = truth(&sums)?;
            return if least { lax::try_not(&any) } else { Ok(any) };
        }
        let empty = match iinfo(d) {
            Some(info) if least => Scalar::from_bits(d, info.max.into()),
            Some(info) => Scalar::from_bits(d, i128::from(info.min) as u128),
            None => {
                let end = if least { f64::INFINITY } else { f64::NEG_INFINITY };
                Scalar::from_f64(d, end).expect("a float dtype")
            }
        };
        let part = self.base(empty)?;
        match least {
            true => part.at(&self.ids).try_min(x),
            false => part.at(&self.ids).try_max(x),
        }
    }

    /// Products in a form that has a derivative: entries sorted by segment, running products that
    /// begin anew at each segment, and of those the last of each.
    fn products(&self, data: &Array) -> Result<Array, Error> {
        let (one, n) = (number(1.0, data.dtype()), data.shape()[0]);
        if n == 0 {
            return self.base(Scalar::one(data.dtype()));
        }
        let order = lax::try_argsort(&self.ids, 0)?;
        let (ids, data) = (self.ids.try_take(&order, 0)?, data.try_take(&order, 0)?);
        let before = lax::try_slice_in_dim(&ids, 0, n - 1, 0)?;
        let after = lax::try_slice_in_dim(&ids, 1, n, 0)?;
        let first = Array::strong_literal(true.into()).try_broadcast_to([1])?;
        let begins = lax::try_concatenate(&[first, lax::try_ne(&before, &after)?], 0)?;
        let combine = |(p, x): (Array, Array), (q, y): (Array, Array)| {
            // Left out before the product, so that nothing of another segment has an influence on
            // the derivative.
            let x = self.beside(&q).expect("a vector").select(&one, x);
            (p.logical_or(&q), x * y)
        };
        let (_, running) =
            try_associative_scan(combine, (begins, data), AssociativeScanOptions::default())?;
        let segments = lax::try_iota(ids.dtype(), &[self.count], 0)?;
        let ends = ids.try_searchsorted_right(&segments)?;
        let last = lax::try_sub(&ends, &number(1.0, ends.dtype()))?.try_maximum(0)?;
        let empty = lax::try_eq(&ends, &ids.try_searchsorted(&segments)?)?;
        self.beside(&empty)?.try_select(&one, running.try_take(&last, 0)?)
    }
}
