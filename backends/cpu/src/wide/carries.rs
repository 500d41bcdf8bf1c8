//! Carries of sequential loops in registers: elements that each iteration reads and writes anew.
//! Which elements these are is decided in planning.
//!
//! With a condition, lanes go on together until the last of them has ended, and an ended lane
//! keeps its last carry.

use super::asm::Cond;
use super::code::{Amount, Arith, Inst, MaskOp, Place, R};
use super::emitter::Emitter;
use super::tiles::Block;
use super::values::Carry;
use super::values::Lanes;
use crate::plan::carries;
use crate::plan::lanes::Bits;
use crate::plan::strided::block_of;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, NodeId, Store};
use cotangent_jit::{DType, Error, Scalar};

impl Emitter<'_> {
    /// Emits the sequential loop inside of the vector loop.
    pub fn carry_loop(&mut self, n: usize, extent: usize) -> Result<(), Error> {
        let nest = self.nest;
        for (buffer, at) in carries::positions(&nest.kernel, &nest.live) {
            let start =
                self.load_lanes(buffer, &at, &[], Scalar::zero(self.buffer_type(buffer)))?;
            let lanes = self.own(&start);
            self.carries.push(Carry { buffer, at, lanes });
        }
        if nest.kernel.condition.is_some() {
            self.active = Some(self.all_active());
        }
        let counter = self.set(0);
        let mark = self.mark();
        self.move_streams(n, counter, None, false);
        self.counters.push(counter);
        let done = self.code.place();
        let points = block_of(extent);
        let whole = extent / points * points;
        for (end, points) in [(whole, points), (extent, extent - whole)] {
            let block = Block { n, points, high: None, passed: true };
            if points > 0 && self.active.is_none() && self.has_tiles(&block) {
                self.tiled_blocks(&block, counter, end)?;
            } else if points > 0 {
                self.iterations(n, counter, end, done)?;
            }
        }
        self.code.push(Inst::Bind(done));
        self.counters.pop();
        self.undo(mark);
        self.active = None;
        for c in std::mem::take(&mut self.carries) {
            self.store_lanes(c.buffer, &c.at, &c.lanes)?;
        }
        Ok(())
    }

    /// The iterations of the sequential loop up to `end`.
    fn iterations(&mut self, n: usize, counter: R, end: usize, done: Place) -> Result<(), Error> {
        let top = self.code.place();
        self.code.push(Inst::LoopBegin);
        self.code.push(Inst::Bind(top));
        self.inside()?;
        self.leave_if_ended(done)?;
        self.advance_streams(n, 1);
        self.advance_tiles();
        self.update(Arith::Add, counter, Amount::Now(1));
        let b = Amount::Now(end as i64);
        self.code.push(Inst::Branch { a: counter, cond: Cond::L, b, to: top });
        self.code.push(Inst::LoopEnd);
        Ok(())
    }

    /// The iterations up to `end` by blocks. What is contiguous along the loop and strided along
    /// the lanes is read and written in tiles.
    fn tiled_blocks(&mut self, block: &Block, counter: R, end: usize) -> Result<(), Error> {
        let (top, iteration) = (self.code.place(), self.code.place());
        self.code.push(Inst::LoopBegin);
        self.code.push(Inst::Bind(top));
        self.open_tiles(block)?;
        let point = self.set(0);
        self.code.push(Inst::LoopBegin);
        self.code.push(Inst::Bind(iteration));
        self.inside()?;
        self.advance_streams(block.n, 1);
        self.advance_tiles();
        self.update(Arith::Add, counter, Amount::Now(1));
        self.update(Arith::Add, point, Amount::Now(1));
        let b = Amount::Now(block.points as i64);
        self.code.push(Inst::Branch { a: point, cond: Cond::L, b, to: iteration });
        self.code.push(Inst::LoopEnd);
        self.close_tiles(block);
        let b = Amount::Now(end as i64);
        self.code.push(Inst::Branch { a: counter, cond: Cond::L, b, to: top });
        self.code.push(Inst::LoopEnd);
        Ok(())
    }

    fn all_active(&mut self) -> Lanes {
        let bits = self.bits_of(DType::Bool);
        let all = match self.existing(bits) {
            Some(regs) => Lanes { dtype: DType::Bool, bits, regs },
            None => self.constant(Scalar::from(true)),
        };
        self.own(&all)
    }

    pub fn find_carry(&self, buffer: BufferId, at: &Affine) -> Option<Lanes> {
        let found = self.carries.iter().find(|c| c.buffer == buffer && c.at == *at);
        found.map(|c| c.lanes.clone())
    }

    /// The values of all stores before any carry changes: those that are carries themselves are
    /// copied.
    pub fn stored_values(&mut self, stores: &[Store]) -> Result<Vec<Lanes>, Error> {
        let mut values = Vec::with_capacity(stores.len());
        for s in stores {
            let lanes = self.operand(s.value)?.lanes;
            values.push(if self.is_carry(&lanes) { self.own(&lanes) } else { lanes });
        }
        Ok(values)
    }

    fn is_carry(&self, x: &Lanes) -> bool {
        self.carries.iter().any(|c| c.lanes.regs.iter().any(|r| x.regs.contains(r)))
    }

    /// The condition under which lanes go on, before any carry changes.
    pub fn holding(&mut self) -> Result<Option<Lanes>, Error> {
        let (Some(holds), Some(active)) = (self.nest.kernel.condition, self.active.clone()) else {
            return Ok(None);
        };
        let holds: NodeId = holds;
        let now = self.operand(holds)?.lanes;
        let now = self.with_bits(&now, active.bits);
        let (w, _) = self.shape(active.bits);
        let both = active.regs.iter().zip(&now.regs);
        let regs = both.map(|(a, n)| self.mask_op(MaskOp::And, w, *a, *n)).collect();
        Ok(Some(Lanes { regs, ..active }))
    }

    /// Updates a carry in the lanes that have not ended. Returns whether the store is to a carry.
    pub fn update_carry(&mut self, s: &Store, value: &Lanes) -> bool {
        let Some(old) = self.find_carry(s.buffer, &s.at) else { return false };
        let mut new = match old.dtype.is_bool() {
            true => self.with_bits(value, old.bits),
            false => value.clone(),
        };
        if let Some(active) = self.active.clone() {
            let active = self.with_bits(&active, old.bits);
            new = self.only(&active.regs, &new, &old);
        }
        for (to, from) in old.regs.iter().zip(&new.regs) {
            self.assign(*to, *from);
        }
        true
    }

    /// Ends lanes, after the stores of an iteration.
    pub fn end_lanes(&mut self, going_on: Option<Lanes>) {
        if let (Some(active), Some(going_on)) = (self.active.clone(), going_on) {
            for (to, from) in active.regs.iter().zip(&going_on.regs) {
                self.assign(*to, *from);
            }
        }
    }

    fn leave_if_ended(&mut self, done: Place) -> Result<(), Error> {
        let Some(active) = self.active.clone() else { return Ok(()) };
        let (bits, (w, _)): (Bits, _) = (active.bits, self.shape(active.bits));
        let mut any: Option<R> = None;
        for &m in &active.regs {
            any = Some(match any {
                None => m,
                Some(all) => self.mask_op(MaskOp::Or, w, all, m),
            });
        }
        if let Some(any) = any {
            self.jump_if_none(any, bits, w, done);
        }
        Ok(())
    }
}
