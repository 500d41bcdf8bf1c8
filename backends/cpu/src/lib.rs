//! cotangent's CPU backend: programs to machine code, and the runtime that the code calls.
//! Cranelift makes the code, except for the vector loops of processors with AVX2 or AVX-512.
//!
//! A room uses only what stands below it; `plan` and `run` use no other room.
//!
//! ```text
//! backend          a program through the rooms below, and the executable
//!    |
//!  emit      wide  CLIF of kernels and drivers | kernels in vectors of 256 and 512 bits
//!    |        :
//!  ops             one op to CLIF: instruction selection
//!    |      \
//!  code      \     functions of machine code: declared, compiled, linked
//!    |        \
//!  plan       run  the loops, lanes and launches | memory, threads, functions that code calls
//! ```
//!
//! `backend` runs the passes of `cotangent_jit::prepare` and asks `plan` for the nests of every
//! kernel and the form of its launch. `emit` turns each nest, and the driver that launches them,
//! into functions, op by op through `ops`; `wide` takes the kernels that have a vector loop, where
//! the processor has wider vectors than Cranelift makes. `code` compiles and links the functions.
//!
//! The list of ops and their meaning do not live here (see `cotangent-jit`), nor do arrays and
//! derivatives.

mod backend;
mod code;
mod emit;
mod ops;
mod plan;
mod run;
#[cfg(all(target_arch = "x86_64", not(windows)))]
mod wide;

pub use backend::{CpuBackend, backend};
