//! The state of the emission of one kernel: its open loops, the values computed so far, and the
//! addresses of its buffers.
//!
//! There is one pointer per buffer and pattern of strides, which advances as loops open. A change
//! that a loop makes is undone when the loop closes. The files that emit loops, nodes, reductions
//! and carries add methods to [`Emitter`]; none of them is named here.

use crate::ops::elementary;
use crate::ops::lanes::Lanes;
use crate::ops::pool::Pool;
use crate::plan::nest::Nest;
use crate::plan::outlines::{Key, Outlines};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, NodeId};
use cotangent_jit::{DType, Error};
use cranelift_codegen::ir::{Block, FuncRef, InstBuilder, StackSlot, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// A pointer into a buffer that advances with the loops by fixed strides.
pub struct Stream {
    pub buffer: BufferId,
    pub strides: Vec<i64>,
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
pub enum Trail {
    Scalar(usize),
    Lanes(usize),
    Pointer(usize, Value, i64),
}

/// The running folds of one reduction.
#[derive(Clone)]
pub struct Accumulator {
    pub scalar: Option<Variable>,
    pub lanes: Option<SmallVec<[Variable; 8]>>,
    /// The partial results in memory, while or where they are not in registers.
    pub slot: Option<StackSlot>,
}

/// The location of the partial results among which the innermost reduce loop deals its points.
#[derive(Clone, Copy)]
pub enum Partials {
    /// In registers. The group that is computed folds into those from this lane on.
    Registers(usize),
    /// In registers. The point that is computed folds into this lane.
    Lane(usize),
    /// In a stack slot, at the lane of the innermost counter.
    Memory,
}

/// One carry, or the carries of all lanes, in variables.
pub struct Carry {
    pub buffer: BufferId,
    pub at: Affine,
    pub variables: Vec<Variable>,
    /// The form of the lanes; `None` for a scalar.
    pub lanes: Option<Lanes>,
}

pub struct Emitter<'e, 'f> {
    pub b: &'e mut FunctionBuilder<'f>,
    pub nest: &'e Nest,
    outlines: &'e Outlines,
    imported: FxHashMap<Key, FuncRef>,
    pub pool: &'e mut Pool,
    bases: Vec<Base>,
    pub streams: Vec<Stream>,
    pub pointers: Vec<Value>,
    /// The bytes that unrolled loops add to each pointer.
    pub shifts: Vec<i64>,
    /// Counters of the open loops; for the vector loop the counter of its first lane.
    pub counters: Vec<Counter>,
    pub scalars: Vec<Option<Value>>,
    pub lanes: Vec<Option<Lanes>>,
    pub trail: Vec<Trail>,
    pub accumulators: Vec<Accumulator>,
    pub partials: Partials,
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
    pub range: Option<(usize, Value, Value)>,
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
            partials: Partials::Memory,
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

    /// Calls an elementary function on scalars or single registers.
    pub fn call(&mut self, key: Key, args: &[Value]) -> Result<Value, Error> {
        let function = match self.imported.get(&key) {
            Some(f) => *f,
            None => {
                let f = elementary::import(self.outlines, self.b, key)?;
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
