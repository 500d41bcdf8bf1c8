//! Samples: quantiles and medians, covariances, weighted means, counts in bins.

use super::axes::{Ints, axes_of, axis_of};
use super::compare::truth;
use super::fallible::methods;
use super::math::float;
use super::numbers::expect_real;
use super::order::take_in;
use crate::core::array::Array;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::array::number::Number;
use crate::prims::lax::{self, Mode};
use crate::prims::rules::numbers::{number, place_dtype};
use cotangent_jit::{Error, Scalar, err};

methods! {
    //! # Statistics, histograms

    /// The value below which the share `q` of all elements lies, between neighbours linearly; NaN
    /// if there is one.
    ///
    /// `q` is a number or a vector of them, whose axis then comes first. With the elements sorted
    /// and `t = q (n - 1)`: `x[⌊t⌋] (1 - (t - ⌊t⌋)) + x[⌈t⌉] (t - ⌊t⌋)`. Real dtypes; ints as
    /// floats.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3.0, 1.0, 2.0, 5.0].quantile(0.5).item::<f32>(), 2.5);
    /// assert_eq!(array![3, 1, 2].quantile(array![0.0, 1.0]).to_vec::<f32>(), [1.0, 3.0]);
    /// ```
    fn quantile, try_quantile(self, q: impl Operand) -> Array {
        quantiles("quantile", &self.try_ravel()?, &q, 0)
    }

    /// [`Array::quantile`] along an axis, which is taken away.
    fn quantile_axis, try_quantile_axis(self, q: impl Operand, axis: isize) -> Array {
        quantiles("quantile", self, &q, axis_of("quantile", axis as i64, &self.aval())?)
    }

    /// [`Array::quantile`] with `q` in hundredths.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3.0, 1.0, 2.0].percentile(25).item::<f32>(), 1.5);
    /// ```
    fn percentile, try_percentile(self, q: impl Operand) -> Array {
        percentiles(&self.try_ravel()?, &q, 0)
    }

    /// [`Array::percentile`] along an axis, which is taken away.
    fn percentile_axis, try_percentile_axis(self, q: impl Operand, axis: isize) -> Array {
        percentiles(self, &q, axis_of("percentile", axis as i64, &self.aval())?)
    }

    /// The middle of all elements, of two middle ones their mean; NaN if there is one. Ints as
    /// floats.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3.0, 1.0, 2.0, 9.0].median().item::<f32>(), 2.5);
    /// ```
    fn median, try_median(self) -> Array { middle(&self.try_ravel()?, 0) }

    /// [`Array::median`] along an axis, which is taken away.
    fn median_axis, try_median_axis(self, axis: isize) -> Array {
        middle(self, axis_of("median", axis as i64, &self.aval())?)
    }

    /// The covariance matrix of variables in rows (of one variable, a vector: its variance), over
    /// `n - 1`.
    ///
    /// `c[i, j] = ∑ₖ (x[i, k] - x̄[i]) conj(x[j, k] - x̄[j]) / (n - 1)`
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]];
    /// assert_eq!(x.cov().to_vec::<f32>(), [1.0, -1.0, -1.0, 1.0]);
    /// ```
    fn cov, try_cov(self) -> Array { covariance("cov", self) }

    /// The correlations of variables in rows: the covariances over the square roots of the
    /// variances.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]];
    /// assert_eq!(x.corrcoef().to_vec::<f32>(), [1.0, -1.0, -1.0, 1.0]);
    /// ```
    fn corrcoef, try_corrcoef(self) -> Array {
        let c = covariance("corrcoef", self)?;
        if c.ndim() == 0 {
            return lax::try_div(&c, &c);
        }
        let spread = c.try_diag(0)?.try_real()?.try_sqrt()?;
        let c = (&c / spread.try_expand_dims(1)?) / spread;
        if c.dtype().is_complex() {
            let part = |x: Array| x.try_clip(-1.0, 1.0);
            return lax::try_complex(&part(c.try_real()?)?, &part(c.try_imag()?)?);
        }
        c.try_clip(-1.0, 1.0)
    }

    /// The mean of all elements with these weights, which have the array's shape: `∑ w x / ∑ w`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, 5.0].average(&array![3.0, 1.0]).item::<f32>(), 2.0);
    /// ```
    fn average, try_average(self, weights: impl Operand) -> Array {
        let weights = &weights.to_array();
        if weights.shape() != self.shape() {
            return Err(err!(
                Shape,
                "average: expected weights of the shape of {}, got {}",
                self.aval(),
                weights.aval()
            ));
        }
        let both = promoted("average", &[self, weights], true)?;
        lax::try_div(&(&both[0] * &both[1]).try_sum()?, &both[1].try_sum()?)
    }

    /// The greatest element less the least one.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3, 9, 4].ptp().item::<i32>(), 6);
    /// ```
    fn ptp, try_ptp(self) -> Array { lax::try_sub(&self.try_max()?, &self.try_min()?) }

    /// [`Array::ptp`] over these axes, which are taken away.
    fn ptp_axis, try_ptp_axis(self, axes: impl Ints) -> Array {
        let axes = axes_of("ptp", axes, &self.aval())?;
        lax::try_sub(&self.try_max_axis(&axes)?, &self.try_min_axis(&axes)?)
    }

    /// How many elements are not zero (i32).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![0, 7, 7].count_nonzero().item::<i32>(), 2);
    /// ```
    fn count_nonzero, try_count_nonzero(self) -> Array { truth(self)?.try_sum() }

    /// [`Array::count_nonzero`] over these axes, which are taken away.
    fn count_nonzero_axis, try_count_nonzero_axis(self, axes: impl Ints) -> Array {
        truth(self)?.try_sum_axis(axes)
    }

    /// How often each of the ints `0..length` occurs (i32); negative ones count as 0, greater ones
    /// are dropped.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 2, 9].bincount(4).to_vec::<i32>(), [0, 1, 2, 0]);
    /// ```
    #[doc(alias = "histc")]
    fn bincount, try_bincount(self, length: usize) -> Array {
        binned(self, &lax::try_full(self.shape(), 1i32.into())?, length)
    }

    /// [`Array::bincount`] with a weight for each element, in the dtype of the weights.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1, 2, 2].bincount_weighted(&array![0.5, 1.0, 2.0], 3);
    /// assert_eq!(x.to_vec::<f32>(), [0.0, 0.5, 3.0]);
    /// ```
    fn bincount_weighted, try_bincount_weighted(
        self, weights: impl Operand, length: usize,
    ) -> Array {
        let weights = &weights.to_array();
        binned(self, weights, length)
    }

    /// In which of the bins between these edges elements lie (i32): `i` with
    /// `edges[i - 1] ≤ x < edges[i]`, or with `edges[i - 1] < x ≤ edges[i]` if `right`. Edges rise
    /// or fall; of falling ones `i` is the same seen from the other end.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let edges = array![0.0, 1.0, 2.0];
    /// assert_eq!(array![0.5, 1.0, 7.0].digitize(&edges, false).to_vec::<i32>(), [1, 2, 3]);
    /// ```
    #[doc(alias = "bucketize")]
    fn digitize, try_digitize(self, edges: impl Operand, right: bool) -> Array {
        let edges = &edges.to_array();
        let n = edges.size();
        if n == 0 || edges.ndim() != 1 {
            return Err(err!(Shape, "digitize: expected a vector of edges, got {}", edges.aval()));
        }
        let find = |edges: &Array| match right {
            true => edges.try_searchsorted(self),
            false => edges.try_searchsorted_right(self),
        };
        let ends = [edges.try_index(-1)?, edges.try_index(0)?];
        let found = find(&edges.try_flip(0)?)?;
        let all = Scalar::from_bits(found.dtype(), n as u128);
        let falling = lax::try_sub(&Array::strong_literal(all), &found)?;
        ends[0].try_ge(&ends[1])?.try_select(find(edges)?, falling)
    }

    /// How many elements lie between each two of these rising edges (as floats), the last one
    /// included.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![0.5, 1.0, 2.0, 7.0];
    /// assert_eq!(x.histogram_between(&array![0.0, 1.0, 2.0]).to_vec::<f32>(), [1.0, 2.0]);
    /// ```
    fn histogram_between, try_histogram_between(self, edges: impl Operand) -> Array {
        let edges = &edges.to_array();
        let both = promoted("histogram", &[&self.try_ravel()?, edges], true)?;
        let (x, edges) = (&both[0], &both[1]);
        let n = edges.size();
        if n < 2 || edges.ndim() != 1 {
            return Err(err!(Shape, "histogram: expected a vector of edges, got {}", edges.aval()));
        }
        let bin = edges.try_searchsorted_right(x)?;
        let bin = x.try_eq(edges.try_index(-1)?)?.try_select(n as i64 - 1, bin)?;
        let counts = binned(&bin, &lax::try_full(x.shape(), Scalar::one(x.dtype()))?, n)?;
        counts.try_index(1..)
    }

    /// How many elements lie in each of so many bins of one width from the least to the greatest,
    /// and the edges.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (counts, edges) = array![0.0, 1.0, 1.5, 2.0].histogram(2);
    /// assert_eq!(counts.to_vec::<f32>(), [1.0, 3.0]);
    /// assert_eq!(edges.to_vec::<f32>(), [0.0, 1.0, 2.0]);
    /// ```
    fn histogram, try_histogram(self, bins: usize) -> (Array, Array) {
        if bins == 0 {
            return Err(err!(Value, "histogram: expected at least one bin, got 0"));
        }
        expect_real("histogram", self)?;
        let x = float(&self.try_ravel()?)?;
        let like = |v: f64| number(v, x.dtype());
        let (low, high) = match x.size() {
            0 => (like(0.0), like(1.0)),
            _ => (x.try_min()?, x.try_max()?),
        };
        let same = low.try_eq(&high)?;
        let (low, high) =
            (same.try_select(&low - 0.5, &low)?, same.try_select(&high + 0.5, &high)?);
        let share = lax::try_iota(x.dtype(), &[bins], 0)? / bins as f64;
        let edges = &low * (1.0 - &share) + &high * share;
        let last = lax::try_reshape(&high, &[1])?;
        let edges = lax::try_concatenate(&[edges, last], 0)?;
        Ok((x.try_histogram_between(&edges)?, edges))
    }
}

