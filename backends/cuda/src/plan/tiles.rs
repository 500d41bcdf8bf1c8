//! Tiles of transposed operands.
//!
//! Neighbouring threads store neighbours of one loop. An operand whose neighbours lie along another
//! loop would be read with a sector of memory for every element. So a block takes a tile of both
//! loops: it reads such an operand along its own loop into shared memory, and takes it from there.

use super::target::Target;
use cotangent_jit::kernel::{Kernel, Mode, Node};

/// The points of a tile along either loop.
pub const SIDE: usize = 32;
/// The threads of a block: each takes a column of four points.
pub const THREADS: usize = 256;
/// Shared memory has 32 banks: with one more element per row, columns lie in different ones.
pub const PITCH: usize = SIDE + 1;
/// The most bytes of shared memory of a block.
const MOST_SHARED: usize = 48 << 10;
/// The least points along a loop, and of a kernel.
const LEAST: usize = 16;
const LEAST_POINTS: usize = 1 << 16;

/// Two loops, and the loads that go through shared memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// The loop along which neighbouring threads store.
    pub across: usize,
    /// The loop along which neighbouring threads load.
    pub along: usize,
    /// Loads, by node, and where in shared memory their tiles begin.
    pub loads: Vec<(usize, usize)>,
    pub shared: usize,
}

impl Tiles {
    /// The number of tiles.
    pub fn count(&self, k: &Kernel) -> usize {
        let sides = |n: usize| match n == self.across || n == self.along {
            true => k.loops[n].extent.div_ceil(SIDE),
            false => k.loops[n].extent,
        };
        (0..k.loops.len()).map(sides).product()
    }
}

/// The tiles of a kernel of parallel loops, the last of which is that of its stores.
pub fn tiles(k: &Kernel, target: Target) -> Option<Tiles> {
    let across = k.loops.len().checked_sub(1)?;
    let parallel = k.loops.iter().all(|l| l.mode == Mode::Parallel);
    let plain = k.stores.iter().all(|s| s.offset.is_none() && s.combine.is_none());
    let least = if target.threads > 1 { LEAST_POINTS } else { 0 };
    let stored = k.stores.iter().any(|s| s.at.stride(across) == 1);
    if !parallel || !plain || !stored || k.points() <= least || target.wide {
        return None;
    }
    let transposed = |node: &Node, along: usize| match node {
        Node::Load { buffer, at, guard, .. } => {
            guard.is_empty()
                && !k.writes(*buffer)
                && at.stride(along) == 1
                && !(0..=1).contains(&at.stride(across))
        }
        _ => false,
    };
    let long = |n: &usize| k.loops[*n].extent >= LEAST && k.loops[across].extent >= LEAST;
    let count = |n: usize| k.nodes.iter().filter(|node| transposed(node, n)).count();
    let along = (0..across).filter(long).max_by_key(|n| count(*n))?;
    let (mut loads, mut shared) = (Vec::new(), 0);
    for (n, node) in k.nodes.iter().enumerate().filter(|(_, node)| transposed(node, along)) {
        let Node::Load { buffer, .. } = node else { continue };
        let bytes = SIDE * PITCH * k.buffers[buffer.0 as usize].dtype.size();
        let end = shared + bytes.next_multiple_of(16);
        if end <= MOST_SHARED {
            loads.push((n, shared));
            shared = end;
        }
    }
    (!loads.is_empty()).then_some(Tiles { across, along, loads, shared })
}
