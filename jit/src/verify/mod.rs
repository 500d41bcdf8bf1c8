//! The verifier: it checks the numbered invariants of kernels and programs and returns the proof
//! that backends demand.
//!
//! | file | what it checks or holds |
//! | --- | --- |
//! | `kernel.rs` | the invariants that [`kernel`](crate::kernel) states, except 4 and 5 |
//! | `alias.rs` | invariants 4 and 5 of kernels |
//! | `program.rs` | invariant 1 that [`program`](crate::program) states |
//! | `order.rs` | invariant 2 of programs |
//! | `memory.rs` | invariants 3 and 4 of programs |
//! | `fault.rs` | a broken invariant and its error message |
//!
//! Every check takes time linear in the size of what it reads (except for sorting), because it runs
//! on every compile. Where an exact answer would cost more, the verifier refuses what it cannot
//! prove, and the message says what to change. The bounds of affine functions do not live here but
//! in `domain.rs`.

mod alias;
mod fault;
mod kernel;
#[cfg(test)]
mod kernel_tests;
mod memory;
mod order;
mod program;
#[cfg(test)]
mod program_tests;

use crate::Error;
use crate::kernel::Kernel;
use crate::program::Program;

/// A value that passed verification. Only this module makes such values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value without the proof.
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

#[cfg(test)]
mod tests {
    use crate::{kernel, program};

    /// The head of a file states its invariants as a numbered list, whose first sentences are those
    /// that messages quote.
    fn assert_stated(source: &str, invariants: &[&str]) {
        let head = source.lines().map_while(|l| l.strip_prefix("//!"));
        let head: Vec<&str> = head.map(str::trim).collect();
        let text = head.join(" ");
        for (n, invariant) in invariants.iter().enumerate() {
            let (first, rest) = invariant.split_at(1);
            let sentence = format!(" {}. {}{rest}. ", n + 1, first.to_uppercase());
            assert!(text.contains(&sentence), "the head does not state:{sentence}");
        }
        let next = format!("{}. ", invariants.len() + 1);
        assert!(!head.iter().any(|l| l.starts_with(&next)), "the head states more invariants");
    }

    #[test]
    fn the_invariants_are_those_that_are_stated() {
        assert_stated(include_str!("../kernel.rs"), &kernel::INVARIANTS);
        assert_stated(include_str!("../program.rs"), &program::INVARIANTS);
    }
}
