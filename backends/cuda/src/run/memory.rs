//! Blocks of a device's memory, kept for reuse by size class.
//!
//! All work is on one stream, so a block that is freed can be given out at once: work of its next
//! owner comes later. Only what goes back to the driver waits. Nothing is taken before it is asked
//! for. If the driver has no more, everything that is kept goes back, and the request is tried
//! once more.

use super::device::{Device, MOST, device};
use cotangent_jit::backend::MemoryStats;
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err};
use cudarc::driver::result;
use cudarc::driver::sys::CUresult;
use rustc_hash::FxHashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The least size and the alignment of blocks.
const ALIGN: usize = 256;

pub struct DeviceMemory {
    ordinal: u32,
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    /// Free blocks by their size.
    blocks: FxHashMap<usize, Vec<u64>>,
    stats: MemoryStats,
}

/// The memory of the device of this number.
pub fn memory(ordinal: u32) -> Result<&'static DeviceMemory, Error> {
    static ALL: [OnceLock<DeviceMemory>; MOST] = [const { OnceLock::new() }; MOST];
    device(ordinal)?;
    let slot = ALL.get(ordinal as usize);
    let slot = slot.ok_or_else(|| err!(Device, "cuda:{ordinal}: no such device"))?;
    Ok(slot.get_or_init(|| DeviceMemory { ordinal, store: Mutex::default() }))
}

/// The size of the block for so many bytes: classes are an eighth of a power of two apart.
fn block_size(bytes: usize) -> usize {
    let bytes = bytes.max(ALIGN);
    let step = (bytes.next_power_of_two() / 16).max(ALIGN);
    bytes.next_multiple_of(step)
}

impl DeviceMemory {
    fn store<R>(&self, f: impl FnOnce(&mut Store) -> R) -> R {
        f(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn stats(&self) -> MemoryStats {
        self.store(|s| s.stats)
    }

    /// A block of at least so many bytes.
    pub fn take(&self, bytes: usize) -> Result<u64, Error> {
        let size = block_size(bytes);
        let kept = self.store(|s| {
            let block = s.blocks.get_mut(&size)?.pop()?;
            s.stats.cached -= size;
            s.stats.hits += 1;
            Some(block)
        });
        let block = match kept {
            Some(block) => block,
            None => {
                let block = self.fresh(size)?;
                self.store(|s| s.stats.misses += 1);
                block
            }
        };
        self.store(|s| {
            s.stats.live += size;
            s.stats.peak = s.stats.peak.max(s.stats.live);
        });
        Ok(block)
    }

    /// Keeps a block of so many bytes for reuse.
    pub fn give(&self, block: u64, bytes: usize) {
        let size = block_size(bytes);
        self.store(|s| {
            s.stats.live -= size;
            s.stats.cached += size;
            s.blocks.entry(size).or_default().push(block);
        });
    }

    fn fresh(&self, size: usize) -> Result<u64, Error> {
        let device = device(self.ordinal)?;
        device.bind()?;
        // SAFETY: the context is current; the block is freed by `trim` alone.
        let first = unsafe { result::malloc_sync(size) };
        let again = match first {
            Err(e) if e.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                self.trim(device)?;
                // SAFETY: as above.
                unsafe { result::malloc_sync(size) }
            }
            other => other,
        };
        match again {
            Err(e) if e.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                let (free, total) = device.free_and_total()?;
                let MemoryStats { live, cached, .. } = self.stats();
                Err(err!(
                    Device,
                    "cuda:{}: out of memory: wanted {size} bytes; {live} are held by arrays and \
                     runs, {cached} kept for reuse, {free} of {total} free on the device",
                    self.ordinal
                ))
            }
            other => device.checked("cuMemAlloc", other),
        }
    }

    /// Gives everything that is kept back to the driver, once no work uses it any more.
    pub fn trim(&self, device: &Device) -> Result<(), Error> {
        device.synchronize()?;
        let blocks = self.store(|s| {
            s.stats.cached = 0;
            std::mem::take(&mut s.blocks)
        });
        for block in blocks.into_values().flatten() {
            // SAFETY: the block is the driver's, nobody holds it, and no work is left.
            device.checked("cuMemFree", unsafe { result::free_sync(block) })?;
        }
        Ok(())
    }
}

impl Memory for DeviceMemory {
    fn place(&self) -> Placement {
        Placement { backend: "cuda", ordinal: self.ordinal }
    }

    fn allocate(&'static self, bytes: usize) -> Result<Buffer, Error> {
        if bytes == 0 {
            let none = std::ptr::without_provenance_mut(ALIGN);
            // SAFETY: of no bytes there is nothing to free, see `free`.
            return Ok(unsafe { Buffer::from_raw(none, 0, self) });
        }
        let block = self.take(bytes)?;
        let pointer = std::ptr::without_provenance_mut(block as usize);
        // SAFETY: the block is of this memory, has the bytes and no other owner.
        Ok(unsafe { Buffer::from_raw(pointer, bytes, self) })
    }

    unsafe fn free(&self, pointer: *mut u8, bytes: usize) {
        if bytes > 0 {
            self.give(pointer.addr() as u64, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_barely_larger() {
        for bytes in [0, 1, 255, 256, 257, 4096, 4097, 1 << 20, (1 << 20) + 1, 3 << 30] {
            let size = block_size(bytes);
            assert!(size >= bytes.max(256) && size.is_multiple_of(256), "{bytes}: {size}");
            assert!(size <= bytes + bytes / 8 + 256, "{bytes}: {size}");
            assert_eq!(block_size(size), size);
        }
    }
}
