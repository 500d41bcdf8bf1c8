//! An encoder for x86-64: the vector instructions of the emitter in VEX or EVEX form, and the few
//! general ones around them.
//!
//! VEX is shorter and is used wherever it can be: no register beyond 15, no mask, no repeated
//! element, at most 256 bits. What is emitted when does not live here.

mod assembler;
mod general;
mod table;
#[cfg(test)]
mod tests;
mod vector;

pub use assembler::{Assembler, Base, Cond, Gpr, Kr, Label, Masked, Mem, Rm, Vr, Width};
pub use table::Ins;
