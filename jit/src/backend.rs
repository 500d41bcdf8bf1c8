//! The contract between the array system and a device: memory, copies, compilation, execution,
//! events.
//!
//! The contract also fits devices that run asynchronously: a run returns an [`Event`], and reading
//! a buffer waits for it. A run on the CPU is synchronous. No backend lives here.

use crate::Error;
use crate::buffer::{Buffer, Memory};
use crate::program::{Placement, Program};
use crate::verify::Verified;

/// A family of devices, one value per process.
pub trait Backend: Send + Sync {
    /// `"cpu"`, `"cuda"`.
    fn name(&self) -> &'static str;

    /// The number of devices; 0 if the driver is missing.
    fn device_count(&self) -> u32;

    fn memory(&self, ordinal: u32) -> Result<&'static dyn Memory, Error>;

    /// Generates code for a verified program.
    fn compile(
        &self,
        program: &Verified<Program>,
        options: &CompileOptions,
    ) -> Result<Box<dyn Executable>, Error>;

    /// Copies host bytes into a buffer of this backend; lengths must agree.
    fn upload(&self, from: &[u8], to: &mut Buffer) -> Result<(), Error>;

    /// Copies a buffer to host bytes, after all work on it is done; lengths must agree.
    fn download(&self, from: &Buffer, to: &mut [u8]) -> Result<(), Error>;

    fn memory_stats(&self, ordinal: u32) -> MemoryStats;
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CompileOptions {
    /// Keeps the text of the generated code, for [`Executable::text`].
    pub keep_text: bool,
    /// Flushes subnormal numbers: in arithmetic, subnormal operands may count as zeros of their
    /// sign, and subnormal results may become zeros of their sign. Moves and choices of elements
    /// keep them. The interpreter does not flush. Host calls run by IEEE 754, and so does the
    /// caller afterwards. A device that cannot flush ignores this.
    pub flush_subnormals: bool,
}

/// Compiled code. Its code memory is freed with it. It may run on many threads at once.
pub trait Executable: Send + Sync {
    /// Runs on these inputs (as many bytes as their slots, or more) and outputs. For a donated
    /// output the input's pointer is the same address as the output's.
    ///
    /// # Safety
    /// `inputs[i]` is readable for the bytes of input slot `i`, and `outputs[j]` writable for those
    /// of output slot `j`, on the program's device, for the whole run; outputs overlap nothing but
    /// inputs donated to them by [`Program::donations`].
    unsafe fn run(&self, inputs: &[*const u8], outputs: &[*mut u8]) -> Result<Event, Error>;

    /// Text of a stage of compilation, if kept: `"clif"`, `"asm"` on the CPU, `"ptx"` on CUDA.
    fn text(&self, stage: &str) -> Option<String>;

    /// Bytes of machine code.
    fn code_size(&self) -> usize;

    fn place(&self) -> Placement;
}

/// Something to wait for. Work on the CPU is done when `run` returns.
#[derive(Debug)]
pub enum Event {
    Done,
    Pending(Box<dyn Wait>),
}

impl Event {
    pub fn wait(&self) -> Result<(), Error> {
        match self {
            Event::Done => Ok(()),
            Event::Pending(p) => p.wait(),
        }
    }
}

/// An unfinished run on a device with its own clock.
pub trait Wait: Send + Sync + std::fmt::Debug {
    fn wait(&self) -> Result<(), Error>;
}

/// The state of a device's allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemoryStats {
    /// Bytes in live buffers.
    pub live: usize,
    /// The most bytes that were ever in live buffers.
    pub peak: usize,
    /// Bytes kept for reuse.
    pub cached: usize,
    /// Requests served from the cache.
    pub hits: u64,
    /// Requests that went to the system.
    pub misses: u64,
}
