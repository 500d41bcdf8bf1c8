//! The sizes of tiles and the parts of the sum, by shape alone: the order of a sum may depend on
//! nothing else. And the products that a library computes, where there is one.
//!
//! A greater tile reads each number fewer times; smaller tiles keep more multiprocessors busy, and
//! waste less at the edges. So the choice is the one that would take the least time on a device of
//! [`PROCESSORS`], where a block of a tile takes its area over its speed. Where there are few tiles
//! even so, blocks share the sum, and a second entry adds the parts in order.

use super::product::Product;
use cotangent_jit::DType;
use cotangent_jit::program::Precision;

/// The multiprocessors of the device that a choice is made for.
const PROCESSORS: usize = 128;
/// The least summed numbers of a part.
const LEAST_PART: usize = 256;
/// The most parts of a sum.
const MOST_PARTS: usize = 32;
/// What storing a number and adding it to others costs, in multiplications.
const STORED: f64 = 48.0;

/// The least extents for it: below, a product reads more than it multiplies, and our entries read
/// at the speed of memory.
const LEAST_EXTENT: usize = 16;

/// Whether a library computes a product of at least so many multiplications, where there is one
/// that can.
pub fn is_for_library(p: &Product, least: usize) -> bool {
    let Product { batch, m, n, k, .. } = *p;
    let all = [batch, m, n, k].into_iter().try_fold(1usize, |x, y| x.checked_mul(y));
    let types = [DType::F16, DType::BF16, DType::F32, DType::F64];
    types.contains(&p.dtype)
        && m.min(n).min(k) >= LEAST_EXTENT
        && all.is_none_or(|all| all >= least)
}

/// A tile of results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tiling {
    pub rows: usize,
    pub columns: usize,
    /// Summed numbers of a copied tile.
    pub depth: usize,
    /// The groups of threads (of warps, if these multiply small matrices) along rows and columns.
    pub groups: [usize; 2],
    /// Copied tiles that shared memory holds.
    pub stages: usize,
    /// Percent of the fastest rate of multiplications, as far as registers feed them.
    pub speed: usize,
    /// Blocks that a multiprocessor runs at once.
    pub together: usize,
}

const fn tiling(
    [rows, columns, depth]: [usize; 3],
    groups: [usize; 2],
    stages: usize,
    [speed, together]: [usize; 2],
) -> Tiling {
    Tiling { rows, columns, depth, groups, stages, speed, together }
}

/// Numbers of 32 bits: 64, 32 and 16 sums per thread.
const WORDS: [Tiling; 3] = [
    tiling([128, 128, 8], [16, 16], 4, [100, 2]),
    tiling([64, 64, 8], [8, 16], 4, [80, 4]),
    tiling([32, 32, 8], [8, 8], 4, [45, 8]),
];

/// Integers of 64 bits: 32 and 16 sums per thread.
const LONGS: [Tiling; 2] =
    [tiling([64, 64, 8], [8, 16], 4, [100, 3]), tiling([32, 32, 8], [8, 8], 4, [70, 6])];

/// f64, by the multiplication of small matrices: four warps.
const DOUBLES: [Tiling; 2] =
    [tiling([64, 64, 8], [2, 2], 4, [100, 4]), tiling([32, 32, 8], [2, 2], 4, [60, 8])];

/// Numbers of 16 bits, by the multiplication of small matrices: eight or four warps. Where there is
/// room for it the widest tile is best, because a device multiplies faster than its second cache
/// delivers: 43 multiplications per byte against 32 and 16.
const HALVES: [Tiling; 4] = [
    tiling([128, 256, 32], [2, 4], 2, [115, 1]),
    tiling([128, 128, 32], [2, 2], 3, [100, 2]),
    tiling([64, 64, 32], [2, 2], 4, [70, 4]),
    tiling([32, 32, 32], [2, 2], 4, [35, 8]),
];

/// Numbers of 32 bits of which 10 bits of mantissa count, in the same way: tiles of as many bytes.
const TF32: [Tiling; 4] = [
    tiling([128, 256, 16], [2, 4], 2, [115, 1]),
    tiling([128, 128, 16], [2, 2], 3, [100, 2]),
    tiling([64, 64, 16], [2, 2], 4, [70, 4]),
    tiling([32, 32, 16], [2, 2], 4, [35, 8]),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    pub tiling: Tiling,
    /// Parts of the sum, and the summed numbers of each but the last.
    pub parts: usize,
    pub part: usize,
}

/// Every choice there is for a product.
pub fn choices(p: &Product) -> Vec<Choice> {
    let all: &[Tiling] = match p.dtype {
        DType::F16 | DType::BF16 => &HALVES,
        DType::F64 => &DOUBLES,
        DType::F32 if p.precision == Precision::Tf32 => &TF32,
        d if d.size() == 4 => &WORDS,
        _ => &LONGS,
    };
    all.iter().map(|t| with_parts(p, *t)).collect()
}

pub fn choose(p: &Product) -> Choice {
    let by_time = |a: &Choice, b: &Choice| time(p, a).total_cmp(&time(p, b));
    choices(p).into_iter().min_by(by_time).unwrap_or_else(|| with_parts(p, WORDS[0]))
}

pub fn tiles(p: &Product, t: &Tiling) -> usize {
    p.batch * p.m.div_ceil(t.rows) * p.n.div_ceil(t.columns)
}

fn with_parts(p: &Product, tiling: Tiling) -> Choice {
    let tiles = tiles(p, &tiling).max(1);
    let wanted = (PROCESSORS * tiling.together / tiles).min(p.k / LEAST_PART).min(MOST_PARTS);
    let part = p.k.div_ceil(wanted.max(1)).next_multiple_of(tiling.depth);
    Choice { tiling, parts: p.k.div_ceil(part), part }
}

/// The time of a choice, in multiplications of a multiprocessor.
fn time(p: &Product, choice: &Choice) -> f64 {
    let Choice { tiling: t, parts, part } = choice;
    let blocks = tiles(p, t) * parts;
    let rounds = blocks.div_ceil(PROCESSORS) as f64;
    let block = (t.rows * t.columns * part) as f64 * 100.0 / t.speed as f64;
    let stored = if *parts > 1 { (p.results() * parts) as f64 * STORED } else { 0.0 };
    rounds * block + stored / PROCESSORS as f64
}
