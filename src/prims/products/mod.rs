//! Primitives that sum products: matrix products, convolutions, and the routines of linear algebra
//! for triangular matrices.

#[cfg(feature = "linalg")]
pub mod cholesky;
pub(super) mod conv;
pub mod conv_layouts;
pub mod dot_general;
#[cfg(feature = "linalg")]
pub(crate) mod matrix;
mod precision;
#[cfg(feature = "linalg")]
pub mod triangular_solve;

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] = &[
    dot_general::entries,
    conv::entries,
    #[cfg(feature = "linalg")]
    cholesky::entries,
    #[cfg(feature = "linalg")]
    triangular_solve::entries,
];
