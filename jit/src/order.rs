//! The choice of the order in which a kernel's reductions combine, see
//! [`Order`].
//!
//! The choice is a function of extents, strides and types, made once, when a kernel is built. Every
//! rewrite keeps it, and the interpreter and all backends follow it, so results do not depend on
//! the width of vectors, on threads or on the device.
//!
//! Extremes and products of complex numbers run in the order of their axes: beside a NaN, which of
//! two is the greater depends on their order, and so must not depend on the layout. All others:
//!
//! 1. **Arrangement.** The reduce loop along which most loaded bytes are contiguous becomes the
//!    innermost one, so that the sum of a transposed array runs in memory order. Neighbours that
//!    every index walks as one become one.
//! 2. **Lanes.** Vectors of the innermost reduce loop fold `lanes` points at once: 8, 16 or 32 by
//!    its extent. If a parallel loop strides over fewer bytes than that loop does (sums of
//!    columns), the vectors belong to results, and each folds its points one after the other.
//! 3. **Cut.** A long reduction to a few results is cut into chunks that threads share.
//!
//! The updates of a scatter that combines to few elements are cut into chunks as well, each with a
//! copy of the elements. A small copy has lanes, because neighbouring updates of one element would
//! wait for each other. A scatter to many elements combines at once: threads share its elements.
//!
//! The definition of the order lives in [`kernel`](crate::kernel); how vectors and threads follow
//! it, in the backends.

use crate::kernel::{BufferType, Cut, Kernel, Mode, Node, Order};
use crate::prepare::loops::{choose_loops, coalesce_neighbours, trim_affines};
use std::cmp::Reverse;

/// Chunks of sums of columns have a multiple of this many rows, so that a block of rows can be
/// folded in registers.
pub const BLOCK_ROWS: usize = 8;
/// The columns of a tile, whose partial results stay in the first cache.
pub const TILE: usize = 2048;
/// Points below which a reduction is not cut.
const LEAST_POINTS: usize = 1 << 16;
/// The approximate number of points per chunk.
const CHUNK_POINTS: usize = 1 << 14;
const MOST_CHUNKS: usize = 128;
/// With this many independent results, threads share results instead of chunks.
const ENOUGH_RESULTS: usize = 64;
/// The least columns that fill a vector.
const LEAST_COLUMNS: usize = 4;

/// Updates per element from which a scatter combines in the accumulator's type, in copies of the
/// elements.
const MANY_UPDATES: usize = 64;
/// The same for a scatter that threads share.
const ENOUGH_UPDATES: usize = 16;
/// The least updates per element of a chunk.
const UPDATES_PER_CHUNK: usize = 8;
const MOST_COPIES: usize = 32;
/// The most elements of a copy with lanes, and the number of the lanes.
const SMALL_COPY: usize = 1024;
const COPY_LANES: usize = 4;

/// Arranges the reduce loops of a kernel and sets its order. A kernel without reductions and
/// combining stores stays as it is.
pub(crate) fn choose(k: &mut Kernel) {
    k.order = Order::SEQUENTIAL;
    if let Some(store) = k.scatter() {
        let BufferType { dtype, len } = k.buffers[store.buffer.0 as usize];
        if store.combine.is_some_and(|c| c.takes_copies(dtype)) {
            coalesce_neighbours(k);
            k.order = scatter(k, len);
        }
        return;
    }
    let first = k.loops.iter().position(|l| l.mode == Mode::Reduce);
    let Some(first) = first.filter(|_| !k.reductions.is_empty()) else { return };
    if k.loops[first..].iter().any(|l| l.mode != Mode::Reduce) {
        // The verifier refuses such a kernel.
        return;
    }
    coalesce_neighbours(k);
    if k.combines_whole_numbers() {
        return;
    }
    arrange(k);
    coalesce_neighbours(k);
    let (inner, loads) = (k.loops.len() - 1, loads(k));
    let columns = columns(k, &loads, inner);
    let lanes = if columns.is_some() { 1 } else { lanes(k.loops[inner].extent) };
    let cut = cut(k, columns, lanes);
    k.order = Order { lanes, cut };
}

