//! A program as items for a device's queue: launches of entries, copies, and what the host does.

use super::gemm::Gemm;
use crate::ptx::Entry;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::Launches;
use cotangent_jit::host::HostCall;
use cotangent_jit::program::{Program, Routine, SlotKind, View};
use smallvec::SmallVec;

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
    /// The counter of one of so many enclosing loops, which the host runs.
    Counter {
        of: usize,
        depth: usize,
    },
    /// A number.
    Value(i64),
}

/// A launch of a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Launch {
    pub entry: usize,
    pub blocks: u64,
    pub args: Vec<Argument>,
}

/// A launch under a condition of a graph, or for the sake of one. Its parameters come from these
/// [sources](crate::ptx::Source), because the host sets none while the device runs a loop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guarded {
    pub entry: usize,
    pub blocks: u64,
    /// The words of its row, which the host writes before a run.
    pub row: Vec<Argument>,
    pub own: Vec<Own>,
}

/// A parameter that stays as long as the graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    Value(i64),
    /// The handle of a condition of the graph.
    Condition(usize),
    /// The address of a counter of the graph.
    Counter(usize),
}

/// A node of a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    Launch(Launch),
    Guarded(Guarded),
    /// Runs its body, which has nodes, once if the condition holds, or as long as it holds.
    Condition {
        condition: usize,
        repeats: bool,
        body: Vec<Node>,
    },
}

/// Nodes, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// The numbers of conditions, and of counters in the device's memory.
    pub conditions: usize,
    pub counters: usize,
}

impl Graph {
    /// All nodes but the conditions, in order.
    pub fn launches(&self) -> Vec<&Node> {
        fn add<'a>(nodes: &'a [Node], all: &mut Vec<&'a Node>) {
            for node in nodes {
                match node {
                    Node::Condition { body, .. } => add(body, all),
                    node => all.push(node),
                }
            }
        }
        let mut all = Vec::new();
        add(&self.nodes, &mut all);
        all
    }
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
    /// Launches, loops and branches that the device decides by itself; the number of the graph
    /// among all of the plan.
    Graph {
        number: usize,
        graph: Graph,
    },
    /// A product of matrices that a library computes: its number among all of the plan, and the
    /// addresses of the left operand, the right one and the result.
    Product {
        number: usize,
        args: [Address; 3],
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
    /// The products that a library computes.
    pub products: Vec<Gemm>,
    /// The number of graphs among them.
    pub graphs: usize,
    /// Bytes of the memory of a run.
    pub arena: usize,
    pub launches: Launches,
}

/// What a run of these items asks of the device.
pub fn launches(items: &[Item]) -> Launches {
    let none = Launches::default();
    let answer = Launches { round_trips: 1, ..none };
    let one = |item: &Item| match item {
        Item::Launch { .. } | Item::Product { .. } => Launches { single: 1, ..none },
        Item::Graph { graph, .. } => Launches {
            graphs: 1,
            nodes: graph.launches().len(),
            conditions: graph.conditions,
            ..none
        },
        Item::Host { .. } | Item::Routine { .. } => answer,
        Item::Loop { trips, body } => launches(body).times(*trips),
        Item::While { test, body, .. } => launches(test).and(launches(body)).and(answer),
        Item::Branch { arms, .. } => {
            let longest = arms.iter().map(|a| launches(a)).max_by_key(|l| l.single + l.nodes);
            longest.unwrap_or_default().and(answer)
        }
    };
    items.iter().fold(none, |sum, item| sum.and(one(item)))
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
