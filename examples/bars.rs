//! Prints the figures that the project holds itself to: dispatch, compile time, and how the cost of
//! gradients grows.
//!
//! `cargo run --release --example bars`; on a quiet machine, since every figure is a time.

use cotangent::prelude::*;
use cotangent::stage::cache::clear_caches;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    dispatch();
    compile();
    sums();
    unrolled();
    loops();
    updates();
}

/// The best of `rounds` means over `calls` calls, in seconds.
fn best<T>(rounds: usize, calls: usize, f: impl Fn() -> T) -> f64 {
    let mean = |_| {
        let before = Instant::now();
        for _ in 0..calls {
            black_box(f());
        }
        before.elapsed().as_secs_f64() / calls as f64
    };
    (0..rounds).map(mean).fold(f64::INFINITY, f64::min)
}

fn dispatch() {
    let f = jit(|x: Array| x * 2.0 + 1.0);
    let x = ones([8]);
    println!(
        "jitted x * 2 + 1 on 8 floats: {:.0} ns per call",
        1e9 * best(9, 100_000, || f(x.clone()))
    );
    let g = jit(|xs: Vec<Array>| xs.into_iter().map(|x| x + 1.0).collect::<Vec<_>>());
    let xs: Vec<Array> = (0..100).map(|i| Array::scalar(i as f32)).collect();
    println!("pytree of 100 scalars: {:.2} us per call", 1e6 * best(9, 10_000, || g(xs.clone())));
    let eager = best(9, 10_000, || &x + 1.0);
    println!("x + 1 without jit: {:.0} ns per call", 1e9 * eager);
}

/// The first call of a fresh function less a later one, the best of `rounds`.
fn first_call<T>(rounds: usize, fresh: impl Fn() -> Box<dyn Fn() -> T>) -> f64 {
    let once = |_| {
        clear_caches();
        let f = fresh();
        let before = Instant::now();
        black_box(f());
        let first = before.elapsed().as_secs_f64();
        first - best(3, 1, &f)
    };
    (0..rounds).map(once).fold(f64::INFINITY, f64::min)
}

fn compile() {
    let x = ones([1000]);
    let fused = first_call(9, || {
        let (f, x) = (jit(|x: Array| (x.sin() * 2.0 + 1.0).tanh()), x.clone());
        Box::new(move || f(x.clone()))
    });
    println!("trace and compile one fused elementwise function: {:.2} ms", 1e3 * fused);
}

fn sums() {
    let n = 10_000_000;
    let x = cotangent::random::normal(&cotangent::random::key(0), [n], DType::F32);
    let exact: f64 = x.to_vec::<f32>().iter().map(|v| *v as f64).sum();
    let scale: f64 = x.to_vec::<f32>().iter().map(|v| v.abs() as f64).sum();
    let sum = x.sum().item::<f32>() as f64;
    println!(
        "sum of 1e7 floats: error {:.1e} of the sum of absolute values",
        (sum - exact).abs() / scale
    );
}

fn unrolled() {
    for n in [100, 1_000, 10_000, 100_000] {
        let rounds = if n < 100_000 { 3 } else { 1 };
        let seconds = first_call(rounds, || {
            let f = jit(grad(move |x: Array| (0..n).fold(x, |x, _| x.sin())));
            let x = Array::scalar(0.5f32);
            Box::new(move || f(x.clone()))
        });
        let ms = 1e3 * seconds;
        println!(
            "trace and compile the gradient of {n} unrolled sines: {ms:.1} ms, {:.1} us each",
            1e3 * ms / n as f64
        );
    }
}

/// Gradient of a loop: linear in its steps, compiled in the same time whatever their number. What a
/// step leaves for the backward pass is a float, written once and read once; so much is taken off
/// for it as a copy of floats takes.
fn loops() {
    let copy = jit(|x: Array| x * 2.5);
    for n in [1_000, 10_000, 100_000, 1_000_000] {
        let options = ScanOptions { length: Some(n), ..Default::default() };
        let run = move |x: Array| scan_with(|c: Array, ()| (c.sin() * 1.01, ()), x, (), options).0;
        let fresh = || -> Box<dyn Fn() -> Array> {
            let f = jit(grad(run));
            let x = Array::scalar(0.5f32);
            Box::new(move || f(x.clone()))
        };
        let compile = if n <= 100_000 { first_call(5, fresh) } else { first_call(1, fresh) };
        let f = fresh();
        f();
        let step = best(5, (1_000_000 / n).max(1), &f) / n as f64;
        let floats = ones([n]);
        let streamed = best(5, (10_000_000 / n).max(1), || copy(floats.clone())) / n as f64;
        println!(
            "gradient of a scan of {n} steps: compile {:.1} ms, {:.2} ns per step, {:.2} without \
             streaming",
            1e3 * compile,
            1e9 * step,
            1e9 * (step - streamed)
        );
    }
}

/// Loops that change one element of `n` per step, given away by the caller: the same time per step
/// for any `n`.
fn updates() {
    const STEPS: usize = 10_000;
    let set = jit(|a: Array, i: Array| scan(|a: Array, i: Array| (a.at(&i).add(1.0), ()), a, i).0);
    let read = jit(|a: Array, i: Array| {
        grad(|a: Array| {
            let step = |s: Array, i: Array| ((s * 0.5 + a.at(&i).get()).sin(), ());
            scan(step, Array::scalar(0f32), i.clone()).0
        })(a)
    });
    for n in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let indices = cotangent::random::randint(
            &cotangent::random::key(0),
            [STEPS],
            DType::I32,
            0,
            n as i64,
        );
        let once = |f: &dyn Fn(Array, Array) -> Array| {
            let mut fastest = f64::INFINITY;
            for _ in 0..9 {
                let a = ones([n]);
                let before = Instant::now();
                black_box(f(a, indices.clone()));
                fastest = fastest.min(before.elapsed().as_secs_f64());
            }
            fastest
        };
        let fill = best(5, 1, || full([n], 0.5f32));
        let (set, read) = (once(&|a, i| set(a, i)), once(&|a, i| read(a, i)) - fill);
        let per_step = 1e9 / STEPS as f64;
        println!(
            "one element of {n}: {:.1} ns to add to, {:.1} ns to read and differentiate, per step",
            set * per_step,
            read * per_step
        );
    }
}