/// Weights summed where their ints say.
fn binned(x: &Array, weights: &Array, length: usize) -> Result<Array, Error> {
    if x.shape() != weights.shape() || x.ndim() != 1 || !x.dtype().is_int() {
        return Err(err!(
            Shape,
            "bincount: expected a vector of ints and as many weights, got {} and {}",
            x.aval(),
            weights.aval()
        ));
    }
    let none = lax::try_full(&[length], Scalar::zero(weights.dtype()))?;
    none.at(x.try_maximum(0)?).try_add(weights)
}

fn percentiles(x: &Array, q: &dyn Operand, axis: usize) -> Result<Array, Error> {
    match q.number().and_then(real) {
        Some(v) => quantiles("percentile", x, &(share("percentile", v, 100.0)? / 100.0), axis),
        None => quantiles("percentile", x, &(q.to_array() / 100.0), axis),
    }
}

/// A real number.
fn real(q: Number) -> Option<f64> {
    match q {
        Number::Float(v) => Some(v),
        q => q.int().map(|i| i as f64),
    }
}

/// A share of the whole, which is `most`, or an error. JAX moves it into range; NumPy refuses it,
/// too.
fn share(op: &str, q: f64, most: f64) -> Result<f64, Error> {
    if (0.0..=most).contains(&q) {
        return Ok(q);
    }
    Err(err!(Value, "{op}: expected numbers from 0 to {most:?}, got {q:?}"))
}

