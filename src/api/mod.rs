//! What the user calls: transforms of plain closures, and the pytrees that they take and return.

pub mod pytree;
