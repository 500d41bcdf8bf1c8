//! What minimisers are told and what they tell.

use crate::core::array::Array;
use cotangent_derive::Pytree;

/// How precisely, and how long at most.
#[derive(Clone, Debug, PartialEq)]
pub struct MinimizeOptions {
    /// The largest element of the gradient in size at which a point counts as a minimum. Of
    /// [`nelder_mead`](super::nelder_mead) the size of the simplex and the spread of its values.
    pub tolerance: f64,
    pub max_iterations: usize,
    /// Pairs of steps and changes of gradient that [`lbfgs`](super::lbfgs) keeps.
    pub history: usize,
    /// The minimum is differentiated as such: in what the function captures, by the implicit
    /// function theorem, `dx = -H⁻¹ d(∇f)`, in both modes and to any order, by conjugate gradients
    /// on Hessians times vectors; no derivative depends on the start. The function must have
    /// derivatives of forward mode, too. Otherwise the iteration is differentiated: forward mode
    /// only. [`nelder_mead`](super::nelder_mead) always does without.
    pub implicit: bool,
}

/// A tolerance of 1e-5, 1,000 iterations, 10 pairs, not differentiated implicitly.
impl Default for MinimizeOptions {
    fn default() -> MinimizeOptions {
        MinimizeOptions { tolerance: 1e-5, max_iterations: 1_000, history: 10, implicit: false }
    }
}

/// How a minimisation ended; as numbers in [`Minimum::status`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MinimizeStatus {
    Converged = 0,
    TooManyIterations = 1,
    /// No step makes the value smaller: the precision of the dtype is used up, or the gradient is
    /// not that of the function.
    NoProgress = 2,
    /// The value or the gradient is not finite at the start.
    NotFinite = 3,
}

/// The point found, and how.
#[derive(Pytree, Clone, Debug)]
pub struct Minimum<X> {
    pub x: X,
    /// The function's value there.
    pub value: Array,
    /// The largest element of the gradient there, in size; of [`nelder_mead`](super::nelder_mead)
    /// the simplex's size.
    pub gradient_norm: Array,
    /// `i32[]`.
    pub iterations: Array,
    /// Evaluations of the function or of its gradient with it, `i32[]`.
    pub evaluations: Array,
    /// A [`MinimizeStatus`] as a number, `i32[]`.
    pub status: Array,
}

impl<X> Minimum<X> {
    /// The status of a finished minimisation. Panics inside a trace, where it is not known.
    #[track_caller]
    pub fn status(&self) -> MinimizeStatus {
        match self.status.item::<i32>() {
            0 => MinimizeStatus::Converged,
            1 => MinimizeStatus::TooManyIterations,
            2 => MinimizeStatus::NoProgress,
            _ => MinimizeStatus::NotFinite,
        }
    }
}
