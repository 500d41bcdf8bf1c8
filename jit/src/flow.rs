//! A walk over the steps of a program in the order in which they run. For each step it gives the
//! slots that the step reads and writes, the loops around it, and the facts about slots that hold
//! on every path to it. The planner and the verifier are visitors of this walk; they do not live
//! here.
//!
//! A step sets a fact ("written", "overwritten in full"), which holds for the steps after it. It
//! holds after a branch only if every arm sets it, and after a loop only if the loop runs at least
//! once.

use crate::affine::Affine;
use crate::domain::injective;
use crate::kernel::{BufferId, Kernel, Loop, Mode, Node, Store};
use crate::program::{Program, SlotId, Step, View};
use std::collections::BTreeMap;

/// The way in which a kernel or a step accesses some memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Access {
    pub reads: bool,
    pub writes: bool,
    /// Every element is written, and no new value depends on the old contents.
    pub covers: bool,
}

/// One argument of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touch {
    pub slot: SlotId,
    pub access: Access,
}

/// A loop of the program; number 0 is the program itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nest {
    pub parent: usize,
    pub depth: usize,
    /// The first position in the loop, and one past the last.
    pub start: usize,
    pub end: usize,
}

/// The step that accesses memory, with its place in the program.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub step: &'a Step,
    pub position: usize,
    /// The innermost enclosing loop.
    pub nest: usize,
}

/// The slots for which the fact holds.
pub(crate) struct Facts {
    holds: Vec<bool>,
    log: Vec<SlotId>,
}

impl Facts {
    pub fn holds(&self, slot: SlotId) -> bool {
        self.holds[slot.0 as usize]
    }

    pub fn set(&mut self, slot: SlotId) {
        if !std::mem::replace(&mut self.holds[slot.0 as usize], true) {
            self.log.push(slot);
        }
    }

    /// Forgets the facts that were set since the log had this length, and returns their slots.
    fn undo(&mut self, to: usize) -> Vec<SlotId> {
        let undone = self.log.split_off(to);
        for slot in &undone {
            self.holds[slot.0 as usize] = false;
        }
        undone
    }
}

/// The accesses of a kernel to each of its buffers.
pub(crate) fn accesses(kernel: &Kernel) -> Vec<Access> {
    let mut found = vec![Access::default(); kernel.buffers.len()];
    for node in &kernel.nodes {
        if let Node::Load { buffer, .. } | Node::Gather { buffer, .. } = node {
            found[buffer.0 as usize].reads = true;
        }
    }
    // A store covers its buffer if it writes as many different elements as the buffer has. Two
    // stores to neighbouring elements, whose strides are even, count as one.
    let full = |buffer: BufferId, places: &[&Affine], at: &Affine| {
        let varying = || kernel.loops.iter().enumerate().filter(|(n, _)| at.stride(*n) != 0);
        let points = varying().map(|(_, l)| l.extent).product::<usize>();
        let apart = |(n, l): (usize, &Loop)| (at.stride(n), Loop { mode: Mode::Parallel, ..*l });
        let beside = at.add(&Affine::constant(1));
        let paired = varying().all(|(n, _)| at.stride(n) % 2 == 0)
            && places.iter().any(|other| **other == beside);
        let len = kernel.buffers[buffer.0 as usize].len;
        (points == len || paired && points.checked_mul(2) == Some(len))
            && injective(varying().map(apart))
    };
    let runs = kernel.loops.iter().all(|l| l.extent > 0);
    let plain = |s: &&Store| runs && s.combine.is_none() && s.offset.is_none();
    let stored = |buffer: BufferId| -> Vec<&Affine> {
        let stores = kernel.stores.iter().filter(plain).filter(|s| s.buffer == buffer);
        stores.map(|s| &s.at).collect()
    };
    for store in &kernel.stores {
        let access = &mut found[store.buffer.0 as usize];
        access.writes = true;
        access.reads |= store.combine.is_some();
        access.covers |= plain(&store) && full(store.buffer, &stored(store.buffer), &store.at);
    }
    for r in &kernel.reductions {
        let access = &mut found[r.buffer.0 as usize];
        access.writes = true;
        let folded = kernel.reductions.iter().filter(|o| o.buffer == r.buffer).map(|o| &o.at);
        access.covers |= full(r.buffer, &folded.collect::<Vec<_>>(), &r.at);
    }
    found
}

impl Kernel {
    /// Returns whether a launch writes every element of a buffer, and no new value depends on the
    /// old contents.
    pub fn covers(&self, buffer: BufferId) -> bool {
        let access = accesses(self)[buffer.0 as usize];
        access.covers && !access.reads
    }
}

