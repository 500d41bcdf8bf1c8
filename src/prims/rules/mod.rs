//! Rules that several families share: applying a primitive, batch axes, linear and bilinear maps.

pub(crate) mod apply;
pub mod batching;
pub(crate) mod bilinear;
pub(crate) mod linear;
pub(crate) mod linear_operands;
pub(crate) mod numbers;
pub mod zeros;
