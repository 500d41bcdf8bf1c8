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