/// The order of a scatter that combines, to this many elements.
fn scatter(k: &Kernel, elements: usize) -> Order {
    let (points, elements) = (k.points(), elements.max(1));
    let many = points / MANY_UPDATES >= elements;
    let enough = points / ENOUGH_UPDATES >= elements && points >= LEAST_POINTS / 2;
    if !many && !enough {
        return Order::SEQUENTIAL;
    }
    let extent = k.loops[0].extent;
    let lanes = if k.loops.len() == 1 && elements <= SMALL_COPY { COPY_LANES } else { 1 };
    let least = CHUNK_POINTS.max(UPDATES_PER_CHUNK * elements);
    let chunks = (points / least).clamp(1, MOST_COPIES);
    let length = extent.div_ceil(chunks).next_multiple_of(lanes);
    Order { lanes, cut: Some(Cut { of: 0, length }) }
}

/// Running folds of at least this many elements are cut into blocks, if there are fewer lanes than
/// this.
const LONG_RUN: usize = 2048;
const FEW_LANES: usize = 32;
/// Neighbouring lanes that are a vector anyway, so that blocks pay only with so many elements.
const NEIGHBOURS: usize = 4;
const MANY_ELEMENTS: usize = 1 << 22;

/// The length of the blocks into which a running fold along an axis of this extent is cut, with so
/// many folds side by side, of which so many are neighbours in memory; `None` if each runs in one
/// piece. Blocks run side by side, in vectors and on threads.
///
/// The length is an odd multiple of a cache line, so that the blocks of a vector do not fall into
/// the same sets of a cache.
pub fn running_blocks(extent: usize, lanes: usize, neighbours: usize) -> Option<usize> {
    let lines = (extent / (LONG_RUN * 16)).clamp(5, 65) | 1;
    let pays = neighbours < NEIGHBOURS || extent * lanes >= MANY_ELEMENTS;
    (extent >= LONG_RUN && lanes < FEW_LANES && pays).then_some(16 * lines)
}

/// What a load reads in all: its strides, and the bytes of the elements that it visits.
struct Load {
    strides: Vec<u64>,
    bytes: f64,
}

fn loads(k: &Kernel) -> Vec<Load> {
    let mut all = Vec::new();
    for node in &k.nodes {
        let Node::Load { buffer, at, .. } = node else { continue };
        let Some(buffer) = k.buffers.get(buffer.0 as usize) else { continue };
        let strides: Vec<u64> = (0..k.loops.len()).map(|n| at.stride(n).unsigned_abs()).collect();
        let visited = k.loops.iter().zip(&strides).filter(|(_, s)| **s != 0);
        let elements: f64 = visited.map(|(l, _)| l.extent as f64).product();
        all.push(Load { strides, bytes: elements * buffer.dtype.size() as f64 });
    }
    all
}

/// The bytes of the loads whose stride along loop `n` is like that.
fn bytes(loads: &[Load], n: usize, like: impl Fn(u64) -> bool) -> f64 {
    loads.iter().filter(|l| like(l.strides[n])).map(|l| l.bytes).sum()
}

