//! What makes arrays pleasant to write: the operators, promotion of dtypes, broadcasting of shapes, numbers beside arrays.

pub(crate) mod broadcast_shapes;
pub mod literal;
pub(crate) mod operators;
pub mod promotion;
