//! Loads, stores and atomic operations.

use super::access::{Access, Touch, addresses, global, shared};
use super::machine::Machine;
use crate::block::Block;
use crate::fault::{FaultKind, Trap};
use crate::instruction::{Address, Extend, Op, Order, Sources};
use crate::syntax::Space;
use crate::types::mask;
use crate::warp::{LANES, Lanes, lanes};
use smallvec::SmallVec;

fn value(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn extend(bits: u64, how: Extend) -> u64 {
    let Extend { from, signed, to } = how;
    match signed && from < 64 {
        true => ((bits << (64 - from)) as i64 >> (64 - from)) as u64 & mask(to),
        false => bits,
    }
}

pub fn load(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    op: &Op,
    active: u32,
) -> Result<(), Trap> {
    let Op::Load { address, bytes, order, extend: how, to } = op else { return Ok(()) };
    let at = addresses(machine, block, w, address, active)?;
    let (each, total) = (*bytes as usize, *bytes as usize * to.len());
    let mut loaded: SmallVec<[Lanes; 4]> = SmallVec::from_elem([0; LANES], to.len());
    for lane in lanes(active) {
        let access =
            Access { lane, address: at[lane], bytes: total, touch: Touch::Read, order: *order };
        if order.strong && matches!(address.space, Space::Global | Space::Generic) {
            machine.releases.load(&mut block.knowledge, at[lane], order.acquire);
        }
        let found = bytes_of(machine, block, w, access, address.space)?;
        for (n, part) in found.chunks_exact(each).enumerate() {
            loaded[n][lane] = extend(value(part), *how);
        }
    }
    if matches!(address.space, Space::Global | Space::Generic) {
        let requested = lanes(active).map(|n| at[n]);
        machine.stats.global_reads.request(requested, total as u64);
    }
    for (d, values) in to.iter().zip(&loaded) {
        if let Some(d) = d {
            block.warps[w].write(*d, values, active);
        }
    }
    Ok(())
}

/// The bytes of a load that passes its checks.
fn bytes_of<'m>(
    machine: &'m mut Machine<'_>,
    block: &'m mut Block,
    w: usize,
    access: Access,
    space: Space,
) -> Result<&'m [u8], Trap> {
    let bytes = access.bytes;
    let (from, at): (&[u8], usize) = match space {
        Space::Global | Space::Generic => {
            let (n, at) = global(machine, block, w, access)?;
            (&machine.memory.block(n).data, at)
        }
        Space::Shared => {
            let at = shared(machine, block, w, access)?;
            (&block.shared, at)
        }
        Space::Const => {
            (machine.constant, access.within(machine.constant.len(), "constant memory")?)
        }
        Space::Param => {
            let at = access.within(machine.params.len(), "parameters")?;
            let inside = |(start, size): &(u32, u32)| {
                *start as usize <= at && at + bytes <= (*start + *size) as usize
            };
            if !machine.kernel.params.iter().any(inside) {
                let text = format!("{bytes} bytes at {at} lie in no parameter");
                return Err(access.trap(FaultKind::OutOfBounds, text));
            }
            (machine.params, at)
        }
        Space::Local => {
            let at = local(machine, block, w, access)?;
            if let Some(n) = block.local_written[at..at + bytes].iter().position(|w| !w) {
                let text = format!("byte {n} of a load from local memory was never written");
                return Err(access.trap(FaultKind::UnwrittenMemory, text));
            }
            (&block.local, at)
        }
    };
    Ok(&from[at..at + bytes])
}

fn local(machine: &Machine<'_>, block: &Block, w: usize, access: Access) -> Result<usize, Trap> {
    let size = machine.kernel.local_bytes as usize;
    let thread = block.warps[w].first as usize + access.lane;
    Ok(thread * size + access.within(size, "local memory")?)
}

