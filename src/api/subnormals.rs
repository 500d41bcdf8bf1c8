//! `flush_subnormals` trades the numbers nearest to zero for speed.
//!
//! By default results follow IEEE 754, subnormal numbers included: in `f32` those below
//! `f32::MIN_POSITIVE`, 1.2e-38. Processors of Intel take some 100 ns for a product with one, a
//! hundred times the usual. That does not matter until a loop stays among them: a value that is
//! multiplied by 0.9 in every step, as the cotangent of a long recurrence is, reaches the smallest
//! subnormal numbers after about 900 steps. There it stays, because 0.9 times `5 * 2^-149` rounds
//! to itself, and every further step is slow.
//!
//! # What a flushing computation means
//!
//! In arithmetic, a subnormal operand counts as the zero of its sign, and a result below the
//! smallest normal number becomes the zero of its sign. All other operands and results are those of
//! IEEE 754. Therefore the difference of two numbers near the smallest normal one may be zero
//! although they differ, and elementary functions, which consist of many operations, may lose
//! digits there. These keep subnormal elements: changes of shape, choices, copies, `-x`, `abs`, and
//! constants that are folded while tracing. Arithmetic of `f16` is done in `f32`: there, a
//! subnormal `f16` is a number as usual, or counts as zero. Any number of threads gives the same
//! bits. Nothing is flushed on processors other than x86-64 and aarch64, nor on CUDA devices, which
//! are as fast among subnormal numbers as elsewhere.
//!
//! The mode of the processor is set while compiled code runs, on each thread that helps. Your own
//! code computes by IEEE 754, callbacks of the host included; the operations on arrays in a
//! callback belong to the scope, as all others do. A jitted function that is traced as a part of
//! another becomes a part of its code, and flushes if that one does.

use crate::stage::subnormals::with_flush;

/// Runs `f`. Meanwhile operations and calls of jitted functions on this thread flush subnormal
/// numbers.
///
/// Executables of both kinds are kept side by side. [`keep_subnormals`] takes back what an outer
/// scope set; [`JitOptions::flush_subnormals`](super::jit::JitOptions::flush_subnormals) is for a
/// single function. The page of [the module](self) says what such a computation means.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| x * 0.5);
/// let tiny = array![f32::MIN_POSITIVE, 1.0];
/// assert_eq!(f(tiny.clone()).to_vec::<f32>(), [f32::MIN_POSITIVE / 2.0, 0.5]);
/// # if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
/// assert_eq!(flush_subnormals(|| f(tiny.clone())).to_vec::<f32>(), [0.0, 0.5]);
/// assert_eq!(flush_subnormals(|| tiny * 0.5).to_vec::<f32>(), [0.0, 0.5]);
/// # }
/// ```
#[doc(alias("set_flush_denormal", "denormals"))]
pub fn flush_subnormals<R>(f: impl FnOnce() -> R) -> R {
    with_flush(true, f)
}

/// Runs `f` by IEEE 754, inside of a scope of [`flush_subnormals`].
///
/// ```
/// use cotangent::api::subnormals::keep_subnormals;
/// use cotangent::prelude::*;
/// let half = || (array![f32::MIN_POSITIVE] * 0.5).item::<f32>();
/// assert!(flush_subnormals(|| keep_subnormals(half)) > 0.0);
/// ```
pub fn keep_subnormals<R>(f: impl FnOnce() -> R) -> R {
    with_flush(false, f)
}
