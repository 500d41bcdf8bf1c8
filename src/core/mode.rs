//! What the traces of this thread are made for: whether they will be checked, and the precision of
//! their products. Both lie in one word, which is a part of the key of every cache of traces.
//!
//! Not here: the scopes that users open (api).

use super::scoped;
use cotangent_jit::program::Precision;
use std::cell::Cell;

/// The setting of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode {
    pub checked: bool,
    /// The precision of products whose caller does not name one.
    pub precision: Precision,
}

thread_local! {
    static MODE: Cell<Mode> =
        const { Cell::new(Mode { checked: false, precision: Precision::Full }) };
}

pub fn mode() -> Mode {
    MODE.get()
}

/// Tells whether the current trace will be checked for hazards. In such a trace an operation must
/// not compute values that it throws away, as a branch otherwise does in lanes that do not take it.
pub fn is_checked() -> bool {
    mode().checked
}

/// Runs `f` while traces are made for checks, or are not.
pub fn checked<R>(checked: bool, f: impl FnOnce() -> R) -> R {
    scoped::with(&MODE, Mode { checked, ..mode() }, f)
}

/// Runs `f` while products whose caller does not name a precision have this one.
pub fn with_precision<R>(precision: Precision, f: impl FnOnce() -> R) -> R {
    scoped::with(&MODE, Mode { precision, ..mode() }, f)
}
