//! Flushed subnormal numbers: in jitted functions with the option, in a scope, on every thread that
//! helps; and IEEE 754 everywhere else.
//!
//! Expected values are computed on the host, where nothing is flushed.

#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use cotangent::api::subnormals::keep_subnormals;
use cotangent::prelude::*;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TINY: f32 = f32::MIN_POSITIVE;

fn flush() -> JitOptions {
    JitOptions::new().flush_subnormals()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool")
}

/// Tells whether code of Rust keeps subnormal operands and results on this thread.
fn rust_is_ieee() -> bool {
    let result = black_box(TINY) * black_box(0.5);
    let operand = black_box(f32::from_bits(1)) > black_box(0.0);
    result.to_bits() != 0 && operand
}

/// The zero of its sign for a subnormal number.
fn flushed(x: f32) -> f32 {
    if x.is_subnormal() { 0f32.copysign(x) } else { x }
}

fn flushed64(x: f64) -> f64 {
    if x.is_subnormal() { 0f64.copysign(x) } else { x }
}

fn bits(x: &Array) -> Vec<u32> {
    x.to_vec::<f32>().into_iter().map(f32::to_bits).collect()
}

/// Halves, which keeps or flushes what it gets.
fn halves(x: Array) -> Array {
    x * 0.5
}

/// The half of the smallest normal number, as it is computed here and now.
fn half() -> f32 {
    halves(array![TINY]).item()
}

type Op<T> = (fn(&Array, &Array) -> Array, fn(T, T) -> T);

const OPS: [Op<f32>; 4] = [
    (|x, y| x + y, |x, y| x + y),
    (|x, y| x - y, |x, y| x - y),
    (|x, y| x * y, |x, y| x * y),
    (|x, y| x / y, |x, y| x / y),
];

const OPS64: [Op<f64>; 4] = [
    (|x, y| x + y, |x, y| x + y),
    (|x, y| x - y, |x, y| x - y),
    (|x, y| x * y, |x, y| x * y),
    (|x, y| x / y, |x, y| x / y),
];

/// All pairs of these numbers and their negatives, in two lists of equal length.
fn pairs<T: Copy + std::ops::Neg<Output = T>>(of: &[T]) -> (Vec<T>, Vec<T>) {
    let all: Vec<T> = of.iter().flat_map(|&x| [x, -x]).collect();
    let pair = |&x: &T| all.iter().map(move |&y| (x, y));
    all.iter().flat_map(pair).unzip()
}

/// NaNs differ in sign and payload between machines.
fn same(got: f64, expected: f64) -> bool {
    got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan())
}

#[test]
fn arithmetic_flushes_operands_and_results_and_nothing_else() {
    let numbers = [0.0, 1e-45, 3e-42, TINY / 2.0, TINY, 1.5 * TINY, 3.0 * TINY, 1e-20, 0.25, 1e20];
    let (xs, ys) = pairs(&numbers);
    let arrays = [&xs, &ys].map(|v| Array::from_vec(v.clone()));
    for (n, (op, on_host)) in OPS.into_iter().enumerate() {
        let f = move |x: Array, y: Array| op(&x, &y);
        let [x, y] = arrays.clone();
        let compiled = jit_with(f, flush())(x.clone(), y.clone());
        let eager = flush_subnormals(|| f(x.clone(), y.clone()));
        let ieee = jit(f)(x, y);
        for i in 0..xs.len() {
            let (x, y) = (xs[i], ys[i]);
            let expected = flushed(on_host(flushed(x), flushed(y)));
            for got in [&compiled, &eager].map(|a| a.to_vec::<f32>()[i]) {
                assert!(same(got.into(), expected.into()), "op {n} of {x:e}, {y:e}: {got:e}");
            }
            let (got, expected) = (ieee.to_vec::<f32>()[i], on_host(x, y));
            assert!(same(got.into(), expected.into()), "op {n} of {x:e}, {y:e} by IEEE: {got:e}");
        }
    }
}

