//! Elementwise mathematics as methods: `x.sin()`, `x.pow(y)`, `x.maximum(0.0)`.
//!
//! Functions of floats take ints and bools too, as f32, those of 64 bits as f64. Functions of two
//! operands broadcast and promote as the operators do. Not here: comparisons and choices
//! (`compare`), powers (`powers`).

use super::fallible::methods;
use crate::core::array::Array;
use crate::prims::array::literal::{Operand, together, written_int};
use crate::prims::array::operators::counted;
use crate::prims::array::promotion::inexact;
use crate::prims::lax;
use crate::prims::points::convert::try_convert_weakly;
use crate::prims::rules::numbers::int_range;
use cotangent_jit::{Complex, DType, Error, Scalar};
use std::f64::consts::LN_10;

/// In a float dtype.
pub(crate) fn float(x: &Array) -> Result<Array, Error> {
    if x.dtype().is_inexact() {
        return Ok(x.clone());
    }
    try_convert_weakly(x, inexact(x.dtype(), x.is_weak()), x.is_weak())
}

/// Methods that apply a `lax` function of floats.
macro_rules! floats {
    ($(#![$heading:meta])* $($(#[$doc:meta])* $name:ident, $try:ident = $f:ident;)*) => {
        methods! {$(#![$heading])* $(
            $(#[$doc])*
            ///
            #[doc = concat!("Derivative and values: [`lax::", stringify!($name), "`](crate::lax).")]
            fn $name, $try(self) -> Array { lax::$f(&float(self)?) }
        )*}
    };
}

floats! {
    //! # Elementary functions
    //!
    //! Functions of floats; ints and bools are taken as f32, those of 64 bits as f64.

    /// Square root.
    sqrt, try_sqrt = try_sqrt;
    /// Reciprocal square root.
    rsqrt, try_rsqrt = try_rsqrt;
    /// Cube root.
    cbrt, try_cbrt = try_cbrt;
    /// `eˣ`.
    exp, try_exp = try_exp;
    /// `2ˣ`.
    exp2, try_exp2 = try_exp2;
    /// `eˣ - 1`, exact near 0.
    expm1, try_expm1 = try_expm1;
    /// Natural logarithm.
    log, try_log = try_log;
    /// Logarithm to base 2.
    log2, try_log2 = try_log2;
    /// `ln (1 + x)`, exact near 0.
    log1p, try_log1p = try_log1p;
    /// Sine of radians.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![0.0, 0.5].sin().to_vec::<f32>(), [0.0, 0.479_425_55]);
    /// ```
    sin, try_sin = try_sin;
    /// Cosine of radians.
    cos, try_cos = try_cos;
    /// Tangent of radians.
    tan, try_tan = try_tan;
    /// Inverse sine, in radians.
    #[doc(alias = "arcsin")]
    asin, try_asin = try_asin;
    /// Inverse cosine, in radians.
    #[doc(alias = "arccos")]
    acos, try_acos = try_acos;
    /// Inverse tangent, in radians.
    #[doc(alias = "arctan")]
    atan, try_atan = try_atan;
    /// Hyperbolic sine.
    sinh, try_sinh = try_sinh;
    /// Hyperbolic cosine.
    cosh, try_cosh = try_cosh;
    /// Hyperbolic tangent.
    tanh, try_tanh = try_tanh;
    /// Inverse hyperbolic sine.
    #[doc(alias = "arcsinh")]
    asinh, try_asinh = try_asinh;
    /// Inverse hyperbolic cosine.
    #[doc(alias = "arccosh")]
    acosh, try_acosh = try_acosh;
    /// Inverse hyperbolic tangent.
    #[doc(alias = "arctanh")]
    atanh, try_atanh = try_atanh;
    /// The logistic function `1 / (1 + e⁻ˣ)`.
    #[doc(alias = "expit")]
    sigmoid, try_sigmoid = try_logistic;
    /// Error function.
    erf, try_erf = try_erf;
    /// `1 - erf x`, exact where that is small.
    erfc, try_erfc = try_erfc;
    /// Logarithm of the gamma function: `ln |Γ(x)|`.
    #[doc(alias = "gammaln")]
    lgamma, try_lgamma = try_lgamma;
    /// The derivative of `lgamma`.
    #[doc(alias = "psi")]
    digamma, try_digamma = try_digamma;
    /// Inverse of the error function.
    #[doc(alias = "erfinv")]
    erf_inv, try_erf_inv = try_erf_inv;
}

methods! {
    //! # Signs, rounding, dtypes

    /// Magnitude. Ints, floats; bools as they are.
    #[doc(alias("absolute", "fabs"))]
    fn abs, try_abs(self) -> Array {
        if self.dtype().is_bool() { Ok(self.clone()) } else { lax::try_abs(self) }
    }

    /// Sign: -1, 0 or 1. Ints and floats.
    #[doc(alias = "sgn")]
    fn sign, try_sign(self) -> Array { lax::try_sign(self) }

    /// The next integral number below; ints as they are.
    fn floor, try_floor(self) -> Array {
        if self.dtype().is_inexact() { lax::try_floor(self) } else { Ok(self.clone()) }
    }

    /// The next integral number above; ints as they are.
    fn ceil, try_ceil(self) -> Array {
        if self.dtype().is_inexact() { lax::try_ceil(self) } else { Ok(self.clone()) }
    }

    /// The nearest integral number, of two the even one (as in NumPy); ints as they are.
    #[doc(alias("rint", "around"))]
    fn round, try_round(self) -> Array {
        if self.dtype().is_inexact() { lax::try_round_even(self) } else { Ok(self.clone()) }
    }

    /// `1 / x`, of ints in f32.
    fn reciprocal, try_reciprocal(self) -> Array {
        let x = float(self)?;
        lax::try_div(&literal(1.0, &x), &x)
    }

    /// Logarithm to base 10.
    fn log10, try_log10(self) -> Array {
        let y = lax::try_log(&float(self)?)?;
        lax::try_div(&y, &literal(LN_10, &y))
    }

    /// The values in another dtype, see [`lax::convert_element_type`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.5, -1.5].astype(DType::I32).to_vec::<i32>(), [1, -1]);
    /// ```
    #[doc(alias("cast", "to", "type_as", "float", "double", "half", "int", "long"))]
    fn astype, try_astype(self, dtype: DType) -> Array {
        lax::try_convert_element_type(self, dtype)
    }
}

/// The number as a literal of the dtype of `like`.
fn literal(value: f64, like: &Array) -> Array {
    crate::prims::rules::numbers::number(value, like.dtype())
}

/// A function of two operands that need not fit yet.
fn both(
    name: &str,
    x: &dyn Operand,
    y: &dyn Operand,
    f: impl Fn(&Array, &Array) -> Result<Array, Error>,
) -> Result<Array, Error> {
    let operands = together(name, &[x, y], false)?;
    f(&operands[0], &operands[1])
}

methods! {
    //! # Extremes, bounds, remainders of two operands
    //!
    //! Operands broadcast and promote as those of the operators do.

    /// The greater of two, elementwise and broadcast; NaN if one is NaN. Complex numbers compare by
    /// their real parts, then by their imaginary ones.
    #[doc(alias = "clamp_min")]
    fn maximum, try_maximum(self, other: impl Operand) -> Array {
        both("maximum", self, &other, lax::try_max)
    }

    /// The smaller of two, elementwise and broadcast; NaN if one is NaN. Complex numbers compare as
    /// in [`Array::maximum`].
    #[doc(alias = "clamp_max")]
    fn minimum, try_minimum(self, other: impl Operand) -> Array {
        both("minimum", self, &other, lax::try_min)
    }

    /// The nearest value from `low` to `high`, elementwise and broadcast: Rust's name for
    /// [`Array::clip`].
    fn clamp, try_clamp(self, low: impl Operand, high: impl Operand) -> Array {
        self.try_clip(low, high)
    }

    /// The nearest value from `low` to `high`, elementwise and broadcast. A number beyond the ints
    /// of the dtype is no bound.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![7u8, 200].clip(-1, 300).to_vec::<u8>(), [7, 200]);
    /// ```
    fn clip, try_clip(self, low: impl Operand, high: impl Operand) -> Array {
        let least = bound(self, &low, |n, (least, _)| (n < least).then_some(least));
        let greatest = bound(self, &high, |n, (_, greatest)| (n > greatest).then_some(greatest));
        let low = least.as_ref().map_or(&low as &dyn Operand, |l| l);
        let high = greatest.as_ref().map_or(&high as &dyn Operand, |h| h);
        let operands = together("clip", &[low, self, high], false)?;
        lax::try_clamp(&operands[0], &operands[1], &operands[2])
    }

    /// The angle of the point `(x, y)` with `self` as `y`, in radians, elementwise and broadcast.
    /// Of complex numbers `-i ln ((x + i y) / √(x² + y²))`.
    #[doc(alias = "arctan2")]
    fn atan2, try_atan2(self, x: impl Operand) -> Array {
        let operands = together("atan2", &[self, &x], true)?;
        let [y, x] = [&operands[0], &operands[1]];
        if !x.dtype().is_complex() {
            return lax::try_atan2(y, x);
        }
        let i = Complex::new(0.0, 1.0);
        let size = (lax::try_square(x)? + lax::try_square(y)?).try_sqrt()?;
        Ok(lax::try_log(&lax::try_div(&(x + y * i), &size)?)? * -i)
    }

    /// The remainder with the sign of the divisor, as NumPy's `%` (that of arrays here has the
    /// dividend's, as Rust's). By the int 0 nothing is left.
    #[doc(alias = "mod")]
    fn remainder, try_remainder(self, divisor: impl Operand) -> Array {
        let operands = together("remainder", &[self, &divisor], false)?;
        let (x, y) = (&counted(&operands[0])?, &divisor_of(&operands[1])?);
        let rest = lax::try_rem(x, y)?;
        let zero = literal(0.0, x);
        let signs_differ = lax::try_ne(&lax::try_lt(&rest, &zero)?, &lax::try_lt(y, &zero)?)?;
        let off = lax::try_and(&signs_differ, &lax::try_ne(&rest, &zero)?)?;
        lax::try_select_n(&off, &[&rest, &lax::try_add(&rest, y)?])
    }

    /// The remainder with the sign of this, as C's `fmod`, elementwise and broadcast. By the int 0
    /// nothing is left.
    fn fmod, try_fmod(self, divisor: impl Operand) -> Array {
        let operands = together("fmod", &[self, &divisor], false)?;
        // Of bools the dividend is left, as in JAX.
        let bools = operands[0].dtype().is_bool();
        let y = if bools { counted(&operands[1])? } else { divisor_of(&operands[1])? };
        lax::try_rem(&counted(&operands[0])?, &y)
    }

    /// `⌊x / y⌋`, elementwise and broadcast, exact where the quotient is no float; of ints an int.
    /// By the int 0 it is -2, of 0 -1; of unsigned ints all ones.
    fn floor_divide, try_floor_divide(self, divisor: impl Operand) -> Array {
        let operands = together("floor_divide", &[self, &divisor], false)?;
        let (x, y) = (&counted(&operands[0])?, &counted(&operands[1])?);
        let zero = literal(0.0, x);
        let rest = lax::try_rem(x, y)?;
        let left = lax::try_ne(&rest, &zero)?;
        let over = |a: &Array| -> Result<Array, Error> {
            let differ = lax::try_ne(&lax::try_sign(a)?, &lax::try_sign(y)?)?;
            lax::try_and(&left, &differ)
        };
        let down = |q: Array, off: Array| lax::try_select_n(&off, &[&q, &(&q - 1)]);
        if x.dtype().is_unsigned() {
            return lax::try_div(x, y);
        }
        if x.dtype().is_int() {
            return down(lax::try_div(x, y)?, over(x)?);
        }
        // Without what is left over the rest divides without remainder, so that no quotient is
        // rounded up to an int.
        let by_zero = lax::try_eq(y, &zero)?;
        let whole = lax::try_select_n(&by_zero, &[&lax::try_sub(x, &rest)?, x])?;
        lax::try_round_away(&down(lax::try_div(&whole, y)?, over(&rest)?)?)
    }
}

/// The end of the range of an int array's dtype in the place of a number that is beyond it.
fn bound(
    x: &Array,
    number: &dyn Operand,
    end: impl Fn(i128, (i128, i128)) -> Option<i128>,
) -> Option<Array> {
    let n = written_int(number).filter(|_| x.dtype().is_int() && !x.is_weak())?;
    let end = end(n, int_range(x.dtype()))?;
    Some(Array::literal(Scalar::from_bits(x.dtype(), end as u128)))
}

/// A divisor of which the ints are not 0, and bools are ints.
fn divisor_of(y: &Array) -> Result<Array, Error> {
    let y = counted(y)?;
    if !y.dtype().is_int() {
        return Ok(y);
    }
    let none = lax::try_eq(&y, &literal(0.0, &y))?;
    let one = Scalar::one(y.dtype());
    let one = if y.is_weak() { Array::literal(one) } else { Array::strong_literal(one) };
    lax::try_select_n(&none, &[&y, &one])
}
