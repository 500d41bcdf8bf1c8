//! Primitives that speak of a mapped axis by its name.

pub mod axis_index;
pub mod lane_fold;
pub mod lane_move;
