//! exp, exp2, expm1 and the logistic function.
//!
//! `exp(x) = 2^(2n) * exp(r)` with `n` the integer nearest to `x / (2 ln 2)`, which adding a large
//! constant leaves in the low bits of the sum, and `|r| <= ln 2`. Scaling by `2^n` twice reaches
//! every result, subnormal or infinite, with one rounding. The polynomials are minimax fits (Remez
//! exchange, then rounding coefficient by coefficient).

use super::term::Term;
use std::f64::consts::{LN_2, LOG2_E};

/// `1.5 * 2^23` or `1.5 * 2^52`. A number that is added to it is rounded to an integer, which the
/// low bits of the sum hold.
pub(super) fn magic(x: Term) -> f64 {
    x.by_width(12_582_912.0, 6_755_399_441_055_744.0)
}

/// `ln 2` less its nearest neighbour among the floats of this width.
pub(super) fn ln_2_rest(x: Term) -> f64 {
    x.by_width(LN_2 - LN_2 as f32 as f64, 2.3190468138462996e-17)
}

/// `2^(n + add)` for an integer that ends in the bits of `n` (all higher ones are shifted out),
/// such as the bits of `magic + n`; the exponent must be that of a normal number.
pub(super) fn power_of_two(n: Term, add: i64) -> Term {
    let (mantissa, bias) = n.by_width((23, 127), (52, 1023));
    (n.shl(mantissa) + ((bias + add) << mantissa)).float()
}

/// `p * 2^(2n)` for `t = magic + n`.
fn scale<'s>(p: Term<'s>, t: Term<'s>) -> Term<'s> {
    let s = power_of_two(t.bits(), 0);
    p * s * s
}

/// `p * 2^n` for `t = magic + n`: by half of `n` and by the rest, so that results below the normal
/// numbers round once.
pub(super) fn scale_twice<'s>(p: Term<'s>, t: Term<'s>) -> Term<'s> {
    let half = t.bits().shr(1);
    p * power_of_two(half, 0) * power_of_two(t.bits() - half, 0)
}

pub(super) fn exp(x: Term) -> Term {
    let (least, most) = x.by_width((-104.0, 89.0), (-746.0, 710.0));
    exp_within(x.at_least(least).at_most(most))
}

/// `exp` where `2^(n)` below stays normal: between -120 and 120, -1400 and 1400.
pub(super) fn exp_within(x: Term) -> Term {
    let t = x.fma(0.5 * LOG2_E, x.like(magic(x)));
    let n = t - magic(x);
    let r = n.fma(-2.0 * LN_2, x);
    let r = n.fma(-2.0 * ln_2_rest(x), r);
    scale(r.poly(x.by_width(&EXP_32, &EXP_64)), t)
}

pub(super) fn exp2(x: Term) -> Term {
    let (least, most) = x.by_width((-151.0, 129.0), (-1076.0, 1025.0));
    let x = x.at_least(least).at_most(most);
    let t = x.fma(0.5, x.like(magic(x)));
    let r = (t - magic(x)).fma(-2.0, x);
    scale(r.poly(x.by_width(&EXP2_32, &EXP2_64)), t)
}

/// `(exp(r) - 1, magic + n)` with `x = r + n ln 2`, `|r| <= ln(2) / 2`.
pub(super) fn expm1_reduced<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    expm1_reduced_sum(x, None)
}

/// The same of `x + rest`, where `rest` is below the last place of `x`.
pub(super) fn expm1_reduced_sum<'s>(x: Term<'s>, rest: Option<Term<'s>>) -> (Term<'s>, Term<'s>) {
    let t = x.fma(LOG2_E, x.like(magic(x)));
    let n = t - magic(x);
    let r = n.fma(-LN_2, x);
    let r = match rest {
        Some(rest) => r + n.fma(-ln_2_rest(x), rest),
        None => n.fma(-ln_2_rest(x), r),
    };
    ((r * r).fma(r.poly(x.by_width(&EXPM1_32, &EXPM1_64)), r), t)
}

