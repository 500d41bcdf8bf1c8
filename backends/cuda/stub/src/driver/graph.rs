//! Graphs while they are built: nodes, edges, conditions.

use super::task::{Copy, Fill, Launch};
use crate::pointer::Call;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    If,
    While,
    Switch,
}

/// What a node does.
#[derive(Clone, Debug)]
pub enum Action {
    Kernel(Launch),
    Copy(Copy),
    Fill(Fill),
    Empty,
    Call(Call),
    /// A graph, by its handle, that this node owns.
    Child(u64),
    /// A condition, and the graphs that it chooses from.
    Condition {
        kind: Kind,
        condition: u64,
        bodies: Vec<u64>,
    },
}

#[derive(Clone, Debug)]
pub struct Node {
    pub handle: u64,
    pub action: Action,
    /// The nodes before it, by their places in the graph.
    pub after: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// The conditions that were created for it, with their values at each launch.
    pub conditions: Vec<(u64, Option<u32>)>,
    /// The node whose body or child it is.
    pub owner: Option<u64>,
}
