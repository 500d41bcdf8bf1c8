//! The contract between the array system and a device: memory, copies, compilation, execution.
//!
//! A device has one queue. Runs, copies and the reuse of memory happen in the order in which they
//! were asked for, so nothing waits for a run except [`Backend::download`] and
//! [`Backend::synchronize`]. A run on the CPU is over when [`Executable::run`] returns. No backend
//! lives here.

use crate::buffer::{Buffer, Memory};
use crate::program::{Placement, Program};
use crate::verify::Verified;
use crate::{Error, err, plural};
use std::fmt;

/// A family of devices, one value per process.
pub trait Backend: Send + Sync {
    /// `"cpu"`, `"cuda"`.
    fn name(&self) -> &'static str;

    /// The number of devices. The error says why there are none: no driver, or none that works.
    fn device_count(&self) -> Result<u32, Error>;

    /// A name for people: `"NVIDIA H200"`; of the CPU, its architecture and its cores.
    fn describe(&self, ordinal: u32) -> Result<String, Error>;

    fn memory(&self, ordinal: u32) -> Result<&'static dyn Memory, Error>;

    /// Generates code for a verified program.
    fn compile(
        &self,
        program: &Verified<Program>,
        options: &CompileOptions,
    ) -> Result<Box<dyn Executable>, Error>;

    /// Copies host bytes into a buffer of this backend; lengths must agree.
    fn upload(&self, from: &[u8], to: &mut Buffer) -> Result<(), Error>;

    /// Waits for all work on a buffer, then copies it to host bytes; lengths must agree. An error
    /// of that work is reported here.
    fn download(&self, from: &Buffer, to: &mut [u8]) -> Result<(), Error>;

    /// Waits for all work on a device. The error is what failed since the last wait.
    fn synchronize(&self, ordinal: u32) -> Result<(), Error>;

    fn memory_stats(&self, ordinal: u32) -> MemoryStats;

    /// The sizes at which lowering changes its ways for this device.
    fn tuning(&self, ordinal: u32) -> Tuning;
}

/// What lowering asks of a device. None of it changes what a program computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tuning {
    /// Least number of lanes of a loop that works lane by lane in one kernel. With fewer, one
    /// kernel per step is faster.
    pub least_lanes: usize,
    /// Most elements of an axis that is split into components of a lane.
    pub short_axis: usize,
    /// Most bytes that such a loop reads and writes over time. With more it is faster to stream
    /// one row after the other.
    pub streamed_bytes: usize,
    /// Most rounds of a `while` between two tests of all lanes.
    pub rounds: usize,
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

/// An input that is given by value: one element without an address.
#[derive(Clone, Copy, Debug)]
pub struct Literal {
    /// The number of the input.
    pub input: usize,
    /// Little-endian; the element comes first.
    pub bits: u128,
}

/// Compiled code. Its code memory is freed with it. It may run on many threads at once.
pub trait Executable: Send + Sync {
    /// Enqueues a run on these inputs (as many bytes as their slots, or more) and outputs. It may
    /// return before the work is done, and then the work's error shows in a later call.
    ///
    /// An input that has no address is null and stands in `literals`. The backend may write
    /// addresses of its own into `inputs`. For a donated output the input's pointer is the same
    /// address as the output's. `literals` lives until the call returns, no longer.
    ///
    /// # Safety
    /// `inputs[i]` is readable for the bytes of input slot `i` unless `literals` has an element for
    /// it, which then is all of that slot, and `outputs[j]` is writable for the bytes of output
    /// slot `j`. Both are memory of the program's device. They may be freed as soon as the call
    /// returns: [`Memory::free`] is in the order of the queue. Outputs overlap nothing but inputs
    /// donated to them by [`Program::donations`].
    unsafe fn run(
        &self,
        inputs: &mut [*const u8],
        literals: &[Literal],
        outputs: &[*mut u8],
    ) -> Result<(), Error>;

    /// Text of a stage of compilation, if kept: `"clif"`, `"asm"` on the CPU, `"ptx"` on CUDA.
    fn text(&self, stage: &str) -> Option<String>;

    /// Bytes of machine code.
    fn code_size(&self) -> usize;

    fn place(&self) -> Placement;

    /// What one run asks of the device.
    fn launches(&self) -> Launches;
}

/// What one run asks of a device, as far as that is known before it: one round of a loop that ends
/// by a test, the longest arm of a branch. A graph counts each of its functions once, however
/// often the device's own loops and branches call it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Launches {
    /// Functions launched one by one.
    pub single: usize,
    /// Graphs launched, each as a whole.
    pub graphs: usize,
    /// Functions launched in graphs.
    pub nodes: usize,
    /// Loops and arms of branches in graphs, which the device decides by itself.
    pub conditions: usize,
    /// Times that the host waits for the device in the middle of a run.
    pub round_trips: usize,
}

impl Launches {
    pub fn and(self, other: Launches) -> Launches {
        Launches {
            single: self.single + other.single,
            graphs: self.graphs + other.graphs,
            nodes: self.nodes + other.nodes,
            conditions: self.conditions + other.conditions,
            round_trips: self.round_trips + other.round_trips,
        }
    }

    pub fn times(self, n: usize) -> Launches {
        Launches {
            single: self.single * n,
            graphs: self.graphs * n,
            nodes: self.nodes * n,
            conditions: self.conditions * n,
            round_trips: self.round_trips * n,
        }
    }
}

impl fmt::Display for Launches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Launches { single, graphs, nodes, conditions, round_trips } = *self;
        write!(f, "{}", plural(single + nodes, "function"))?;
        if graphs > 0 {
            write!(f, ", {nodes} of them in {}", plural(graphs, "graph"))?;
        }
        if conditions > 0 {
            write!(f, " with {}", plural(conditions, "conditional node"))?;
        }
        write!(f, ", {}", plural(round_trips, "round trip"))
    }
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

/// Checks the numbers of inputs and outputs of a run: there may be more than the program names.
#[inline]
pub fn expect_buffers(expected: (usize, usize), got: (usize, usize)) -> Result<(), Error> {
    match got.0 >= expected.0 && got.1 >= expected.1 {
        true => Ok(()),
        false => Err(too_few(expected, got)),
    }
}

#[cold]
fn too_few(expected: (usize, usize), got: (usize, usize)) -> Error {
    let inputs = plural(expected.0, "input");
    err!(Value, "run: expected {inputs} and {} outputs, got {} and {}", expected.1, got.0, got.1)
}

/// Checks that as many bytes are copied as there are.
pub fn expect_bytes(what: &str, expected: usize, got: usize) -> Result<(), Error> {
    match expected == got {
        true => Ok(()),
        false => Err(err!(Value, "{what}: expected {}, got {got}", plural(expected, "byte"))),
    }
}
