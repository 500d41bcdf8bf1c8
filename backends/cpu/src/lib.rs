//! cotangent's CPU backend: programs to machine code by Cranelift, and the runtime that the code calls.
//!
//! The way of a program: its kernels are expanded (`outline`: elementary functions become machine ops or calls), normalised (`normal`), cut
//! into stages (`chunk`) and emitted (`kernel`, `nodes`, `runs`, `reduce`, `carry`; `scalar`, `lanes`, `vector` and `narrow` know the instructions);
//! `program` and `control` emit the driver, with small values in `registers` and loops that threads share in `rows`; `code` links them; `backend` is the door. `runtime` and `routines` are called by the code.
//!
//! What does not live here: which ops exist and what they mean (`cotangent-jit`), arrays, derivatives.

mod backend;
mod carry;
mod chunk;
mod code;
mod control;
mod far;
mod host;
mod isa;
mod kernel;
mod lanes;
mod memory;
mod narrow;
mod nodes;
mod normal;
mod outline;
mod pool;
mod program;
mod reduce;
mod registers;
mod routines;
mod rows;
mod runs;
mod runtime;
mod scalar;
mod share;
mod vector;

pub use backend::{CpuBackend, backend};
