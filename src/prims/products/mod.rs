//! Primitives that sum products: matrix products, convolutions, and the triangular routines of linear algebra.

#[cfg(feature = "linalg")]
pub mod cholesky;
pub(super) mod conv;
pub mod conv_layouts;
pub mod dot_general;
#[cfg(feature = "linalg")]
pub(crate) mod matrix;
#[cfg(feature = "linalg")]
pub mod triangular_solve;
