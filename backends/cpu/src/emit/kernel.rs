//! Emission of one kernel into a function: loops, the nodes at the level where they stop varying,
//! stores, reductions.
//!
//! An [`Emitter`] works on any `FunctionBuilder`, so a kernel becomes a function of its own
//! ([`build`]) or part of the driver. Loops are opened outermost first; a node is computed once all
//! loops it depends on are open. The vector loop is emitted twice, once in lanes and once in
//! scalars for the remainder loop, from the same nodes.
//!
//! The choice of loops and lanes lives in `plan::nest`, the state of the emission in `emitter`, the
//! code of a single node in `nodes`.

use crate::code::{declare, isa};
use crate::emit::emitter::{Base, Counter, Emitter, Partials, Trail};
use crate::ops::pool::Pool;
use crate::ops::values::memory;
use crate::plan::carries;
use crate::plan::launch::FunctionId;
use crate::plan::nest::Nest;
use crate::plan::outlines::Outlines;
use cotangent_jit::Error;
use cotangent_jit::kernel::NodeId;
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

impl Emitter<'_, '_> {
    /// Emits the whole kernel, with its split loop (if given) running from the first to the second
    /// value.
    pub fn run(&mut self, range: Option<(usize, Value, Value)>) -> Result<(), Error> {
        if self.nest.empty() {
            return Ok(());
        }
        self.range = range;
        self.loop_body()
    }

    /// Emits the body of the innermost open loop: the nodes that depend on it, then the loops
    /// inside.
    fn loop_body(&mut self) -> Result<(), Error> {
        let depth = self.counters.len();
        for n in 0..self.nest.types.len() {
            if self.nest.live[n] && self.nest.level[n] == depth {
                self.compute(NodeId(n as u32))?;
            }
        }
        let reduces = depth == self.nest.outer && !self.nest.kernel.reductions.is_empty();
        if reduces {
            self.start_reductions()?;
        }
        if depth == self.nest.kernel.loops.len() {
            self.stores()?;
            self.emit_condition()?;
            self.fold()?;
        } else {
            self.next_loop()?;
        }
        if reduces {
            self.finish_reductions()?;
        }
        Ok(())
    }

    /// Emits the next loop; the vector loop once in lanes and then as a remainder loop.
    fn next_loop(&mut self) -> Result<(), Error> {
        let n = self.counters.len();
        let extent = self.nest.kernel.loops[n].extent;
        let (mut low, mut high, mut fixed) = (None, None, Some(extent));
        if let Some((split, begin, end)) = self.range
            && split == n
        {
            (low, high, fixed) = (Some(begin), Some(end), None);
        }
        let nest = self.nest;
        let clip = nest.clips.iter().find(|c| c.inner == n);
        if let Some(clip) = clip {
            let start = self.index(&clip.start, 0);
            let total = self.b.ins().iconst(types::I64, clip.total as i64);
            let rest = self.b.ins().isub(total, start);
            let full = self.b.ins().iconst(types::I64, extent as i64);
            (high, fixed) = (Some(self.b.ins().smin(full, rest)), None);
        }
        let lanes = nest.vector.is_some_and(|(v, _)| v == n);
        let carries = carries::is_carry_loop(&nest.kernel, n) && !lanes;
        if carries && fixed.is_some() && !nest.unrolled {
            self.load_carries()?;
            let (low, high) = (self.b.ins().iconst(types::I64, 0), extent as i64);
            let high = self.b.ins().iconst(types::I64, high);
            self.counted_loop(low, high, 1, fixed)?;
            return self.store_carries();
        }
        if nest.lanes().is_some() && nest.kernel.innermost_reduce() == Some(n) {
            let high = high.unwrap_or_else(|| self.b.ins().iconst(types::I64, extent as i64));
            return self.dealt_loop(high, fixed, clip.map_or(extent, |c| c.total));
        }
        let low = low.unwrap_or_else(|| self.b.ins().iconst(types::I64, 0));
        let high = high.unwrap_or_else(|| self.b.ins().iconst(types::I64, extent as i64));
        let Some((_, width)) = self.nest.vector.filter(|(v, _)| *v == n) else {
            return self.counted_loop(low, high, 1, fixed);
        };
        let mark = self.trail.len();
        let middle = match fixed {
            Some(extent) => self.b.ins().iconst(types::I64, (extent / width * width) as i64),
            None => {
                let count = self.b.ins().isub(high, low);
                let whole = self.b.ins().band_imm_s(count, -(width as i64));
                self.b.ins().iadd(low, whole)
            }
        };
        self.width = Some(width);
        self.broadcast_invariants()?;
        self.counted_loop(low, middle, width, fixed.map(|e| e / width))?;
        self.width = None;
        self.undo(mark);
        // Chunks end at multiples of the width, so there is a remainder loop only if the whole
        // extent has a remainder.
        let whole = clip.is_none_or(|c| c.total.is_multiple_of(width));
        let ragged = nest.ragged && self.range.is_some_and(|(split, ..)| split == n);
        let rest = ragged || !whole || !extent.is_multiple_of(width);
        if rest {
            self.counted_loop(middle, high, 1, fixed.map(|e| e % width))?;
        }
        self.undo(mark);
        Ok(())
    }

