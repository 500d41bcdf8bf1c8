//! A graph as it was instantiated: complete, checked, independent of the graph it came from.

use super::graph::{Action, Graph, Kind};
use super::task::{Copy, Fill, Launch};
use crate::code::{Answer, Code};
use crate::pointer::Call;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Graphs by their handles.
type Graphs = BTreeMap<u64, Graph>;

#[derive(Clone, Debug)]
pub enum Task {
    Kernel(Launch),
    Copy(Copy),
    Fill(Fill),
    Empty,
    Call(Call),
    Child(Arc<Plan>),
    Condition { kind: Kind, condition: u64, bodies: Vec<Arc<Plan>> },
}

impl Task {
    pub fn name(&self) -> String {
        match self {
            Task::Kernel(launch) => format!("entry `{}`", launch.entry),
            Task::Copy(copy) => copy.to_string(),
            Task::Fill(fill) => format!("a fill of {} bytes", fill.bytes()),
            Task::Empty => "an empty node".to_owned(),
            Task::Call(_) => "a call of the host".to_owned(),
            Task::Child(_) => "a child graph".to_owned(),
            Task::Condition { kind, .. } => format!("a node {kind:?}"),
        }
    }

    /// Whether an update may put the other in its place.
    fn is_like(&self, other: &Task) -> bool {
        match (self, other) {
            (Task::Child(a), Task::Child(b)) => a.is_like(b),
            (
                Task::Condition { kind: a, bodies: x, .. },
                Task::Condition { kind: b, bodies: y, .. },
            ) => a == b && x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.is_like(y)),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Step {
    /// The node that it was made from.
    pub handle: u64,
    pub task: Task,
    pub after: Vec<usize>,
    pub before: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub nodes: Vec<Step>,
    /// By node: a bit for each other node, set if that is ordered before it.
    behind: Vec<Vec<u64>>,
    /// The conditions of this graph and all within it, with their values at each launch.
    pub conditions: Vec<(u64, Option<u32>)>,
    /// Whether a node calls a function of the host.
    pub calls_host: bool,
}

impl Plan {
    /// Checks a graph and all that it contains, and copies it.
    pub fn new(graphs: &Graphs, graph: u64) -> Answer<Plan> {
        let graph = graphs.get(&graph).ok_or(Code::INVALID_HANDLE)?;
        let mut plan = Plan { conditions: graph.conditions.clone(), ..Plan::default() };
        for node in &graph.nodes {
            let task = plan.task(graphs, &node.action)?;
            let (handle, after) = (node.handle, node.after.clone());
            plan.nodes.push(Step { handle, task, after, before: Vec::new() });
        }
        plan.connect()?;
        Ok(plan)
    }

    fn task(&mut self, graphs: &Graphs, action: &Action) -> Answer<Task> {
        Ok(match action {
            Action::Kernel(launch) => Task::Kernel(launch.clone()),
            Action::Copy(copy) => Task::Copy(copy.clone()),
            Action::Fill(fill) => Task::Fill(fill.clone()),
            Action::Empty => Task::Empty,
            Action::Call(call) => {
                self.calls_host = true;
                Task::Call(*call)
            }
            Action::Child(child) => Task::Child(self.part(graphs, *child)?),
            Action::Condition { kind, condition, bodies } => {
                let body = |b: &u64| match self.part(graphs, *b)? {
                    // A body runs where no host is near.
                    part if part.calls_host => Err(Code::NOT_SUPPORTED),
                    part => Ok(part),
                };
                let bodies = bodies.iter().map(body).collect::<Answer<_>>()?;
                Task::Condition { kind: *kind, condition: *condition, bodies }
            }
        })
    }

    fn part(&mut self, graphs: &Graphs, graph: u64) -> Answer<Arc<Plan>> {
        let part = Plan::new(graphs, graph)?;
        self.conditions.extend_from_slice(&part.conditions);
        self.calls_host |= part.calls_host;
        Ok(Arc::new(part))
    }

    /// Finds the successors of each node and what is ordered before it. A circle is an error.
    fn connect(&mut self) -> Answer {
        let count = self.nodes.len();
        let mut waits: Vec<usize> = self.nodes.iter().map(|n| n.after.len()).collect();
        for n in 0..count {
            for from in self.nodes[n].after.clone() {
                self.nodes[from].before.push(n);
            }
        }
        self.behind = vec![vec![0; count.div_ceil(64)]; count];
        let mut ready: Vec<usize> = (0..count).filter(|n| waits[*n] == 0).collect();
        let mut seen = 0;
        while let Some(n) = ready.pop() {
            seen += 1;
            for next in self.nodes[n].before.clone() {
                let known = self.behind[n].clone();
                let behind = &mut self.behind[next];
                behind.iter_mut().zip(known).for_each(|(b, k)| *b |= k);
                behind[n / 64] |= 1 << (n % 64);
                waits[next] -= 1;
                if waits[next] == 0 {
                    ready.push(next);
                }
            }
        }
        if seen == count { Ok(()) } else { Err(Code::INVALID_VALUE) }
    }

    /// Whether the edges order a node behind another.
    pub fn is_behind(&self, node: usize, other: usize) -> bool {
        self.behind[node][other / 64] >> (other % 64) & 1 != 0
    }

    /// Whether it has the nodes and edges of the other.
    pub fn is_like(&self, other: &Plan) -> bool {
        let alike = |(a, b): (&Step, &Step)| a.after == b.after && a.task.is_like(&b.task);
        self.nodes.len() == other.nodes.len() && self.nodes.iter().zip(&other.nodes).all(alike)
    }

    /// Takes the parameters of a plan that [is like](Plan::is_like) it, and keeps its own nodes'
    /// handles and conditions.
    pub fn take(&mut self, other: &Plan) {
        for (mine, theirs) in self.nodes.iter_mut().zip(&other.nodes) {
            match (&mut mine.task, &theirs.task) {
                (Task::Child(a), Task::Child(b)) => Arc::make_mut(a).take(b),
                (Task::Condition { bodies, .. }, Task::Condition { bodies: theirs, .. }) => {
                    bodies.iter_mut().zip(theirs).for_each(|(a, b)| Arc::make_mut(a).take(b));
                }
                (mine, theirs) => *mine = theirs.clone(),
            }
        }
    }

    /// The task that was made from a node, here or within.
    pub fn find(&mut self, handle: u64) -> Option<&mut Task> {
        if let Some(n) = self.nodes.iter().position(|n| n.handle == handle) {
            return Some(&mut self.nodes[n].task);
        }
        let holds = |p: &Arc<Plan>| p.holds(handle);
        self.nodes.iter_mut().find_map(|n| match &mut n.task {
            Task::Child(child) if holds(child) => Arc::make_mut(child).find(handle),
            Task::Condition { bodies, .. } => {
                let body = bodies.iter_mut().find(|b| holds(b))?;
                Arc::make_mut(body).find(handle)
            }
            _ => None,
        })
    }

    fn holds(&self, handle: u64) -> bool {
        self.nodes.iter().any(|n| {
            n.handle == handle
                || match &n.task {
                    Task::Child(child) => child.holds(handle),
                    Task::Condition { bodies, .. } => bodies.iter().any(|b| b.holds(handle)),
                    _ => false,
                }
        })
    }
}