#[test]
fn arithmetic_of_f64_flushes_too() {
    let tiny = f64::MIN_POSITIVE;
    let (xs, ys) = pairs(&[0.0, 5e-324, 1e-310, tiny / 2.0, tiny, 1.5 * tiny, 1e-150, 0.25, 1e200]);
    for (n, (op, on_host)) in OPS64.into_iter().enumerate() {
        let f = jit_with(move |x: Array, y: Array| op(&x, &y), flush());
        let got = f(Array::from_vec(xs.clone()), Array::from_vec(ys.clone())).to_vec::<f64>();
        for ((x, y), got) in xs.iter().zip(&ys).zip(got) {
            let expected = flushed64(on_host(flushed64(*x), flushed64(*y)));
            assert!(same(got, expected), "op {n} of {x:e}, {y:e}: {got:e}");
        }
    }
}

#[test]
fn what_computes_nothing_keeps_subnormal_elements() {
    let tiny = f32::from_bits(5);
    let f = |x: Array| {
        let chosen = array![true, false, true].select(&x, -&x);
        (-&x, x.abs(), chosen.reshape([3, 1]), x.flip(0), x)
    };
    let x = array![tiny, -tiny, 1.0];
    let text = |r: (Array, Array, Array, Array, Array)| [&r.0, &r.1, &r.2, &r.3, &r.4].map(bits);
    assert_eq!(text(jit_with(f, flush())(x.clone())), text(jit(f)(x)));
}

/// Normal operands away from the ends of the range have the same functions in both modes.
#[test]
fn elementary_functions_of_normal_numbers_are_the_same() {
    let f = |x: Array| {
        let positive = x.abs();
        vec![
            x.exp(),
            x.sin(),
            x.cos(),
            x.tanh(),
            x.erf(),
            x.expm1(),
            x.atan(),
            x.asinh(),
            x.cbrt(),
            positive.log(),
            positive.log1p(),
            positive.sqrt(),
            positive.pow(&x),
        ]
    };
    let exponents = (-60..60).map(|e| 2f32.powi(e));
    let xs: Vec<f32> = exponents.flat_map(|x| [x, -1.3 * x, 1.7 * x]).collect();
    let x = Array::from_vec(xs.clone());
    let (ieee, got) = (jit(f)(x.clone()), jit_with(f, flush())(x));
    for (n, (ieee, got)) in ieee.iter().zip(&got).enumerate() {
        for ((x, e), g) in xs.iter().zip(ieee.to_vec::<f32>()).zip(got.to_vec::<f32>()) {
            assert!(same(g.into(), flushed(e).into()), "function {n} of {x:e}: {g:e}, not {e:e}");
        }
    }
}

/// Large enough that threads share the kernels, the rows of a batched loop, and the product.
fn work(x: Array) -> (Array, Array, Array) {
    let rows = x.reshape([512, -1]);
    let product = (&rows * 1e-18).matmul(rows.t() * 1e-3);
    let falls = vmap(|row: Array| fori_loop(0..4, |_, r: Array| r * 0.25, row));
    (&x * 0.5 + &x * 0.25, falls(rows), product)
}

