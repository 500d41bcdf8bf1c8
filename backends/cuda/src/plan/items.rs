//! A program as items for a device's queue: launches of entries, copies, and what the host does.

use super::graphs::Launch;
use crate::ptx::Entry;
use cotangent_jit::affine::Affine;
use cotangent_jit::host::HostCall;
use cotangent_jit::program::{Program, Routine, SlotKind, View};
use smallvec::SmallVec;
use std::fmt;

/// The memory that an address lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Base {
    /// The caller's input or output of this number.
    Input(usize),
    Output(usize),
    /// The memory of the run: temporaries, and scratch memory behind them.
    Arena,
}

/// A number of bytes behind a base, affine in the counters of the enclosing loops.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub base: Base,
    pub bytes: Affine,
    /// The number of enclosing loops.
    pub depth: usize,
}

impl Address {
    /// The address of an element of a slot, inside of so many loops.
    pub fn of(program: &Program, view: &View, depth: usize) -> Address {
        let slot = program.slot(view.slot);
        let bytes = view.at.scale(slot.dtype.size() as i64);
        let (base, offset) = match slot.kind {
            SlotKind::Input(n) => (Base::Input(n), 0),
            SlotKind::Output(n) => (Base::Output(n), 0),
            SlotKind::Temp { arena_offset } => (Base::Arena, arena_offset as i64),
        };
        Address { base, bytes: Affine { offset: bytes.offset + offset, ..bytes }, depth }
    }

    /// This byte of the memory of the run.
    pub fn arena(at: usize, depth: usize) -> Address {
        Address { base: Base::Arena, bytes: Affine::constant(at as i64), depth }
    }
}

/// A parameter of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Argument {
    Address(Address),
    /// The counter of an enclosing loop of the host.
    Counter(usize),
}

/// Something for the queue, or for the host between two parts of it.
#[derive(Clone, Debug)]
pub enum Item {
    Launch {
        entry: usize,
        blocks: u64,
        args: Vec<Argument>,
    },
    Host {
        call: HostCall,
        args: Vec<Address>,
    },
    /// Launches, one after the other; the number of the graph among all of the plan.
    Graph {
        number: usize,
        launches: Vec<Launch>,
    },
    /// A routine that the host computes.
    Routine {
        routine: Routine,
        args: Vec<Address>,
    },
    Loop {
        trips: usize,
        body: Vec<Item>,
    },
    While {
        test: Vec<Item>,
        holds: Address,
        body: Vec<Item>,
        limit: Option<usize>,
    },
    Branch {
        index: Address,
        arms: Vec<Vec<Item>>,
    },
}

/// A program as items, and the entries that they launch.
pub struct Plan {
    pub entries: Vec<Entry>,
    pub items: Vec<Item>,
    /// The number of graphs among them.
    pub graphs: usize,
    /// Bytes of the memory of a run.
    pub arena: usize,
    pub counts: Counts,
}

/// What a run does, as far as that is known before; one iteration of a `while`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Entries launched one by one.
    pub launches: usize,
    /// Graphs launched, and the entries in them.
    pub graphs: usize,
    pub nodes: usize,
    /// Times that the host waits for the device.
    pub round_trips: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { launches, graphs, nodes, round_trips } = self;
        write!(
            f,
            "{launches} launches, {graphs} graphs of {nodes} launches, {round_trips} round trips"
        )
    }
}

impl Counts {
    pub fn of(items: &[Item]) -> Counts {
        let mut sum = Counts::default();
        for item in items {
            let more = match item {
                Item::Launch { .. } => Counts { launches: 1, ..Counts::default() },
                Item::Graph { launches, .. } => {
                    Counts { graphs: 1, nodes: launches.len(), ..Counts::default() }
                }
                Item::Host { .. } | Item::Routine { .. } => {
                    Counts { round_trips: 1, ..Counts::default() }
                }
                Item::Loop { trips, body } => Counts::of(body).times(*trips),
                Item::While { test, body, .. } => {
                    let once = Counts { round_trips: 1, ..Counts::default() };
                    Counts::of(test).and(Counts::of(body)).and(once)
                }
                Item::Branch { arms, .. } => {
                    let most = arms.iter().map(|a| Counts::of(a));
                    let most = most.max_by_key(|c| c.launches + c.nodes).unwrap_or_default();
                    most.and(Counts { round_trips: 1, ..Counts::default() })
                }
            };
            sum = sum.and(more);
        }
        sum
    }

    fn and(self, o: Counts) -> Counts {
        Counts {
            launches: self.launches + o.launches,
            graphs: self.graphs + o.graphs,
            nodes: self.nodes + o.nodes,
            round_trips: self.round_trips + o.round_trips,
        }
    }

    fn times(self, n: usize) -> Counts {
        Counts {
            launches: self.launches * n,
            graphs: self.graphs * n,
            nodes: self.nodes * n,
            round_trips: self.round_trips * n,
        }
    }
}

/// The greatest power of two that divides a number, up to `most`.
fn power(n: i64, most: usize) -> usize {
    if n == 0 { most } else { most.min(1 << n.trailing_zeros().min(30)) }
}

/// The multiple of bytes at which an address lies, whatever the counters are.
pub fn alignment(at: &Address) -> usize {
    const LEAST: usize = 64;
    let mut all: SmallVec<[i64; 6]> = at.bytes.strides.iter().copied().collect();
    all.push(at.bytes.offset);
    all.into_iter().map(|n| power(n, LEAST)).min().unwrap_or(LEAST)
}
