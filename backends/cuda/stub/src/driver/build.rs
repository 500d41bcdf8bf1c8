//! Building graphs.

use super::graph::{Action, Graph, Node};
use super::state::Driver;
use crate::code::{Answer, Code};

impl Driver {
    pub fn graph(&mut self, handle: u64) -> Answer<&mut Graph> {
        self.graphs.get_mut(&handle).ok_or(Code::INVALID_HANDLE)
    }

    pub fn new_graph(&mut self, owner: Option<u64>) -> u64 {
        let handle = self.shared.handle();
        self.graphs.insert(handle, Graph { owner, ..Graph::default() });
        handle
    }

    /// The graph and the place of a node.
    pub fn node(&self, handle: u64) -> Answer<(u64, usize)> {
        self.nodes.get(&handle).copied().ok_or(Code::INVALID_HANDLE)
    }

    /// The places of nodes that must all be of one graph.
    pub fn places(&self, graph: u64, nodes: &[u64]) -> Answer<Vec<usize>> {
        let place = |n: &u64| match self.node(*n) {
            Ok((of, place)) if of == graph => Ok(place),
            _ => Err(Code::INVALID_VALUE),
        };
        nodes.iter().map(place).collect()
    }

    pub fn add_node(&mut self, graph: u64, after: Vec<usize>, action: Action) -> Answer<u64> {
        let handle = self.shared.handle();
        let mut after = after;
        after.sort_unstable();
        if after.windows(2).any(|w| w[0] == w[1]) {
            return Err(Code::INVALID_VALUE);
        }
        let nodes = &mut self.graph(graph)?.nodes;
        nodes.push(Node { handle, action, after });
        let place = nodes.len() - 1;
        self.nodes.insert(handle, (graph, place));
        Ok(handle)
    }

    /// Adds edges. An edge that is there already is an error, as is one from a node to itself.
    pub fn add_edges(&mut self, graph: u64, from: &[u64], to: &[u64]) -> Answer {
        let (from, to) = (self.places(graph, from)?, self.places(graph, to)?);
        let nodes = &mut self.graph(graph)?.nodes;
        for (from, to) in from.into_iter().zip(to) {
            if from == to || nodes[to].after.contains(&from) {
                return Err(Code::INVALID_VALUE);
            }
            nodes[to].after.push(from);
        }
        Ok(())
    }

    /// A copy of a graph, its children included, that a node will own. Conditions belong to one
    /// graph and are not copied.
    pub fn copy_graph(&mut self, graph: u64, owner: u64) -> Answer<u64> {
        let nodes = self.graph(graph)?.nodes.clone();
        let copy = self.new_graph(Some(owner));
        for node in nodes {
            let action = match node.action {
                Action::Child(child) => Action::Child(self.copy_graph(child, owner)?),
                Action::Condition { .. } => return Err(Code::NOT_SUPPORTED),
                action => action,
            };
            self.add_node(copy, node.after, action)?;
        }
        Ok(copy)
    }

    /// Destroys a graph and what its nodes own.
    pub fn destroy_graph(&mut self, handle: u64) -> Answer {
        let graph = self.graphs.remove(&handle).ok_or(Code::INVALID_HANDLE)?;
        for node in graph.nodes {
            self.nodes.remove(&node.handle);
            self.bodies.remove(&node.handle);
            let owned = match node.action {
                Action::Child(child) => vec![child],
                Action::Condition { bodies, .. } => bodies,
                _ => Vec::new(),
            };
            owned.into_iter().try_for_each(|g| self.destroy_graph(g))?;
        }
        Ok(())
    }
}
