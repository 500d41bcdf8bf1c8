//! Masks: mask registers, or vectors of all ones and zeros, by the tier. Comparisons make them and
//! selections use them.

use super::asm::{Ins, Width};
use super::code::{Amount, Arith, Class, Constant, Inst, MaskOp, Operand, R};
use super::emitter::{Emitter, size_of_lane};
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::DType;
use cotangent_jit::op::MachineOp;

impl Emitter<'_> {
    /// All lanes or none.
    pub fn constant_mask(&mut self, all: bool, bits: Bits) -> R {
        if !self.tier.masks() {
            return self.repeated(bits, if all { u64::MAX } else { 0 });
        }
        let src = self.set(if all { -1 } else { 0 });
        self.mask_from(src)
    }

    /// The lowest bits of a general register as a mask register.
    pub fn mask_from(&mut self, src: R) -> R {
        let dst = self.code.register(Class::Mask);
        self.code.push(Inst::MaskFrom { dst, src });
        dst
    }

    /// The mask of the first `count` lanes of a register, also if it has fewer.
    pub fn known_lanes(&mut self, count: usize, bits: Bits) -> R {
        if self.tier.masks() {
            let ones = self.set(if count < 64 { (1 << count) - 1 } else { -1 });
            return self.mask_from(ones);
        }
        let size = size_of_lane(bits);
        let set = |n: usize| if n / size < count { 0xff } else { 0 };
        let bytes = (0..self.tier.width().bytes()).map(set).collect();
        self.code.constant(Constant::Lanes(bytes))
    }

    /// The mask of the lanes `n` with `before + n < count`.
    pub fn first_lanes(&mut self, count: R, before: i64, bits: Bits, w: Width) -> R {
        let left = self.copy_general(count);
        if before > 0 {
            self.update(Arith::Sub, left, Amount::Now(before));
        }
        if self.tier.masks() {
            if before > 0 {
                self.update(Arith::Max, left, Amount::Now(0));
            }
            let ones = self.set(-1);
            self.code.push(Inst::KeepLow { dst: ones, bits: left });
            return self.mask_from(ones);
        }
        let left = self.spread(left, bits);
        let lanes = self.ramp(bits, 0, 1);
        self.v(by(bits, Ins::Vpcmpgtd, Ins::Vpcmpgtq), w, left, lanes)
    }

    pub fn mask_op(&mut self, op: MaskOp, w: Width, a: R, b: R) -> R {
        if self.tier.masks() {
            let dst = self.code.register(Class::Mask);
            self.code.push(Inst::Mask { op, dst, a, b });
            return dst;
        }
        match op {
            MaskOp::And => self.v(Ins::Vandps, w, a, b),
            MaskOp::Or => self.v(Ins::Vorps, w, a, b),
            MaskOp::Xor => self.v(Ins::Vxorps, w, a, b),
            MaskOp::AndNot => self.v(Ins::Vandnps, w, a, b),
            MaskOp::Copy => a,
            MaskOp::Not => {
                let ones = self.repeated(Bits::B32, u64::MAX);
                self.v(Ins::Vxorps, w, a, ones)
            }
            MaskOp::Xnor => {
                let differ = self.v(Ins::Vxorps, w, a, b);
                self.mask_op(MaskOp::Not, w, differ, differ)
            }
            MaskOp::Join(_) | MaskOp::Shift(_) => {
                unreachable!("halves of vector masks are made in `with_bits`")
            }
        }
    }

    /// A bool in lanes of another width.
    pub fn with_bits(&mut self, x: &Lanes, bits: Bits) -> Lanes {
        let (_, from) = self.shape(x.bits);
        let (w, to) = self.shape(bits);
        if x.bits == bits || (self.tier.masks() && from == to) {
            return Lanes { bits, ..x.clone() };
        }
        let mut regs = Regs::new();
        if self.tier.masks() {
            let half = self.lanes_each(Bits::B64) as u8;
            for pair in x.regs.chunks(if bits == Bits::B64 { 1 } else { 2 }) {
                match pair {
                    [both] => {
                        regs.push(self.mask_op(MaskOp::Copy, w, *both, *both));
                        regs.push(self.mask_op(MaskOp::Shift(half), w, *both, *both));
                    }
                    pair => regs.push(self.mask_op(MaskOp::Join(half), w, pair[1], pair[0])),
                }
            }
            return Lanes { dtype: DType::Bool, bits, regs };
        }
        if bits == Bits::B64 {
            for &v in &x.regs {
                regs.push(self.u(Ins::Vpmovsxdq, w, v));
                if to > from {
                    let high = self.upper_half(v);
                    regs.push(self.u(Ins::Vpmovsxdq, w, high));
                }
            }
        } else if from > to {
            for pair in x.regs.chunks(2) {
                regs.push(self.even_words(pair[0], pair[1]));
            }
        } else {
            // Lanes of one narrower register.
            for &v in &x.regs {
                regs.push(self.even_words(v, v));
            }
        }
        Lanes { dtype: DType::Bool, bits, regs }
    }

    /// The upper half of a 256-bit or 512-bit register, in the lower half of another.
    pub fn upper_half(&mut self, x: R) -> R {
        let dst = self.vector();
        let (ins, w) = match self.tier.width() {
            Width::Z512 => (Ins::Vextractf64x4, Width::Z512),
            _ => (Ins::Vextractf128, Width::Y256),
        };
        self.code.push(Inst::Part { ins, w, dst, src: x, imm: Some(1) });
        dst
    }

    /// The lower words of the 64-bit lanes of two registers of the tier's width, one after the
    /// other.
    pub fn even_words(&mut self, low: R, high: R) -> R {
        if self.tier.masks() {
            let pick = self.ramp(Bits::B32, 0, 2);
            return self.t(Ins::Vpermt2d, Width::Z512, low, pick, high);
        }
        let mixed = self.vi(Ins::Vshufps, Width::Y256, low, high, 0b10_00_10_00);
        self.ui(Ins::VpermpdImm, Width::Y256, mixed, 0b11_01_10_00)
    }

    /// A comparison of two registers of this type.
    pub fn compare(&mut self, op: MachineOp, d: DType, w: Width, x: R, y: R) -> R {
        let bits = if d.size() == 8 { Bits::B64 } else { Bits::B32 };
        if d.is_float() && !d.is_narrow() {
            let imm = match op {
                MachineOp::Eq => 0x00,
                MachineOp::Ne => 0x04,
                MachineOp::Lt => 0x11,
                MachineOp::Le => 0x12,
                MachineOp::Gt => 0x1e,
                _ => 0x1d,
            };
            return self.compare_floats(imm, bits, w, x, y);
        }
        if self.tier.masks() {
            let ins = match (bits, d.is_unsigned()) {
                (Bits::B32, false) => Ins::Vpcmpd,
                (Bits::B32, true) => Ins::Vpcmpud,
                (Bits::B64, false) => Ins::Vpcmpq,
                (Bits::B64, true) => Ins::Vpcmpuq,
            };
            let imm = match op {
                MachineOp::Eq => 0,
                MachineOp::Ne => 4,
                MachineOp::Lt => 1,
                MachineOp::Le => 2,
                MachineOp::Gt => 6,
                _ => 5,
            };
            return self.compare_into_mask(ins, w, x, y, Some(imm));
        }
        self.compare_ints(op, d, bits, w, x, y)
    }

    pub fn compare_floats(&mut self, imm: u8, bits: Bits, w: Width, x: R, y: R) -> R {
        let ins = by(bits, Ins::Vcmpps, Ins::Vcmppd);
        if self.tier.masks() {
            return self.compare_into_mask(ins, w, x, y, Some(imm));
        }
        self.vi(ins, w, x, y, imm)
    }

    fn compare_into_mask(&mut self, ins: Ins, w: Width, a: R, b: R, imm: Option<u8>) -> R {
        let dst = self.code.register(Class::Mask);
        let b = Operand::Reg(b);
        self.code.push(Inst::Compare { ins, w, dst, a, b, imm, within: None });
        dst
    }

    /// A comparison of ints into a vector: there are instructions for equal and greater, signed.
    fn compare_ints(&mut self, op: MachineOp, d: DType, bits: Bits, w: Width, x: R, y: R) -> R {
        let equal = by(bits, Ins::Vpcmpeqd, Ins::Vpcmpeqq);
        let greater = by(bits, Ins::Vpcmpgtd, Ins::Vpcmpgtq);
        let not = |e: &mut Self, m: R| e.mask_op(MaskOp::Not, w, m, m);
        match op {
            MachineOp::Eq => return self.v(equal, w, x, y),
            MachineOp::Ne => {
                let same = self.v(equal, w, x, y);
                return not(self, same);
            }
            _ => {}
        }
        let (mut x, mut y) = (x, y);
        if d.is_unsigned() && !d.is_narrow() {
            let sign = self.repeated(bits, 1 << (8 * size_of_lane(bits) - 1));
            x = self.v(Ins::Vpxor, w, x, sign);
            y = self.v(Ins::Vpxor, w, y, sign);
        }
        match op {
            MachineOp::Gt => self.v(greater, w, x, y),
            MachineOp::Lt => self.v(greater, w, y, x),
            MachineOp::Le => {
                let above = self.v(greater, w, x, y);
                not(self, above)
            }
            _ => {
                let below = self.v(greater, w, y, x);
                not(self, below)
            }
        }
    }

    /// `x` where the mask is set, else `y`.
    pub fn choose(&mut self, bits: Bits, w: Width, mask: R, x: R, y: R) -> R {
        if self.tier.masks() {
            let ins = by(bits, Ins::Vblendmps, Ins::Vblendmpd);
            let dst = self.vector();
            let within = Some(super::code::Within { mask, zero: false });
            let b = Operand::Reg(x);
            let (tied, a, imm) = (None, Some(y), None);
            self.code.push(Inst::Vector { ins, w, dst, tied, a, b, imm, within });
            return dst;
        }
        let dst = self.vector();
        let ins = by(bits, Ins::Vblendvps, Ins::Vblendvpd);
        self.code.push(Inst::Blend { ins, w, dst, a: y, b: Operand::Reg(x), mask });
        dst
    }

    /// A mask as a vector of all ones and zeros.
    pub fn as_vector(&mut self, bits: Bits, w: Width, mask: R) -> R {
        if !self.tier.masks() {
            return mask;
        }
        let ones = self.repeated(Bits::B32, u64::MAX);
        self.where_set(bits, w, mask, ones)
    }

    /// `x` where the mask is set, else zero bits.
    pub fn where_set(&mut self, bits: Bits, w: Width, mask: R, x: R) -> R {
        if !self.tier.masks() {
            return self.v(Ins::Vandps, w, mask, x);
        }
        let ins = by(bits, Ins::Vmovdqu32, Ins::Vmovdqu64);
        let within = Some(super::code::Within { mask, zero: true });
        self.instruction(ins, w, None, None, Operand::Reg(x), None, within)
    }
}

/// The instruction for 32-bit or for 64-bit lanes.
pub fn by(bits: Bits, narrow: Ins, wide: Ins) -> Ins {
    match bits {
        Bits::B32 => narrow,
        Bits::B64 => wide,
    }
}
