//! The primitives, one place each: struct, contract, `lax` functions, cases.
//!
//! No transform is imported here. A family writes its rules once; a member is one row.

pub mod roll_call;
