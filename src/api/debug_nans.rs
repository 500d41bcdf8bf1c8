//! `debug_nans`, `debug_infs`: errors that name the operation, its operands and the user's line where a NaN or an infinity
//! was made.
//!
//! The environment variables `COTANGENT_DEBUG_NANS=1` and `COTANGENT_DEBUG_INFS=1` do the same for a whole program.

use crate::stage::nan_check::{NanCheck, current, with_nan_check};

/// Runs `f`; on this thread every computation whose result has a NaN is then an error.
///
/// The computation is run again, equation by equation, to find the first that makes a NaN from operands without one: the
/// message names it, its operands, the line (in gradients that of what is differentiated), and the step of the loop. Costs a
/// look at every result, and that memory of arguments is not reused. See [`checkify`](super::checkify) for checks inside
/// compiled code.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| (x.sqrt() * 2.0).sum());
/// let error = debug_nans(|| f.try_call((array![4.0, -1.0],))).unwrap_err();
/// assert!(error.message().starts_with("sqrt at "), "{error}");
/// assert!(error.message().contains("makes a NaN: f32[2] [ 2. nan] from f32[2] [ 4. -1.]"), "{error}");
/// ```
pub fn debug_nans<R>(f: impl FnOnce() -> R) -> R {
    with_nan_check(current() | NanCheck::NAN, f)
}

/// As [`debug_nans`], of infinities.
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

/// Runs `f` without looking for either, whatever the surroundings say.
pub fn debug_nothing<R>(f: impl FnOnce() -> R) -> R {
    with_nan_check(NanCheck::NONE, f)
}
