//! Rewrites a kernel over complex buffers into one over buffers of parts: every complex node
//! becomes two nodes. Programs live in `prepare/complex.rs`.
//!
//! A sum becomes two sums. Products and extremes do not split that way: their reduce loops become
//! sequential loops, in which a temporary element is loaded, combined and stored. A kernel before
//! fills the temporary with the identity, and a kernel after copies it to its destination. A store
//! that combines by product or extreme becomes a load, the op and a store.

use crate::affine::Affine;
use crate::build::KernelBuilder;
use crate::kernel::{
    BufferId, BufferType, Combine, Kernel, Loop, Mode, Node, NodeId, Range, Reduction, Store,
};
use crate::math::complex::{self, Parts};
use crate::op::{Level, MachineOp, ScalarOp};
use crate::{DType, Error, Scalar, err};
use smallvec::SmallVec;

/// The node or nodes that replace a node.
#[derive(Clone, Copy)]
enum Value {
    One(NodeId),
    Pair([NodeId; 2]),
}

/// A kernel on parts.
pub(super) struct Split {
    pub main: Kernel,
    pub folds: Option<Folds>,
}

/// The kernels around folds that run in order. All three kernels take the same arguments, the
/// temporaries last.
pub(super) struct Folds {
    pub before: Kernel,
    pub after: Kernel,
    pub temporaries: Vec<BufferType>,
}

pub(super) fn split(kernel: &Kernel) -> Result<Split, Error> {
    let Some(types) = kernel.node_types() else {
        return Err(err!(Verify, "kernel {}: nodes of unknown types", kernel.name));
    };
    if !types.iter().any(|d| d.is_complex()) && !kernel.buffers.iter().any(|b| b.dtype.is_complex())
    {
        return Ok(Split { main: kernel.clone(), folds: None });
    }
    let whole = |buffer: BufferId, combine: Option<Combine>| {
        combine.is_some_and(Combine::of_whole_numbers) && dtype(kernel, buffer).is_complex()
    };
    let in_order = kernel.stores.iter().any(|s| whole(s.buffer, s.combine));
    let joint = kernel.reductions.iter().any(|r| whole(r.buffer, Some(r.combine)));
    let mode = |l: &Loop| match l.mode {
        _ if in_order => Mode::Sequential,
        Mode::Reduce if joint => Mode::Sequential,
        mode => mode,
    };
    let mut loops: Vec<Loop> = kernel.loops.iter().map(|l| Loop { mode: mode(l), ..*l }).collect();
    let folded = kernel.loops.iter().position(|l| l.mode == Mode::Reduce);
    let folded = folded.unwrap_or(loops.len());
    if joint && kernel.reductions.iter().any(|r| kernel.reads(r.buffer)) {
        return Err(err!(
            Unsupported,
            "kernel {}: a fold of complex numbers in a kernel that reads where it goes",
            kernel.name
        ));
    }
    let nothing = (joint || in_order) && loops[folded..].iter().any(|l| l.extent == 0);
    if nothing {
        loops.truncate(folded);
    }
    let mut b = KernelBuilder::new(kernel.name.clone(), loops);
    b.order(kernel.order);
    for BufferType { dtype, len } in &kernel.buffers {
        b.buffer(dtype.part(), if dtype.is_complex() { 2 * len } else { *len });
    }
    let mut split = Splitter { kernel, types, folded, b, values: Vec::new() };
    if nothing {
        split.identities();
        return Ok(Split { main: split.b.finish(), folds: None });
    }
    for n in 0..kernel.nodes.len() {
        let value = split.node(n);
        split.values.push(value);
    }
    kernel.stores.iter().for_each(|s| split.store(s));
    let mut accumulators = Vec::new();
    let mut temporaries = Vec::new();
    for r in &kernel.reductions {
        if joint || in_order {
            temporaries.push(split.fold_in_order(r));
        } else {
            split.reduce(r, &mut accumulators);
        }
    }
    if let Some(holds) = kernel.condition {
        let holds = split.one(holds);
        split.b.condition(holds);
    }
    let folds = (!temporaries.is_empty()).then(|| split.around(temporaries));
    let mut main = split.b.finish();
    for (r, accumulator) in main.reductions.iter_mut().zip(accumulators) {
        r.accumulator = accumulator;
    }
    Ok(Split { main, folds })
}

fn dtype(kernel: &Kernel, buffer: BufferId) -> DType {
    kernel.buffers[buffer.0 as usize].dtype
}

/// The position of part `part` of the element at `at`.
fn part_at(at: &Affine, part: i64) -> Affine {
    at.scale(2).add(&Affine::constant(part))
}

