//! Rounding to decimals.
//!
//! Not here: rounding to integral numbers (`math`, `numbers`).

use super::fallible::methods;
use super::finfo::epsilon;
use crate::core::array::Array;
use crate::prims::lax;
use crate::prims::rules::numbers::{holds, number};
use cotangent_jit::{DType, Error, Scalar};

methods! {
    //! # Round to decimals

    /// Rounded to so many decimals; of two numbers that are equally near, the one with an even last
    /// digit. Negative decimals round to tens, hundreds and so on, of ints too.
    ///
    /// Of floats `round(x 10ᵈ) / 10ᵈ`, or `x` where the dtype has no further digits; narrow floats
    /// are computed in f32, complex numbers by their parts. The dtype stays. An int is 0 if its
    /// dtype does not hold `10⁻ᵈ`. Derivative: 0.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.234, -0.055].round_to(2).to_vec::<f32>(), [1.23, -0.06]);
    /// assert_eq!(array![14, 15, 25, -26].round_to(-1).to_vec::<i32>(), [10, 20, 20, -30]);
    /// ```
    #[doc(alias = "around")]
    #[doc(alias = "decimals")]
    fn round_to, try_round_to(self, decimals: i32) -> Array {
        match self.dtype() {
            d if d.is_complex() => lax::try_complex(
                &lax::try_real(self)?.try_round_to(decimals)?,
                &lax::try_imag(self)?.try_round_to(decimals)?,
            ),
            d if d.is_float() && d.is_narrow() => {
                let wide = lax::try_convert_element_type(self, DType::F32)?;
                lax::try_convert_element_type(&wide.try_round_to(decimals)?, d)
            }
            d if d.is_float() => round_float(self, decimals),
            d if d.is_int() && decimals < 0 => round_int(self, decimals),
            _ => Ok(self.clone()),
        }
    }
}

/// Rounding to decimals, of f32 or f64.
fn round_float(x: &Array, decimals: i32) -> Result<Array, Error> {
    let d = x.dtype();
    let factor = 10f64.powi(decimals.saturating_abs());
    let held = match d {
        DType::F32 => (factor as f32).is_finite(),
        _ => factor.is_finite(),
    };
    // The result moves in jumps.
    let x = lax::stop_gradient(x);
    match decimals {
        0 => return lax::try_round_even(&x),
        1.. if !held => return Ok(x),
        ..0 if !held => return lax::try_mul(&x, &number(0.0, d)),
        _ => {}
    }
    let by = number(factor, d);
    if decimals < 0 {
        return lax::try_mul(&lax::try_round_even(&lax::try_div(&x, &by)?)?, &by);
    }
    let scaled = lax::try_mul(&x, &by)?;
    let rounded = lax::try_div(&lax::try_round_even(&scaled)?, &by)?;
    // From here on a dtype has no fractions; the product may even have overflowed.
    let whole = scaled.try_abs()?.try_ge(1.0 / epsilon(d))?;
    whole.try_select(&x, rounded)
}

/// Rounding to a power of ten, of ints.
fn round_int(x: &Array, decimals: i32) -> Result<Array, Error> {
    let d = x.dtype();
    let power = 10i128.checked_pow(decimals.unsigned_abs()).filter(|p| holds(d, *p));
    let literal = |n: i128| Array::strong_literal(Scalar::from_bits(d, n as u128));
    let wide = |n: i128| lax::try_full(x.shape(), Scalar::from_bits(d, n as u128));
    let Some(power) = power else {
        return wide(0);
    };
    let (quotient, rest) = x.try_divmod(literal(power))?;
    let half = wide(power / 2)?;
    let odd = lax::try_and(&quotient, &wide(1)?)?.try_ne(0)?;
    let tie = lax::try_and(&lax::try_eq(&rest, &half)?, &odd)?;
    let up = lax::try_or(&lax::try_gt(&rest, &half)?, &tie)?;
    let quotient = lax::try_add(&quotient, &lax::try_convert_element_type(&up, d)?)?;
    lax::try_mul(&quotient, &wide(power)?)
}
