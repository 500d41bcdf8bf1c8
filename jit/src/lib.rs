//! The languages that cotangent's backends compile: scalars, kernels and programs.
//!
//! A *scalar op* is total: its row in [`op`] says what every input gives, so generated code cannot trap. A *kernel* is
//! one loop nest over typed buffers whose body is a hash-consed graph of scalar ops ([`kernel`]). A *program* is what an
//! executable does: launch kernels, call routines, loop, branch and copy, over planned slots ([`program`]). [`verify`]
//! returns a [`Verified`](verify::Verified) value, the only thing a [`Backend`](backend::Backend) accepts, and [`interp`]
//! is the oracle that every backend is compared with: slow and obvious.
//!
//! What does not live here: arrays, tracing, derivatives (the `cotangent` crate), machine code (`cotangent-cpu`). Nothing
//! here knows which device will run it.

pub mod affine;
pub mod backend;
pub mod buffer;
pub mod build;
pub mod cost;
mod domain;
pub mod dtype;
pub mod error;
mod flow;
pub mod host;
pub mod interp;
pub mod kernel;
pub mod math;
pub mod op;
pub mod plan;
pub mod prepare;
pub mod print;
pub mod program;
mod routine;
pub mod scalar;
pub mod verify;

pub use num_complex::Complex;

pub use dtype::DType;
pub use error::{Error, ErrorKind, plural};
pub use scalar::Scalar;