struct Splitter<'a> {
    kernel: &'a Kernel,
    types: Vec<DType>,
    /// The number of the first reduce loop.
    folded: usize,
    b: KernelBuilder,
    values: Vec<Value>,
}

impl Splitter<'_> {
    fn value(&self, id: NodeId) -> Value {
        self.values[id.0 as usize]
    }

    /// The replacement of a real node.
    fn one(&self, id: NodeId) -> NodeId {
        match self.value(id) {
            Value::One(x) | Value::Pair([x, _]) => x,
        }
    }

    /// The replacements of a complex node.
    fn pair(&self, id: NodeId) -> [NodeId; 2] {
        match self.value(id) {
            Value::One(x) => [x, x],
            Value::Pair(z) => z,
        }
    }

    fn constant(&mut self, value: Scalar) -> Value {
        match value.parts() {
            None => Value::One(self.b.constant(value)),
            Some((re, im)) => Value::Pair([self.b.constant(re), self.b.constant(im)]),
        }
    }

    fn int(&mut self, value: i64) -> NodeId {
        self.b.constant(Scalar::from(value))
    }

    fn load(&mut self, buffer: BufferId, at: &Affine, guard: &[Range], fill: Scalar) -> Value {
        let mut load = |at, fill| self.b.load_guarded(buffer, at, guard.iter().cloned(), fill);
        match fill.parts() {
            None => Value::One(load(at.clone(), fill)),
            Some((re, im)) => Value::Pair([load(part_at(at, 0), re), load(part_at(at, 1), im)]),
        }
    }

    /// The element at the nearest position of the buffer.
    fn gather(&mut self, buffer: BufferId, at: NodeId) -> Value {
        if !dtype(self.kernel, buffer).is_complex() {
            return Value::One(self.b.gather(buffer, at));
        }
        let last = self.kernel.buffers[buffer.0 as usize].len as i64 - 1;
        let re = self.clamped_twice(at, 0, last.max(0));
        let one = self.int(1);
        let im = self.b.op(ScalarOp::Add, &[re, one]);
        Value::Pair([self.b.gather(buffer, re), self.b.gather(buffer, im)])
    }

    /// `2 clamp(at, low, high)`
    fn clamped_twice(&mut self, at: NodeId, low: i64, high: i64) -> NodeId {
        let (low, high, two) = (self.int(low), self.int(high), self.int(2));
        let at = self.b.op(ScalarOp::Max, &[at, low]);
        let at = self.b.op(ScalarOp::Min, &[at, high]);
        self.b.op(ScalarOp::Mul, &[at, two])
    }

    fn node(&mut self, n: usize) -> Value {
        match &self.kernel.nodes[n] {
            Node::Constant(value) => self.constant(*value),
            Node::Counter(l) => Value::One(self.b.counter(*l)),
            Node::Load { buffer, at, guard, fill } => self.load(*buffer, at, guard, *fill),
            Node::Gather { buffer, at } => {
                let at = self.one(*at);
                self.gather(*buffer, at)
            }
            Node::Op { op, args } => self.op(*op, args),
        }
    }

    fn op(&mut self, op: ScalarOp, args: &[NodeId]) -> Value {
        let is_complex = |a: &NodeId| self.types[a.0 as usize].is_complex();
        if args.iter().any(is_complex) {
            return self.on_complex(op, args);
        }
        match op {
            ScalarOp::Complex => Value::Pair([self.one(args[0]), self.one(args[1])]),
            ScalarOp::Convert(to) if to.is_complex() => {
                let x = self.one(args[0]);
                let re = self.b.convert(x, to.part());
                Value::Pair([re, self.b.constant(Scalar::zero(to.part()))])
            }
            _ => {
                let args: SmallVec<[NodeId; 3]> = args.iter().map(|a| self.one(*a)).collect();
                Value::One(self.b.op(op, &args))
            }
        }
    }

    /// An op on complex operands: its formula on parts, or its definition.
    fn on_complex(&mut self, op: ScalarOp, args: &[NodeId]) -> Value {
        use MachineOp::*;
        if let ScalarOp::Select = op {
            let (p, x, y) = (self.one(args[0]), self.pair(args[1]), self.pair(args[2]));
            return Value::Pair([0, 1].map(|i| self.b.op(op, &[p, x[i], y[i]])));
        }
        let pairs: SmallVec<[[NodeId; 2]; 2]> = args.iter().map(|a| self.pair(*a)).collect();
        let b = &mut self.b;
        let machine = match op.machine() {
            Some(machine) if op.level_on(DType::C128) == Level::Machine => machine,
            _ => {
                return match complex::define(op, b, &pairs) {
                    Parts::Real(x) => Value::One(x),
                    Parts::Complex(z) => Value::Pair(z),
                };
            }
        };
        let (x, y) = (pairs[0], pairs[pairs.len() - 1]);
        match machine {
            Real => Value::One(x[0]),
            Imag => Value::One(x[1]),
            Neg => Value::Pair(x.map(|x| b.op(op, &[x]))),
            Add | Sub => Value::Pair([0, 1].map(|i| b.op(op, &[x[i], y[i]]))),
            Mul | Max | Min => Value::Pair(folded(b, op, x, y)),
            Eq | Ne => {
                let [re, im] = [0, 1].map(|i| b.op(op, &[x[i], y[i]]));
                let join = if machine == Eq { ScalarOp::And } else { ScalarOp::Or };
                Value::One(b.op(join, &[re, im]))
            }
            Convert(DType::Bool) => {
                let [re, im] = x.map(|x| b.convert(x, DType::Bool));
                Value::One(b.op(ScalarOp::Or, &[re, im]))
            }
            Convert(to) if to.is_complex() => Value::Pair(x.map(|x| b.convert(x, to.part()))),
            Convert(to) => Value::One(b.convert(x[0], to)),
            Abs | Sqrt | Div | Select | Not | Floor | Ceil | Trunc | RoundEven | PopCount | Clz
            | Rem | And | Or | Xor | Shl | ShrLogical | ShrArithmetic | MulHi | FarSin | FarCos
            | FarTan | Lt | Le | Gt | Ge | Fma | Bitcast(_) | Complex => {
                unreachable!("{op:?} has no formula on the parts of complex numbers")
            }
        }
    }

    fn store(&mut self, store: &Store) {
        let Store { buffer, at, offset, combine, value } = store;
        let Value::Pair(mut parts) = self.value(*value) else {
            let (value, offset) = (self.one(*value), offset.map(|o| self.one(o)));
            return self.b.store(Store { value, offset, ..store.clone() });
        };
        let len = self.kernel.buffers[buffer.0 as usize].len as i64;
        let offset = offset.map(|o| self.one(o));
        let mut combine = *combine;
        if let Some(fold) = combine.filter(|c| c.of_whole_numbers()) {
            let old = match offset {
                None => self.load(*buffer, at, &[], Scalar::zero(dtype(self.kernel, *buffer))),
                Some(offset) => {
                    let at = self.b.affine(at);
                    let at = self.b.op(ScalarOp::Add, &[at, offset]);
                    self.gather(*buffer, at)
                }
            };
            if let Value::Pair(old) = old {
                parts = folded(&mut self.b, fold.op(), old, parts);
            }
            combine = None;
        }
        // The offset is clamped, so that doubling it does not wrap back into the buffer.
        let offset = offset.map(|o| {
            let (low, high) = at.range(&self.kernel.extents()).unwrap_or((0, 0));
            self.clamped_twice(o, -high - 1, len - low)
        });
        for (part, value) in parts.into_iter().enumerate() {
            let at = part_at(at, part as i64);
            self.b.store(Store { buffer: *buffer, at, offset, combine, value });
        }
    }

    fn reduce(&mut self, r: &Reduction, accumulators: &mut Vec<DType>) {
        match self.value(r.value) {
            Value::One(value) => self.b.reduce(r.buffer, r.at.clone(), r.combine, value),
            Value::Pair(parts) => {
                for (part, value) in parts.into_iter().enumerate() {
                    self.b.reduce(r.buffer, part_at(&r.at, part as i64), r.combine, value);
                }
                accumulators.push(r.accumulator.part());
            }
        }
        accumulators.push(r.accumulator.part());
    }

    /// One element for each point of the outer loops.
    fn dense(&self) -> Affine {
        let extents = &self.kernel.extents()[..self.folded];
        let stride = |n: usize| extents[n + 1..].iter().product::<usize>() as i64;
        Affine::new(0, (0..extents.len()).map(stride))
    }

    /// A reduction whose loops run in order, into a temporary buffer of its own, in the type of the
    /// accumulator.
    fn fold_in_order(&mut self, r: &Reduction) -> BufferType {
        let to = r.accumulator;
        let points: usize = self.kernel.extents()[..self.folded].iter().product();
        let len = if to.is_complex() { 2 * points } else { points };
        let (temporary, at) = (self.b.buffer(to.part(), len), self.dense());
        let old = self.load(temporary, &at, &[], Scalar::zero(to));
        let value = self.value(r.value);
        let value = converted(&mut self.b, value, to);
        let new = match (old, value) {
            (Value::Pair(old), Value::Pair(new)) => {
                Value::Pair(folded(&mut self.b, r.combine.op(), old, new))
            }
            (Value::One(old) | Value::Pair([old, _]), Value::One(new) | Value::Pair([new, _])) => {
                Value::One(self.b.op(r.combine.op(), &[old, new]))
            }
        };
        store(&mut self.b, temporary, &at, new);
        BufferType { dtype: to.part(), len }
    }

    /// The kernel that fills the temporaries of folds with identities, and the one that copies the
    /// results to their destinations.
    fn around(&self, temporaries: Vec<BufferType>) -> Folds {
        let outer = |what: &str| {
            let loops = self.kernel.loops[..self.folded].iter().copied();
            let mut b = KernelBuilder::new(format!("{}_{what}", self.kernel.name), loops);
            for BufferType { dtype, len } in &self.kernel.buffers {
                b.buffer(dtype.part(), if dtype.is_complex() { 2 * len } else { *len });
            }
            for BufferType { dtype, len } in &temporaries {
                b.buffer(*dtype, *len);
            }
            Splitter { b, types: Vec::new(), values: Vec::new(), ..*self }
        };
        let temporary = |n: usize| BufferId((self.kernel.buffers.len() + n) as u32);
        let (mut before, mut after) = (outer("before"), outer("after"));
        for (n, r) in self.kernel.reductions.iter().enumerate() {
            let one = before.constant(r.combine.identity(r.accumulator));
            store(&mut before.b, temporary(n), &self.dense(), one);
            let fill = Scalar::zero(r.accumulator);
            let folded = after.load(temporary(n), &self.dense(), &[], fill);
            let folded = converted(&mut after.b, folded, dtype(self.kernel, r.buffer));
            store(&mut after.b, r.buffer, &r.at, folded);
        }
        Folds { before: before.b.finish(), after: after.b.finish(), temporaries }
    }

    /// Stores the identities, for reductions over no points.
    fn identities(&mut self) {
        for r in &self.kernel.reductions {
            let identity = self.constant(r.combine.identity(dtype(self.kernel, r.buffer)));
            store(&mut self.b, r.buffer, &r.at, identity);
        }
    }
}

