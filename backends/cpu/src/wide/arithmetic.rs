//! Machine ops on lanes: which instructions compute them. One exhaustive match, as in the other
//! code generator; the results are the same to the bit.
//!
//! Ints live in `ints`, remainders in `division`, changes of type in `convert`, masks in `masks`,
//! and pairs of ops that are one instruction in `merged`.

use super::asm::{Ins, Width};
use super::code::{MaskOp, R};
use super::emitter::{Emitter, unsupported};
use super::masks::by;
use super::values::Arg;
use super::values::Lanes;
use crate::plan::lanes::Bits;
use cotangent_jit::op::{MachineOp, ScalarOp};
use cotangent_jit::{DType, Error, Scalar};

impl Emitter<'_> {
    /// The op on operands of type `d` (for `Select` the type of its branches).
    pub fn op(&mut self, op: ScalarOp, d: DType, args: &[Arg]) -> Result<Lanes, Error> {
        let Some(machine) = op.machine() else { return unsupported("a call") };
        match machine {
            MachineOp::Convert(to) => return self.convert(&args[0].lanes, to),
            MachineOp::Bitcast(to) => return Ok(self.reinterpret(&args[0].lanes, to)),
            MachineOp::Select => return Ok(self.select(args)),
            MachineOp::FarSin | MachineOp::FarCos | MachineOp::FarTan => {
                return Ok(self.far(machine, d, args));
            }
            _ => {}
        }
        if d.is_bool() {
            return Ok(self.boolean(machine, args));
        }
        if d.is_float() && !d.is_narrow() {
            return self.float(machine, d, args);
        }
        self.int(machine, d, args)
    }

    /// The fold of two values of a type, also of a narrow float.
    pub fn join(&mut self, op: ScalarOp, d: DType, x: Lanes, y: Lanes) -> Result<Lanes, Error> {
        let widens = d.is_narrow()
            && (d.is_float() && matches!(op, ScalarOp::Max | ScalarOp::Min)
                || matches!(op, ScalarOp::Add | ScalarOp::Mul));
        if widens {
            let (x, y) = (self.convert(&x, d.widened())?, self.convert(&y, d.widened())?);
            let joined = self.op(op, d.widened(), &[Arg::of(x), Arg::of(y)])?;
            return self.convert(&joined, d);
        }
        self.op(op, d, &[Arg::of(x), Arg::of(y)])
    }

    fn boolean(&mut self, op: MachineOp, args: &[Arg]) -> Lanes {
        use MachineOp::*;
        let bits = args[0].lanes.bits;
        let (w, _) = self.shape(bits);
        let x = args[0].lanes.clone();
        let y = match args.get(1) {
            Some(y) => self.with_bits(&y.lanes.clone(), bits),
            None => x.clone(),
        };
        let regs = x.regs.iter().zip(&y.regs);
        let regs = regs.map(|(&x, &y)| match op {
            Not => self.mask_op(MaskOp::Not, w, x, x),
            And | Min => self.mask_op(MaskOp::And, w, x, y),
            Or | Max => self.mask_op(MaskOp::Or, w, x, y),
            Xor | Ne => self.mask_op(MaskOp::Xor, w, x, y),
            Eq => self.mask_op(MaskOp::Xnor, w, x, y),
            Lt => self.mask_op(MaskOp::AndNot, w, x, y),
            Gt => self.mask_op(MaskOp::AndNot, w, y, x),
            Le => {
                let above = self.mask_op(MaskOp::AndNot, w, y, x);
                self.mask_op(MaskOp::Not, w, above, above)
            }
            Ge => {
                let below = self.mask_op(MaskOp::AndNot, w, x, y);
                self.mask_op(MaskOp::Not, w, below, below)
            }
            other => unreachable!("{other:?} does not take bools"),
        });
        Lanes { dtype: DType::Bool, bits, regs: regs.collect() }
    }

    fn float(&mut self, op: MachineOp, d: DType, args: &[Arg]) -> Result<Lanes, Error> {
        use MachineOp::*;
        let bits = args[0].lanes.bits;
        let (w, _) = self.shape(bits);
        if op == Rem {
            return Ok(self.float_remainder(d, args));
        }
        let result = if matches!(op, Eq | Ne | Lt | Le | Gt | Ge) { DType::Bool } else { d };
        let mut regs = super::values::Regs::new();
        for r in 0..args[0].lanes.regs.len() {
            let x = args[0].lanes.regs[r];
            let y = args.get(1).map_or(x, |a| a.lanes.regs[r]);
            // A constant is best as the second operand, which may lie in memory.
            let swap = args[0].constant.is_some();
            let (p, q) = if swap { (y, x) } else { (x, y) };
            let round = match self.tier.masks() {
                true => by(bits, Ins::Vrndscaleps, Ins::Vrndscalepd),
                false => by(bits, Ins::Vroundps, Ins::Vroundpd),
            };
            regs.push(match op {
                Neg => {
                    let sign = self.sign(bits);
                    self.v(by(bits, Ins::Vxorps, Ins::Vxorpd), w, x, sign)
                }
                Abs => {
                    let all = if bits == Bits::B32 { 0x7fff_ffff } else { i64::MAX as u64 };
                    let rest = self.repeated(bits, all);
                    self.v(by(bits, Ins::Vandps, Ins::Vandpd), w, x, rest)
                }
                Floor => self.ui(round, w, x, 0x09),
                Ceil => self.ui(round, w, x, 0x0a),
                Trunc => self.ui(round, w, x, 0x0b),
                RoundEven => self.ui(round, w, x, 0x08),
                Sqrt => self.u(by(bits, Ins::Vsqrtps, Ins::Vsqrtpd), w, x),
                Add => self.v(by(bits, Ins::Vaddps, Ins::Vaddpd), w, p, q),
                Mul => self.v(by(bits, Ins::Vmulps, Ins::Vmulpd), w, p, q),
                Sub => self.v(by(bits, Ins::Vsubps, Ins::Vsubpd), w, x, y),
                Div => self.v(by(bits, Ins::Vdivps, Ins::Vdivpd), w, x, y),
                Max | Min => {
                    let known = if swap { &args[0] } else { &args[1] }.constant;
                    self.extremum(op == Max, bits, w, [p, q], known)
                }
                Eq | Ne | Lt | Le | Gt | Ge => self.compare(op, d, w, x, y),
                Fma => self.fma(bits, w, args, r),
                other => return unsupported(&format!("{other:?} of floats")),
            });
        }
        Ok(Lanes { dtype: result, bits, regs })
    }

    /// The sign bit of every lane.
    pub fn sign(&mut self, bits: Bits) -> R {
        self.repeated(bits, if bits == Bits::B32 { 1 << 31 } else { 1 << 63 })
    }

    /// The greater (or lesser) of `x` and `y`, where `y` may be a known constant. A NaN wins; of
    /// zeros the sign decides.
    fn extremum(
        &mut self,
        greater: bool,
        bits: Bits,
        w: Width,
        [x, y]: [R; 2],
        known: Option<Scalar>,
    ) -> R {
        let ins = match greater {
            true => by(bits, Ins::Vmaxps, Ins::Vmaxpd),
            false => by(bits, Ins::Vminps, Ins::Vminpd),
        };
        let bound = known.and_then(Scalar::to_f64).filter(|c| !c.is_nan());
        if let Some(c) = bound {
            // The instruction gives its second source if one of them is a NaN, or both are zeros.
            let result = self.v(ins, w, y, x);
            let lost = c == 0.0 && c.is_sign_negative() != greater;
            if !lost {
                return result;
            }
            // Of the zeros, the constant must win.
            return match greater {
                true => {
                    let zero = self.repeated(bits, 0);
                    self.v(by(bits, Ins::Vaddps, Ins::Vaddpd), w, result, zero)
                }
                false => self.both_ways(greater, ins, bits, w, [x, y]),
            };
        }
        self.both_ways(greater, ins, bits, w, [x, y])
    }

    fn both_ways(&mut self, greater: bool, ins: Ins, bits: Bits, w: Width, [x, y]: [R; 2]) -> R {
        if self.tier.masks() {
            // One instruction orders the zeros, too, but drops a NaN.
            let range = by(bits, Ins::Vrangeps, Ins::Vrangepd);
            let kept = self.vi(range, w, x, y, if greater { 0b0101 } else { 0b0100 });
            let nan = self.compare_floats(0x03, bits, w, x, y);
            return self.v_where(by(bits, Ins::Vaddps, Ins::Vaddpd), w, kept, nan, Some(x), y);
        }
        let one = self.v(ins, w, x, y);
        let other = self.v(ins, w, y, x);
        let zeros = if greater { Ins::Vandps } else { Ins::Vorps };
        let kept = self.v(zeros, w, one, other);
        let nan = self.compare_floats(0x03, bits, w, x, y);
        self.v(Ins::Vorps, w, kept, nan)
    }

    /// `x * y + z` by the form that overwrites a register that nothing else uses, and has a
    /// constant where it may lie in memory.
    fn fma(&mut self, bits: Bits, w: Width, args: &[Arg], r: usize) -> R {
        let [x, y, z] = [0, 1, 2].map(|n| args[n].lanes.regs[r]);
        let form = |n: usize| match n {
            132 => by(bits, Ins::Vfmadd132ps, Ins::Vfmadd132pd),
            213 => by(bits, Ins::Vfmadd213ps, Ins::Vfmadd213pd),
            _ => by(bits, Ins::Vfmadd231ps, Ins::Vfmadd231pd),
        };
        let constant = |n: usize| args[n].constant.is_some();
        let free = |n: usize| args[n].last && !constant(n);
        let (factor, other, times) = if constant(0) { (y, x, 1) } else { (x, y, 0) };
        if constant(2) {
            // `times` is not a constant, unless both are.
            let (first, second) =
                if free(times) || !free(1 - times) { (factor, other) } else { (other, factor) };
            return self.t(form(213), w, first, second, z);
        }
        if free(2) {
            return self.t(form(231), w, z, factor, other);
        }
        if free(times) {
            return self.t(form(132), w, factor, z, other);
        }
        if free(1 - times) {
            return self.t(form(132), w, other, z, factor);
        }
        self.t(form(231), w, z, factor, other)
    }

    fn select(&mut self, args: &[Arg]) -> Lanes {
        let x = args[1].lanes.clone();
        let (w, _) = self.shape(x.bits);
        let mask = self.with_bits(&args[0].lanes.clone(), x.bits);
        if x.dtype.is_bool() {
            let y = self.with_bits(&args[2].lanes.clone(), x.bits);
            let mut regs = super::values::Regs::new();
            for r in 0..x.regs.len() {
                let m = mask.regs[r];
                let yes = self.mask_op(MaskOp::And, w, m, x.regs[r]);
                let no = self.mask_op(MaskOp::AndNot, w, m, y.regs[r]);
                regs.push(self.mask_op(MaskOp::Or, w, yes, no));
            }
            return Lanes { dtype: DType::Bool, bits: x.bits, regs };
        }
        let mut regs = super::values::Regs::new();
        let zero = |a: &Arg| a.constant.is_some_and(|s| s.bits() == 0);
        for r in 0..x.regs.len() {
            let (m, p, q) = (mask.regs[r], x.regs[r], args[2].lanes.regs[r]);
            regs.push(match zero(&args[2]) {
                true => self.where_set(x.bits, w, m, p),
                false => self.choose(x.bits, w, m, p, q),
            });
        }
        Lanes { dtype: x.dtype, bits: x.bits, regs }
    }

    /// Jumps if the mask is empty.
    pub fn jump_if_none(&mut self, mask: R, bits: Bits, w: Width, to: super::code::Place) {
        use super::code::Inst;
        self.code.push(match self.tier.masks() {
            true => Inst::NoneSet { mask, bits: self.lanes_each(bits) as u8, to },
            false => Inst::NoneSetVector { mask, w, to },
        });
    }
}
