//! Device memory with an owner. A [`Buffer`] gives its bytes back when it is dropped.
//!
//! This is one of the few files with `unsafe`: a backend's [`Memory`] makes the raw pointer, and
//! backends read it. Allocators do not live here.

use crate::Error;
use crate::program::Placement;
use std::fmt;

/// An allocator of a device's bytes. It lives as long as the process. Each device has one of its
/// own, whose address tells the device.
pub trait Memory: Send + Sync {
    fn place(&self) -> Placement;

    /// At least `bytes` bytes aligned to 64, with unspecified contents; zero bytes give a dangling
    /// aligned pointer.
    fn allocate(&'static self, bytes: usize) -> Result<Buffer, Error>;

    /// Frees the bytes of a buffer. Work on them may still be in the device's queue: the memory
    /// can be given to another use at once, because work of that use comes later in the queue. What
    /// returns memory to the system waits for the queue first.
    ///
    /// # Safety
    /// `pointer` and `bytes` come from one `allocate` of this memory, and are freed once.
    unsafe fn free(&self, pointer: *mut u8, bytes: usize);
}

/// Bytes on a device.
pub struct Buffer {
    pointer: *mut u8,
    bytes: usize,
    memory: &'static dyn Memory,
}

// SAFETY: a buffer is plain bytes with a unique owner; shared access only reads (see
// `write_pointer`).
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// # Safety
    /// `pointer` was given out by `memory` for `bytes` bytes and nobody else will free it.
    pub unsafe fn from_raw(pointer: *mut u8, bytes: usize, memory: &'static dyn Memory) -> Buffer {
        Buffer { pointer, bytes, memory }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn place(&self) -> Placement {
        self.memory.place()
    }

    /// The memory that the bytes come from. Devices have memories of different addresses.
    pub fn memory(&self) -> &'static dyn Memory {
        self.memory
    }

    /// The address for reading. On a host device it is an ordinary address.
    pub fn pointer(&self) -> *const u8 {
        self.pointer
    }

    /// The address for writing, for the sole owner of the buffer.
    pub fn write_pointer(&mut self) -> *mut u8 {
        self.pointer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `from_raw` promised that these came from `memory` and are freed here only.
        unsafe { self.memory.free(self.pointer, self.bytes) }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes on {})", self.bytes, self.place())
    }
}
