//! The devices of the CPU: one, or as many as `COTANGENT_CPU_DEVICES` says.
//!
//! More than one is for trying programs for several devices where there are none. They share the
//! cores and the store of free blocks; each counts its own live bytes. Not here: the store
//! (`memory`).

use crate::run::memory::{self, Block};
use cotangent_jit::backend::MemoryStats;
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

const NAME: &str = "COTANGENT_CPU_DEVICES";
/// The most devices.
const MOST: u32 = 64;

/// The memory of a device after the first.
pub struct Further {
    ordinal: u32,
    live: AtomicUsize,
    peak: AtomicUsize,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The devices after the first, for the life of the process.
static FURTHER: LazyLock<Result<&'static [Further], Error>> = LazyLock::new(|| {
    let count = match std::env::var_os(NAME) {
        Some(text) if !text.is_empty() => counted(&text.to_string_lossy())?,
        _ => 1,
    };
    Ok(Vec::leak((1..count).map(Further::new).collect()))
});

fn counted(text: &str) -> Result<u32, Error> {
    let count = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    count.ok_or_else(|| err!(Device, "{NAME}={text}: expected a number from 1 to {MOST}"))
}

fn further() -> Result<&'static [Further], Error> {
    FURTHER.as_ref().map(|all| *all).map_err(Clone::clone)
}

/// The number of devices.
pub fn count() -> Result<u32, Error> {
    Ok(1 + further()?.len() as u32)
}

fn device(ordinal: u32) -> Result<&'static Further, Error> {
    let all = further()?;
    all.get(ordinal as usize - 1).ok_or_else(|| match all.len() {
        0 => err!(Device, "cpu:{ordinal}: there is one cpu device, cpu:0; {NAME}=2 makes two"),
        n => err!(Device, "cpu:{ordinal}: there are {} cpu devices, cpu:0 to cpu:{n}", n + 1),
    })
}

/// The memory of a device.
pub fn memory_of(ordinal: u32) -> Result<&'static dyn Memory, Error> {
    if ordinal == 0 { Ok(memory::memory()) } else { Ok(device(ordinal)?) }
}

/// The statistics of a device; nothing of one that is not there.
pub fn stats_of(ordinal: u32) -> MemoryStats {
    match ordinal {
        0 => memory::memory().stats(),
        _ => device(ordinal).map(Further::stats).unwrap_or_default(),
    }
}

impl Further {
    fn new(ordinal: u32) -> Further {
        Further {
            ordinal,
            live: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Free blocks are counted for the first device, which shares them.
    fn stats(&self) -> MemoryStats {
        MemoryStats {
            live: self.live.load(Relaxed),
            peak: self.peak.load(Relaxed),
            cached: 0,
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
        }
    }
}

impl Memory for Further {
    fn place(&self) -> Placement {
        Placement { backend: "cpu", ordinal: self.ordinal }
    }

    fn allocate(&'static self, bytes: usize) -> Result<Buffer, Error> {
        let pointer = if bytes == 0 {
            std::ptr::without_provenance_mut(memory::ALIGN)
        } else {
            let Block { pointer, size, reused } = memory::take_uncounted(bytes)?;
            let live = self.live.fetch_add(size, Relaxed) + size;
            self.peak.fetch_max(live, Relaxed);
            if reused { &self.hits } else { &self.misses }.fetch_add(1, Relaxed);
            pointer
        };
        // SAFETY: the store gave this block for these bytes; for none, `free` does nothing.
        Ok(unsafe { Buffer::from_raw(pointer, bytes, self) })
    }

    unsafe fn free(&self, pointer: *mut u8, bytes: usize) {
        if bytes > 0 {
            // SAFETY: the caller's promise: `allocate` took the block without counting it.
            let size = unsafe { memory::give_uncounted(pointer, bytes) };
            self.live.fetch_sub(size, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_numbers() {
        assert_eq!(counted("2"), Ok(2));
        for wrong in ["0", "-1", "two", "65"] {
            let said = counted(wrong).expect_err("refused");
            let expected = format!("COTANGENT_CPU_DEVICES={wrong}: expected a number from 1 to 64");
            assert_eq!(said.message(), expected);
        }
    }

    #[test]
    fn each_device_counts_its_own() {
        let device: &'static Further = Box::leak(Box::new(Further::new(1)));
        let first = memory::memory().stats().live;
        let buffer = device.allocate(5 << 20).unwrap();
        assert_eq!(buffer.place().to_string(), "cpu:1");
        assert_eq!((device.stats().live, device.stats().peak), (5 << 20, 5 << 20));
        // Other tests take some memory of the first device meanwhile.
        assert!(memory::memory().stats().live < first + (5 << 20));
        drop(buffer);
        let again = device.allocate(5 << 20).unwrap();
        let MemoryStats { live, hits, misses, .. } = device.stats();
        assert_eq!((live, hits + misses), (5 << 20, 2));
        assert!(hits >= 1, "the block is used again");
        drop((again, device.allocate(0).unwrap()));
        assert_eq!((device.stats().live, device.stats().peak), (0, 5 << 20));
    }
}
