//! The policy of a checkpoint decides for each equation whether its outputs are kept for the
//! backward pass or computed again.
//!
//! Not here: the policies themselves (`prims::carriers::policy`), and how the decisions are carried
//! out (`transforms::keep`).

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

/// The decision about an equation's outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Keep,
    /// The outputs are not kept, unless under another name.
    Remake,
    /// The outputs are not kept, and neither is the operand that the equation only gives a name to.
    Forbid,
}

/// Decides which values a checkpoint keeps.
pub trait KeepPolicy: Debug + Send + Sync {
    fn verdict(&self, candidate: &Candidate) -> Verdict;

    /// Tells whether the policy never keeps a value. Then it need not be asked.
    fn keeps_nothing(&self) -> bool;

    /// The policy as a parameter, which decides equality.
    fn param(&self) -> Param;
}