    /// `for counter in (low..high).step_by(step) { loop_body }`; `trips` if known.
    pub fn counted_loop(
        &mut self,
        low: Value,
        high: Value,
        step: usize,
        trips: Option<usize>,
    ) -> Result<(), Error> {
        match trips {
            Some(0) => return Ok(()),
            Some(_) if self.nest.kernel.condition.is_some() => {}
            Some(n) if self.nest.unrolled => {
                return (0..n).try_for_each(|i| self.iteration(Counter::Fixed(i as i64), 0));
            }
            Some(1) => return self.iterations(low, step),
            _ => {}
        }
        let body = self.b.create_block();
        let exit = self.b.create_block();
        let counter = self.b.append_block_param(body, types::I64);
        if trips.is_some() {
            self.b.ins().jump(body, &[BlockArg::Value(low)]);
        } else {
            let any = self.b.ins().icmp(IntCC::SignedLessThan, low, high);
            self.b.ins().brif(any, body, &[BlockArg::Value(low)], exit, &[]);
        }
        self.b.switch_to_block(body);
        self.iterations(counter, step)?;
        let next = self.b.ins().iadd_imm_s(counter, step as i64);
        let mut more = self.b.ins().icmp(IntCC::SignedLessThan, next, high);
        if let Some(condition) = self.condition.take() {
            more = self.b.ins().band(more, condition);
        }
        self.b.ins().brif(more, body, &[BlockArg::Value(next)], exit, &[]);
        self.b.seal_block(body);
        self.b.seal_block(exit);
        self.b.switch_to_block(exit);
        Ok(())
    }

    /// Emits one iteration of the loop that opens; where lanes fold into registers, one per group
    /// of lanes.
    fn iterations(&mut self, counter: Value, step: usize) -> Result<(), Error> {
        let group = self.width.unwrap_or(1);
        for lane in (0..step).step_by(group) {
            if let Partials::Registers(at) = &mut self.partials {
                *at = lane;
            }
            self.iteration(Counter::Value(counter), lane as i64)?;
        }
        Ok(())
    }

    /// Emits the loop at its counter plus a constant.
    pub fn iteration(&mut self, counter: Counter, ahead: i64) -> Result<(), Error> {
        let mark = self.trail.len();
        let n = self.counters.len();
        for s in 0..self.streams.len() {
            let size = self.buffer_type(self.streams[s].buffer).size() as i64;
            let bytes = self.streams[s].strides[n] * size;
            if bytes == 0 {
                continue;
            }
            let old = self.pointers[s];
            self.trail.push(Trail::Pointer(s, old, self.shifts[s]));
            let counter = match counter {
                Counter::Value(v) => v,
                Counter::Fixed(c) => {
                    self.shifts[s] += bytes * c;
                    continue;
                }
            };
            self.shifts[s] += bytes * ahead;
            let step = match bytes {
                1 => counter,
                2 | 4 | 8 => self.b.ins().ishl_imm_u(counter, i64::from(bytes.trailing_zeros())),
                _ => self.b.ins().imul_imm_s(counter, bytes),
            };
            self.pointers[s] = self.b.ins().iadd(old, step);
        }
        self.counters.push(match counter {
            Counter::Value(v) if ahead != 0 => Counter::Value(self.b.ins().iadd_imm_s(v, ahead)),
            counter => counter,
        });
        self.loop_body()?;
        self.counters.pop();
        self.undo(mark);
        Ok(())
    }
}

/// Fills the context with `fn(buffers: *const *mut u8, begin: i64, end: i64)` for this kernel.
pub fn build(
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    nest: &Nest,
    outlines: &Outlines,
    id: FunctionId,
) -> Result<Pool, Error> {
    context.func = declare::function(id, declare::signature(3)?);
    let frontend = isa::host(isa::Allocator::Careful)?.frontend_config();
    let mut b = FunctionBuilder::new(&mut context.func, scratch);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let parameters: Vec<Value> = b.block_params(entry).to_vec();
    let bases: Vec<Base> = (0..nest.kernel.buffers.len())
        .map(|n| b.ins().load(types::I64, memory(), parameters[0], 8 * n as i32))
        .map(Base::Memory)
        .collect();
    let range = nest.split.map(|n| (n, parameters[1], parameters[2]));
    let mut pool = Pool::new(&mut b);
    Emitter::new(&mut b, nest, bases, outlines, &mut pool).run(range)?;
    b.ins().return_(&[]);
    b.finalize(frontend);
    Ok(pool)
}
