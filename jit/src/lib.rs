//! The languages that cotangent's backends compile: scalars, kernels and programs.
//!
//! A *scalar op* is total: its row in [`op`] says what every input gives, so generated code cannot
//! trap. A *kernel* is one loop nest over typed buffers whose body is a hash-consed graph of scalar
//! ops ([`kernel`]). A *program* is the list of steps of an executable, which launch kernels, call
//! routines, loop, branch and copy over planned slots ([`program`]). [`verify`] returns a
//! [`Verified`](verify::Verified) value, the only thing a [`Backend`](backend::Backend) accepts,
//! and [`interp`] is the slow and obvious oracle that tests compare every backend with. [`prepare`]
//! holds the passes that every backend runs before code generation; [`rows`] finds launches that a
//! backend can run row by row.
//!
//! Arrays, tracing and derivatives do not live here (see the `cotangent` crate), nor does machine
//! code (see `cotangent-cpu`). Nothing here knows the device that will run a program.

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
pub mod order;
pub mod plan;
pub mod prepare;
pub mod print;
pub mod program;
mod routine;
pub mod rows;
pub mod scalar;
pub mod verify;

pub use num_complex::Complex;

pub use dtype::DType;
pub use error::{Error, ErrorKind, plural};
pub use scalar::Scalar;
