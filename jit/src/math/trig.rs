//! sin, cos and tan.

use super::exp::magic;
use super::term::Term;
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// The integer `n` nearest to `2 x / pi`, and the sum whose bits end in those of `n`.
fn turns<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    let t = x.fma(FRAC_2_PI, x.like(magic(x)));
    (t - magic(x), t)
}

/// `pi / 2` as a sum of three floats.
fn parts(x: Term) -> [f64; 3] {
    x.by_width(
        [FRAC_PI_2, -4.371139e-08, -1.7151245e-15],
        [FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33],
    )
}

/// `(r, t)`: `x = r + n pi/2` with `|r| <= pi/4` or barely more, and the bits of `t` end in those of the integer `n`.
fn reduce<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    let (n, t) = turns(x);
    (parts(x).into_iter().fold(x, |r, part| n.fma(-part, r)), t)
}

/// As `reduce`, with what rounding `r` lost as a third value.
fn reduce_twice<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>, Term<'s>) {
    let (n, t) = turns(x);
    let c = parts(x);
    let first = n.fma(-c[0], x);
    let part = n * c[1];
    let lost_part = n.fma(c[1], -part);
    let r = first - part;
    let low = n.fma(-c[2], ((first - r) - part) - lost_part);
    (r, low, t)
}

/// `sin` if the low bits of `quadrant` are 0, `cos` if they are 1, then their negatives.
fn turn<'s>(r: Term<'s>, quadrant: Term<'s>) -> Term<'s> {
    let z = r * r;
    let sin = (r * z).fma(z.poly(r.by_width(&SIN_32, &SIN_64)), r);
    let cos = z.poly(r.by_width(&COS_32, &COS_64));
    let value = (quadrant & 1).eq(0).select(sin, cos);
    let sign = (quadrant & 2).shl(r.by_width(30, 62));
    (value.bits() ^ sign).float()
}

pub(super) fn sin(x: Term) -> Term {
    let (r, t) = reduce(x);
    x.eq(0.0).select(x, turn(r, t.bits()))
}

pub(super) fn cos(x: Term) -> Term {
    let (r, t) = reduce(x);
    turn(r, t.bits() + 1)
}

/// The tangent of the reduced argument, or its negative reciprocal in the odd quadrants.
pub(super) fn tan(x: Term) -> Term {
    let (r, low, t) = reduce_twice(x);
    let z = r * r;
    let ratio = if x.narrow() { z.poly(&TAN_32) } else { z.poly(&TAN_64) / z.poly(&TAN_64_UNDER) };
    // To first order `low` grows by the derivative, `1 + tan^2`.
    let value = r + (r * z).fma(ratio, low.fma(z, low));
    let turned = (t.bits() & 1).eq(0).select(value, x.like(-1.0) / value);
    x.eq(0.0).select(x, turned)
}

/// `(sin(r) - r) / r^3` in powers of `r^2`; of `sin` relative error 2^-27.6 for `|r| <= 1.03 pi/4`.
const SIN_32: [f64; 3] = [-1.6666652e-01, 8.332013e-03, -1.9495419e-04];

/// The same with relative error 2^-57.3.
const SIN_64: [f64; 6] = [
    -0.16666666666666616,
    0.008333333333318317,
    -0.00019841269826506344,
    2.755731254350728e-06,
    -2.5050578334553184e-08,
    1.5886398537134906e-10,
];

/// `cos(r)` in powers of `r^2`, relative error 2^-32.5.
const COS_32: [f64; 5] = [1.0, -0.5, 4.166664e-02, -1.3887127e-03, 2.4411438e-05];

/// The same with relative error 2^-63.3.
const COS_64: [f64; 8] = [
    1.0,
    -0.5,
    0.04166666666666656,
    -0.0013888888888867414,
    2.4801587285341728e-05,
    -2.7557313170907526e-07,
    2.0875564704888786e-09,
    -1.1351543310217274e-11,
];

/// `(tan(r) - r) / r^3` in powers of `r^2`; of `tan` relative error 2^-29.3 for `|r| <= 1.01 pi/4`.
const TAN_32: [f64; 7] = [
    3.3333352e-01,
    1.3332571e-01,
    5.407098e-02,
    2.122261e-02,
    1.0995537e-02,
    -1.1874606e-04,
    4.4815456e-03,
];

/// The same as a quotient, relative error 2^-61.0.
const TAN_64: [f64; 4] =
    [0.37362998660193547, -0.02403534322199812, 0.00027451144849549195, -2.0066348228619388e-08];

/// The denominator of that.
const TAN_64_UNDER: [f64; 4] =
    [1.1208899598058064, -0.5204620135883166, 0.027530917717011015, -0.00028701927412376997];
