//! The device that a thread's new arrays live on, while a scope says so.
//!
//! A jitted function sets it to its own device while its closure is traced, and so does the user's
//! scope. Not here: the device of the process, which holds outside of such scopes
//! (`stage::device`).

use super::array::{Array, Repr};
use super::scoped::{self, Scoped};
use cotangent_jit::program::Placement;
use std::cell::Cell;

thread_local! {
    static HOME: Cell<Option<Placement>> = const { Cell::new(None) };
}

/// The device of the innermost scope, if there is a scope.
pub fn home() -> Option<Placement> {
    HOME.get()
}

/// Puts the former device back when it is dropped.
pub type Home = Scoped<Cell<Option<Placement>>>;

/// Makes this the device of new arrays until the guard is dropped.
pub fn as_home(place: Placement) -> Home {
    Scoped::set(&HOME, Some(place))
}

/// Runs `f`. Meanwhile the arrays that this thread makes live on this device.
pub fn with_home<R>(place: Placement, f: impl FnOnce() -> R) -> R {
    scoped::with(&HOME, Some(place), f)
}

/// Runs `f`. Meanwhile new arrays live where this one does.
pub fn beside<R>(array: &Array, f: impl FnOnce() -> R) -> R {
    match &array.0 {
        Repr::Concrete(c) => with_home(c.buffer.place(), f),
        _ => f(),
    }
}
