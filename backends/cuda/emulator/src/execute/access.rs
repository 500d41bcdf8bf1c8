//! Addresses, alignment, bounds and shadows: what every access to memory must pass.

use super::machine::Machine;
use crate::block::Block;
use crate::fault::{FaultKind, Trap};
use crate::instruction::{Address, Order};
use crate::shadow::{Accessor, Cell, Conflict};
use crate::warp::{LANES, Lanes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    Read,
    Write,
    /// Both, by an atomic operation.
    Update,
    /// A write by a copy on its way.
    Announce,
}

/// An access of one lane.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub lane: usize,
    pub address: u64,
    pub bytes: usize,
    pub touch: Touch,
    pub order: Order,
}

impl Access {
    pub fn trap(&self, kind: FaultKind, text: impl Into<String>) -> Trap {
        Trap::new(kind, self.lane as u32, text)
    }

    fn aligned(&self) -> Result<(), Trap> {
        if self.address.is_multiple_of(self.bytes as u64) {
            return Ok(());
        }
        let Access { address, bytes, .. } = self;
        let text = format!("the address {address:#x} is no multiple of {bytes}");
        Err(self.trap(FaultKind::Misaligned, text))
    }

    /// Where the access begins in a space of this size.
    pub fn within(&self, size: usize, space: &str) -> Result<usize, Trap> {
        self.aligned()?;
        let Access { address, bytes, .. } = *self;
        match usize::try_from(address).ok().filter(|a| *a < size && size - a >= bytes) {
            Some(at) => Ok(at),
            None => {
                let text = format!("{bytes} bytes at {address:#x} of {size} bytes of {space}");
                Err(self.trap(FaultKind::OutOfBounds, text))
            }
        }
    }

    /// Passes the shadows of the bytes.
    fn pass(
        &self,
        cells: &mut [Cell],
        by: &mut Accessor<'_>,
        race: FaultKind,
        at: u64,
    ) -> Result<(), Trap> {
        for (n, cell) in cells.iter_mut().enumerate() {
            let result = match self.touch {
                Touch::Read => cell.read(by, self.order),
                Touch::Write => cell.write(by, self.order),
                Touch::Update => {
                    cell.read(by, self.order).and_then(|()| cell.write(by, self.order))
                }
                Touch::Announce => cell.announce(by),
            };
            result.map_err(|conflict| self.conflict(conflict, race, at + n as u64))?;
        }
        Ok(())
    }

    fn conflict(&self, conflict: Conflict, race: FaultKind, byte: u64) -> Trap {
        match conflict {
            Conflict::Alias => {
                let text =
                    format!("byte {byte:#x} is read by ld.global.nc and written by a launch");
                self.trap(FaultKind::ReadOnlyAlias, text)
            }
            Conflict::Pending => {
                let text = format!("byte {byte:#x} awaits a cp.async that nobody has waited for");
                self.trap(FaultKind::AsyncPending, text)
            }
            Conflict::Race { wrote, block, thread } => {
                let this = if self.touch == Touch::Read { "a read" } else { "a write" };
                let other = if wrote { "a write" } else { "a read" };
                let who = match (block, thread) {
                    (Some(block), Some(thread)) => format!("thread {thread} of block {block}"),
                    (Some(block), None) => format!("several threads of block {block}"),
                    _ => "several blocks".to_owned(),
                };
                let text = format!(
                    "{this} of byte {byte:#x} is not ordered behind {other} of {who} (indices \
                     counted along x first)"
                );
                self.trap(race, text)
            }
        }
    }
}

/// The address of each active lane.
pub fn addresses(
    machine: &Machine<'_>,
    block: &Block,
    w: usize,
    address: &Address,
    active: u32,
) -> Result<Lanes, Trap> {
    let start = if address.dynamic { machine.shape.dynamic.0.into() } else { 0 };
    let offset = address.offset.wrapping_add(start);
    Ok(match address.base {
        None => [offset; LANES],
        Some(base) => block.warps[w].register(base, active)?.map(|a| a.wrapping_add(offset)),
    })
}

/// Checks an access to shared memory and gives its place.
pub fn shared(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    access: Access,
) -> Result<usize, Trap> {
    let at = access.within(block.shared.len(), "shared memory")?;
    let Block { warps, cells, knowledge, barrier, .. } = block;
    let cells = &mut cells[at..at + access.bytes];
    let reads = matches!(access.touch, Touch::Read | Touch::Update);
    if reads && let Some(n) = cells.iter().position(|c| !c.is_written()) {
        let text = format!("byte {:#x} of shared memory is read but was never written", at + n);
        return Err(access.trap(FaultKind::UnwrittenMemory, text));
    }
    let mut by = Accessor {
        thread: (warps[w].first + access.lane as u32) as u16,
        barrier: *barrier,
        warp_barrier: warps[w].barrier,
        knowledge,
        synchronises: machine.kernel.synchronises,
        sets: &mut machine.sets,
    };
    access.pass(cells, &mut by, FaultKind::SharedRace, at as u64)?;
    Ok(at)
}

/// Checks an access to global memory and gives the number of the block of memory and the place in
/// it.
pub fn global(
    machine: &mut Machine<'_>,
    block: &mut Block,
    w: usize,
    access: Access,
) -> Result<(usize, usize), Trap> {
    access.aligned()?;
    let Access { address, bytes, .. } = access;
    let found = machine.memory.find(address, bytes as u64);
    let (n, at) = found.map_err(|text| access.trap(FaultKind::OutOfBounds, text))?;
    let memory = machine.memory.block(n);
    let reads = matches!(access.touch, Touch::Read | Touch::Update);
    let written = &memory.written[at..at + bytes];
    if reads && let Some(n) = written.iter().position(|w| !w) {
        let text = format!("the byte at {:#x} is read but was never written", address + n as u64);
        return Err(access.trap(FaultKind::UnwrittenMemory, text));
    }
    let warp = &block.warps[w];
    let mut by = Accessor {
        thread: (warp.first + access.lane as u32) as u16,
        barrier: block.barrier,
        warp_barrier: warp.barrier,
        knowledge: &block.knowledge,
        synchronises: machine.kernel.synchronises,
        sets: &mut machine.sets,
    };
    let cells = memory.cells(at, bytes, machine.launch);
    access.pass(cells, &mut by, FaultKind::GlobalRace, address)?;
    if !reads || access.touch == Touch::Update {
        memory.written[at..at + bytes].fill(true);
    }
    Ok((n, at))
}
