//! Scatters as a stage of places and a routine: kernels that run in order and store at computed
//! offsets.
//!
//! ```text
//! for n in order { y[offset(n)] += value(n) }
//!     -->  for n parallel { place[n] = offset(n) };  for n in order { y[place[n]] += value[n] }
//! ```
//! The places are computed in lanes and by threads, and the routine does nothing but combine. Inner
//! loops along which the offset advances by one become rows of the routine, which have one place.
//! Values that do not lie in memory row by row are computed by the first stage as well.
//!
//! The routine lives in `run::routines::scatter`, the choice of the order in
//! `cotangent_jit::order`.

use crate::plan::lanes::Vectors;
use crate::plan::loops::parallel;
use crate::plan::nest::Nest;
use crate::plan::relooped::{push, relooped};
use crate::plan::stages::{Source, Stage};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{
    BufferId, BufferType, Combine, Cut, Kernel, Loop, Node, NodeId, Order, Store,
};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::prepare::loops::dependence;
use cotangent_jit::{DType, Error, Scalar, err};

/// The routine's part of a scatter.
pub struct Scatter {
    pub dtype: DType,
    pub combine: Option<Combine>,
    /// The number of updates, and the neighbouring elements of an update.
    pub rows: usize,
    pub width: usize,
    /// The number of elements.
    pub len: usize,
    /// Lanes, and updates per chunk, if updates combine in copies of the elements.
    pub copies: Option<(usize, usize)>,
    /// The elements, places, values and copies, each with a distance in elements.
    pub sources: [(Source, i64); 4],
}

/// The stages before the routine, their scratch bytes, and the routine.
pub type Scattering = (Vec<Stage>, usize, Scatter);

/// Points from which a scatter that need not be one becomes a routine.
const LEAST_POINTS: usize = 1 << 13;
/// The distance below which an update that is dropped lies from the first element.
const DROPPED: i64 = i64::MIN / 4;

/// The scatter of an expanded kernel, if it is one and worth it.
pub fn scattering(k: &Kernel, vectors: Vectors) -> Result<Option<Scattering>, Error> {
    let Some(store) = k.scatter() else { return Ok(None) };
    let BufferType { dtype, len } = k.buffers[store.buffer.0 as usize];
    let chosen = k.order != Order::SEQUENTIAL;
    let takes = store.combine.is_none_or(|c| c.takes_copies(dtype));
    let nothing = k.points() == 0 || len == 0;
    if nothing || !takes || !chosen && k.points() < LEAST_POINTS {
        return if chosen && !nothing {
            Err(err!(Unsupported, "cpu: a scatter of {dtype} in copies"))
        } else {
            Ok(None)
        };
    }
    let (outer, drops) = rows(k, store);
    let width: usize = k.loops[outer..].iter().map(|l| l.extent).product();
    let span = len as i128 + width as i128 + reach(&store.at, k);
    if span >= i128::from(i32::MAX) || k.loops.len() > 60 {
        let e = || err!(Unsupported, "cpu: a scatter over {span} places");
        return if chosen { Err(e()) } else { Ok(None) };
    }
    let rows: usize = k.loops[..outer].iter().map(|l| l.extent).product();
    let mut s = Split { k: k.clone(), scratch: Vec::new(), bytes: 0, vectors };
    let places = s.temporary(DType::I32, rows);
    let place = s.places(store, outer, width, drops, places);
    let mut stages = Vec::new();
    let values = match in_memory(k, store) {
        Some((buffer, offset)) => {
            stages.push(place);
            (Source::Argument(buffer.0 as usize), offset)
        }
        None => {
            let values = s.temporary(dtype, rows * width);
            stages.push(place);
            stages.push(s.values(values));
            (s.source(values), 0)
        }
    };
    let copies = chosen.then(|| copies(k, outer));
    let accumulator = store.combine.map_or(dtype, |c| c.accumulator(dtype));
    let chunks = copies.map_or(0, |(_, length)| rows.div_ceil(length));
    let memory = s.temporary(accumulator, chunks * len);
    let elements = Source::Argument(store.buffer.0 as usize);
    let sources = [(elements, 0), (s.source(places), 0), values, (s.source(memory), 0)];
    let stages = stages.into_iter().map(|k| s.stage(k)).collect::<Result<_, Error>>()?;
    let combine = store.combine;
    Ok(Some((stages, s.bytes, Scatter { dtype, combine, rows, width, len, copies, sources })))
}

