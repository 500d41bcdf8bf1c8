//! The choice of the slots that live in registers: small temporaries and outputs of small kernels.
//!
//! The carry of a scan of scalars, and the values between the small kernels of its body, would
//! otherwise go through memory at every step, at five cycles each way. A slot qualifies if the
//! elements of every access are known at compile time: accesses of kernels that are unrolled in the
//! driver, of short copies, and of the conditions of loops and branches. Cranelift's variables
//! carry the elements around loops, and outputs are written at the end. The code that uses the
//! registers lives in `driver` and `nodes`.

use crate::plan::launch::Prepared;
use cotangent_jit::kernel::{BufferId, Node};
use cotangent_jit::program::{Program, SlotId, SlotKind, Step, View};

/// The most elements of a slot, and the most elements in all.
const MOST_ELEMENTS: usize = 8;
const MOST_IN_ALL: usize = 128;

/// The slots to hold in registers.
pub fn choose(program: &Program, kernels: &[Prepared]) -> Vec<SlotId> {
    let mut looped = vec![false; program.slots.len()];
    for step in &program.steps {
        if let Step::Loop { .. } | Step::While { .. } = step {
            mark(std::slice::from_ref(step), &mut looped);
        }
    }
    // An output that no loop accesses is written at once: a register would be wasted on it.
    let fits = |n: usize| {
        let s = &program.slots[n];
        let pays = match s.kind {
            SlotKind::Input(_) => false,
            SlotKind::Output(_) => looped[n],
            SlotKind::Temp { .. } => true,
        };
        pays && (1..=MOST_ELEMENTS).contains(&s.len)
    };
    let mut fits: Vec<bool> = (0..program.slots.len()).map(fits).collect();
    visit(&program.steps, kernels, &mut fits);
    let mut room = MOST_IN_ALL;
    let mut chosen = Vec::new();
    for (n, slot) in program.slots.iter().enumerate() {
        if fits[n] && slot.len <= room {
            room -= slot.len;
            chosen.push(SlotId(n as u32));
        }
    }
    chosen
}

/// Marks the slots that these steps access.
fn mark(steps: &[Step], touched: &mut [bool]) {
    let touch = |v: &View, touched: &mut [bool]| touched[v.slot.0 as usize] = true;
    for step in steps {
        match step {
            Step::Launch { args, .. } | Step::Routine { args, .. } | Step::Host { args, .. } => {
                args.iter().for_each(|v| touch(v, touched));
            }
            Step::Copy { from, to, .. } => [from, to].iter().for_each(|v| touch(v, touched)),
            Step::Loop { body, .. } => mark(body, touched),
            Step::While { test, holds, body, .. } => {
                touch(holds, touched);
                mark(test, touched);
                mark(body, touched);
            }
            Step::Branch { index, arms } => {
                touch(index, touched);
                arms.iter().for_each(|a| mark(a, touched));
            }
        }
    }
}

fn visit(steps: &[Step], kernels: &[Prepared], fits: &mut [bool]) {
    let check = |view: &View, fits: &mut [bool], always: bool| {
        if always || view.at.strides.iter().any(|s| *s != 0) {
            fits[view.slot.0 as usize] = false;
        }
    };
    for step in steps {
        match step {
            Step::Launch { kernel, args } => {
                let k = &kernels[kernel.0 as usize];
                for (n, view) in args.iter().enumerate() {
                    check(view, fits, !in_place(k) || computed(k, BufferId(n as u32)));
                }
            }
            Step::Routine { args, .. } | Step::Host { args, .. } => {
                args.iter().for_each(|v| check(v, fits, true));
            }
            Step::Copy { from, to, len } => {
                for view in [from, to] {
                    check(view, fits, *len > MOST_ELEMENTS);
                }
            }
            Step::Loop { body, .. } => visit(body, kernels, fits),
            Step::While { test, holds, body, .. } => {
                check(holds, fits, false);
                visit(test, kernels, fits);
                visit(body, kernels, fits);
            }
            Step::Branch { index, arms } => {
                check(index, fits, false);
                arms.iter().for_each(|a| visit(a, kernels, fits));
            }
        }
    }
}

/// Returns whether the kernel is emitted in the driver, point by point.
fn in_place(k: &Prepared) -> bool {
    k.scatter.is_none()
        && k.functions.iter().all(Option::is_none)
        && k.stages.iter().all(|s| s.nest.unrolled)
}

/// Returns whether the kernel computes a position in this buffer at run time.
fn computed(k: &Prepared, buffer: BufferId) -> bool {
    k.stages.iter().any(|s| {
        let nest = &s.nest;
        let gathered = (nest.kernel.nodes.iter().zip(&nest.live))
            .any(|(n, live)| *live && matches!(n, Node::Gather { buffer: b, .. } if *b == buffer));
        gathered || nest.kernel.stores.iter().any(|s| s.buffer == buffer && s.offset.is_some())
    })
}
