//! Changes of type in lanes.
//!
//! Float to int truncates and saturates, and takes NaN to zero; what the machine gives instead is
//! mended here. Narrow types are lanes of 32 bits: ints hold the number, floats their bits with
//! zeros above.

use super::asm::{Ins, Width};
use super::code::{Inst, MaskOp, R};
use super::emitter::{Emitter, unsupported};
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::op::MachineOp;
use cotangent_jit::{DType, Error, Scalar};

impl Emitter<'_> {
    /// The same bits as another type.
    pub fn reinterpret(&mut self, x: &Lanes, to: DType) -> Lanes {
        let lanes = Lanes { dtype: to, ..x.clone() };
        if to.is_narrow() && to.is_signed() != x.dtype.is_signed() {
            return self.wrapped(&lanes, to);
        }
        lanes
    }

    /// 32-bit lanes cut to what a lane of the narrow type holds.
    fn wrapped(&mut self, x: &Lanes, to: DType) -> Lanes {
        let (w, _) = self.shape(Bits::B32);
        let unused = 32 - to.bits() as u8;
        let signed = to.is_signed();
        self.map(to, x, |e, v| {
            let left = e.shift_by(MachineOp::Shl, Bits::B32, w, v, unused);
            let right = if signed { MachineOp::ShrArithmetic } else { MachineOp::ShrLogical };
            e.shift_by(right, Bits::B32, w, left, unused)
        })
    }

    pub fn convert(&mut self, x: &Lanes, to: DType) -> Result<Lanes, Error> {
        let from = x.dtype;
        if from == to {
            return Ok(x.clone());
        }
        if from.is_bool() {
            return Ok(self.convert_bool(x, to));
        }
        if to.is_bool() {
            if from.is_float() && from.is_narrow() {
                return unsupported("narrow floats to bool");
            }
            let (w, _) = self.shape(x.bits);
            let zero = self.repeated(x.bits, 0);
            return Ok(self.map(to, x, |e, v| e.compare(MachineOp::Ne, from, w, v, zero)));
        }
        if from.is_narrow() || to.is_narrow() {
            return self.convert_narrow(x, to);
        }
        match (from.is_float(), to.is_float()) {
            (true, true) => Ok(self.between_floats(x, to)),
            (false, false) => Ok(self.between_ints(x, to)),
            (false, true) => self.int_to_float(x, to),
            (true, false) => self.float_to_int(x, to),
        }
    }

    fn convert_bool(&mut self, x: &Lanes, to: DType) -> Lanes {
        let bits = self.bits_of(to);
        let (w, _) = self.shape(bits);
        let x = self.with_bits(x, bits);
        let one = self.repeated(bits, Scalar::one(to).bits() as u64);
        self.map(to, &x, |e, m| e.where_set(bits, w, m, one))
    }

    /// The lanes of 32-bit registers, as many in each as a register of 64-bit lanes has.
    pub fn split(&mut self, x: &Lanes) -> Regs {
        if self.shape(Bits::B32).1 == self.shape(Bits::B64).1 {
            return x.regs.clone();
        }
        let mut regs = Regs::new();
        for &v in &x.regs {
            regs.push(v);
            regs.push(self.upper_half(v));
        }
        regs
    }

    /// Half registers, joined in pairs where 32-bit lanes fill whole ones.
    pub fn joined(&mut self, halves: &[R]) -> Regs {
        if self.shape(Bits::B32).1 == self.shape(Bits::B64).1 {
            return halves.iter().copied().collect();
        }
        let (ins, w) = match self.tier.width() {
            Width::Z512 => (Ins::Vinsertf64x4, Width::Z512),
            _ => (Ins::Vinsertf128, Width::Y256),
        };
        halves.chunks(2).map(|pair| self.vi(ins, w, pair[0], pair[1], 1)).collect()
    }

    /// 64-bit lanes from 32-bit ones, each by one instruction.
    fn widen(&mut self, x: &Lanes, to: DType, ins: Ins) -> Lanes {
        let (w, _) = self.shape(Bits::B64);
        let parts = self.split(x);
        let regs = parts.iter().map(|v| self.u(ins, w, *v)).collect();
        Lanes { dtype: to, bits: Bits::B64, regs }
    }

    /// 32-bit lanes from 64-bit ones, each by one instruction, whose width is that of its source.
    fn narrow(&mut self, x: &Lanes, to: DType, ins: Ins) -> Lanes {
        let (w, _) = self.shape(Bits::B64);
        let halves: Regs = x.regs.iter().map(|v| self.u(ins, w, *v)).collect();
        Lanes { dtype: to, bits: Bits::B32, regs: self.joined(&halves) }
    }

    fn between_floats(&mut self, x: &Lanes, to: DType) -> Lanes {
        match to {
            DType::F64 => self.widen(x, to, Ins::Vcvtps2pd),
            _ => self.narrow(x, to, Ins::Vcvtpd2ps),
        }
    }

    fn between_ints(&mut self, x: &Lanes, to: DType) -> Lanes {
        match (x.dtype.size(), to.size()) {
            (4, 8) if x.dtype.is_signed() => self.widen(x, to, Ins::Vpmovsxdq),
            (4, 8) => self.widen(x, to, Ins::Vpmovzxdq),
            (8, 4) => {
                let same = self.shape(Bits::B32).1 == self.shape(Bits::B64).1;
                let mut regs = Regs::new();
                for pair in x.regs.chunks(if same { 1 } else { 2 }) {
                    regs.push(self.even_words(pair[0], pair[pair.len() - 1]));
                }
                Lanes { dtype: to, bits: Bits::B32, regs }
            }
            _ => Lanes { dtype: to, ..x.clone() },
        }
    }

    fn int_to_float(&mut self, x: &Lanes, to: DType) -> Result<Lanes, Error> {
        let masks = self.tier.masks();
        let (w, _) = self.shape(x.bits);
        Ok(match (x.dtype, to) {
            (DType::I32, DType::F32) => self.map(to, x, |e, v| e.u(Ins::Vcvtdq2ps, w, v)),
            (DType::U32, DType::F32) if masks => self.map(to, x, |e, v| e.u(Ins::Vcvtudq2ps, w, v)),
            (DType::U32, DType::F32) => {
                // Both halves are exact, and their sum is rounded once.
                let (low, power) = (self.repeated(Bits::B32, 0xffff), self.repeated_f32(65536.0));
                self.map(to, x, |e, v| {
                    let high = e.ui(Ins::VpsrldImm, w, v, 16);
                    let high = e.u(Ins::Vcvtdq2ps, w, high);
                    let rest = e.v(Ins::Vpand, w, v, low);
                    let rest = e.u(Ins::Vcvtdq2ps, w, rest);
                    e.t(Ins::Vfmadd213ps, w, high, power, rest)
                })
            }
            (DType::I32, _) => self.widen(x, to, Ins::Vcvtdq2pd),
            (DType::U32, _) if masks => self.widen(x, to, Ins::Vcvtudq2pd),
            (DType::U32, _) => {
                // The number in the last digits of 2^52 + n.
                let wide = self.widen(x, to, Ins::Vpmovzxdq);
                let big = self.repeated_f64((1u64 << 52) as f64);
                let (w, _) = self.shape(Bits::B64);
                self.map(to, &wide, |e, v| {
                    let sum = e.v(Ins::Vpor, w, v, big);
                    e.v(Ins::Vsubpd, w, sum, big)
                })
            }
            (d, DType::F64) if masks => {
                let ins = if d.is_signed() { Ins::Vcvtqq2pd } else { Ins::Vcvtuqq2pd };
                self.map(to, x, |e, v| e.u(ins, w, v))
            }
            (d, _) if masks => {
                self.narrow(x, to, if d.is_signed() { Ins::Vcvtqq2ps } else { Ins::Vcvtuqq2ps })
            }
            (d, DType::F64) => {
                let (w, signed) = (w, d.is_signed());
                self.map(to, x, |e, v| e.words_to_double(w, v, signed))
            }
            _ => return self.long_to_single(x),
        })
    }

    fn float_to_int(&mut self, x: &Lanes, to: DType) -> Result<Lanes, Error> {
        let masks = self.tier.masks();
        if to.size() == 8 && !masks {
            return self.float_to_long(x, to);
        }
        let bits = x.bits;
        let (w, _) = self.shape(bits);
        if to.is_unsigned() {
            // The second source wins over a NaN.
            let zero = self.repeated(bits, 0);
            let max = super::masks::by(bits, Ins::Vmaxps, Ins::Vmaxpd);
            let least = self.map(x.dtype, x, |e, v| e.v(max, w, v, zero));
            return Ok(match (bits, to.size()) {
                (Bits::B32, 4) if masks => self.map(to, &least, |e, v| e.u(Ins::Vcvttps2udq, w, v)),
                (Bits::B32, 4) => self.map(to, &least, |e, v| e.single_to_unsigned(w, v)),
                (Bits::B64, 4) => {
                    let most = self.repeated_f64(u32::MAX.into());
                    let inside = self.map(x.dtype, &least, |e, v| e.v(Ins::Vminpd, w, v, most));
                    self.truncated(&inside, to)?
                }
                (Bits::B32, _) => self.widen(&least, to, Ins::Vcvttps2uqq),
                (Bits::B64, _) => self.map(to, &least, |e, v| e.u(Ins::Vcvttpd2uqq, w, v)),
            });
        }
        let numbers = self.map(x.dtype, x, |e, v| {
            let number = e.compare_floats(0x07, bits, w, v, v);
            e.where_set(bits, w, number, v)
        });
        let power = |d: DType, n: i32| Scalar::from_f64(d, 2f64.powi(n)).map_or(0, |s| s.bits());
        Ok(match (bits, to.size()) {
            (Bits::B64, 4) => {
                let (low, high) =
                    (self.repeated_f64(-2147483648.0), self.repeated_f64(2147483647.0));
                let inside = self.map(x.dtype, &numbers, |e, v| {
                    let v = e.v(Ins::Vminpd, w, v, high);
                    e.v(Ins::Vmaxpd, w, v, low)
                });
                self.truncated(&inside, to)?
            }
            (Bits::B32, 4) => {
                let beyond = self.repeated(Bits::B32, power(DType::F32, 31) as u64);
                self.map(to, &numbers, |e, v| {
                    let whole = e.u(Ins::Vcvttps2dq, w, v);
                    let over = e.compare_floats(0x1d, Bits::B32, w, v, beyond);
                    e.flipped(Bits::B32, w, over, whole)
                })
            }
            (Bits::B32, _) => {
                let beyond = self.repeated(Bits::B32, power(DType::F32, 63) as u64);
                let over = self.map(DType::Bool, &numbers, |e, v| {
                    e.compare_floats(0x1d, Bits::B32, w, v, beyond)
                });
                let over = self.with_bits(&over, Bits::B64);
                let whole = self.widen(&numbers, to, Ins::Vcvttps2qq);
                self.flipped_lanes(&over, &whole)
            }
            (Bits::B64, _) => {
                let beyond = self.repeated(Bits::B64, power(DType::F64, 63) as u64);
                self.map(to, &numbers, |e, v| {
                    let whole = e.u(Ins::Vcvttpd2qq, w, v);
                    let over = e.compare_floats(0x1d, Bits::B64, w, v, beyond);
                    e.flipped(Bits::B64, w, over, whole)
                })
            }
        })
    }

    /// All bits flipped where the mask is set: the machine's answer beyond the range is the least
    /// int, and its complement the greatest.
    fn flipped(&mut self, bits: Bits, w: Width, mask: R, x: R) -> R {
        if !self.tier.masks() {
            return self.v(Ins::Vpxor, w, x, mask);
        }
        let ones = self.repeated(Bits::B32, u64::MAX);
        let ins = super::masks::by(bits, Ins::Vpxord, Ins::Vpxorq);
        self.v_where(ins, w, x, mask, Some(x), ones)
    }

    fn flipped_lanes(&mut self, mask: &Lanes, x: &Lanes) -> Lanes {
        let (w, _) = self.shape(x.bits);
        let both = x.regs.iter().zip(&mask.regs);
        let regs = both.map(|(v, m)| self.flipped(x.bits, w, *m, *v)).collect();
        Lanes { regs, ..x.clone() }
    }

    /// f32 that is not negative to u32, which saturates, by 256-bit instructions.
    fn single_to_unsigned(&mut self, w: Width, x: R) -> R {
        let [half, whole] = [2f32.powi(31), 2f32.powi(32)].map(|p| self.repeated_f32(p));
        let sign = self.sign(Bits::B32);
        let big = self.compare_floats(0x1d, Bits::B32, w, x, half);
        let over = self.compare_floats(0x1d, Bits::B32, w, x, whole);
        let less = self.v(Ins::Vandps, w, big, half);
        let rest = self.v(Ins::Vsubps, w, x, less);
        let rest = self.u(Ins::Vcvttps2dq, w, rest);
        let top = self.v(Ins::Vandps, w, big, sign);
        let rest = self.v(Ins::Vpxor, w, rest, top);
        self.mask_op(MaskOp::Or, w, rest, over)
    }

    /// f64 within the range of a 32-bit int, truncated; of others the machine's answer.
    pub fn truncated(&mut self, x: &Lanes, to: DType) -> Result<Lanes, Error> {
        if to.is_signed() {
            return Ok(self.narrow(x, to, Ins::Vcvttpd2dq));
        }
        if self.tier.masks() {
            return Ok(self.narrow(x, to, Ins::Vcvttpd2udq));
        }
        let (w, _) = self.shape(Bits::B64);
        let middle = self.repeated_f64(2147483648.0);
        let moved = self.map(x.dtype, x, |e, v| {
            let whole = e.ui(Ins::Vroundpd, w, v, 0x0b);
            e.v(Ins::Vsubpd, w, whole, middle)
        });
        let signed = self.narrow(&moved, to, Ins::Vcvttpd2dq);
        let (w, _) = self.shape(Bits::B32);
        let sign = self.sign(Bits::B32);
        Ok(self.map(to, &signed, |e, v| e.v(Ins::Vpxor, w, v, sign)))
    }

    fn convert_narrow(&mut self, x: &Lanes, to: DType) -> Result<Lanes, Error> {
        let from = x.dtype;
        if from.is_narrow() && to == from.widened() {
            return Ok(match from.is_float() {
                true => self.widened_float(x),
                false => Lanes { dtype: to, ..x.clone() },
            });
        }
        if to.is_narrow() && from == to.widened() {
            return Ok(match to.is_float() {
                true => self.narrowed_float(x, to),
                false => self.wrapped(x, to),
            });
        }
        unsupported("a conversion of narrow types")
    }

    fn widened_float(&mut self, x: &Lanes) -> Lanes {
        let (w, _) = self.shape(Bits::B32);
        if x.dtype == DType::BF16 {
            let quiet = self.repeated(Bits::B32, 0x0040_0000);
            return self.map(DType::F32, x, |e, v| {
                let bits = e.ui(Ins::VpslldImm, w, v, 16);
                let nan = e.compare_floats(0x03, Bits::B32, w, bits, bits);
                let nan = e.where_set(Bits::B32, w, nan, quiet);
                e.v(Ins::Vorps, w, bits, nan)
            });
        }
        self.map(DType::F32, x, |e, v| {
            let words = e.packed_words(v);
            e.u(Ins::Vcvtph2ps, w, words)
        })
    }

    /// The lower 16 bits of 32-bit lanes, packed in the lower half.
    pub fn packed_words(&mut self, v: R) -> R {
        let (w, _) = self.shape(Bits::B32);
        if self.tier.masks() {
            let dst = self.vector();
            self.code.push(Inst::Part { ins: Ins::Vpmovdw, w, dst, src: v, imm: None });
            return dst;
        }
        let words = self.v(Ins::Vpackusdw, w, v, v);
        if w == Width::X128 {
            return words;
        }
        self.ui(Ins::VpermqImm, w, words, 0b11_01_10_00)
    }

    fn narrowed_float(&mut self, x: &Lanes, to: DType) -> Lanes {
        let (w, _) = self.shape(Bits::B32);
        if to == DType::F16 {
            return self.map(to, x, |e, v| {
                let dst = e.vector();
                let ins = Ins::Vcvtps2ph;
                e.code.push(Inst::Part { ins, w, dst, src: v, imm: Some(0) });
                e.u(Ins::Vpmovzxwd, w, dst)
            });
        }
        let (one, half) = (self.repeated(Bits::B32, 1), self.repeated(Bits::B32, 0x7fff));
        let quiet = self.repeated(Bits::B32, 0x40);
        let (and, or) = match self.tier.masks() {
            true => (Ins::Vpandd, Ins::Vpord),
            false => (Ins::Vpand, Ins::Vpor),
        };
        self.map(to, x, |e, v| {
            let high = e.ui(Ins::VpsrldImm, w, v, 16);
            let odd = e.v(and, w, high, one);
            let up = e.v(Ins::Vpaddd, w, v, half);
            let up = e.v(Ins::Vpaddd, w, up, odd);
            let rounded = e.ui(Ins::VpsrldImm, w, up, 16);
            let quiet = e.v(or, w, high, quiet);
            let nan = e.compare_floats(0x03, Bits::B32, w, v, v);
            e.choose(Bits::B32, w, nan, quiet, rounded)
        })
    }
}
