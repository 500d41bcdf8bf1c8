//! Hurwitz's zeta function and the derivatives of digamma. Both are composed, so their derivatives
//! follow from their parts.
//!
//! `ζ(s, q) = ∑ₖ (q + k)⁻ˢ`: the first terms are summed one by one, and the rest is given by the
//! Euler-Maclaurin formula.

use crate::core::array::Array;
use crate::prims::points::binary::{try_add, try_div, try_mul, try_pow};
use crate::prims::points::power::try_integer_pow;
use crate::prims::rules::apply::{composed, expect};
use crate::prims::rules::numbers::number;
use cotangent_jit::{Error, err};

/// The number of terms that are summed one by one.
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

/// Hurwitz's zeta function `ζ(s, q) = ∑ₖ (q + k)⁻ˢ` over `k ≥ 0`, for `s > 1` and `q > 0`.
///
/// Floats of one dtype and shape; one operand may be a scalar. Derivative: that of the formula,
/// with respect to both. Panics where [`try_zeta`] gives an error.
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

/// Returns the error of [`zeta`] instead of panicking.
///
/// Fails if the operands are not floats or do not fit.
#[track_caller]
pub fn try_zeta(s: &Array, q: &Array) -> Result<Array, Error> {
    composed("zeta", || {
        floats("zeta", s)?;
        floats("zeta", q)?;
        let n = |x: f64| number(x, q.dtype());
        let minus_s = crate::prims::points::unary::try_neg(s)?;
        let power = |x: &Array| try_pow(x, &minus_s);
        let s_plus = |a: f64| try_add(s, &n(a));
        euler_maclaurin(q, power, s_plus)
    })
}

/// The `n`th derivative of digamma: `ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x)` for `n ≥ 1`, and digamma
/// itself for `n = 0`.
///
/// Floats, `x > -6`; for smaller `x` the result loses digits. Derivative: `polygamma(n + 1, x) t`.
/// Panics where [`try_polygamma`] gives an error.
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

/// Returns the error of [`polygamma`] instead of panicking.
///
/// Fails if the operand is not a float.
#[track_caller]
pub fn try_polygamma(n: u32, x: &Array) -> Result<Array, Error> {
    composed("polygamma", || {
        floats("polygamma", x)?;
        if n == 0 {
            return crate::prims::points::unary::try_digamma(x);
        }
        let s = n as i32 + 1;
        let power = |x: &Array| try_integer_pow(x, -s);
        let s_plus = |a: f64| Ok(number(f64::from(s) + a, x.dtype()));
        let sum = euler_maclaurin(x, power, s_plus)?;
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

/// `∑ₖ (q + k)⁻ˢ`, from `power(x) = x⁻ˢ` and `s_plus(a) = s + a`.
fn euler_maclaurin(
    q: &Array,
    power: impl Fn(&Array) -> Result<Array, Error>,
    s_plus: impl Fn(f64) -> Result<Array, Error>,
) -> Result<Array, Error> {
    let n = |x: f64| number(x, q.dtype());
    let end = try_add(q, &n(TERMS as f64))?;
    let last = power(&end)?;
    // The integral of the remaining terms, and half of the first of them.
    let mut sum = try_div(&try_mul(&end, &last)?, &s_plus(-1.0)?)?;
    sum = try_add(&sum, &try_mul(&last, &n(0.5))?)?;
    let inverse = try_div(&n(1.0), &end)?;
    let mut factor = try_mul(&try_mul(&last, &inverse)?, &s_plus(0.0)?)?;
    let square = try_mul(&inverse, &inverse)?;
    for (j, correction) in CORRECTIONS.into_iter().enumerate() {
        sum = try_add(&sum, &try_mul(&factor, &n(correction))?)?;
        let j = 2.0 * j as f64;
        let step = try_mul(&s_plus(j + 1.0)?, &s_plus(j + 2.0)?)?;
        factor = try_mul(&try_mul(&factor, &square)?, &step)?;
    }
    // Sums from the least term to the greatest.
    for k in (0..TERMS).rev() {
        sum = try_add(&sum, &power(&try_add(q, &n(k as f64))?)?)?;
    }
    Ok(sum)
}
