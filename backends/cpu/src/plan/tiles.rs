//! Tiles of kernels that read a transposed operand.
//!
//! If a load is strided along the vector loop and contiguous along another parallel loop, lane by
//! lane it would touch a cache line per element. So the other loop is cut into blocks, and one
//! block goes inside of the vector loop: the lanes and the block are a tile, whose lines are read
//! whole and transposed in registers.
//!
//! ```text
//! for u, for v in lanes        ->   for block of u, for v in lanes, for u in block
//! ```

use crate::plan::loops::parallel;
use crate::plan::nest::{Clip, Nest};
use crate::plan::relooped::relooped;
use cotangent_jit::Error;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Mode, Node};

/// The bytes of the lanes of a block, a cache line.
const BLOCK_BYTES: usize = 64;
/// Shorter loops are not worth a tile.
const LEAST: usize = 8;

/// The nest with tiles, if it has loads that profit.
pub fn tiled(nest: &Nest) -> Result<Option<Nest>, Error> {
    let k = &nest.kernel;
    let plain = k.reductions.is_empty()
        && k.loops.len() > 1
        && k.loops.iter().all(|l| l.mode == Mode::Parallel)
        && nest.clips.is_empty()
        && !nest.calls;
    let Some((v, lanes)) = nest.vector.filter(|(v, _)| plain && *v + 1 == k.loops.len()) else {
        return Ok(None);
    };
    if k.loops[v].extent < 2 * LEAST {
        return Ok(None);
    }
    let strided = |node: &Node| match node {
        Node::Load { buffer, at, guard, .. } => {
            let d = k.buffers[buffer.0 as usize].dtype;
            let fits = guard.is_empty() && at.stride(v).abs() > 1 && !d.is_bool();
            // Narrow elements fill lanes of 32 bits.
            fits.then(|| (at.clone(), d.size().max(4)))
        }
        _ => None,
    };
    let live = k.nodes.iter().zip(&nest.live).filter(|(_, live)| **live);
    let loads: Vec<(Affine, usize)> = live.filter_map(|(node, _)| strided(node)).collect();
    let profit = |u: &usize| loads.iter().filter(|(at, _)| at.stride(*u) == 1).count();
    let best = (0..v).filter(|u| k.loops[*u].extent >= LEAST).max_by_key(profit);
    let Some(u) = best.filter(|u| profit(u) > 0) else { return Ok(None) };
    let size = loads.iter().filter(|(at, _)| at.stride(u) == 1).map(|(_, size)| *size).min();
    let block = BLOCK_BYTES / size.unwrap_or(4);
    let extent = k.loops[u].extent;
    let others: Vec<usize> = (0..v).filter(|n| *n != u).collect();
    let mut loops: Vec<_> = others.iter().map(|n| k.loops[*n]).collect();
    let outer = loops.len();
    loops.extend([parallel(extent.div_ceil(block)), k.loops[v], parallel(block)]);
    let mut counters = vec![Affine::default(); k.loops.len()];
    others.iter().enumerate().for_each(|(new, old)| counters[*old] = Affine::counter(new));
    let start = Affine::counter(outer).scale(block as i64);
    counters[u] = start.add(&Affine::counter(outer + 2));
    counters[v] = Affine::counter(outer + 1);
    let split = (0..=outer).find(|n| loops[*n].extent >= 64);
    let split = split.or_else(|| (0..=outer).max_by_key(|n| (loops[*n].extent, outer - n)));
    let k = relooped(k, loops, &counters);
    let mut tiled = Nest::finish(k, Some((outer + 1, lanes)))?;
    tiled.split = split;
    tiled.tile = Some(outer + 2);
    if !extent.is_multiple_of(block) {
        tiled.clips.push(Clip { inner: outer + 2, start, total: extent });
    }
    Ok(Some(tiled))
}
