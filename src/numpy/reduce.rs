//! Reductions as methods, each in three forms: over all axes (`x.sum()`), over some, which are
//! taken away (`x.sum_axis(-1)`, `x.sum_axis([0, 2])`), and over some, which stay with size 1
//! (`x.sum_keepdims(-1)`).

use super::axes::{Ints, axes_of, axis_of};
use super::compare::truth;
use super::fallible::methods;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::array::operators::counted;
use crate::prims::array::promotion::inexact;
use crate::prims::lax;
use crate::prims::rules::numbers::number;
use cotangent_jit::{DType, Error, err};

/// A fold over axes that are in range.
type Fold = fn(&Array, &[usize]) -> Result<Array, Error>;

pub(super) fn all_axes(x: &Array) -> Shape {
    (0..x.ndim()).collect()
}

/// The fold, with the axes back at size 1.
fn keeping(x: &Array, axes: &[usize], fold: Fold) -> Result<Array, Error> {
    lax::try_reshape(&fold(x, axes)?, &kept(x, axes))
}

/// The shape of `x` with these axes at size 1.
pub(super) fn kept(x: &Array, axes: &[usize]) -> Shape {
    let mut shape = x.to_shape();
    axes.iter().for_each(|a| shape[*a] = 1);
    shape
}

macro_rules! reductions {
    ($(#![$heading:meta])* $(
        $(#[$doc:meta])*
        $fold:path: $all:ident, $try_all:ident; $axis:ident, $try_axis:ident; $keep:ident,
            $try_keep:ident;
    )*) => {
        methods! {$(#![$heading])* $(
            $(#[$doc])*
            fn $all, $try_all(self) -> Array { strong($fold(self, &all_axes(self))?) }

            #[doc = concat!("[`Array::", stringify!($all), "`] over these axes, which are taken \
                                                            away; negative ones count from the \
                                                            last.")]
            fn $axis, $try_axis(self, axes: impl Ints) -> Array {
                strong($fold(self, &axes_of(stringify!($all), axes, &self.aval())?)?)
            }

            #[doc = concat!("[`Array::", stringify!($all), "`] over these axes, which stay with \
                                                            size 1.")]
            fn $keep, $try_keep(self, axes: impl Ints) -> Array {
                strong(keeping(self, &axes_of(stringify!($all), axes, &self.aval())?, $fold)?)
            }
        )*}
    };
}

reductions! {
    //! # Reduce
    //!
    //! Each in three forms: over all axes (`sum`), over some, which are taken away (`sum_axis`),
    //! and over some, which stay with size 1 (`sum_keepdims`).

    /// Sum of all elements; bools and narrow ints are added up in i32, narrow unsigned ints in u32.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(x.sum().item::<f32>(), 10.0);
    /// assert_eq!(x.sum_axis(-1).to_vec::<f32>(), [3.0, 7.0]);
    /// assert_eq!(x.sum_keepdims(0).shape(), [1, 2]);
    /// ```
    sum: sum, try_sum; // or `sum_axis(-1)`
        sum_axis, try_sum_axis; sum_keepdims, try_sum_keepdims;

    /// Product of all elements; bools and narrow ints are multiplied in i32, narrow unsigned ints
    /// in u32.
    #[doc(alias = "product")]
    prod: prod, try_prod; // or `prod_axis(-1)`
        prod_axis, try_prod_axis; prod_keepdims, try_prod_keepdims;

    /// The greatest element; NaN if there is one. Of nothing it is an error.
    #[doc(alias = "amax")]
    max: max, try_max; // `max_axis(-1)`, `maximum(y)`
        max_axis, try_max_axis; max_keepdims, try_max_keepdims;

    /// The least element; NaN if there is one. Of nothing it is an error.
    #[doc(alias = "amin")]
    min: min, try_min; // `min_axis(-1)`, `minimum(y)`
        min_axis, try_min_axis; min_keepdims, try_min_keepdims;

    /// Arithmetic mean, of ints and bools in f32, of 64-bit ones in f64; NaN of nothing.
    mean: mean, try_mean; // or `mean_axis(-1)`
        mean_axis, try_mean_axis; mean_keepdims, try_mean_keepdims;

    /// Variance: the mean of the squared distances from the mean (divided by n, not by n - 1).
    var: var, try_var; // or `var_axis(-1)`
        var_axis, try_var_axis; var_keepdims, try_var_keepdims;

    /// Standard deviation: the square root of the variance.
    std: std, try_std; // or `std_axis(-1)`
        std_axis, try_std_axis; std_keepdims, try_std_keepdims;

    /// Whether all elements hold (are not zero); true of nothing.
    all: all, try_all; // or `all_axis(-1)`
        all_axis, try_all_axis; all_keepdims, try_all_keepdims;

    /// Whether any element holds (is not zero); false of nothing.
    any: any, try_any; // or `any_axis(-1)`
        any_axis, try_any_axis; any_keepdims, try_any_keepdims;
}

/// What is folded has the dtype it has, even if numbers of the program gave it.
pub(super) fn strong(x: Array) -> Result<Array, Error> {
    if x.is_weak() { lax::try_convert_element_type(&x, x.dtype()) } else { Ok(x) }
}

/// Bools and narrow ints in 32 bits.
pub(super) fn countable(x: &Array) -> Result<Array, Error> {
    match x.dtype() {
        DType::Bool => lax::try_convert_element_type(x, DType::I32),
        d if d.is_int() && d.is_narrow() => lax::try_convert_element_type(x, d.widened()),
        _ => Ok(x.clone()),
    }
}

fn sum(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_sum(&countable(x)?, axes)
}

fn prod(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_prod(&countable(x)?, axes)
}

fn max(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_max(something("max", x, axes)?, axes)
}

fn min(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_min(something("min", x, axes)?, axes)
}

/// An extreme of nothing does not exist.
fn something<'a>(name: &str, x: &'a Array, axes: &[usize]) -> Result<&'a Array, Error> {
    match axes.iter().find(|a| x.shape()[**a] == 0) {
        None => Ok(x),
        Some(axis) => Err(err!(
            Shape,
            "{name}: expected elements along axis {axis}, got {} which has none",
            x.aval()
        )),
    }
}

