//! The state of the driver: safe, and behind one lock.
//!
//! | file | contents |
//! | --- | --- |
//! | `settings`, `counters`, `random` | what tests set and read |
//! | `clock`, `ranges`, `history` | what is ordered behind what, and who touched which bytes |
//! | `work`, `stream` | enqueued work and its queues |
//! | `context` | the objects of a device |
//! | `advance` | running what is enqueued |
//! | `execute` | one piece of work |
//! | `graph`, `plan`, `run` | graphs: as they are built, instantiated, launched |
//! | `capture` | streams that record |
//! | `state` | contexts, graphs, pinned memory, and the lock |

mod advance;
mod capture;
mod clock;
mod context;
mod counters;
mod execute;
mod graph;
mod history;
mod plan;
mod random;
mod ranges;
mod run;
mod settings;
mod state;
mod stream;
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
pub use work::{Copy, Fill, Launch, Side, Work};
