//! Emission of one kernel into a function: loops, the nodes at the level where they stop varying,
//! stores, reductions.
//!
//! An [`Emitter`] works on any `FunctionBuilder`, so a kernel becomes a function of its own
//! ([`build`]) or part of the driver. Loops are opened outermost first; a node is computed once all
//! loops it depends on are open. The vector loop is emitted twice, once in lanes and once in
//! scalars for the remainder loop, from the same nodes. There is one pointer per buffer and pattern
//! of strides, which advances as loops open.
//!
//! The choice of loops and lanes lives in `normal`; the code of a single node lives in `nodes`.

use crate::carry::{self, Carry};
use crate::code;
use crate::lanes::{Lanes, memory};
use crate::normal::Nest;
use crate::outline::{self, Outlines};
use crate::pool::Pool;
use crate::reduce::Accumulator;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, NodeId};
use cotangent_jit::{DType, Error};
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, FuncRef, InstBuilder, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use rustc_hash::FxHashMap;

/// A pointer into a buffer that advances with the loops by fixed strides.
struct Stream {
    buffer: BufferId,
    strides: Vec<i64>,
}

/// The location of a buffer.
#[derive(Clone)]
pub enum Base {
    Memory(Value),
    /// Elements that the driver keeps in registers, from the first on. Only unrolled kernels have
    /// such buffers.
    Registers(Vec<Variable>),
}

/// The counter of an open loop; known when the loop is unrolled.
#[derive(Clone, Copy)]
pub enum Counter {
    Value(Value),
    Fixed(i64),
}

/// A change to undo when a loop closes.
enum Trail {
    Scalar(usize),
    Lanes(usize),
    Pointer(usize, Value, i64),
}

pub struct Emitter<'e, 'f> {
    pub b: &'e mut FunctionBuilder<'f>,
    pub nest: &'e Nest,
    outlines: &'e Outlines,
    imported: FxHashMap<outline::Key, FuncRef>,
    pub pool: &'e mut Pool,
    bases: Vec<Base>,
    streams: Vec<Stream>,
    pointers: Vec<Value>,
    /// The bytes that unrolled loops add to each pointer.
    shifts: Vec<i64>,
    /// Counters of the open loops; for the vector loop the counter of its first lane.
    pub counters: Vec<Counter>,
    pub scalars: Vec<Option<Value>>,
    pub lanes: Vec<Option<Lanes>>,
    trail: Vec<Trail>,
    pub accumulators: Vec<Accumulator>,
    /// The carries of the sequential loop, while it is open.
    pub carries: Vec<Carry>,
    /// The mask of lanes that have not ended, if the kernel has a condition.
    pub active: Vec<Variable>,
    /// The condition under which the loop that closes continues, if the kernel has one.
    pub condition: Option<Value>,
    /// Constants that one node of the vector loop uses; its instruction can load them itself.
    pub used_once: Vec<bool>,
    /// The number of lanes, inside the vector loop.
    pub width: Option<usize>,
    /// The loop that runs from the first to the second value instead of over its whole extent.
    range: Option<(usize, Value, Value)>,
}

impl<'e, 'f> Emitter<'e, 'f> {
    pub fn new(
        b: &'e mut FunctionBuilder<'f>,
        nest: &'e Nest,
        bases: Vec<Base>,
        outlines: &'e Outlines,
        pool: &'e mut Pool,
    ) -> Self {
        let mut e = Emitter {
            b,
            nest,
            outlines,
            imported: FxHashMap::default(),
            pool,
            bases,
            streams: Vec::new(),
            pointers: Vec::new(),
            shifts: Vec::new(),
            counters: Vec::new(),
            scalars: vec![None; nest.types.len()],
            lanes: vec![None; nest.types.len()],
            trail: Vec::new(),
            accumulators: Vec::new(),
            carries: Vec::new(),
            active: Vec::new(),
            condition: None,
            used_once: used_once(nest),
            width: None,
            range: None,
        };
        for (n, node) in nest.kernel.nodes.iter().enumerate().filter(|(n, _)| nest.live[*n]) {
            if let Node::Load { buffer, at, .. } = node {
                debug_assert!(nest.level[n] <= nest.kernel.loops.len());
                e.add_stream(*buffer, at);
            }
        }
        for s in &nest.kernel.stores {
            e.add_stream(s.buffer, &s.at);
        }
        for r in &nest.kernel.reductions {
            e.add_stream(r.buffer, &r.at);
        }
        // Gathers and stores with an offset start from the buffer itself.
        for n in 0..nest.kernel.buffers.len() {
            e.add_stream(BufferId(n as u32), &Affine::default());
        }
        e
    }

