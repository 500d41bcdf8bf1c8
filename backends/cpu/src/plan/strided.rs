//! Accesses that are strided along the vector loop and contiguous along another loop, as those of a
//! transposed operand, of `[n, 3]`, or of a sum over a short last axis: rows. What planning does
//! with them lives in `tiles`, what it costs in `cost`, their code in `wide`.

use crate::plan::lanes::Vectors;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Kernel, Mode, Node};

/// Shorter loops are not worth a tile in vectors of 128 bits.
const LEAST: usize = 8;
/// The points of a block of a longer loop.
const BLOCK: usize = 16;
/// Loops up to this length are one block.
pub const WHOLE: usize = 32;
/// Buffers of so many bytes do not stay in the second cache.
pub const LARGE: usize = 1 << 20;

/// The points of the blocks of an inner loop whose order is fixed.
pub fn block_of(extent: usize) -> usize {
    extent.min(BLOCK)
}

/// Returns whether rows of so many points that begin every `step` elements are moved as one piece:
/// the instructions to take them apart grow with the square of the step.
pub fn joins(step: i64, points: usize, vectors: Vectors) -> bool {
    let most = if vectors.rich() { 6 } else { 3 };
    (2..=most).contains(&step) && points as i64 <= step
}

/// The loop along which most accesses that are strided along `v` are contiguous, among those that
/// can go inside of it or are there already.
pub fn loop_of_rows(k: &Kernel, live: &[bool], v: usize, vectors: Vectors) -> Option<usize> {
    if !vectors.wide() && (!k.reductions.is_empty() || k.loops[v].extent < 2 * LEAST) {
        return None;
    }
    let accesses = accesses(k, live, v, vectors);
    let profit = |u: &usize| accesses.iter().filter(|a| a.at.stride(*u).abs() == 1).count();
    let least = if vectors.wide() { 2 } else { LEAST };
    let last = k.loops.len() - 1;
    let moves = k.reductions.is_empty() && k.loops.iter().all(|l| l.mode == Mode::Parallel);
    let inside = |u: usize| match moves {
        true => u != v,
        false => u == last && k.loops[u].mode != Mode::Parallel,
    };
    let alone = k.loops.iter().filter(|l| l.mode == Mode::Reduce).count() <= 1;
    let fits = |u: &usize| alone && inside(*u) && k.loops[*u].extent >= least && profit(u) > 0;
    (0..k.loops.len()).filter(fits).max_by_key(profit)
}

/// An access that is strided along the vector loop.
pub struct Access {
    pub at: Affine,
    /// The bytes of one lane.
    pub bytes: usize,
}

pub fn accesses(k: &Kernel, live: &[bool], v: usize, vectors: Vectors) -> Vec<Access> {
    let access = |buffer: usize, at: &Affine| {
        let d = k.buffers[buffer].dtype;
        let strided = at.stride(v).abs() > 1 && !d.is_bool();
        // Narrow elements fill lanes of 32 bits.
        strided.then(|| Access { at: at.clone(), bytes: d.size().max(4) })
    };
    let live = k.nodes.iter().zip(live).filter(|(_, live)| **live);
    let loads = live.filter_map(|(node, _)| match node {
        Node::Load { buffer, at, guard, .. } if guard.is_empty() => access(buffer.0 as usize, at),
        _ => None,
    });
    let plain = k.stores.iter().filter(|s| vectors.wide() && s.offset.is_none());
    let stores = plain.filter(|s| s.combine.is_none());
    loads.chain(stores.filter_map(|s| access(s.buffer.0 as usize, &s.at))).collect()
}
