//! Functions of complex numbers, each defined once from real ones; quotients and magnitudes too.
//!
//! All are computed in f64: for c64 that holds every product of two parts, so that nothing overflows on the way, what
//! cancels loses nothing that shows, and one rounding at the end is all of the error; for c128 the formulas scale.
//! Branch cuts, infinities and signed zeros are those of C99's annex G where it speaks (it lets `inf + nan i` count as
//! infinite, and so does this).
//!
//! | file | what it holds |
//! | --- | --- |
//! | here | quotients, magnitudes, signs |
//! | `exponential.rs` | exp, log and their kin, powers, roots |
//! | `hyperbolic.rs` | sinh, cosh, tanh, and through `i` the functions of angles |
//! | `inverse.rs` | the inverses of those |
//!
//! Errors are measured by `scripts/complex_accuracy.py`, whose table is `docs/accuracy_complex.md`.

use super::term::Term;
use crate::DType;
use crate::build::KernelBuilder;
use crate::kernel::NodeId;
use crate::op::ScalarOp;
use std::cell::RefCell;

mod exponential;
mod hyperbolic;
mod inverse;

/// The value of an op on complex numbers, in real parts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parts {
    Real(NodeId),
    Complex([NodeId; 2]),
}

/// A complex number under construction, of f64 terms.
#[derive(Clone, Copy)]
struct Z<'s> {
    re: Term<'s>,
    im: Term<'s>,
    /// The parts were f32, so that sums of their squares neither overflow nor vanish.
    narrow: bool,
}

/// The op on operands given by their real and imaginary parts, in real ops.
pub(crate) fn define(op: ScalarOp, b: &mut KernelBuilder, args: &[[NodeId; 2]]) -> Parts {
    let builder = RefCell::new(b);
    let part = Term::new(&builder, args[0][0]).dtype();
    let wide = |id| {
        let x = Term::new(&builder, id);
        if part == DType::F64 { x } else { x.unary(ScalarOp::Convert(DType::F64)) }
    };
    let operand =
        |n: usize| Z { re: wide(args[n][0]), im: wide(args[n][1]), narrow: part == DType::F32 };
    let back = |x: Term| {
        if part == DType::F64 { x.id() } else { x.unary(ScalarOp::Convert(part)).id() }
    };
    let z = operand(0);
    let value = match op {
        ScalarOp::Abs => return Parts::Real(back(z.abs())),
        ScalarOp::Div => z.over(operand(1)),
        ScalarOp::Sign => sign(z),
        ScalarOp::Sqrt => exponential::sqrt(z),
        ScalarOp::Rsqrt => z.real(1.0).over(exponential::sqrt(z)),
        ScalarOp::Exp => exponential::exp(z),
        ScalarOp::Exp2 => exponential::exp2(z),
        ScalarOp::Expm1 => exponential::expm1(z),
        ScalarOp::Logistic => exponential::logistic(z),
        ScalarOp::Log => exponential::log(z),
        ScalarOp::Log2 => exponential::log2(z),
        ScalarOp::Log1p => exponential::log1p(z),
        ScalarOp::Pow => exponential::pow(z, operand(1)),
        ScalarOp::Sinh => hyperbolic::sinh(z),
        ScalarOp::Cosh => hyperbolic::cosh(z),
        ScalarOp::Tanh => hyperbolic::tanh(z),
        ScalarOp::Sin => hyperbolic::sinh(z.turned()).turned_back(),
        ScalarOp::Cos => hyperbolic::cosh(z.turned()),
        ScalarOp::Tan => hyperbolic::tanh(z.turned()).turned_back(),
        ScalarOp::Asin => inverse::asin(z),
        ScalarOp::Acos => inverse::acos(z),
        ScalarOp::Acosh => inverse::acosh(z),
        ScalarOp::Atanh => inverse::atanh(z),
        ScalarOp::Asinh => inverse::asin(z.turned()).turned_back(),
        ScalarOp::Atan => inverse::atanh(z.turned()).turned_back(),
        op => panic!("{op:?}: not a function of complex numbers"),
    };
    Parts::Complex([back(value.re), back(value.im)])
}

