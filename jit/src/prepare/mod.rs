//! The passes that every backend runs before code generation. Afterwards a program has real numbers
//! only, its kernels are made of machine ops, and their loops are few and long.
//!
//! | file | pass |
//! | --- | --- |
//! | `complex.rs` | splits complex numbers of a program into pairs of real ones |
//! | `narrow.rs` | widens arithmetic on types of 8 and 16 bits to 32 bits |
//! | `definitions.rs` | replaces elementary ops by their definitions |
//! | `loops.rs` | drops and coalesces loops, and finds the loops that a node depends on |
//! | `rewrite.rs` | rebuilds a kernel op by op, for the passes above |
//!
//! A backend splits the program first ([`complex::split`]), then takes each kernel through
//! [`narrow::widen`], [`definitions::expand`] and [`loops::simplify`]. A backend that can call
//! functions keeps some elementary ops ([`definitions::expand_except`]).
//!
//! Every pass keeps the order in which reductions combine, which is a part of the meaning. The
//! choices that depend on a device do not live here: widths of vectors, the order of parallel
//! loops, which functions to call.

pub mod complex;
pub mod definitions;
pub mod loops;
pub mod narrow;
mod rewrite;
