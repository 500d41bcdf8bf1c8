//! Entries of kernels: loops, loads, stores, reductions.
//!
//! | file | contents |
//! | --- | --- |
//! | `emitter.rs` | the state: counters, values of nodes, scopes |
//! | `index.rs` | counters from the number of a thread, affine indices, addresses, guards |
//! | `access.rs` | one element or a few neighbours in memory |
//! | `nodes.rs` | the nodes at a point |
//! | `stores.rs` | stores, and updates that other threads may meet |
//! | `points.rs` | threads of points |
//! | `carries.rs` | elements that a loop in order keeps in registers |
//! | `tile.rs` | blocks of tiles of transposed operands |
//! | `fold.rs` | groups of lanes that reduce |
//! | `scatter.rs` | updates of computed elements |
//! | `ordered.rs` | those that combine with their element in order |
//! | `narrow.rs` | those of elements narrower than a word |
//! | `task.rs` | a thread of a task, and entries for one task |
//! | `block.rs` | loops that one block runs as a whole |
//! | `beside.rs` | launches that run side by side as one |
//! | `rows.rs` | launches that work row by row, a warp per row |
//! | `conditions.rs` | entries of loops and branches that are nodes of graphs |
//! | `program.rs` | a program as items for the queue |

mod access;
mod beside;
mod block;
mod carries;
mod conditions;
mod emitter;
mod fold;
mod index;
mod narrow;
mod nodes;
mod ordered;
mod points;
mod program;
mod rows;
mod scatter;
mod stores;
mod task;
mod tile;

pub use program::{plan, plan_with};
pub use task::{blocks, entry, module};
