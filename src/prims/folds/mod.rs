//! Primitives that reduce the elements along axes or inside windows: sums, products, extrema,
//! cumulative reductions, sorting, softmax.

pub(super) mod argminmax;
pub(super) mod cumulative;
pub(super) mod folded_axes;
pub(super) mod reduce;
pub mod reduce_by;
pub mod reduce_window;
pub mod select_window;
pub(super) mod softmax;
pub mod sort;
pub mod top_k;
pub mod window;

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] = &[
    reduce::entries,
    cumulative::entries,
    softmax::entries,
    reduce_window::entries,
    sort::entries,
    top_k::entries,
];
