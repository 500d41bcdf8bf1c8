//! The primitives, one place each: struct, contract, `lax` functions, cases.
//!
//! A family of primitives is a room, writes its rules once, and a member of it is one row. No transform is imported here.

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
