//! The steps of random programs that compute with floats and complex numbers point by point.

use super::bench::{Bench, literal, part};
use super::recipe::Step;
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::prims::lax;

impl Bench {
    pub fn unary(&mut self, s: &Step) {
        let (x, bound) = self.float(s.a);
        let (y, bound) = match self.complex() {
            true => self.unary_of_complex(s, &x, bound),
            false => self.unary_of_real(s, &x, bound),
        };
        self.keep(y, bound);
    }

    fn unary_of_real(&self, s: &Step, x: &Array, bound: f64) -> (Array, f64) {
        let n = |value| self.literal(value);
        let above = |x: &Array| lax::add(&lax::square(x), &n(1.0));
        // Within so much of a middle.
        let near = |middle: f64, by: f64| lax::add(&n(middle), &lax::mul(&n(by), &lax::tanh(x)));
        match s.b % 36 {
            0 => (lax::sin(x), 1.0),
            1 => (lax::cos(x), 1.0),
            2 => (lax::tanh(x), 1.0),
            3 => (lax::logistic(x), 1.0),
            4 => (lax::exp(&lax::neg(&lax::square(x))), 1.0),
            5 => (lax::log(&above(x)), 3.0),
            6 => (lax::sqrt(&above(x)), bound + 1.0),
            7 => (lax::rsqrt(&above(x)), 1.0),
            8 => (lax::neg(x), bound),
            9 => (lax::square(x), bound * bound),
            10 => (lax::integer_pow(&lax::tanh(x), (s.c % 5) as i32), 1.0),
            11 => (lax::erf(x), 1.0),
            12 => (lax::atan(x), 1.6),
            13 => (lax::expm1(&lax::tanh(x)), 1.8),
            14 => (lax::log1p(&lax::square(x)), 3.0),
            15 => (lax::integer_pow(&above(x), -(1 + (s.c % 2) as i32)), 1.0),
            16 => (lax::erfc(x), 2.0),
            17 => (lax::erf_inv(&near(0.0, 0.8)), 1.0),
            18 => (lax::lgamma(&near(2.1, 1.3)), 1.3),
            19 => (lax::digamma(&near(1.9, 1.2)), 1.2),
            20 => (lax::asin(&near(0.0, 0.8)), 1.0),
            21 => (lax::acos(&near(0.0, 0.8)), 2.6),
            22 => (lax::asinh(x), 2.2),
            23 => (lax::acosh(&near(2.4, 1.0)), 1.9),
            24 => (lax::atanh(&near(0.0, 0.7)), 0.9),
            25 => (lax::tan(&near(0.0, 0.9)), 1.3),
            26 => (lax::sinh(&near(0.0, 1.0)), 1.2),
            27 => (lax::cosh(&near(0.0, 1.0)), 1.6),
            28 => (lax::exp2(&near(0.0, 1.0)), 2.0),
            29 => (lax::log2(&above(x)), 4.2),
            30 => (lax::cbrt(&above(x)), bound + 1.0),
            31 => (lax::abs(x), bound),
            32 => (lax::erf(&near(0.0, 1.0)), 1.0),
            33 => (lax::exp(&near(0.0, 1.0)), 2.8),
            34 => (lax::lgamma(&near(-0.5, 0.3)), 1.7),
            _ => (lax::digamma(&near(-1.5, 0.3)), 4.0),
        }
    }

    /// Of numbers of size 1 at most, off poles and branch cuts.
    fn unary_of_complex(&self, s: &Step, x: &Array, bound: f64) -> (Array, f64) {
        let n = |value| self.literal(value);
        let within = |size: f64| lax::mul(x, &n(size / bound.max(size)));
        let w = || within(1.0);
        let beside = |by: f64| lax::add(&w(), &n(by));
        match s.b % 30 {
            0 => (lax::sin(&w()), 1.6),
            1 => (lax::cos(&w()), 1.6),
            2 => (lax::tanh(&w()), 1.6),
            3 => (lax::logistic(&w()), 1.0),
            4 => (lax::exp(&w()), 2.8),
            5 => (lax::log(&beside(2.0)), 1.3),
            6 => (lax::sqrt(&beside(2.0)), 1.8),
            7 => (lax::rsqrt(&beside(2.0)), 1.0),
            8 => (lax::neg(x), bound),
            9 => (lax::square(x), bound * bound),
            10 => (lax::integer_pow(&w(), (s.c % 5) as i32), 1.0),
            11 => (lax::integer_pow(&beside(2.0), -(1 + (s.c % 3) as i32)), 1.0),
            12 => (lax::atan(&within(0.7)), 0.9),
            13 => (lax::expm1(&w()), 1.8),
            14 => (lax::log1p(&within(0.7)), 1.3),
            15 => (lax::asin(&within(0.7)), 0.9),
            16 => (lax::acos(&within(0.7)), 2.6),
            17 => (lax::asinh(&within(0.7)), 0.9),
            18 => (lax::acosh(&beside(3.0)), 2.2),
            19 => (lax::atanh(&within(0.7)), 0.9),
            20 => (lax::tan(&w()), 1.6),
            21 => (lax::sinh(&w()), 1.2),
            22 => (lax::cosh(&w()), 1.6),
            23 => (lax::exp2(&w()), 2.0),
            24 => (lax::log2(&beside(2.0)), 1.9),
            25 => (lax::conj(x), bound),
            26 => (lax::abs(&beside(2.0)), 3.0),
            27 => (lax::sign(&beside(2.0)), 1.0),
            28 => (lax::real(x), bound),
            _ => (lax::imag(x), bound),
        }
    }

