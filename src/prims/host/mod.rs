//! Primitives that call the host or report to it.

pub mod callback;
pub mod check;

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] = &[callback::entries, check::entries];
