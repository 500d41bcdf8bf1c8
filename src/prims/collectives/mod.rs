//! Primitives that name a mapped axis.

pub mod axis_index;
pub mod lane_fold;
pub mod lane_move;
