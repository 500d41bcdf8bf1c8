//! Catches the panic of a wrong call: its text, and the place where it stands. And the tables of
//! wrong calls, which are checked all alike.

use cotangent::prelude::*;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// What the panic hook heard.
#[derive(Debug)]
pub struct Panic {
    pub text: String,
    pub file: String,
    pub line: u32,
}

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Vec<Panic>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f`, and returns the panics that the hook heard: none if `f` returned.
pub fn panics<T>(f: impl FnOnce() -> T) -> Vec<Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let at = info.location().expect("a place");
            let text = info.payload_as_str().unwrap_or_default().to_owned();
            let (file, line) = (at.file().to_owned(), at.line());
            match WATCHING.get() {
                true => SEEN.with_borrow_mut(|s| s.push(Panic { text, file, line })),
                false => before(info),
            }
        }));
    });
    WATCHING.set(true);
    let panicked = catch_unwind(AssertUnwindSafe(f)).is_err();
    WATCHING.set(false);
    let seen = SEEN.take();
    assert!(!panicked || !seen.is_empty(), "a panic without the hook");
    seen
}

/// The one panic of `f`; the next call works.
pub fn panicked<T>(f: impl FnOnce() -> T) -> Panic {
    let mut seen = panics(f);
    assert_eq!(seen.len(), 1, "{seen:?}");
    still_works();
    seen.remove(0)
}

pub fn still_works() {
    assert_eq!(jit(|x: Array| x * 2.0)(array![1.5]).item::<f32>(), 3.0);
    assert_eq!(grad(|x: Array| &x * &x)(Array::scalar(2f32)).item::<f32>(), 4.0);
}

/// A wrong call of the function `path`.
pub struct Wrong {
    /// The function, as the list of public items has it.
    pub path: &'static str,
    pub code: &'static str,
    pub file: &'static str,
    /// Returns the text of an error that the call returned.
    pub call: fn() -> Option<String>,
}

/// A table of calls that panic: `"path" => call;`.
macro_rules! wrong {
    ($($path:literal => $call:expr;)*) => {
        pub const WRONG: &[$crate::harness::Wrong] = &[$($crate::harness::Wrong {
            path: $path,
            code: stringify!($call),
            file: file!(),
            call: || {
                let _ = $call;
                None
            },
        }),*];
    };
}

/// A table of calls that return an error.
macro_rules! refused {
    ($($path:literal => $call:expr;)*) => {
        pub const REFUSED: &[$crate::harness::Wrong] = &[$($crate::harness::Wrong {
            path: $path,
            code: stringify!($call),
            file: file!(),
            call: || $call.err().map(|e| e.to_string()),
        }),*];
    };
}

pub(crate) use {refused, wrong};

/// The text with nothing but what counts for the compiler.
fn dense(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace(",)", ")")
}

/// The lines of the source file on which the call of an entry is written.
fn lines_of(wrong: &Wrong, source: &str) -> Option<std::ops::RangeInclusive<u32>> {
    let entry = dense(&format!("\"{}\" => {};", wrong.path, wrong.code));
    let lines: Vec<&str> = source.lines().collect();
    let head = format!("\"{}\"", wrong.path);
    (0..lines.len()).filter(|&n| lines[n].trim_start().starts_with(&head)).find_map(|first| {
        let end = (first..lines.len()).find(|&n| lines[n].ends_with(';'))?;
        let found = dense(&lines[first..=end].join("")) == entry;
        found.then_some(first as u32 + 1..=end as u32 + 1)
    })
}

/// Words of which a message has one: it says what was expected, or how to cure the call.
const TELLING: &[&str] = &[
    "expected",
    "got",
    "should",
    "must",
    "out of range",
    "differ",
    "broadcast",
    "; ",
    "takes",
    "no axis",
    "cannot",
    "not ",
    " has ",
    "given twice",
    "names",
    "asks for",
    "cuts",
    "speaks of",
    "partner",
    "no prefix",
    "os error",
    "ends within",
    "two arrays",
];

/// Endings of variants that speak under the name of their family: `vmap_axes` as `vmap`.
const VARIANTS: &[&str] =
    &["_with", "_axes", "_in_out", "_wrt", "_aux", "_momentum", "_ordered", "_symbolic"];

/// The names under which a function may speak: its path, its name, and those of its families.
fn names_of(path: &str) -> Vec<String> {
    let whole = path;
    // Arrays are made under the name of the macro; a mask keeps the name of the inner transform.
    let path = match path {
        "Array::new" => "array",
        "optim::masked" => "adam",
        "api::debug::print" | "api::debug::print_ordered" => &path["api::".len()..],
        path => path.rsplit("::").next().unwrap_or(path),
    };
    let mut names = vec![whole.to_owned(), path.to_owned()];
    while let Some(family) = VARIANTS.iter().find_map(|v| names[names.len() - 1].strip_suffix(v)) {
        names.push(family.to_owned());
    }
    names
}

/// The message of a wrong call, or what is wrong with it.
pub fn judge(wrong: &Wrong, source: &str) -> Result<String, String> {
    let mut returned = None;
    let mut seen = panics(|| returned = (wrong.call)());
    let Some(lines) = lines_of(wrong, source) else {
        return Err("the entry is not found in the source".into());
    };
    let (text, at) = match (seen.len(), returned) {
        (0, None) => return Err("no panic".into()),
        (0, Some(text)) => (text, None),
        (1, _) => {
            let panic = seen.remove(0);
            (panic.text, Some((panic.file, panic.line)))
        }
        _ => return Err(format!("several panics: {seen:?}")),
    };
    let named = lines.clone().map(|l| format!("{}:{l}: ", wrong.file));
    let named = named.into_iter().find_map(|place| text.strip_prefix(&place).map(str::to_owned));
    let stands = at.is_none_or(|(file, line)| file == wrong.file && lines.contains(&line));
    let called = lines.clone().any(|l| text.contains(&format!("(called at {}:{l})", wrong.file)));
    if !stands && named.is_none() && !called {
        return Err(format!("not at the call's line: {text}"));
    }
    let text = named.unwrap_or(text);
    let Some(rest) = names_of(wrong.path).iter().find_map(|name| text.strip_prefix(name)) else {
        return Err(format!("another name: {text}"));
    };
    let rest = match rest.strip_prefix(": ") {
        Some(rest) => rest,
        None if rest.starts_with(" of ") => rest,
        None => return Err(format!("another name: {text}")),
    };
    if rest.ends_with('.') || rest.starts_with(|c: char| c.is_uppercase()) {
        return Err(format!("not in the style of messages: {text}"));
    }
    if !TELLING.iter().any(|word| rest.contains(word)) {
        return Err(format!("neither what was expected nor a cure: {text}"));
    }
    if text.contains("src/") {
        return Err(format!("a file of the library: {text}"));
    }
    Ok(text)
}
