//! What the user calls: transforms of plain closures, and the pytrees that they take and return.

pub mod control;
pub mod function;
mod graph;
pub mod make_jaxpr;
pub mod pytree;
