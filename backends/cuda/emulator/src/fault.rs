//! What the interpreter refuses, and where.
//!
//! A [`Fault`] is the only error of this crate. Its kind is for tests and for drivers, which turn
//! it into a status; its text is for people.

use std::fmt;

/// The reason for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The text is no PTX.
    Syntax,
    /// A directive, instruction or modifier that the interpreter does not know.
    Unsupported,
    /// Operands whose registers or literals do not fit the type of the instruction.
    Type,
    /// Floating-point `add`, `sub` or `mul` without `.rn`: an assembler may contract it.
    Contraction,
    /// A name that is not declared, or is declared twice.
    Name,
    /// A grid or block of a size that the device or the entry does not allow.
    Shape,
    /// Parameter bytes of another length than the entry's parameters.
    Parameters,
    /// More shared memory than a block may have.
    SharedSize,
    /// A read of a register or predicate that the thread has not written.
    UnwrittenRegister,
    /// A read of bytes that nobody has written.
    UnwrittenMemory,
    /// An address that is no multiple of the access's bytes.
    Misaligned,
    /// An access outside of every block of memory, or to a block that was freed.
    OutOfBounds,
    /// An allocation for which nothing is left.
    OutOfMemory,
    /// A division or remainder of integers by zero.
    DivisionByZero,
    /// A shuffle that reads from a lane that does not take part.
    AbsentLane,
    /// A barrier that not all threads reach.
    DivergentBarrier,
    /// A `.sync` instruction whose mask does not name the lanes that execute it, or whose operands
    /// differ between lanes where they must not.
    MaskMismatch,
    /// `bra.uni` that not all lanes take alike.
    DivergentBranch,
    /// Two unordered accesses to a byte of shared memory, at least one of which writes.
    SharedRace,
    /// The same for a byte of global memory.
    GlobalRace,
    /// A read by `ld.global.nc` of a byte that the same launch writes.
    ReadOnlyAlias,
    /// An access to bytes that a `cp.async` has not delivered yet.
    AsyncPending,
    /// A store to memory that is read only.
    ReadOnlyMemory,
    /// A condition that is set outside of the graph that has it.
    Condition,
    /// More instructions than the device's budget allows: most often an endless loop.
    Budget,
}

/// A refusal: its kind, its place, and a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// The line of the PTX text, from one.
    pub line: Option<u32>,
    /// The index of the block in the grid.
    pub block: Option<[u32; 3]>,
    /// The index of the thread in its block.
    pub thread: Option<[u32; 3]>,
    pub message: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault { kind, line: None, block: None, thread: None, message: message.into() }
    }

    pub(crate) fn at_line(kind: FaultKind, line: u32, message: impl Into<String>) -> Fault {
        Fault { line: Some(line), ..Fault::new(kind, message) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ptx: {}", self.message)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some([x, y, z]) = self.block {
            write!(f, ", block ({x}, {y}, {z})")?;
        }
        if let Some([x, y, z]) = self.thread {
            write!(f, ", thread ({x}, {y}, {z})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// A refusal inside a warp, before its place is known: the lane and the rest.
#[derive(Debug)]
pub(crate) struct Trap {
    pub kind: FaultKind,
    pub lane: Option<u32>,
    pub message: String,
}

impl Trap {
    pub fn new(kind: FaultKind, lane: u32, message: impl Into<String>) -> Trap {
        Trap { kind, lane: Some(lane), message: message.into() }
    }

    pub fn of_warp(kind: FaultKind, message: impl Into<String>) -> Trap {
        Trap { kind, lane: None, message: message.into() }
    }
}
