//! Tiles of kernels that move rows. Lane by lane an access that is strided along the vector loop
//! would touch a cache line per element, or a part of one. So the loop along which it is
//! contiguous, or a block of that loop, goes inside of the vector loop: the lanes and the block are
//! a tile, whose rows are moved whole and taken apart in registers. Which loop that is lives in
//! `strided`.
//!
//! ```text
//! for u, for v in lanes        ->   for block of u, for v in lanes, for u in block
//! ```

use crate::plan::lanes::Vectors;
use crate::plan::loops::parallel;
use crate::plan::nest::{Clip, Nest};
use crate::plan::relooped::relooped;
use crate::plan::strided::{WHOLE, accesses, loop_of_rows};
use cotangent_jit::Error;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Kernel, Mode};
use cotangent_jit::prepare::loops::choose_loops;

/// The bytes of the lanes of a block, a cache line.
const BLOCK_BYTES: usize = 64;
/// The most columns of all tiles of a nest: they lie in the frame, in the first cache.
const COLUMNS: usize = 160;

/// The nest with tiles, if it has accesses that profit.
pub fn tiled(nest: &Nest, vectors: Vectors) -> Result<Option<Nest>, Error> {
    let k = &nest.kernel;
    let plain = nest.clips.is_empty() && !nest.calls;
    let Some((v, lanes)) = nest.vector.filter(|_| plain) else { return Ok(None) };
    let Some(u) = loop_of_rows(k, &nest.live, v, vectors) else { return Ok(None) };
    let accesses = accesses(k, &nest.live, v, vectors);
    let rows = || accesses.iter().filter(|a| a.at.stride(u).abs() == 1);
    let extent = k.loops[u].extent;
    let fits = extent <= WHOLE && extent * rows().count() <= COLUMNS;
    if !k.reductions.is_empty() {
        // The loop is inside already.
        return Ok((fits && v < nest.outer).then(|| Nest { tile: Some(u), ..nest.clone() }));
    }
    let parallel = k.loops.iter().all(|l| l.mode == Mode::Parallel);
    if !parallel || v + 1 != k.loops.len() {
        return Ok(None);
    }
    if vectors.wide() && fits {
        return whole(k, u, v, lanes).map(Some);
    }
    let forward = rows().filter(|a| a.at.stride(u) == 1);
    let block = forward.map(|a| BLOCK_BYTES / a.bytes).max();
    block.map(|block| in_blocks(k, u, (v, lanes), block)).transpose()
}

/// All of loop `u` inside of the vector loop.
fn whole(k: &Kernel, u: usize, v: usize, lanes: usize) -> Result<Nest, Error> {
    let order: Vec<usize> = (0..v).filter(|n| *n != u).chain([v, u]).collect();
    let mut k = k.clone();
    choose_loops(&mut k, &order);
    let mut nest = Nest::finish(k, Some((v - 1, lanes)))?;
    nest.tile = Some(v);
    // Threads share other loops.
    if nest.split == Some(v) {
        nest.split = Some(v - 1);
    }
    Ok(nest)
}

/// Blocks of loop `u` inside of the vector loop.
fn in_blocks(
    k: &Kernel,
    u: usize,
    (v, lanes): (usize, usize),
    block: usize,
) -> Result<Nest, Error> {
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
    Ok(tiled)
}
