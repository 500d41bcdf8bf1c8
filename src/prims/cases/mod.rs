//! Inputs and bodies for the cases on which every law is checked.

pub(crate) mod bodies;
pub(super) mod points;
pub mod samples;