#[test]
fn threads_that_help_flush_and_then_no_longer() {
    let n = 512 * 512;
    // Whole parts of the range are tiny, others are not.
    let xs: Vec<f32> = (0..n).map(|i| if i % 3 == 0 { 1.0 } else { TINY }).collect();
    let x = Array::from_vec(xs.clone());
    let f = jit_with(work, flush());
    let plain = jit(work);
    let expected: Vec<u32> = xs.iter().map(|x| flushed(0.75 * x).to_bits()).collect();
    let ieee: Vec<u32> = xs.iter().map(|x| (0.75 * x).to_bits()).collect();
    let mut products = Vec::new();
    for threads in 1..=3 {
        let pool = pool(threads);
        for _ in 0..8 {
            let (scaled, loops, product) = pool.install(|| f(x.clone()));
            // Of the two halves of a tiny number each is flushed.
            assert!(bits(&scaled) == expected, "{threads} threads");
            let fallen = loops.to_vec::<f32>();
            assert!(fallen.iter().all(|y| [0.0, 1.0 / 256.0].contains(y)), "{threads} threads");
            products.push(bits(&product));
            // The same threads, at once.
            let (scaled, loops, _) = pool.install(|| plain(x.clone()));
            assert!(bits(&scaled) == ieee, "{threads} threads");
            assert!(!loops.to_vec::<f32>().contains(&0.0), "{threads} threads");
            let threads_are_ieee = pool.broadcast(|_| rust_is_ieee());
            assert!(threads_are_ieee.into_iter().all(|ieee| ieee), "{threads} threads");
        }
    }
    assert!(products.iter().all(|p| *p == products[0]), "products depend on the threads");
    assert!(rust_is_ieee());
}

#[test]
fn products_flush() {
    let [a, b] = [1e-25f32, 1e-17].map(|x| full([96, 96], x));
    let f = |a: Array, b: Array| a.matmul(&b);
    let ieee = jit(f)(a.clone(), b.clone()).to_vec::<f32>();
    assert!(ieee.iter().all(|x| *x > 0.0));
    let got = jit_with(f, flush())(a, b).to_vec::<f32>();
    assert!(got.iter().all(|x| *x == 0.0), "{}", got[0]);
}

/// Runs what fails or not in a callback between two halvings, and tells the mode that the callback
/// saw.
fn around(
    callback: impl Fn() -> Result<(), String> + Send + Sync + 'static,
) -> Result<Array, Error> {
    let callback = Arc::new(callback);
    let f = move |x: Array| {
        let callback = callback.clone();
        let seen = pure_callback(
            move |x: Array| {
                callback()?;
                // What reached the callback was flushed. Its own numbers are those of IEEE 754;
                // its operations on arrays are in the scope.
                let (x, ieee) = (x.item::<f32>(), rust_is_ieee() && keep_subnormals(half) > 0.0);
                let right = x == 0.0 && ieee && half() == 0.0;
                Ok::<_, String>(Array::from(f32::from(u8::from(right))))
            },
            &Array::from(0.0),
            &x * 0.5,
        );
        seen + x * 0.5
    };
    jit_with(f, flush()).try_call((Array::from(TINY),))
}

#[test]
fn callbacks_see_ieee_and_the_program_flushes_after_them() {
    assert_eq!(around(|| Ok(())).expect("runs").item::<f32>(), 1.0);
    assert!(rust_is_ieee());
    let after = jit_with(
        |x: Array| {
            let zero = pure_callback(|_: Array| Array::from(0.0), &Array::from(0.0), x.clone());
            (x + zero) * 0.5
        },
        flush(),
    );
    assert_eq!(after(Array::from(TINY)).item::<f32>().to_bits(), 0);
}

#[test]
fn errors_and_panics_leave_ieee_behind() {
    let error = around(|| Err("too cold".to_owned())).expect_err("fails");
    assert!(error.message().contains("too cold"), "{error}");
    assert!(rust_is_ieee() && half() > 0.0);
    let error = around(|| panic!("too warm")).expect_err("fails");
    assert!(error.message().contains("too warm"), "{error}");
    assert!(rust_is_ieee() && half() > 0.0);
    let panics = || flush_subnormals(|| std::panic::resume_unwind(Box::new(half())));
    let inside = catch_unwind(AssertUnwindSafe(panics)).map(|()| 1f32).expect_err("panics");
    assert_eq!(inside.downcast_ref(), Some(&0f32));
    assert!(rust_is_ieee() && half() > 0.0);
}

