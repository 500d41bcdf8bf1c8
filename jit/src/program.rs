//! The program language: what an executable does, in order, on one device.
//!
//! A program owns *slots* (typed buffers) and a list of *steps*. Control flow is part of the
//! program, so a backend can compile a small program with its loops into one native function, or
//! capture it as a graph.
//!
//! The verifier checks these invariants and numbers its messages by them ([`INVARIANTS`] holds the
//! first sentences):
//! 1. Operands exist and fit, and views stay inside their slots. Slots, kernels and routines exist,
//!    their types and lengths fit, and every view lies inside its slot for all values of the
//!    counters of the enclosing loops.
//! 2. Outputs are written, and temporaries before they are read. Every output is written on every
//!    path to the end.
//! 3. Inputs are never written, nor is memory that is still needed. Constants are inputs. Donated
//!    memory is written through the slot of the output, and only after the last read of the input.
//! 4. Temporaries that are live together do not overlap. They lie apart in the arena.
//!
//! Steps run in the order in which they are listed, and this order is the order of host calls. If a
//! step fails, the program ends at once with the error of that step, and the contents of the
//! outputs are unspecified.

use crate::DType;
use crate::affine::Affine;
use crate::host::HostCall;
use crate::kernel::Kernel;
pub use crate::routine::{Precision, Routine, Triangle};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::fmt;

/// The first sentences of the invariants above, by their numbers less one.
pub const INVARIANTS: [&str; 4] = [
    "operands exist and fit, and views stay inside their slots",
    "outputs are written, and temporaries before they are read",
    "inputs are never written, nor is memory that is still needed",
    "temporaries that are live together do not overlap",
];

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct SlotId(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct KernelId(pub u32);

/// A device of the machine: the name of its backend and its number there.
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

/// The source of a slot's memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SlotKind {
    /// The caller's `n`th input, read only. Captured constants are inputs too.
    Input(usize),
    /// The caller's `n`th output.
    Output(usize),
    /// Scratch at this byte offset of the program's arena (0 before planning, see
    /// [`plan`](crate::plan)).
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

/// A position inside a slot. The element offset is affine in the counters of the enclosing loops,
/// outermost first.
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
    /// Calls a closure of the host. There is one view per argument, then one per result; the call
    /// writes every result in full.
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
    /// Runs `test`, and while the bool at `holds` is true, `body` and `test` again. The counter of
    /// this loop counts the iterations; views have stride 0 in it. `limit`, if given, bounds the
    /// number of iterations.
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

impl Step {
    /// The views of the step, without those of steps inside of it.
    pub fn views(&self) -> Vec<&View> {
        match self {
            Step::Launch { args, .. } | Step::Routine { args, .. } | Step::Host { args, .. } => {
                args.iter().collect()
            }
            Step::Copy { from, to, .. } => vec![from, to],
            Step::Loop { .. } => Vec::new(),
            Step::While { holds, .. } => vec![holds],
            Step::Branch { index, .. } => vec![index],
        }
    }

    /// The lists of steps directly inside of the step.
    pub fn bodies(&self) -> Vec<&[Step]> {
        match self {
            Step::Loop { body, .. } => vec![body],
            Step::While { test, body, .. } => vec![test, body],
            Step::Branch { arms, .. } => arms.iter().map(|a| &a[..]).collect(),
            _ => Vec::new(),
        }
    }
}

/// The slots, kernels and steps of an executable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Program {
    pub name: String,
    pub place: Placement,
    pub slots: Vec<Slot>,
    pub kernels: Vec<Kernel>,
    pub steps: Vec<Step>,
    /// `(output, input)` pairs that may share memory: if the caller gives up the input, its buffer
    /// may be passed as the output. Both have one dtype and length. No step reads the input after
    /// the first write of the output, except a kernel that reads and writes the same point.
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

    /// The number of views of each slot.
    pub fn uses(&self) -> FxHashMap<SlotId, usize> {
        let mut uses = FxHashMap::default();
        let mut open: Vec<&[Step]> = vec![&self.steps];
        while let Some(steps) = open.pop() {
            for step in steps {
                step.views().into_iter().for_each(|v| *uses.entry(v.slot).or_default() += 1);
                open.extend(step.bodies());
            }
        }
        uses
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

/// The arithmetic and the memory traffic of a program, for reports: exact for kernels, `2 b m n k`
/// for dots, one iteration for while loops.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cost {
    pub flops: f64,
    pub bytes_read: f64,
    pub bytes_written: f64,
}