fn is_infinite(x: Term) -> Term {
    x.abs().eq(f64::INFINITY)
}

fn is_finite(x: Term) -> Term {
    x.abs().lt(f64::INFINITY)
}

/// The greater of two numbers that are no NaN.
fn greater<'s>(x: Term<'s>, y: Term<'s>) -> Term<'s> {
    x.gt(y).select(x, y)
}

/// `a b + c d`, off by less than two units in the last place however much cancels.
fn sum_of_products<'s>(a: Term<'s>, b: Term<'s>, c: Term<'s>, d: Term<'s>) -> Term<'s> {
    let w = c * d;
    a.fma(b, w) + c.fma(d, -w)
}

impl<'s> Z<'s> {
    fn like(self, re: Term<'s>, im: Term<'s>) -> Z<'s> {
        Z { re, im, ..self }
    }

    /// A real number of this type.
    fn real(self, x: f64) -> Z<'s> {
        self.like(self.re.like(x), self.re.like(0.0))
    }

    /// `i z`
    fn turned(self) -> Z<'s> {
        self.like(-self.im, self.re)
    }

    /// `-i z`
    fn turned_back(self) -> Z<'s> {
        self.like(self.im, -self.re)
    }

    /// Where `holds`, `this`.
    fn unless(self, holds: Term<'s>, this: Z<'s>) -> Z<'s> {
        self.like(holds.select(this.re, self.re), holds.select(this.im, self.im))
    }

    fn is_infinite(self) -> Term<'s> {
        is_infinite(self.re) | is_infinite(self.im)
    }

    fn is_finite(self) -> Term<'s> {
        is_finite(self.re) & is_finite(self.im)
    }

    fn is_zero(self) -> Term<'s> {
        self.re.eq(0.0) & self.im.eq(0.0)
    }

    /// The greater of the magnitudes of the parts.
    fn size(self) -> Term<'s> {
        greater(self.re.abs(), self.im.abs())
    }

    /// The square root of the sum of squares; infinite if a part is.
    fn abs(self) -> Term<'s> {
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
    fn scale(self) -> (Term<'s>, Term<'s>) {
        let m = self.size();
        let (large, small) = (m.gt(2f64.powi(511)), m.lt(2f64.powi(-459)));
        let (up, down) = (m.like(2f64.powi(600)), m.like(2f64.powi(-600)));
        let s = large.select(down, small.select(up, 1.0));
        (s, large.select(up, small.select(down, 1.0)))
    }

    /// `(z 2^-k, k)`, so that the parts are at most 4 and one of them, unless subnormal, is at least 1.
    fn normalised(self) -> (Z<'s>, Term<'s>) {
        let exponent = self.size().bits().shr(52);
        let exponent = exponent.gt(2045).select(exponent.like(2045), exponent);
        let exponent = exponent.lt(1).select(exponent.like(1), exponent);
        let s = (exponent.like(2046) - exponent).shl(52).float();
        (self.like(self.re * s, self.im * s), exponent - 1023)
    }

    fn over(self, by: Z<'s>) -> Z<'s> {
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
        let infinity = a.like(f64::INFINITY).signed_like(c);
        let by_zero = self.like(infinity * a, infinity * b);
        // Infinite parts count as ones, the others as zeros.
        let boxed = |z: Z<'s>| {
            let one = |x: Term<'s>| is_infinite(x).select(x.like(1.0), 0.0).signed_like(x);
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

/// `z / |z|`, and 0 of 0.
fn sign(z: Z) -> Z {
    let s = if z.narrow {
        z
    } else {
        // So that the magnitude of the largest numbers is one.
        let s = z.size().gt(2f64.powi(1000)).select(z.re.like(0.25), 1.0);
        z.like(z.re * s, z.im * s)
    };
    let size = s.abs();
    z.like(s.re / size, s.im / size).unless(z.is_zero(), z)
}
