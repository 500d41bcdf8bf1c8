//! The form of a kernel: which points a thread takes.
//!
//! Threads share the points of the parallel loops. Neighbouring threads take neighbouring points of
//! the loop along which most accesses are contiguous. Loops in order run inside of a thread. The
//! lanes of a reduction's order are neighbouring threads of a warp, its chunks are shared among
//! groups of such lanes, and a second entry folds the chunks.

use super::accesses::accesses;
use super::routines::without_rounding;
use super::target::Target;
use super::tiles::{Tiles, tiles};
use super::width::width;
use crate::sorts::MOST;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Combine, Kernel, Mode, Node, Order};
use cotangent_jit::prepare::{definitions, loops, narrow};

/// The threads that a kernel has, and what each does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// One thread for so many neighbouring points of the innermost parallel loop.
    Points { width: usize },
    /// Tiles of two loops, whose transposed loads go through shared memory.
    Tiles(Tiles),
    /// A group of `lanes` threads per result and chunk.
    Fold { lanes: usize, chunks: usize },
    /// The last update of an element stays: threads agree on it first.
    Overwrite,
    /// Updates that give the same in any order.
    Accumulate(Combine),
    /// Updates that combine with their element in order.
    InOrder(Combine),
    /// Updates that combine in copies of the elements, one per chunk and lane.
    Copies { combine: Combine, lanes: usize, chunks: usize },
}

pub struct Shape {
    pub kernel: Kernel,
    pub form: Form,
    /// Indices and numbers of threads need 64 bits.
    pub wide: bool,
}

/// Prepares a kernel whose buffers begin at multiples of these numbers of bytes.
pub fn shape(kernel: &Kernel, alignment: &[usize], target: Target) -> Shape {
    let wide = narrow::widen(kernel);
    let mut k = definitions::expand(&wide);
    // The outermost loop of a scatter is that of its chunks, even if it has one point.
    if k.scatter().is_none() {
        k = loops::simplify(&k);
    }
    if target.product {
        without_rounding(&mut k);
    }
    let form = form(&k, alignment);
    if matches!(form, Form::Points { .. } | Form::Fold { .. }) {
        nearest_innermost(&mut k);
    }
    let form = match form {
        Form::Points { .. } => match tiles(&k, target) {
            Some(tiles) => Form::Tiles(tiles),
            None => Form::Points { width: width(&k, alignment, target) },
        },
        other => other,
    };
    let wide = target.wide || needs_wide(&k);
    Shape { kernel: k, form, wide }
}

fn form(k: &Kernel, alignment: &[usize]) -> Form {
    let Order { lanes, cut } = k.order;
    if let Some(store) = k.scatter() {
        let buffer = &k.buffers[store.buffer.0 as usize];
        let d = buffer.dtype;
        let few = k.points() < u32::MAX as usize;
        let Some(combine) = store.combine else {
            return if few { Form::Overwrite } else { Form::Points { width: 1 } };
        };
        let extent = k.loops[0].extent;
        let chunks = cut.map_or(1, |c| extent.div_ceil(c.length.max(1)).max(1));
        let exact = !d.is_float() || matches!(combine, Combine::Max | Combine::Min);
        // Narrow elements are exchanged with the word around them.
        let start = alignment.get(store.buffer.0 as usize).copied().unwrap_or(d.size());
        let words = start.is_multiple_of(4) && (buffer.len * d.size()).is_multiple_of(4);
        return match () {
            _ if exact && (d.size() >= 4 || words) => Form::Accumulate(combine),
            _ if k.order != Order::SEQUENTIAL => Form::Copies { combine, lanes, chunks },
            _ if k.points() <= MOST && buffer.len < u32::MAX as usize => Form::InOrder(combine),
            _ => Form::Points { width: 1 },
        };
    }
    if !k.reductions.is_empty() {
        let chunks = cut.map_or(1, |c| k.loops[c.of].extent.div_ceil(c.length).max(1));
        return Form::Fold { lanes, chunks };
    }
    Form::Points { width: 1 }
}

/// Makes the parallel loop with the most contiguous accesses the innermost of the parallel loops,
/// and orders the others by falling strides of what is written.
fn nearest_innermost(k: &mut Kernel) {
    let parallel: Vec<usize> =
        (0..k.loops.len()).filter(|n| k.loops[*n].mode == Mode::Parallel).collect();
    if parallel.is_empty() {
        return;
    }
    let all = accesses(k);
    let near = |n: usize| -> usize {
        let contiguous = all.iter().filter(|(at, ..)| at.stride(n).unsigned_abs() == 1);
        contiguous.map(|(_, size, written)| if *written { 2 * size } else { *size }).sum()
    };
    let written = all.iter().find(|(.., written)| *written).map(|(at, ..)| (*at).clone());
    let stride = |n: usize| written.as_ref().map_or(0, |at| at.stride(n).unsigned_abs());
    let mut order = parallel.clone();
    order.sort_by_key(|n| std::cmp::Reverse(stride(*n)));
    let best = parallel.iter().copied().max_by_key(|n| (near(*n), *n));
    if let Some(best) = best.filter(|n| near(*n) > 0) {
        order.retain(|n| *n != best);
        order.push(best);
    }
    order.extend((0..k.loops.len()).filter(|n| k.loops[*n].mode != Mode::Parallel));
    if !order.is_sorted() || order.len() != k.loops.len() {
        loops::choose_loops(k, &order);
    }
}

/// Whether an index, a byte or the number of points needs more than 31 bits.
fn needs_wide(k: &Kernel) -> bool {
    const MOST: i128 = i32::MAX as i128 / 2;
    let reach = |at: &Affine| {
        let moves = at.strides.iter().zip(&k.loops);
        let moves: i128 =
            moves.map(|(s, l)| i128::from(*s).abs() * (l.extent as i128).max(1)).sum();
        moves + i128::from(at.offset).abs()
    };
    let guards = k.nodes.iter().flat_map(|n| match n {
        Node::Load { guard, .. } => guard.as_slice(),
        _ => &[],
    });
    let extent = |l: &cotangent_jit::kernel::Loop| (l.extent as i128).max(1);
    let shared =
        |l: &&cotangent_jit::kernel::Loop| l.mode == Mode::Parallel || k.scatter().is_some();
    let results: i128 = k.loops.iter().filter(shared).map(extent).product();
    let chunks = k.order.cut.map_or(1, |c| k.loops[c.of].extent.div_ceil(c.length.max(1)));
    let threads = results * k.order.lanes as i128 * chunks as i128;
    threads > MOST
        || k.loops.iter().map(extent).any(|n| n > MOST)
        || accesses(k).iter().any(|(at, size, _)| reach(at) * *size as i128 > MOST)
        || guards.map(|r| &r.at).any(|at| reach(at) > MOST)
        || k.buffers.iter().any(|b| (b.len * b.dtype.size()) as i128 > MOST)
}