/// Moves the reduce loop along which most bytes are contiguous innermost, and orders the others by
/// falling strides of the largest load. Loops of one point come first, so that nothing changes if
/// they are dropped.
fn arrange(k: &mut Kernel) {
    let loads = loads(k);
    let first = k.loops.iter().take_while(|l| l.mode != Mode::Reduce).count();
    let reduces = first..k.loops.len();
    let varies = |l: &&Load| reduces.clone().any(|n| l.strides[n] != 0);
    let largest = loads.iter().filter(varies).max_by(|a, b| a.bytes.total_cmp(&b.bytes));
    let stride = |n: usize| largest.map_or(0, |l| l.strides[n]);
    let long = |n: &usize| k.loops[*n].extent != 1;
    let contiguous = |n: usize| bytes(&loads, n, |s| s == 1);
    let Some(inner) = reduces.clone().filter(long).max_by(|&a, &b| {
        let nearer = |n: usize| Reverse(stride(n).wrapping_sub(1));
        contiguous(a).total_cmp(&contiguous(b)).then_with(|| nearer(a).cmp(&nearer(b)))
    }) else {
        return;
    };
    let mut order: Vec<usize> = reduces.filter(|n| *n != inner).collect();
    order.sort_by_key(|n| (long(n), Reverse(stride(*n))));
    order.push(inner);
    let all: Vec<usize> = (0..first).chain(order).collect();
    if !all.is_sorted() {
        choose_loops(k, &all);
        trim_affines(k);
    }
}

/// The parallel loop whose points are folded side by side: some load is contiguous along it, and
/// fewer bytes lie apart than along the innermost reduce loop.
fn columns(k: &Kernel, loads: &[Load], inner: usize) -> Option<usize> {
    let apart = |n: usize| bytes(loads, n, |s| s > 1);
    let fits = |n: &usize| {
        k.loops[*n].mode == Mode::Parallel
            && k.loops[*n].extent >= LEAST_COLUMNS
            && loads.iter().any(|l| l.strides[*n] == 1)
            && apart(*n) < apart(inner)
    };
    (0..inner).rev().filter(fits).min_by(|a, b| apart(*a).total_cmp(&apart(*b)))
}

/// The lanes of an innermost reduce loop of this extent.
fn lanes(extent: usize) -> usize {
    match extent {
        0..8 => 1,
        8..32 => 8,
        32..64 => 16,
        _ => 32,
    }
}

fn cut(k: &Kernel, columns: Option<usize>, lanes: usize) -> Option<Cut> {
    let points = k.points();
    if points < LEAST_POINTS || k.loops.iter().any(|l| l.mode == Mode::Sequential) {
        return None;
    }
    let outer = k.parallel_rank();
    let results: usize = k.loops[..outer].iter().map(|l| l.extent).product();
    let inner = k.loops.len() - 1;
    let (of, length) = match columns {
        Some(_) if outer < inner => return None,
        Some(n) => (inner, rows_per_chunk(k.loops[inner].extent, k.loops[n].extent, results)?),
        None if results >= ENOUGH_RESULTS => return None,
        None => {
            let of = (outer..=inner).max_by_key(|n| k.loops[*n].extent)?;
            let extent = k.loops[of].extent;
            let chunks = (points / CHUNK_POINTS).clamp(1, MOST_CHUNKS).min(extent);
            (of, extent.div_ceil(chunks).next_multiple_of(if of == inner { lanes } else { 1 }))
        }
    };
    (length < k.loops[of].extent).then_some(Cut { of, length })
}

