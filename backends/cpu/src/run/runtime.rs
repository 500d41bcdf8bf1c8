//! The functions that generated code calls by address: sharing a range among threads, copies, exact
//! float remainders. Routines and host calls live in files of their own.
//!
//! Nothing here unwinds into generated code, holds a lock while it shares work, or lets the number
//! of threads show in a result: ranges are cut by their length alone, and every point of a range is
//! computed the same way in any cut.

use crate::run::memory::Unset;
use crate::run::share::share;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The memory that loads read when their guard does not hold.
pub static NOWHERE: [u64; 8] = [0; 8];

/// `fn(buffers, begin, end)`: a kernel over a part of its split loop.
pub type KernelFunction = unsafe extern "C" fn(*const *mut u8, i64, i64);

pub extern "C" fn fmod32(x: f32, y: f32) -> f32 {
    x % y
}

pub extern "C" fn fmod64(x: f64, y: f64) -> f64 {
    x % y
}

/// The arguments of a shared launch, for other threads to read.
struct Job<F> {
    function: F,
    buffers: *const *mut u8,
}

// SAFETY: the pointers stay valid until `launch` returns, which is after all threads are done, and
// kernels write disjoint elements in disjoint parts of their range.
unsafe impl<F> Send for Job<F> {}
// SAFETY: as above.
unsafe impl<F> Sync for Job<F> {}

/// Runs a kernel over `0..total` in parts of `grain`, shared among threads.
///
/// # Safety
/// `buffers` points to the addresses that the kernel expects, valid for the whole call.
pub unsafe extern "C" fn launch(
    function: KernelFunction,
    buffers: *const *mut u8,
    total: i64,
    grain: i64,
) {
    let job = Job { function, buffers };
    let parts = ((total - 1) / grain + 1) as usize;
    guarded(|| {
        share(parts, |part| {
            let job = &job;
            let begin = part as i64 * grain;
            // SAFETY: generated code with valid buffers, on a part of its range.
            unsafe { (job.function)(job.buffers, begin, total.min(begin + grain)) };
        });
    });
}

/// `fn(list, begin, end, scratch)`: launches over some rows.
pub type BandFunction = unsafe extern "C" fn(*const *mut u8, i64, i64, *mut u8);

/// Runs launches over the rows `0..total` in parts of `grain`, shared among threads. Each part has
/// `bytes` bytes of working memory.
///
/// # Safety
/// As [`launch`], for each of the launches; parts write rows of their own.
pub unsafe extern "C" fn launch_bands(
    function: BandFunction,
    list: *const *mut u8,
    total: i64,
    grain: i64,
    bytes: i64,
) {
    let job = Job { function, buffers: list };
    let parts = ((total - 1) / grain + 1) as usize;
    guarded(|| {
        share(parts, |part| {
            let job = &job;
            let begin = part as i64 * grain;
            let scratch = Unset::new(bytes as usize);
            let (end, at) = (total.min(begin + grain), scratch.pointer());
            // SAFETY: generated code with valid addresses, on a part of its rows.
            unsafe { (job.function)(job.buffers, begin, end, at) };
        });
    });
}

/// Copies at least this long are shared.
const SHARED_COPY: usize = 1 << 20;

/// # Safety
/// Both ranges of `bytes` bytes are valid; they do not overlap or are the same.
pub unsafe extern "C" fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    if bytes < SHARED_COPY {
        // SAFETY: the caller's promise; `copy` allows equal ranges.
        unsafe { std::ptr::copy(from, to, bytes) };
        return;
    }
    let (from, to) = (from as usize, to as usize);
    let part = SHARED_COPY / 4;
    guarded(|| {
        share(bytes.div_ceil(part), |n| {
            let (at, len) = (n * part, part.min(bytes - n * part));
            // SAFETY: the caller's promise, for a part of the ranges.
            unsafe { std::ptr::copy((from + at) as *const u8, (to + at) as *mut u8, len) };
        });
    });
}

/// A panic cannot cross generated code.
pub fn guarded(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        eprintln!("cotangent-cpu: a panic reached generated code");
        std::process::abort();
    }
}
