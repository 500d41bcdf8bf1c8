//! Composable transformations of array functions.

pub mod api;
pub mod core;
pub mod prims;
pub mod stage;
pub mod transforms;

pub use cotangent_jit::{DType, Error, ErrorKind, Scalar};
