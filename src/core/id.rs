//! Identities: variables of a jaxpr and traces.
//!
//! They live below arrays and jaxprs, because a tracer names the variable and the trace that it
//! stands for. Not here: what a variable's type is (`jaxpr`), and how a trace is built (`trace`).

use std::sync::atomic::{AtomicU64, Ordering};

/// A variable of a jaxpr: an index into [`Jaxpr::avals`](super::jaxpr::Jaxpr::avals). Inputs come
/// first, then the outputs of each equation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Var(pub u32);

impl Var {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Identity of a trace. No two traces of a process have the same one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceId(u64);

static NEXT: AtomicU64 = AtomicU64::new(0);

impl TraceId {
    /// The id of no trace: arrays that are a type only have it.
    pub(super) const NONE: TraceId = TraceId(u64::MAX);

    pub(super) fn fresh() -> TraceId {
        TraceId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
