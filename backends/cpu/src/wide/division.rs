//! Quotients and remainders: ints by way of f64, and the exact remainder of floats.

use super::asm::{Ins, Width};
use super::code::{Inst, R};
use super::emitter::Emitter;
use super::masks::by;
use super::values::{Arg, Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::op::MachineOp;
use cotangent_jit::{DType, Error};

impl Emitter<'_> {
    /// Quotients of ints.
    pub fn quotient(&mut self, d: DType, args: &[Arg]) -> Result<Lanes, Error> {
        match args[0].lanes.bits {
            Bits::B32 => self.quotient_of_words(d, args),
            Bits::B64 => Ok(self.divide_longs(d, args, false)),
        }
    }

    /// Remainders of ints: `x - q y`; `x` where `y` is zero.
    pub fn rest_of_ints(&mut self, d: DType, args: &[Arg]) -> Result<Lanes, Error> {
        if args[0].lanes.bits == Bits::B64 {
            return Ok(self.divide_longs(d, args, true));
        }
        let q = self.quotient_of_words(d, args)?;
        let (w, _) = self.shape(Bits::B32);
        let (x, y) = (args[0].lanes.clone(), args[1].lanes.clone());
        let mut regs = Regs::new();
        for r in 0..x.regs.len() {
            let whole = self.v(Ins::Vpmulld, w, q.regs[r], y.regs[r]);
            regs.push(self.v(Ins::Vpsubd, w, x.regs[r], whole));
        }
        Ok(Lanes { regs, ..x })
    }

    /// Quotients of 32-bit ints: f64 holds both operands, and its quotient, truncated, is exact.
    fn quotient_of_words(&mut self, d: DType, args: &[Arg]) -> Result<Lanes, Error> {
        let (x, y) = (args[0].lanes.clone(), args[1].lanes.clone());
        let [p, q] = [self.convert(&x, DType::F64)?, self.convert(&y, DType::F64)?];
        let (w, _) = self.shape(Bits::B64);
        let regs = p.regs.iter().zip(&q.regs);
        let regs = regs.map(|(p, q)| self.v(Ins::Vdivpd, w, *p, *q)).collect();
        let exact = Lanes { regs, ..p };
        let whole = self.truncated(&exact, d)?;
        // `x / 0` is all ones.
        let (w, _) = self.shape(Bits::B32);
        let ones = self.repeated(Bits::B32, u64::MAX);
        let zero = self.repeated(Bits::B32, 0);
        let mut regs = Regs::new();
        for (q, y) in whole.regs.iter().zip(&y.regs) {
            let none = self.compare(MachineOp::Eq, DType::I32, w, *y, zero);
            regs.push(self.choose(Bits::B32, w, none, ones, *q));
        }
        Ok(Lanes { dtype: d, bits: Bits::B32, regs })
    }

    /// Quotients or remainders of 64-bit ints. Signed ones are those of the magnitudes, with signs.
    fn divide_longs(&mut self, d: DType, args: &[Arg], remainder: bool) -> Lanes {
        let (w, _) = self.shape(Bits::B64);
        let mut regs = Regs::new();
        for r in 0..args[0].lanes.regs.len() {
            let [x, y] = [0, 1].map(|n| args[n].lanes.regs[r]);
            let signs = d.is_signed().then(|| [x, y].map(|v| self.signs_of_longs(w, v)));
            let [p, q] = match signs {
                Some([sx, sy]) => [self.signed(w, x, sx), self.signed(w, y, sy)],
                None => [x, y],
            };
            let (quotient, rest) = self.divide_unsigned(w, p, q);
            let result = match (signs, remainder) {
                (None, false) => quotient,
                (None, true) => rest,
                (Some([sx, _]), true) => self.signed(w, rest, sx),
                (Some([sx, sy]), false) => {
                    let sign = self.bitwise(MachineOp::Xor, w, sx, sy);
                    self.signed(w, quotient, sign)
                }
            };
            let zero = self.repeated(Bits::B64, 0);
            let none = self.compare(MachineOp::Eq, DType::I64, w, y, zero);
            let instead = if remainder { x } else { self.repeated(Bits::B32, u64::MAX) };
            regs.push(self.choose(Bits::B64, w, none, instead, result));
        }
        Lanes { dtype: d, bits: Bits::B64, regs }
    }

    /// `-x` where the sign is all ones, `x` where it is zero.
    fn signed(&mut self, w: Width, x: R, sign: R) -> R {
        let flipped = self.bitwise(MachineOp::Xor, w, x, sign);
        self.v(Ins::Vpsubq, w, flipped, sign)
    }

    /// The quotient and the rest of u64; of a zero divisor any numbers.
    ///
    /// The product of `x` and the reciprocal of `y` is off by less than `2^-51` of it and then made
    /// smaller by `2^-50`, so its whole part `q` never exceeds the quotient, and the rest `x - q y`
    /// is not negative. Dividing the rest again leaves less than `2 y`, and a comparison decides
    /// whether one more `y` fits.
    fn divide_unsigned(&mut self, w: Width, x: R, y: R) -> (R, R) {
        let less = self.repeated_f64(1.0 - 2f64.powi(-50));
        let divisor = self.long_to_double(w, y);
        let reciprocal = self.v(Ins::Vdivpd, w, less, divisor);
        let (first, rest) = match self.tier.masks() {
            true => {
                let number = self.long_to_double(w, x);
                let about = self.v(Ins::Vmulpd, w, number, reciprocal);
                let q = self.u(Ins::Vcvttpd2uqq, w, about);
                let taken = self.multiply_long(w, q, y);
                (q, self.v(Ins::Vpsubq, w, x, taken))
            }
            false => self.upper_quotient(w, x, y, reciprocal),
        };
        let number = self.long_to_double(w, rest);
        let second = match self.tier.masks() {
            true => {
                let about = self.v(Ins::Vmulpd, w, number, reciprocal);
                self.u(Ins::Vcvttpd2uqq, w, about)
            }
            false => self.whole_below(w, number, reciprocal),
        };
        let taken = self.multiply_long(w, second, y);
        let rest = self.v(Ins::Vpsubq, w, rest, taken);
        let q = self.v(Ins::Vpaddq, w, first, second);
        let fits = self.compare(MachineOp::Ge, DType::U64, w, rest, y);
        let taken = self.where_set(Bits::B64, w, fits, y);
        let one = self.repeated(Bits::B64, 1);
        let more = self.where_set(Bits::B64, w, fits, one);
        (self.v(Ins::Vpaddq, w, q, more), self.v(Ins::Vpsubq, w, rest, taken))
    }

    /// The upper word of the quotient, and the rest. The lower word is all that 256-bit
    /// instructions convert cheaply.
    fn upper_quotient(&mut self, w: Width, x: R, y: R, reciprocal: R) -> (R, R) {
        let number = self.long_to_double(w, x);
        let down = self.repeated_f64(2f64.powi(-32));
        let scaled = self.v(Ins::Vmulpd, w, reciprocal, down);
        let word = self.whole_below(w, number, scaled);
        let taken = self.v(Ins::Vpmuludq, w, word, y);
        let taken = self.ui(Ins::VpsllqImm, w, taken, 32);
        let q = self.ui(Ins::VpsllqImm, w, word, 32);
        (q, self.v(Ins::Vpsubq, w, x, taken))
    }

    /// A whole number of at least `x y - 1` and at most `x y`, which is less than 2^51 and not
    /// negative: the last digits of `x y - 1/2` beside a power of two.
    fn whole_below(&mut self, w: Width, x: R, y: R) -> R {
        let (half, big) = (self.repeated_f64(0.5), self.repeated_f64(1.5 * 2f64.powi(52)));
        let less = self.t(Ins::Vfmsub213pd, w, x, y, half);
        let sum = self.v(Ins::Vaddpd, w, less, big);
        self.v(Ins::Vpsubq, w, sum, big)
    }

    fn long_to_double(&mut self, w: Width, x: R) -> R {
        match self.tier.masks() {
            true => self.u(Ins::Vcvtuqq2pd, w, x),
            false => self.words_to_double(w, x, false),
        }
    }

    /// The remainder of floats, exact, with the sign of the dividend.
    ///
    /// With `q` the quotient, rounded and then truncated, `r - q y` is a float, so one fused
    /// product computes it: `q` has the digits of a float, and the rest is smaller than the last of
    /// them times `y`. If the quotient has more digits than that, the rest is divided again, which
    /// is rare. A quotient may have been rounded up to a whole number, so the last rest may be
    /// negative: then `y` is added.
    pub fn float_remainder(&mut self, d: DType, args: &[Arg]) -> Lanes {
        let bits = args[0].lanes.bits;
        let (w, _) = self.shape(bits);
        let and = by(bits, Ins::Vandps, Ins::Vandpd);
        let rest_bits = if bits == Bits::B32 { 0x7fff_ffff } else { i64::MAX as u64 };
        let mut regs = Regs::new();
        for r in 0..args[0].lanes.regs.len() {
            let [x, y] = [0, 1].map(|n| args[n].lanes.regs[r]);
            let magnitude = self.repeated(bits, rest_bits);
            let [from, divisor] = [x, y].map(|v| self.v(and, w, v, magnitude));
            let rest = self.reduced(bits, w, from, divisor);
            let zero = self.repeated(bits, 0);
            let negative = self.compare_floats(0x11, bits, w, rest, zero);
            let added = self.where_set(bits, w, negative, divisor);
            let rest = self.v(by(bits, Ins::Vaddps, Ins::Vaddpd), w, rest, added);
            let sign = self.sign(bits);
            let sign = self.v(and, w, x, sign);
            let signed = self.v(by(bits, Ins::Vorps, Ins::Vorpd), w, rest, sign);
            // So also a finite number by infinity.
            let less = self.compare_floats(0x11, bits, w, from, divisor);
            regs.push(self.choose(bits, w, less, x, signed));
        }
        Lanes { dtype: d, bits, regs }
    }

    /// `x - q y` with a whole `q`, less than `y` in size. NaN where `y` is zero or one is not
    /// finite.
    fn reduced(&mut self, bits: Bits, w: Width, x: R, y: R) -> R {
        let divide = by(bits, Ins::Vdivps, Ins::Vdivpd);
        let q = self.v(divide, w, x, y);
        let once = self.rest_of(bits, w, x, q, y);
        let (rest, before) = (self.vector(), self.vector());
        self.assign(rest, once);
        let more = self.at_least(bits, w, rest, y);
        let (top, after) = (self.code.place(), self.code.place());
        self.jump_if_none(more, bits, w, after);
        self.assign(before, x);
        self.code.push(Inst::LoopBegin);
        self.code.push(Inst::Bind(top));
        // Where the quotient overflows, multiples of the divisor are taken first.
        let up = self.repeated(
            bits,
            if bits == Bits::B32 {
                2f32.powi(100).to_bits().into()
            } else {
                2f64.powi(1000).to_bits()
            },
        );
        let mut by_what = y;
        for _ in 0..2 {
            let q = self.v(divide, w, before, by_what);
            let infinite = self.is_infinite(bits, w, q);
            let larger = self.v(by(bits, Ins::Vmulps, Ins::Vmulpd), w, by_what, up);
            by_what = self.choose(bits, w, infinite, larger, by_what);
        }
        let q = self.v(divide, w, before, by_what);
        let next = self.rest_of(bits, w, before, q, by_what);
        self.assign(before, next);
        self.assign(rest, next);
        let more = self.at_least(bits, w, rest, y);
        self.jump_if_none(more, bits, w, after);
        self.code.push(Inst::Jump(top));
        self.code.push(Inst::LoopEnd);
        self.code.push(Inst::Bind(after));
        rest
    }

    /// `x - trunc(q) y`
    fn rest_of(&mut self, bits: Bits, w: Width, x: R, q: R, y: R) -> R {
        let round = match self.tier.masks() {
            true => by(bits, Ins::Vrndscaleps, Ins::Vrndscalepd),
            false => by(bits, Ins::Vroundps, Ins::Vroundpd),
        };
        let q = self.ui(round, w, q, 0x0b);
        self.t(by(bits, Ins::Vfnmadd231ps, Ins::Vfnmadd231pd), w, x, q, y)
    }

    /// The mask of `|x| >= y`; false of a NaN.
    fn at_least(&mut self, bits: Bits, w: Width, x: R, y: R) -> R {
        let all = if bits == Bits::B32 { 0x7fff_ffff } else { i64::MAX as u64 };
        let all = self.repeated(bits, all);
        let size = self.v(by(bits, Ins::Vandps, Ins::Vandpd), w, x, all);
        self.compare_floats(0x1d, bits, w, size, y)
    }

    fn is_infinite(&mut self, bits: Bits, w: Width, x: R) -> R {
        let infinity = match bits {
            Bits::B32 => self.repeated_f32(f32::INFINITY),
            Bits::B64 => self.repeated_f64(f64::INFINITY),
        };
        self.at_least(bits, w, x, infinity)
    }
}
