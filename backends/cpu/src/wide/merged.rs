//! Ops that are one instruction together with the op that makes an operand: rotations, extrema by
//! comparison and selection, products with a negated operand, tests of bits.
//!
//! The operand's own instruction is emitted all the same; if nothing else reads it, `dead` drops
//! it. The instructions of single ops live in `arithmetic` and `ints`.

use super::asm::Ins;
use super::code::{Inst, Operand};
use super::emitter::Emitter;
use super::masks::by;
use super::values::{Arg, Lanes, Regs};
use cotangent_jit::kernel::{Node, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error};

impl Emitter<'_> {
    /// The op by one instruction with the op that makes an operand, if there is such a one.
    pub fn merged(&mut self, op: ScalarOp, args: &[NodeId]) -> Result<Option<Lanes>, Error> {
        match op {
            ScalarOp::Or | ScalarOp::Xor | ScalarOp::Add => self.rotation(args),
            ScalarOp::Select => self.selected_extremum(args),
            ScalarOp::Fma => self.signed_product(args),
            ScalarOp::Eq | ScalarOp::Ne => self.bit_test(op, args),
            _ => Ok(None),
        }
    }

    fn op_of(&self, n: NodeId) -> Option<(ScalarOp, &[NodeId])> {
        match self.nest.kernel.node(n) {
            Node::Op { op, args } => Some((*op, args)),
            _ => None,
        }
    }

    /// `x << n | x >> (width - n)`, where the processor has rotations.
    fn rotation(&mut self, args: &[NodeId]) -> Result<Option<Lanes>, Error> {
        if !self.tier.masks() {
            return Ok(None);
        }
        let part = |n: NodeId| {
            let (op, args) = self.op_of(n)?;
            match self.nest.kernel.node(*args.get(1)?) {
                Node::Constant(s) if matches!(op, ScalarOp::Shl | ScalarOp::ShrLogical) => {
                    Some((op == ScalarOp::Shl, args[0], s.bits() as u64))
                }
                _ => None,
            }
        };
        let (Some(a), Some(b)) = (part(args[0]), part(args[1])) else { return Ok(None) };
        let d = self.nest.dtype(a.1);
        let width = u64::from(d.bits());
        let fits = a.0 != b.0 && a.1 == b.1 && a.2 + b.2 == width && d.size() >= 4;
        if !fits || a.2 == 0 || b.2 == 0 {
            return Ok(None);
        }
        let left = if a.0 { a.2 } else { b.2 };
        let x = self.operand(a.1)?.lanes;
        let (w, _) = self.shape(x.bits);
        let ins = by(x.bits, Ins::Vprold, Ins::Vprolq);
        Ok(Some(self.map(d, &x, |e, v| e.ui(ins, w, v, left as u8))))
    }

    /// `x < y ? x : y` and its three kin, of floats: this is what the instructions for extrema do,
    /// which give their second source if the operands are equal or one of them is a NaN.
    fn selected_extremum(&mut self, args: &[NodeId]) -> Result<Option<Lanes>, Error> {
        let [mask, yes, no] = *args else { return Ok(None) };
        let d = self.nest.dtype(yes);
        let Some((op, compared)) = self.op_of(mask) else { return Ok(None) };
        let least = match (op, compared) {
            (ScalarOp::Lt, [x, y]) | (ScalarOp::Gt, [y, x]) if [*x, *y] == [yes, no] => true,
            (ScalarOp::Lt, [x, y]) | (ScalarOp::Gt, [y, x]) if [*y, *x] == [yes, no] => false,
            _ => return Ok(None),
        };
        if !d.is_float() || d.is_narrow() {
            return Ok(None);
        }
        let (x, y) = (self.operand(yes)?.lanes, self.operand(no)?.lanes);
        let (w, _) = self.shape(x.bits);
        let ins = match least {
            true => by(x.bits, Ins::Vminps, Ins::Vminpd),
            false => by(x.bits, Ins::Vmaxps, Ins::Vmaxpd),
        };
        let both = x.regs.iter().zip(&y.regs);
        let regs = both.map(|(x, y)| self.v(ins, w, *x, *y)).collect();
        Ok(Some(Lanes { regs, ..x }))
    }

    /// `±x * y ± z`, rounded once.
    fn signed_product(&mut self, args: &[NodeId]) -> Result<Option<Lanes>, Error> {
        let negated = |n: NodeId| match self.op_of(n) {
            Some((ScalarOp::Neg, [x])) => (*x, true),
            _ => (n, false),
        };
        let [(x, minus_x), (y, minus_y), (z, minus_z)] = [0, 1, 2].map(|n| negated(args[n]));
        let d = self.nest.dtype(x);
        if !(minus_x || minus_y || minus_z) || d.is_narrow() {
            return Ok(None);
        }
        let mut operands: [Option<Arg>; 3] = [None, None, None];
        for (to, n) in operands.iter_mut().zip([x, y, z]) {
            // The negation may use it, too.
            *to = Some(Arg { last: false, ..self.operand(n)? });
        }
        let [Some(x), Some(y), Some(z)] = operands else { return Ok(None) };
        let form = |signs| match (minus_x != minus_y, signs) {
            (false, false) => by(x.lanes.bits, Ins::Vfmadd231ps, Ins::Vfmadd231pd),
            (false, true) => by(x.lanes.bits, Ins::Vfmsub231ps, Ins::Vfmsub231pd),
            (true, false) => by(x.lanes.bits, Ins::Vfnmadd231ps, Ins::Vfnmadd231pd),
            (true, true) => by(x.lanes.bits, Ins::Vfnmsub231ps, Ins::Vfnmsub231pd),
        };
        let ins = form(minus_z);
        let (w, _) = self.shape(x.lanes.bits);
        let mut regs = Regs::new();
        for r in 0..x.lanes.regs.len() {
            let [x, y, z] = [&x, &y, &z].map(|a| a.lanes.regs[r]);
            regs.push(self.t(ins, w, z, x, y));
        }
        Ok(Some(Lanes { regs, ..x.lanes }))
    }

    /// `x & y == 0` and `x & y != 0` of ints, by the test that writes a mask register.
    fn bit_test(&mut self, op: ScalarOp, args: &[NodeId]) -> Result<Option<Lanes>, Error> {
        let zero =
            |n: NodeId| matches!(self.nest.kernel.node(n), Node::Constant(s) if s.bits() == 0);
        let d = self.nest.dtype(args[0]);
        let Some((ScalarOp::And, &[x, y])) = self.op_of(args[0]) else { return Ok(None) };
        if !self.tier.masks() || !zero(args[1]) || d.is_bool() || !d.is_int() {
            return Ok(None);
        }
        let (x, y) = (self.operand(x)?.lanes, self.operand(y)?.lanes);
        let (w, _) = self.shape(x.bits);
        let ins = match op {
            ScalarOp::Eq => by(x.bits, Ins::Vptestnmd, Ins::Vptestnmq),
            _ => by(x.bits, Ins::Vptestmd, Ins::Vptestmq),
        };
        let mut regs = Regs::new();
        for (a, b) in x.regs.iter().zip(&y.regs) {
            let dst = self.code.register(super::code::Class::Mask);
            let (a, b) = (*a, Operand::Reg(*b));
            self.code.push(Inst::Compare { ins, w, dst, a, b, imm: None, within: None });
            regs.push(dst);
        }
        Ok(Some(Lanes { dtype: DType::Bool, bits: x.bits, regs }))
    }
}
