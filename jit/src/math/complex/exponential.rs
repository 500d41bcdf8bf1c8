//! Exponentials, logarithms, powers and roots of complex numbers.

use super::number::{Z, greater, is_finite, is_infinite};
use crate::math::term::Term;
use crate::op::ScalarOp;
use std::f64::consts::{LN_2, LOG2_E};

/// `e^64`.
const E_64: f64 = 6.235149080811617e27;

/// `(a, b)` with `e^x = a b`, where `b` is 1 unless `a` alone would overflow: the factor of `e^x`
/// may be small.
pub(super) fn exp_of<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    let far = x.gt(709.0);
    let near = far.select(x - 64.0, x).unary(ScalarOp::Exp);
    (near, far.select(x.like(E_64), 1.0))
}

/// `e^x (cos y + i sin y)` for `e^x = a b`.
fn polar<'s>(z: Z<'s>, (a, b): (Term<'s>, Term<'s>), y: Term<'s>) -> Z<'s> {
    let x = z.re;
    let turned = z.like(a * y.unary(ScalarOp::Cos) * b, a * y.unary(ScalarOp::Sin) * b);
    let endless = is_finite(y).not();
    turned
        .unless(y.eq(0.0), z.like(a * b, y))
        .unless(endless & x.eq(f64::NEG_INFINITY), z.real(0.0))
        .unless(endless & x.eq(f64::INFINITY), z.like(x, x.like(f64::NAN)))
}

pub(super) fn exp(z: Z) -> Z {
    polar(z, exp_of(z.re), z.im)
}

/// `2^x` turned by `y ln 2`.
pub(super) fn exp2(z: Z) -> Z {
    let far = z.re.gt(1023.0);
    let near = far.select(z.re - 64.0, z.re).unary(ScalarOp::Exp2);
    let factors = (near, far.select(near.like(2f64.powi(64)), 1.0));
    polar(z, factors, z.im * LN_2)
}

/// `e^z - 1`: the real part is `expm1(x) cos y - 2 sin^2(y/2)`.
pub(super) fn expm1(z: Z) -> Z {
    let (x, y) = (z.re, z.im);
    let whole = exp(z);
    let m = x.unary(ScalarOp::Expm1);
    let half = (y * 0.5).unary(ScalarOp::Sin);
    let near = m.fma(y.unary(ScalarOp::Cos), half * half * -2.0);
    let re = x.gt(40.0).select(whole.re, near);
    let re = x.eq(f64::NEG_INFINITY).select(x.like(-1.0), re);
    z.like(y.eq(0.0).select(m, re), whole.im)
}

/// `1 / (1 + e^-z)`, of the exponential that is at most 1.
pub(super) fn logistic(z: Z) -> Z {
    let left = z.re.lt(0.0);
    let e = exp(z.like(-z.re.abs(), left.select(z.im, -z.im)));
    let under = z.like(e.re + 1.0, e.im);
    z.real(1.0).unless(left, e).over(under)
}

/// `(s, e)` with `s + e = a + b` exactly, `s` being the rounded sum.
fn two_sum<'s>(a: Term<'s>, b: Term<'s>) -> (Term<'s>, Term<'s>) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// `(p, e)` with `p + e = x^2` exactly.
fn two_square<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>) {
    let p = x * x;
    (p, x.fma(x, -p))
}

/// `ln |z|`. Near the unit circle from `|z|^2 - 1`, to twice the digits.
pub(super) fn log_abs<'s>(z: Z<'s>) -> Term<'s> {
    let (x, y) = (z.re.abs(), z.im.abs());
    let least = x.gt(y).select(y, x);
    let (p, p_rest) = two_square(greater(x, y));
    let (q, q_rest) = two_square(least);
    let above = ((p - 1.0) + q) + (p_rest + q_rest);
    let near = above.unary(ScalarOp::Log1p) * 0.5;
    let sum = p + q;
    let far = if z.narrow {
        sum.unary(ScalarOp::Log) * 0.5
    } else {
        let (s, _) = z.scale();
        let (u, v) = (x * s, y * s);
        let shift = s.eq(1.0).select(s.like(0.0), s.lt(1.0).select(s.like(600.0), -600.0) * LN_2);
        u.fma(u, v * v).unary(ScalarOp::Log).fma(0.5, shift)
    };
    let value = (sum.gt(0.5) & sum.lt(3.0)).select(near, far);
    z.is_infinite().select(x.like(f64::INFINITY), value)
}

