//! Invariant 2 of programs: a slot is written before it is read, and every output is written. A
//! write to a part of a slot counts as a write: this check does not track elements, and tests
//! compare random programs with the interpreter.

use super::fault::{Fault, fault};
use crate::flow::{self, Facts, Moment, Touch};
use crate::print::Mark;
use crate::program::{Program, SlotId, SlotKind};

pub(super) fn check(program: &Program) -> Result<(), Fault<Mark<'_>>> {
    let given = |id: SlotId| {
        let slot = program.slot(id);
        slot.len == 0 || matches!(slot.kind, SlotKind::Input(_))
    };
    let (_, written) = flow::walk(program, |m: Moment, touches: &[Touch], written: &mut Facts| {
        let unwritten = |t: &&Touch| t.access.reads && !given(t.slot) && !written.holds(t.slot);
        if let Some(t) = touches.iter().find(unwritten) {
            let how = format!("{} is read here before it is written", program.slot_name(t.slot));
            return Err(fault(2, Mark::Step(m.step), how));
        }
        for t in touches.iter().filter(|t| t.access.writes) {
            written.set(t.slot);
        }
        Ok(())
    })?;
    for (n, slot) in program.slots.iter().enumerate() {
        let id = SlotId(n as u32);
        if matches!(slot.kind, SlotKind::Output(_)) && !given(id) && !written.holds(id) {
            let how = format!("{} is not written on every path", program.slot_name(id));
            return Err(fault(2, Mark::Slot(id), how));
        }
    }
    Ok(())
}
