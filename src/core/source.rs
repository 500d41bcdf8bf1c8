//! Where an equation came from in the user's code.
//!
//! Public functions are `#[track_caller]`, so the location that reaches [`here`] is the user's line. While a transform
//! replays an equation, the rule's own calls take over that equation's line: a gradient's equations point at the user too.
//!
//! A public function runs its body [`in_name_of`] itself. What it is composed of may fail under other names and at lines of
//! the library; the user reads the name and the line of the function that was called.

use super::scoped::Scoped;
use cotangent_jit::Error;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

/// A line of the user's code, and what was called there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    at: &'static Location<'static>,
    function: Option<&'static str>,
    from_end: bool,
}

impl Source {
    fn of(at: &'static Location<'static>) -> Source {
        Source { at, function: None, from_end: false }
    }

    pub fn file(&self) -> &'static str {
        self.at.file()
    }

    pub fn line(&self) -> u32 {
        self.at.line()
    }

    /// The public function that is composed of operations, this one among them.
    pub fn function(&self) -> Option<&'static str> {
        self.function
    }

    /// Whether that function has counted negative indices from the end of their axis.
    pub fn counts_from_end(&self) -> bool {
        self.from_end
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.line())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

thread_local! {
    /// The line of the equation that a transform replays, or of the public function at work.
    static REPLAYED: Cell<Option<Source>> = const { Cell::new(None) };
    /// The user's line for what the library's own closures do, while they run as the user's do.
    static ENCLOSING: Cell<Option<Source>> = const { Cell::new(None) };
    /// Whether a public function waits for errors of the library's panicking forms.
    static AWAITED: Cell<bool> = const { Cell::new(false) };
}

/// The line being replayed if a transform is at work, else the caller's. For the library's own closures it is the line of
/// the public function that runs them.
#[track_caller]
pub fn here() -> Source {
    let caller = Location::caller();
    match (REPLAYED.get(), ENCLOSING.get()) {
        (Some(line), _) => line,
        (None, Some(line)) if is_ours(caller) => line,
        (None, _) => Source::of(caller),
    }
}

/// Whether a line is the library's own.
fn is_ours(line: &Location<'_>) -> bool {
    let this = file!();
    line.file().starts_with(&this[..this.len() - "core/source.rs".len()])
}

/// Runs `f` as if every operation in it stood at `source`. Restores the former state when `f` panics, too.
pub fn replaying<R>(source: Source, f: impl FnOnce() -> R) -> R {
    let _restore = Scoped::set(&REPLAYED, Some(source));
    f()
}

/// Runs `f`, a closure of the user's or of the library's, also while a transform replays an equation: what the user's code
/// does stands at its own lines, what the library's does at the line that was replayed.
pub fn afresh<R>(f: impl FnOnce() -> R) -> R {
    let _enclosing = Scoped::set(&ENCLOSING, REPLAYED.get().or(ENCLOSING.get()));
    let _replayed = Scoped::set(&REPLAYED, None);
    f()
}

/// Runs the body of the public function `name`: its operations stand at the caller's line, its errors speak of `name`, and
/// what a panicking form finds wrong inside is returned as an error.
#[track_caller]
pub fn in_name_of<T>(
    name: &'static str,
    body: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let source = here();
    let source = Source { function: source.function.or(Some(name)), ..source };
    awaiting(|| replaying(source, body)).map_err(|e| e.told_by(name))
}

/// As [`in_name_of`], for an operation of `lax` that is composed of others, and for a method of an object with a name of its
/// own: checks of what runs inside speak of the primitives there.
#[track_caller]
pub fn composed<T>(name: &str, body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let source = here();
    awaiting(|| replaying(source, body)).map_err(|e| e.told_by(name))
}

/// Notes that the public function at work counts negative indices from the end of their axis, for messages that tell the
/// index that the user gave.
pub fn counting_from_end() {
    REPLAYED.set(REPLAYED.get().map(|source| Source { from_end: true, ..source }));
}

/// Runs `f`, and returns the error of a panicking form that the library itself called in it.
pub fn awaiting<T>(f: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let _restore = Scoped::set(&AWAITED, true);
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(thrown(panic)))
}

/// An error on its way through the library to the function that awaits it. No panic hook hears of it.
struct Thrown(Error);

#[cold]
fn thrown(panic: Box<dyn Any + Send>) -> Error {
    match panic.downcast::<Thrown>() {
        Ok(thrown) => thrown.0,
        Err(panic) => resume_unwind(panic),
    }
}

/// The panicking form of a fallible one: panics at the caller's line with the error's text, and with the user's line
/// where that is being replayed. Where the library itself is the caller, the public function at work gets the error.
#[track_caller]
pub fn raise<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(e) => fail(e),
    }
}

#[cold]
#[track_caller]
fn fail(e: Error) -> ! {
    if is_ours(Location::caller()) {
        throw_if_awaited(&e);
    }
    match REPLAYED.get() {
        Some(line) => panic!("{e}\n  at {line}"),
        None => panic!("{e}"),
    }
}

/// Panics for a call that is written at `written` and stands at `line`: Rust does not hand the caller's line to what is
/// called through `dyn Fn`, so the panic cannot have it as its own location, and the text begins with it.
#[cold]
pub fn fail_called_at(e: Error, written: &Location<'_>, line: Source) -> ! {
    if is_ours(written) {
        throw_if_awaited(&e);
    }
    let text = e.to_string();
    // A text that begins with another line of the user's, as that of a rule, keeps it.
    match text.split_once(": ").is_some_and(|(first, _)| first.contains(".rs:")) {
        true => panic!("{text} (called at {line})"),
        false => panic!("{line}: {text}"),
    }
}

/// Hands the error to the public function at work. A program that aborts on panics has none that waits.
fn throw_if_awaited(e: &Error) {
    if AWAITED.get() && cfg!(panic = "unwind") {
        resume_unwind(Box::new(Thrown(e.clone())));
    }
}
