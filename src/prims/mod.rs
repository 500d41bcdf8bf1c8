//! The primitives, one place each: struct, contract, `lax` functions, cases.
//!
//! No transform is imported here. A family writes its rules once; a member is one row.

pub(crate) mod apply;
pub mod batching;
pub(crate) mod bilinear;
pub mod broadcast;
pub mod concatenate;
pub mod dot_general;
pub mod iota;
pub(crate) mod linear;
pub mod pad;
pub mod reshape;
pub mod roll_call;
pub mod samples;
pub mod slice;
pub(crate) mod sums;
pub mod transpose;

/// The thin functions, one per primitive, on which everything else stands.
pub mod lax {
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