pub fn store(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    op: &Op,
    active: u32,
) -> Result<(), Trap> {
    let Op::Store { address, bytes, order, from } = op else { return Ok(()) };
    let at = addresses(machine, block, w, address, active)?;
    let (each, total) = (*bytes as usize, *bytes as usize * from.len());
    let values = values_of(block, w, from, active)?;
    for lane in lanes(active) {
        let access =
            Access { lane, address: at[lane], bytes: total, touch: Touch::Write, order: *order };
        let target = match address.space {
            Space::Shared => {
                let at = shared(machine, block, w, access)?;
                &mut block.shared[at..at + total]
            }
            Space::Local => {
                let at = local(machine, block, w, access)?;
                block.local_written[at..at + total].fill(true);
                &mut block.local[at..at + total]
            }
            _ => {
                let (n, place) = global(machine, block, w, access)?;
                if order.strong {
                    let by = &mut block.knowledge;
                    machine.releases.store(by, at[lane], order.release, false);
                }
                &mut machine.memory.block(n).data[place..place + total]
            }
        };
        for (part, values) in target.chunks_exact_mut(each).zip(&values) {
            part.copy_from_slice(&values[lane].to_le_bytes()[..each]);
        }
    }
    if matches!(address.space, Space::Global | Space::Generic) {
        let requested = lanes(active).map(|n| at[n]);
        machine.stats.global_writes.request(requested, total as u64);
    }
    Ok(())
}

/// Passes the arguments of each thread's call to whoever runs the graph.
pub fn set_condition(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    (handle, condition): (&Address, &Address),
    active: u32,
) -> Result<(), Trap> {
    for lane in lanes(active) {
        let mut argument = |address: &Address, bytes| {
            let (touch, order) = (Touch::Read, Order::default());
            let access = Access { lane, address: address.offset, bytes, touch, order };
            bytes_of(machine, block, w, access, Space::Local).map(value)
        };
        let (handle, condition) = (argument(handle, 8)?, argument(condition, 4)?);
        if !(machine.set)(handle, condition as u32) {
            let text = format!("{handle:#x} is no condition of a graph that is running");
            return Err(Trap::new(FaultKind::Condition, lane as u32, text));
        }
    }
    Ok(())
}

fn values_of(
    block: &Block,
    w: usize,
    from: &Sources,
    active: u32,
) -> Result<SmallVec<[Lanes; 4]>, Trap> {
    from.iter().map(|v| block.warps[w].read(*v, active)).collect()
}

/// The lanes of a request come one after the other, from a lane that the seed chooses.
pub fn atomic(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    op: &Op,
    active: u32,
) -> Result<(), Trap> {
    let Op::Atomic { address, bytes, order, f, d, b, c } = op else { return Ok(()) };
    let at = addresses(machine, block, w, address, active)?;
    let (b, c) = (block.warps[w].read(*b, active)?, block.warps[w].read(*c, active)?);
    let (size, mut old) = (*bytes as usize, [0; LANES]);
    let first = machine.random.below(32) as usize;
    let in_shared = address.space == Space::Shared;
    for lane in (0..LANES).map(|n| (n + first) % LANES).filter(|n| active >> n & 1 == 1) {
        let access =
            Access { lane, address: at[lane], bytes: size, touch: Touch::Update, order: *order };
        let target = if in_shared {
            let at = shared(machine, block, w, access)?;
            &mut block.shared[at..at + size]
        } else {
            machine.releases.load(&mut block.knowledge, at[lane], order.acquire);
            let (n, place) = global(machine, block, w, access)?;
            machine.releases.store(&mut block.knowledge, at[lane], order.release, true);
            &mut machine.memory.block(n).data[place..place + size]
        };
        old[lane] = value(target);
        let new = f(old[lane], b[lane], c[lane]);
        target.copy_from_slice(&new.to_le_bytes()[..size]);
    }
    if !in_shared {
        let (requested, bytes) = (lanes(active).map(|n| at[n]), *bytes);
        machine.stats.global_writes.request(requested, bytes.into());
    }
    if let Some(d) = d {
        block.warps[w].write(*d, &old, active);
    }
    Ok(())
}
