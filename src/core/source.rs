//! Where an equation came from in the user's code.
//!
//! Public functions are `#[track_caller]`, so the location that reaches [`here`] is the user's line. While a transform
//! replays an equation, the rule's own calls take over that equation's line: a gradient's equations point at the user too.

use cotangent_jit::Error;
use std::cell::Cell;
use std::fmt;
use std::panic::Location;

/// A line of the user's code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(&'static Location<'static>);

impl Source {
    pub fn file(&self) -> &'static str {
        self.0.file()
    }

    pub fn line(&self) -> u32 {
        self.0.line()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

thread_local! {
    static REPLAYED: Cell<Option<Source>> = const { Cell::new(None) };
}

/// The line being replayed if a transform is at work, else the caller's.
#[track_caller]
pub fn here() -> Source {
    let caller = Location::caller();
    REPLAYED.get().unwrap_or(Source(caller))
}

/// Runs `f` as if every operation in it stood at `source`. Restores the former state when `f` panics, too.
pub fn replaying<R>(source: Source, f: impl FnOnce() -> R) -> R {
    with(Some(source), f)
}

/// Runs `f`, which is the user's own code, with its own lines, also while a transform replays an equation.
pub fn afresh<R>(f: impl FnOnce() -> R) -> R {
    with(None, f)
}

fn with<R>(source: Option<Source>, f: impl FnOnce() -> R) -> R {
    let _restore = Restore::after(source);
    f()
}

/// Puts back the line that was replayed before.
struct Restore(Option<Source>);

impl Restore {
    /// Not inlined: it is called from every operation, each with a closure of its own.
    #[inline(never)]
    fn after(source: Option<Source>) -> Restore {
        Restore(REPLAYED.replace(source))
    }
}

impl Drop for Restore {
    #[inline(never)]
    fn drop(&mut self) {
        REPLAYED.set(self.0);
    }
}

/// The panicking form of a fallible one: panics at the caller's line with the error's text, and with the user's line
/// where that is being replayed.
#[track_caller]
pub fn raise<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(e) => match REPLAYED.get() {
            Some(line) => panic!("{e}\n  at {line}"),
            None => panic!("{e}"),
        },
    }
}
