//! One pass over rows of keys: its digit, and how it cuts rows into tiles.

use super::extents::THREADS;
use crate::ptx::Class;

/// The values of a digit.
pub const DIGITS: usize = 1 << BITS;
/// The bits of a digit.
pub const BITS: u32 = 8;

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
