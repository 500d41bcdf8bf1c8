//! Stages of a kernel: long reductions are cut so that threads can share them and memory is read in
//! order. Where they are cut is a part of the kernel's meaning and is chosen in
//! `cotangent_jit::order`. The choice of the vector loop lives in `nest`.
//!
//! `before -> after`, where one stage becomes several nests that run one after the other:
//! - **folding chunks**: the reduce loop that the kernel's order cuts becomes a parallel loop over
//!   chunks and a reduce loop within each chunk. Partial results go to scratch memory, and a last
//!   small nest folds them in order.
//! - **streaming rows** (the vector loop is parallel: sums of columns): blocks of a few rows are
//!   folded in registers into partial results that stay in the first cache, so the operand is read
//!   row by row. Chunks of rows are folded as above.
//!
//! Partial results have the accumulator's type.

use crate::plan::lanes::Vectors;
use crate::plan::loops::parallel;
use crate::plan::nest::{Clip, Nest};
use crate::plan::relooped::{compose, push, relooped};
use crate::plan::shorts;
use crate::plan::tiles::tiled;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{
    BufferId, BufferType, Cut, Kernel, Loop, Mode, Node, Order, Reduction, Store,
};
use cotangent_jit::order::{BLOCK_ROWS, TILE};
use cotangent_jit::{Error, Scalar};
use smallvec::SmallVec;

/// The source of a stage's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The launch's nth view.
    Argument(usize),
    /// The launch's scratch memory, at this byte offset.
    Scratch(usize),
}

/// One nest of a kernel. Stages run one after the other.
#[derive(Clone, Debug)]
pub struct Stage {
    pub nest: Nest,
    pub sources: Vec<Source>,
}

/// Points from which on sums of columns are streamed.
const LEAST_POINTS: usize = 1 << 16;
/// Partial results of different chunks lie a multiple of this many apart: two cache lines of the
/// narrowest accumulators, since lines are fetched in pairs.
const APART: usize = 32;

/// The stages of an expanded kernel, for loops of these vectors, and the scratch bytes that they
/// need.
pub fn stages(kernel: &Kernel, vectors: Vectors) -> Result<(Vec<Stage>, usize), Error> {
    let nest = Nest::new(kernel, vectors)?;
    let k = &nest.kernel;
    let results: usize = k.loops[..nest.outer].iter().map(|l| l.extent).product();
    let streams = !k.reductions.is_empty()
        && k.loops.iter().all(|l| l.mode != Mode::Sequential)
        && k.points() >= LEAST_POINTS;
    let streamed = match nest.vector {
        Some((v, width)) if streams && v < nest.outer => stream_rows(&nest, v, width),
        _ => None,
    };
    let cut = k.order.cut.filter(|c| c.length < k.loops[c.of].extent);
    let plan = streamed.or_else(|| cut.map(|cut| fold_chunks(&nest, cut)));
    let own: Vec<Source> = (0..kernel.buffers.len()).map(Source::Argument).collect();
    match plan {
        None => {
            let nest = match tiled(&nest, vectors)? {
                Some(tiled) => tiled,
                None => shorts::inside(&nest)?.unwrap_or(nest),
            };
            Ok((vec![Stage { nest, sources: own }], 0))
        }
        Some(plan) => plan.stages(&nest, vectors, own, results),
    }
}

/// The new loops, and the counter of each old loop as an affine function of the new counters.
struct Plan {
    loops: Vec<Loop>,
    counters: Vec<Affine>,
    clips: Vec<Clip>,
    vector: Option<(usize, usize)>,
    split: usize,
    /// The new loop over chunks, and the number of chunks.
    chunk: usize,
    chunks: usize,
    accumulate: bool,
}

/// The plan of folding chunks side by side.
fn fold_chunks(nest: &Nest, Cut { of, length }: Cut) -> Plan {
    let loops = &nest.kernel.loops;
    let extent = loops[of].extent;
    let chunks = extent.div_ceil(length);
    let mut new = vec![parallel(chunks)];
    new.extend(loops.iter().copied());
    new[of + 1].extent = length;
    let mut counters: Vec<Affine> = (0..loops.len()).map(|n| Affine::counter(n + 1)).collect();
    let start = Affine::new(0, [length as i64]);
    counters[of] = counters[of].add(&start);
    Plan {
        loops: new,
        counters,
        clips: clips(&[(of + 1, start, extent, chunks * length)]),
        vector: nest.vector.map(|(v, width)| (v + 1, width)),
        split: 0,
        chunk: 0,
        chunks,
        accumulate: false,
    }
}

