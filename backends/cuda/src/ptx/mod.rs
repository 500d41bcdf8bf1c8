//! PTX as text: registers, instructions, functions, entries, modules.
//!
//! What a kernel means does not live here, nor which instruction an op becomes (`ops`).

mod code;
mod entry;
mod value;

pub use code::{Code, Label};
pub use entry::{ARGUMENT, Entry, FIRST, Source, function, module};
pub use value::{Class, Value};
