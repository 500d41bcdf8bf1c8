//! Syntax to instructions: names become numbers, opcodes become functions, types are checked.
//!
//! An opcode that is not listed is refused, as is each modifier that its row does not name.

mod arithmetic;
mod compare;
mod control;
mod convert;
mod entry;
mod floats;
mod functions;
mod lanes;
mod layout;
mod line;
mod memory;
mod moves;
mod names;
mod tensor;

pub use entry::entry;
pub use layout::place;
