//! Random kernels, those of the other backend's tests: any form, strides, guards, gathers, types,
//! ops and values, in the interpreter of PTX, equal to the oracle to the bit but for the bits of a
//! NaN.
//!
//! `RANDOM_KERNELS` is their number, `RANDOM_FIRST` the first seed. A kernel that differs is
//! printed with its seed and then again as small as it could be made. `PTX_FOLDER` is a folder for
//! their texts, for an assembler.

#[path = "../../../cpu/tests/random/draft.rs"]
mod draft;
#[path = "../../../cpu/tests/random/forms.rs"]
mod forms;
#[path = "../../../cpu/tests/random/shrink.rs"]
mod shrink;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../../cpu/tests/random/values.rs"]
mod values;

use cotangent_jit::interp;
use cotangent_jit::kernel::{BufferId, Kernel, Node};
use cotangent_jit::op::ScalarOp;
use forms::case;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{difference, real, run, text};

fn check(kernel: &Kernel, buffers: &[Vec<u8>], seed: u64) -> Result<(), String> {
    let Some(real) = real(kernel) else { return Ok(()) };
    if let Some(folder) = std::env::var_os("PTX_FOLDER") {
        let path = std::path::Path::new(&folder).join(format!("random_{seed}.ptx"));
        std::fs::write(path, text(&real, seed)?).map_err(|e| e.to_string())?;
    }
    let got = run(&real, buffers, seed)?;
    let mut expected = buffers.to_vec();
    interp::run_kernel(kernel, &mut expected).map_err(|e| e.to_string())?;
    for n in (0..buffers.len()).filter(|n| kernel.writes(BufferId(*n as u32))) {
        let d = kernel.buffers[n].dtype;
        if let Some(text) = difference(d, &got[n], &expected[n]) {
            return Err(format!("buffer {n}: {text}"));
        }
    }
    Ok(())
}

/// Whether the bits of a NaN can show, which are those of the machine.
fn shows_bits(kernel: &Kernel) -> bool {
    let types = kernel.node_types().unwrap_or_default();
    let float = |n: &cotangent_jit::kernel::NodeId| types[n.0 as usize].is_float();
    kernel.nodes.iter().any(|n| match n {
        Node::Op { op: ScalarOp::Bitcast(_), args } => float(&args[0]),
        _ => false,
    })
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |n| n.parse().unwrap())
}

#[test]
fn random_kernels_agree_with_the_oracle() {
    let first = setting("RANDOM_FIRST", 0);
    let end = first + setting("RANDOM_KERNELS", 600);
    let next = AtomicU64::new(first);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let c = case(seed);
            assert_eq!(c.seed, seed);
            if shows_bits(&c.kernel) {
                continue;
            }
            if let Err(why) = check(&c.kernel, &c.buffers, seed) {
                let fails = |k: &Kernel| check(k, &c.buffers, seed).is_err();
                let small = shrink::shrunk(&c.kernel, fails);
                let less = check(&small, &c.buffers, seed).err().unwrap_or_default();
                panic!("seed {seed}, {}: {why}\n{}\nsmaller:\n{small}\n{less}", c.form, c.kernel);
            }
        }
    };
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..2).map(|_| s.spawn(work)).collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
    });
}
