//! Reductions of the elements for which a mask holds: `x.sum_where(&mask)`, as NumPy's reductions
//! with `where=`. Each has three forms, as the plain ones do (`reduce`).
//!
//! The mask is broadcast to the array. What it leaves out is replaced before anything is computed
//! from it, so that its derivative is 0 even if it is infinite or NaN.

use super::axes::{Ints, axes_of};
use super::compare::truth;
use super::fallible::methods;
use super::finfo::iinfo;
use super::reduce::{all_axes, countable, in_single, kept, strong};
use crate::core::array::Array;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax;
use crate::prims::rules::numbers::{number, place_dtype};
use cotangent_jit::{DType, Error, Scalar, err};

macro_rules! masked {
    ($(#![$heading:meta])* $(
        $(#[$doc:meta])*
        $fold:ident($($arg:ident: $ty:ident)?): $all:ident, $try_all:ident;
            $axis:ident, $try_axis:ident; $keep:ident, $try_keep:ident;
    )*) => {
        methods! {$(#![$heading])* $(
            $(#[$doc])*
            #[doc(alias = "where")]
            fn $all, $try_all(self, mask: impl Operand $(, $arg: impl $ty)?) -> Array {
                let mask = mask_of(stringify!($all), self, &mask)?;
                strong($fold(self, &mask, &all_axes(self) $(, &$arg)?)?)
            }

            #[doc = concat!("[`Array::", stringify!($all), "`] over these axes, which are taken \
                                                            away.")]
            fn $axis, $try_axis(
                self, mask: impl Operand $(, $arg: impl $ty)?, axes: impl Ints,
            ) -> Array {
                let axes = axes_of(stringify!($all), axes, &self.aval())?;
                let mask = mask_of(stringify!($all), self, &mask)?;
                strong($fold(self, &mask, &axes $(, &$arg)?)?)
            }

            #[doc = concat!("[`Array::", stringify!($all), "`] over these axes, which stay with \
                                                            size 1.")]
            fn $keep, $try_keep(
                self, mask: impl Operand $(, $arg: impl $ty)?, axes: impl Ints,
            ) -> Array {
                let axes = axes_of(stringify!($all), axes, &self.aval())?;
                let mask = mask_of(stringify!($all), self, &mask)?;
                let folded = $fold(self, &mask, &axes $(, &$arg)?)?;
                strong(lax::try_reshape(&folded, &kept(self, &axes))?)
            }
        )*}
    };
}

masked! {
    //! # Reduce under a mask

    /// The sum of the elements for which the mask holds; 0 if it holds for none. Dtypes as those of
    /// [`Array::sum`]. The mask is broadcast to the array.
    ///
    /// Derivative: the sum of the tangents for which the mask holds.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1.0, f32::NAN], [3.0, 4.0]];
    /// assert_eq!(x.sum_where(x.is_finite()).item::<f32>(), 8.0);
    /// assert_eq!(x.sum_where_axis(array![true, false], 1).to_vec::<f32>(), [1.0, 3.0]);
    /// ```
    sum(): sum_where, try_sum_where; sum_where_axis, try_sum_where_axis;
        sum_where_keepdims, try_sum_where_keepdims;

    /// The product of the elements for which the mask holds; 1 if it holds for none. Dtypes as
    /// those of [`Array::prod`]. The mask is broadcast to the array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![2.0, 0.0, 3.0];
    /// assert_eq!(x.prod_where(x.gt(0)).item::<f32>(), 6.0);
    /// ```
    prod(): prod_where, try_prod_where; prod_where_axis, try_prod_where_axis;
        prod_where_keepdims, try_prod_where_keepdims;

    /// The mean of the elements for which the mask holds; NaN if it holds for none. Dtypes as those
    /// of [`Array::mean`]. The mask is broadcast to the array.
    ///
    /// Derivative: the mean of the tangents for which the mask holds.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1.0, 9.0, 3.0];
    /// assert_eq!(x.mean_where(array![true, false, true]).item::<f32>(), 2.0);
    /// ```
    mean(): mean_where, try_mean_where; mean_where_axis, try_mean_where_axis;
        mean_where_keepdims, try_mean_where_keepdims;

    /// The variance of the elements for which the mask holds; NaN if it holds for none. Dtypes as
    /// those of [`Array::var`]. The mask is broadcast to the array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1.0, 9.0, 3.0];
    /// assert_eq!(x.var_where(array![true, false, true]).item::<f32>(), 1.0);
    /// ```
    var(): var_where, try_var_where; var_where_axis, try_var_where_axis;
        var_where_keepdims, try_var_where_keepdims;

    /// The standard deviation of the elements for which the mask holds: the square root of
    /// [`Array::var_where`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1.0, 9.0, 3.0];
    /// assert_eq!(x.std_where(array![true, false, true]).item::<f32>(), 1.0);
    /// ```
    std(): std_where, try_std_where; std_where_axis, try_std_where_axis;
        std_where_keepdims, try_std_where_keepdims;

    /// The greatest of `initial` and the elements for which the mask holds; NaN if one of them is.
    /// Array and `initial`, a number or an array that is broadcast to the result, are promoted. The
    /// mask is broadcast to the array.
    ///
    /// Derivative: the tangent of what is the greatest; where several are, they share it.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1, 9], [-3, -2]];
    /// assert_eq!(x.max_where_axis(x.lt(5), 0, 1).to_vec::<i32>(), [1, 0]);
    /// ```
    max(initial: Operand): max_where, try_max_where; max_where_axis, try_max_where_axis;
        max_where_keepdims, try_max_where_keepdims;

    /// The least of `initial` and the elements for which the mask holds; NaN if one of them is.
    /// Otherwise as [`Array::max_where`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![4.0, -1.0, 2.0];
    /// assert_eq!(x.min_where(x.gt(0), f64::INFINITY).item::<f32>(), 2.0);
    /// ```
    min(initial: Operand): min_where, try_min_where; min_where_axis, try_min_where_axis;
        min_where_keepdims, try_min_where_keepdims;

    /// Whether any of the elements for which the mask holds is not zero; false if it holds for
    /// none. The mask is broadcast to the array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert!(!array![0, 7].any_where(array![true, false]).item::<bool>());
    /// ```
    any(): any_where, try_any_where; any_where_axis, try_any_where_axis;
        any_where_keepdims, try_any_where_keepdims;

    /// Whether all of the elements for which the mask holds are not zero; true if it holds for
    /// none. The mask is broadcast to the array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert!(array![0, 7].all_where(array![false, true]).item::<bool>());
    /// ```
    all(): all_where, try_all_where; all_where_axis, try_all_where_axis;
        all_where_keepdims, try_all_where_keepdims;
}

/// The mask as bools of the array's shape.
fn mask_of(op: &str, x: &Array, mask: &dyn Operand) -> Result<Array, Error> {
    let mask = mask.to_array();
    let wide = truth(&mask)?.try_broadcast_to(x.shape());
    wide.map_err(|_| {
        err!(Shape, "{op}: expected a mask that broadcasts to {}, got {}", x.aval(), mask.aval())
    })
}

fn sum(x: &Array, mask: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_sum(&countable(&mask.try_select(x, zero(x))?)?, axes)
}

/// A zero of the dtype, bool too.
fn zero(x: &Array) -> Array {
    Array::strong_literal(Scalar::zero(x.dtype()))
}

fn one(x: &Array) -> Array {
    Array::strong_literal(Scalar::one(x.dtype()))
}

fn prod(x: &Array, mask: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_prod(&countable(&mask.try_select(x, one(x))?)?, axes)
}

/// For how many elements the mask holds, in a float dtype.
fn count(mask: &Array, axes: &[usize], dtype: DType) -> Result<Array, Error> {
    let ones = lax::try_convert_element_type(mask, place_dtype(mask.size()))?;
    lax::try_convert_element_type(&lax::try_reduce_sum(&ones, axes)?, dtype)
}

fn mean(x: &Array, mask: &Array, axes: &[usize]) -> Result<Array, Error> {
    in_single(x, |x| lax::try_div(&sum(x, mask, axes)?, &count(mask, axes, x.dtype())?))
}

fn var(x: &Array, mask: &Array, axes: &[usize]) -> Result<Array, Error> {
    in_single(x, |x| {
        let x = mask.try_select(x, zero(x))?;
        let mean = lax::try_reshape(&mean(&x, mask, axes)?, &kept(&x, axes))?;
        let distance = &x - mean;
        let distance = mask.try_select(&distance, zero(&x))?;
        let squares = match x.dtype().is_complex() {
            true => lax::try_real(&(&distance * lax::try_conj(&distance)?))?,
            false => lax::try_square(&distance)?,
        };
        let count = count(mask, axes, squares.dtype())?;
        lax::try_div(&lax::try_reduce_sum(&squares, axes)?, &count)
    })
}

fn std(x: &Array, mask: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_sqrt(&var(x, mask, axes)?)
}

/// The least or the greatest value of a dtype.
fn end(dtype: DType, greatest: bool) -> Array {
    let float = if greatest { f64::INFINITY } else { f64::NEG_INFINITY };
    match dtype {
        DType::Bool => Array::strong_literal(greatest.into()),
        d if d.is_complex() => {
            let part = Scalar::from_f64(d.part(), float).expect("a float dtype");
            Array::strong_literal(Scalar::complex(part, part).expect("two floats"))
        }
        d => match iinfo(d) {
            Some(info) if greatest => Array::strong_literal(Scalar::from_bits(d, info.max.into())),
            Some(info) => Array::strong_literal(Scalar::from_bits(d, i128::from(info.min) as u128)),
            None => number(float, d),
        },
    }
}

fn max(x: &Array, mask: &Array, axes: &[usize], initial: &dyn Operand) -> Result<Array, Error> {
    let both = promoted("max_where", &[x, initial], false)?;
    let greatest = lax::try_reduce_max(&masked_by(&both[0], mask, false)?, axes)?;
    with_initial("max_where", greatest, &both[1], |x, y| x.try_maximum(y))
}

fn min(x: &Array, mask: &Array, axes: &[usize], initial: &dyn Operand) -> Result<Array, Error> {
    let both = promoted("min_where", &[x, initial], false)?;
    let least = lax::try_reduce_min(&masked_by(&both[0], mask, true)?, axes)?;
    with_initial("min_where", least, &both[1], |x, y| x.try_minimum(y))
}

fn masked_by(x: &Array, mask: &Array, greatest: bool) -> Result<Array, Error> {
    mask.try_select(x, end(x.dtype(), greatest))
}

fn with_initial(
    op: &str,
    extreme: Array,
    initial: &Array,
    choose: impl Fn(&Array, &Array) -> Result<Array, Error>,
) -> Result<Array, Error> {
    let wide = initial.try_broadcast_to(extreme.shape()).map_err(|_| {
        let (extreme, initial) = (extreme.aval(), initial.aval());
        err!(Shape, "{op}: expected an initial value that broadcasts to {extreme}, got {initial}")
    })?;
    choose(&extreme, &wide)
}

fn any(x: &Array, mask: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_or(&lax::try_and(mask, &truth(x)?)?, axes)
}

fn all(x: &Array, mask: &Array, axes: &[usize]) -> Result<Array, Error> {
    lax::try_reduce_and(&lax::try_or(&lax::try_not(mask)?, &truth(x)?)?, axes)
}
