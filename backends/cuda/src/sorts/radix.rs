//! Passes over long rows: keys are sorted by their digits of eight bits, the last digit first, so
//! that each pass leaves in order what the ones before have ordered.
//!
//! ```text
//! histogram: how often each digit occurs in each tile of a row
//! offsets:   for each digit, how often it occurs in the tiles before, and in the whole row
//! spread:    keys and positions to the place of their digit, tile and rank
//! ```

use super::extents::size;
use super::launch::{Launches, Memory, Stage};
use super::pass::{BITS, DIGITS, Pass};
use crate::ptx::Class;

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
