//! The array interface on top of the primitives: operators, promotion of dtypes, broadcasting of
//! shapes, numbers as operands, equality; what the compiler says of operators that arrays do not
//! have.

pub(crate) mod bare;
pub(crate) mod broadcast_shapes;
mod equality;
#[doc(hidden)]
pub mod hints;
pub mod literal;
pub mod number;
pub(crate) mod operators;
pub mod promotion;
