//! What a checkpoint asks of each equation: keep its outputs for the backward pass, or make them again.
//!
//! Not here: the policies themselves (`prims::policy`), which ask the primitive; and what is done with the answers
//! (`transforms::keep`).

use super::aval::Aval;
use super::params::Param;
use super::primitive::Prim;
use std::fmt::Debug;

/// An equation whose outputs might be kept.
pub struct Candidate<'a> {
    /// Its name, parameters and lowering tell what kind of operation it is.
    pub prim: &'a Prim,
    pub inputs: &'a [Aval],
    pub outputs: &'a [Aval],
}

/// What becomes of an equation's outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Keep,
    /// Not kept, unless under another name.
    Remake,
    /// Not kept; neither is the operand that the equation only gives a name to.
    Forbid,
}

/// Which values a checkpoint keeps.
pub trait KeepPolicy: Debug + Send + Sync {
    fn verdict(&self, candidate: &Candidate) -> Verdict;

    /// Nothing is ever kept, so that nobody need ask.
    fn keeps_nothing(&self) -> bool;

    /// As a parameter; decides equality.
    fn param(&self) -> Param;
}
