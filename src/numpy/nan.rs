//! Reductions that leave NaN out: `x.nansum()`, `x.nanmean_axis(0)`. Of ints they are the plain
//! ones.

use super::axes::{Ints, axes_of};
use super::fallible::methods;
use super::math::float;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::lax;
use cotangent_jit::Error;

macro_rules! without_nan {
    ($(#![$heading:meta])* $($(#[$doc:meta])* $fold:ident: $all:ident, $try_all:ident; $axis:ident,
        $try_axis:ident;)*) => {
        methods! {$(#![$heading])* $(
            $(#[$doc])*
            fn $all, $try_all(self) -> Array { $fold(self, &(0..self.ndim()).collect()) }

            #[doc = concat!("[`Array::", stringify!($all), "`] over these axes, which are taken \
                                                            away.")]
            fn $axis, $try_axis(self, axes: impl Ints) -> Array {
                $fold(self, &axes_of(stringify!($all), axes, &self.aval())?)
            }
        )*}
    };
}

without_nan! {
    //! # Reduce without NaN

    /// The sum of the elements that are numbers.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 2.0].nansum().item::<f32>(), 3.0);
    /// ```
    sum: nansum, try_nansum; nansum_axis, try_nansum_axis;

    /// The product of the elements that are numbers.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3.0, f32::NAN, 2.0].nanprod().item::<f32>(), 6.0);
    /// ```
    prod: nanprod, try_nanprod; nanprod_axis, try_nanprod_axis;

    /// The greatest of the elements that are numbers; NaN if none is.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 2.0].nanmax().item::<f32>(), 2.0);
    /// ```
    max: nanmax, try_nanmax; nanmax_axis, try_nanmax_axis;

    /// The least of the elements that are numbers; NaN if none is.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 2.0].nanmin().item::<f32>(), 1.0);
    /// ```
    min: nanmin, try_nanmin; nanmin_axis, try_nanmin_axis;

    /// The mean of the elements that are numbers; NaN if none is.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 2.0].nanmean().item::<f32>(), 1.5);
    /// ```
    mean: nanmean, try_nanmean; nanmean_axis, try_nanmean_axis;

    /// The variance of the elements that are numbers; NaN if none is.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 3.0].nanvar().item::<f32>(), 1.0);
    /// ```
    var: nanvar, try_nanvar; nanvar_axis, try_nanvar_axis;

    /// The square root of [`Array::nanvar`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 3.0].nanstd().item::<f32>(), 1.0);
    /// ```
    std: nanstd, try_nanstd; nanstd_axis, try_nanstd_axis;
}

methods! {
    //! # Variances of samples without NaN

    /// [`Array::var_ddof`] of the elements that are numbers; NaN where there are no more of them
    /// than `ddof`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 3.0].nanvar_ddof(1).item::<f32>(), 2.0);
    /// ```
    #[doc(alias = "ddof")]
    fn nanvar_ddof, try_nanvar_ddof(self, ddof: usize) -> Array {
        spread(self, &(0..self.ndim()).collect(), ddof)
    }

    /// [`Array::nanvar_ddof`] over these axes, which are taken away.
    fn nanvar_ddof_axis, try_nanvar_ddof_axis(self, ddof: usize, axes: impl Ints) -> Array {
        spread(self, &axes_of("nanvar_ddof", axes, &self.aval())?, ddof)
    }

    /// The square root of [`Array::nanvar_ddof`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, f32::NAN, 3.0, 5.0].nanstd_ddof(1).item::<f32>(), 2.0);
    /// ```
    #[doc(alias = "ddof")]
    fn nanstd_ddof, try_nanstd_ddof(self, ddof: usize) -> Array {
        spread(self, &(0..self.ndim()).collect(), ddof)?.try_sqrt()
    }

    /// [`Array::nanstd_ddof`] over these axes, which are taken away.
    fn nanstd_ddof_axis, try_nanstd_ddof_axis(self, ddof: usize, axes: impl Ints) -> Array {
        spread(self, &axes_of("nanstd_ddof", axes, &self.aval())?, ddof)?.try_sqrt()
    }
}

/// With this in the place of NaN.
fn filled(x: &Array, value: f64) -> Result<Array, Error> {
    if x.dtype().is_inexact() { x.try_is_nan()?.try_select(value, x) } else { Ok(x.clone()) }
}

fn sum(x: &Array, axes: &Shape) -> Result<Array, Error> {
    filled(x, 0.0)?.try_sum_axis(axes)
}

fn prod(x: &Array, axes: &Shape) -> Result<Array, Error> {
    filled(x, 1.0)?.try_prod_axis(axes)
}

fn max(x: &Array, axes: &Shape) -> Result<Array, Error> {
    extreme(x, axes, filled(x, f64::NEG_INFINITY)?.try_max_axis(axes)?)
}

fn min(x: &Array, axes: &Shape) -> Result<Array, Error> {
    extreme(x, axes, filled(x, f64::INFINITY)?.try_min_axis(axes)?)
}

fn extreme(x: &Array, axes: &Shape, y: Array) -> Result<Array, Error> {
    if !x.dtype().is_inexact() {
        return Ok(y);
    }
    x.try_is_nan()?.try_all_axis(axes)?.try_select(f64::NAN, y)
}

/// How many are numbers, in this dtype.
fn count(x: &Array, axes: &Shape) -> Result<Array, Error> {
    let holds = lax::try_not(&x.try_is_nan()?)?;
    lax::try_reduce_sum(&lax::try_convert_element_type(&holds, x.dtype())?, axes)
}

fn mean(x: &Array, axes: &Shape) -> Result<Array, Error> {
    let x = float(x)?;
    lax::try_div(&sum(&x, axes)?, &count(&x, axes)?)
}

fn var(x: &Array, axes: &Shape) -> Result<Array, Error> {
    spread(x, axes, 0)
}

/// The sum of the squared distances from the mean, divided by the number of numbers less `ddof`;
/// NaN if that is not positive.
fn spread(x: &Array, axes: &Shape, ddof: usize) -> Result<Array, Error> {
    let x = float(x)?;
    let mut kept = x.to_shape();
    axes.iter().for_each(|a| kept[*a] = 1);
    // What is left out must be so before the square, whose derivative would be 0 times NaN.
    let distance = &x - lax::try_reshape(&mean(&x, axes)?, &kept)?;
    let distance = x.try_is_nan()?.try_select(0.0, distance)?;
    let square = (&distance * distance.try_conj()?).try_real()?;
    let mut freedom = count(&x, axes)?.try_real()?;
    if ddof > 0 {
        freedom -= ddof as f64;
        freedom = freedom.try_gt(0)?.try_select(&freedom, f64::NAN)?;
    }
    lax::try_div(&square.try_sum_axis(axes)?, &freedom)
}

fn std(x: &Array, axes: &Shape) -> Result<Array, Error> {
    var(x, axes)?.try_sqrt()
}
