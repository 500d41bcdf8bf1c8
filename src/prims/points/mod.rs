//! Primitives that compute every element of the result from the elements at the same position:
//! functions of one number and of two numbers, comparisons, choices, changes of dtype, complex
//! numbers, random bits.

pub(super) mod algebra;
pub(super) mod binary;
pub(super) mod compare;
pub(super) mod complex;
pub(crate) mod convert;
pub(crate) mod elementwise;
pub(super) mod guard;
pub(super) mod identity;
pub(crate) mod limits;
pub(crate) mod logaddexp;
pub mod name;
pub mod nextafter;
pub(super) mod pointwise;
pub(super) mod power;
pub mod reduce_precision;
pub(super) mod select;
pub(super) mod threefry;
pub(super) mod unary;
pub mod zeta;

use super::entry::Entry;

/// The registries of the files above, in the order in which tables show them.
pub(super) const ENTRIES: &[fn() -> Vec<Entry>] = &[
    unary::entries,
    power::entries,
    binary::entries,
    compare::entries,
    select::entries,
    convert::entries,
    complex::entries,
    reduce_precision::entries,
    identity::entries,
    guard::entries,
    name::entries,
    threefry::entries,
];
