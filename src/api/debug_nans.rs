//! `debug_nans` and `debug_infs` turn a NaN or an infinity into an error that names the operation,
//! its operands and the user's line.
//!
//! The environment variables `COTANGENT_DEBUG_NANS=1` and `COTANGENT_DEBUG_INFS=1` do the same for
//! a whole program.

use crate::stage::nan_check::{NanCheck, current, with_nan_check};

/// Runs `f`. Meanwhile every computation on this thread whose result has a NaN is an error.
///
/// The computation is run again, equation by equation, to find the first that makes a NaN from
/// operands without one. The message names it, its operands, the line (in gradients that of the
/// differentiated operation), and the step of the loop. The check reads every result, and memory of
/// arguments is not reused while it is on. See [`checkify`](super::checkify) for checks inside
/// compiled code.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| (x.sqrt() * 2.0).sum());
/// let error = debug_nans(|| f.try_call((array![4.0, -1.0],))).unwrap_err();
/// assert!(error.message().starts_with("sqrt at "), "{error}");
/// let made = "makes a NaN: f32[2] [ 2. nan] from f32[2] [ 4. -1.]";
/// assert!(error.message().contains(made), "{error}");
/// ```
#[doc(alias("detect_anomaly", "set_detect_anomaly"))]
pub fn debug_nans<R>(f: impl FnOnce() -> R) -> R {
    with_nan_check(current() | NanCheck::NAN, f)
}

/// Works like [`debug_nans`], for infinities.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| 1.0 / x);
/// let error = debug_infs(|| f.try_call((array![0.0],))).unwrap_err();
/// assert!(error.message().contains("makes an infinity"), "{error}");
/// ```
pub fn debug_infs<R>(f: impl FnOnce() -> R) -> R {
    with_nan_check(current() | NanCheck::INFINITY, f)
}

/// Runs `f` with both checks off.
pub fn debug_nothing<R>(f: impl FnOnce() -> R) -> R {
    with_nan_check(NanCheck::NONE, f)
}