/// Lanes, and updates per chunk.
fn copies(k: &Kernel, outer: usize) -> (usize, usize) {
    let per_step: usize = k.loops[1..outer].iter().map(|l| l.extent).product();
    let steps = k.order.cut.map_or(k.loops[0].extent, |Cut { length, .. }| length);
    (k.order.lanes, steps * per_step)
}

/// How far the affine part of the store's position reaches from zero.
fn reach(at: &Affine, k: &Kernel) -> i128 {
    let (low, high) = at.range(&k.extents()).unwrap_or((0, 0));
    i128::from(low.unsigned_abs().max(high.unsigned_abs())) + i128::from(high.abs_diff(low))
}

/// The number of loops outside of rows, at least one: along the other loops the position advances
/// as if they were one loop, by one. With it, the offset's operand for updates that are not dropped
/// as a whole.
fn rows(k: &Kernel, store: &Store) -> (usize, Option<NodeId>) {
    let bits = dependence(k);
    let Some(offset) = store.offset else { return (k.loops.len(), None) };
    let (mut outer, mut width) = (k.loops.len(), 1i64);
    let mut drops = None;
    while outer > 1 {
        let n = outer - 1;
        let kept = match k.node(offset) {
            Node::Op { op: ScalarOp::Select, args } if bits[args[0].0 as usize] >> n & 1 == 0 => {
                let (_, high) = store.at.range(&k.extents()).unwrap_or((0, 0));
                match k.node(args[2]) {
                    Node::Constant(c) if c.to_i64().is_some_and(|c| c + high < 0) => Some(args[1]),
                    _ => None,
                }
            }
            _ => None,
        };
        let step = advance(k, &bits, kept.unwrap_or(offset), n, &mut 50);
        if step.and_then(|s| s.checked_add(store.at.stride(n))) != Some(width) {
            break;
        }
        (drops, width, outer) = (kept, width * k.loops[n].extent as i64, n);
    }
    (outer, drops)
}

