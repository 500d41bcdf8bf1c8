//! Primitives that move elements to positions known from the parameters: broadcast, reshape,
//! transpose, slice, pad, concatenate. Also arrays that need no operand: `full`, `iota`,
//! `constant`.

pub mod broadcast;
pub mod concatenate;
pub mod constant;
pub mod iota;
pub mod pad;
pub mod pieces;
pub mod reshape;
pub mod rev;
pub mod slice;
pub mod sliding;
pub mod transpose;

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] = &[
    sliding::entries,
    broadcast::entries,
    reshape::entries,
    transpose::entries,
    slice::entries,
    pad::entries,
    concatenate::entries,
    iota::entries,
    constant::entries,
    rev::entries,
];
