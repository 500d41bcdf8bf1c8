//! Functions of machine code: declared, compiled by Cranelift, linked into executable pages.
//!
//! | file | contents |
//! | --- | --- |
//! | `isa.rs` | the targets that code is generated for |
//! | `declare.rs` | signatures, and names of functions before they have code |
//! | `link.rs` | compiled functions, laid out, linked and made executable |
//!
//! The contents of functions do not live here (see `emit`).

pub mod declare;
pub mod isa;
pub mod link;