/// Sorted floats along an axis that has elements, and where NaN is among them.
fn ordered(op: &str, x: &Array, axis: usize) -> Result<(Array, Array), Error> {
    let n = x.shape()[axis];
    if n == 0 || x.dtype().is_complex() {
        let got = x.aval();
        return Err(err!(Shape, "{op}: expected real elements along axis {axis}, got {got}"));
    }
    let sorted = lax::try_sort(x, axis)?;
    // NaN is last.
    let nan = at(&sorted, n - 1, axis)?.try_is_nan()?;
    Ok((sorted, nan))
}

fn at(x: &Array, i: usize, axis: usize) -> Result<Array, Error> {
    lax::try_squeeze(&lax::try_slice_in_dim(x, i, i + 1, axis)?, &[axis])
}

fn quantiles(op: &str, x: &Array, q: &dyn Operand, axis: usize) -> Result<Array, Error> {
    let known = q.number().and_then(real);
    if let Some(q) = known {
        share(op, q, 1.0)?;
    }
    let both = promoted(op, &[x, q], true)?;
    let (x, q) = (&both[0], &both[1]);
    if q.ndim() > 1 {
        return Err(err!(Shape, "{op}: expected a number or a vector of them, got {}", q.aval()));
    }
    let (sorted, nan) = ordered(op, x, axis)?;
    let q = &match known {
        Some(_) => q.clone(),
        // A computed share beyond the whole names no element. JAX moves it into range, where it
        // looks like another one.
        None => q.try_ge(0.0)?.try_logical_and(&q.try_le(1.0)?)?.try_select(q, f64::NAN)?,
    };
    let places = x.shape()[axis];
    let place = q * (places - 1) as f64;
    let below = place.try_floor()?;
    let mut weight = &place - &below;
    let pick = |i: Array| -> Result<Array, Error> {
        let i = i.try_astype(place_dtype(places))?;
        let part = take_in(op, &sorted, &i, axis, Mode::Clip)?;
        if q.ndim() == 0 { Ok(part) } else { part.try_moveaxis(axis as isize, 0) }
    };
    let (low, high) = (pick(below)?, pick(place.try_ceil()?)?);
    if q.ndim() == 1 {
        let mut shape = vec![1; low.ndim()];
        shape[0] = q.size();
        weight = lax::try_reshape(&weight, &shape)?;
    }
    nan.try_select(f64::NAN, low * (1.0 - &weight) + high * weight)
}

fn middle(x: &Array, axis: usize) -> Result<Array, Error> {
    let x = float(x)?;
    let n = x.shape()[axis];
    let (sorted, nan) = ordered("median", &x, axis)?;
    let both = at(&sorted, (n - 1) / 2, axis)? + at(&sorted, n / 2, axis)?;
    nan.try_select(f64::NAN, both * 0.5)
}

fn covariance(op: &str, x: &Array) -> Result<Array, Error> {
    let x = float(x)?;
    if x.ndim() > 2 {
        let got = x.aval();
        return Err(err!(Shape, "{op}: expected variables in rows, got {got}"));
    }
    let rows = x.try_atleast_2d()?;
    let centred = &rows - rows.try_mean_keepdims(1)?;
    let products = centred.try_matmul(&centred.try_conj()?.try_t()?)?;
    let c = products / (rows.shape()[1] as f64 - 1.0);
    if c.shape()[0] == 1 { lax::try_reshape(&c, &[]) } else { Ok(c) }
}
