//! Text to syntax: the reader of tokens, declarations, operands, bodies, functions, the module.
//!
//! Names are not looked up here, and opcodes are not read: see `decode`.

mod body;
mod declare;
mod function;
mod module;
mod operand;
mod reader;

pub use module::parse;
