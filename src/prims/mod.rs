//! The primitives. One file holds the struct, the contract, the `lax` functions and the cases of a
//! primitive.
//!
//! Each folder holds related primitives. A family of primitives states its rules once, and each
//! member is one row of a table. No file here imports a transform.

pub mod array;
pub mod carriers;
pub mod cases;
pub mod collectives;
pub mod entry;
pub mod folds;
pub mod host;
pub mod lax;
pub mod places;
pub mod points;
pub mod products;
pub mod roll_call;
pub mod rules;
pub mod shapes;
pub mod taylor;
