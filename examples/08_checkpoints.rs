//! What a gradient through a long loop costs in memory and in time: plain, in chunks of √n steps,
//! in chunks of chunks.
//!
//! `cargo run --release --example 08_checkpoints` prints bytes of scratch memory (read off the
//! compiled program, inputs and outputs aside) and the time of the gradient of `n` steps
//! `x <- tanh(W x)`, and writes `checkpoints.svg`.

use cotangent::plot::Plot;
use cotangent::prelude::*;
use cotangent::stage::executable::Executable;
use std::time::Instant;

const SIZE: usize = 32;
const LENGTHS: [usize; 4] = [100, 1_000, 10_000, 100_000];
const SCHEMES: [(&str, Checkpoints); 4] = [
    ("none", Checkpoints::None),
    ("sqrt", Checkpoints::Sqrt),
    ("log, 8 branches", Checkpoints::Log { branches: 8 }),
    ("log, 2 branches", Checkpoints::Log { branches: 2 }),
];

/// The sum of the state after `n` steps from `x`.
fn run(n: usize, checkpoints: Checkpoints, w: &Array, x: Array) -> Array {
    let options = ScanOptions { length: Some(n), checkpoints, ..Default::default() };
    scan_with(|x: Array, ()| (w.matmul(&x).tanh(), ()), x, (), options).0.sum()
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let w = full_dtype([SIZE, SIZE], 1.2 / SIZE as f64, DType::F32) + eye(SIZE) * 0.1;
    let x = linspace(-1.0, 1.0, SIZE);
    println!("{:16}{:>10}{:>12}{:>10}", "checkpoints", "steps", "bytes", "ns a step");
    let mut slopes = Vec::new();
    let mut plot = Plot::new("memory of a gradient through a loop")
        .x_label("steps")
        .y_label("bytes")
        .log_x()
        .log_y();
    for (name, checkpoints) in SCHEMES {
        let mut memory = Vec::new();
        for n in LENGTHS {
            let gradient = jit(grad(move |w: Array, x: Array| run(n, checkpoints, &w, x)));
            let lowered = gradient.lower((w.clone(), x.clone())).expect("a gradient");
            let executable = Executable::inspectable(lowered.simplified(), name).expect("code");
            let bytes = executable.costs().expect("costs").arena;
            let slope = gradient(w.clone(), x.clone()).to_vec::<f32>();
            let start = Instant::now();
            let again = gradient(w.clone(), x.clone()).to_vec::<f32>();
            let time = start.elapsed().as_nanos() as f64 / n as f64;
            assert_eq!(slope, again, "the same bits");
            println!("{name:16}{n:>10}{bytes:>12}{time:>10.0}");
            slopes.push((n, slope));
            memory.push(bytes as f64);
        }
        plot = plot.line(name, LENGTHS.map(|n| n as f64), memory);
    }
    if let Err(e) = plot.picture().save("checkpoints.svg") {
        println!("could not write checkpoints.svg: {e}");
    }
    // Whatever is kept, the gradient is the same but for roundings.
    for (i, n) in LENGTHS.into_iter().enumerate() {
        let same = slopes.iter().filter(|(m, _)| *m == n).map(|(_, s)| s);
        for s in same {
            let (plain, largest) =
                (&slopes[i].1, slopes[i].1.iter().fold(0f32, |m, x| m.max(x.abs())));
            let off = s.iter().zip(plain).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(off <= 1e-4 * largest, "{n} steps: off by {off}");
        }
    }
    println!("all gradients agree");
    Ok(())
}
