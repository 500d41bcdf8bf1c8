//! Conversions between floats and 64-bit ints by 256-bit instructions, of which there are none for
//! that: a number goes through the words of which it consists.

use super::asm::{Ins, Width};
use super::code::R;
use super::emitter::Emitter;
use super::values::Lanes;
use crate::plan::lanes::Bits;
use cotangent_jit::{DType, Error};

impl Emitter<'_> {
    /// f64 or f32, truncated and saturated; of a NaN zero.
    pub fn float_to_long(&mut self, x: &Lanes, to: DType) -> Result<Lanes, Error> {
        let x = self.convert(x, DType::F64)?;
        let (w, _) = self.shape(Bits::B64);
        let signed = to.is_signed();
        let least = self.repeated_f64(if signed { -2f64.powi(63) } else { 0.0 });
        let beyond = self.repeated_f64(2f64.powi(if signed { 63 } else { 64 }));
        let most = self.repeated(Bits::B64, if signed { i64::MAX as u64 } else { u64::MAX });
        Ok(self.map(to, &x, |e, v| {
            let over = e.compare_floats(0x1d, Bits::B64, w, v, beyond);
            let number = if signed {
                let number = e.compare_floats(0x07, Bits::B64, w, v, v);
                e.where_set(Bits::B64, w, number, v)
            } else {
                v
            };
            // The second source wins over a NaN.
            let inside = e.v(Ins::Vmaxpd, w, number, least);
            let whole = e.digits(w, inside);
            e.choose(Bits::B64, w, over, most, whole)
        }))
    }

    /// A number from -2^63 up to 2^64, truncated, as the lowest 64 bits of the int. Both of its
    /// words are the last digits of a sum with a large power of two.
    fn digits(&mut self, w: Width, x: R) -> R {
        let whole = self.ui(Ins::Vroundpd, w, x, 0x0b);
        let [up, down] = [32, -32].map(|n| self.repeated_f64(2f64.powi(n)));
        let high = self.v(Ins::Vmulpd, w, whole, down);
        let high = self.ui(Ins::Vroundpd, w, high, 0x09);
        let low = self.t(Ins::Vfnmadd231pd, w, whole, high, up);
        let big = self.repeated_f64(2f64.powi(52));
        let low = self.v(Ins::Vaddpd, w, low, big);
        let low = self.v(Ins::Vxorpd, w, low, big);
        // Half as much again, so that the exponent is the same on both sides of zero.
        let bigger = self.repeated_f64(1.5 * 2f64.powi(52));
        let high = self.v(Ins::Vaddpd, w, high, bigger);
        let high = self.ui(Ins::VpsllqImm, w, high, 32);
        self.v(Ins::Vpor, w, high, low)
    }

    /// 64-bit ints as f64, rounded once: low words on top of 2^52 and high words on top of 2^84 are
    /// exact, and only the sum of the two is rounded.
    pub fn words_to_double(&mut self, w: Width, x: R, signed: bool) -> R {
        let low = self.repeated(Bits::B64, 0x4330_0000_0000_0000);
        let (high, both) = match signed {
            true => (0x4530_0000_8000_0000, 0x4530_0000_8010_0000),
            false => (0x4530_0000_0000_0000, 0x4530_0000_0010_0000),
        };
        let (high, both) = (self.repeated(Bits::B64, high), self.repeated(Bits::B64, both));
        let lower = self.vi(Ins::Vpblendd, w, x, low, 0b1010_1010);
        let upper = self.ui(Ins::VpsrlqImm, w, x, 32);
        let upper = self.v(Ins::Vpxor, w, upper, high);
        let upper = self.v(Ins::Vsubpd, w, upper, both);
        self.v(Ins::Vaddpd, w, upper, lower)
    }

    /// 64-bit ints as f32, rounded once. Of those so large that f64 would round them, too, the
    /// lowest 11 bits are replaced by one that tells whether any of them was set.
    pub fn long_to_single(&mut self, x: &Lanes) -> Result<Lanes, Error> {
        let (w, _) = self.shape(Bits::B64);
        let [last, zero, middle] = [0x7ff, 0, 1 << 44].map(|n| self.repeated(Bits::B64, n));
        let rest = self.repeated(Bits::B64, !0x7ff);
        let signed = x.dtype.is_signed();
        let exact = self.map(x.dtype, x, |e, v| {
            let tail = e.v(Ins::Vpand, w, v, last);
            let carry = e.v(Ins::Vpaddq, w, tail, last);
            let odd = e.v(Ins::Vpor, w, v, carry);
            let odd = e.v(Ins::Vpand, w, odd, rest);
            let size = if signed { e.v(Ins::Vpaddq, w, v, middle) } else { v };
            let size = e.ui(Ins::VpsrlqImm, w, size, 45);
            let large = e.v(Ins::Vpcmpgtq, w, size, zero);
            e.choose(Bits::B64, w, large, odd, v)
        });
        let double = self.convert(&exact, DType::F64)?;
        self.convert(&double, DType::F32)
    }
}
