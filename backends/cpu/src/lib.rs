//! cotangent's CPU backend: programs to machine code by Cranelift, and the runtime that the code
//! calls.
//!
//! A program passes through these files. `backend` runs the passes of `cotangent_jit::prepare`;
//! `outline` decides which elementary functions are called. `normal` arranges the loops of each
//! kernel, and `chunk` cuts long reductions into stages. `kernel`, `nodes`, `runs`, `reduce` and
//! `carry` emit a kernel; `scalar`, `lanes`, `vector`, `narrow` and `far` select instructions.
//! `program` and `control` emit the driver, `registers` chooses the slots that it keeps in
//! registers, and `rows` finds loops that threads share. `code` links the functions. Generated code
//! calls `runtime`, `host` and `routines`. `wide` holds an assembler for vectors wider than
//! Cranelift's.
//!
//! The list of ops and their meaning do not live here (see `cotangent-jit`), nor do arrays and
//! derivatives.

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
#[cfg(target_arch = "x86_64")]
mod wide;

pub use backend::{CpuBackend, backend};
