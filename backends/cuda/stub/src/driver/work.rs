//! What can be enqueued.

use super::product::Product;
use super::run::Run;
use super::task::{Copy, Fill, Launch};
use crate::pointer::Call;
use std::fmt;

#[derive(Debug)]
pub enum Work {
    Kernel(Launch),
    Copy(Copy),
    Fill(Fill),
    Product(Box<Product>),
    /// The beginning of the life of a block, which is allocated already.
    Allocate(u64, u64),
    Free(u64),
    Call(Call),
    /// An event, by its handle.
    Record(u64),
    /// Nothing but the order that the piece of work itself brings.
    Wait,
    Graph(Box<Run>),
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Kernel(launch) => write!(f, "entry `{}`", launch.entry),
            Work::Copy(copy) => copy.fmt(f),
            Work::Fill(fill) => write!(f, "a fill of {} bytes", fill.bytes()),
            Work::Product(_) => f.write_str("a product of matrices"),
            Work::Allocate(..) => f.write_str("an allocation"),
            Work::Free(address) => write!(f, "freeing {address:#x}"),
            Work::Call(_) => f.write_str("a call of the host"),
            Work::Record(_) | Work::Wait => f.write_str("an event"),
            Work::Graph(_) => f.write_str("a graph"),
        }
    }
}

impl Work {
    /// Whether it may call a function of the host.
    pub fn may_call(&self) -> bool {
        match self {
            Work::Call(_) => true,
            Work::Graph(run) => run.calls_host(),
            _ => false,
        }
    }
}
