//! The order of a kernel's loops and the choice of the loop to vectorise.
//!
//! If the kernel's order of combination has lanes, the vector loop is the innermost reduce loop,
//! with exactly these lanes. Otherwise it is a parallel loop, and parallel loops are reordered so
//! that it is the innermost of them. Reduce loops keep their order, which is part of the meaning. A
//! sequential loop inside of parallel ones stays innermost: each register of lanes runs through all
//! of it.
//!
//! Choices depend on the kernel and the width of vectors, never on the machine's load or thread
//! count. The costs that
//! they compare live in `cost`; passes that do not depend on the device live in
//! `cotangent_jit::prepare`.

use crate::plan::calls;
use crate::plan::carries::{self, has_carry_loop};
use crate::plan::cost::{cost, group, least_width, of_loop, width};
use crate::plan::lanes::Vectors;
use crate::plan::loops::few_points;
use crate::plan::steps::steps;
use cotangent_jit::affine::Affine;
use cotangent_jit::build::live_nodes;
use cotangent_jit::kernel::{Kernel, Mode, Node, NodeId, Store};
use cotangent_jit::op::Level;
use cotangent_jit::prepare::loops::{self, choose_loops, dependence};
use cotangent_jit::{DType, Error, err};

/// A part of a longer loop, if the parts together are longer than that loop. It has
/// `min(extent, total - start)` points, or none if that is negative; `start` is affine in the
/// counters of the loops outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    pub inner: usize,
    pub start: Affine,
    pub total: usize,
}

/// A kernel ready for emission: its loops are in emission order.
#[derive(Clone, Debug)]
pub struct Nest {
    pub kernel: Kernel,
    /// The number of leading loops that are not reduce loops.
    pub outer: usize,
    /// The vector loop and its number of lanes. Where lanes fold points of one result, the loop is
    /// the innermost reduce loop, and the lanes are those of the kernel's order.
    pub vector: Option<(usize, usize)>,
    /// The lanes of the vector loop that are computed at once.
    pub group: usize,
    /// True if the partial results of all lanes stay in registers while whole rounds of them are
    /// folded.
    pub held: bool,
    pub clips: Vec<Clip>,
    /// The block of a tile: an innermost parallel loop inside of the vector loop (see `tiles`).
    pub tile: Option<usize>,
    /// The loop that threads share, if any.
    pub split: Option<usize>,
    /// True if parts of the split loop may end anywhere, not only at multiples of the vector loop's
    /// lanes.
    pub ragged: bool,
    /// True if all loops are emitted point by point, with counters known.
    pub unrolled: bool,
    /// True if elementary functions are called, see `calls`.
    pub calls: bool,
    /// True if reductions start from the contents of their results instead of the identity.
    pub accumulate: bool,
    pub types: Vec<DType>,
    /// True if a store or reduction depends on a node.
    pub live: Vec<bool>,
    /// The number of loops that must be open to compute a node.
    pub level: Vec<usize>,
    /// True if a node differs between the lanes of the vector loop.
    pub varies: Vec<bool>,
    /// The step of a position from lane to lane; `None` if it is not constant (see `steps`).
    pub steps: Vec<Option<i64>>,
}

/// Beyond this many nodes in all, kernels of few points keep their loops.
const UNROLLED_NODES: usize = 400;
/// The number of nodes that an elementary function counts for if it is not called.
const ELEMENTARY: usize = 30;
/// The assumed number of iterations of a loop that has a condition.
const ROUNDS: f64 = 8.0;
/// The most values that are live at once in a sequential loop of lanes.
const MOST_LIVE_VALUES: usize = 400;

impl Nest {
    /// Normalises an expanded kernel, for loops of these vectors.
    pub fn new(kernel: &Kernel, vectors: Vectors) -> Result<Nest, Error> {
        let mut k = loops::simplify(kernel);
        if k.loops.len() > 60 {
            return Err(err!(Unsupported, "cpu: {} loops in one kernel", k.loops.len()));
        }
        let vector = Nest::arrange(&mut k, vectors)?;
        Nest::finish(k, vector)
    }

