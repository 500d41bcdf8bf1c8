//! What the rules of several families share: how a primitive is applied, batch axes, linear and bilinear maps.

pub(crate) mod apply;
pub mod batching;
pub(crate) mod bilinear;
pub(crate) mod linear;
pub(crate) mod linear_operands;
pub(crate) mod numbers;
pub mod zeros;
