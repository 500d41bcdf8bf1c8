//! The array interface on top of the primitives: operators, promotion of dtypes, broadcasting of
//! shapes, numbers as operands, equality.

pub(crate) mod bare;
pub(crate) mod broadcast_shapes;
mod equality;
pub mod literal;
pub mod number;
pub(crate) mod operators;
pub mod promotion;