/// Visits every step that touches memory; identifiers must be valid. Returns the loops and the
/// facts at the end.
pub(crate) fn walk<'a, E>(
    program: &'a Program,
    visit: impl FnMut(Moment<'a>, &[Touch], &mut Facts) -> Result<(), E>,
) -> Result<(Vec<Nest>, Facts), E> {
    let mut walk = Walk {
        program,
        kernels: program.kernels.iter().map(accesses).collect(),
        nests: vec![Nest { parent: 0, depth: 0, start: 0, end: 0 }],
        nest: 0,
        position: 0,
        facts: Facts { holds: vec![false; program.slots.len()], log: Vec::new() },
        touches: Vec::new(),
        visit,
    };
    walk.steps(&program.steps)?;
    walk.nests[0].end = walk.position;
    Ok((walk.nests, walk.facts))
}

struct Walk<'a, V> {
    program: &'a Program,
    kernels: Vec<Vec<Access>>,
    nests: Vec<Nest>,
    nest: usize,
    position: usize,
    facts: Facts,
    touches: Vec<Touch>,
    visit: V,
}

impl<'a, E, V> Walk<'a, V>
where
    V: FnMut(Moment<'a>, &[Touch], &mut Facts) -> Result<(), E>,
{
    fn steps(&mut self, steps: &'a [Step]) -> Result<(), E> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &'a Step) -> Result<(), E> {
        const READ: Access = Access { reads: true, writes: false, covers: false };
        match step {
            Step::Launch { kernel, args } => {
                let k = self.program.kernel(*kernel);
                for (n, view) in args.iter().enumerate() {
                    let access = self.kernels[kernel.0 as usize][n];
                    self.touch(view, k.buffers[n].len, access);
                }
                self.moment(step)
            }
            Step::Routine { routine, args } => {
                for (view, (_, reach, written)) in args.iter().zip(routine.args()) {
                    // All routines write all of their outputs.
                    let access = Access { reads: !written, writes: written, covers: written };
                    self.touch(view, reach, access);
                }
                self.moment(step)
            }
            Step::Host { call, args } => {
                for (view, (_, len, written)) in args.iter().zip(call.operands()) {
                    let access = Access { reads: !written, writes: written, covers: written };
                    self.touch(view, len, access);
                }
                self.moment(step)
            }
            Step::Copy { from, to, len } => {
                self.touch(from, *len, READ);
                self.touch(to, *len, Access { reads: false, writes: true, covers: true });
                self.moment(step)
            }
            Step::Loop { trips, body } => {
                let set = self.facts.log.len();
                self.enter();
                self.steps(body)?;
                self.leave();
                if *trips == 0 {
                    self.facts.undo(set);
                }
                Ok(())
            }
            Step::While { test, holds, body, .. } => {
                self.enter();
                self.steps(test)?;
                self.touch(holds, 1, READ);
                self.moment(step)?;
                let tested = self.facts.log.len();
                self.steps(body)?;
                self.leave();
                self.facts.undo(tested);
                Ok(())
            }
            Step::Branch { index, arms } => {
                self.touch(index, 1, READ);
                self.moment(step)?;
                let mut set: BTreeMap<SlotId, usize> = BTreeMap::new();
                let before = self.facts.log.len();
                for arm in arms {
                    self.steps(arm)?;
                    for slot in self.facts.undo(before) {
                        *set.entry(slot).or_default() += 1;
                    }
                }
                for (slot, _) in set.into_iter().filter(|(_, count)| *count == arms.len()) {
                    self.facts.set(slot);
                }
                Ok(())
            }
        }
    }

    fn enter(&mut self) {
        let (parent, depth) = (self.nest, self.nests[self.nest].depth + 1);
        self.nest = self.nests.len();
        self.nests.push(Nest { parent, depth, start: self.position, end: self.position });
    }

    fn leave(&mut self) {
        self.nests[self.nest].end = self.position;
        self.nest = self.nests[self.nest].parent;
    }

    /// Notes an argument of the step that the next `moment` visits: `len` elements from the
    /// position of the view.
    fn touch(&mut self, view: &View, len: usize, access: Access) {
        let whole = view.at.offset == 0 && view.at.strides.iter().all(|s| *s == 0);
        let covers = access.covers && whole && len == self.program.slot(view.slot).len;
        self.touches.push(Touch { slot: view.slot, access: Access { covers, ..access } });
    }

    fn moment(&mut self, step: &'a Step) -> Result<(), E> {
        let moment = Moment { step, position: self.position, nest: self.nest };
        self.position += 1;
        let result = (self.visit)(moment, &self.touches, &mut self.facts);
        self.touches.clear();
        result
    }
}
