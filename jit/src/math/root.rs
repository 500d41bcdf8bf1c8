//! Roots, and the functions that read the bits only: sign, is_finite, round_away.

use super::exp::magic;
use super::term::Term;
use crate::op::ScalarOp;

/// -1, 0 or 1; of floats, zeros and NaNs stay what they are.
pub(super) fn sign(x: Term) -> Term {
    if x.dtype().is_float() {
        return x.abs().gt(0.0).select(x.like(1.0).signed_like(x), x);
    }
    let positive = x.gt(0).select(x.like(1), 0);
    if x.dtype().is_signed() { x.lt(0).select(x.like(-1), positive) } else { positive }
}

pub(super) fn is_finite(x: Term) -> Term {
    x.abs().lt(f64::INFINITY)
}

/// To nearest, ties away from zero. The fraction is exact; that of an infinity is NaN, so the
/// infinity stays.
pub(super) fn round_away(x: Term) -> Term {
    let whole = x.unary(ScalarOp::Trunc);
    let moved = whole + x.like(1.0).signed_like(x);
    (x - whole).abs().ge(0.5).select(moved, whole)
}

pub(super) fn rsqrt(x: Term) -> Term {
    x.like(1.0) / x.sqrt()
}

/// The bits of `|x|` give a first `y` near `x^(-1/3)`, which is off by a thirtieth at most. One
/// step of order four (and in f64 one of order three) improves `y`. Then follows Newton's step on
/// `t = x y^2`, with `t^2` to twice the width.
pub(super) fn cbrt(x: Term) -> Term {
    let (least, up) = x.by_width((f32::MIN_POSITIVE as f64, 24), (f64::MIN_POSITIVE, 54));
    let given = x.abs();
    let tiny = given.lt(least);
    let a = tiny.select(given * (1i64 << up) as f64, given);
    // The upper bits as a float, for a division by three that any vector unit has; `2^23 / 3` and
    // `2^52 / 3` cancel.
    let (cut, two, whole, first) = x.by_width(
        (12, 0x4b00_0000, 8_388_608.0, 0x5_4a1f as f64),
        (32, 0x4330_0000_0000_0000, 4_503_599_627_370_496.0, 0x553e_f0ff as f64),
    );
    let upper = (a.bits().shr(cut) | two).float() - whole;
    let y = upper.fma(-1.0 / 3.0, magic(x) + first).bits().shl(cut).float();
    let c = (y * y).fma(-(a * y), 1.0);
    let y = y.fma(c * c.poly(&[1.0 / 3.0, 2.0 / 9.0, 14.0 / 81.0]), y);
    let y = if x.narrow() {
        y
    } else {
        let c = (y * y).fma(-(a * y), 1.0);
        y.fma(c * c.poly(&[1.0 / 3.0, 2.0 / 9.0]), y)
    };
    let t = a * y * y;
    let square = t * t;
    let error = t.fma(t.fma(t, -square), square.fma(t, -a));
    let t = (error * y * y).fma(-1.0 / 3.0, t);
    let scaled = tiny.select(t * x.by_width(1.0 / 256.0, 1.0 / 262_144.0), t);
    let value = given.lt(f64::INFINITY).select(scaled, given);
    given.eq(0.0).select(given, value).signed_like(x)
}
