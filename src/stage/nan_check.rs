//! The check of results for NaN and infinity on this thread.
//!
//! Not here: how the equation that made a NaN is found (`nan_search`), and where results are
//! checked (`eager`, `run`).

use crate::core::scoped;
use std::cell::Cell;
use std::ops::BitOr;
use std::sync::LazyLock;

/// The kinds of number that are errors in a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NanCheck(u8);

impl NanCheck {
    pub const NONE: NanCheck = NanCheck(0);
    pub const NAN: NanCheck = NanCheck(1);
    pub const INFINITY: NanCheck = NanCheck(2);

    /// Tells whether `x` is an error.
    pub fn finds(self, x: f64) -> bool {
        (self.0 & 1 != 0 && x.is_nan()) || (self.0 & 2 != 0 && x.is_infinite())
    }
}

impl BitOr for NanCheck {
    type Output = NanCheck;
    fn bitor(self, other: NanCheck) -> NanCheck {
        NanCheck(self.0 | other.0)
    }
}

/// The check that the environment variables set for all threads.
static OF_ENVIRONMENT: LazyLock<NanCheck> = LazyLock::new(|| {
    let set = |name| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "0");
    let of = |name, check| if set(name) { check } else { NanCheck::NONE };
    of("COTANGENT_DEBUG_NANS", NanCheck::NAN) | of("COTANGENT_DEBUG_INFS", NanCheck::INFINITY)
});

thread_local! {
    static OF_THREAD: Cell<Option<NanCheck>> = const { Cell::new(None) };
}

/// Runs `f` with this check on this thread. `NONE` also turns a check of the environment off.
pub fn with_nan_check<R>(check: NanCheck, f: impl FnOnce() -> R) -> R {
    scoped::with(&OF_THREAD, Some(check), f)
}

/// The check that is on now.
pub fn current() -> NanCheck {
    OF_THREAD.get().unwrap_or_else(|| *OF_ENVIRONMENT)
}
