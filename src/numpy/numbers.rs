//! Floats taken apart and put together, and functions of them that NumPy has beside those of
//! `math`: `copysign`, `frexp`, `logaddexp`, `hypot`, `nan_to_num` and so on. All are composed of
//! `lax` functions, and so are their derivatives.

use super::create::ones_like;
use super::fallible::methods;
use super::math::float;
use super::powers::strong;
use crate::core::array::Array;
use crate::prims::array::literal::{Operand, promoted, together};
use crate::prims::array::operators::counted;
use crate::prims::lax;
use crate::prims::places::index_arithmetic::moved_into;
use crate::prims::points::limits::greatest;
use crate::prims::points::logaddexp;
use crate::prims::rules::numbers::number;
use cotangent_jit::{DType, Error, Scalar, err};
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

/// The number as a literal of the dtype of `like`.
fn like(value: f64, like: &Array) -> Array {
    number(value, like.dtype())
}

/// Gives an error of `op` for complex numbers.
pub(super) fn expect_real(op: &str, x: &Array) -> Result<(), Error> {
    if !x.dtype().is_complex() {
        return Ok(());
    }
    let x = x.aval();
    Err(err!(DType, "{op}: expected real numbers, got {x}; take real(x), imag(x) or abs(x)"))
}

/// Two operands as floats of one shape.
fn floats(name: &str, x: &dyn Operand, y: &dyn Operand) -> Result<[Array; 2], Error> {
    let mut operands = together(name, &[x, y], true)?;
    crate::prims::array::broadcast_shapes::broadcast_arrays(name, &mut operands)?;
    let y = operands.swap_remove(1);
    Ok([operands.swap_remove(0), y])
}

/// The bits of floats as ints of their width, and whether the highest of them is set.
fn sign_bit(x: &Array) -> Result<Array, Error> {
    let int = match x.dtype().size() {
        2 => DType::I16,
        4 => DType::I32,
        _ => DType::I64,
    };
    let bits = lax::try_bitcast_convert_type(x, int)?;
    lax::try_lt(&bits, &like(0.0, &bits))
}

