//! Launches that have nothing to do with each other and can run side by side, as one launch.
//!
//! The updates of the weights of a network are an example. On a device each takes less time than
//! its launch.

use super::tasks::{Task, Tasks, Work};
use cotangent_jit::kernel::BufferId;
use cotangent_jit::program::{Program, SlotId, SlotKind, Step, View};

/// The most launches of a group, and the most addresses of all of them.
const MOST: usize = 16;
const MOST_ADDRESSES: usize = 64;
/// The most threads of a launch that is put beside others: beyond, its time is its own.
const MOST_THREADS: usize = 1 << 20;

/// Whether two slots are one, or an output that may take the memory of an input.
pub fn may_be_one(program: &Program, a: SlotId, b: SlotId) -> bool {
    let pair = (program.slot(a).kind, program.slot(b).kind);
    a == b
        || match pair {
            (SlotKind::Input(i), SlotKind::Output(o))
            | (SlotKind::Output(o), SlotKind::Input(i)) => program.donations.contains(&(o, i)),
            _ => false,
        }
}

/// Whether two slots have memory in common.
fn meet(program: &Program, a: SlotId, b: SlotId) -> bool {
    let temporary = |id: SlotId| match program.slot(id).kind {
        SlotKind::Temp { arena_offset } => {
            Some(arena_offset..arena_offset + program.slot(id).bytes())
        }
        _ => None,
    };
    let both = temporary(a).zip(temporary(b));
    may_be_one(program, a, b) || both.is_some_and(|(a, b)| a.start < b.end && b.start < a.end)
}

/// The kernel and arguments of a launch that others may run beside: of one short task.
fn launch<'p>(kernels: &[Tasks], step: &'p Step) -> Option<(usize, &'p [View])> {
    let Step::Launch { kernel, args } = step else { return None };
    let tasks = &kernels[kernel.0 as usize];
    match tasks.tasks[..] {
        [Task { work: Work::Points { .. } | Work::Fold { chunks: 1, .. }, threads, .. }]
            if threads <= MOST_THREADS =>
        {
            Some((kernel.0 as usize, args))
        }
        _ => None,
    }
}

/// Whether one of two launches writes what the other touches.
fn depend(program: &Program, a: (usize, &[View]), b: (usize, &[View])) -> bool {
    let writes = |kernel: usize, n: usize| program.kernels[kernel].writes(BufferId(n as u32));
    a.1.iter().enumerate().any(|(n, x)| {
        b.1.iter()
            .enumerate()
            .any(|(m, y)| (writes(a.0, n) || writes(b.0, m)) && meet(program, x.slot, y.slot))
    })
}

/// The kernels and arguments of the first steps that can run side by side.
pub fn beside<'p>(
    program: &Program,
    kernels: &[Tasks],
    steps: &'p [Step],
) -> Vec<(usize, &'p [View])> {
    let mut all: Vec<(usize, &[View])> = Vec::new();
    let mut addresses = 0;
    for step in steps.iter().take(MOST) {
        let Some(next) = launch(kernels, step) else { break };
        addresses += next.1.len();
        if addresses > MOST_ADDRESSES || all.iter().any(|a| depend(program, *a, next)) {
            break;
        }
        all.push(next);
    }
    all
}
