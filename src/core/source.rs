//! The line of the user's code that an equation came from.
//!
//! Public functions are `#[track_caller]`, so the location that reaches [`here`] is the user's
//! line. While a transform replays an equation, the rule's own calls take over that equation's
//! line: a gradient's equations point at the user too.
//!
//! A public function runs its body [`in_name_of`] itself. The operations inside may fail under
//! other names and at lines of the library. The user then reads the name and the line of the
//! function that was called.
//!
//! Not here: how a setting of the thread is put back (`scoped`).

use super::scoped::Scoped;
use cotangent_jit::Error;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

/// A line of the user's code, and the function that was called there.
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

    /// The public function that the operation is a part of.
    pub fn function(&self) -> Option<&'static str> {
        self.function
    }

    /// Tells whether that function has counted negative indices from the end of their axis.
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
    /// The line of the equation that a transform replays, or of the public function that runs.
    static REPLAYED: Cell<Option<Source>> = const { Cell::new(None) };
    /// The user's line for operations of the library's own closures, while they run like the
    /// user's.
    static ENCLOSING: Cell<Option<Source>> = const { Cell::new(None) };
    /// Tells whether a public function waits for errors of the library's panicking forms.
    static AWAITED: Cell<bool> = const { Cell::new(false) };
}

/// The line that a transform replays, else the caller's line. Operations of the library's own
/// closures get the line of the public function that runs them.
#[track_caller]
pub fn here() -> Source {
    let caller = Location::caller();
    match (REPLAYED.get(), ENCLOSING.get()) {
        (Some(line), _) => line,
        (None, Some(line)) if is_ours(caller) => line,
        (None, _) => Source::of(caller),
    }
}

/// Tells whether a line is in the library.
fn is_ours(line: &Location<'_>) -> bool {
    let this = file!();
    line.file().starts_with(&this[..this.len() - "core/source.rs".len()])
}

/// Runs `f`, and gives every operation in it the line `source`.
pub fn replaying<R>(source: Source, f: impl FnOnce() -> R) -> R {
    let _restore = Scoped::set(&REPLAYED, Some(source));
    f()
}

/// Runs a closure of the user's or of the library's, also while a transform replays an equation.
/// Operations of the user's code get their own lines. Those of the library get the line that was
/// replayed.
pub fn afresh<R>(f: impl FnOnce() -> R) -> R {
    let _enclosing = Scoped::set(&ENCLOSING, REPLAYED.get().or(ENCLOSING.get()));
    let _replayed = Scoped::set(&REPLAYED, None);
    f()
}

/// Runs the body of the public function `name`. Its operations get the caller's line, and its
/// errors name `name`. An error of a panicking form inside is returned.
#[track_caller]
pub fn in_name_of<T>(
    name: &'static str,
    body: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let source = here();
    let source = Source { function: source.function.or(Some(name)), ..source };
    awaiting(|| replaying(source, body)).map_err(|e| e.told_by(name))
}

/// Works like [`in_name_of`], for an operation of `lax` that is composed of others and for a method
/// of an object with a name of its own. Checks of the primitives inside name those primitives.
#[track_caller]
pub fn composed<T>(name: &str, body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let source = here();
    awaiting(|| replaying(source, body)).map_err(|e| e.told_by(name))
}

/// Tells whether a public function of the library runs, and no closure of the user in it.
pub fn in_function() -> bool {
    REPLAYED.get().is_some_and(|source| source.function.is_some())
}

/// Notes that the running public function counts negative indices from the end of their axis.
/// Messages then show the index that the user gave.
pub fn counting_from_end() {
    REPLAYED.set(REPLAYED.get().map(|source| Source { from_end: true, ..source }));
}

/// Runs `f`, and returns the error of a panicking form that the library itself called in it.
pub fn awaiting<T>(f: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let _restore = Scoped::set(&AWAITED, true);
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(thrown(panic)))
}

/// An error on its way through the library to the function that awaits it. It calls no panic hook.
struct Thrown(Error);

#[cold]
fn thrown(panic: Box<dyn Any + Send>) -> Error {
    match panic.downcast::<Thrown>() {
        Ok(thrown) => thrown.0,
        Err(panic) => resume_unwind(panic),
    }
}

/// Unwraps the result of a fallible function for its panicking form. The panic has the caller's
/// line and the error's text, and also the user's line while that is replayed. If the library
/// itself is the caller, the public function that runs gets the error.
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

/// Panics for a call that is written at `written` and has the line `line`. Rust does not pass the
/// caller's line through `dyn Fn`, so that the panic cannot have it as its location. The text
/// begins with the line instead.
#[cold]
pub fn fail_called_at(e: Error, written: &Location<'_>, line: Source) -> ! {
    if is_ours(written) {
        throw_if_awaited(&e);
    }
    let text = e.to_string();
    // A text that begins with another line of the user's, such as that of a rule, keeps that line.
    match text.split_once(": ").is_some_and(|(first, _)| first.contains(".rs:")) {
        true => panic!("{text} (called at {line})"),
        false => panic!("{line}: {text}"),
    }
}

/// Throws the error to the public function that awaits it. In a program that aborts on panics no
/// function awaits it.
fn throw_if_awaited(e: &Error) {
    if AWAITED.get() && cfg!(panic = "unwind") {
        resume_unwind(Box::new(Thrown(e.clone())));
    }
}