    /// Moves the loop to vectorise innermost among its mode. Returns it with its number of lanes.
    fn arrange(k: &mut Kernel, vectors: Vectors) -> Result<Option<(usize, usize)>, Error> {
        let types = types_of(k)?;
        let live = live_nodes(k);
        let bits = dependence(k);
        if k.loops.iter().any(|l| l.extent == 0) || few_points(k) {
            return Ok(None);
        }
        if let (true, Some(v)) = (k.order.lanes > 1, k.innermost_reduce()) {
            let lanes = k.order.lanes;
            return Ok(group(k, &types, &live, &bits, v, lanes).map(|_| (v, lanes)));
        }
        if has_carry_loop(k) {
            return Ok(lanes_around_carry_loop(k, &types, &live, &bits, vectors));
        }
        if k.loops.iter().any(|l| l.mode == Mode::Sequential) {
            return Ok(sequential_lanes(k, &types, &live, &bits, vectors));
        }
        let mut best: Option<(f64, usize, bool, usize)> = None;
        let may_move = |v: &usize| k.reductions.is_empty() || k.loops[*v].mode == Mode::Parallel;
        for v in (0..k.loops.len()).filter(may_move) {
            let costs = cost(k, &types, &live, &bits, v, vectors);
            let lanes = width(k, &types, &live, &bits, v);
            let least = least_width(k, &types, &live, &bits, v);
            let extent = k.loops[v].extent;
            let lanes = if extent < lanes { least } else { lanes };
            let (c, pays) = of_loop(costs, extent, lanes, least, vectors);
            if best.is_none_or(|(least, ..)| c <= least) {
                best = Some((c, v, pays, lanes));
            }
        }
        let Some((_, v, pays, lanes)) = best else { return Ok(None) };
        let mode = k.loops[v].mode;
        let mut order: Vec<usize> = Vec::new();
        for kind in [Mode::Parallel, Mode::Reduce] {
            order.extend((0..k.loops.len()).filter(|n| k.loops[*n].mode == kind && *n != v));
            if mode == kind {
                order.push(v);
            }
        }
        choose_loops(k, &order);
        let at = order.iter().position(|n| *n == v).unwrap_or(0);
        Ok(pays.then_some((at, lanes)))
    }

    /// The nest of a kernel whose loops are in emission order: computes the facts about nodes that
    /// emission needs.
    pub fn finish(kernel: Kernel, vector: Option<(usize, usize)>) -> Result<Nest, Error> {
        let types = types_of(&kernel)?;
        let live = live_nodes(&kernel);
        let bits = dependence(&kernel);
        let level = bits.iter().map(|m| 64 - m.leading_zeros() as usize).collect();
        let varies = bits.iter().map(|m| vector.is_some_and(|(v, _)| m >> v & 1 == 1)).collect();
        let outer = kernel.loops.iter().take_while(|l| l.mode != Mode::Reduce).count();
        let steps = match vector {
            Some((v, _)) => steps(&kernel, &types, &bits, v),
            None => vec![Some(0); types.len()],
        };
        let points: usize = kernel.loops.iter().map(|l| l.extent.max(1)).product();
        let unrolled =
            vector.is_none() && few_points(&kernel) && points * types.len() <= UNROLLED_NODES;
        let unrolled = unrolled && kernel.condition.is_none();
        let split = if unrolled { None } else { split(&kernel) };
        let (clips, accumulate) = (Vec::new(), false);
        let (group, held) = match vector {
            Some((v, lanes)) if deals(&kernel) => group(&kernel, &types, &live, &bits, v, lanes)
                .ok_or_else(|| err!(Compile, "cpu: {lanes} lanes fill no register"))?,
            Some((_, lanes)) => (lanes, false),
            None => (1, false),
        };
        Ok(Nest {
            calls: calls::calls(&kernel),
            kernel,
            outer,
            vector,
            group,
            held,
            clips,
            tile: None,
            split,
            ragged: false,
            unrolled,
            accumulate,
            types,
            live,
            level,
            varies,
            steps,
        })
    }

    pub fn dtype(&self, n: NodeId) -> DType {
        self.types[n.0 as usize]
    }

    /// The number of nodes that code is generated for.
    pub fn size(&self) -> usize {
        // An elementary function that is expanded in place has two definitions.
        let weight = if self.calls { 1 } else { ELEMENTARY };
        let node = |node: &Node| match node {
            Node::Op { op, .. } if op.level() == Level::Elementary => weight,
            _ => 1,
        };
        let nodes = self.kernel.nodes.iter().zip(&self.live).filter(|(_, live)| **live);
        nodes.map(|(n, _)| node(n)).sum::<usize>()
            + self.kernel.stores.len()
            + self.kernel.reductions.len()
    }

    /// The estimated time of a run on one thread, from the kernel alone.
    pub fn nanoseconds(&self) -> f64 {
        let per_node = if self.vector.is_some() { 0.03 } else { 0.25 };
        let inner = self.kernel.loops.len();
        let nodes = (0..self.types.len()).filter(|n| self.live[*n] && self.level[*n] == inner);
        let body = nodes.count() + self.kernel.stores.len() + 2 * self.kernel.reductions.len();
        let points = self.kernel.points() as f64;
        // A loop with a condition is assumed to be short.
        let rounds = self.kernel.loops.last().filter(|_| self.kernel.condition.is_some());
        let rounds = rounds.map_or(1.0, |l| (l.extent as f64 / ROUNDS).max(1.0));
        body.max(2) as f64 * per_node * points / rounds
    }

