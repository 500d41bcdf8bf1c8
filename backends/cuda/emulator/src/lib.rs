//! An interpreter of PTX: proves generated code without a GPU.
//!
//! [`Module::parse`] reads a module as strictly as an assembler. [`Device`] holds memory and runs
//! entries: blocks, warps of 32 lanes that part and meet, barriers, shared memory, atomics,
//! asynchronous copies, `mma.sync`. Floating point is exact to the bit where the specification is.
//!
//! What the specification leaves open is refused, with the line, the block and the thread: each
//! [`FaultKind`] is one such thing. Two runs with different seeds take different orders.
//!
//! # Rules that are stricter than the specification
//!
//! - `bar.sync` and `.sync` exchanges take a warp as it is: all of its threads, or exactly those
//!   that the mask names, must have met. Lanes meet at the immediate post-dominator of the branch
//!   that parted them, where an assembler lets them meet too. A lane that spins until another lane
//!   of its warp stores spends the budget.
//! - Only `bar.sync` and `bar.warp.sync` order the threads of a block: neither a fence nor a
//!   shuffle does, even within a warp. Between blocks only chains of releases and acquires order,
//!   at the scopes `.gpu` and `.sys`.
//! - Floats round to nearest and the rounding is written; `.ftz` and `.approx` are not known.
//! - Generic addresses are those of global memory. Clocks and numbers of multiprocessors, which
//!   no result may depend on, are no registers here.
//!
//! # Where the interpreter is more lenient than a device
//!
//! - The threads of a block share what one of them has acquired, before the barrier that would
//!   pass it on.
//! - The source of a `cp.async` is read when the copy is issued.
//! - `mma.sync` sums in f64; a device may round in between.
//!
//! # What is left out
//!
//! Functions with parameters in memory or that call others, arithmetic of f16 and bf16, accesses of
//! 128-bit elements, `bar.red`, barriers of a part of a block, clusters, `mbarrier`, bulk copies,
//! `wgmma`. Timing, caches and occupancy do not live here, nor does the driver's interface.
//!
//! | file | contents |
//! | --- | --- |
//! | `text`, `syntax`, `parse` | a text as names and numbers |
//! | `types`, `instruction`, `decode`, `flow` | its instructions, checked |
//! | `memory`, `shadow`, `clock` | the bytes of a device, and who may touch them when |
//! | `warp`, `block`, `execute` | registers, shared memory, one instruction |
//! | `launch`, `device`, `module` | whole launches |

mod block;
mod clock;
mod decode;
mod device;
mod execute;
mod fault;
mod float;
mod flow;
mod instruction;
mod launch;
mod memory;
mod module;
mod parse;
mod random;
mod shadow;
mod stats;
mod syntax;
mod text;
mod types;
mod warp;

pub use device::{Device, Launch};
pub use fault::{Fault, FaultKind};
pub use instruction::Class;
pub use memory::Touched;
pub use module::{Entry, Module};
pub use stats::{Count, Stats, Traffic};
