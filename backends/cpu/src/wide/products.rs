//! Products of ints in lanes of 64 bits, and the upper halves of products.

use super::asm::{Ins, Width};
use super::code::R;
use super::emitter::Emitter;
use crate::plan::lanes::Bits;
use cotangent_jit::DType;
use cotangent_jit::op::MachineOp;

impl Emitter<'_> {
    /// The low halves of 64-bit products, from 32-bit ones if there is no instruction.
    pub fn multiply_long(&mut self, w: Width, x: R, y: R) -> R {
        if self.tier.masks() {
            return self.v(Ins::Vpmullq, w, x, y);
        }
        let low = self.v(Ins::Vpmuludq, w, x, y);
        let x_high = self.ui(Ins::VpsrlqImm, w, x, 32);
        let y_high = self.ui(Ins::VpsrlqImm, w, y, 32);
        let a = self.v(Ins::Vpmuludq, w, x_high, y);
        let b = self.v(Ins::Vpmuludq, w, x, y_high);
        let cross = self.v(Ins::Vpaddq, w, a, b);
        let cross = self.ui(Ins::VpsllqImm, w, cross, 32);
        self.v(Ins::Vpaddq, w, low, cross)
    }

    /// The upper half of the product in twice the width.
    pub fn upper_product(&mut self, d: DType, bits: Bits, w: Width, x: R, y: R) -> R {
        match bits {
            Bits::B32 => self.upper_product_of_words(d, w, x, y),
            Bits::B64 => self.upper_product_of_longs(d, w, x, y),
        }
    }

    /// Even and odd lanes are multiplied to 64 bits, and the upper words of both are joined.
    fn upper_product_of_words(&mut self, d: DType, w: Width, x: R, y: R) -> R {
        let multiply = if d.is_signed() { Ins::Vpmuldq } else { Ins::Vpmuludq };
        let even = self.v(multiply, w, x, y);
        let even = self.ui(Ins::VpsrlqImm, w, even, 32);
        let [x, y] = [x, y].map(|v| self.ui(Ins::VpsrlqImm, w, v, 32));
        let odd = self.v(multiply, w, x, y);
        if !self.tier.masks() {
            return self.vi(Ins::Vpblendd, w, even, odd, 0b1010_1010);
        }
        let upper = self.repeated(Bits::B64, 0xffff_ffff_0000_0000);
        let odd = self.bitwise(MachineOp::And, w, odd, upper);
        self.bitwise(MachineOp::Or, w, even, odd)
    }

    /// From four products of words. With `x = x1 2^32 + x0` and `y` alike, no sum overflows:
    ///
    /// ```text
    /// t = x1 y0 + (x0 y0 >> 32)        u = x0 y1 + (t mod 2^32)
    /// x y >> 64 = x1 y1 + (t >> 32) + (u >> 32)
    /// ```
    ///
    /// A negative operand counts as 2^64 too much, so the other operand is subtracted.
    fn upper_product_of_longs(&mut self, d: DType, w: Width, x: R, y: R) -> R {
        let high = |e: &mut Self, v: R| e.ui(Ins::VpsrlqImm, w, v, 32);
        let (x1, y1) = (high(self, x), high(self, y));
        let lowest = self.v(Ins::Vpmuludq, w, x, y);
        let lowest = high(self, lowest);
        let t = self.v(Ins::Vpmuludq, w, x1, y);
        let t = self.v(Ins::Vpaddq, w, t, lowest);
        let word = self.repeated(Bits::B64, u32::MAX.into());
        let t0 = self.bitwise(MachineOp::And, w, t, word);
        let u = self.v(Ins::Vpmuludq, w, x, y1);
        let u = self.v(Ins::Vpaddq, w, u, t0);
        let top = self.v(Ins::Vpmuludq, w, x1, y1);
        let (t1, u1) = (high(self, t), high(self, u));
        let sum = self.v(Ins::Vpaddq, w, top, t1);
        let mut sum = self.v(Ins::Vpaddq, w, sum, u1);
        if d.is_signed() {
            for (of, other) in [(x, y), (y, x)] {
                let sign = self.signs_of_longs(w, of);
                let excess = self.bitwise(MachineOp::And, w, sign, other);
                sum = self.v(Ins::Vpsubq, w, sum, excess);
            }
        }
        sum
    }

    /// All ones where a 64-bit int is negative, else zeros.
    pub fn signs_of_longs(&mut self, w: Width, x: R) -> R {
        if self.tier.masks() {
            return self.ui(Ins::VpsraqImm, w, x, 63);
        }
        let zero = self.repeated(Bits::B64, 0);
        self.v(Ins::Vpcmpgtq, w, zero, x)
    }
}