/// The step of a position per point of loop `n`; `None` if it is not constant, or if the position
/// is a tree of more than `room` ops.
fn advance(k: &Kernel, bits: &[u64], at: NodeId, n: usize, room: &mut u32) -> Option<i64> {
    if bits[at.0 as usize] >> n & 1 == 0 {
        return Some(0);
    }
    *room = room.checked_sub(1)?;
    let constant = |id: NodeId| match k.node(id) {
        Node::Constant(c) => c.to_i64(),
        _ => None,
    };
    match k.node(at) {
        Node::Counter(_) => Some(1),
        Node::Op { op, args } => {
            let (x, y) = (args[0], args[args.len() - 1]);
            let mut step = |id| advance(k, bits, id, n, room);
            match op {
                ScalarOp::Add => step(x)?.checked_add(step(y)?),
                ScalarOp::Sub => step(x)?.checked_sub(step(y)?),
                ScalarOp::Mul => match (constant(x), constant(y)) {
                    (_, Some(c)) => step(x)?.checked_mul(c),
                    (Some(c), _) => step(y)?.checked_mul(c),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}

/// The buffer in which the values of all updates lie one after the other, and the distance of the
/// first.
fn in_memory(k: &Kernel, store: &Store) -> Option<(BufferId, i64)> {
    let Node::Load { buffer, at, guard, .. } = k.node(store.value) else { return None };
    let dense = dense(&k.loops);
    let fits = |n: usize| k.loops[n].extent == 1 || at.stride(n) == dense.stride(n);
    (guard.is_empty() && (0..k.loops.len()).all(fits)).then_some((*buffer, at.offset))
}

fn dense(loops: &[Loop]) -> Affine {
    let stride = |n: usize| loops[n + 1..].iter().map(|l| l.extent as i64).product();
    Affine::new(0, (0..loops.len()).map(stride))
}

/// The kernel, and the temporaries that its parts share.
struct Split {
    k: Kernel,
    scratch: Vec<usize>,
    bytes: usize,
    /// The vectors of the processor.
    vectors: Vectors,
}

impl Split {
    fn temporary(&mut self, dtype: DType, len: usize) -> BufferId {
        self.k.buffers.push(BufferType { dtype, len });
        self.scratch.push(self.bytes);
        self.bytes += (len * dtype.size()).next_multiple_of(64);
        BufferId(self.k.buffers.len() as u32 - 1)
    }

    fn source(&self, buffer: BufferId) -> Source {
        let own = self.k.buffers.len() - self.scratch.len();
        match (buffer.0 as usize).checked_sub(own) {
            Some(n) => Source::Scratch(self.scratch[n]),
            None => Source::Argument(buffer.0 as usize),
        }
    }

    fn stage(&self, mut kernel: Kernel) -> Result<Stage, Error> {
        kernel.buffers = self.k.buffers.clone();
        let sources = (0..kernel.buffers.len()).map(|n| self.source(BufferId(n as u32)));
        Ok(Stage { nest: Nest::new(&kernel, self.vectors)?, sources: sources.collect() })
    }

    /// The kernel over these first loops, all parallel; the counters of the others are zero.
    fn over(&self, outer: usize, what: &str) -> Kernel {
        let loops: Vec<Loop> = self.k.loops[..outer].iter().map(|l| parallel(l.extent)).collect();
        let counter = |n| if n < outer { Affine::counter(n) } else { Affine::default() };
        let counters: Vec<Affine> = (0..self.k.loops.len()).map(counter).collect();
        let k = relooped(&self.k, loops, &counters);
        Kernel { name: format!("{}_{what}", k.name), order: Order::SEQUENTIAL, ..k }
    }

    /// The kernel that computes the first place of every update.
    fn places(
        &self,
        store: &Store,
        outer: usize,
        width: usize,
        drops: Option<NodeId>,
        to: BufferId,
    ) -> Kernel {
        let mut k = self.over(outer, "places");
        let (at, mut offset) = (k.stores[0].at.clone(), k.stores[0].offset.unwrap_or(NodeId(0)));
        let int = |k: &mut Kernel, n: i64| push(&mut k.nodes, Node::Constant(Scalar::from(n)));
        let op = |k: &mut Kernel, op, args: &[NodeId]| {
            push(&mut k.nodes, Node::Op { op, args: args.iter().copied().collect() })
        };
        if drops.is_some()
            && let Node::Op { args, .. } = k.node(offset).clone()
        {
            let dropped = int(&mut k, DROPPED);
            offset = op(&mut k, ScalarOp::Select, &[args[0], args[1], dropped]);
        }
        // Offsets are clamped so far out that all of the row stays outside.
        let len = k.buffers[store.buffer.0 as usize].len as i64;
        let extents: Vec<usize> = k.loops.iter().map(|l| l.extent).collect();
        let (low, high) = at.range(&extents).unwrap_or((0, 0));
        let (least, most) = (int(&mut k, -high - width as i64), int(&mut k, len - low));
        let mut place = op(&mut k, ScalarOp::Max, &[offset, least]);
        place = op(&mut k, ScalarOp::Min, &[place, most]);
        for (n, stride) in at.strides.iter().enumerate().filter(|(_, s)| **s != 0) {
            let counter = push(&mut k.nodes, Node::Counter(n));
            let by = int(&mut k, *stride);
            let term = op(&mut k, ScalarOp::Mul, &[counter, by]);
            place = op(&mut k, ScalarOp::Add, &[place, term]);
        }
        if at.offset != 0 {
            let by = int(&mut k, at.offset);
            place = op(&mut k, ScalarOp::Add, &[place, by]);
        }
        let value = op(&mut k, ScalarOp::Convert(DType::I32), &[place]);
        let at = dense(&k.loops);
        k.stores = vec![Store { buffer: to, at, offset: None, combine: None, value }];
        k
    }

    /// The kernel that computes the values of all updates.
    fn values(&self, to: BufferId) -> Kernel {
        let mut k = self.over(self.k.loops.len(), "values");
        let value = k.stores[0].value;
        let at = dense(&k.loops);
        k.stores = vec![Store { buffer: to, at, offset: None, combine: None, value }];
        k
    }
}
