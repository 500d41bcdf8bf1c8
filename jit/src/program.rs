//! The program language: what an executable does, in order, on one device.
//!
//! A program owns *slots* (typed buffers) and a list of *steps*. Inputs and constants are only read, unless a donation
//! lets an output share an input's memory. Control flow is in the program, so that a backend can compile a small program,
//! loops included, into one native function or capture it as a graph.
//!
//! Invariants:
//! 1. Slot, kernel and routine operands exist and their dtypes and lengths fit: every view lies inside its slot for all
//!    values of the enclosing loops' counters.
//! 2. Every output is written before the program ends; a temporary is written before it is read.
//! 3. Inputs and constants are never written (donated memory is written through the output's slot).
//! 4. Temporaries that overlap in the arena are not live at the same time.
//!
//! Steps run in the order in which they are written; that is what keeps the order of host calls. If one fails, the program
//! ends at once with its error, and outputs hold anything.

use crate::DType;
use crate::affine::Affine;
use crate::host::HostCall;
use crate::kernel::Kernel;
pub use crate::routine::{Routine, Triangle};
use smallvec::SmallVec;
use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct SlotId(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct KernelId(pub u32);

/// A device of the machine: which backend, which of its devices.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Placement {
    pub backend: &'static str,
    pub ordinal: u32,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.backend, self.ordinal)
    }
}

/// Where the memory of a slot comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SlotKind {
    /// The caller's `n`th input, read only. Captured constants are inputs too.
    Input(usize),
    /// The caller's `n`th output.
    Output(usize),
    /// Scratch at this byte offset of the program's arena (0 before planning, see [`plan`](crate::plan)).
    Temp { arena_offset: usize },
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Slot {
    pub dtype: DType,
    /// Number of elements.
    pub len: usize,
    pub kind: SlotKind,
}

impl Slot {
    pub fn bytes(&self) -> usize {
        self.len * self.dtype.size()
    }
}

/// A position inside a slot: the element offset is affine in the counters of the enclosing loops, outermost first.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct View {
    pub slot: SlotId,
    pub at: Affine,
}

impl View {
    pub fn whole(slot: SlotId) -> View {
        View { slot, at: Affine::default() }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Runs a kernel with one view per buffer of the kernel.
    Launch {
        kernel: KernelId,
        args: SmallVec<[View; 4]>,
    },
    Routine {
        routine: Routine,
        args: SmallVec<[View; 4]>,
    },
    /// Calls a closure of the host; one view per argument, then one per result, all of which it writes.
    Host {
        call: HostCall,
        args: SmallVec<[View; 4]>,
    },
    /// Copies `len` elements; the ranges do not overlap, or are the same.
    Copy {
        from: View,
        to: View,
        len: usize,
    },
    /// Runs `body` `trips` times; its counter is the next position of [`View::at`].
    Loop {
        trips: usize,
        body: Vec<Step>,
    },
    /// Runs `test`, and while the bool at `holds` is true, `body` and `test` again. The counter of this loop exists in
    /// views (it counts rounds) but only with stride 0. `limit` bounds how often `body` runs, if given.
    While {
        test: Vec<Step>,
        holds: View,
        body: Vec<Step>,
        limit: Option<usize>,
    },
    /// Runs the arm whose number the i32 at `index` holds, clamped into range.
    Branch {
        index: View,
        arms: Vec<Vec<Step>>,
    },
}

/// What an executable does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Program {
    pub name: String,
    pub place: Placement,
    pub slots: Vec<Slot>,
    pub kernels: Vec<Kernel>,
    pub steps: Vec<Step>,
    /// `(output, input)` pairs that may share memory: if the caller gives up the input, its buffer may be passed as the
    /// output. Same dtype and length; no step reads the input after the first write of the output, except a kernel
    /// that reads and writes the same point.
    pub donations: Vec<(usize, usize)>,
    /// Bytes of scratch.
    pub arena: usize,
}

impl Program {
    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0 as usize]
    }

    pub fn kernel(&self, id: KernelId) -> &Kernel {
        &self.kernels[id.0 as usize]
    }

    /// The slots of the inputs, in order.
    pub fn inputs(&self) -> Vec<SlotId> {
        self.numbered(|k| if let SlotKind::Input(n) = k { Some(n) } else { None })
    }

    /// The slots of the outputs, in order.
    pub fn outputs(&self) -> Vec<SlotId> {
        self.numbered(|k| if let SlotKind::Output(n) = k { Some(n) } else { None })
    }

    fn numbered(&self, number: impl Fn(SlotKind) -> Option<usize>) -> Vec<SlotId> {
        let mut found: Vec<(usize, SlotId)> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(i, s)| Some((number(s.kind)?, SlotId(i as u32))))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }
}

/// The arithmetic of a program, for `cost` reports: exact for kernels, `2 b m n k` for dots, trips of while loops once.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cost {
    pub flops: f64,
    pub bytes_read: f64,
    pub bytes_written: f64,
}
