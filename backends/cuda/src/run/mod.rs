//! The driver, and what runs through it: memory, modules, the items of a program.
//!
//! Every device has one stream, so all work is in the order in which it was asked for.
//!
//! | file | contents |
//! | --- | --- |
//! | `library.rs` | the driver's library, found when it is first needed |
//! | `device.rs` | a device: its context, its stream, its failures |
//! | `blas/` | products of matrices by cuBLASLt, where it is there |
//! | `copy.rs` | bytes to the device, from it, and within it |
//! | `memory.rs` | blocks of its memory, kept for reuse |
//! | `module.rs` | entries, loaded and launched |
//! | `graph.rs` | launches as one graph of the driver's |
//! | `conditions.rs` | conditional nodes, if the driver has them |
//! | `table.rs` | the memory of a graph with such nodes |
//! | `queue.rs` | a run: items, one after the other |
//! | `host.rs` | what the host computes in the middle of a run |

pub mod blas;
mod conditions;
mod copy;
mod device;
mod graph;
mod host;
mod library;
mod memory;
mod module;
mod queue;
mod table;

pub use device::{Device, count, device};
pub use graph::Graph;
pub use memory::{DeviceMemory, memory};
pub use module::Module;
pub use queue::Queue;
