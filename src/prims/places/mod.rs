//! Primitives that read or write at computed indices: dynamic slices, gather, scatter.

pub mod dynamic_slice;
pub mod dynamic_update_slice;
pub mod gather;
pub(crate) mod gather_dims;
pub(crate) mod index_arithmetic;
pub mod scatter;

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] =
    &[dynamic_slice::entries, dynamic_update_slice::entries, gather::entries, scatter::entries];