methods! {
    //! # Parts of floats, angles, further functions

    /// Whether elements are infinite, complex ones in either part; false of ints.
    #[doc(alias = "isinf")]
    fn is_inf, try_is_inf(self) -> Array {
        if self.dtype().is_complex() {
            let parts = [lax::try_real(self)?, lax::try_imag(self)?];
            return lax::try_or(&parts[0].try_is_inf()?, &parts[1].try_is_inf()?);
        }
        if !self.dtype().is_float() {
            return lax::try_ne(self, self);
        }
        lax::try_eq(&lax::try_abs(self)?, &like(f64::INFINITY, self))
    }

    /// Whether the sign is negative, that of zeros and NaN too. Floats; of ints whether they are
    /// negative.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![-0.0, 0.0].signbit().to_vec::<bool>(), [true, false]);
    /// ```
    fn signbit, try_signbit(self) -> Array {
        if self.dtype().is_float() { sign_bit(self) } else { lax::try_lt(self, &like(0.0, self)) }
    }

    /// The magnitude of this with the sign of another, elementwise and broadcast.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, -2.0].copysign(-0.0).to_vec::<f32>(), [-1.0, -2.0]);
    /// ```
    fn copysign, try_copysign(self, sign: impl Operand) -> Array {
        let [x, sign] = floats("copysign", self, &sign)?;
        expect_real("copysign", &x)?;
        let size = lax::try_abs(&if sign.is_weak() { x } else { strong(x)? })?;
        let negative = sign_bit(&lax::try_stop_gradient(&sign)?)?;
        lax::try_select_n(&negative, &[&size, &lax::try_neg(&size)?])
    }

    /// Quotient and remainder as NumPy's: `⌊x / y⌋` and what is left, with the sign of the divisor.
    fn divmod, try_divmod(self, divisor: impl Operand) -> (Array, Array) {
        let operands = promoted("divmod", &[self, &divisor], false)?;
        let (x, y) = (&operands[0], &operands[1]);
        Ok((x.try_floor_divide(y)?, x.try_remainder(y)?))
    }

    /// The integral number toward zero; ints as they are.
    #[doc(alias = "fix")]
    fn trunc, try_trunc(self) -> Array {
        if !self.dtype().is_float() {
            return Ok(self.clone());
        }
        let below = lax::try_lt(self, &like(0.0, self))?;
        lax::try_select_n(&below, &[&lax::try_floor(self)?, &lax::try_ceil(self)?])
    }

    /// Fraction and integral part, both with the sign of this.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (part, whole) = array![-1.5].modf();
    /// assert_eq!((part.item::<f32>(), whole.item::<f32>()), (-0.5, -1.0));
    /// ```
    fn modf, try_modf(self) -> (Array, Array) {
        expect_real("modf", self)?;
        let x = float(self)?;
        let whole = x.try_trunc()?;
        // Of an infinity nothing is left.
        let part = x.try_is_inf()?.try_select(0.0, &x - &whole)?;
        Ok((part.try_copysign(&x)?, whole))
    }

    /// `ln (eˣ + eʸ)` without overflow, elementwise and broadcast.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1000.0].logaddexp(f64::NEG_INFINITY).item::<f32>(), 1000.0);
    /// ```
    fn logaddexp, try_logaddexp(self, other: impl Operand) -> Array {
        let [x, y] = floats("logaddexp", self, &other)?;
        log_add(&x, &y, 1.0)
    }

    /// `log₂ (2ˣ + 2ʸ)` without overflow, elementwise and broadcast.
    fn logaddexp2, try_logaddexp2(self, other: impl Operand) -> Array {
        let [x, y] = floats("logaddexp2", self, &other)?;
        log_add(&x, &y, LN_2)
    }

    /// `√(x² + y²)` without overflow, elementwise and broadcast.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3e30].hypot(4e30).item::<f32>(), 5e30);
    /// ```
    fn hypot, try_hypot(self, other: impl Operand) -> Array {
        let [x, y] = floats("hypot", self, &other)?;
        expect_real("hypot", &x)?;
        let n = |value| like(value, &x);
        let far = [x.try_is_inf()?, y.try_is_inf()?];
        let infinite = lax::try_or(&far[0], &far[1])?;
        let near = |x: &Array| lax::try_select_n(&infinite, &[x, &n(1.0)]);
        let (a, b) = (near(&x)?, near(&y)?);
        // The scale is a constant to derivatives: the length does not depend on it.
        let most = lax::try_max(&lax::try_abs(&a)?, &lax::try_abs(&b)?)?;
        let none = lax::try_eq(&most, &n(0.0))?;
        let scale = lax::try_stop_gradient(&lax::try_select_n(&none, &[&most, &n(1.0)])?)?;
        let square = |x: &Array| lax::try_square(&lax::try_div(x, &scale)?);
        let square = square(&a)? + square(&b)?;
        let square = lax::try_select_n(&none, &[&square, &n(1.0)])?;
        let length = lax::try_select_n(&none, &[&(&scale * square.try_sqrt()?), &n(0.0)])?;
        // Finite operands do not count beside infinite ones.
        let side = |x: &Array, far: &Array| {
            lax::try_select_n(far, &[&n(0.0), &lax::try_abs(x)?])
        };
        let share = lax::try_and(&far[0], &far[1])?.try_select(FRAC_1_SQRT_2, n(1.0))?;
        let reach = (side(&x, &far[0])? + side(&y, &far[1])?) * share;
        lax::try_select_n(&infinite, &[&length, &reach])
    }

    /// `x · 2ⁿ` for ints `n` of any size, rounded once, elementwise and broadcast. Derivative in
    /// `x`: `2ⁿ`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![0.75].ldexp(&array![2]).item::<f32>(), 3.0);
    /// ```
    fn ldexp, try_ldexp(self, n: impl Operand) -> Array {
        let n = &n.to_array();
        let x = float(self)?;
        if !x.dtype().is_float() || n.dtype().is_inexact() {
            return Err(err!(DType, "ldexp: expected real numbers and int exponents, got {} and \
                                    {}", x.aval(), n.aval()));
        }
        if x.dtype().is_narrow() {
            // Every product that is not 0 in the narrow dtype is exact in f32, so that it is
            // rounded once.
            let wide = lax::try_convert_element_type(&x, DType::F32)?.try_ldexp(n)?;
            return lax::try_convert_element_type(&wide, x.dtype());
        }
        let [a, b, c] = powers_of_two(&counted(n)?, x.dtype())?;
        Ok(x * a * b * c)
    }

    /// `(m, n)` with `x = m · 2ⁿ` and `0.5 ≤ |m| < 1`; zeros, infinities and NaN as they are, with
    /// `n = 0`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (m, n) = array![6.0].frexp();
    /// assert_eq!((m.item::<f32>(), n.item::<i32>()), (0.75, 3));
    /// ```
    fn frexp, try_frexp(self) -> (Array, Array) {
        expect_real("frexp", self)?;
        let x = float(self)?;
        let (int, mantissa, bias) = match x.dtype() {
            DType::F64 => (DType::I64, 52, 1022),
            DType::F32 => (DType::I32, 23, 126),
            narrow => {
                let (m, n) = lax::try_convert_element_type(&x, DType::F32)?.try_frexp()?;
                return Ok((lax::try_convert_element_type(&m, narrow)?, n));
            }
        };
        let number = |i: i64| Array::strong_literal(Scalar::from_i64(int, i).expect("an int"));
        // Subnormals are scaled up first.
        let wide = int == DType::I64;
        let least = like(if wide { f64::MIN_POSITIVE } else { f32::MIN_POSITIVE.into() }, &x);
        let tiny = lax::try_lt(&lax::try_abs(&x)?, &least)?;
        let scale = (f64::from(mantissa) + 2.0).exp2();
        let scaled = lax::try_select_n(&tiny, &[&x, &lax::try_mul(&x, &like(scale, &x))?])?;
        let bits = lax::try_bitcast_convert_type(&lax::try_stop_gradient(&scaled)?, int)?;
        let field = lax::try_shift_right_logical(&bits, &number(mantissa.into()))?;
        let field = lax::try_and(&field, &number(2 * bias + 3))?;
        let n = lax::try_sub(&field, &number(bias))?;
        let n = lax::try_select_n(&tiny, &[&n, &lax::try_sub(&n,
            &number(i64::from(mantissa) + 2))?])?;
        let odd = lax::try_not(&lax::try_and(&x.try_is_finite()?, &lax::try_ne(&x, &like(0.0,
            &x))?)?)?;
        let n = lax::try_select_n(&odd, &[&n, &number(0)])?;
        let n = lax::try_convert_element_type(&n, DType::I32)?;
        let m = x.try_ldexp(&lax::try_neg(&n)?)?;
        Ok((lax::try_select_n(&odd, &[&m, &x])?, n))
    }

    /// The next float from this toward another, elementwise and broadcast. No derivative.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0].nextafter(2.0).item::<f32>(), 1.0 + f32::EPSILON);
    /// ```
    fn nextafter, try_nextafter(self, toward: impl Operand) -> Array {
        let [x, y] = floats("nextafter", self, &toward)?;
        lax::try_nextafter(&x, &y)
    }

    /// The greater of two, elementwise and broadcast; of a number and a NaN the number.
    fn fmax, try_fmax(self, other: impl Operand) -> Array {
        let operands = together("fmax", &[self, &other], false)?;
        let (x, y) = (&operands[0], &operands[1]);
        x.try_gt(y)?.try_logical_or(&y.try_is_nan()?)?.try_select(x, y)
    }

    /// The smaller of two, elementwise and broadcast; of a number and a NaN the number.
    fn fmin, try_fmin(self, other: impl Operand) -> Array {
        let operands = together("fmin", &[self, &other], false)?;
        let (x, y) = (&operands[0], &operands[1]);
        x.try_lt(y)?.try_logical_or(&y.try_is_nan()?)?.try_select(x, y)
    }

    /// 0 below 0, 1 above, `at_zero` there; NaN stays.
    fn heaviside, try_heaviside(self, at_zero: impl Operand) -> Array {
        let [x, h] = floats("heaviside", self, &at_zero)?;
        expect_real("heaviside", &x)?;
        let side = lax::try_select_n(&x.try_lt(0.0)?, &[&like(1.0, &x), &like(0.0, &x)])?;
        let value = x.try_eq(0.0)?.try_select(&h, side)?;
        x.try_is_nan()?.try_select(&x, value)
    }

    /// `sin(πx) / (πx)`, 1 at 0.
    fn sinc, try_sinc(self) -> Array {
        let x = float(self)? * PI;
        // Near 0 the series, whose derivatives are not differences of great numbers.
        let near = lax::try_abs(&lax::try_stop_gradient(&x)?)?.try_lt(1.0)?;
        let square = lax::try_square(&near.try_select(&x, 0.0)?)?;
        let terms = (1..=9).rev().map(|k| f64::from(2 * k * (2 * k + 1)));
        let series = terms.fold(ones_like(&x), |rest, t| 1.0 - &square / t * rest);
        let far = near.try_select(1.0, &x)?;
        near.try_select(series, far.try_sin()? / &far)
    }

    /// Degrees of radians.
    #[doc(alias = "rad2deg")]
    fn degrees, try_degrees(self) -> Array { Ok(float(self)? * (180.0 / PI)) }

    /// Radians of degrees.
    #[doc(alias = "deg2rad")]
    fn radians, try_radians(self) -> Array { Ok(float(self)? * (PI / 180.0)) }

    /// NaN as 0, infinities as the greatest and the least finite number; ints as they are.
    fn nan_to_num, try_nan_to_num(self) -> Array {
        if !self.dtype().is_float() {
            return Ok(self.clone());
        }
        let x = self.try_is_nan()?.try_select(0.0, self)?;
        let most = greatest(x.dtype());
        lax::try_clamp(&like(-most, &x), &x, &like(most, &x))
    }
}

