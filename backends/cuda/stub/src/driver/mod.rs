//! The state of the driver: safe, and behind one lock.
//!
//! | file | contents |
//! | --- | --- |
//! | `settings`, `counters`, `random` | what tests set and read |
//! | `clock`, `ranges`, `history` | what is ordered behind what, and who touched which bytes |
//! | `task`, `graph`, `plan`, `run` | kernels and copies; graphs as they are built, instantiated, run |
//! | `work`, `stream`, `capture` | enqueued work, its queues, streams that record |
//! | `failure`, `context` | the objects of a device, and their end |
//! | `execute`, `advance` | one piece of work; running what is enqueued |
//! | `state` | contexts, graphs, pinned memory, and the lock |
//! | `object`, `blas` | a library for products of matrices |
//! | `product`, `multiply` | its work |
//! | `build`, `record` | what changes graphs, and the way of work into queues |

mod advance;
pub mod blas;
mod build;
mod capture;
mod clock;
mod context;
mod counters;
mod execute;
mod failure;
mod graph;
mod history;
mod multiply;
pub mod object;
mod plan;
mod product;
mod random;
mod ranges;
mod record;
mod run;
mod settings;
mod state;
mod stream;
mod task;
mod work;

pub use advance::{Advance, Goal};
pub use context::{Context, Event, Function, MOST_SHARED, PLAIN_SHARED};
pub use counters::Counter;
pub use graph::{Action, Kind};
pub use plan::{Plan, Task};
pub use run::Run;
pub use settings::{Settings, Shared};
pub use state::{CHANGED, Driver, Exec, lock};
pub use stream::{LEGACY, Stream};
pub use task::{Copy, Fill, Launch, Side};
pub use work::Work;
