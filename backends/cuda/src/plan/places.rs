//! Where an item stands in a graph: the loops around it that nobody drives but the device, and its
//! addresses there.

use super::items::{Address, Argument};
use cotangent_jit::affine::Affine;
use smallvec::{SmallVec, smallvec};

/// The counter of a loop that the device or nobody drives.
#[derive(Clone, Copy)]
pub enum Level {
    /// An iteration of an unrolled loop; loops that end by a test, whose counter is in no address.
    Fixed(i64),
    /// `times` iterations for each round that the counter counts, and `plus` more.
    Counted { counter: usize, times: i64, plus: i64 },
}

/// The place of an item: the loops between it and the host, and what is around it in the graph.
#[derive(Clone, Default)]
pub struct Place {
    pub levels: SmallVec<[Level; 4]>,
    /// Counters that are in use.
    pub counters: usize,
    /// Whether the parameters of launches come from a table.
    pub guarded: bool,
}

impl Place {
    pub fn within(&self, level: Level) -> Place {
        let mut inner = self.clone();
        inner.levels.push(level);
        inner
    }

    pub fn guarded(&self) -> Place {
        Place { guarded: true, ..self.clone() }
    }
}

/// Multiples of the device's counters, each by its number.
pub type Terms = SmallVec<[(usize, i64); 2]>;

/// An argument in the counters of the host's loops, and multiples of the device's.
pub fn placed(argument: &Argument, levels: &[Level]) -> (Argument, Terms) {
    match argument {
        Argument::Address(Address { base, bytes, depth }) => {
            let outer = depth - levels.len();
            let (mut moved, mut terms) = (0, Terms::new());
            for (n, level) in levels.iter().enumerate() {
                let stride = bytes.stride(outer + n);
                match *level {
                    Level::Fixed(value) => moved += stride * value,
                    Level::Counted { counter, times, plus } => {
                        moved += stride * plus;
                        if stride != 0 {
                            terms.push((counter, stride * times));
                        }
                    }
                }
            }
            let strides = (0..outer).map(|n| bytes.stride(n));
            let bytes = Affine::new(bytes.offset + moved, strides);
            (Argument::Address(Address { base: *base, bytes, depth: outer }), terms)
        }
        Argument::Counter { of, depth } => {
            let outer = depth - levels.len();
            match of.checked_sub(outer).map(|n| levels[n]) {
                None => (Argument::Counter { of: *of, depth: outer }, Terms::new()),
                Some(Level::Fixed(n)) => (Argument::Value(n), Terms::new()),
                Some(Level::Counted { counter, times, plus }) => {
                    (Argument::Value(plus), smallvec![(counter, times)])
                }
            }
        }
        Argument::Value(n) => (Argument::Value(*n), Terms::new()),
    }
}
