//! The verifier: the numbered invariants of kernels and programs, and the proof object that backends demand.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`kernel`](crate::kernel)'s invariants | `kernel.rs`, with `alias.rs` for 4 and 5 |
//! | [`program`](crate::program)'s invariants | `program.rs`, `order.rs` for 2, `memory.rs` for 3 and 4 |
//! | what affine functions reach | `domain.rs` |
//!
//! Every check takes time linear in what it reads (sorting aside), because it runs on every compile. Where an exact answer
//! would cost more, the verifier asks for what it can see: a message then says what to change.

mod alias;
mod domain;
mod kernel;
#[cfg(test)]
mod kernel_tests;
mod memory;
mod order;
mod program;
#[cfg(test)]
mod program_tests;

pub(crate) use domain::{Domain, injective};

use crate::Error;
use crate::kernel::Kernel;
use crate::program::Program;

/// A value that passed verification. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Gives up the proof.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Checks every invariant of a planned program and of its kernels.
pub fn verify(program: Program) -> Result<Verified<Program>, Error> {
    program::check(&program)?;
    Ok(Verified(program))
}

/// Checks every invariant of a kernel.
pub fn verify_kernel(kernel: Kernel) -> Result<Verified<Kernel>, Error> {
    kernel::check(&kernel)?;
    Ok(Verified(kernel))
}
