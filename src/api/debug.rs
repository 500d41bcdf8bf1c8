//! `debug`: looking at values from inside traced functions.
//!
//! Printing and callbacks change no result. They are never dropped. They run once per lane under
//! `vmap`, once for the primal values under `grad` (again where `checkpoint` computes values
//! again), and only in the branch that is taken. In forward mode they also show the tangents that
//! custom rules see. Reverse mode has no tangents.

use super::callback::{Outcome, call};
use super::pytree::{Pytree, tree_leaves};
use crate::core::array::Array;
use crate::core::params::Rule;
use crate::core::scoped;
use crate::core::source::{in_name_of, raise};
use crate::core::template::Template;
use crate::prims::array::literal::Operand;
use crate::prims::host::callback::{self, Callback, HostFn, Kind};
use cotangent_jit::Error;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Prints a line when the program reaches the call. `{}`, `{0}`, `{:.3}` and `{:?}` stand for the
/// arrays of `args` in order.
///
/// The text is checked when the function is traced. Lines of one program keep their order. Lines of
/// different programs may change places if only the order of calls orders them. See
/// [`debug_print!`] for names in the text.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| { debug::print("x = {}, twice {:.1}", (&x, &x * 2.0)); x.sum() });
/// let (_, lines) = debug::captured(|| f(array![1.0, 2.0]));
/// assert_eq!(lines, ["x = [1. 2.], twice [2.0 4.0]"]);
/// ```
///
/// [`debug_print!`]: crate::debug_print
#[track_caller]
pub fn print(text: &str, args: impl Arguments) {
    raise(try_print(text, args));
}

/// Returns the error of [`print()`] instead of panicking.
#[track_caller]
pub fn try_print(text: &str, args: impl Arguments) -> Result<(), Error> {
    in_name_of("print", || {
        let args = args.arrays();
        print_named(text, &vec![None; args.len()], &args, false)
    })
}

/// Works like [`print()`], and keeps its order among all ordered calls.
#[track_caller]
pub fn print_ordered(text: &str, args: impl Arguments) {
    let args = args.arrays();
    raise(print_named(text, &vec![None; args.len()], &args, true));
}

/// Prints a line when the program reaches the call, with named or numbered arguments.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| { debug_print!("x = {x}, {}", &x + 1.0, x = x); x });
/// let (_, lines) = debug::captured(|| f(Array::from(1.0)));
/// assert_eq!(lines, ["x = 1.0, 2.0"]);
/// ```
#[macro_export]
macro_rules! debug_print {
    (@ $text:literal [$($name:expr,)*] [$($arg:expr,)*]) => {
        $crate::api::debug::print_or_panic($text, &[$($name),*], &[$($arg),*])
    };
    (@ $text:literal [$($n:expr,)*] [$($a:expr,)*] $name:ident = $arg:expr $(, $($rest:tt)*)?) => {
        $crate::debug_print!(
            @ $text [$($n,)* Some(stringify!($name)),]
            [$($a,)* $crate::api::debug::one(&$arg),] $($($rest)*)?
        )
    };
    (@ $text:literal [$($n:expr,)*] [$($a:expr,)*] $arg:expr $(, $($rest:tt)*)?) => {
        $crate::debug_print!(
            @ $text [$($n,)* None,] [$($a,)* $crate::api::debug::one(&$arg),] $($($rest)*)?
        )
    };
    ($text:literal $(, $($rest:tt)*)?) => {
        $crate::debug_print!(@ $text [] [] $($($rest)*)?)
    };
}

#[doc(hidden)]
pub fn one(operand: &impl Operand) -> Array {
    operand.to_array()
}

#[doc(hidden)]
#[track_caller]
pub fn print_or_panic(text: &str, names: &[Option<&str>], args: &[Array]) {
    raise(print_named(text, names, args, false));
}