    fn strides(&self, at: &Affine) -> Vec<i64> {
        (0..self.nest.kernel.loops.len()).map(|n| at.stride(n)).collect()
    }

    fn add_stream(&mut self, buffer: BufferId, at: &Affine) {
        let Base::Memory(base) = self.bases[buffer.0 as usize] else { return };
        let strides = self.strides(at);
        if !self.streams.iter().any(|s| s.buffer == buffer && s.strides == strides) {
            self.streams.push(Stream { buffer, strides });
            self.pointers.push(base);
            self.shifts.push(0);
        }
    }

    pub fn buffer_type(&self, buffer: BufferId) -> DType {
        self.nest.kernel.buffers[buffer.0 as usize].dtype
    }

    /// The pointer and the byte offset of `buffer[at]` for the open loops, `lane` lanes further.
    pub fn address(&mut self, buffer: BufferId, at: &Affine, lane: usize) -> (Value, i32) {
        let strides = self.strides(at);
        let stream = self
            .streams
            .iter()
            .position(|s| s.buffer == buffer && s.strides == strides)
            .expect("every access was declared");
        let step = self.nest.vector.map_or(0, |(v, _)| at.stride(v));
        let size = self.buffer_type(buffer).size() as i64;
        let bytes = (at.offset + lane as i64 * step) * size + self.shifts[stream];
        let pointer = self.pointers[stream];
        match i32::try_from(bytes) {
            Ok(offset) if offset < i32::MAX - 4096 => (pointer, offset),
            _ => (self.b.ins().iadd_imm_s(pointer, bytes), 0),
        }
    }

    /// The base of a buffer.
    pub fn base(&mut self, buffer: BufferId) -> Value {
        self.address(buffer, &Affine::default(), 0).0
    }

    /// An affine function of the counters as an i64; in a vector loop its value at this lane.
    pub fn index(&mut self, at: &Affine, lane: usize) -> Value {
        let step = self.nest.vector.map_or(0, |(v, _)| at.stride(v));
        let mut offset = at.offset + if self.width.is_some() { lane as i64 * step } else { 0 };
        let mut sum = None;
        for n in 0..self.counters.len() {
            let stride = at.stride(n);
            if stride == 0 {
                continue;
            }
            let counter = match self.counters[n] {
                Counter::Value(v) => v,
                Counter::Fixed(c) => {
                    offset += stride * c;
                    continue;
                }
            };
            let term = if stride == 1 { counter } else { self.b.ins().imul_imm_s(counter, stride) };
            sum = Some(match sum {
                None => term,
                Some(s) => self.b.ins().iadd(s, term),
            });
        }
        match sum {
            None => self.b.ins().iconst(types::I64, offset),
            Some(s) if offset == 0 => s,
            Some(s) => self.b.ins().iadd_imm_s(s, offset),
        }
    }

    pub fn counter(&mut self, n: usize) -> Value {
        match self.counters[n] {
            Counter::Value(v) => v,
            Counter::Fixed(c) => self.b.ins().iconst(types::I64, c),
        }
    }

    /// An affine function of the counters, if all that it depends on are known.
    pub fn fixed_index(&self, at: &Affine) -> Option<i64> {
        let mut sum = at.offset;
        for (n, stride) in at.strides.iter().enumerate().filter(|(_, s)| **s != 0) {
            let Counter::Fixed(c) = self.counters[n] else { return None };
            sum += stride * c;
        }
        Some(sum)
    }

    /// The register that holds `buffer[at]`, if the buffer is in registers.
    pub fn held(&self, buffer: BufferId, at: &Affine) -> Option<Variable> {
        let Base::Registers(elements) = &self.bases[buffer.0 as usize] else { return None };
        let n = self.fixed_index(at).expect("kernels on registers are unrolled");
        Some(elements[n as usize])
    }

    /// Remembers a scalar until the innermost open loop closes.
    pub fn keep_scalar(&mut self, n: NodeId, v: Value) {
        self.scalars[n.0 as usize] = Some(v);
        self.trail.push(Trail::Scalar(n.0 as usize));
    }

    pub fn keep_lanes(&mut self, n: NodeId, v: Lanes) {
        self.lanes[n.0 as usize] = Some(v);
        self.trail.push(Trail::Lanes(n.0 as usize));
    }