/// The rows of a chunk of sums of columns.
fn rows_per_chunk(rows: usize, columns: usize, results: usize) -> Option<usize> {
    if rows < 2 * BLOCK_ROWS {
        return None;
    }
    let tile = if columns > 2 * TILE { TILE } else { columns };
    let shares = results / columns * columns.div_ceil(tile);
    if shares >= ENOUGH_RESULTS {
        return None;
    }
    let chunks = (rows * tile / CHUNK_POINTS).min(rows / (4 * BLOCK_ROWS));
    let chunks = chunks.clamp(1, MOST_CHUNKS / shares);
    Some(rows.div_ceil(chunks).next_multiple_of(BLOCK_ROWS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::Affine;
    use crate::build::KernelBuilder;
    use crate::kernel::{Combine, Loop};
    use crate::{DType, verify::verify_kernel};

    /// `y[kept] = combine over gone of the product of the loads`, each load with a stride per loop.
    fn fold(kept: &[usize], gone: &[usize], loads: &[&[i64]], d: DType) -> Kernel {
        let of = |e: &[usize], mode| e.iter().map(|n| Loop { extent: *n, mode }).collect();
        let loops: [Vec<Loop>; 2] = [of(kept, Mode::Parallel), of(gone, Mode::Reduce)];
        let extents: Vec<usize> = kept.iter().chain(gone).copied().collect();
        let mut b = KernelBuilder::new("fold", loops.concat());
        let mut value = None;
        for strides in loads {
            let at = Affine::new(0, strides.iter().copied());
            let len = at.range(&extents).map_or(0, |(_, high)| high + 1);
            let x = b.buffer(d, len as usize);
            let v = b.load(x, at);
            value = Some(value.map_or(v, |u| b.op(crate::op::ScalarOp::Mul, &[u, v])));
        }
        let y = b.buffer(d, kept.iter().product());
        let dense = (0..kept.len()).map(|n| kept[n + 1..].iter().product::<usize>() as i64);
        b.reduce(y, Affine::new(0, dense), Combine::Product, value.expect("a load"));
        verify_kernel(b.finish()).expect("a kernel that is right").into_inner()
    }

    fn order(kept: &[usize], gone: &[usize], loads: &[&[i64]]) -> (usize, Option<(usize, usize)>) {
        let Order { lanes, cut } = fold(kept, gone, loads, DType::F32).order;
        (lanes, cut.map(|c| (c.of, c.length)))
    }

    #[test]
    fn lanes_grow_with_rows() {
        let extents = [0, 1, 7, 8, 31, 32, 63, 64, 1000];
        let lanes = extents.map(|n| order(&[3], &[n], &[&[n as i64, 1]]).0);
        assert_eq!(lanes, [1, 1, 1, 8, 8, 16, 16, 32, 32]);
    }

    #[test]
    fn sums_of_columns_have_one_lane() {
        assert_eq!(order(&[100], &[100], &[&[1, 100]]), (1, None));
        // Three columns fill no vector.
        assert_eq!(order(&[3], &[100], &[&[1, 3]]), (32, None));
        // The middle axis of three.
        assert_eq!(order(&[5, 7], &[90], &[&[630, 1, 7]]), (1, None));
        assert_eq!(order(&[90], &[5, 7], &[&[7, 630, 1]]), (1, None));
    }

    #[test]
    fn the_largest_operand_decides() {
        // y[i] = sum over k of a[i, k] b[k], and with a transposed.
        assert_eq!(order(&[100], &[100], &[&[100, 1], &[0, 1]]), (32, None));
        assert_eq!(order(&[100], &[100], &[&[1, 100], &[0, 1]]), (1, None));
    }

    #[test]
    fn transposed_arrays_are_read_in_the_order_of_memory() {
        let k = fold(&[], &[30, 50], &[&[1, 30]], DType::F32);
        assert_eq!((k.loops.len(), k.points(), k.order.lanes), (1, 1500, 32));
        let k = fold(&[4], &[30, 50, 9], &[&[1, 36, 1080, 4]], DType::F32);
        assert_eq!((k.loops.len(), k.loops[1].extent), (2, 13_500));
        // Padded rows stay apart, and the longer step is outermost.
        let k = fold(&[], &[9, 30, 50], &[&[1, 10, 400]], DType::F32);
        let extents: Vec<usize> = k.loops.iter().map(|l| l.extent).collect();
        assert_eq!((extents, k.order.lanes), (vec![50, 30, 9], 8));
    }

    #[test]
    fn whole_complex_numbers_do_not_follow_the_layout() {
        // Products here; of extremes the same holds.
        let extents = |d, strides: &[i64]| {
            let k = fold(&[], &[30, 50], &[strides], d);
            k.loops.iter().map(|l| l.extent).collect::<Vec<_>>()
        };
        assert_eq!(extents(DType::C64, &[1, 40]), [30, 50]);
        assert_eq!(extents(DType::F32, &[1, 40]), [50, 30]);
    }

    #[test]
    fn long_reductions_are_cut() {
        assert_eq!(order(&[], &[65_535], &[&[1]]), (32, None));
        assert_eq!(order(&[], &[70_000], &[&[1]]), (32, Some((0, 17_504))));
        assert_eq!(order(&[], &[10_000_007], &[&[1]]), (32, Some((0, 78_144))));
        // Threads share results.
        assert_eq!(order(&[64], &[70_000], &[&[70_000, 1]]), (32, None));
        assert_eq!(order(&[63], &[70_000], &[&[70_000, 1]]).1, Some((1, 576)));
        // Columns by blocks of rows.
        assert_eq!(order(&[1000], &[1000], &[&[1, 1000]]), (1, Some((1, 40))));
        assert_eq!(order(&[4], &[70_000], &[&[1, 4]]), (1, Some((1, 4120))));
    }

    /// `y[offset(i, j)] += x[i, j]`
    fn scattered(extents: &[usize], elements: usize, d: DType) -> Order {
        let loops = extents.iter().map(|n| Loop { extent: *n, mode: Mode::Sequential });
        let mut b = KernelBuilder::new("scatter", loops);
        let (i, x) = (b.buffer(DType::I64, extents[0]), b.buffer(d, extents.iter().product()));
        let y = b.buffer(d, elements);
        let dense = (0..extents.len()).map(|n| extents[n + 1..].iter().product::<usize>() as i64);
        let value = b.load(x, Affine::new(0, dense));
        let mut offset = b.load(i, Affine::counter(0));
        for n in 1..extents.len() {
            let counter = b.counter(n);
            offset = b.op(crate::op::ScalarOp::Add, &[offset, counter]);
        }
        let (at, combine) = (Affine::default(), Some(Combine::Sum));
        b.store(crate::kernel::Store { buffer: y, at, offset: Some(offset), combine, value });
        verify_kernel(b.finish()).expect("a kernel that is right").into_inner().order
    }

    #[test]
    fn scatters_to_few_elements_are_cut() {
        let by = |lanes, length| Order { lanes, cut: Some(Cut { of: 0, length }) };
        let f = DType::F32;
        // A few updates of each element, and many.
        assert_eq!(scattered(&[630], 10, f), Order::SEQUENTIAL);
        assert_eq!(scattered(&[640], 10, f), by(4, 640));
        assert_eq!(scattered(&[1_000_000], 1000, f), by(4, 31_252));
        assert_eq!(scattered(&[1_000_000], 62_500, f), by(1, 500_000));
        assert_eq!(scattered(&[1_000_000], 62_501, f), Order::SEQUENTIAL);
        // Rows, whose elements are independent.
        assert_eq!(scattered(&[15_625, 64], 640, f), by(1, 489));
        assert_eq!(scattered(&[1_000_000], 1000, DType::C64), Order::SEQUENTIAL);
    }

    #[test]
    fn long_runs_are_cut_into_blocks() {
        let blocks = |n| running_blocks(n, 1, 1);
        assert_eq!([2047, 2048, 1_000_000].map(blocks), [None, Some(80), Some(496)]);
        assert_eq!(blocks(1_000_000_000), Some(1040));
        assert_eq!(running_blocks(1_000_000, 32, 1), None);
        assert_eq!(running_blocks(100_000, 10, 10), None);
        assert_eq!(running_blocks(1_000_000, 10, 10), Some(496));
    }

    #[test]
    fn complex_products_run_in_order() {
        for (d, lanes) in [(DType::C64, 1), (DType::F64, 32)] {
            assert_eq!(fold(&[], &[70_000], &[&[1]], d).order.lanes, lanes);
        }
    }
}
