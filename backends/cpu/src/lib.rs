//! cotangent's CPU backend: programs to machine code by Cranelift, and the runtime that the code
//! calls.
//!
//! A room uses only what stands below it; `plan` and `run` use no other room.
//!
//! ```text
//! backend          a program through the rooms below, and the executable
//!    |
//!  emit            CLIF of kernels and drivers
//!    |
//!  ops             one op to CLIF: instruction selection
//!    |      \
//!  code      \     functions of machine code: declared, compiled, linked
//!    |        \
//!  plan       run  the loops, lanes and launches | memory, threads, functions that code calls
//! ```
//!
//! `backend` runs the passes of `cotangent_jit::prepare` and asks `plan` for the nests of every
//! kernel and the form of its launch. `emit` turns each nest, and the driver that launches them,
//! into functions, op by op through `ops`. `code` compiles and links the functions.
//!
//! The list of ops and their meaning do not live here (see `cotangent-jit`), nor do arrays and
//! derivatives.

mod backend;
mod code;
mod emit;
mod ops;
mod plan;
mod run;

pub use backend::{CpuBackend, backend};
