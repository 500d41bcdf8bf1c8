//! The primitives, one place each: struct, contract, `lax` functions, cases.
//!
//! No transform is imported here. A family writes its rules once; a member is one row.

pub(crate) mod apply;
mod argminmax;
pub mod axis_index;
pub mod batching;
pub(crate) mod bilinear;
mod binary;
mod binary_algebra;
pub mod bodies;
pub(crate) mod body;
pub mod broadcast;
pub(crate) mod broadcasting;
pub mod call;
pub mod callback;
pub(crate) mod case_bodies;
mod case_inputs;
pub mod check;
pub mod checkpoint;
#[cfg(feature = "linalg")]
pub mod cholesky;
pub mod collective_move;
pub mod collective_reduce;
mod compare;
mod complex;
pub mod concatenate;
pub mod cond;
pub mod constant;
mod conv;
pub(crate) mod convert;
pub mod convolution;
mod cumulative;
pub mod custom_jvp;
pub mod custom_lin;
pub mod custom_say;
pub mod custom_vjp;
pub mod custom_vmap;
pub mod dot_general;
pub mod dynamic_slice;
pub mod dynamic_update_slice;
pub(crate) mod elementwise;
pub mod gather;
mod guard;
mod identity;
pub(crate) mod indexing;
pub mod iota;
pub(crate) mod limits;
pub(crate) mod linear;
pub mod linear_solve;
pub(crate) mod logaddexp;
#[cfg(feature = "linalg")]
pub(crate) mod matrix;
pub mod monoid;
pub mod name;
pub mod nextafter;
pub(crate) mod numbers;
pub mod operand;
pub(crate) mod operators;
pub mod pad;
pub mod pieces;
pub mod policy;
mod power;
pub mod promote;
mod reduce;
pub mod reduce_precision;
pub mod reduce_window;
pub mod reshape;
pub mod rev;
pub mod roll_call;
pub mod root;
pub mod samples;
pub mod scan;
mod scan_split;
mod scan_transpose;
pub mod scatter;
mod select;
pub mod select_window;
pub mod slice;
pub mod sliding;
mod softmax;
pub mod sort;
pub mod taylor;
mod threefry;
pub mod top_k;
pub mod transpose;
#[cfg(feature = "linalg")]
pub mod triangular_solve;
mod unary;
mod while_batch;
pub mod while_loop;
mod while_split;
pub mod window;
pub(crate) mod windows;
pub mod zeta;

/// The thin functions, one per primitive, on which everything else stands.
pub mod lax {
    // Every public item of these is a `lax` function, made from a row.
    pub use super::argminmax::*;
    pub use super::binary::*;
    pub use super::compare::*;
    pub use super::complex::*;
    pub use super::convert::*;
    pub use super::cumulative::*;
    pub use super::identity::*;
    pub use super::power::*;
    pub use super::reduce::*;
    pub use super::select::*;
    pub use super::softmax::*;
    pub use super::threefry::*;
    pub use super::unary::*;

    pub use super::broadcast::{broadcast_in_dim, full, try_broadcast_in_dim, try_full};
    #[cfg(feature = "linalg")]
    pub use super::cholesky::{cholesky, try_cholesky};
    pub use super::concatenate::{concatenate, try_concatenate};
    pub use super::convolution::{
        ConvAxes, ConvOptions, conv, conv_general_dilated, try_conv, try_conv_general_dilated,
    };
    pub use super::dot_general::{
        dot_general, dot_general_as, try_dot_general, try_dot_general_as,
    };
    pub use super::dynamic_slice::{
        dynamic_slice, dynamic_slice_in_dim, try_dynamic_slice, try_dynamic_slice_in_dim,
    };
    pub use super::dynamic_update_slice::{
        dynamic_update_slice, dynamic_update_slice_in_dim, try_dynamic_update_slice,
        try_dynamic_update_slice_in_dim,
    };
    pub use super::gather::{
        GatherDims, Mode, gather, take_along_axis, try_gather, try_take_along_axis,
    };
    pub use super::iota::{iota, try_iota};
    pub use super::monoid::{reduce, try_reduce};
    pub use super::nextafter::{nextafter, try_nextafter};
    pub use super::pad::{Padding, pad, try_pad};
    pub use super::pieces::{
        split, stack, tile, try_split, try_stack, try_tile, try_unstack, unstack,
    };
    pub use super::reduce_precision::{reduce_precision, try_reduce_precision};
    pub use super::reduce_window::{
        reduce_window, reduce_window_max, reduce_window_min, reduce_window_sum, try_reduce_window,
        try_reduce_window_max, try_reduce_window_min, try_reduce_window_sum,
    };
    pub use super::reshape::{
        expand_dims, reshape, squeeze, try_expand_dims, try_reshape, try_squeeze,
    };
    pub use super::rev::{rev, try_rev};
    pub use super::scatter::{
        ScatterMode, Scattering, scatter, scatter_add, scatter_max, scatter_min, scatter_mul,
        try_scatter, try_scatter_add, try_scatter_max, try_scatter_min, try_scatter_mul,
    };
    pub use super::select_window::{
        Select, select_and_gather_add, select_and_scatter_add, try_select_and_gather_add,
        try_select_and_scatter_add,
    };
    pub use super::slice::{slice, slice_in_dim, try_slice, try_slice_in_dim};
    pub use super::sliding::{sliding_windows, try_sliding_windows};
    pub use super::sort::{argsort, sort, sort_by, try_argsort, try_sort, try_sort_by};
    pub use super::top_k::{top_k, try_top_k};
    pub use super::transpose::{transpose, try_transpose};
    #[cfg(feature = "linalg")]
    pub use super::triangular_solve::{Solve, triangular_solve, try_triangular_solve};
    pub use super::window::{Borders, Edges, Window};
    pub use super::zeta::{polygamma, try_polygamma, try_zeta, zeta};
    pub use crate::core::lowering::DotDims;
}
