//! Inputs and bodies for the cases on which every law runs.

pub(crate) mod bodies;
pub(super) mod points;
pub mod samples;
