//! Stand-ins: what a user's rule closes over, handed to it again.
//!
//! A rule is called when a derivative is taken; the trace whose values it closes over has ended by then. Those values are
//! hidden inputs of the rule's primitive, and while the rule runs, the primitive's inputs stand in for them.

use super::array::{Array, Repr};
use super::id::{TraceId, Var};
use super::scoped::{self, Scoped};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// Which value of which trace a tracer stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TracerKey(pub TraceId, pub Var);

impl TracerKey {
    pub fn of(array: &Array) -> Option<TracerKey> {
        if let Repr::Tracer(t) = &array.0 { Some(TracerKey(t.trace, t.var)) } else { None }
    }
}

/// A tracer, and what stood in for it.
pub type StandIn = (TracerKey, Array);

thread_local! {
    /// How many frames there are: looked at for every operand.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static FRAMES: RefCell<Vec<FxHashMap<TracerKey, Array>>> = const { RefCell::new(Vec::new()) };
    static SEEN: RefCell<Vec<StandIn>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` with arrays standing in for tracers.
pub fn standing_in<R>(pairs: impl IntoIterator<Item = StandIn>, f: impl FnOnce() -> R) -> R {
    let depth = DEPTH.get();
    // The outermost frame forgets the stand-ins that were used in it: none is left outside.
    let _seen = (depth == 0).then(|| Scoped::set(&SEEN, Vec::new()));
    let frame = pairs.into_iter().collect();
    scoped::with_pushed(&FRAMES, frame, || scoped::with(&DEPTH, depth + 1, f))
}

/// What stands in for a tracer, by the innermost frame that knows it.
pub fn stand_in(key: TracerKey) -> Option<Array> {
    if DEPTH.get() == 0 {
        return None;
    }
    let found = FRAMES.with_borrow(|frames| frames.iter().rev().find_map(|f| f.get(&key).cloned()));
    if let Some(array) = &found {
        SEEN.with_borrow_mut(|seen| seen.push((key, array.clone())));
    }
    found
}

/// The result of `f`, and which stand-ins were used in it.
pub fn watching<R>(f: impl FnOnce() -> R) -> (R, Vec<StandIn>) {
    let start = SEEN.with_borrow(Vec::len);
    let result = f();
    let used = SEEN.with_borrow(|seen| seen[start..].to_vec());
    (result, used)
}
