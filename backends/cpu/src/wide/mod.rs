//! Vector code at the machine's full width, for processors of x86-64.
//!
//! `asm` encodes instructions. The choice of instructions does not live here yet.

// The emitter that uses the encoder comes later.
#![allow(dead_code, unused_imports)]

pub mod asm;
