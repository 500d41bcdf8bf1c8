//! What a law says when it does not hold; panics in rules count as that, too.

use cotangent::Error;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// A law that does not hold, with the program that shows it.
#[derive(Clone)]
pub struct Violation(String);

impl Violation {
    pub fn new(what: impl Into<String>) -> Violation {
        Violation(what.into())
    }

    /// The same, told from further out.
    pub fn within(self, what: impl fmt::Display) -> Violation {
        Violation(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Violation {
    fn from(e: Error) -> Violation {
        Violation(e.to_string())
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`; a panic becomes a violation instead of a report on stderr.
pub fn guard<T>(f: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                loud(info);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(before);
    result.unwrap_or_else(|panic| Err(Violation(format!("panicked: {}", message(&*panic)))))
}

/// The text of a panic.
pub fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("something").to_owned()
}