fn mean(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    in_single(x, |x| {
        let n: usize = axes.iter().map(|a| x.shape()[*a]).product();
        lax::try_div(&lax::try_reduce_sum(x, axes)?, &number(n as f64, x.dtype()))
    })
}

fn var(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    spread(x, axes, 0)
}

/// The sum of the squared distances from the mean, divided by `n - ddof`; NaN if that is not
/// positive.
fn spread(x: &Array, axes: &[usize], ddof: usize) -> Result<Array, Error> {
    in_single(x, |x| {
        let distance = x - keeping(x, axes, mean)?;
        let squares = match x.dtype().is_complex() {
            true => lax::try_real(&(&distance * lax::try_conj(&distance)?))?,
            false => lax::try_square(&distance)?,
        };
        let n: usize = axes.iter().map(|a| x.shape()[*a]).product();
        let freedom = if n > ddof { (n - ddof) as f64 } else { f64::NAN };
        lax::try_div(&lax::try_reduce_sum(&squares, axes)?, &number(freedom, squares.dtype()))
    })
}

/// A statistic of ints in the float dtype that goes with them; of floats narrower than f32, too,
/// and rounded at the end: their sums might be beyond them.
pub(super) fn in_single(
    x: &Array,
    f: impl Fn(&Array) -> Result<Array, Error>,
) -> Result<Array, Error> {
    let d = x.dtype();
    if d.is_inexact() && !d.is_narrow() {
        return f(x);
    }
    let wide = if d.is_narrow() { DType::F32 } else { inexact(d, x.is_weak()) };
    let y = f(&lax::try_convert_element_type(x, wide)?)?;
    if d.is_float() { lax::try_convert_element_type(&y, d) } else { Ok(y) }
}

fn std(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_sqrt(&var(x, axes)?)
}

fn all(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_and(&truth(x)?, axes)
}

fn any(x: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_or(&truth(x)?, axes)
}