fn angle<'s>(z: Z<'s>) -> Term<'s> {
    z.im.binary(ScalarOp::Atan2, z.re)
}

pub(super) fn log(z: Z) -> Z {
    z.like(log_abs(z), angle(z))
}

pub(super) fn log2(z: Z) -> Z {
    let log = log(z);
    let real = z.re.abs().unary(ScalarOp::Log2);
    z.like(z.im.eq(0.0).select(real, log.re * LOG2_E), log.im * LOG2_E)
}

/// `ln (1 + z)`. Where `1 + x` may round, from `|1 + z|^2 - 1 = 2 x + x^2 + y^2`, to twice the
/// digits.
pub(super) fn log1p(z: Z) -> Z {
    let (x, y) = (z.re, z.im);
    let (p, p_rest) = two_square(x);
    let (q, q_rest) = two_square(y);
    let (sum, first) = two_sum(x + x, p);
    let (sum, second) = two_sum(sum, q);
    let near = (sum + (first + second + p_rest + q_rest)).unary(ScalarOp::Log1p) * 0.5;
    let moved = z.like(x + 1.0, y);
    let far = x.lt(-0.5) | z.size().gt(1e3) | z.is_infinite();
    z.like(far.select(log_abs(moved), near), angle(moved))
}

/// `r = |z|`, `t = sqrt((r + |x|) / 2)`, and the other part is `|y| / 2 t`; which is which depends
/// on the sign of `x`.
pub(super) fn sqrt(z: Z) -> Z {
    let (z_scaled, back) = if z.narrow {
        (z, None)
    } else {
        let m = z.size();
        let (large, small) = (m.gt(2f64.powi(1000)), m.lt(2f64.powi(-960)));
        let pick = |up: i32, down: i32| {
            large.select(m.like(2f64.powi(down)), small.select(m.like(2f64.powi(up)), 1.0))
        };
        let s = pick(108, -4);
        (z.like(z.re * s, z.im * s), Some(pick(-54, 2)))
    };
    let (x, y) = (z_scaled.re, z_scaled.im);
    let t = ((z_scaled.abs() + x.abs()) * 0.5).sqrt();
    let other = t.eq(0.0).select(t, y.abs() / (t + t));
    let left = x.lt(0.0);
    let (re, im) = (left.select(other, t), left.select(t, other));
    let root = z.like(re, im.signed_as(z.im));
    let root = match back {
        Some(s) => z.like(root.re * s, root.im * s),
        None => root,
    };
    root.unless(is_infinite(z.im), z.like(z.im.abs(), z.im))
}

/// `1 / sqrt(z)`
pub(super) fn rsqrt(z: Z) -> Z {
    z.real(1.0).over(sqrt(z))
}

/// `|z|^c e^(-d arg z)` turned by `d ln |z| + c arg z`, for the exponent `c + d i`. `0^w` is 0 if
/// `c > 0`, 1 if `w = 0`.
pub(super) fn pow<'s>(z: Z<'s>, w: Z<'s>) -> Z<'s> {
    let (size, angle, log) = (z.abs(), angle(z), log_abs(z));
    let (c, d) = (w.re, w.im);
    let modulus = size.binary(ScalarOp::Pow, c) * (-(d * angle)).unary(ScalarOp::Exp);
    let turn = d.fma(log, c * angle);
    let turned = z.like(
        modulus * turn.unary(ScalarOp::Cos),
        turn.eq(0.0).select(turn, modulus * turn.unary(ScalarOp::Sin)),
    );
    let nothing = z.is_zero();
    let nan = c.like(f64::NAN);
    turned
        .unless(nothing, z.like(nan, nan))
        .unless(nothing & c.gt(0.0), z.real(0.0))
        .unless(w.is_zero(), z.real(1.0))
}
