//! An assembler for x86-64: vector instructions in VEX and EVEX form, mask registers, and the
//! general instructions that loops around them need.
//!
//! `operands` holds registers and addresses. `table` has one row per vector instruction, `row` what
//! a row says. `assembler` collects bytes, resolves labels and lays out the pool of constants;
//! `prefix` writes VEX and EVEX prefixes. On these stand the instructions: `vector`, `special`
//! (operands that are not vectors alone), `mask` and `general`.
//!
//! The choice of instructions does not live here, nor does the allocation of registers: every
//! method writes exactly one instruction. An illegal combination of operands is an error of the
//! caller, which debug assertions catch in part; the form without one is the caller's duty.

mod assembler;
mod general;
mod mask;
mod operands;
mod prefix;
mod row;
mod special;
mod table;
#[cfg(test)]
mod tests;
mod vector;

pub use assembler::Assembler;
pub use general::{Alu, Load, Shift, Unary};
pub use mask::MaskOp;
pub use operands::{Base, Cond, Gpr, Kr, Label, Masked, Mem, Operand, Rm, Size, Vr, Vsib, Width};
pub use special::Lanes;
pub use table::Ins;
