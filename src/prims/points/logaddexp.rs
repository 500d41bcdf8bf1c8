//! Sums of two exponentials by their logarithms, with derivatives to any order where both are equal or infinite.
//!
//! `ln (eˣ + eʸ) = y + ln (1 + e^(x - y))`, and the same with `x` and `y` exchanged. Each of the two is smooth; which one is
//! computed depends on which operand is greater, so that nothing overflows. Equal infinities, whose distance is none, have
//! half of the tangent each.

use crate::core::array::Array;
use crate::prims::points::binary::{try_add, try_div, try_mul, try_sub};
use crate::prims::points::compare::{try_gt, try_ne};
use crate::prims::points::select::try_select_n;
use crate::prims::points::unary::{try_exp, try_log1p, try_neg};
use crate::prims::rules::numbers::number;
use cotangent_jit::Error;

/// `x - y`, and whether it is NaN; there it is 0, without a derivative.
pub(in crate::prims) fn apart(x: &Array, y: &Array) -> Result<(Array, Array), Error> {
    let apart = try_sub(x, y)?;
    let none = try_ne(&apart, &apart)?;
    Ok((try_select_n(&none, &[&apart, &number(0.0, x.dtype())])?, none))
}

/// `ln (e^(a x) + e^(a y)) / a` of real operands.
pub(crate) fn log_add(x: &Array, y: &Array, a: f64) -> Result<Array, Error> {
    let n = |value| number(value, x.dtype());
    let (apart, none) = apart(x, y)?;
    let right = try_gt(x, y)?;
    let behind = try_select_n(&right, &[&apart, &try_neg(&apart)?])?;
    let scaled = if a == 1.0 { behind } else { try_mul(&behind, &n(a))? };
    let mut rest = try_log1p(&try_exp(&scaled)?)?;
    if a != 1.0 {
        rest = try_div(&rest, &n(a))?;
    }
    let sum = try_add(&try_select_n(&right, &[y, x])?, &rest)?;
    try_select_n(&none, &[&sum, &try_mul(&try_add(x, y)?, &n(0.5))?])
}
