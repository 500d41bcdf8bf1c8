//! The treatment of subnormal numbers by what this thread runs: by IEEE 754, or flushed to zero.
//!
//! It decides which executable is taken. The float unit of the thread is left alone here; the
//! backend sets it while the code of such an executable runs.

use crate::core::scoped;
use cotangent_jit::backend::CompileOptions;
use std::cell::Cell;

thread_local! {
    static FLUSH: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`. Meanwhile what this thread computes flushes subnormal numbers, or does not.
pub fn with_flush<R>(flush: bool, f: impl FnOnce() -> R) -> R {
    scoped::with(&FLUSH, flush, f)
}

/// Tells whether what this thread computes flushes subnormal numbers.
pub fn flushes() -> bool {
    FLUSH.get()
}

/// The options of executables that run now.
pub fn compile_options() -> CompileOptions {
    CompileOptions { flush_subnormals: flushes(), ..CompileOptions::default() }
}