    /// The mark to which `undo` returns.
    pub fn mark(&self) -> usize {
        self.trail.len()
    }

    pub fn undo(&mut self, mark: usize) {
        while self.trail.len() > mark {
            match self.trail.pop() {
                Some(Trail::Scalar(n)) => self.scalars[n] = None,
                Some(Trail::Lanes(n)) => self.lanes[n] = None,
                Some(Trail::Pointer(n, v, shift)) => {
                    self.pointers[n] = v;
                    self.shifts[n] = shift;
                }
                None => {}
            }
        }
    }

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
        if let Some(clip) = clip.filter(|c| !c.total.is_multiple_of(extent)) {
            let start = self.index(&clip.start, 0);
            let total = self.b.ins().iconst(types::I64, clip.total as i64);
            let rest = self.b.ins().isub(total, start);
            let full = self.b.ins().iconst(types::I64, extent as i64);
            (high, fixed) = (Some(self.b.ins().smin(full, rest)), None);
        }
        if carry::is_carry_loop(nest, n) && fixed.is_some() && !nest.unrolled {
            self.load_carries()?;
            let (low, high) = (self.b.ins().iconst(types::I64, 0), extent as i64);
            let high = self.b.ins().iconst(types::I64, high);
            self.counted_loop(low, high, 1, fixed)?;
            return self.store_carries();
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
        let rest = !whole || !extent.is_multiple_of(width);
        if rest {
            self.counted_loop(middle, high, 1, fixed.map(|e| e % width))?;
        }
        self.undo(mark);
        Ok(())
    }

    /// `for counter in (low..high).step_by(step) { loop_body }`; `trips` if known.
    fn counted_loop(
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
                return (0..n).try_for_each(|i| self.iteration(Counter::Fixed(i as i64)));
            }
            Some(1) => return self.iteration(Counter::Value(low)),
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
        self.iteration(Counter::Value(counter))?;
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

    /// Emits one iteration of the loop that opens.
    fn iteration(&mut self, counter: Counter) -> Result<(), Error> {
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
            let step = match bytes {
                1 => counter,
                2 | 4 | 8 => self.b.ins().ishl_imm_u(counter, i64::from(bytes.trailing_zeros())),
                _ => self.b.ins().imul_imm_s(counter, bytes),
            };
            self.pointers[s] = self.b.ins().iadd(old, step);
        }
        self.counters.push(counter);
        self.loop_body()?;
        self.counters.pop();
        self.undo(mark);
        Ok(())
    }

    /// Calls an elementary function on scalars or single registers.
    pub fn call(&mut self, key: outline::Key, args: &[Value]) -> Result<Value, Error> {
        let function = match self.imported.get(&key) {
            Some(f) => *f,
            None => {
                let f = self.outlines.import(self.b, key)?;
                self.imported.insert(key, f);
                f
            }
        };
        let call = self.b.ins().call(function, args);
        Ok(self.b.inst_results(call)[0])
    }

    /// Emits `then` under the condition `flag`. The code continues after it in either case.
    pub fn when(
        &mut self,
        flag: Value,
        then: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let yes: Block = self.b.create_block();
        let after = self.b.create_block();
        self.b.ins().brif(flag, yes, &[], after, &[]);
        self.b.seal_block(yes);
        self.b.switch_to_block(yes);
        then(self)?;
        self.b.ins().jump(after, &[]);
        self.b.seal_block(after);
        self.b.switch_to_block(after);
        Ok(())
    }
}

/// For each node, whether exactly one node of the vector loop uses its lanes.
fn used_once(nest: &Nest) -> Vec<bool> {
    if nest.vector.is_none() {
        return Vec::new();
    }
    let mut uses = vec![0u32; nest.types.len()];
    for (n, node) in nest.kernel.nodes.iter().enumerate() {
        if let Node::Op { args, .. } = node
            && nest.live[n]
            && nest.varies[n]
        {
            args.iter().for_each(|a| uses[a.0 as usize] += 1);
        }
    }
    uses.into_iter().map(|n| n == 1).collect()
}

/// Fills the context with `fn(buffers: *const *mut u8, begin: i64, end: i64)` for this kernel.
pub fn build(
    context: &mut Context,
    scratch: &mut FunctionBuilderContext,
    nest: &Nest,
    outlines: &Outlines,
    id: code::FunctionId,
) -> Result<Pool, Error> {
    context.func = code::function(id, code::signature(3)?);
    let frontend = crate::isa::host(crate::isa::Allocator::Careful)?.frontend_config();
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
