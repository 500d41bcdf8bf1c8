//! A graph that was launched: its nodes in an order drawn from the seed.
//!
//! Nodes of one graph that are not ordered by its edges must not touch the same bytes. The rounds
//! of a loop are ordered one behind the other.

use super::failure::Failure;
use super::graph::Kind;
use super::plan::{Plan, Task};
use super::random::Random;
use super::ranges::Accesses;
use crate::code::Code;
use crate::pointer::Call;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a stream has done in its turn.
pub enum Step {
    /// What ran, and what it touched.
    Ran(String, Accesses),
    Call(Call),
    /// Nothing was left.
    Finished,
}

/// A graph, body or child whose nodes are running.
#[derive(Debug)]
struct Frame {
    plan: Arc<Plan>,
    /// By node: the nodes that it still waits for.
    waits: Vec<usize>,
    ready: Vec<usize>,
    /// The nodes that are done, and what they touched.
    done: Vec<(usize, Accesses)>,
    /// Of the frame below: the node that this one runs, and the condition of a loop.
    parent: usize,
    repeats: Option<u64>,
    /// The rounds of the loop so far, and what they have touched.
    rounds: u64,
    earlier: Accesses,
}

/// The rounds after which a loop counts as endless.
const MOST_ROUNDS: u64 = 10_000_000;

impl Frame {
    fn new(plan: Arc<Plan>, parent: usize, repeats: Option<u64>) -> Frame {
        let waits: Vec<usize> = plan.nodes.iter().map(|n| n.after.len()).collect();
        let ready = (0..waits.len()).filter(|n| waits[*n] == 0).collect();
        let (done, earlier) = (Vec::new(), Accesses::default());
        Frame { plan, waits, ready, done, parent, repeats, rounds: 0, earlier }
    }

    /// Ends a node: its successors may run. Two unordered nodes that touch the same bytes fail.
    fn finish(&mut self, node: usize, accesses: Accesses) -> Result<(), Failure> {
        let plan = self.plan.clone();
        for (other, theirs) in &self.done {
            if !plan.is_behind(node, *other)
                && let Some(byte) = accesses.conflict(theirs)
            {
                let (a, b) = (plan.nodes[*other].task.name(), plan.nodes[node].task.name());
                return Err(Failure::race(format!(
                    "two nodes of a graph, {a} (node {other}) and {b} (node {node}), both touch \
                     byte {byte:#x}, and no edge orders them"
                )));
            }
        }
        self.done.push((node, accesses));
        for next in &plan.nodes[node].before {
            self.waits[*next] -= 1;
            if self.waits[*next] == 0 {
                self.ready.push(*next);
            }
        }
        Ok(())
    }
}

/// A launch of a graph.
#[derive(Debug)]
pub struct Run {
    frames: Vec<Frame>,
    conditions: BTreeMap<u64, Option<u32>>,
    begun: u64,
}

impl Run {
    pub fn new(plan: Arc<Plan>) -> Run {
        let conditions = plan.conditions.iter().copied().collect();
        Run { frames: vec![Frame::new(plan, 0, None)], conditions, begun: 0 }
    }

    pub fn is_finished(&self) -> bool {
        self.frames.is_empty()
    }

    pub fn calls_host(&self) -> bool {
        self.frames.iter().any(|f| f.plan.calls_host)
    }

    /// The next node that does work of its own, with its plan, or none if all is done. Children
    /// and conditions are entered on the way.
    pub fn next(&mut self, random: &mut Random) -> Result<Option<(Arc<Plan>, usize)>, Failure> {
        loop {
            let Some(frame) = self.frames.last_mut() else { return Ok(None) };
            if frame.ready.is_empty() {
                self.leave()?;
                continue;
            }
            let node = frame.ready.swap_remove(random.below(frame.ready.len()));
            self.begun += 1;
            let plan = frame.plan.clone();
            match &plan.nodes[node].task {
                Task::Child(child) => self.frames.push(Frame::new(child.clone(), node, None)),
                Task::Condition { kind, condition, bodies } => {
                    self.enter(node, *kind, *condition, bodies)?;
                }
                _ => return Ok(Some((plan, node))),
            }
        }
    }

    /// Ends the node that [`next`](Run::next) gave, and all that it was the last node of.
    pub fn finish(&mut self, node: usize, accesses: Accesses) -> Result<(), Failure> {
        if let Some(frame) = self.frames.last_mut() {
            frame.finish(node, accesses)?;
        }
        while self.frames.last().is_some_and(|f| f.ready.is_empty()) {
            self.leave()?;
        }
        Ok(())
    }

    /// The nodes that were begun since the last question.
    pub fn take_begun(&mut self) -> u64 {
        std::mem::take(&mut self.begun)
    }

    /// Sets a condition. Gives whether there is one of this handle.
    pub fn set(&mut self, condition: u64, value: u32) -> bool {
        let known = self.conditions.get_mut(&condition);
        known.map(|v| *v = Some(value)).is_some()
    }

    fn value(&self, condition: u64) -> Result<u32, Failure> {
        let text = "a conditional node of a graph is reached, but nobody has set its condition, \
                    and the condition has no default";
        let value = self.conditions.get(&condition).copied().flatten();
        value.ok_or_else(|| Failure::new(Code::LAUNCH_FAILED, text))
    }

    fn enter(
        &mut self,
        node: usize,
        kind: Kind,
        condition: u64,
        bodies: &[Arc<Plan>],
    ) -> Result<(), Failure> {
        let value = self.value(condition)?;
        let (body, repeats) = match kind {
            Kind::If if value != 0 => (bodies.first(), None),
            Kind::If => (bodies.get(1), None),
            Kind::While if value != 0 => (bodies.first(), Some(condition)),
            Kind::While => (None, None),
            Kind::Switch => (bodies.get(value as usize), None),
        };
        match (body, self.frames.last_mut()) {
            (Some(body), _) => {
                self.frames.push(Frame::new(body.clone(), node, repeats));
                Ok(())
            }
            (None, Some(frame)) => frame.finish(node, Accesses::default()),
            (None, None) => Ok(()),
        }
    }

    /// Ends the innermost frame, or begins its next round.
    fn leave(&mut self) -> Result<(), Failure> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let mut all = frame.earlier;
        frame.done.iter().for_each(|(_, accesses)| all.join(accesses));
        if let Some(condition) = frame.repeats
            && self.value(condition)? != 0
        {
            let rounds = frame.rounds + 1;
            if frame.plan.nodes.is_empty() || rounds == MOST_ROUNDS {
                let text = format!("a loop of a graph does not end: {rounds} rounds");
                return Err(Failure::new(Code::LAUNCH_TIMEOUT, text));
            }
            let next = Frame::new(frame.plan, frame.parent, frame.repeats);
            self.frames.push(Frame { rounds, earlier: all, ..next });
            return Ok(());
        }
        match self.frames.last_mut() {
            Some(below) => below.finish(frame.parent, all),
            None => Ok(()),
        }
    }
}
