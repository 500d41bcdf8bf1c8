//! Asynchronous copies into shared memory, and the rows of matrices that `ldmatrix` reads there.
//!
//! A copy reads its source when it is issued. Its target holds nothing until the thread has waited
//! for the copy's group, and other threads see it behind the next barrier.

use super::access::{Access, Touch, addresses, global, shared};
use super::machine::Machine;
use crate::block::Block;
use crate::fault::{FaultKind, Trap};
use crate::instruction::{Op, Order};
use crate::shadow::Accessor;
use crate::warp::{Copy, LANES, lanes};

pub fn execute(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    op: &Op,
    active: u32,
) -> Result<(), Trap> {
    match op {
        Op::CopyAsync { .. } => issue(machine, block, w, op, active),
        Op::Commit => {
            lanes(active).for_each(|lane| block.warps[w].committed[lane] += 1);
            Ok(())
        }
        Op::Wait { pending } => {
            deliver(machine, block, w, *pending, active);
            Ok(())
        }
        Op::LoadMatrix { .. } => matrix(machine, block, w, op, active),
        _ => Ok(()),
    }
}

fn issue(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    op: &Op,
    active: u32,
) -> Result<(), Trap> {
    let Op::CopyAsync { to, from, bytes, valid } = op else { return Ok(()) };
    let target = addresses(machine, block, w, to, active)?;
    let source = addresses(machine, block, w, from, active)?;
    let (bytes, order) = (*bytes as usize, Order::default());
    let valid = match valid {
        Some(valid) => block.warps[w].read(*valid, active)?,
        None => [bytes as u64; LANES],
    };
    for lane in lanes(active) {
        let access = Access { lane, address: target[lane], bytes, touch: Touch::Announce, order };
        let at = shared(machine, block, w, access)?;
        let mut data = [0; 16];
        if valid[lane] != 0 && valid[lane] != bytes as u64 {
            let text = "copies of a part are not known here: all bytes or none";
            return Err(access.trap(FaultKind::Unsupported, text));
        }
        if valid[lane] != 0 {
            let access = Access { lane, address: source[lane], bytes, touch: Touch::Read, order };
            let (n, place) = global(machine, block, w, access)?;
            let found = &machine.memory.block(n).data[place..place + bytes];
            data[..bytes].copy_from_slice(found);
        }
        let warp = &mut block.warps[w];
        let group = warp.committed[lane];
        warp.copies.push(Copy { lane: lane as u32, group, to: at, bytes, data });
    }
    let requested = lanes(active).filter(|n| valid[*n] != 0).map(|n| source[n]);
    machine.stats.global_reads.request(requested, bytes as u64);
    Ok(())
}

fn deliver(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    pending: Option<u32>,
    active: u32,
) {
    let Block { warps, cells, shared, knowledge, barrier, .. } = block;
    let warp = &mut warps[w];
    let (first, committed, warp_barrier) = (warp.first, warp.committed, warp.barrier);
    warp.copies.retain(|copy| {
        let done = match pending {
            Some(n) => copy.group + n < committed[copy.lane as usize],
            None => true,
        };
        if !done || active >> copy.lane & 1 == 0 {
            return true;
        }
        let by = Accessor {
            thread: (first + copy.lane) as u16,
            barrier: *barrier,
            warp_barrier,
            knowledge,
            synchronises: machine.kernel.synchronises,
            sets: &mut machine.sets,
        };
        let range = copy.to..copy.to + copy.bytes;
        cells[range.clone()].iter_mut().for_each(|cell| cell.deliver(&by));
        shared[range].copy_from_slice(&copy.data[..copy.bytes]);
        false
    });
}

/// Lane `8 t + r` names row `r` of tile `t`. Register `t` of a lane gets two neighbours of its row,
/// or of its column where the tile is transposed.
fn matrix(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    op: &Op,
    active: u32,
) -> Result<(), Trap> {
    let Op::LoadMatrix { to, address, transposed } = op else { return Ok(()) };
    if active != u32::MAX {
        let text = "all lanes of a warp must take part";
        return Err(Trap::new(FaultKind::MaskMismatch, (!active).trailing_zeros(), text));
    }
    let at = addresses(machine, block, w, address, active)?;
    for (tile, d) in to.iter().enumerate() {
        let mut rows = [[0u16; 8]; 8];
        for (n, row) in rows.iter_mut().enumerate() {
            let (lane, order) = (8 * tile + n, Order::default());
            let access = Access { lane, address: at[lane], bytes: 16, touch: Touch::Read, order };
            let place = shared(machine, block, w, access)?;
            for (element, pair) in row.iter_mut().zip(block.shared[place..].chunks_exact(2)) {
                *element = u16::from_le_bytes([pair[0], pair[1]]);
            }
        }
        let element =
            |a: usize, b: usize| u64::from(if *transposed { rows[b][a] } else { rows[a][b] });
        let values = std::array::from_fn(|lane| {
            let (row, column) = (lane / 4, lane % 4 * 2);
            element(row, column) | element(row, column + 1) << 16
        });
        if let Some(d) = d {
            block.warps[w].write(*d, &values, active);
        }
    }
    Ok(())
}
