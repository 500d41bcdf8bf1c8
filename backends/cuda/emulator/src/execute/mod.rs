//! One instruction of one warp.
//!
//! | file | contents |
//! | --- | --- |
//! | `machine` | what instructions work on |
//! | `step` | fetch, guard, branch, and the table of operations |
//! | `compute` | registers to registers |
//! | `access` | addresses, bounds, shadows |
//! | `transfer` | loads, stores, atomics |
//! | `copies` | asynchronous copies, rows of matrices |
//! | `exchange` | between lanes |
//! | `tensor` | `mma.sync` |

mod access;
mod compute;
mod copies;
mod exchange;
mod machine;
mod step;
mod tensor;
mod transfer;

pub use machine::{Machine, Shape};
pub use step::{Step, step};
