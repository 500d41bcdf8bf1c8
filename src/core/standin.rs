//! Stand-ins: arrays that replace the traced values which a user's rule closes over.
//!
//! A rule is called when a derivative is taken. The trace of the values that it closes over has
//! ended by then. Those values are hidden inputs of the rule's primitive, and while the rule runs,
//! the primitive's inputs stand in for them.
//!
//! Not here: how the hidden inputs are found (`api::custom::closure`).

use super::array::{Array, Repr};
use super::id::{TraceId, Var};
use super::scoped::{self, Scoped};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// The trace of a tracer and its variable there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TracerKey(pub TraceId, pub Var);

impl TracerKey {
    pub fn of(array: &Array) -> Option<TracerKey> {
        if let Repr::Tracer(t) = &array.0 { Some(TracerKey(t.trace, t.var)) } else { None }
    }
}

/// A tracer, and the array that stood in for it.
pub type StandIn = (TracerKey, Array);

thread_local! {
    /// Number of frames. Every operand reads it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static FRAMES: RefCell<Vec<FxHashMap<TracerKey, Array>>> = const { RefCell::new(Vec::new()) };
    static SEEN: RefCell<Vec<StandIn>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` with arrays standing in for tracers.
pub fn with_stand_ins<R>(pairs: impl IntoIterator<Item = StandIn>, f: impl FnOnce() -> R) -> R {
    let depth = DEPTH.get();
    // The outermost frame forgets the stand-ins that were used in it, because none is valid
    // outside.
    let _seen = (depth == 0).then(|| Scoped::set(&SEEN, Vec::new()));
    let frame = pairs.into_iter().collect();
    scoped::with_pushed(&FRAMES, frame, || scoped::with(&DEPTH, depth + 1, f))
}

/// The array that stands in for a tracer, in the innermost frame that has one.
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

/// Runs `f`, and returns its result and the stand-ins that were used in it.
pub fn recording_stand_ins<R>(f: impl FnOnce() -> R) -> (R, Vec<StandIn>) {
    let start = SEEN.with_borrow(Vec::len);
    let result = f();
    let used = SEEN.with_borrow(|seen| seen[start..].to_vec());
    (result, used)
}
