//! Why jitted functions were traced: every miss of a cache, explained.

use super::cache::Key;
use super::graph::argument;
use crate::core::aval::Aval;
use crate::core::axis::AxisEnv;
use crate::core::source::Source;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// How many misses are remembered.
const REMEMBERED: usize = 256;

/// One trace of a jitted function, and what was new about the arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Miss {
    pub function: String,
    /// The line of the call.
    pub at: Option<Source>,
    pub reason: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}: {}", self.function, self.reason)
    }
}

static MISSES: Mutex<VecDeque<Miss>> = Mutex::new(VecDeque::new());

/// The latest misses of all jitted functions (256 at most), oldest first: what was traced, where it
/// was called, and what differed from the nearest earlier call. With `COTANGENT_EXPLAIN_MISSES=1`
/// in the environment they are printed, too.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| x * 2.0).named("twice");
/// f(array![1.0]);
/// f(array![1.0, 2.0]);
/// let misses: Vec<_> = jit_misses().into_iter().filter(|m| m.function == "twice").collect();
/// assert_eq!(misses[0].reason, "first call");
/// assert_eq!(misses[1].reason, "argument 0 was f32[1], is f32[2]");
/// ```
#[doc(alias = "explain_cache_misses")]
pub fn jit_misses() -> Vec<Miss> {
    MISSES.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

pub(crate) fn remember(miss: Miss) {
    static PRINT: OnceLock<bool> = OnceLock::new();
    if *PRINT.get_or_init(|| std::env::var_os("COTANGENT_EXPLAIN_MISSES").is_some()) {
        eprintln!("jit traces {miss}");
    }
    let mut misses = MISSES.lock().unwrap_or_else(PoisonError::into_inner);
    if misses.len() == REMEMBERED {
        misses.pop_front();
    }
    misses.push_back(miss);
}

fn names(env: &AxisEnv) -> String {
    let names: Vec<String> = env.axes().iter().map(|(n, s)| format!("{n:?} ({s})")).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// What is new about `key`.
pub(crate) fn explain(nearest: Option<&Key>, key: &Key) -> String {
    let Some(before) = nearest else { return "first call".into() };
    if let Some((path, was, is)) = before.tree.difference(&key.tree) {
        let path = path.strip_prefix('.').unwrap_or(&path);
        return format!("argument {path} was {was}, is {is}");
    }
    let weak = |a: &Aval| format!("{}{a}", if a.weak { "weak " } else { "" });
    let pairs = before.avals.iter().zip(&key.avals).enumerate();
    let mut changes: Vec<String> = pairs
        .filter(|(_, (a, b))| a != b || a.weak != b.weak)
        .map(|(i, (a, b))| format!("{} was {}, is {}", argument(&key.tree, i), weak(a), weak(b)))
        .collect();
    if let (Some(was), Some(is)) = (before.site, key.site)
        && was != is
    {
        changes.push(format!("the device was {was}, is {is}"));
    }
    if before.axes != key.axes {
        return format!("named axes were {}, are {}", names(&before.axes), names(&key.axes));
    }
    let (was, is) = (before.mode, key.mode);
    if was.checked != is.checked {
        let said = |checked| if checked { "with checks" } else { "without checks" };
        return format!("traced {} before, {} now", said(was.checked), said(is.checked));
    }
    if was.precision != is.precision {
        let [was, is] = [was, is].map(|mode| mode.precision.name());
        return format!("the precision of products was {was}, is {is}");
    }
    if changes.is_empty() { "dropped from the cache since".into() } else { changes.join("; ") }
}
