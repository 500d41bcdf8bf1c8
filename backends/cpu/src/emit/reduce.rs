//! Reductions: accumulators that live across the reduce loops.
//!
//! If the vector loop is parallel, each lane folds a point of its own, and nothing is joined. If
//! the kernel's order of combination deals the points of the innermost reduce loop among lanes, the
//! loop is emitted here: whole rounds of lanes, a group of them after the other, then what remains.
//!
//! ```text
//!                        held in registers              not held
//! rounds of all lanes    group by group                 -
//! groups of lanes        those of the last round        into memory at `counter mod lanes`
//! points                 few: lane by lane of
//!                        registers; many: in memory     into memory at `counter mod lanes`
//! ```
//!
//! At the end all lanes are joined by halves. Long reductions into few points are cut into chunks
//! first (`plan::stages`), so that threads can share them. Carries of sequential loops live in
//! `carry`.

use crate::emit::emitter::{Accumulator, Counter, Emitter, Partials};
use crate::ops::lanes::{Lanes, load_scalar};
use crate::ops::scalar;
use crate::ops::values::{Regs, constant, memory, register, vector_type};
use crate::ops::vector::{self, Operand};
use cotangent_jit::kernel::Reduction;
use cotangent_jit::{DType, Error};
use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value, types};
use cranelift_frontend::Variable;
use smallvec::SmallVec;

/// The most ops of points that are folded into single lanes of registers.
const INSERTED: usize = 32;

impl Emitter<'_, '_> {
    /// Starts the folds of a point or of lanes, when the loops outside of reduce loops are open.
    pub fn start_reductions(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        self.accumulators.clear();
        for r in &nest.kernel.reductions {
            let accumulator = match (nest.lanes(), self.width) {
                (Some(lanes), _) => self.start_partials(r, lanes)?,
                (None, Some(width)) => {
                    let start = if nest.accumulate {
                        self.stored_lanes(r, width)
                    } else {
                        Lanes::constant(self.b, r.combine.identity(r.accumulator), width)
                    };
                    Accumulator { scalar: None, lanes: Some(self.define(&start)), slot: None }
                }
                (None, None) => {
                    let v = if nest.accumulate {
                        let (pointer, offset) = self.address(r.buffer, &r.at, 0);
                        load_scalar(self.b, r.accumulator, pointer, offset)?
                    } else {
                        constant(self.b, r.combine.identity(r.accumulator))?
                    };
                    let variable = self.b.declare_var(register(r.accumulator)?);
                    self.b.def_var(variable, v);
                    Accumulator { scalar: Some(variable), lanes: None, slot: None }
                }
            };
            self.accumulators.push(accumulator);
        }
        Ok(())
    }

