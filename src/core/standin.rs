//! Stand-ins: what a user's rule closes over, handed to it again.
//!
//! A rule is called when a derivative is taken; the trace whose values it closes over has ended by then. Those values are
//! hidden inputs of the rule's primitive, and while the rule runs, the primitive's inputs stand in for them.

use super::array::{Array, Repr};
use super::id::{TraceId, Var};
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

/// Runs `f` with arrays standing in for tracers. Restores the former state when `f` panics, too.
pub fn standing_in<R>(pairs: impl IntoIterator<Item = StandIn>, f: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            FRAMES.with_borrow_mut(|frames| frames.truncate(self.0));
            DEPTH.set(self.0);
            // Outside of all frames nothing stands in for anything, so there is nothing left to remember.
            if self.0 == 0 {
                SEEN.with_borrow_mut(Vec::clear);
            }
        }
    }
    let depth = DEPTH.get();
    let _restore = Restore(depth);
    FRAMES.with_borrow_mut(|frames| frames.push(pairs.into_iter().collect()));
    DEPTH.set(depth + 1);
    f()
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