/// Three powers of two whose product is `2ⁿ`, or so far from 1 that every finite number times it
/// overflows or is 0. None of them is infinite or 0, and of the products one after the other only
/// the last is rounded.
fn powers_of_two(n: &Array, dtype: DType) -> Result<[Array; 3], Error> {
    let (int, mantissa, bias) = match dtype {
        DType::F64 => (DType::I64, 52, 1023),
        _ => (DType::I32, 23, 127),
    };
    let number = |i: i64| Array::strong_literal(Scalar::from_i64(int, i).expect("an int"));
    let power = |e: &Array| {
        let field = lax::try_shift_left(&lax::try_add(e, &number(bias))?, &number(mantissa))?;
        lax::try_bitcast_convert_type(&field, dtype)
    };
    // A step down leaves more than the digits of a number to the last one: what is subnormal before
    // that becomes 0.
    let (up, down) = (bias, mantissa + 2 - bias);
    let step = |n: &Array| -> Result<(Array, Array), Error> {
        let above = lax::try_gt(n, &number(bias))?.try_select(number(up), number(0))?;
        let e = lax::try_lt(n, &number(1 - bias))?.try_select(number(down), above)?;
        Ok((power(&e)?, lax::try_sub(n, &e)?))
    };
    let far = 4 * bias;
    let (a, n) = step(&moved_into(n, -far, far, int)?)?;
    let (b, n) = step(&n)?;
    Ok([a, b, power(&lax::try_clamp(&number(1 - bias), &n, &number(bias))?)?])
}

/// `ln (e^(ax) + e^(ay)) / a`; of complex numbers with the imaginary part from -π up to π, over a.
fn log_add(x: &Array, y: &Array, a: f64) -> Result<Array, Error> {
    if x.dtype().is_complex() {
        let most = lax::try_max(x, y)?;
        let sum = &most + ((x + y - 2.0 * &most) * a).try_exp()?.try_log1p()? / a;
        let turn = PI / a;
        let angle = (lax::try_imag(&sum)? + turn).try_remainder(2.0 * turn)? - turn;
        return lax::try_complex(&lax::try_real(&sum)?, &angle);
    }
    logaddexp::log_add(x, y, a)
}
