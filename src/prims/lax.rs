//! The `lax` functions: thin functions, one per primitive, on which the rest of the library is
//! built.

// Every public item of these files is a `lax` function.
pub use super::folds::argminmax::*;
pub use super::folds::cumulative::*;
pub use super::folds::reduce::*;
pub use super::folds::softmax::*;
pub use super::points::binary::*;
pub use super::points::compare::*;
pub use super::points::complex::*;
pub use super::points::convert::*;
pub use super::points::identity::*;
pub use super::points::power::*;
pub use super::points::select::*;
pub use super::points::threefry::*;
pub use super::points::unary::*;

pub use super::folds::reduce_by::{reduce, try_reduce};
pub use super::folds::reduce_window::{
    reduce_window, reduce_window_max, reduce_window_min, reduce_window_sum, try_reduce_window,
    try_reduce_window_max, try_reduce_window_min, try_reduce_window_sum,
};
pub use super::folds::select_window::{
    Select, select_and_gather_add, select_and_scatter_add, try_select_and_gather_add,
    try_select_and_scatter_add,
};
pub use super::folds::sort::{argsort, sort, sort_by, try_argsort, try_sort, try_sort_by};
pub use super::folds::top_k::{top_k, try_top_k};
pub use super::folds::window::{Borders, Edges, Window};
pub use super::places::dynamic_slice::{
    dynamic_slice, dynamic_slice_in_dim, try_dynamic_slice, try_dynamic_slice_in_dim,
};
pub use super::places::dynamic_update_slice::{
    dynamic_update_slice, dynamic_update_slice_in_dim, try_dynamic_update_slice,
    try_dynamic_update_slice_in_dim,
};
pub use super::places::gather::{
    GatherDims, Mode, gather, take_along_axis, try_gather, try_take_along_axis,
};
pub use super::places::scatter::{
    ScatterMode, Scattering, scatter, scatter_add, scatter_max, scatter_min, scatter_mul,
    try_scatter, try_scatter_add, try_scatter_max, try_scatter_min, try_scatter_mul,
};
pub use super::points::nextafter::{nextafter, try_nextafter};
pub use super::points::reduce_precision::{reduce_precision, try_reduce_precision};
pub use super::points::zeta::{polygamma, try_polygamma, try_zeta, zeta};
#[cfg(feature = "linalg")]
pub use super::products::cholesky::{cholesky, try_cholesky};
pub use super::products::conv_layouts::{
    ConvAxes, ConvOptions, conv, conv_general_dilated, try_conv, try_conv_general_dilated,
};
pub use super::products::dot_general::{
    DotOptions, dot_general, dot_general_as, dot_general_with, try_dot_general, try_dot_general_as,
    try_dot_general_with,
};
#[cfg(feature = "linalg")]
pub use super::products::triangular_solve::{Solve, triangular_solve, try_triangular_solve};
pub use super::shapes::broadcast::{broadcast_in_dim, full, try_broadcast_in_dim, try_full};
pub use super::shapes::concatenate::{concatenate, try_concatenate};
pub use super::shapes::iota::{iota, try_iota};
pub use super::shapes::pad::{Padding, pad, try_pad};
pub use super::shapes::pieces::{
    split, stack, tile, try_split, try_stack, try_tile, try_unstack, unstack,
};
pub use super::shapes::reshape::{
    expand_dims, reshape, squeeze, try_expand_dims, try_reshape, try_squeeze,
};
pub use super::shapes::rev::{rev, try_rev};
pub use super::shapes::slice::{slice, slice_in_dim, try_slice, try_slice_in_dim};
pub use super::shapes::sliding::{sliding_windows, try_sliding_windows};
pub use super::shapes::transpose::{transpose, try_transpose};
pub use crate::core::lowering::DotDims;
pub use cotangent_jit::program::Precision;
