//! Sharing work among threads: the caller works, too, and rayon's threads help if they come in
//! time. The cut into parts does not live here.
//!
//! The parts are numbered, and a free thread takes the next one. Results do not depend on which
//! thread runs a part, because parts are cut by shape alone and write disjoint elements. The caller
//! takes parts until none is left and then waits only for those that are running, never for a
//! helper that has not started; so it cannot deadlock, inside or outside of a rayon pool. No lock
//! is held while a part runs. A helper treats subnormal numbers as the caller does.

use crate::run::subnormals::{self, Treatment};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The part runner of a caller that is still waiting, with its type and lifetime erased.
#[derive(Clone, Copy)]
struct Work {
    run: unsafe fn(*const (), usize),
    data: *const (),
}

// SAFETY: `data` is a `&F` with `F: Sync`, used only while the caller waits (see `Shared::help`).
unsafe impl Send for Work {}
// SAFETY: as above.
unsafe impl Sync for Work {}

struct Shared {
    next: AtomicUsize,
    done: AtomicUsize,
    parts: usize,
    /// The caller flushes subnormal numbers.
    flush: bool,
    panicked: AtomicBool,
    work: Work,
}

impl Shared {
    /// Takes parts until there are none. A helper that comes late accesses only the counter.
    fn help(&self) {
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= self.parts {
                return;
            }
            // SAFETY: a part below `parts` is not done, so the caller, who waits for all of them,
            // is still there.
            let run = || unsafe { (self.work.run)(self.work.data, part) };
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.done.fetch_add(1, Ordering::Release);
        }
    }
}

/// # Safety
/// `data` is a live `&F`.
unsafe fn run_part<F: Fn(usize) + Sync>(data: *const (), part: usize) {
    // SAFETY: the caller's promise.
    unsafe { (*data.cast::<F>())(part) }
}

/// Runs `work` for every part in `0..parts`, on several threads if rayon has them. Panics if a part
/// panicked.
pub fn share<F: Fn(usize) + Sync>(parts: usize, work: F) {
    let run = Work { run: run_part::<F>, data: std::ptr::from_ref(&work).cast() };
    // SAFETY: `work` lives until all parts are done.
    unsafe { share_erased(parts, run) };
}

/// As `share`, compiled once for all that is shared.
///
/// # Safety
/// `work` is that of a live closure.
unsafe fn share_erased(parts: usize, work: Work) {
    let threads = rayon::current_num_threads();
    if threads == 1 || parts < 2 {
        // SAFETY: the caller's promise.
        (0..parts).for_each(|part| unsafe { (work.run)(work.data, part) });
        return;
    }
    let shared = Arc::new(Shared {
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        parts,
        flush: subnormals::flushes(),
        panicked: AtomicBool::new(false),
        work,
    });
    for _ in 1..threads.min(parts) {
        let helper = shared.clone();
        rayon::spawn(move || {
            // Also where the caller does not flush: this thread may wait inside of a program that
            // does.
            let _treatment = Treatment::set(helper.flush);
            helper.help();
        });
    }
    shared.help();
    let mut rounds = 0u32;
    while shared.done.load(Ordering::Acquire) < parts {
        rounds += 1;
        if rounds < 1 << 12 {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
    assert!(!shared.panicked.load(Ordering::Relaxed), "a part of shared work panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once_in_any_pool() {
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for parts in [0, 1, 2, 100] {
                let counts: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                let work = || {
                    share(parts, |n| {
                        counts[n].fetch_add(1, Ordering::Relaxed);
                    });
                };
                pool.install(work);
                work();
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 2));
            }
        }
    }

    #[test]
    fn helpers_treat_subnormal_numbers_as_the_caller_does() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let flushes = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
        for flush in [true, false, true] {
            let seen: Vec<AtomicBool> = (0..300).map(|_| AtomicBool::new(!flush)).collect();
            pool.install(|| {
                let _treatment = Treatment::set(flush);
                share(seen.len(), |n| {
                    // Long enough that helpers come in time.
                    std::thread::sleep(std::time::Duration::from_micros(50));
                    seen[n].store(subnormals::flushes(), Ordering::Relaxed);
                });
            });
            assert!(seen.iter().all(|s| s.load(Ordering::Relaxed) == (flush && flushes)));
            assert_eq!(pool.broadcast(|_| subnormals::flushes()), [false; 3]);
        }
    }

    #[test]
    fn a_panic_arrives_at_the_caller() {
        let work = || share(8, |n| assert!(n != 5, "part five"));
        assert!(catch_unwind(work).is_err());
    }
}
