//! The array library: NumPy's vocabulary as methods of [`Array`](crate::core::array::Array) and
//! free functions.
//!
//! Written in `lax` functions only; no primitive is defined here.

pub(crate) mod fallible;

pub mod arrange;
pub mod at;
pub mod axes;
pub mod compare;
pub mod complex;
pub mod contract;
mod contraction;
pub mod create;
pub mod diagonal;
pub mod einsum;
pub mod entries;
pub mod finfo;
pub mod index;
pub mod ints;
pub mod join;
pub mod math;
pub mod nan;
pub mod numbers;
pub mod order;
mod picks;
pub mod powers;
pub mod reduce;
pub mod series;
pub mod sets;
pub mod shape;
pub mod stats;
pub(crate) mod update;
