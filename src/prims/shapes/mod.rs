//! Primitives that move elements to places known from the parameters: broadcasting, reshaping, transposing, slicing,
//! padding, joining; and arrays made of nothing but a shape.

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