macro_rules! with_ddof {
    ($(#![$heading:meta])* $(
        $(#[$doc:meta])*
        $after:path: $all:ident, $try_all:ident; $axis:ident, $try_axis:ident; $keep:ident,
            $try_keep:ident;
    )*) => {
        methods! {$(#![$heading])* $(
            $(#[$doc])*
            fn $all, $try_all(self, ddof: usize) -> Array {
                strong($after(spread(self, &all_axes(self), ddof)?)?)
            }

            #[doc = concat!("[`Array::", stringify!($all), "`] over these axes, which are taken \
                                                            away.")]
            fn $axis, $try_axis(self, ddof: usize, axes: impl Ints) -> Array {
                let axes = axes_of(stringify!($all), axes, &self.aval())?;
                strong($after(spread(self, &axes, ddof)?)?)
            }

            #[doc = concat!("[`Array::", stringify!($all), "`] over these axes, which stay with \
                                                            size 1.")]
            fn $keep, $try_keep(self, ddof: usize, axes: impl Ints) -> Array {
                let axes = axes_of(stringify!($all), axes, &self.aval())?;
                let spread = $after(spread(self, &axes, ddof)?)?;
                strong(lax::try_reshape(&spread, &kept(self, &axes))?)
            }
        )*}
    };
}

fn root(x: Array) -> Result<Array, Error> {
    lax::try_sqrt(&x)
}

with_ddof! {
    //! # Variances of samples

    /// Variance of a sample: `∑ |x[i] - x̄|² / (n - ddof)`, NaN where `n ≤ ddof`. With `ddof = 1`
    /// it is an estimate without bias. Dtypes and derivative as those of [`Array::var`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1.0, 2.0, 6.0], [1.0, 3.0, 5.0]];
    /// assert_eq!(x.var_ddof_axis(1, 1).to_vec::<f32>(), [7.0, 4.0]);
    /// assert!(array![1.0].var_ddof(1).item::<f32>().is_nan());
    /// ```
    #[doc(alias = "ddof")]
    #[doc(alias = "unbiased")]
    #[doc(alias = "correction")]
    Ok: var_ddof, try_var_ddof; var_ddof_axis, try_var_ddof_axis;
        var_ddof_keepdims, try_var_ddof_keepdims;

    /// Standard deviation of a sample: the square root of [`Array::var_ddof`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, 3.0, 5.0].std_ddof(1).item::<f32>(), 2.0);
    /// ```
    #[doc(alias = "ddof")]
    #[doc(alias = "unbiased")]
    #[doc(alias = "correction")]
    root: std_ddof, try_std_ddof; std_ddof_axis, try_std_ddof_axis;
        std_ddof_keepdims, try_std_ddof_keepdims;
}

methods! {
    //! # Find extremes

    /// The index (i32) of the greatest of all elements in row-major order: the first, or the first
    /// NaN.
    fn argmax, try_argmax(self) -> Array { // or `argmax_axis(-1)`
        lax::try_argmax(&flat(self)?, 0)
    }

    /// The indices (i32) of the greatest elements along an axis, which is taken away.
    fn argmax_axis, try_argmax_axis(self, axis: isize) -> Array {
        lax::try_argmax(self, axis_of("argmax", axis as i64, &self.aval())?)
    }

    /// The index (i32) of the least of all elements in row-major order: the first, or the first
    /// NaN.
    fn argmin, try_argmin(self) -> Array { // or `argmin_axis(-1)`
        lax::try_argmin(&flat(self)?, 0)
    }

    /// The indices (i32) of the least elements along an axis, which is taken away.
    fn argmin_axis, try_argmin_axis(self, axis: isize) -> Array {
        lax::try_argmin(self, axis_of("argmin", axis as i64, &self.aval())?)
    }
}

fn flat(x: &Array) -> Result<Array, Error> {
    lax::try_reshape(x, &[x.size()])
}

macro_rules! running {
    ($(#![$heading:meta])* $(
        $(#[$doc:meta])*
        $name:ident, $try:ident = $f:ident $(of $prepare:ident)?;
    )*) => {
        methods! {$(#![$heading])* $(
            $(#[$doc])*
            fn $name, $try(self, axis: isize) -> Array {
                let axis = axis_of(stringify!($name), axis as i64, &self.aval())?;
                let x = self.clone();
                $(let x = $prepare(&x)?;)?
                lax::$f(&x, axis, false)
            }
        )*}
    };
}

running! {
    //! # Running folds

    /// Running sums along an axis; bools are counted in i32, ints in their own dtype.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].cumsum(0).to_vec::<i32>(), [1, 3, 6]);
    /// ```
    #[doc(alias = "cumulative_sum")]
    cumsum, try_cumsum = try_cumsum of counted;

    /// Running products along an axis; bools are multiplied in i32.
    #[doc(alias = "cumulative_prod")]
    cumprod, try_cumprod = try_cumprod of counted;

    /// The greatest element so far along an axis; NaN from the first one on.
    cummax, try_cummax = try_cummax;

    /// The least element so far along an axis; NaN from the first one on.
    cummin, try_cummin = try_cummin;

    /// `ln ∑ eˣ` of the elements so far along an axis, without overflow.
    #[doc(alias = "logcumsumexp")]
    cumlogsumexp, try_cumlogsumexp = try_cumlogsumexp;
}
