//! sin, cos and tan. Arguments too large for the reduction here are left to `far`.

use super::exp::magic;
use super::term::Term;
use crate::op::ScalarOp;
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

/// `(r, t)`: `x = r + n pi/2` with `|r| <= pi/4` or barely more, and the bits of `t` end in those
/// of the integer `n`.
fn reduce<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    let (n, t) = turns(x);
    (parts(x).into_iter().fold(x, |r, part| n.fma(-part, r)), t)
}

/// As `reduce`, with the rounding error of `r` as a further value.
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

/// The sine of a reduced argument.
fn sin_of(r: Term) -> Term {
    let z = r * r;
    (r * z).fma(z.poly(r.by_width(&SIN_32, &SIN_64)), r)
}

/// The cosine of a reduced argument.
fn cos_of(r: Term) -> Term {
    (r * r).poly(r.by_width(&COS_32, &COS_64))
}

/// `sin` if the low bits of `quadrant` are 0, `cos` if they are 1, then their negatives.
fn turn<'s>(r: Term<'s>, quadrant: Term<'s>) -> Term<'s> {
    let value = (quadrant & 1).eq(0).select(sin_of(r), cos_of(r));
    let sign = (quadrant & 2).shl(r.by_width(30, 62));
    (value.bits() ^ sign).float()
}

pub(super) fn sin(x: Term) -> Term {
    let (r, t) = reduce(x);
    x.eq(0.0).select(x, x.binary(ScalarOp::FarSin, turn(r, t.bits())))
}

/// [`sin`] of a few turns at most.
pub(super) fn sin_of_few(x: Term) -> Term {
    let (r, t) = reduce(x);
    turn(r, t.bits())
}

pub(super) fn cos(x: Term) -> Term {
    let (r, t) = reduce(x);
    x.binary(ScalarOp::FarCos, turn(r, t.bits() + 1))
}

/// Below this number, which is barely less than `pi / 4`, the reduction finds no turns and leaves
/// the argument as it is.
const UNTURNED: f64 = 0.785;

/// The condition under which [`sin`] need not reduce its argument, and its value then. A zero is
/// excluded: it must keep its sign, which the formula loses.
pub(super) fn sin_near<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    let a = x.abs();
    (a.le(UNTURNED) & a.gt(0.0), sin_of(x))
}

/// The condition under which [`cos`] need not reduce its argument, and its value then.
pub(super) fn cos_near<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    (x.abs().le(UNTURNED), cos_of(x))
}

pub(super) fn tan(x: Term) -> Term {
    x.eq(0.0).select(x, x.binary(ScalarOp::FarTan, tan_of_few(x)))
}

/// [`tan`] of a few turns at most: that of the reduced argument, or its negative reciprocal in the
/// odd quadrants.
pub(super) fn tan_of_few(x: Term) -> Term {
    let (r, low, t) = reduce_twice(x);
    let z = r * r;
    let over = z.poly(x.by_width(&TAN_32, &TAN_64));
    let ratio = over / z.poly(x.by_width(&TAN_32_UNDER, &TAN_64_UNDER));
    // To first order `low` grows by the derivative, `1 + tan^2`, near enough `1 + 3/2 r^2`.
    let beside = (r * z).fma(ratio, low.fma(z * 1.5, low));
    let value = r + beside;
    // The rounding error of the sum changes the reciprocal, to first order.
    let lost = (r - value) + beside;
    let inverse = x.like(-1.0) / value;
    (t.bits() & 1).eq(0).select(value, (inverse * inverse).fma(lost, inverse))
}

/// `(sin(r) - r) / r^3` in powers of `r^2`; of `sin` relative error 2^-31.7 for `|r| <= 1.23 pi/4`.
const SIN_32: [f64; 4] = [-1.6666667e-01, 8.333358e-03, -1.9843629e-04, 2.735857e-06];

/// The coefficients for f64, with relative error 2^-57.3.
pub(super) const SIN_64: [f64; 6] = [
    -0.16666666666666616,
    0.008333333333318317,
    -0.00019841269826506344,
    2.755731254350728e-06,
    -2.5050578334553184e-08,
    1.5886398537134906e-10,
];

/// `cos(r)` in powers of `r^2`, relative error 2^-29.8.
const COS_32: [f64; 5] = [1.0, -0.5, 4.1666593e-02, -1.3885275e-03, 2.4243833e-05];

/// The coefficients for f64, with relative error 2^-63.3.
pub(super) const COS_64: [f64; 8] = [
    1.0,
    -0.5,
    0.04166666666666656,
    -0.0013888888888867414,
    2.4801587285341728e-05,
    -2.7557313170907526e-07,
    2.0875564704888786e-09,
    -1.1351543310217274e-11,
];

/// `(tan(r) - r) / r^3`, a quotient in powers of `r^2`; of `tan` relative error 2^-30.5 for
/// `|r| <= 1.23 pi/4`.
const TAN_32: [f64; 2] = [3.821539e-01, -1.7126797e-02];

/// The denominator of the quotient above.
const TAN_32_UNDER: [f64; 3] = [1.1464617e+00, -5.099653e-01, 1.8369101e-02];

/// The coefficients for f64, with relative error 2^-59.8 for `|r| <= 1.05 pi/4`.
pub(super) const TAN_64: [f64; 4] =
    [0.6056798894592956, -0.03896509858706016, 0.00044510665850507313, -3.257157151929779e-08];

/// The denominator of the quotient above.
pub(super) const TAN_64_UNDER: [f64; 4] =
    [1.8170396683778869, -0.8437111631123343, 0.044632410340207936, -0.0004653914626282567];
