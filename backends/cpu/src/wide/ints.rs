//! Ops on ints in lanes of 32 or 64 bits. Narrow ints are 32-bit lanes that hold the number. Those
//! that take several instructions live in `counts`, `products` and `division`.

use super::asm::{Ins, Width};
use super::code::R;
use super::emitter::{Emitter, size_of_lane, unsupported};
use super::masks::by;
use super::tier::Tier;
use super::values::Arg;
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::op::MachineOp;
use cotangent_jit::{DType, Error};

impl Emitter<'_> {
    pub fn int(&mut self, op: MachineOp, d: DType, args: &[Arg]) -> Result<Lanes, Error> {
        use MachineOp::*;
        let bits = args[0].lanes.bits;
        let (w, _) = self.shape(bits);
        let wide = self.tier == Tier::Avx512;
        match op {
            Div => return self.quotient(d, args),
            Rem => return self.rest_of_ints(d, args),
            Shl | ShrLogical | ShrArithmetic => return Ok(self.shift(op, args)),
            _ => {}
        }
        let result = if matches!(op, Eq | Ne | Lt | Le | Gt | Ge) { DType::Bool } else { d };
        let mut regs = Regs::new();
        for r in 0..args[0].lanes.regs.len() {
            let x = args[0].lanes.regs[r];
            let y = args.get(1).map_or(x, |a| a.lanes.regs[r]);
            let (p, q) = if args[0].constant.is_some() { (y, x) } else { (x, y) };
            regs.push(match op {
                Neg => {
                    let zero = self.repeated(bits, 0);
                    self.v(by(bits, Ins::Vpsubd, Ins::Vpsubq), w, zero, x)
                }
                Abs if d.is_unsigned() => x,
                Abs if bits == Bits::B32 => self.u(Ins::Vpabsd, w, x),
                Abs if wide => self.u(Ins::Vpabsq, w, x),
                Abs => {
                    let zero = self.repeated(bits, 0);
                    let sign = self.v(Ins::Vpcmpgtq, w, zero, x);
                    let flipped = self.v(Ins::Vpxor, w, x, sign);
                    self.v(Ins::Vpsubq, w, flipped, sign)
                }
                Not => {
                    let ones = self.repeated(Bits::B32, u64::MAX);
                    self.bitwise(Xor, w, x, ones)
                }
                PopCount => self.count_ones(bits, w, x),
                Clz => self.count_leading_zeros(bits, w, x),
                Add => self.v(by(bits, Ins::Vpaddd, Ins::Vpaddq), w, p, q),
                Sub => self.v(by(bits, Ins::Vpsubd, Ins::Vpsubq), w, x, y),
                Mul if bits == Bits::B32 => self.v(Ins::Vpmulld, w, p, q),
                Mul => self.multiply_long(w, p, q),
                MulHi => self.upper_product(d, bits, w, x, y),
                Max | Min => self.int_extremum(op, d, bits, w, p, q),
                And | Or | Xor => self.bitwise(op, w, p, q),
                Eq | Ne | Lt | Le | Gt | Ge => self.compare(op, d, w, x, y),
                other => return unsupported(&format!("{other:?} of ints")),
            });
        }
        Ok(Lanes { dtype: result, bits, regs })
    }

    pub fn bitwise(&mut self, op: MachineOp, w: Width, x: R, y: R) -> R {
        let ins = match (op, self.tier) {
            (MachineOp::And, Tier::Avx2) => Ins::Vpand,
            (MachineOp::And, _) => Ins::Vpandd,
            (MachineOp::Or, Tier::Avx2) => Ins::Vpor,
            (MachineOp::Or, _) => Ins::Vpord,
            (_, Tier::Avx2) => Ins::Vpxor,
            (_, _) => Ins::Vpxord,
        };
        self.v(ins, w, x, y)
    }

    pub fn int_extremum(&mut self, op: MachineOp, d: DType, bits: Bits, w: Width, x: R, y: R) -> R {
        let signed = !d.is_unsigned();
        let ins = match (op == MachineOp::Max, signed, bits) {
            (true, true, Bits::B32) => Ins::Vpmaxsd,
            (true, false, Bits::B32) => Ins::Vpmaxud,
            (false, true, Bits::B32) => Ins::Vpminsd,
            (false, false, Bits::B32) => Ins::Vpminud,
            (true, true, Bits::B64) => Ins::Vpmaxsq,
            (true, false, Bits::B64) => Ins::Vpmaxuq,
            (false, true, Bits::B64) => Ins::Vpminsq,
            (false, false, Bits::B64) => Ins::Vpminuq,
        };
        if bits == Bits::B32 || self.tier == Tier::Avx512 {
            return self.v(ins, w, x, y);
        }
        let order = if op == MachineOp::Max { MachineOp::Gt } else { MachineOp::Lt };
        let first = self.compare(order, d, w, x, y);
        self.choose(bits, w, first, x, y)
    }

    fn shift(&mut self, op: MachineOp, args: &[Arg]) -> Lanes {
        let x = args[0].lanes.clone();
        let bits = x.bits;
        let (w, _) = self.shape(bits);
        let width = 8 * size_of_lane(bits) as u128;
        let known = args[1].constant.map(|s| s.bits());
        let amounts = args[1].lanes.clone();
        let mut regs = Regs::new();
        for (r, &v) in x.regs.iter().enumerate() {
            regs.push(match known {
                Some(n) => self.shift_by(op, bits, w, v, n.min(width) as u8),
                None => self.shift_lanes(op, bits, w, v, amounts.regs[r]),
            });
        }
        Lanes { regs, ..x }
    }

    pub fn shift_by(&mut self, op: MachineOp, bits: Bits, w: Width, x: R, by_bits: u8) -> R {
        let width = 8 * size_of_lane(bits) as u8;
        match op {
            MachineOp::Shl => self.ui(by(bits, Ins::VpslldImm, Ins::VpsllqImm), w, x, by_bits),
            MachineOp::ShrLogical => {
                self.ui(by(bits, Ins::VpsrldImm, Ins::VpsrlqImm), w, x, by_bits)
            }
            _ if bits == Bits::B32 => self.ui(Ins::VpsradImm, w, x, by_bits.min(width - 1)),
            _ if self.tier == Tier::Avx512 => self.ui(Ins::VpsraqImm, w, x, by_bits.min(width - 1)),
            _ => {
                let amount = self.repeated(bits, by_bits.into());
                self.shift_lanes(op, bits, w, x, amount)
            }
        }
    }

    /// Every lane by its own amount; machine shifts by the width or more give what the op says.
    fn shift_lanes(&mut self, op: MachineOp, bits: Bits, w: Width, x: R, amounts: R) -> R {
        match op {
            MachineOp::Shl => self.v(by(bits, Ins::Vpsllvd, Ins::Vpsllvq), w, x, amounts),
            MachineOp::ShrLogical => self.v(by(bits, Ins::Vpsrlvd, Ins::Vpsrlvq), w, x, amounts),
            _ if bits == Bits::B32 => self.v(Ins::Vpsravd, w, x, amounts),
            _ if self.tier == Tier::Avx512 => self.v(Ins::Vpsravq, w, x, amounts),
            _ => {
                // Of a negative number the complement is shifted.
                let zero = self.repeated(bits, 0);
                let sign = self.v(Ins::Vpcmpgtq, w, zero, x);
                let flipped = self.v(Ins::Vpxor, w, x, sign);
                let shifted = self.v(Ins::Vpsrlvq, w, flipped, amounts);
                self.v(Ins::Vpxor, w, shifted, sign)
            }
        }
    }
}
