//! The inverse trigonometric and hyperbolic functions. asin and acos follow Hull, Fairgrieve and
//! Tang, "Implementing the complex arcsine and arccosine functions using exception handling"
//! (1997), and atanh follows Kahan, "Branch cuts for complex elementary functions" (1987).

use super::exponential::log_abs;
use super::number::{Z, is_infinite};
use crate::math::term::Term;
use crate::op::ScalarOp;
use std::f64::consts::{FRAC_PI_2, LN_2, PI};

/// Beyond this magnitude the functions equal their asymptotes.
const FAR: f64 = 1e9;

/// Of the point in the first quadrant: the real part of asin, that of acos, and the imaginary part
/// of asin.
fn quadrant<'s>(z: Z<'s>) -> [Term<'s>; 3] {
    let (x, y) = (z.re.abs(), z.im.abs());
    let (above, below) = (x + 1.0, x - 1.0);
    // The distances from -1 and 1, and the axes of the ellipse through the point.
    let (r, s) = (z.like(above, y).abs(), z.like(below, y).abs());
    let a = (r + s) * 0.5;
    let b = x / a;
    let inside = x.le(1.0);
    let (long, square) = (a + x, y * y);
    let left = square / (r + above);
    let other = inside.select(
        (long * 0.5 * (left + (s - below))).sqrt(),
        y * ((long / (r + above) + long / (s + below)) * 0.5).sqrt(),
    );
    let steep = b.le(0.6417);
    let asin = steep.select(b.unary(ScalarOp::Asin), x.binary(ScalarOp::Atan2, other));
    let acos = steep.select(b.unary(ScalarOp::Acos), other.binary(ScalarOp::Atan2, x));
    // `a - 1` without cancellation.
    let right = x.lt(1.0).select(square / (s - below), s + below);
    let excess = (left + right) * 0.5;
    let flat = excess + (excess * (a + 1.0)).sqrt();
    let round = (a + ((a - 1.0) * (a + 1.0)).sqrt()).unary(ScalarOp::Log);
    let height = a.le(1.5).select(flat.unary(ScalarOp::Log1p), round);
    // Here the square of y underflows.
    let low = y.lt(1e-150) & x.lt(1.0);
    let height = low.select(y / ((-below) * above).sqrt(), height);
    let far = z.size().gt(FAR) | z.is_infinite();
    [
        far.select(x.binary(ScalarOp::Atan2, y), asin),
        far.select(y.binary(ScalarOp::Atan2, x), acos),
        far.select(log_abs(z) + LN_2, height),
    ]
}

pub(super) fn asin(z: Z) -> Z {
    let [re, _, im] = quadrant(z);
    z.like(re.signed_as(z.re), im.signed_as(z.im))
}

/// The real part of acos, and how far its imaginary part is from zero.
fn acos_parts<'s>(z: Z<'s>) -> (Term<'s>, Term<'s>) {
    let [_, re, im] = quadrant(z);
    (z.re.lt(0.0).select(re.like(PI) - re, re), im)
}

pub(super) fn acos(z: Z) -> Z {
    let (re, im) = acos_parts(z);
    z.like(re, im.signed_as(-z.im))
}

/// `i acos z` or its negative, whichever lies right of the imaginary axis.
pub(super) fn acosh(z: Z) -> Z {
    let (re, im) = acos_parts(z);
    z.like(im, re.signed_as(z.im))
}

/// `log1p(4 x / ((1 - x)^2 + y^2)) / 4` and half of the angle of `(1 - x) (1 + x) - y^2 + 2 y i`.
pub(super) fn atanh(z: Z) -> Z {
    let (x, y) = (z.re.abs(), z.im.abs());
    let left = x.like(1.0) - x;
    let distance = left.fma(left, y * y);
    let re = (x * 4.0 / distance).unary(ScalarOp::Log1p) * 0.25;
    // Beside the pole the square of y underflows.
    let beside = x.eq(1.0) & y.lt(1e-8);
    let re = beside.select((x.like(LN_2) - y.unary(ScalarOp::Log)) * 0.5, re);
    let im = (y + y).binary(ScalarOp::Atan2, left * (x + 1.0) - y * y) * 0.5;
    let infinite = is_infinite(x) | is_infinite(y);
    let size = z.abs();
    let small = infinite.select(x.like(0.0), x / size / size);
    let far = z.size().gt(FAR) | infinite;
    let (re, im) = (far.select(small, re), far.select(x.like(FRAC_PI_2), im));
    z.like(re.signed_as(z.re), im.signed_as(z.im))
}

/// `-i asin(i z)`
pub(super) fn asinh(z: Z) -> Z {
    asin(z.turned()).turned_back()
}

/// `-i atanh(i z)`, whose imaginary part has the sign of that of `z`.
pub(super) fn atan(z: Z) -> Z {
    let w = atanh(z.turned()).turned_back();
    z.like(w.re, w.im.abs().signed_as(z.im))
}
