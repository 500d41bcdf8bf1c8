//! What runs how: the form of a kernel on a device. The text of entries does not live here.
//!
//! | file | contents |
//! | --- | --- |
//! | `rows.rs` | launches that work row by row as one |
//! | `shape.rs` | a prepared kernel: the order of its loops, its form, the width of indices |
//! | `tasks.rs` | what the threads of a kernel do, one task after the other |
//! | `routines.rs` | products of matrices and copies as kernels |
//! | `graphs.rs` | launches that follow each other as one graph |
//! | `items.rs` | a program as items for a device's queue |
//! | `tiles.rs` | transposed operands through shared memory |
//! | `width.rs` | how many neighbouring points a thread takes, with one access for all of them |

mod graphs;
mod items;
pub mod routines;
mod rows;
mod shape;
mod tasks;
mod tiles;
pub mod width;

pub use graphs::{Launch, graphs};
pub use items::{Address, Argument, Base, Item, Plan, alignment, launches};
pub use rows::{Kept, Rows, rows, uses};
pub use shape::{Form, Shape, Target};
pub use tasks::{Task, Tasks, Work, only_store, tasks};
pub use tiles::{PITCH, SIDE, Tiles};