/// The plan of streaming rows. Its loops are, from outside in: the other parallel loops, chunks,
/// tiles of columns, blocks of rows, columns, rows.
fn stream_rows(nest: &Nest, v: usize, width: usize) -> Option<Plan> {
    let loops = &nest.kernel.loops;
    let (columns, r) = (loops[v].extent, nest.outer);
    if loops.len() != nest.outer + 1 || columns < width || loops[r].extent < 2 * BLOCK_ROWS {
        return None;
    }
    let rows = loops[r].extent;
    let length = nest.kernel.order.cut.map_or(rows.next_multiple_of(BLOCK_ROWS), |c| c.length);
    if !length.is_multiple_of(BLOCK_ROWS) {
        return None;
    }
    let tile = if columns > 2 * TILE { TILE } else { columns };
    let tiles = columns.div_ceil(tile);
    let others: Vec<usize> = (0..nest.outer).filter(|n| *n != v).collect();
    let (blocks, chunks) = (length / BLOCK_ROWS, rows.div_ceil(length));
    let mut new: Vec<Loop> = others.iter().map(|n| loops[*n]).collect();
    let c = new.len();
    new.extend([parallel(chunks), parallel(tiles)]);
    new.push(Loop { extent: blocks, mode: Mode::Sequential });
    new.push(parallel(tile));
    new.push(Loop { extent: BLOCK_ROWS, mode: Mode::Reduce });
    let of = |n: usize, by: usize| Affine::counter(n).scale(by as i64);
    let row = of(c, length).add(&of(c + 2, BLOCK_ROWS));
    let mut counters = vec![Affine::default(); loops.len()];
    others.iter().enumerate().for_each(|(new, old)| counters[*old] = of(new, 1));
    counters[v] = of(c + 1, tile).add(&of(c + 3, 1));
    counters[r] = row.add(&of(c + 4, 1));
    let split = (0..c + 2).max_by_key(|n| (new[*n].extent, c + 2 - n))?;
    Some(Plan {
        loops: new,
        counters,
        clips: clips(&[
            (c + 3, of(c + 1, tile), columns, tiles * tile),
            (c + 4, row, rows, chunks * length),
        ]),
        vector: Some((c + 3, width)),
        split,
        chunk: c,
        chunks,
        accumulate: true,
    })
}

/// The clips of loops with these starts and totals, where the parts reach this far together.
fn clips(all: &[(usize, Affine, usize, usize)]) -> Vec<Clip> {
    let longer = all.iter().filter(|(_, _, total, reach)| reach > total);
    let clip = |(inner, start, total, _): &(usize, Affine, usize, usize)| Clip {
        inner: *inner,
        start: start.clone(),
        total: *total,
    };
    longer.map(clip).collect()
}

impl Plan {
    fn stages(
        self,
        nest: &Nest,
        vectors: Vectors,
        own: Vec<Source>,
        results: usize,
    ) -> Result<(Vec<Stage>, usize), Error> {
        let mut k = relooped(&nest.kernel, self.loops.clone(), &self.counters);
        k.order.cut = None;
        let mut sources = own;
        let mut bytes = 0usize;
        let dense = dense_strides(&nest.kernel.loops[..nest.outer]);
        // Two threads never add to one cache line.
        let apart = if self.accumulate { results.next_multiple_of(APART) } else { results };
        let partial = compose(&self.counters, &Affine::new(0, dense.iter().copied()))
            .add(&Affine::counter(self.chunk).scale(apart as i64));
        for r in &mut k.reductions {
            let len = self.chunks * apart;
            r.buffer = BufferId(k.buffers.len() as u32);
            r.at = partial.clone();
            k.buffers.push(BufferType { dtype: r.accumulator, len });
            sources.push(Source::Scratch(bytes));
            bytes += (len * r.accumulator.size()).next_multiple_of(64);
        }
        let join = join_kernel(nest, &k, self.chunks, apart);
        let start = self.accumulate.then(|| start_kernel(&k, self.chunks * apart));
        let mut first = Nest::finish(k, self.vector)?;
        // Loops over chunks are loops, however few points they have.
        first.unrolled = false;
        first.clips = self.clips;
        first.split = Some(self.split).filter(|_| !first.unrolled);
        first.accumulate = self.accumulate;
        let mut stages = Vec::new();
        if let Some(start) = start {
            stages.push(Stage { nest: Nest::new(&start, vectors)?, sources: sources.clone() });
        }
        stages.push(Stage { nest: first, sources: sources.clone() });
        stages.push(Stage { nest: Nest::new(&join, vectors)?, sources });
        Ok((stages, bytes))
    }
}

fn dense_strides(loops: &[Loop]) -> Vec<i64> {
    (0..loops.len()).map(|n| loops[n + 1..].iter().map(|l| l.extent as i64).product()).collect()
}

/// The kernel that sets partial results to the identity.
fn start_kernel(cut: &Kernel, count: usize) -> Kernel {
    let mut k = Kernel {
        name: format!("{}_start", cut.name),
        buffers: cut.buffers.clone(),
        loops: vec![parallel(count)],
        nodes: Vec::new(),
        stores: Vec::new(),
        reductions: Vec::new(),
        order: Order::SEQUENTIAL,
        condition: None,
    };
    for r in &cut.reductions {
        let value = push(&mut k.nodes, Node::Constant(r.combine.identity(r.accumulator)));
        let at = Affine::counter(0);
        k.stores.push(Store { buffer: r.buffer, at, offset: None, combine: None, value });
    }
    k
}

/// The kernel that folds the partial results of all chunks, which lie so far apart, in order.
fn join_kernel(nest: &Nest, cut: &Kernel, chunks: usize, apart: usize) -> Kernel {
    let outer = &nest.kernel.loops[..nest.outer];
    let folds = Loop { extent: chunks, mode: Mode::Reduce };
    let dense = dense_strides(outer);
    let at = Affine::new(0, dense.into_iter().chain([apart as i64]));
    let mut k = Kernel {
        name: format!("{}_join", nest.kernel.name),
        buffers: cut.buffers.clone(),
        loops: outer.iter().copied().chain([folds]).collect(),
        nodes: Vec::new(),
        stores: Vec::new(),
        reductions: Vec::new(),
        order: Order::SEQUENTIAL,
        condition: None,
    };
    for (r, partial) in nest.kernel.reductions.iter().zip(&cut.reductions) {
        let node = Node::Load {
            buffer: partial.buffer,
            at: at.clone(),
            guard: SmallVec::new(),
            fill: Scalar::zero(r.accumulator),
        };
        let value = push(&mut k.nodes, node);
        k.reductions.push(Reduction { value, ..r.clone() });
    }
    k
}
