//! Hurwitz's zeta function and the derivatives of digamma, composed: their own derivatives follow.
//!
//! `ζ(s, q) = ∑ₖ (q + k)⁻ˢ`, the first terms one by one, the rest by Euler and Maclaurin's formula.

use crate::core::array::Array;
use crate::prims::points::binary::{try_add, try_div, try_mul, try_pow};
use crate::prims::points::power::try_integer_pow;
use crate::prims::rules::apply::{composed, expect};
use crate::prims::rules::numbers::number;
use cotangent_jit::{Error, err};

/// How many terms are taken one by one.
const TERMS: usize = 16;

/// `B(2j) / (2j)!` with Bernoulli's numbers `B`, from `j = 1` on.
const CORRECTIONS: [f64; 9] = [
    8.333333333333333e-2,
    -1.388888888888889e-3,
    3.306878306878307e-5,
    -8.267195767195767e-7,
    2.08767569878681e-8,
    -5.284190138687493e-10,
    1.3382536530684679e-11,
    -3.3896802963225827e-13,
    8.586062056277845e-15,
];

/// Hurwitz's zeta function `ζ(s, q) = ∑ₖ (q + k)⁻ˢ` over `k` from 0 on, for `s > 1` and `q > 0`.
///
/// Floats of one dtype and shape, or a scalar beside an array. Derivative: that of the formula, in both. Panics where
/// [`try_zeta`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let basel = lax::zeta(&array![2.0], &array![1.0]).item::<f32>();
/// assert!((basel - std::f32::consts::PI.powi(2) / 6.0).abs() < 1e-6);
/// ```
#[track_caller]
pub fn zeta(s: &Array, q: &Array) -> Array {
    expect(try_zeta(s, q))
}

/// [`zeta`], or an error if the operands are no floats or do not fit.
#[track_caller]
pub fn try_zeta(s: &Array, q: &Array) -> Result<Array, Error> {
    composed("zeta", || {
        floats("zeta", s)?;
        floats("zeta", q)?;
        let n = |x: f64| number(x, q.dtype());
        let down = crate::prims::points::unary::try_neg(s)?;
        let power = |x: &Array| try_pow(x, &down);
        let slope = |a: f64| try_add(s, &n(a));
        euler_maclaurin(q, power, slope)
    })
}

/// The `n`th derivative of digamma: `ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x)` for `n` from 1 on, and digamma itself for 0.
///
/// Floats, `x > -6`; further to the left it loses digits. Derivative: `polygamma(n + 1, x) t`. Panics where
/// [`try_polygamma`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let trigamma = lax::polygamma(1, &array![1.0]).item::<f32>();
/// assert!((trigamma - std::f32::consts::PI.powi(2) / 6.0).abs() < 1e-6);
/// ```
#[track_caller]
pub fn polygamma(n: u32, x: &Array) -> Array {
    expect(try_polygamma(n, x))
}

/// [`polygamma`], or an error if the operand is no float.
#[track_caller]
pub fn try_polygamma(n: u32, x: &Array) -> Result<Array, Error> {
    composed("polygamma", || {
        floats("polygamma", x)?;
        if n == 0 {
            return crate::prims::points::unary::try_digamma(x);
        }
        let s = n as i32 + 1;
        let power = |x: &Array| try_integer_pow(x, -s);
        let slope = |a: f64| Ok(number(f64::from(s) + a, x.dtype()));
        let sum = euler_maclaurin(x, power, slope)?;
        let factorial: f64 = (1..=n).map(f64::from).product();
        let sign = if n % 2 == 1 { factorial } else { -factorial };
        try_mul(&sum, &number(sign, x.dtype()))
    })
}

fn floats(name: &str, x: &Array) -> Result<(), Error> {
    if x.dtype().is_float() {
        return Ok(());
    }
    Err(err!(DType, "{name}: expected a float, got {}; convert it", x.aval()))
}

/// `∑ₖ (q + k)⁻ˢ`, from `power(x) = x⁻ˢ` and `slope(a) = s + a`.
fn euler_maclaurin(
    q: &Array,
    power: impl Fn(&Array) -> Result<Array, Error>,
    slope: impl Fn(f64) -> Result<Array, Error>,
) -> Result<Array, Error> {
    let n = |x: f64| number(x, q.dtype());
    let end = try_add(q, &n(TERMS as f64))?;
    let last = power(&end)?;
    // The integral of what is left, and half of its first term.
    let mut sum = try_div(&try_mul(&end, &last)?, &slope(-1.0)?)?;
    sum = try_add(&sum, &try_mul(&last, &n(0.5))?)?;
    let inverse = try_div(&n(1.0), &end)?;
    let mut factor = try_mul(&try_mul(&last, &inverse)?, &slope(0.0)?)?;
    let square = try_mul(&inverse, &inverse)?;
    for (j, correction) in CORRECTIONS.into_iter().enumerate() {
        sum = try_add(&sum, &try_mul(&factor, &n(correction))?)?;
        let j = 2.0 * j as f64;
        let step = try_mul(&slope(j + 1.0)?, &slope(j + 2.0)?)?;
        factor = try_mul(&try_mul(&factor, &square)?, &step)?;
    }
    // From the least to the greatest.
    for k in (0..TERMS).rev() {
        sum = try_add(&sum, &power(&try_add(q, &n(k as f64))?)?)?;
    }
    Ok(sum)
}
