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
