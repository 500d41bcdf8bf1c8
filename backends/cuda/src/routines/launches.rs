//! The launches of a routine.

use super::dot;
use crate::ptx::Entry;
use cotangent_jit::program::Routine;

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

/// A routine whose arguments begin at multiples of these numbers of bytes; `None` if it has no
/// entries of its own.
pub fn launches(routine: &Routine, alignment: &[usize]) -> Option<Launches> {
    match routine {
        Routine::Dot { .. } => dot::launches(routine, alignment),
        _ => None,
    }
}
