//! Invariants 3 and 4 of programs. Inputs are never written; a donated input is dead once its
//! output is written; temporaries whose live ranges overlap lie apart. The live ranges are those of
//! the planner.

use super::alias;
use super::fault::{Fault, fault};
use crate::domain::same;
use crate::flow::{self, Facts, Moment, Nest, Touch};
use crate::kernel::BufferId;
use crate::plan::{self, ALIGNMENT};
use crate::print::Mark;
use crate::program::{Program, Routine, SlotId, SlotKind, Step};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(program: &Program) -> Result<(), Fault<Mark<'_>>> {
    inputs(program)?;
    donations(program)?;
    arena(program)
}

/// Invariant 3 for inputs.
fn inputs(program: &Program) -> Result<(), Fault<Mark<'_>>> {
    flow::walk(program, |m: Moment, touches: &[Touch], _: &mut Facts| {
        let wrong = touches
            .iter()
            .find(|t| t.access.writes && matches!(program.slot(t.slot).kind, SlotKind::Input(_)));
        match wrong {
            Some(t) => {
                let name = program.slot_name(t.slot);
                Err(fault(3, Mark::Step(m.step), format!("{name} is an input")))
            }
            None => Ok(()),
        }
    })
    .map(|_| ())
}

/// One use of a slot that takes part in a donation.
#[derive(Clone, Copy)]
struct Use<'a> {
    step: &'a Step,
    position: usize,
    nest: usize,
    reads: bool,
    writes: bool,
}

/// Invariant 3 for donations: after the first write of the output no step reads the input.
fn donations(program: &Program) -> Result<(), Fault<Mark<'_>>> {
    if program.donations.is_empty() {
        return Ok(());
    }
    let (inputs, outputs) = (program.inputs(), program.outputs());
    let mut uses: BTreeMap<SlotId, Vec<Use>> = BTreeMap::new();
    for (n, &(output, input)) in program.donations.iter().enumerate() {
        let wrong = |how: &str| Err(fault(3, Mark::Donation(n), how));
        let (Some(&o), Some(&i)) = (outputs.get(output), inputs.get(input)) else {
            return wrong("there is no such input or output");
        };
        let (to, from) = (program.slot(o), program.slot(i));
        if to.dtype != from.dtype || to.len != from.len {
            return wrong("types or lengths differ");
        }
        if uses.insert(o, Vec::new()).or(uses.insert(i, Vec::new())).is_some() {
            return wrong("an input or output takes part in another donation");
        }
    }
    let (nests, _) = flow::walk(program, |m: Moment, touches: &[Touch], _: &mut Facts| {
        for t in touches {
            if let Some(uses) = uses.get_mut(&t.slot) {
                let (reads, writes) = (t.access.reads, t.access.writes);
                uses.push(Use { step: m.step, position: m.position, nest: m.nest, reads, writes });
            }
        }
        Ok(())
    })?;
    for &(output, input) in &program.donations {
        let (o, i) = (outputs[output], inputs[input]);
        let Some(first) = uses[&o].iter().find(|u| u.writes) else { continue };
        let start = outermost(&nests, first);
        for read in uses[&i].iter().filter(|u| u.reads && u.position >= start) {
            if read.position == first.position && start == first.position {
                at_one_point(program, read.step, i, o)?;
            } else {
                let (o, i) = (program.slot_name(o), program.slot_name(i));
                let how = format!("{i} is read here, after {o}, which may take its memory");
                return Err(fault(3, Mark::Step(read.step), how));
            }
        }
    }
    Ok(())
}

/// The first position of the outermost loop around a use. In the next iteration, the whole loop
/// follows the use.
fn outermost(nests: &[Nest], u: &Use) -> usize {
    let mut nest = u.nest;
    while nest != 0 && nests[nest].parent != 0 {
        nest = nests[nest].parent;
    }
    if nest == 0 { u.position } else { nests[nest].start }
}

/// Invariant 3 for a step that reads a donated input and writes its output: the step works element
/// by element.
fn at_one_point<'a>(
    program: &Program,
    step: &'a Step,
    input: SlotId,
    output: SlotId,
) -> Result<(), Fault<Mark<'a>>> {
    let wrong = |how: &str| Err(fault(3, Mark::Step(step), how));
    match step {
        Step::Launch { kernel, args } => {
            let kernel = program.kernel(*kernel);
            let bound = |slot| (0..args.len()).filter(move |n| args[*n].slot == slot);
            for a in bound(input) {
                for b in bound(output).filter(|b| kernel.writes(BufferId(*b as u32))) {
                    if !same(&args[a].at, &args[b].at) {
                        return wrong("a donated input and its output are different views");
                    }
                    let (a, b) = (BufferId(a as u32), BufferId(b as u32));
                    if let Err(how) = alias::may_share(kernel, a, b) {
                        return wrong(&format!("a donated input is overwritten: {how}"));
                    }
                }
            }
            Ok(())
        }
        Step::Copy { from, to, .. } if same(&from.at, &to.at) => Ok(()),
        Step::Routine { routine: Routine::Sort { dtypes, .. }, args } => {
            let apart = |n: usize| args[n].slot != input || args[n + dtypes.len()].slot == output;
            let whole = |n: usize| same(&args[n].at, &args[n + dtypes.len()].at);
            let mut operands = 0..dtypes.len();
            let fine = operands.all(|n| apart(n) && (args[n].slot != input || whole(n)));
            if fine { Ok(()) } else { wrong("a sort overwrites a donated operand with another") }
        }
        _ => wrong("this step does not work in place"),
    }
}

/// Invariant 4: temporaries lie apart and inside of the arena.
fn arena(program: &Program) -> Result<(), Fault<Mark<'_>>> {
    // The starts and ends of live ranges. At one position, ends follow starts.
    let mut events: Vec<(usize, bool, usize)> = Vec::new();
    for (n, life) in plan::live_ranges(program).into_iter().enumerate() {
        let slot = &program.slots[n];
        let (Some((start, end)), SlotKind::Temp { arena_offset }) = (life, slot.kind) else {
            continue;
        };
        if slot.bytes() == 0 {
            continue;
        }
        let mark = Mark::Slot(SlotId(n as u32));
        if arena_offset.checked_add(slot.bytes()).is_none_or(|end| end > program.arena) {
            let how = format!("it does not fit into the arena of {}: plan first", program.arena);
            return Err(fault(4, mark, how));
        }
        if arena_offset % ALIGNMENT != 0 {
            return Err(fault(4, mark, format!("byte {arena_offset} is not aligned")));
        }
        events.push((start, false, n));
        events.push((end, true, n));
    }
    events.sort_unstable();
    let offset = |n: usize| match program.slots[n].kind {
        SlotKind::Temp { arena_offset } => arena_offset,
        _ => 0,
    };
    let mut live: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (_, ends, n) in events {
        let here = (offset(n), n);
        if ends {
            live.remove(&here);
            continue;
        }
        let before = live.range(..here).next_back();
        let before = before.filter(|(at, m)| at + program.slots[*m].bytes() > here.0);
        let after = live.range(here..).next();
        let after = after.filter(|(at, _)| here.0 + program.slots[n].bytes() > *at);
        if let Some(&(_, m)) = before.or(after) {
            let other = program.slot_name(SlotId(m as u32));
            return Err(fault(4, Mark::Slot(SlotId(n as u32)), format!("it overlaps {other}")));
        }
        live.insert(here);
    }
    Ok(())
}
