//! Complex numbers under construction, and the functions that need nothing but arithmetic:
//! quotient, magnitude, sign.
//!
//! Exponentials, logarithms and the functions of angles live in the files beside this one.

use crate::math::term::Term;

/// A complex number under construction, of f64 terms.
#[derive(Clone, Copy)]
pub(super) struct Z<'s> {
    pub re: Term<'s>,
    pub im: Term<'s>,
    /// The parts were f32, so sums of their squares neither overflow nor underflow.
    pub narrow: bool,
}

pub(super) fn is_infinite(x: Term) -> Term {
    x.abs().eq(f64::INFINITY)
}

pub(super) fn is_finite(x: Term) -> Term {
    x.abs().lt(f64::INFINITY)
}

/// The greater of two numbers that are no NaN.
pub(super) fn greater<'s>(x: Term<'s>, y: Term<'s>) -> Term<'s> {
    x.gt(y).select(x, y)
}

/// `a b + c d`, off by less than two units in the last place however much cancels.
fn sum_of_products<'s>(a: Term<'s>, b: Term<'s>, c: Term<'s>, d: Term<'s>) -> Term<'s> {
    let w = c * d;
    a.fma(b, w) + c.fma(d, -w)
}

impl<'s> Z<'s> {
    pub(super) fn like(self, re: Term<'s>, im: Term<'s>) -> Z<'s> {
        Z { re, im, ..self }
    }

    /// A real number of this type.
    pub(super) fn real(self, x: f64) -> Z<'s> {
        self.like(self.re.like(x), self.re.like(0.0))
    }

    /// `i z`
    pub(super) fn turned(self) -> Z<'s> {
        self.like(-self.im, self.re)
    }

    /// `-i z`
    pub(super) fn turned_back(self) -> Z<'s> {
        self.like(self.im, -self.re)
    }

    /// The number `this` where `holds` is true, else this number.
    pub(super) fn unless(self, holds: Term<'s>, this: Z<'s>) -> Z<'s> {
        self.like(holds.select(this.re, self.re), holds.select(this.im, self.im))
    }

    pub(super) fn is_infinite(self) -> Term<'s> {
        is_infinite(self.re) | is_infinite(self.im)
    }

    pub(super) fn is_finite(self) -> Term<'s> {
        is_finite(self.re) & is_finite(self.im)
    }

    pub(super) fn is_zero(self) -> Term<'s> {
        self.re.eq(0.0) & self.im.eq(0.0)
    }

    /// The greater of the magnitudes of the parts.
    pub(super) fn size(self) -> Term<'s> {
        greater(self.re.abs(), self.im.abs())
    }

    /// The square root of the sum of squares; infinite if a part is.
    pub(super) fn abs(self) -> Term<'s> {
        let (x, y) = (self.re, self.im);
        let root = if self.narrow {
            x.fma(x, y * y).sqrt()
        } else {
            let (s, back) = self.scale();
            let (u, v) = (x * s, y * s);
            u.fma(u, v * v).sqrt() * back
        };
        self.is_infinite().select(x.like(f64::INFINITY), root)
    }

    /// A power of two that takes squares of the parts into range, and its reciprocal.
    pub(super) fn scale(self) -> (Term<'s>, Term<'s>) {
        let m = self.size();
        let (large, small) = (m.gt(2f64.powi(511)), m.lt(2f64.powi(-459)));
        let (up, down) = (m.like(2f64.powi(600)), m.like(2f64.powi(-600)));
        let s = large.select(down, small.select(up, 1.0));
        (s, large.select(up, small.select(down, 1.0)))
    }

    /// `(z 2^-k, k)`, so that the parts are at most 4 and one of them, unless subnormal, is at
    /// least 1.
    fn normalised(self) -> (Z<'s>, Term<'s>) {
        let exponent = self.size().bits().shr(52);
        let exponent = exponent.gt(2045).select(exponent.like(2045), exponent);
        let exponent = exponent.lt(1).select(exponent.like(1), exponent);
        let s = (exponent.like(2046) - exponent).shl(52).float();
        (self.like(self.re * s, self.im * s), exponent - 1023)
    }

    pub(super) fn over(self, by: Z<'s>) -> Z<'s> {
        let (n, d, scale) = if self.narrow {
            (self, by, None)
        } else {
            let ((n, up), (d, down)) = (self.normalised(), by.normalised());
            // 2^k in two steps, each in range.
            let k = up - down;
            let half = (k + 4096).shr(1) - 2048;
            let power = |k: Term<'s>| (k + 1023).shl(52).float();
            (n, d, Some((power(half), power(k - half))))
        };
        let (a, b, c, e) = (n.re, n.im, d.re, d.im);
        let under = c.fma(c, e * e);
        let mut q =
            self.like(sum_of_products(a, c, b, e) / under, sum_of_products(b, c, -a, e) / under);
        if let Some((s, t)) = scale {
            q = self.like(q.re * s * t, q.im * s * t);
        }
        let infinity = a.like(f64::INFINITY).signed_as(c);
        let by_zero = self.like(infinity * a, infinity * b);
        // Infinite parts are replaced by ones, and other parts by zeros.
        let boxed = |z: Z<'s>| {
            let one = |x: Term<'s>| is_infinite(x).select(x.like(1.0), 0.0).signed_as(x);
            z.like(one(z.re), one(z.im))
        };
        let times = |n: Z<'s>, d: Z<'s>, by: f64| {
            let (re, im) = (n.re * d.re + n.im * d.im, n.im * d.re - n.re * d.im);
            self.like(re * by, im * by)
        };
        let grows = self.is_infinite() & by.is_finite();
        let vanishes = by.is_infinite() & self.is_finite();
        q.unless(by.is_zero(), by_zero)
            .unless(grows, times(boxed(n), d, f64::INFINITY))
            .unless(vanishes, times(n, boxed(d), 0.0))
    }
}

/// The magnitude.
pub(super) fn abs<'s>(z: Z<'s>) -> Term<'s> {
    z.abs()
}

/// `z / w`
pub(super) fn quotient<'s>(z: Z<'s>, w: Z<'s>) -> Z<'s> {
    z.over(w)
}

/// `z / |z|`, and 0 of 0.
pub(super) fn sign(z: Z) -> Z {
    let s = if z.narrow {
        z
    } else {
        // Scale down, so that the magnitude of the largest numbers does not overflow.
        let s = z.size().gt(2f64.powi(1000)).select(z.re.like(0.25), 1.0);
        z.like(z.re * s, z.im * s)
    };
    let size = s.abs();
    z.like(s.re / size, s.im / size).unless(z.is_zero(), z)
}
