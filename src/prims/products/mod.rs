//! Primitives that sum products: matrix products, convolutions, and the routines of linear algebra
//! for triangular matrices.

#[cfg(feature = "linalg")]
pub mod cholesky;
pub(super) mod conv;
pub mod conv_layouts;
pub mod dot_general;
#[cfg(feature = "linalg")]
pub(crate) mod matrix;
#[cfg(feature = "linalg")]
pub mod triangular_solve;
