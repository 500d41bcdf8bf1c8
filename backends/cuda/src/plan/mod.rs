//! What runs how: the form of a kernel on a device. The text of entries does not live here.
//!
//! | file | contents |
//! | --- | --- |
//! | `beside.rs` | launches that run side by side as one |
//! | `rows.rs` | launches that work row by row as one |
//! | `target.rs` | the device that a kernel is planned for |
//! | `accesses.rs` | the accesses of a kernel to memory |
//! | `shape.rs` | a prepared kernel: the order of its loops, its form, the width of indices |
//! | `tasks.rs` | what the threads of a kernel do, one task after the other |
//! | `routines.rs` | products of matrices and copies as kernels |
//! | `gemm.rs` | a product of matrices as a library takes it |
//! | `graphs.rs` | launches that follow each other as one graph |
//! | `conditions.rs` | loops and branches as nodes of graphs |
//! | `places.rs` | addresses in their counters |
//! | `items.rs` | a program as items for a device's queue |
//! | `tiles.rs` | transposed operands through shared memory |
//! | `width.rs` | how many neighbouring points a thread takes, with one access for all of them |

mod accesses;
mod beside;
mod conditions;
mod gemm;
mod graphs;
mod items;
mod places;
pub mod routines;
mod rows;
mod shape;
mod target;
mod tasks;
mod tiles;
pub mod width;

pub use beside::{beside, may_be_one};
pub use conditions::{Function, Setter};
pub use gemm::{Gemm, Matrix};
pub use graphs::graphs;
pub use items::{
    Address, Argument, Base, Graph, Guarded, Item, Launch, Node, Own, Plan, alignment, launches,
};
pub use rows::{Kept, Rows, rows};
pub use shape::{Form, Shape};
pub use target::{LIBRARY, Target};
pub use tasks::{Task, Tasks, Work, only_store, tasks};
pub use tiles::{PITCH, SIDE, Tiles};
