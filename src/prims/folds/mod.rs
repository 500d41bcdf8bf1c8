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