/// The arguments of a print: arrays, owned or borrowed, and tuples of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be printed while tracing: expected an `Array`, a `&Array`, or a \
               tuple of them",
    label = "expected arrays",
    note = "numbers of Rust go into the text by `format!`, or become arrays by `Array::from(n)`"
)]
pub trait Arguments {
    #[doc(hidden)]
    fn arrays(self) -> Vec<Array>;
}

impl Arguments for () {
    fn arrays(self) -> Vec<Array> {
        Vec::new()
    }
}

impl Arguments for &Array {
    fn arrays(self) -> Vec<Array> {
        vec![self.clone()]
    }
}

impl Arguments for Array {
    fn arrays(self) -> Vec<Array> {
        vec![self]
    }
}

impl<T: Pytree> Arguments for &Vec<T> {
    fn arrays(self) -> Vec<Array> {
        tree_leaves(self)
    }
}

macro_rules! tuples {
    ($($A:ident $a:ident)+) => {
        impl<$($A: Arguments),+> Arguments for ($($A,)+) {
            fn arrays(self) -> Vec<Array> {
                let ($($a,)+) = self;
                [$($a.arrays()),+].concat()
            }
        }
    };
}

tuples!(A a);
tuples!(A a B b);
tuples!(A a B b C c);
tuples!(A a B b C c D d);
tuples!(A a B b C c D d E e);
tuples!(A a B b C c D d E e F f);

/// All prints of one text share a rule, so that equal programs are compiled once.
static TEXTS: LazyLock<Mutex<HashMap<Template, Rule>>> = LazyLock::new(Mutex::default);

#[track_caller]
fn print_named(
    text: &str,
    names: &[Option<&str>],
    args: &[Array],
    ordered: bool,
) -> Result<(), Error> {
    let template = Template::parse("debug::print", text, names)?;
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let rule = texts.entry(template.clone()).or_insert_with(|| {
        let run = move |args: &[Array]| {
            say(template.fill(args));
            Ok(Vec::new())
        };
        Callback::rule("print", Arc::new(run) as Arc<HostFn>)
    });
    let rule = rule.clone();
    drop(texts);
    callback::callback(Kind::Debug { ordered }, rule, Vec::new(), args)?;
    Ok(())
}

thread_local! {
    static CAPTURED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

fn say(line: String) {
    let printed = CAPTURED.with_borrow_mut(|c| match c {
        Some(lines) => {
            lines.push(line);
            None
        }
        None => Some(line),
    });
    if let Some(line) = printed {
        println!("{line}");
    }
}

/// Runs `f`. Returns its result, and the lines that programs on this thread would have printed
/// meanwhile.
pub fn captured<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    scoped::with(&CAPTURED, Some(Vec::new()), || {
        let result = f();
        (result, CAPTURED.take().unwrap_or_default())
    })
}

/// Calls `f` with the values when the program reaches the call.
///
/// ```
/// use cotangent::prelude::*;
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
/// static SEEN: AtomicUsize = AtomicUsize::new(0);
/// let count = |_: Array| { SEEN.fetch_add(1, Relaxed); };
/// let f = move |x: Array| { debug::callback(count, x.clone()); x.sin() };
/// vmap(f)(array![1.0, 2.0, 3.0]);
/// assert_eq!(SEEN.load(Relaxed), 3);
/// ```
#[track_caller]
pub fn callback<A: Pytree, O: Outcome<Value = ()>>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    args: A,
) {
    raise(try_callback(f, args, false));
}

/// Works like [`callback()`], and keeps its order among all ordered calls.
#[track_caller]
pub fn callback_ordered<A: Pytree, O: Outcome<Value = ()>>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    args: A,
) {
    raise(try_callback(f, args, true));
}

/// Returns the error of [`callback()`] instead of panicking.
#[track_caller]
pub fn try_callback<A: Pytree, O: Outcome<Value = ()>>(
    f: impl Fn(A) -> O + Send + Sync + 'static,
    args: A,
    ordered: bool,
) -> Result<(), Error> {
    in_name_of("callback", || call(Kind::Debug { ordered }, f, ().into(), args))
}