#[test]
fn scopes_nest_and_belong_to_their_thread() {
    assert!(half() > 0.0);
    flush_subnormals(|| {
        // Code of Rust is not concerned.
        assert!(rust_is_ieee());
        assert_eq!(half(), 0.0);
        assert!(keep_subnormals(half) > 0.0);
        assert_eq!(keep_subnormals(|| flush_subnormals(half)), 0.0);
        assert_eq!(flush_subnormals(half), 0.0);
        assert_eq!(half(), 0.0);
        let elsewhere = std::thread::scope(|s| s.spawn(half).join());
        assert!(elsewhere.expect("no panic") > 0.0);
    });
    assert!(half() > 0.0);
}

#[test]
fn both_executables_of_a_function_are_kept_and_it_is_traced_once() {
    let traced = Arc::new(AtomicUsize::new(0));
    let count = traced.clone();
    let f = jit(move |x: Array| {
        count.fetch_add(1, Ordering::Relaxed);
        halves(x)
    });
    // The same jaxpr, through another function.
    let twin = jit_with(halves, flush());
    for _ in 0..3 {
        assert!(f(array![TINY]).item::<f32>() > 0.0);
        assert_eq!(flush_subnormals(|| f(array![TINY])).item::<f32>(), 0.0);
        assert_eq!(twin(array![TINY]).item::<f32>(), 0.0);
        assert_eq!(keep_subnormals(|| twin(array![TINY])).item::<f32>(), 0.0);
        assert!(f.clone()(array![TINY]).item::<f32>() > 0.0);
    }
    assert_eq!(traced.load(Ordering::Relaxed), 1);
}

#[test]
fn an_inner_function_follows_the_outer_program() {
    let inner = jit_with(halves, flush());
    let outer = |x: Array| inner(x) * 1.0;
    assert_eq!(outer(array![TINY]).item::<f32>(), 0.0);
    assert!(jit(outer)(array![TINY]).item::<f32>() > 0.0);
    let plain = jit(halves);
    assert_eq!(jit_with(|x: Array| plain(x), flush())(array![TINY]).item::<f32>(), 0.0);
}

#[test]
fn the_option_holds_by_another_name_ahead_of_time_and_without_jit() -> Result<(), Error> {
    let f = jit_with(halves, flush()).named("halved");
    assert_eq!(disable_jit(|| f(array![TINY])).item::<f32>(), 0.0);
    let compiled = f.lower((array![TINY],))?.compile()?;
    assert_eq!(compiled.call((array![TINY],))?.item::<f32>(), 0.0);
    let lowered = || jit(halves).lower((array![TINY],));
    assert!(lowered()?.compile()?.call((array![TINY],))?.item::<f32>() > 0.0);
    // Code that was compiled in the scope flushes outside of it, and the other way around.
    let inside = flush_subnormals(|| lowered()?.compile())?;
    assert_eq!(inside.call((array![TINY],))?.item::<f32>(), 0.0);
    let outside = lowered()?.compile()?;
    assert!(flush_subnormals(|| outside.call((array![TINY],)))?.item::<f32>() > 0.0);
    Ok(())
}

#[test]
fn the_gradient_of_a_long_scan_ends_at_zero() {
    let last = |x: Array, inputs: &Array| {
        scan(|x: Array, input: Array| (x * 0.9 + input, ()), x, inputs.clone()).0
    };
    let inputs = zeros([2000]);
    let gradient = |options| {
        let f = jit_with(grad(|x: Array| last(x, &inputs)), options);
        f(Array::from(1.0)).item::<f32>()
    };
    let stuck = gradient(JitOptions::new());
    assert!(stuck.is_subnormal() && stuck * 0.9 == stuck, "{stuck:e}");
    assert_eq!(gradient(flush()).to_bits(), 0);
    let eager = || grad(|x: Array| last(x, &inputs))(Array::from(1.0)).item::<f32>();
    assert_eq!(flush_subnormals(eager).to_bits(), 0);
    assert_eq!(eager().to_bits(), stuck.to_bits());
}
