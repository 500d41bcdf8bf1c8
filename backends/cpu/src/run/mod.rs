//! The runtime beside generated code: memory, threads, and the functions that the code calls by
//! address.
//!
//! | file | contents |
//! | --- | --- |
//! | `memory.rs` | blocks of host memory, kept for reuse |
//! | `devices.rs` | the memory of each device, when there are several |
//! | `share.rs` | work shared among threads |
//! | `subnormals.rs` | the treatment of subnormal numbers by a thread |
//! | `runtime.rs` | shared launches, copies, exact float remainders |
//! | `host.rs` | calls of the host |
//! | `routines/` | products, sorting, linear algebra |
//!
//! Generated code and its planning do not live here.

pub mod devices;
pub mod host;
pub mod memory;
pub mod routines;
pub mod runtime;
pub mod share;
pub mod subnormals;
