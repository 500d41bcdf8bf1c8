//! What one launch of a sort does, and its operands.

use super::body::Body;
use super::extents::THREADS;
use super::moves::{Gathered, Keys, Take};
use super::network::Network;
use super::pass::{DIGITS, Pass};
use super::{histogram, moves, network, spread};
use crate::ptx::Entry;
use smallvec::SmallVec;

/// What the threads of one launch do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Sorts rows, each in one block.
    Network(Network),
    /// Writes the keys of elements, and at first their positions.
    Keys(Keys),
    /// Counts the digits of every tile.
    Histogram(Pass),
    /// Sums the counts of a digit over the tiles before each.
    Offsets { rows: usize, tiles: usize },
    /// Moves keys and positions to where their digit belongs.
    Spread(Pass),
    /// Takes elements by their positions, or these.
    Take(Take),
    /// Copies so many elements of this size.
    Copy { count: usize, size: usize },
}

/// The memory of an operand of a launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// The routine's argument of this number.
    Argument(usize),
    /// Scratch memory from this byte on.
    Scratch(usize),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launch {
    pub stage: Stage,
    pub args: SmallVec<[Memory; 6]>,
}

/// The launches of a sort, one after the other, and the bytes of scratch memory that they share.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Launches {
    pub all: Vec<Launch>,
    pub scratch: usize,
}

impl Launches {
    pub fn add(&mut self, stage: Stage, args: impl IntoIterator<Item = Memory>) {
        self.all.push(Launch { stage, args: args.into_iter().collect() });
    }

    /// Scratch memory that nobody else has.
    pub fn reserve(&mut self, bytes: usize) -> Memory {
        let at = self.scratch;
        self.scratch += bytes.next_multiple_of(256);
        Memory::Scratch(at)
    }
}

impl Stage {
    /// Threads of a block.
    pub fn threads(&self) -> usize {
        match self {
            Stage::Network(n) => n.threads(),
            _ => THREADS,
        }
    }

    pub fn blocks(&self) -> usize {
        match self {
            Stage::Network(n) => n.blocks(),
            Stage::Keys(k) => k.rows.elements().div_ceil(THREADS),
            Stage::Histogram(p) | Stage::Spread(p) => p.rows * p.tiles(),
            Stage::Offsets { rows, .. } => rows * DIGITS,
            Stage::Take(t) => (t.rows.count * t.taken).div_ceil(THREADS),
            Stage::Copy { count, .. } => count.div_ceil(THREADS),
        }
    }

    /// The number of its operands.
    fn operands(&self) -> usize {
        match self {
            Stage::Network(n) => n.sources + n.results.len(),
            Stage::Keys(_) => 3,
            Stage::Histogram(_) | Stage::Offsets { .. } | Stage::Copy { .. } => 2,
            Stage::Spread(_) => 6,
            Stage::Take(t) => match t.what {
                Gathered::Element { .. } => 3,
                Gathered::Position { .. } => 2,
            },
        }
    }

    /// Bytes of shared memory.
    fn shared(&self) -> usize {
        match self {
            Stage::Network(n) => n.shared(),
            Stage::Histogram(_) => histogram::SHARED,
            Stage::Offsets { .. } => histogram::SCAN_SHARED,
            Stage::Spread(p) => spread::shared(p),
            Stage::Keys(_) | Stage::Take(_) | Stage::Copy { .. } => 0,
        }
    }
}

/// The entry of a launch. Its parameters are addresses: `unused` ones, then those of the operands.
pub fn entry(name: &str, stage: &Stage, unused: usize) -> Entry {
    let addresses = unused + stage.operands();
    let shared = stage.shared();
    let mut b = Body::new(unused, addresses, shared > 0);
    match stage {
        Stage::Network(n) => network::emit(&mut b, n),
        Stage::Keys(k) => moves::keys(&mut b, k),
        Stage::Histogram(p) => histogram::counts(&mut b, p),
        Stage::Offsets { tiles, .. } => histogram::offsets(&mut b, *tiles),
        Stage::Spread(p) => spread::emit(&mut b, p),
        Stage::Take(t) => moves::take(&mut b, t),
        Stage::Copy { count, size } => moves::copy(&mut b, *count, *size),
    }
    Entry { name: name.into(), addresses, threads: stage.threads() as u32, shared, code: b.c }
}
