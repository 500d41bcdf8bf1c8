//! Fetch, guard and branch; the table that leads from operations to their rooms.

use super::machine::Machine;
use super::{compute, copies, exchange, tensor, transfer};
use crate::block::Block;
use crate::fault::{FaultKind, Trap};
use crate::instruction::{Op, Value};
use crate::warp::{Frame, Warp};

/// What the scheduler does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Next,
    /// Other warps and blocks should run: this one may be waiting for them.
    Yield,
    /// The warp waits at a barrier, or is done.
    Stop,
}

/// Executes the next instruction of a warp. The position of the instruction is that of the last
/// frame when the trap is taken.
pub fn step(machine: &mut Machine<'_>, block: &mut Block, w: usize) -> Result<Step, Trap> {
    let warp = &mut block.warps[w];
    let Some(frame) = warp.frames.last().copied() else { return Ok(Step::Stop) };
    let Some(instruction) = machine.kernel.code.get(frame.at) else {
        // The end of the text is an exit.
        warp.exit(frame.lanes);
        warp.join();
        return Ok(if warp.live == 0 { Step::Stop } else { Step::Next });
    };
    let active = match instruction.guard {
        Some(guard) => warp.holds(guard, frame.lanes)?,
        None => frame.lanes,
    };
    machine.stats.count(instruction.class, active);
    let mut next = Step::Next;
    match &instruction.op {
        Op::Branch { target, uniform } => {
            let parted = active != 0 && active != frame.lanes;
            if parted && *uniform {
                return Err(Trap::of_warp(FaultKind::DivergentBranch, "lanes part at `bra.uni`"));
            }
            branch(machine, warp, *target, instruction.meet, active);
            warp.join();
            return Ok(Step::Next);
        }
        Op::Call { start, end } if active != 0 => {
            advance(warp);
            warp.frames.push(Frame { at: *start, meet: *end, lanes: active });
            warp.join();
            return Ok(Step::Next);
        }
        Op::Exit => {
            advance(warp);
            warp.exit(active);
            warp.join();
            return Ok(if warp.live == 0 { Step::Stop } else { Step::Next });
        }
        _ if active == 0 => {}
        Op::Barrier { id, threads } => {
            barrier(machine.threads(), warp, *id, *threads, active)?;
            next = Step::Stop;
        }
        Op::Fence => block.knowledge.fence(),
        Op::Sleep => next = Step::Yield,
        op => {
            if execute(machine, block, w, op, active)? {
                next = Step::Yield;
            }
        }
    }
    let warp = &mut block.warps[w];
    advance(warp);
    warp.join();
    Ok(next)
}

fn advance(warp: &mut Warp) {
    if let Some(frame) = warp.frames.last_mut() {
        frame.at += 1;
    }
}

fn branch(machine: &mut Machine<'_>, warp: &mut Warp, target: usize, meet: usize, taken: u32) {
    let Some(frame) = warp.frames.last_mut() else { return };
    let (next, stays) = (frame.at + 1, frame.lanes & !taken);
    match (taken, stays) {
        (0, _) => frame.at = next,
        (_, 0) => frame.at = target,
        _ => {
            machine.stats.divergent_branches += 1;
            let (a, b) = ((target, taken), (next, stays));
            match machine.random.below(2) {
                0 => warp.part(meet, a, b),
                _ => warp.part(meet, b, a),
            }
        }
    }
}

/// Waits at a barrier of the whole block.
fn barrier(
    block_threads: u32,
    warp: &mut Warp,
    id: Value,
    threads: Option<Value>,
    active: u32,
) -> Result<(), Trap> {
    if active != warp.all {
        let text = match warp.live == warp.all {
            true => "only some lanes of the warp reach the barrier",
            false => "lanes of the warp have exited before the barrier",
        };
        let missing = (warp.all & !active).trailing_zeros();
        return Err(Trap::new(FaultKind::DivergentBarrier, missing, text));
    }
    if let Some(threads) = threads {
        let count = exchange::same(&warp.read(threads, active)?, active, "the count of threads")?;
        if count != u64::from(block_threads) {
            let text = "barriers of a part of a block are not known here";
            return Err(Trap::of_warp(FaultKind::Unsupported, text));
        }
    }
    let id = exchange::same(&warp.read(id, active)?, active, "the number of the barrier")?;
    warp.waits = Some(id);
    Ok(())
}

/// Everything that neither branches nor waits. Gives whether others should run.
fn execute(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    op: &Op,
    active: u32,
) -> Result<bool, Trap> {
    match op {
        Op::Load { order, .. } => {
            transfer::load(machine, block, w, op, active)?;
            return Ok(order.strong);
        }
        Op::Store { order, .. } => {
            transfer::store(machine, block, w, op, active)?;
            return Ok(order.strong);
        }
        Op::Atomic { .. } => {
            transfer::atomic(machine, block, w, op, active)?;
            return Ok(true);
        }
        Op::SetCondition { handle, value } => {
            transfer::set_condition(machine, block, w, (handle, value), active)?;
        }
        Op::CopyAsync { .. } | Op::Commit | Op::Wait { .. } | Op::LoadMatrix { .. } => {
            copies::execute(machine, block, w, op, active)?;
        }
        Op::WarpBarrier { mask } => {
            exchange::mask(&block.warps[w], *mask, active)?;
            block.warps[w].barrier = block.knowledge.tick();
        }
        Op::Shuffle { .. }
        | Op::Vote { .. }
        | Op::Ballot { .. }
        | Op::MatchAny { .. }
        | Op::Reduce { .. }
        | Op::ActiveMask { .. } => exchange::execute(&mut block.warps[w], op, active)?,
        Op::Multiply { .. } => tensor::multiply(&mut block.warps[w], op, active)?,
        _ => compute::execute(machine, block.index, &mut block.warps[w], op, active)?,
    }
    Ok(false)
}
