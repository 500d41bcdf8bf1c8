//! sinh, cosh, tanh and their inverses, on the parts of exp and log.

use super::exp::{expm1_reduced, power_of_two};
use super::log::log1p_sum;
use super::term::Term;

/// A polynomial near 0. With `h = (exp(a) - 1) / 2` it is `h + (h / 2) / (h + 1/2)`, `a = |x|`; `h`
/// is computed at half its size, so that it overflows no sooner than the result.
pub(super) fn sinh(x: Term) -> Term {
    let a = x.abs();
    let (p, t) = expm1_reduced(a.at_most(x.by_width(89.5, 710.6)));
    let s = power_of_two(t.bits(), -2);
    let quarter = s.fma(p, s - 0.25);
    let h = quarter + quarter;
    let value = h + quarter / (h + 0.5);
    let z = a * a;
    let near = (z * a).fma(z.poly(x.by_width(&SINH_32, &SINH_64)), a);
    a.lt(1.0).select(near, value).signed_like(x)
}

/// `e + 1 / (4e)` with `e = exp(|x|) / 2`.
pub(super) fn cosh(x: Term) -> Term {
    let (p, t) = expm1_reduced(x.abs().at_most(x.by_width(89.5, 710.6)));
    let s = power_of_two(t.bits(), -2);
    let quarter = s.fma(p, s);
    let e = quarter + quarter;
    e + x.like(0.25) / e
}

/// A polynomial near 0; elsewhere `e / (e + 2)` with `e = exp(2a) - 1` and `a = |x|`; then the sign
/// of `x`.
pub(super) fn tanh(x: Term) -> Term {
    let a = x.abs();
    let z = a * a;
    let near = (z * a).fma(z.poly(x.by_width(&TANH_32, &TANH_64)), a);
    let (p, t) = expm1_reduced((a + a).at_most(x.by_width(20.0, 40.0)));
    let s = power_of_two(t.bits(), 0);
    let e = s.fma(p, s - 1.0);
    a.lt(0.36).select(near, e / (e + 2.0)).signed_like(x)
}

/// `log(1 + a + a^2 / (1 + sqrt(1 + a^2)))`; far out `log(2a)`.
pub(super) fn asinh(x: Term) -> Term {
    let a = x.abs();
    let square = a * a;
    let over = square / ((square + 1.0).sqrt() + 1.0);
    let sum = a + over;
    let lost = over - (sum - a);
    log1p_beyond(a, sum, lost).signed_like(x)
}

/// `log(1 + d + sqrt(d (d + 2)))` with `d = x - 1`; far out `log(2x)`; NaN below 1.
pub(super) fn acosh(x: Term) -> Term {
    let d = x - 1.0;
    let root = d.fma(d, d + d).sqrt();
    let sum = root + d;
    let lost = d - (sum - root);
    x.lt(1.0).select(x.like(f64::NAN), log1p_beyond(x, sum, lost))
}

/// `log(1 + sum + lost)`, or `log(2a)` where the other terms vanish beside the square, which may
/// overflow.
fn log1p_beyond<'s>(a: Term<'s>, sum: Term<'s>, lost: Term<'s>) -> Term<'s> {
    let far = a.gt(x_far(a));
    let doubled = far.select(a.like(1.0), 0.0);
    log1p_sum(far.select(a, sum), Some(far.select(a.like(0.0), lost)), Some(doubled))
}

fn x_far(a: Term) -> f64 {
    a.by_width(1e8, 1e17)
}

/// `log(1 + 2a / (1 - a)) / 2`, the quotient with its remainder.
pub(super) fn atanh(x: Term) -> Term {
    let a = x.abs();
    let under = -a + 1.0;
    let lost_under = (-under + 1.0) - a;
    let inverse = x.like(1.0) / under;
    let twice = a + a;
    let q = twice * inverse;
    let rest = q.fma(-lost_under, q.fma(-under, twice));
    (log1p_sum(q, Some(rest * inverse), None) * 0.5).signed_like(x)
}

/// `(tanh(x) - x) / x^3` in powers of `x^2`; of `tanh` relative error 2^-30.4 for `|x| < 0.36`.
const TANH_32: [f64; 4] = [-3.3333316e-01, 1.333209e-01, -5.3681813e-02, 1.9230712e-02];

/// The coefficients for f64, with relative error 2^-62.0.
const TANH_64: [f64; 9] = [
    -0.33333333333333315,
    0.1333333333332738,
    -0.053968253961779906,
    0.02186948819331473,
    -0.008863225281340183,
    0.0035919428895238564,
    -0.0014537663132885789,
    0.0005759802197673222,
    -0.00018510176015751914,
];

/// `(sinh(x) - x) / x^3` in powers of `x^2`; of `sinh` relative error 2^-31.6 for `|x| <= 1`.
const SINH_32: [f64; 4] = [1.6666667e-01, 8.3333105e-03, 1.9842891e-04, 2.7822703e-06];

/// The coefficients for f64, with relative error 2^-61.7.
const SINH_64: [f64; 7] = [
    0.16666666666666669,
    0.008333333333332912,
    0.00019841269841593405,
    2.755731910675951e-06,
    2.505213099798954e-08,
    1.605665924971724e-10,
    7.776596821807219e-13,
];
