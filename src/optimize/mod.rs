//! Minima of functions and least squares, written in public functions only.
//!
//! | function | uses | for |
//! | --- | --- | --- |
//! | [`lbfgs`] | gradients | smooth functions of many variables |
//! | [`newton_cg`] | gradients, Hessians times vectors | the same, where curvature varies much |
//! | [`nelder_mead`] | values | few variables, no derivative |
//! | [`levenberg_marquardt`], [`gauss_newton`] | Jacobians of residuals | sums of squares |
//!
//! Arguments are pytrees of floats. Each is one loop that jits and batches: under `vmap` each lane
//! ends when it is done.

mod lbfgs;
mod least_squares;
mod line_search;
mod minimum;
mod nelder_mead;
mod newton_cg;
mod objective;

pub use lbfgs::{lbfgs, try_lbfgs};
pub use least_squares::{
    gauss_newton, levenberg_marquardt, try_gauss_newton, try_levenberg_marquardt,
};
pub use minimum::{MinimizeOptions, MinimizeStatus, Minimum};
pub use nelder_mead::{nelder_mead, try_nelder_mead};
pub use newton_cg::{newton_cg, try_newton_cg};
