//! The primitives, one place each: struct, contract, `lax` functions, cases.
//!
//! No transform is imported here. A family writes its rules once; a member is one row.

pub(crate) mod apply;
pub mod batching;
pub(crate) mod bilinear;
mod binary;
mod binary_algebra;
pub mod bodies;
pub mod broadcast;
pub mod call;
pub(crate) mod case_bodies;
mod case_inputs;
pub mod checkpoint;
mod compare;
pub mod concatenate;
pub mod cond;
pub mod constant;
mod convert;
pub mod custom_jvp;
pub mod custom_vjp;
pub mod dot_general;
pub(crate) mod elementwise;
mod identity;
pub mod iota;
pub(crate) mod linear;
mod numbers;
mod operators;
pub mod pad;
mod power;
pub mod promote;
mod reduce;
pub mod reshape;
pub mod roll_call;
pub mod samples;
pub mod scan;
mod scan_split;
mod scan_transpose;
mod select;
pub mod slice;
mod threefry;
pub mod transpose;
mod unary;

/// The thin functions, one per primitive, on which everything else stands.
pub mod lax {
    // Every public item of these is a `lax` function, made from a row.
    pub use super::binary::*;
    pub use super::compare::*;
    pub use super::convert::*;
    pub use super::identity::*;
    pub use super::power::*;
    pub use super::reduce::*;
    pub use super::select::*;
    pub use super::threefry::*;
    pub use super::unary::*;

    pub use super::broadcast::{broadcast_in_dim, full, try_broadcast_in_dim, try_full};
    pub use super::concatenate::{concatenate, try_concatenate};
    pub use super::dot_general::{dot_general, try_dot_general};
    pub use super::iota::{iota, try_iota};
    pub use super::pad::{Padding, pad, try_pad};
    pub use super::reshape::{
        expand_dims, reshape, squeeze, try_expand_dims, try_reshape, try_squeeze,
    };
    pub use super::slice::{slice, slice_in_dim, try_slice, try_slice_in_dim};
    pub use super::transpose::{transpose, try_transpose};
    pub use crate::core::lowering::DotDims;
}
