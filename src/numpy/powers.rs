//! Powers: `x.square()`, `x.powi(3)`, `x.pow(y)`. Bools count as ints.

use super::fallible::methods;
use super::math::float;
use crate::core::array::Array;
use crate::prims::array::literal::{Operand, together};
use crate::prims::array::number::Number;
use crate::prims::array::operators::counted;
use crate::prims::lax;
use crate::prims::rules::numbers::number;
use cotangent_jit::{DType, Error};

methods! {
    //! # Squares and powers

    /// `x²`. Ints (wrapping), floats and complex numbers; bools as i32.
    fn square, try_square(self) -> Array { lax::try_square(&counted(self)?) }

    /// `xⁿ` as products, for a fixed int `n`. Floats; ints (wrapping) if `n` is not negative; bools
    /// as i32.
    fn powi, try_powi(self, n: i32) -> Array { lax::try_integer_pow(&counted(self)?, n) }

    /// `xʸ`, elementwise and broadcast. An int number as exponent is a power of products, for which
    /// ints become floats if it is negative.
    ///
    /// Ints to the power of an array of ints stay ints and wrap: exponents count modulo 64, as in
    /// JAX, so that a negative one gives a number without a meaning. Derivative: [`lax::pow`],
    /// [`lax::integer_pow`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![2.0, 3.0].pow(2).to_vec::<f32>(), [4.0, 9.0]);
    /// assert_eq!(array![4.0, 9.0].pow(0.5).to_vec::<f32>(), [2.0, 3.0]);
    /// assert_eq!(array![2, 3].pow(array![10, 0]).to_vec::<i32>(), [1024, 1]);
    /// ```
    #[doc(alias = "power")]
    fn pow, try_pow(self, exponent: impl Operand) -> Array {
        match exponent.number().and_then(Number::int).map(i32::try_from) {
            Some(Ok(n)) => {
                let x = if n < 0 { float(self)? } else { counted(self)? };
                lax::try_integer_pow(&x, n)
            }
            _ => {
                let operands = together("pow", &[self, &exponent], false)?;
                let by_ints = exponent.array().is_some_and(|n| n.dtype().is_int() && !n.is_weak());
                if operands[0].dtype().is_inexact() {
                    let power = lax::try_pow(&operands[0], &operands[1])?;
                    let counted = self.dtype().is_inexact() && by_ints;
                    return if counted { strong(power) } else { Ok(power) };
                }
                strong(int_pow(&counted(&operands[0])?, &counted(&operands[1])?)?)
            }
        }
    }

    /// `xʸ` in floats, elementwise and broadcast: ints and bools become f32, those of 64 bits f64.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![2, 3].float_power(array![-1, 2]).to_vec::<f32>(), [0.5, 9.0]);
    /// ```
    fn float_power, try_float_power(self, exponent: impl Operand) -> Array {
        let operands = together("float_power", &[self, &exponent], true)?;
        lax::try_pow(&operands[0], &operands[1])
    }
}

/// With a dtype that no longer gives way.
pub(super) fn strong(x: Array) -> Result<Array, Error> {
    if x.is_weak() { lax::try_convert_element_type(&x, x.dtype()) } else { Ok(x) }
}

/// By the six lowest binary digits of the exponent; 0 to any power but 0 is 0.
fn int_pow(x: &Array, y: &Array) -> Result<Array, Error> {
    let n = |value: f64, like: &Array| number(value, like.dtype());
    let vanishes = lax::try_and(&lax::try_eq(x, &n(0.0, x))?, &lax::try_ne(y, &n(0.0, y))?)?;
    let mut power = lax::try_select_n(&vanishes, &[&n(1.0, x), &n(0.0, x)])?;
    let (mut square, mut digits) = (x.clone(), y.clone());
    for round in 0..6 {
        if round > 0 {
            square = lax::try_mul(&square, &square)?;
            digits = lax::try_shift_right_logical(&digits, &n(1.0, y))?;
        }
        let odd = lax::try_and(&digits, &n(1.0, y))?;
        let odd = lax::try_convert_element_type(&odd, DType::Bool)?;
        power = lax::try_select_n(&odd, &[&power, &lax::try_mul(&power, &square)?])?;
    }
    Ok(power)
}
