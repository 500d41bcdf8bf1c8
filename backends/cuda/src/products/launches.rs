//! The launches of a routine.

use crate::ptx::Entry;

/// What a parameter of an entry is the address of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// The argument of this number.
    Argument(usize),
    /// This byte of the scratch memory of the routine.
    Scratch(usize),
}

/// An entry and its launch. The name of the entry is not set.
pub struct Launch {
    pub entry: Entry,
    pub blocks: u64,
    pub operands: Vec<Operand>,
}

/// A routine as launches, each of which needs all that the one before has written.
#[derive(Default)]
pub struct Launches {
    pub all: Vec<Launch>,
    /// Bytes of scratch memory, which begins at a multiple of 256.
    pub scratch: usize,
}
