//! log, log2 and log1p.
//!
//! `x = 2^k (1 + f)` with `1 + f` in [sqrt(1/2), sqrt(2)), taken from the bits. With
//! `s = f / (2 + f)`, `log(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + R(s^2))`, where `R` is a
//! short polynomial: the form that FreeBSD's `e_log.c` made common (Sun Microsystems, 1993), here
//! with coefficients of our own (minimax, Remez exchange).

use super::term::Term;
use crate::DType;
use crate::op::ScalarOp;
use std::f64::consts::{LN_2, LOG2_E};

/// `(k, 1 + f)` of a positive normal number, `k` as a float less `bias` (a term, so that callers
/// can add to it).
fn split<'s>(x: Term<'s>, bias: impl FnOnce(i64) -> Term<'s>) -> (Term<'s>, Term<'s>) {
    // Bits of the float nearest to sqrt(1/2), and of 1.
    let (root, one, mantissa) = x.by_width(
        (0x3f35_04f3, 0x3f80_0000, 23),
        (0x3fe6_a09e_667f_3bcd, 0x3ff0_0000_0000_0000, 52),
    );
    let shifted = x.bits() + (one - root);
    let exponent = shifted.shr(mantissa);
    let k = if x.narrow() {
        exponent.unary(ScalarOp::Convert(DType::F32)) - bias(127)
    } else {
        // No vector instruction converts 64-bit ints; under the exponent of 2^52 their bits are a
        // float.
        (exponent | 0x4330_0000_0000_0000).float() - bias((1 << 52) + 1023)
    };
    let m = (shifted & ((1 << mantissa) - 1)) + root;
    (k, m.float())
}

/// `f - log(1 + f)`.
fn below<'s>(f: Term<'s>) -> Term<'s> {
    let s = f / (f.like(-2.0) - f);
    let z = s * s;
    let half = f * 0.5 * f;
    let r = z.fma(z.poly(f.by_width(&LOG_32, &LOG_64)), half);
    s.fma(r, half)
}

/// The value of a logarithm at the edges of its domain: infinity and NaN stay, 0 gives -infinity,
/// and a negative number NaN.
fn edges<'s>(x: Term<'s>, value: Term<'s>) -> Term<'s> {
    let at_most_zero = x.eq(0.0).select(x.like(f64::NEG_INFINITY), f64::NAN);
    x.gt(0.0).select(x.lt(f64::INFINITY).select(value, x), at_most_zero)
}

/// `(k, f)` of any positive number, subnormals scaled up first.
pub(super) fn split_any<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    let (least, up) = x.by_width((f32::MIN_POSITIVE as f64, 25), (f64::MIN_POSITIVE, 54));
    let tiny = x.lt(least);
    let scaled = tiny.select(x * (1i64 << up) as f64, x);
    let (k, m) = split(scaled, |b| tiny.select(x.like((b + up) as f64), b as f64));
    (k, m - 1.0)
}

pub(super) fn log(x: Term) -> Term {
    let (k, f) = split_any(x);
    edges(x, k.fma(LN_2, f - below(f)))
}

pub(super) fn log2(x: Term) -> Term {
    let (k, f) = split_any(x);
    let d = below(f);
    let high = f - d;
    let low = (f - high) - d;
    let rest = x.by_width(LOG2_E - LOG2_E as f32 as f64, 2.0355273740931033e-17);
    let low = high.fma(rest, low * LOG2_E);
    edges(x, k + high.fma(LOG2_E, low))
}

pub(super) fn log1p(x: Term) -> Term {
    x.eq(0.0).select(x, log1p_sum(x, None, None))
}

/// `log(1 + x + rest) + k log(2)`: `f` of the rounded sum `1 + x`, plus what rounding lost and
/// `rest` at the scale of `f`.
pub(super) fn log1p_sum<'s>(x: Term<'s>, rest: Option<Term<'s>>, k: Option<Term<'s>>) -> Term<'s> {
    let u = x + 1.0;
    let (exponent, m) = split(u, |b| x.like(b as f64));
    // Of the two differences one is exact: the larger of 1 and x must be subtracted first.
    let lost = x.gt(1.0).select(x.like(1.0) - (u - x), x - (u - 1.0));
    let lost = rest.map_or(lost, |r| lost + r);
    let (whole, part) = (m - 1.0, lost * (m / u));
    let f = whole + part;
    let lost_f = (whole - f) + part;
    let k = k.map_or(exponent, |k| exponent + k);
    edges(u, k.fma(LN_2, f - (below(f) - lost_f)))
}

/// `(2 atanh(s) - 2 s) / s^3` in powers of `s^2`; of `log(1 + f)` relative error 2^-35.2.
const LOG_32: [f64; 4] = [6.666666e-01, 4.0000972e-01, 2.8498793e-01, 2.4278758e-01];

/// The coefficients for f64, with relative error 2^-59.5.
const LOG_64: [f64; 7] = [
    0.6666666666666735,
    0.3999999999940936,
    0.28571428743684585,
    0.22222198429214296,
    0.18183572341366783,
    0.15313832533077537,
    0.14798254931006585,
];
