//! What searches for roots are told and what they tell.

use crate::core::array::Array;
use cotangent_derive::Pytree;

/// How precisely, and how long at most.
#[derive(Clone, Debug, PartialEq)]
pub struct RootOptions {
    /// The largest residual in size at which a point counts as a root; of [`bisect`](super::bisect)
    /// and [`fixed_point`](super::fixed_point) the width of the bracket, or of the last step.
    pub tolerance: f64,
    pub max_iterations: usize,
    /// The root is differentiated as such: in what the function captures, by the implicit function
    /// theorem, in both modes and to any order; no derivative depends on the start. Otherwise the
    /// iteration is: forward mode only.
    pub implicit: bool,
}

/// Differentiated implicitly, to a tolerance of 1e-6, 100 iterations at most.
impl Default for RootOptions {
    fn default() -> RootOptions {
        RootOptions { tolerance: 1e-6, max_iterations: 100, implicit: true }
    }
}

/// The point found, and how.
#[derive(Pytree, Clone, Debug)]
pub struct Root<X> {
    pub x: X,
    /// The largest residual in size, or what the tolerance is about instead.
    pub residual: Array,
    /// `i32[]`.
    pub iterations: Array,
    /// Whether the residual is within the tolerance, `bool[]`; else the iterations were used up, or
    /// led nowhere.
    pub converged: Array,
}
