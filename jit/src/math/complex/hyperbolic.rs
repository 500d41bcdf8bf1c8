//! sinh, cosh and tanh. `sin z = -i sinh iz`, `cos z = cosh iz`, `tan z = -i tanh iz` are these,
//! turned.

use super::exponential::exp_of;
use super::number::{Z, is_finite, is_infinite};
use crate::math::term::Term;
use crate::op::ScalarOp;

/// `(c, s, k)` with `cosh x = c k` and `sinh x = s k`, `k` being 1 where they do not overflow
/// without.
fn cosh_sinh<'s>(x: Term<'s>) -> (Term<'s>, Term<'s>, Term<'s>) {
    let far = x.abs().gt(709.0);
    let (e, k) = exp_of(x.abs());
    let e = e * 0.5;
    let c = far.select(e, x.unary(ScalarOp::Cosh));
    (c, far.select(e.signed_like(x), x.unary(ScalarOp::Sinh)), k)
}

/// `sinh x cos y + i cosh x sin y`
pub(super) fn sinh(z: Z) -> Z {
    let (x, y) = (z.re, z.im);
    let (c, s, k) = cosh_sinh(x);
    let re = y.eq(0.0).select(s * k, s * y.unary(ScalarOp::Cos) * k);
    let im = y.eq(0.0).select(y, c * y.unary(ScalarOp::Sin) * k);
    // An infinite angle leaves zeros and infinities as they are.
    let stays = is_finite(y).not() & (x.eq(0.0) | is_infinite(x));
    z.like(stays.select(x, re), im)
}

/// `cosh x cos y + i sinh x sin y`
pub(super) fn cosh(z: Z) -> Z {
    let (x, y) = (z.re, z.im);
    let (c, s, k) = cosh_sinh(x);
    let re = y.eq(0.0).select(c * k, c * y.unary(ScalarOp::Cos) * k);
    let [zx, zy] = [x, y].map(|part| x.like(0.0).signed_as(part));
    let zero = (zx.bits() ^ zy.bits()).float();
    let im = (x.eq(0.0) | y.eq(0.0)).select(zero, s * y.unary(ScalarOp::Sin) * k);
    z.like((is_finite(y).not() & is_infinite(x)).select(x.abs(), re), im)
}

/// With `t = tan y`, `b = 1 + t^2`: `(b cosh x sinh x + i t) / (1 + b sinh^2 x)`; further out 1 and
/// what is left.
pub(super) fn tanh(z: Z) -> Z {
    let (x, y) = (z.re, z.im);
    let t = y.unary(ScalarOp::Tan);
    let (s, b) = (x.unary(ScalarOp::Sinh), t.fma(t, t.like(1.0)));
    let under = (b * s).fma(s, 1.0);
    let near = z.like(b * x.unary(ScalarOp::Cosh) * s / under, t / under);
    let (sin, cos) = (y.unary(ScalarOp::Sin), y.unary(ScalarOp::Cos));
    let rest = sin * cos * 4.0 * (x.abs() * -2.0).unary(ScalarOp::Exp);
    let one = x.like(1.0).signed_like(x);
    // An infinite angle gives a NaN, unless the part that depends on it has underflowed.
    let far = z.like(is_finite(y).select(one, rest), rest);
    near.unless(x.abs().gt(20.0), far)
        .unless(y.eq(0.0), z.like(x.unary(ScalarOp::Tanh), y))
        .unless(is_infinite(x), z.like(one, is_finite(y).select(rest, x.like(0.0).signed_as(y))))
}

/// `-i sinh(i z)`
pub(super) fn sin(z: Z) -> Z {
    sinh(z.turned()).turned_back()
}

/// `cosh(i z)`
pub(super) fn cos(z: Z) -> Z {
    cosh(z.turned())
}

/// `-i tanh(i z)`
pub(super) fn tan(z: Z) -> Z {
    tanh(z.turned()).turned_back()
}
