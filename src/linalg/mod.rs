//! Linear algebra of matrices in the last two axes, batches in front; needs the feature `linalg`.
//!
//! Factors and solutions are computed by faer, each matrix by one thread, so results do not depend
//! on the number of threads. Here: what positive definite and triangular matrices need.
//!
//! ```
//! use cotangent::{linalg, prelude::*};
//! // The log density of a normal distribution, and its gradient in the covariance.
//! let density = |k: Array, y: Array| {
//!     let l = linalg::cholesky(&k);
//!     let white = linalg::solve_triangular(&l, &y, linalg::Triangle::lower());
//!     -0.5 * white.square().sum() - l.diag(0).log().sum()
//! };
//! let (k, y) = (array![[2.0, 0.0], [0.0, 4.0]], array![2.0, 0.0]);
//! let g = grad(density)(k, y);
//! assert!((g - array![[0.25, 0.0], [0.0, -0.125]]).abs().max().item::<f32>() < 1e-6);
//! ```

mod positive;
mod triangular;

pub use positive::{
    cho_solve, cholesky, solve_positive, try_cho_solve, try_cholesky, try_solve_positive,
};
pub use triangular::{Triangle, solve_triangular, try_solve_triangular};
