//! Primitives that read or write at computed indices: dynamic slices, gather, scatter.

pub mod dynamic_slice;
pub mod dynamic_update_slice;
pub mod gather;
pub(crate) mod gather_dims;
pub(crate) mod index_arithmetic;
pub mod scatter;
