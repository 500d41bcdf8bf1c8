//! PTX as text: registers, instructions, entries, modules.
//!
//! What a kernel means does not live here, nor which instruction an op becomes (`ops`).

mod code;
mod entry;
mod value;

pub use code::{Code, Label};
pub use entry::{Entry, FIRST, Source, module};
pub use value::{Class, Value};
