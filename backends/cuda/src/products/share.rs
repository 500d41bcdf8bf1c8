//! How threads share a product of a matrix and a few vectors, by shape alone.

use super::product::{Product, Side};

/// The most vectors.
pub const MOST: usize = 8;
/// The least summed numbers.
pub const LEAST_DEPTH: usize = 32;
/// The multiprocessors and threads of the device that sums are cut for.
const PROCESSORS: usize = 128;
const THREADS: usize = PROCESSORS * 1024;
/// Warps of a block that share a sum, or have one each.
pub const WARPS: usize = 8;
/// The least summed numbers of a part, and the most parts.
const LEAST_PART: usize = 512;
const MOST_PARTS: usize = 128;

/// How the work is shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Which side is the matrix.
    pub matrix: usize,
    /// Lanes have chunks of rows, instead of chunks of summed numbers.
    pub by_rows: bool,
    /// Elements of a chunk, and rows that lanes take together.
    pub width: usize,
    pub rows: usize,
    /// Lanes that share a sum; the warps of a block do, too, if `shared`.
    pub lanes: usize,
    pub shared: bool,
    /// Parts of the sum, and the summed numbers of each but the last.
    pub parts: usize,
    pub part: usize,
}

pub fn plan(p: &Product) -> Plan {
    let matrix = usize::from(p.n > p.m);
    let side = &p.sides[matrix];
    let vectors = p.m.min(p.n);
    let by_rows = side.row == 1 && side.depth != 1 && side.rows >= 32;
    let size = p.dtype.size();
    let fits = |extent: usize, strides: [i64; 2], w: usize| {
        w * size <= 16
            && extent.is_multiple_of(w)
            && strides.iter().all(|s| s.unsigned_abs().is_multiple_of(w as u64))
    };
    let widest = |extent: usize, strides: [i64; 2], most: usize| {
        let all = [8, 4, 2].into_iter().filter(|w| *w <= most);
        all.into_iter().find(|w| fits(extent, strides, *w)).unwrap_or(1)
    };
    let mut plan = if by_rows {
        // All warps but the first pass their sums on in shared memory.
        let width = widest(side.rows, [side.depth, side.batch], 32 / vectors);
        Plan { matrix, by_rows, width, rows: width, lanes: 1, shared: true, parts: 1, part: p.k }
    } else {
        let width = match side.depth {
            1 => widest(p.k, [side.row, side.batch], 8),
            _ => 1,
        };
        let lanes = p.k.div_ceil(width).next_power_of_two().clamp(4, 32);
        let rows = if side.rows >= 2 { 2 } else { 1 };
        let few = p.batch * side.rows.div_ceil(rows) * lanes < THREADS / 2;
        let shared = few && lanes == 32 && p.k >= 2 * WARPS * 32 * width;
        Plan { matrix, by_rows, width, rows, lanes, shared, parts: 1, part: p.k }
    };
    let threads = plan.blocks(p).saturating_mul(32 * WARPS).max(1);
    let wanted = THREADS.div_ceil(threads).min(p.k / LEAST_PART).min(MOST_PARTS);
    if 2 * threads <= THREADS && wanted > 1 {
        plan.part = p.k.div_ceil(wanted).next_multiple_of(plan.width.max(8));
        plan.parts = p.k.div_ceil(plan.part);
    }
    plan
}

impl Plan {
    pub fn side<'a>(&self, p: &'a Product) -> &'a Side {
        &p.sides[self.matrix]
    }

    /// Groups of rows of one matrix.
    pub fn groups(&self, p: &Product) -> usize {
        self.side(p).rows.div_ceil(self.rows)
    }

    /// Groups of rows of a block.
    pub fn groups_of_block(&self) -> usize {
        match (self.by_rows, self.shared) {
            (true, _) => 32,
            (false, true) => 1,
            (false, false) => WARPS * 32 / self.lanes,
        }
    }

    /// The blocks of a part of one matrix, or of all if groups of several matrices share blocks.
    pub fn blocks(&self, p: &Product) -> usize {
        let groups = p.batch.saturating_mul(self.groups(p));
        groups.div_ceil(self.groups_of_block()).saturating_mul(self.parts)
    }
}
