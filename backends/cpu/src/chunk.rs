//! Stages of a kernel: long reductions into few points are cut into chunks that threads can share.
//!
//! `before -> after`: the longest reduce loop of `n` points becomes a parallel loop over chunks and a reduce loop within
//! each; partial results go to scratch memory in the accumulator's type, and a second small kernel folds them in order.
//! Whether and how a reduction is cut depends on its extents alone, so results do not depend on the number of threads.

use crate::normal::{Clip, Nest, map_affines, parallel};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, BufferType, Kernel, Loop, Mode, Node, NodeId, Reduction};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{Error, Scalar};
use smallvec::{SmallVec, smallvec};

/// Where a stage's buffer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The launch's nth view.
    Argument(usize),
    /// This byte offset of the launch's scratch memory.
    Scratch(usize),
}

/// One nest to run, one after the other.
#[derive(Clone, Debug)]
pub struct Stage {
    pub nest: Nest,
    pub sources: Vec<Source>,
}

/// Work below which a reduction is not cut.
const LEAST_POINTS: usize = 1 << 16;
/// Points per chunk, about.
const CHUNK_POINTS: usize = 1 << 14;
const MOST_CHUNKS: usize = 128;
/// With this many results, threads share the results instead.
const ENOUGH_RESULTS: usize = 64;

/// The stages of an expanded kernel and the scratch bytes that they need.
pub fn stages(kernel: &Kernel) -> Result<(Vec<Stage>, usize), Error> {
    let nest = Nest::new(kernel)?;
    let own: Vec<Source> = (0..kernel.buffers.len()).map(Source::Argument).collect();
    let results: usize = nest.kernel.loops[..nest.outer].iter().map(|l| l.extent).product();
    let points = nest.kernel.points();
    let cut = !nest.kernel.reductions.is_empty()
        && nest.kernel.loops.iter().all(|l| l.mode != Mode::Sequential)
        && points >= LEAST_POINTS
        && results < ENOUGH_RESULTS;
    if !cut {
        return Ok((vec![Stage { nest, sources: own }], 0));
    }
    let longest = (nest.outer..nest.kernel.loops.len())
        .max_by_key(|n| nest.kernel.loops[*n].extent)
        .unwrap_or(nest.outer);
    let extent = nest.kernel.loops[longest].extent;
    let chunks = (points / CHUNK_POINTS).clamp(1, MOST_CHUNKS).min(extent);
    let lanes = nest.vector.filter(|(v, _)| *v == longest).map_or(1, |(_, width)| width);
    let length = extent.div_ceil(chunks).next_multiple_of(lanes);
    let chunks = extent.div_ceil(length);
    let (first, scratch) = cut_loop(&nest, longest, length, chunks, results)?;
    let mut second_sources = own.clone();
    let mut first_sources = own;
    first_sources.extend(scratch.iter().map(|(_, at)| Source::Scratch(*at)));
    second_sources.extend(scratch.iter().map(|(_, at)| Source::Scratch(*at)));
    let second = join_kernel(&nest, &first, chunks, results);
    let bytes = scratch.last().map_or(0, |(size, at)| size + at);
    Ok((
        vec![
            Stage { nest: first, sources: first_sources },
            Stage { nest: Nest::new(&second)?, sources: second_sources },
        ],
        bytes,
    ))
}

