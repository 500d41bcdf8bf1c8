//! Random kernels: any form, strides, guards, gathers, types, ops and values, equal to the oracle
//! to the bit, in every tier of vector instructions, with buffers between pages that nobody may
//! touch.
//!
//! `RANDOM_KERNELS` is their number, `RANDOM_FIRST` the first seed. A kernel that differs is
//! printed with its seed and then again as small as it could be made; one that dies by a signal
//! leaves the seeds of the kernels that ran.

mod draft;
mod forms;
mod shrink;
#[path = "../support/mod.rs"]
mod support;
mod values;

use cotangent_cpu::backend;
use cotangent_jit::backend::{Backend, CompileOptions};
use cotangent_jit::interp;
use cotangent_jit::kernel::{BufferId, Kernel};
use cotangent_jit::verify::verify;
use forms::{Case, case};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use support::fenced::Side;
use support::{compare, compile, launch, launch_all, output_sizes, run_at};

/// The kernels of one program.
const BATCH: u64 = 12;

/// Panics unless all kernels, in one program, agree with the interpreter.
fn check_all(cases: &[(&Kernel, &[Vec<u8>])]) {
    let kernels: Vec<&Kernel> = cases.iter().map(|(k, _)| *k).collect();
    let program = launch_all(&kernels);
    let sizes = output_sizes(&program);
    let executable = compile(program);
    let inputs: Vec<Vec<u8>> = cases.iter().flat_map(|(_, b)| b.iter().cloned()).collect();
    let ends = run_at(&*executable, &inputs, &sizes, Side::End);
    let starts = run_at(&*executable, &inputs, &sizes, Side::Start);
    let mut got = ends.iter().zip(&starts);
    for (kernel, buffers) in cases {
        let mut expected = buffers.to_vec();
        interp::run_kernel(kernel, &mut expected).unwrap();
        for n in (0..buffers.len()).filter(|n| kernel.writes(BufferId(*n as u32))) {
            let (end, start) = got.next().unwrap();
            if *end == expected[n] && *start == expected[n] {
                continue;
            }
            let d = kernel.buffers[n].dtype;
            compare(d, end, &expected[n], 0.0, &format!("buffer {n}, flush with its end"));
            compare(d, start, &expected[n], 0.0, &format!("buffer {n}, flush with its start"));
        }
    }
}

fn fails(kernel: &Kernel, buffers: &[Vec<u8>]) -> bool {
    catch_unwind(AssertUnwindSafe(|| check_all(&[(kernel, buffers)]))).is_err()
}

fn check_batch(cases: &[Case]) {
    let all: Vec<(&Kernel, &[Vec<u8>])> =
        cases.iter().map(|c| (&c.kernel, c.buffers.as_slice())).collect();
    let Err(why) = catch_unwind(AssertUnwindSafe(|| check_all(&all))) else { return };
    for c in cases {
        if fails(&c.kernel, &c.buffers) {
            let small = shrink::shrunk(&c.kernel, |k| fails(k, &c.buffers));
            let (seed, form) = (c.seed, c.form);
            eprintln!("seed {seed}, {form}:\n{}\nmade smaller:\n{small}", c.kernel);
            check_all(&[(&small, &c.buffers)]);
        }
    }
    eprintln!("together, seeds from {}", cases[0].seed);
    std::panic::resume_unwind(why);
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |n| n.parse().unwrap())
}

#[test]
fn random_kernels_agree_with_the_oracle() {
    let first = setting("RANDOM_FIRST", 0);
    let end = first + setting("RANDOM_KERNELS", 2000);
    let next = AtomicU64::new(first);
    let work = |n: usize| {
        loop {
            let from = next.fetch_add(BATCH, Ordering::Relaxed);
            if from >= end {
                return;
            }
            signals::RUNNING[n].store(from, Ordering::Relaxed);
            let seeds = from..end.min(from + BATCH);
            check_batch(&seeds.map(case).collect::<Vec<_>>());
        }
    };
    signals::report();
    let work = &work;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(8);
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..threads).map(|n| s.spawn(move || work(n))).collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
    });
}

/// Tiers are those of a process, so this test runs the kernels again in processes that go without.
#[cfg(target_arch = "x86_64")]
#[test]
fn every_tier_agrees_with_the_oracle() {
    const WITHOUT: &str = "COTANGENT_CPU_WITHOUT";
    if std::env::var(WITHOUT).is_ok() {
        return;
    }
    for without in ["avx512", "avx512,avx2", "avx512vpopcntdq"] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "random_kernels_agree_with_the_oracle", "--nocapture"]);
        let output = command.env(WITHOUT, without).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "without {without}: {}\n{text}", output.status);
    }
}

/// The proof is of the wide emitter only if kernels come out of it.
#[cfg(all(target_arch = "x86_64", not(windows)))]
#[test]
fn many_kernels_have_wide_vectors() {
    let has = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    if !has || std::env::var("COTANGENT_CPU_WITHOUT").is_ok() {
        return;
    }
    let options = CompileOptions { keep_text: true, ..CompileOptions::default() };
    let wide = |k: &Kernel| {
        let program = verify(launch(k)).unwrap();
        let text = backend().compile(&program, &options).unwrap().text("clif").unwrap();
        text.contains("not by Cranelift")
    };
    let cases: Vec<Case> = (0..1200).map(case).collect();
    let forms =
        ["points", "reductions", "carries", "scatter", "updates", "update", "running", "shared"];
    for form in forms {
        let all = cases.iter().filter(|c| c.form == form);
        let count = all.clone().filter(|c| wide(&c.kernel)).count();
        let least = if matches!(form, "scatter" | "updates" | "running") { 20 } else { 3 };
        assert!(count * least >= all.clone().count(), "{form}: {count} of {}", all.count());
    }
}

/// What is left of a process that dies by a signal.
#[cfg(unix)]
mod signals {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The first seed that each thread works on.
    pub static RUNNING: [AtomicU64; 8] = [const { AtomicU64::new(u64::MAX) }; 8];

    extern "C" fn on_signal(signal: libc::c_int) {
        for seed in &RUNNING {
            let mut text = *b"\nkernels from seed 00000000000000000000";
            let mut seed = seed.load(Ordering::Relaxed);
            if seed == u64::MAX {
                continue;
            }
            for digit in text.iter_mut().rev().take(20) {
                *digit += (seed % 10) as u8;
                seed /= 10;
            }
            // SAFETY: write and signal may be called in a handler; the text is ours.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        }
        // SAFETY: as above. The instruction runs again and ends the process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }

    pub fn report() {
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
            // SAFETY: the handler calls nothing that a handler may not call, and runs on the stack
            // that Rust gives threads for handlers.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
                action.sa_flags = libc::SA_ONSTACK;
                libc::sigaction(signal, &action, std::ptr::null_mut());
            }
        }
    }
}

#[cfg(not(unix))]
mod signals {
    use std::sync::atomic::AtomicU64;

    pub static RUNNING: [AtomicU64; 8] = [const { AtomicU64::new(u64::MAX) }; 8];

    pub fn report() {}
}
