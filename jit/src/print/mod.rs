//! Kernels and programs as text, for golden files, `lower` and the verifier's messages. One line
//! per node, store, loop, slot and step. Parsing does not live here: the text is for people only.
//!
//! ```text
//! kernel axpy(a: f32[8] read, b: f32[8] write) {
//!   for i0 < 8 parallel
//!   v0:f32 = load a[i0]
//!   v1:f32 = 2.0
//!   v2:f32 = mul v0 v1
//!   store b[i0] = v2
//! }
//! ```

mod kernel;
mod program;

pub use kernel::Line;
pub use program::Mark;