/// `exp(x) - 1`. With `x = n ln 2 + r` it is `2^n (exp(r) - 1) + (2^n - 1)`, computed at half its
/// size so that `2^128` does not overflow on the way.
pub(super) fn expm1(x: Term) -> Term {
    let (least, most) = x.by_width((-18.0, 89.0), (-38.0, 710.0));
    let (p, t) = expm1_reduced(x.at_least(least).at_most(most));
    let s = power_of_two(t.bits(), -1);
    let half = s.fma(p, s - 0.5);
    x.abs().lt(x.by_width(3e-8, 5e-17)).select(x, half + half)
}

/// `exp(-|x|) / (1 + exp(-|x|))` on the left, `1 / (1 + exp(-|x|))` on the right: neither
/// overflows. On the left, where errors add up most, the rounding error of the sum is corrected to
/// first order: there the reciprocal of the sum is `1 - q`. The exponential takes the short
/// argument of `expm1`, which costs three ops and saves half a unit in the last place.
pub(super) fn logistic(x: Term) -> Term {
    let least = x.by_width(-104.0, -746.0);
    let (p, t) = expm1_reduced((-x.abs()).at_least(least));
    let e = scale_twice(p + 1.0, t);
    let sum = e + 1.0;
    let lost = e - (sum - 1.0);
    let q = x.lt(0.0).select(e, 1.0) / sum;
    (q * (q - 1.0)).fma(lost, q)
}

/// Relative error 2^-30.0 on [-ln 2, ln 2].
const EXP_32: [f64; 9] = [
    1.0,
    1.0,
    0.5,
    1.6666672e-01,
    4.1666593e-02,
    8.332654e-03,
    1.3892488e-03,
    2.0093222e-04,
    2.4493927e-05,
];

/// Relative error 2^-58.3 on [-ln 2, ln 2].
const EXP_64: [f64; 15] = [
    1.0,
    1.0,
    0.5,
    0.16666666666666657,
    0.04166666666666694,
    0.008333333333336912,
    0.0013888888888834042,
    0.00019841269836643274,
    2.480158734044391e-05,
    2.755732199926101e-06,
    2.7557306889090686e-07,
    2.505125934176506e-08,
    2.087844762430865e-09,
    1.618770201730133e-10,
    1.1418011255998594e-11,
];

/// Relative error 2^-29.8 on [-1, 1].
const EXP2_32: [f64; 9] = [
    1.0,
    LN_2,
    2.402265e-01,
    5.5504113e-02,
    9.618112e-03,
    1.333268e-03,
    1.5407597e-04,
    1.543505e-05,
    1.3042372e-06,
];

/// Relative error 2^-56.3 on [-1, 1].
const EXP2_64: [f64; 14] = [
    1.0,
    LN_2,
    0.2402265069591003,
    0.05550410866482288,
    0.009618129107637367,
    0.001333355814630514,
    0.00015403530387189795,
    1.5252733848937261e-05,
    1.321548872823158e-06,
    1.0178078526401238e-07,
    7.054609127154527e-09,
    4.446091670229682e-10,
    2.590846931839903e-11,
    1.3579458649785386e-12,
];

/// `(exp(r) - 1 - r) / r^2`; of `exp(r) - 1` relative error 2^-30.9 for `|r| <= ln(2) / 2`.
const EXPM1_32: [f64; 6] =
    [0.5, 1.6666666e-01, 4.166649e-02, 8.333527e-03, 1.3932801e-03, 1.9778773e-04];

/// The coefficients for f64, with relative error 2^-61.5.
const EXPM1_64: [f64; 11] = [
    0.5,
    0.16666666666666677,
    0.04166666666666668,
    0.008333333333321662,
    0.0013888888888896349,
    0.00019841269885915937,
    2.4801587276352516e-05,
    2.755724438748989e-06,
    2.755732941967924e-07,
    2.510900802120596e-08,
    2.0894665874750268e-09,
];