    /// Partial results that are the identity, in registers or in memory.
    fn start_partials(&mut self, r: &Reduction, lanes: usize) -> Result<Accumulator, Error> {
        let (d, identity) = (r.accumulator, r.combine.identity(r.accumulator));
        let data = StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            (lanes * d.size()).next_multiple_of(16) as u32,
            4,
        );
        let slot = Some(self.b.create_sized_stack_slot(data));
        if self.nest.held {
            let start = Lanes::constant(self.b, identity, lanes);
            return Ok(Accumulator { scalar: None, lanes: Some(self.define(&start)), slot });
        }
        let accumulator = Accumulator { scalar: None, lanes: None, slot };
        let (pointer, _) = self.slot_address(&accumulator, None);
        if self.nest.vector.is_some() {
            Lanes::constant(self.b, identity, lanes).store(self.b, pointer, 0);
        } else {
            let v = constant(self.b, identity)?;
            for lane in 0..lanes {
                self.b.ins().store(memory(), v, pointer, (lane * d.size()) as i32);
            }
        }
        Ok(accumulator)
    }

    /// New variables with the registers of these lanes as their values.
    fn define(&mut self, lanes: &Lanes) -> SmallVec<[Variable; 8]> {
        let t = vector_type(lanes.dtype, lanes.bits);
        let define = |v: &Value| {
            let variable = self.b.declare_var(t);
            self.b.def_var(variable, *v);
            variable
        };
        lanes.regs.iter().map(define).collect()
    }

    /// The address of a partial result in memory: the first one, or that of the innermost counter
    /// for elements of this type.
    fn slot_address(&mut self, a: &Accumulator, at: Option<DType>) -> (Value, i32) {
        let slot = a.slot.expect("partial results have memory");
        let pointer = self.b.ins().stack_addr(types::I64, slot, 0);
        let (Some(d), Some(lanes)) = (at, self.nest.lanes()) else { return (pointer, 0) };
        let counter = self.counter(self.counters.len() - 1);
        let lane = self.b.ins().band_imm_u(counter, lanes as i64 - 1);
        let shift = i64::from(d.size().trailing_zeros());
        let bytes = if shift == 0 { lane } else { self.b.ins().ishl_imm_u(lane, shift) };
        (self.b.ins().iadd(pointer, bytes), 0)
    }

    /// The current contents of the results of these lanes. The results must be contiguous.
    fn stored_lanes(&mut self, r: &Reduction, width: usize) -> Lanes {
        let (pointer, offset) = self.address(r.buffer, &r.at, 0);
        Lanes::load(self.b, r.accumulator, pointer, offset, width)
    }

    /// Emits the innermost reduce loop if its points are dealt among lanes: up to `high`, which is
    /// `fixed` if known. All chunks of the loop together have `total` points, and each chunk has
    /// whole rounds of lanes, unless it is the last one.
    pub fn dealt_loop(
        &mut self,
        high: Value,
        fixed: Option<usize>,
        total: usize,
    ) -> Result<(), Error> {
        let nest = self.nest;
        let (lanes, group) = (nest.kernel.order.lanes, nest.group);
        let mark = self.mark();
        let mut low = self.b.ins().iconst(types::I64, 0);
        let step = if nest.held { lanes } else { group };
        if nest.vector.is_some() {
            self.width = Some(group);
            self.broadcast_invariants()?;
            let middle = match fixed {
                Some(extent) => self.b.ins().iconst(types::I64, (extent / step * step) as i64),
                None => self.b.ins().band_imm_s(high, -(step as i64)),
            };
            self.partials = if nest.held { Partials::Registers(0) } else { Partials::Memory };
            self.counted_loop(low, middle, step, fixed.map(|e| e / step))?;
            low = middle;
        }
        let mut rest = total % step;
        if nest.vector.is_none() {
            rest = total;
        }
        let mut lane = 0;
        if nest.held && fixed.is_some() {
            while rest >= group {
                self.partials = Partials::Registers(lane);
                self.iteration(Counter::Value(low), lane as i64)?;
                (lane, rest) = (lane + group, rest - group);
            }
        }
        self.width = None;
        self.undo(mark);
        if rest == 0 {
            return Ok(());
        }
        if nest.held && fixed.is_some() && rest * self.body() <= INSERTED {
            for lane in lane..lane + rest {
                self.partials = Partials::Lane(lane);
                self.iteration(Counter::Value(low), lane as i64)?;
            }
            return Ok(());
        }
        if nest.held {
            self.spill_partials();
        }
        if lane > 0 {
            low = self.b.ins().iadd_imm_s(low, lane as i64);
        }
        self.partials = Partials::Memory;
        self.counted_loop(low, high, 1, fixed.map(|_| rest))?;
        if nest.held {
            self.reload_partials();
        }
        Ok(())
    }

    /// The number of ops of a point of the innermost loop; many where lanes are no plain numbers.
    fn body(&self) -> usize {
        let nest = self.nest;
        let plain = |r: &Reduction| r.accumulator.size() >= 4;
        if !nest.kernel.reductions.iter().all(plain) {
            return INSERTED + 1;
        }
        let inner = nest.kernel.loops.len();
        let nodes = (0..nest.types.len()).filter(|n| nest.live[*n] && nest.level[*n] == inner);
        nodes.count() + nest.kernel.stores.len() + nest.kernel.reductions.len()
    }

    /// Folds the current point or group of lanes into the partial results.
    fn fold_partials(&mut self, n: usize, r: &Reduction) -> Result<(), Error> {
        let (from, d) = (self.nest.dtype(r.value), r.accumulator);
        let lanes = self.nest.kernel.order.lanes;
        let accumulator = self.accumulators[n].clone();
        let Some(width) = self.width else {
            let value = self.scalar(r.value)?;
            let value = scalar::convert(self.b, from, d, value)?;
            if let (Partials::Lane(at), Some(variables)) = (self.partials, &accumulator.lanes) {
                let per = Lanes::bits_for(d, lanes).lanes();
                let (variable, at) = (variables[at / per], (at % per) as u8);
                let all = self.b.use_var(variable);
                let old = self.b.ins().extractlane(all, at);
                let new = scalar::emit(self.b, r.combine.op(), d, &[old, value])?;
                let all = self.b.ins().insertlane(all, new, at);
                self.b.def_var(variable, all);
                return Ok(());
            }
            let (pointer, offset) = self.slot_address(&accumulator, Some(d));
            let old = load_scalar(self.b, d, pointer, offset)?;
            let new = scalar::emit(self.b, r.combine.op(), d, &[old, value])?;
            self.b.ins().store(memory(), new, pointer, offset);
            return Ok(());
        };
        let value = self.folded_lanes(r, width)?;
        match (self.partials, &accumulator.lanes) {
            (Partials::Registers(at), Some(variables)) => {
                let per = value.bits.lanes();
                let variables = &variables[at / per..(at + width) / per];
                self.fold_variables(r, variables, value, width)
            }
            _ => {
                let (pointer, offset) = self.slot_address(&accumulator, Some(d));
                let old = Lanes::load(self.b, d, pointer, offset, width);
                let new = self.join_lanes(r, old, value, width)?;
                new.store(self.b, pointer, offset);
                Ok(())
            }
        }
    }

    /// The lanes to fold, in the type of the accumulator.
    fn folded_lanes(&mut self, r: &Reduction, width: usize) -> Result<Lanes, Error> {
        let value = self.operand(r.value, width)?.lanes;
        let from = self.nest.dtype(r.value);
        let value = vector::convert(self.b, from, r.accumulator, &value, width);
        Ok(value.with_bits(self.b, Lanes::bits_for(r.accumulator, width), width))
    }

    fn fold_variables(
        &mut self,
        r: &Reduction,
        variables: &[Variable],
        value: Lanes,
        width: usize,
    ) -> Result<(), Error> {
        let regs: Regs = variables.iter().map(|v| self.b.use_var(*v)).collect();
        let old = Lanes { regs, ..value };
        let new = self.join_lanes(r, old, value, width)?;
        for (variable, v) in variables.iter().zip(&new.regs) {
            self.b.def_var(*variable, *v);
        }
        Ok(())
    }

    /// Stores the partial results, which are in registers, to memory.
    fn spill_partials(&mut self) {
        let (nest, lanes) = (self.nest, self.nest.kernel.order.lanes);
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            let (pointer, offset) = self.slot_address(&self.accumulators[n].clone(), None);
            self.running(n, r.accumulator, lanes).store(self.b, pointer, offset);
        }
    }

    /// Loads the partial results back into registers.
    fn reload_partials(&mut self) {
        let (nest, lanes) = (self.nest, self.nest.kernel.order.lanes);
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            let accumulator = self.accumulators[n].clone();
            let (pointer, offset) = self.slot_address(&accumulator, None);
            let loaded = Lanes::load(self.b, r.accumulator, pointer, offset, lanes);
            for (variable, v) in accumulator.lanes.iter().flatten().zip(&loaded.regs) {
                self.b.def_var(*variable, *v);
            }
        }
    }

    /// Folds in the current point or lanes.
    pub fn fold(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            if nest.lanes().is_some() {
                self.fold_partials(n, r)?;
            } else if let Some(width) = self.width {
                let value = self.folded_lanes(r, width)?;
                let variables = self.accumulators[n].lanes.clone().unwrap_or_default();
                self.fold_variables(r, &variables, value, width)?;
            } else if let Some(variable) = self.accumulators[n].scalar {
                let value = self.scalar(r.value)?;
                let value = scalar::convert(self.b, nest.dtype(r.value), r.accumulator, value)?;
                let old = self.b.use_var(variable);
                let new = scalar::emit(self.b, r.combine.op(), r.accumulator, &[old, value])?;
                self.b.def_var(variable, new);
            }
        }
        Ok(())
    }

    fn join_lanes(
        &mut self,
        r: &Reduction,
        x: Lanes,
        y: Lanes,
        width: usize,
    ) -> Result<Lanes, Error> {
        let operand = |lanes| Operand { lanes, scalar: None };
        vector::emit(self.b, r.combine.op(), r.accumulator, &[operand(x), operand(y)], width)
    }

    /// Stores the results of the point or lanes whose reduce loops have closed.
    pub fn finish_reductions(&mut self) -> Result<(), Error> {
        let nest = self.nest;
        for (n, r) in nest.kernel.reductions.iter().enumerate() {
            let d = self.buffer_type(r.buffer);
            if let Some(width) = self.width {
                let sum = self.running(n, r.accumulator, width);
                let sum = vector::convert(self.b, r.accumulator, d, &sum, width);
                let step = nest.vector.map_or(0, |(v, _)| r.at.stride(v));
                if step == 1 {
                    let (pointer, offset) = self.address(r.buffer, &r.at, 0);
                    sum.store(self.b, pointer, offset);
                    continue;
                }
                for lane in 0..width {
                    let v = sum.lane(self.b, lane);
                    let (pointer, offset) = self.address(r.buffer, &r.at, lane);
                    self.b.ins().store(memory(), v, pointer, offset);
                }
                continue;
            }
            let sum = match self.accumulators[n].scalar {
                Some(variable) => self.b.use_var(variable),
                None => self.join_partials(n, r)?,
            };
            let v = scalar::convert(self.b, r.accumulator, d, sum)?;
            if let Some(register) = self.held(r.buffer, &r.at) {
                self.b.def_var(register, v);
                continue;
            }
            let (pointer, offset) = self.address(r.buffer, &r.at, 0);
            self.b.ins().store(memory(), v, pointer, offset);
        }
        Ok(())
    }

    fn running(&mut self, n: usize, d: DType, width: usize) -> Lanes {
        let variables = self.accumulators[n].lanes.clone().unwrap_or_default();
        let regs = variables.iter().map(|v| self.b.use_var(*v)).collect();
        Lanes { dtype: d, bits: Lanes::bits_for(d, width), regs }
    }

    /// Joins all partial results by halves: registers, then the lanes of the last register.
    fn join_partials(&mut self, n: usize, r: &Reduction) -> Result<Value, Error> {
        let (d, lanes) = (r.accumulator, self.nest.kernel.order.lanes);
        let accumulator = self.accumulators[n].clone();
        let (pointer, offset) = self.slot_address(&accumulator, None);
        let mut values: SmallVec<[Value; 4]> = SmallVec::new();
        if self.nest.vector.is_some() {
            let mut sum = match self.nest.held {
                true => self.running(n, d, lanes),
                false => Lanes::load(self.b, d, pointer, offset, lanes),
            };
            while sum.regs.len() > 1 {
                let half = sum.regs.len() / 2;
                let upper = Lanes { regs: sum.regs[half..].into(), ..sum.clone() };
                sum.regs.truncate(half);
                let width = sum.width();
                sum = self.join_lanes(r, sum, upper, width)?;
            }
            values.extend((0..sum.width()).map(|lane| sum.lane(self.b, lane)));
        } else {
            for lane in 0..lanes {
                values.push(load_scalar(self.b, d, pointer, offset + (lane * d.size()) as i32)?);
            }
        }
        while values.len() > 1 {
            let half = values.len() / 2;
            for i in 0..half {
                values[i] =
                    scalar::emit(self.b, r.combine.op(), d, &[values[i], values[i + half]])?;
            }
            values.truncate(half);
        }
        Ok(values[0])
    }
}