    /// The number of partial results among which the innermost reduce loop deals its points, if
    /// there are several.
    pub fn lanes(&self) -> Option<usize> {
        deals(&self.kernel).then_some(self.kernel.order.lanes)
    }

    pub fn empty(&self) -> bool {
        self.kernel.loops[..self.outer].iter().any(|l| l.extent == 0)
    }
}

/// The vector loop of a kernel whose innermost loop is sequential. Each value gets several
/// registers, so that one computes while another waits. The loop along which most accesses are
/// contiguous becomes the innermost parallel one.
fn lanes_around_carry_loop(
    k: &mut Kernel,
    types: &[DType],
    live: &[bool],
    bits: &[u64],
    vectors: Vectors,
) -> Option<(usize, usize)> {
    let inner = k.loops.len() - 1;
    let apart = |at: &Affine, v: usize| at.stride(inner) != 0 && !(0..=1).contains(&at.stride(v));
    let strided = |v: usize| {
        let loads = k.nodes.iter().filter(|n| matches!(n, Node::Load { at, .. } if apart(at, v)));
        loads.count() + k.stores.iter().filter(|s| apart(&s.at, v)).count()
    };
    let width = |v: usize| least_width(k, types, live, bits, v);
    let v = (0..inner)
        .filter(|v| k.loops[*v].extent >= width(*v))
        .min_by_key(|v| (strided(*v), inner - v))?;
    let (vector_cost, scalar_cost) = cost(k, types, live, bits, v, vectors);
    // A short body waits for its own results; a long body has enough independent work, and too few
    // registers.
    let body = (0..types.len()).filter(|n| live[*n] && bits[*n] >> v & 1 == 1).count();
    let fewest = width(v);
    let registers = [4, 2].into_iter().find(|r| body * r <= MOST_LIVE_VALUES).unwrap_or(1);
    let lanes = fewest * registers;
    let lanes = if k.loops[v].extent < lanes { fewest } else { lanes };
    let order: Vec<usize> = (0..inner).filter(|n| *n != v).chain([v, inner]).collect();
    choose_loops(k, &order);
    // An ended lane keeps its carries. Other stores could not be suppressed for single lanes.
    let kept = k.condition.is_none() || carries::holds_all(k, live);
    (kept && vector_cost < scalar_cost).then_some((inner - 1, lanes))
}

/// The vector loop of a sequential kernel: its last loop, if the stores are contiguous along it and
/// the kernel does not read what it writes.
fn sequential_lanes(
    k: &Kernel,
    types: &[DType],
    live: &[bool],
    bits: &[u64],
    vectors: Vectors,
) -> Option<(usize, usize)> {
    let v = k.loops.len().checked_sub(1)?;
    let steps = steps(k, types, bits, v);
    let beside = |s: &Store| {
        let step = s.offset.map_or(Some(0), |o| steps[o.0 as usize]);
        step.is_some_and(|step| step + s.at.stride(v) == 1)
            && (s.offset.is_some() || s.combine.is_none())
    };
    let reads_own = (k.nodes.iter().enumerate()).any(|(n, node)| match node {
        Node::Load { buffer, .. } | Node::Gather { buffer, .. } => live[n] && k.writes(*buffer),
        _ => false,
    });
    let one_each = (k.stores.iter().enumerate())
        .all(|(n, s)| k.stores[..n].iter().all(|t| t.buffer != s.buffer));
    let (vector_cost, scalar_cost) = cost(k, types, live, bits, v, vectors);
    let lanes = least_width(k, types, live, bits, v);
    let fits = k.stores.iter().all(beside) && !reads_own && one_each && k.reductions.is_empty();
    (fits && k.loops[v].extent >= lanes && vector_cost < scalar_cost).then_some((v, lanes))
}

/// The loop for threads to share: the outermost parallel loop that is long enough, else the
/// longest; none in a sequential kernel.
fn split(k: &Kernel) -> Option<usize> {
    if !has_carry_loop(k) && k.loops.iter().any(|l| l.mode == Mode::Sequential) {
        return None;
    }
    let all = || (0..k.loops.len()).filter(|n| k.loops[*n].mode == Mode::Parallel);
    all()
        .find(|n| k.loops[*n].extent >= 64)
        .or_else(|| all().max_by_key(|n| (k.loops[*n].extent, k.loops.len() - n)))
}

/// Returns whether the innermost reduce loop deals its points among several lanes.
fn deals(k: &Kernel) -> bool {
    k.order.lanes > 1 && !k.reductions.is_empty()
}

fn types_of(k: &Kernel) -> Result<Vec<DType>, Error> {
    let types = k
        .node_types()
        .ok_or_else(|| err!(Verify, "kernel {}: an op does not take its operands", k.name))?;
    for d in types.iter().chain(k.buffers.iter().map(|b| &b.dtype)) {
        if !d.runs() {
            return Err(err!(Unsupported, "cpu: values of type {d} do not run yet"));
        }
    }
    Ok(types)
}
