//! Primitives that name a mapped axis.

pub mod axis_index;
pub mod lane_fold;
pub mod lane_move;

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] =
    &[lane_fold::entries, lane_move::entries, axis_index::entries];
