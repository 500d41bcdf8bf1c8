//! An interpreter of PTX: proves generated code without a GPU.
//!
//! [`Module::parse`] reads a module as strictly as an assembler. [`Device`] holds memory and runs
//! entries: blocks, warps of 32 lanes that part and meet, barriers, shared memory, atomics,
//! asynchronous copies, `mma.sync`. Floating point is exact to the bit where the specification is.
//!
//! What the specification leaves open is refused, with the line, the block and the thread: each
//! [`FaultKind`] is one such thing. Two runs with different seeds take different orders.
//!
//! Timing, caches and occupancy do not live here, nor does the driver's interface.
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
pub use module::{Entry, Module};
pub use stats::{Count, Stats, Traffic};