/// The nest with loop `r` cut, and size and place of each partial buffer in scratch memory.
fn cut_loop(
    nest: &Nest,
    r: usize,
    length: usize,
    chunks: usize,
    results: usize,
) -> Result<(Nest, Vec<(usize, usize)>), Error> {
    let mut k = nest.kernel.clone();
    let total = k.loops[r].extent;
    k.loops[r].extent = length;
    k.loops.insert(0, parallel(chunks));
    let strided = |a: &Affine| {
        let inner = (0..nest.kernel.loops.len()).map(|n| a.stride(n));
        Affine::new(a.offset, std::iter::once(a.stride(r) * length as i64).chain(inner))
    };
    map_affines(&mut k, strided);
    renumber_counters(&mut k, r, length);
    let mut scratch: Vec<(usize, usize)> = Vec::new();
    let dense = dense_strides(&nest.kernel.loops[..nest.outer]);
    for reduction in &mut k.reductions {
        let buffer = BufferId(k.buffers.len() as u32);
        let len = chunks * results;
        k.buffers.push(BufferType { dtype: reduction.accumulator, len });
        let at = scratch.last().map_or(0, |(size, at)| size + at).next_multiple_of(64);
        scratch.push((len * reduction.accumulator.size(), at));
        reduction.buffer = buffer;
        reduction.at = Affine::new(0, std::iter::once(results as i64).chain(dense.iter().copied()));
    }
    let vector = nest.vector.map(|(v, width)| (v + 1, width));
    let clip = Clip { inner: r + 1, chunk: 0, total };
    Ok((Nest::finish(k, vector, Some(clip))?, scratch))
}

/// Counters after a new outermost loop over chunks of loop `r`: the counter of `r` was `chunk * length + inner`.
fn renumber_counters(k: &mut Kernel, r: usize, length: usize) {
    let old = std::mem::take(&mut k.nodes);
    let mut new_id: Vec<NodeId> = Vec::with_capacity(old.len());
    for mut node in old {
        let mut push = |node: Node| {
            k.nodes.push(node);
            NodeId(k.nodes.len() as u32 - 1)
        };
        let id = match &mut node {
            Node::Counter(n) if *n == r => {
                let chunk = push(Node::Counter(0));
                let length = push(Node::Constant(Scalar::from(length as i64)));
                let start = push(Node::Op { op: ScalarOp::Mul, args: smallvec![chunk, length] });
                let inner = push(Node::Counter(r + 1));
                push(Node::Op { op: ScalarOp::Add, args: smallvec![start, inner] })
            }
            Node::Counter(n) => push(Node::Counter(*n + 1)),
            Node::Gather { at, .. } => {
                *at = new_id[at.0 as usize];
                push(node)
            }
            Node::Op { args, .. } => {
                args.iter_mut().for_each(|a| *a = new_id[a.0 as usize]);
                push(node)
            }
            _ => push(node),
        };
        new_id.push(id);
    }
    for s in &mut k.stores {
        s.value = new_id[s.value.0 as usize];
        s.offset = s.offset.map(|o| new_id[o.0 as usize]);
    }
    k.reductions.iter_mut().for_each(|r| r.value = new_id[r.value.0 as usize]);
}

fn dense_strides(loops: &[Loop]) -> Vec<i64> {
    (0..loops.len()).map(|n| loops[n + 1..].iter().map(|l| l.extent as i64).product()).collect()
}

/// Folds the partial results of every chunk, in order.
fn join_kernel(nest: &Nest, first: &Nest, chunks: usize, results: usize) -> Kernel {
    let outer = &nest.kernel.loops[..nest.outer];
    let folds = Loop { extent: chunks, mode: Mode::Reduce };
    let dense = dense_strides(outer);
    let at = Affine::new(0, dense.into_iter().chain([results as i64]));
    let mut k = Kernel {
        name: format!("{}_join", nest.kernel.name),
        buffers: first.kernel.buffers.clone(),
        loops: outer.iter().copied().chain([folds]).collect(),
        nodes: Vec::new(),
        stores: Vec::new(),
        reductions: Vec::new(),
    };
    for (r, partial) in nest.kernel.reductions.iter().zip(&first.kernel.reductions) {
        let value = NodeId(k.nodes.len() as u32);
        k.nodes.push(Node::Load {
            buffer: partial.buffer,
            at: at.clone(),
            guard: SmallVec::new(),
            fill: Scalar::zero(r.accumulator),
        });
        k.reductions.push(Reduction { value, ..r.clone() });
    }
    k
}
