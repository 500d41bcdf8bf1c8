//! Logarithms of sums of two exponentials, with derivatives of any order where the operands are
//! equal or infinite.
//!
//! `ln (eˣ + eʸ) = y + ln (1 + e^(x - y))`, and the same with `x` and `y` exchanged. Both formulas
//! are smooth; the computation takes the one in which nothing overflows, which depends on which
//! operand is greater. Where the operands are equal infinities, whose difference is NaN, each gets
//! half of the tangent.

use crate::core::array::Array;
use crate::prims::points::binary::{try_add, try_div, try_mul, try_sub};
use crate::prims::points::compare::{try_gt, try_ne};
use crate::prims::points::select::try_select_n;
use crate::prims::points::unary::{try_exp, try_log1p, try_neg};
use crate::prims::rules::numbers::number;
use cotangent_jit::Error;

/// `x - y`, and whether it is NaN. Where it is NaN, the first result is 0 without a derivative.
pub(in crate::prims) fn difference(x: &Array, y: &Array) -> Result<(Array, Array), Error> {
    let difference = try_sub(x, y)?;
    let is_nan = try_ne(&difference, &difference)?;
    Ok((try_select_n(&is_nan, &[&difference, &number(0.0, x.dtype())])?, is_nan))
}

/// `ln (e^(a x) + e^(a y)) / a` for real operands.
pub(crate) fn log_add(x: &Array, y: &Array, a: f64) -> Result<Array, Error> {
    let n = |value| number(value, x.dtype());
    let (difference, is_nan) = difference(x, y)?;
    let x_greater = try_gt(x, y)?;
    let minus_distance = try_select_n(&x_greater, &[&difference, &try_neg(&difference)?])?;
    let scaled = if a == 1.0 { minus_distance } else { try_mul(&minus_distance, &n(a))? };
    let mut rest = try_log1p(&try_exp(&scaled)?)?;
    if a != 1.0 {
        rest = try_div(&rest, &n(a))?;
    }
    let sum = try_add(&try_select_n(&x_greater, &[y, x])?, &rest)?;
    try_select_n(&is_nan, &[&sum, &try_mul(&try_add(x, y)?, &n(0.5))?])
}
