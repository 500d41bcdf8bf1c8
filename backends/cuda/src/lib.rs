//! cotangent's CUDA backend: programs to PTX text, and a runtime over the driver.
//!
//! A room uses only what stands below it.
//!
//! ```text
//! emit     entries of kernels: loops, loads, stores, reductions
//!  |  \
//! ops  plan    one op to PTX: instruction selection | the form of a kernel
//!  |
//! ptx      text: registers, instructions, modules
//! ```
//!
//! The list of ops and their meaning do not live here (see `cotangent-jit`).

pub mod emit;
pub mod ops;
pub mod plan;
pub mod ptx;
