//! The array library: NumPy's vocabulary as methods of [`Array`](crate::core::array::Array) and free functions.
//!
//! Written in `lax` functions only; no primitive is defined here.

pub(crate) mod fallible;

pub mod axes;
pub mod compare;
pub mod math;
pub mod reduce;
