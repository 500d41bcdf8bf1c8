//! Passes over long rows: keys are sorted by their digits of eight bits, the last digit first, so
//! that each pass leaves in order what the ones before have ordered.
//!
//! ```text
//! histogram: how often each digit occurs in each tile of a row
//! offsets:   for each digit, how often it occurs in the tiles before, and in the whole row
//! spread:    keys and positions to the place of their digit, tile and rank
//! ```

use super::launch::{Launches, Memory, Stage, THREADS};
use super::record::size;
use crate::ptx::Class;

/// The values of a digit.
pub const DIGITS: usize = 1 << BITS;
/// The bits of a digit.
const BITS: u32 = 8;

/// One launch of a pass over dense rows of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pass {
    pub rows: usize,
    pub len: usize,
    /// The words that hold keys.
    pub word: Class,
    /// The lowest bit of the digit.
    pub shift: u32,
}

impl Pass {
    /// Keys of a tile that each thread takes: as many as its registers hold where three blocks
    /// share a multiprocessor.
    pub fn per_thread(&self) -> usize {
        if self.word == Class::B64 { 8 } else { 12 }
    }

    /// Keys of a tile.
    pub fn tile(&self) -> usize {
        THREADS * self.per_thread()
    }

    /// Tiles of a row.
    pub fn tiles(&self) -> usize {
        self.len.div_ceil(self.tile())
    }
}

/// Where sorted keys and positions lie.
#[derive(Clone, Copy, Debug)]
pub struct Sorted {
    pub keys: Memory,
    pub positions: Memory,
}

/// The memory of a sort by digits: two sides, between which each pass moves everything.
pub struct Passes {
    rows: usize,
    len: usize,
    sides: [Sorted; 2],
    counts: Memory,
    totals: Memory,
}

impl Passes {
    /// Reserves memory for dense rows of keys up to this width.
    pub fn new(all: &mut Launches, rows: usize, len: usize, word: Class) -> Passes {
        let elements = rows * len;
        // Keys of both sides lie side by side: behind the last pass, elements may lie there.
        let keys = [(); 2].map(|()| all.reserve(elements * size(word)));
        let positions = [(); 2].map(|()| all.reserve(elements * 4));
        let sides = [0, 1].map(|n| Sorted { keys: keys[n], positions: positions[n] });
        // Words of 64 bits have the most tiles.
        let tiles = Pass { rows, len, word, shift: 0 }.tiles();
        let counts = all.reserve(4 * rows * DIGITS * tiles);
        let totals = all.reserve(4 * rows * DIGITS);
        Passes { rows, len, sides, counts, totals }
    }

    /// The side that is sorted so far.
    pub fn side(&self) -> Sorted {
        self.sides[0]
    }

    /// The memory of keys, which nobody needs when positions are known: of both sides.
    pub fn free(&self) -> Memory {
        match (self.sides[0].keys, self.sides[1].keys) {
            (Memory::Scratch(a), Memory::Scratch(b)) => Memory::Scratch(a.min(b)),
            (other, _) => other,
        }
    }

    /// Sorts by keys of so many bits.
    pub fn sort(&mut self, all: &mut Launches, bits: u32, word: Class) {
        let Passes { rows, len, counts, totals, .. } = *self;
        for shift in (0..bits).step_by(BITS as usize) {
            let pass = Pass { rows, len, word, shift };
            let [from, to] = self.sides;
            all.add(Stage::Histogram(pass), [from.keys, counts]);
            all.add(Stage::Offsets { rows, tiles: pass.tiles() }, [counts, totals]);
            let operands = [from.keys, from.positions, counts, totals, to.keys, to.positions];
            all.add(Stage::Spread(pass), operands);
            self.sides.swap(0, 1);
        }
    }
}
