//! Reductions: accumulators in registers across the reduce loops.
//!
//! If the vector loop is parallel, each lane folds a point of its own. If it is a reduce loop, its
//! lanes are the partials of the kernel's order: they are joined by halves at the end.

use super::asm::{Ins, Width};
use super::code::{Inst, MaskOp, R};
use super::emitter::Emitter;
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::kernel::Reduction;
use cotangent_jit::{Error, Scalar};

impl Emitter<'_> {
    /// The parts of a round whose lanes are partials of one result.
    fn parts(&self) -> usize {
        match self.nest.vector {
            Some((v, round)) if v >= self.nest.outer => round / self.lanes,
            _ => 1,
        }
    }

    pub fn start_reductions(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        self.accumulators.clear();
        for r in &nest.kernel.reductions {
            let mut parts = Vec::new();
            for _ in 0..self.parts() {
                let start = if nest.accumulate && self.in_lanes {
                    self.load_lanes(r.buffer, &r.at, &[], Scalar::zero(r.accumulator))?
                } else {
                    self.constant(r.combine.identity(r.accumulator))
                };
                parts.push(self.own(&start));
            }
            self.accumulators.push(parts);
        }
        Ok(())
    }

    /// Folds in the current lanes.
    pub fn fold(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        let partials = nest.vector.is_some_and(|(v, _)| v >= nest.outer);
        let part = if partials { self.shift / self.lanes } else { 0 };
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            let value = self.operand(r.value)?.lanes;
            let mut value = self.convert(&value, r.accumulator)?;
            let old = self.accumulators[n][part].clone();
            if value.dtype.is_bool() {
                value = self.with_bits(&value, old.bits);
            }
            let mut new = self.join(r.combine.op(), r.accumulator, old.clone(), value)?;
            if partials && let Some(masks) = self.existing(old.bits) {
                new = self.only(&masks, &new, &old);
            }
            for (to, from) in old.regs.iter().zip(&new.regs) {
                self.settle(*to, *from);
            }
        }
        Ok(())
    }

    /// `new` where the masks are set, else `old`.
    pub fn only(&mut self, masks: &Regs, new: &Lanes, old: &Lanes) -> Lanes {
        let (w, _) = self.shape(old.bits);
        let mut regs = Regs::new();
        for (r, m) in masks.iter().enumerate() {
            let (x, y) = (new.regs[r], old.regs[r]);
            regs.push(if old.dtype.is_bool() {
                let yes = self.mask_op(MaskOp::And, w, *m, x);
                let no = self.mask_op(MaskOp::AndNot, w, *m, y);
                self.mask_op(MaskOp::Or, w, yes, no)
            } else {
                self.choose(old.bits, w, *m, x, y)
            });
        }
        Lanes { regs, ..old.clone() }
    }

    /// Moves a result into a register that outlives the loop: the instruction that computes it
    /// writes there, if it is the last one.
    pub fn settle(&mut self, to: R, from: R) {
        if let Some(Inst::Vector { dst, tied, .. }) = self.code.insts.last_mut()
            && *dst == from
            && tied.is_none_or(|t| t == to)
        {
            *dst = to;
            return;
        }
        self.assign(to, from);
    }

    /// Stores the results of the point or lanes whose reduce loops have closed.
    pub fn finish_reductions(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            let d = self.buffer_type(r.buffer);
            if self.in_lanes {
                let sum = self.accumulators[n][0].clone();
                let sum = self.convert(&sum, d)?;
                self.store_lanes(r.buffer, &r.at, &sum)?;
                continue;
            }
            let parts = self.accumulators[n].clone();
            let lanes = self.lanes;
            let sum = self.join_all(r, parts)?;
            let sum = self.convert(&sum, d)?;
            self.store_first(r.buffer, &r.at, &sum);
            self.lanes = lanes;
        }
        Ok(())
    }

    /// Joins all partials by halves. Leaves one lane.
    fn join_all(&mut self, r: &Reduction, mut parts: Vec<Lanes>) -> Result<Lanes, Error> {
        let (op, d) = (r.combine.op(), r.accumulator);
        while parts.len() > 1 {
            let upper = parts.split_off(parts.len() / 2);
            for (low, high) in parts.iter_mut().zip(upper) {
                *low = self.join(op, d, low.clone(), high)?;
            }
        }
        let mut sum = parts.swap_remove(0);
        let uniform = self.nest.vector.is_none_or(|(v, _)| v < self.nest.outer);
        while self.lanes > 1 && !uniform {
            let (w, _) = self.shape(sum.bits);
            let half = self.lanes / 2;
            let (low, high) = match sum.regs.len() {
                1 => {
                    let high = self.high_lanes(sum.bits, w, sum.regs[0], d.is_bool(), half);
                    (sum.regs.clone(), Regs::from_elem(high, 1))
                }
                n => (sum.regs[..n / 2].into(), sum.regs[n / 2..].into()),
            };
            self.lanes = half;
            let [x, y] = [low, high].map(|regs| Lanes { regs, ..sum.clone() });
            sum = self.join(op, d, x, y)?;
        }
        Ok(sum)
    }

    /// The upper half of the lanes of one register, which has two times `half`.
    fn high_lanes(&mut self, bits: Bits, w: Width, x: R, mask: bool, half: usize) -> R {
        if mask && self.tier.masks() {
            return self.mask_op(MaskOp::Shift(half as u8), w, x, x);
        }
        let bytes = half * super::emitter::size_of_lane(bits);
        let part = |e: &mut Self, ins, w| {
            let dst = e.vector();
            e.code.push(Inst::Part { ins, w, dst, src: x, imm: Some(1) });
            dst
        };
        match bytes {
            32 => part(self, Ins::Vextractf64x4, Width::Z512),
            16 if self.tier.masks() => part(self, Ins::Vextractf32x4, Width::Y256),
            16 => part(self, Ins::Vextractf128, Width::Y256),
            8 => self.ui(Ins::Vpshufd, Width::X128, x, 0b00_00_11_10),
            _ => self.ui(Ins::Vpshufd, Width::X128, x, 0b00_00_00_01),
        }
    }
}
