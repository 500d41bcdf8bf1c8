//! asin, acos, atan and atan2.

use super::term::Term;
use std::f64::consts::{FRAC_PI_2, PI};

/// `pi / 2` less its nearest neighbour among the floats of this width.
fn half_pi_rest(x: Term) -> f64 {
    x.by_width(FRAC_PI_2 - FRAC_PI_2 as f32 as f64, 6.123233995736766e-17)
}

/// `(asin(q) - q) / q^3` for `z = q^2 <= 1/4`.
fn asin_over<'s>(z: Term<'s>) -> Term<'s> {
    z.poly(z.by_width(&ASIN_32, &ASIN_64))
}

/// Above 1/2, `asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2))`.
pub(super) fn asin(x: Term) -> Term {
    let a = x.abs();
    let far = a.gt(0.5);
    let z = far.select(a.fma(-0.5, 0.5), a * a);
    let q = far.select(z.sqrt(), a);
    let over = q * z * asin_over(z);
    let twice = q + q;
    let high = x.like(FRAC_PI_2) - twice;
    let lost = (x.like(FRAC_PI_2) - high) - twice;
    let high = high - (((over + over) - half_pi_rest(x)) - lost);
    far.select(high, over + q).signed_like(x)
}

/// `pi/2 - asin(x)` near 0; `2 asin(sqrt((1 - a) / 2))` above 1/2, `pi` less that below -1/2.
pub(super) fn acos(x: Term) -> Term {
    let a = x.abs();
    let far = a.gt(0.5);
    let z = far.select(a.fma(-0.5, 0.5), a * a);
    let q = far.select(z.sqrt(), x);
    let over = q * z * asin_over(z);
    let p = over + q;
    let near = x.like(FRAC_PI_2) - (q - (x.like(half_pi_rest(x)) - over));
    let left = x.like(PI) - ((p + p) - 2.0 * half_pi_rest(x));
    far.select(x.lt(0.0).select(left, p + p), near)
}

/// The arctangent of `0 <= q <= 1`.
fn atan_within(q: Term) -> Term {
    let z = q * q;
    let over =
        if q.narrow() { z.poly(&ATAN_32) } else { z.poly(&ATAN_64) / z.poly(&ATAN_64_UNDER) };
    (q * z).fma(over, q)
}

pub(super) fn atan(x: Term) -> Term {
    let a = x.abs();
    let far = a.gt(1.0);
    let r = atan_within(far.select(x.like(1.0), a) / far.select(a, 1.0));
    let far_value = x.like(FRAC_PI_2) - (r - half_pi_rest(x));
    far.select(far_value, r).signed_like(x)
}

/// The smaller of the magnitudes over the larger is an angle `r` within an eighth of the circle;
/// the eighth is added by `base + r` or `base - r`.
pub(super) fn atan2<'s>(y: Term<'s>, x: Term<'s>) -> Term<'s> {
    let (up, right) = (y.abs(), x.abs());
    let steep = up.gt(right);
    let (small, large) = (steep.select(right, up), steep.select(up, right));
    // 0 / 0 is to be 0, infinity / infinity 1.
    let ratio = small / large.eq(0.0).select(x.like(1.0), large);
    let both_infinite = small.eq(f64::INFINITY) & large.eq(f64::INFINITY);
    let r = atan_within(both_infinite.select(x.like(1.0), ratio));
    let left = x.bits().lt(0);
    let rest = half_pi_rest(x);
    let away = x.like(0.0);
    let base = steep.select(x.like(FRAC_PI_2), left.select(x.like(PI), 0.0));
    let low = steep.select(x.like(rest), left.select(x.like(2.0 * rest), away));
    let turned = (steep ^ left).select(-r, r);
    (base + (turned + low)).signed_like(y)
}

/// `(asin(q) - q) / q^3` in powers of `q^2`; of `asin` relative error 2^-27.4 for `q <= 1/2`.
const ASIN_32: [f64; 5] =
    [1.6666752e-01, 7.4953064e-02, 4.5470547e-02, 2.4170922e-02, 4.2193476e-02];

/// The coefficients for f64, with relative error 2^-55.9.
const ASIN_64: [f64; 12] = [
    0.16666666666665403,
    0.07500000000338587,
    0.04464285682690427,
    0.030381959200906118,
    0.022371756410731754,
    0.017359730794569157,
    0.013884967928838357,
    0.012171024430456038,
    0.00651993050537478,
    0.019550764470082093,
    -0.016260229445425853,
    0.03193734465130186,
];

/// `(atan(q) - q) / q^3` in powers of `q^2`; of `atan` relative error 2^-28.5 for `q <= 1`.
const ATAN_32: [f64; 9] = [
    -3.33333e-01,
    1.999853e-01,
    -1.4264016e-01,
    1.09508835e-01,
    -8.399335e-02,
    5.7882447e-02,
    -3.1098807e-02,
    1.0870181e-02,
    -1.7832919e-03,
];

/// The coefficients for f64, as a quotient, with relative error 2^-57.1.
const ATAN_64: [f64; 6] = [
    -0.4043227316638058,
    -0.905640528920179,
    -0.7100743813914259,
    -0.23150108194227345,
    -0.028745636196895033,
    -0.0009080670122362397,
];

/// The denominator of the quotient above.
const ATAN_64_UNDER: [f64; 7] = [
    1.2129681949914242,
    3.4447025037547427,
    3.6772011343093873,
    1.8288455846803757,
    0.4250255798942195,
    0.0401336900440754,
    0.0010063703708209524,
];
