//! Primitives that call the host or report to it.

pub mod callback;
pub mod check;
