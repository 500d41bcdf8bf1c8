//! cotangent's CUDA backend: programs to PTX text, and a runtime over the driver.
//!
//! A room uses only what stands below it.
//!
//! ```text
//! backend      a program through the rooms below, and the executable
//!   |    \
//! emit   run   entries of kernels and of loops | the driver: memory, modules, the queue
//!   |  \  |
//!   |  products   products of matrices as entries of their own
//!   |  /   |
//!   | /  plan     what runs how: forms, tasks, items
//!   |/     |
//!   |   sorts     their launches, and the entries of these
//!   |  /
//! ops          one op to PTX: instruction selection
//!   |
//! ptx          text: registers, instructions, modules
//! ```
//!
//! The driver is found when a device is first asked for; without one every call is an error that
//! says so.
//!
//! The list of ops and their meaning do not live here (see `cotangent-jit`).

mod backend;
pub mod emit;
mod ops;
pub mod plan;
pub mod products;
pub mod ptx;
mod run;
pub mod sorts;

pub use backend::{CudaBackend, backend};
