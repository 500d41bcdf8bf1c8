//! Counts of bits in lanes: one bits, and zeros in front of the first one.

use super::asm::{Ins, Width};
use super::code::{Constant, R};
use super::emitter::Emitter;
use super::masks::by;
use super::tier;
use crate::plan::lanes::Bits;
use cotangent_jit::op::MachineOp;

impl Emitter<'_> {
    /// The one bits of each lane: by an instruction where there is one, else those of each half
    /// byte by a table, summed up.
    pub fn count_ones(&mut self, bits: Bits, w: Width, x: R) -> R {
        if self.tier.masks() && tier::counts_ones() {
            return self.u(by(bits, Ins::Vpopcntd, Ins::Vpopcntq), w, x);
        }
        let table = (0..self.tier.width().bytes()).map(|n| (n as u8 & 15).count_ones() as u8);
        let table = self.code.constant(Constant::Lanes(table.collect()));
        let half = self.repeated(Bits::B32, 0x0f0f_0f0f);
        let low = self.bitwise(MachineOp::And, w, x, half);
        let high = self.shift_by(MachineOp::ShrLogical, Bits::B32, w, x, 4);
        let high = self.bitwise(MachineOp::And, w, high, half);
        let low = self.v(Ins::Vpshufb, w, table, low);
        let high = self.v(Ins::Vpshufb, w, table, high);
        let bytes = self.v(Ins::Vpaddb, w, low, high);
        if bits == Bits::B64 {
            let zero = self.repeated(bits, 0);
            return self.v(Ins::Vpsadbw, w, bytes, zero);
        }
        let ones = self.repeated(Bits::B32, 0x0101_0101);
        let words = self.v(Ins::Vpmaddubsw, w, bytes, ones);
        let ones = self.repeated(Bits::B32, 0x0001_0001);
        self.v(Ins::Vpmaddwd, w, words, ones)
    }

    /// The zeros in front of the first one bit of each lane; the width if there is none.
    pub fn count_leading_zeros(&mut self, bits: Bits, w: Width, x: R) -> R {
        if self.tier.masks() {
            return self.u(by(bits, Ins::Vplzcntd, Ins::Vplzcntq), w, x);
        }
        match bits {
            Bits::B32 => self.leading_zeros_of_words(w, x),
            Bits::B64 => self.leading_zeros_of_longs(w, x),
        }
    }

    /// From the exponents of the words as f32. The exponent of zero is too small by far; a word
    /// whose first bit is one is negative, and its sign makes the exponent too large.
    fn leading_zeros_of_words(&mut self, w: Width, x: R) -> R {
        let first = self.without_followers(Bits::B32, w, x);
        let float = self.u(Ins::Vcvtdq2ps, w, first);
        let exponent = self.ui(Ins::VpsrldImm, w, float, 23);
        let [most, zero, width] = [127 + 31, 0, 32].map(|n| self.repeated(Bits::B32, n));
        let count = self.v(Ins::Vpsubd, w, most, exponent);
        let count = self.v(Ins::Vpminsd, w, count, width);
        self.v(Ins::Vpmaxsd, w, count, zero)
    }

    /// The same by f64.
    fn leading_zeros_of_longs(&mut self, w: Width, x: R) -> R {
        let first = self.without_followers(Bits::B64, w, x);
        let float = self.words_to_double(w, first, false);
        let exponent = self.ui(Ins::VpsrlqImm, w, float, 52);
        let [most, width] = [1023 + 63, 64].map(|n| self.repeated(Bits::B64, n));
        let count = self.v(Ins::Vpsubq, w, most, exponent);
        // The upper words are zero.
        self.v(Ins::Vpminsd, w, count, width)
    }

    /// The lanes without the bits that follow a one, so that none is rounded up to the next power
    /// of two.
    fn without_followers(&mut self, bits: Bits, w: Width, x: R) -> R {
        let below = self.shift_by(MachineOp::ShrLogical, bits, w, x, 1);
        self.v(Ins::Vpandn, w, below, x)
    }
}