/// The parts in the types of the parts of `to`.
fn converted(b: &mut KernelBuilder, value: Value, to: DType) -> Value {
    match value {
        Value::One(x) => Value::One(b.convert(x, to.part())),
        Value::Pair(parts) => Value::Pair(parts.map(|x| b.convert(x, to.part()))),
    }
}

fn store(b: &mut KernelBuilder, buffer: BufferId, at: &Affine, value: Value) {
    match value {
        Value::One(value) => b.store_at(buffer, at.clone(), value),
        Value::Pair([re, im]) => {
            b.store_at(buffer, part_at(at, 0), re);
            b.store_at(buffer, part_at(at, 1), im);
        }
    }
}

/// Two complex numbers folded into one: a sum, a product, an extreme.
fn folded(b: &mut KernelBuilder, op: ScalarOp, x: [NodeId; 2], y: [NodeId; 2]) -> [NodeId; 2] {
    match op {
        ScalarOp::Mul => product(b, x, y),
        ScalarOp::Max | ScalarOp::Min => extreme(b, op, x, y),
        _ => [0, 1].map(|i| b.op(op, &[x[i], y[i]])),
    }
}

/// `x` where it is beyond `y` by its real part or, those being equal, by its imaginary one; else
/// `y`.
fn extreme(b: &mut KernelBuilder, op: ScalarOp, x: [NodeId; 2], y: [NodeId; 2]) -> [NodeId; 2] {
    let beyond = if op == ScalarOp::Max { ScalarOp::Gt } else { ScalarOp::Lt };
    let [by_re, by_im] = [0, 1].map(|i| b.op(beyond, &[x[i], y[i]]));
    let same = b.op(ScalarOp::Eq, &[x[0], y[0]]);
    let by_im = b.op(ScalarOp::And, &[same, by_im]);
    let first = b.op(ScalarOp::Or, &[by_re, by_im]);
    [0, 1].map(|i| b.op(ScalarOp::Select, &[first, x[i], y[i]]))
}

/// `(a + b i) (c + d i)`
fn product(b: &mut KernelBuilder, x: [NodeId; 2], y: [NodeId; 2]) -> [NodeId; 2] {
    let mut times = |i: usize, j: usize| b.op(ScalarOp::Mul, &[x[i], y[j]]);
    let (rr, ii, ri, ir) = (times(0, 0), times(1, 1), times(0, 1), times(1, 0));
    [b.op(ScalarOp::Sub, &[rr, ii]), b.op(ScalarOp::Add, &[ri, ir])]
}
