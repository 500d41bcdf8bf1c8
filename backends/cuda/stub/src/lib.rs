//! A driver library over the PTX interpreter: the functions of `libcuda.so` that cotangent's CUDA
//! backend calls, on emulated devices in this process. It is a stand-in for cuBLASLt, too.
//!
//! The backend loads it in place of a driver and runs unchanged, without a GPU. It is a proof, not
//! an emulator for users: it is slow, and it is stricter than a device.
//!
//! - Enqueued work waits. It runs when somebody waits for it, or earlier by a choice drawn from the
//!   seed; streams take turns, ordered by events and by the rules of the legacy stream alone. A
//!   host that reads too early reads old bytes.
//! - Work of two streams, or of two nodes of a graph, that touches the same bytes and is not
//!   ordered is a fault, even if this order gave the right result.
//! - A fault of the interpreter ends the context as it does on a device. Its text is on standard
//!   error and in [`control::Stub::fault`].
//! - A function that is not built is absent: the caller finds no symbol. None answers success
//!   without having done its work.
//!
//! # Where it differs from a driver
//!
//! - Memory that was freed goes back at once, and an address is never given twice. The pool of a
//!   device keeps nothing, so that trimming it finds nothing to do.
//! - A download to the host of bytes that nobody has written ends the context.
//! - Stale and foreign handles are invalid handles; a driver may crash.
//! - Loading a module, allocating and freeing at once are refused while a stream records in the
//!   mode for all threads, or in the mode for the thread that calls.
//! - A condition of a graph that has no default has no value until a kernel of the same launch
//!   sets it.
//! - Waiting for an event of another device makes the host wait.
//! - Times are emulated: instructions and bytes, not seconds. Registers of a kernel are those that
//!   its text names, at most 64.
//! - Releasing a context waits for its work.
//!
//! # What is left out
//!
//! Contexts other than the primary one, the legacy stream of a thread, managed memory, peer copies,
//! arrays and textures, copies of more than one dimension, external memory, linking, graphs with
//! allocations or that launch themselves, captures into a given graph, clusters.
//!
//! | file | contents |
//! | --- | --- |
//! | `abi` | the functions as C sees them: arguments in, results out |
//! | `pointer` | the memory of the caller: all that is unsafe |
//! | `code` | statuses |
//! | `driver` | devices, contexts, streams, graphs: safe, behind one lock |
//! | `control` | the stub's own switches and counters, for tests |

#[cfg(not(target_pointer_width = "64"))]
compile_error!("handles of the driver are addresses of 64 bits");

mod abi;
mod code;
pub mod control;
mod driver;
mod pointer;