    /// A float beside a scalar, or beside one of its shape.
    pub fn binary(&mut self, s: &Step) {
        let (x, bound) = self.float(s.a);
        let scalar = s.c & 16 != 0;
        let (y, other) = if scalar {
            let value = (s.c % 5) as f64 * 0.5 - 1.0;
            (self.literal(value), 1.0)
        } else {
            self.float_of(s.b, x.shape())
        };
        let n = |value| self.literal(value);
        let (z, bound) = match s.c % 8 {
            0 => (lax::add(&x, &y), bound + other),
            1 => (lax::sub(&y, &x), bound + other),
            2 => (lax::mul(&x, &y), bound * other),
            3 if self.complex() => {
                // `x` on the right half plane.
                let right = lax::add(&lax::mul(&x, &n(1.0 / bound.max(1.0))), &n(2.0));
                match s.c & 32 {
                    0 => (lax::div(&y, &right), other),
                    _ => {
                        let y = lax::mul(&y, &n(1.0 / other.max(1.0)));
                        (lax::pow(&right, &y), 6.0)
                    }
                }
            }
            _ => return self.binary_of_reals(s, &part(&x, s.a), &part(&y, s.b), bound, other),
        };
        self.keep(z, bound);
    }

    fn binary_of_reals(&mut self, s: &Step, x: &Array, y: &Array, bound: f64, other: f64) {
        let one = literal(x.dtype(), 1.0);
        let above = |x: &Array| lax::add(&lax::square(x), &one);
        let (z, bound) = match s.c % 8 {
            3 => (lax::div(y, &above(x)), other),
            4 => (lax::max(x, y), bound.max(other)),
            5 => (lax::min(y, x), bound.max(other)),
            6 if s.c & 32 == 0 => (lax::atan2(y, &above(x)), 1.6),
            6 => (lax::rem(y, &above(x)), other),
            _ => (lax::pow(&above(&lax::tanh(x)), &lax::sin(y)), 2.0),
        };
        self.keep(z, bound);
    }

    pub fn stepwise(&mut self, s: &Step) {
        let (x, bound) = self.real(s.a);
        let y = match s.b % 6 {
            0 => lax::floor(&x),
            1 => lax::ceil(&x),
            2 => lax::round_even(&x),
            3 => lax::round_away(&x),
            4 => lax::sign(&x),
            _ => {
                self.keep(lax::is_finite(&x), 0.0);
                return;
            }
        };
        self.keep(y, bound + 1.0);
    }

    /// Parts and wholes; real programs go through complex numbers and back.
    pub fn complex_step(&mut self, s: &Step) {
        let (x, bound) = self.real(s.a);
        let (y, other) = self.float_of(s.b, x.shape());
        let (y, size) = (part(&y, s.b), bound + other);
        // There are no complex numbers of 16 bits.
        let wide = if x.dtype().complex().is_some() { x.dtype() } else { DType::F32 };
        let [x, y] = [&x, &y].map(|v| lax::convert_element_type(v, wide));
        let z = lax::complex(&x, &y);
        let n = |value| literal(z.dtype(), value);
        let right = || lax::add(&lax::mul(&z, &n(1.0 / size)), &n(2.0));
        let (w, bound) = match s.c % 8 {
            0 => (z, size),
            1 => (lax::conj(&z), size),
            2 => (lax::mul(&z, &lax::conj(&z)), size * size),
            3 => (lax::log(&right()), 1.3),
            4 => (lax::sign(&right()), 1.0),
            5 => (lax::convert_element_type(&lax::abs(&right()), z.dtype()), 3.0),
            6 => (lax::exp(&lax::mul(&z, &n(1.0 / size))), 2.8),
            _ => (lax::div(&n(1.0), &right()), 1.0),
        };
        if w.dtype() == self.dtype {
            return self.keep(w, bound);
        }
        // Convert loses the imaginary part as `real` does.
        let y = match s.c / 8 % 3 {
            0 => lax::real(&w),
            1 => lax::imag(&w),
            _ => lax::convert_element_type(&w, wide),
        };
        self.keep(lax::convert_element_type(&y, self.dtype.part()), bound);
    }

    /// What rounds: only where derivatives are not asked for, but for formats that hold all there
    /// is.
    pub fn precision(&mut self, s: &Step) {
        let (x, bound) = self.real(s.a);
        let y = match s.c % 4 {
            _ if !self.rough => lax::reduce_precision(&x, 11, 52),
            0 => lax::reduce_precision(&x, 8, 7),
            1 => lax::reduce_precision(&x, 5, 10),
            2 => lax::reduce_precision(&x, 4 + u32::from(s.b % 5), u32::from(s.b % 8)),
            _ => {
                let (y, _) = self.float_of(s.b, x.shape());
                lax::nextafter(&x, &part(&y, s.b))
            }
        };
        // A format with few exponent bits has infinities soon.
        let limit = |v| literal(x.dtype(), v);
        self.keep(lax::clamp(&limit(-2.0 * bound), &y, &limit(2.0 * bound)), 2.0 * bound);
    }
}
