//! `scan`, `cond` and `switch`: options, edges, nesting.

use super::{along, close};
use cotangent::api::control::{try_scan, try_switch};
use cotangent::prelude::*;

fn line(n: usize) -> Array {
    Array::from_vec((0..n).map(|i| 0.3 + (i as f64 * 0.7).sin()).collect::<Vec<f64>>())
}

/// `c = sin(c a) + x`, `y = c x`: everything a scan has.
fn recurrence(a: Array, c: Array, xs: Array, options: ScanOptions) -> (Array, Array) {
    let step = |c: Array, x: Array| {
        let c = (c * &a).sin() + &x;
        (c.clone(), c * x)
    };
    scan_with(step, c, xs, options)
}

/// The same in plain Rust, with derivatives of the sum of all results in `a`, `c` and `xs`.
fn plain(a: f64, c: f64, xs: &[f64], reverse: bool) -> (Vec<f64>, f64, f64, Vec<f64>) {
    let n = xs.len();
    let order: Vec<usize> = if reverse { (0..n).rev().collect() } else { (0..n).collect() };
    let run = |a: f64, mut c: f64, xs: &[f64]| {
        let mut ys = vec![0.0; n];
        for i in &order {
            c = (c * a).sin() + xs[*i];
            ys[*i] = c * xs[*i];
        }
        ys.push(c);
        ys
    };
    // Derivatives forwards, by hand.
    let slope = |da: f64, dc: f64, dx: &dyn Fn(usize) -> f64| {
        let (mut c, mut dc, mut sum) = (c, dc, 0.0);
        for i in &order {
            dc = (c * a).cos() * (dc * a + c * da) + dx(*i);
            c = (c * a).sin() + xs[*i];
            sum += dc * xs[*i] + c * dx(*i);
        }
        sum + dc
    };
    let one = |i: usize| slope(0.0, 0.0, &move |k| f64::from(u8::from(k == i)));
    (run(a, c, xs), slope(1.0, 0.0, &|_| 0.0), slope(0.0, 1.0, &|_| 0.0), (0..n).map(one).collect())
}

#[test]
fn unrolling_and_direction_through_every_rule() {
    for n in [0, 1, 2, 3, 7, 8] {
        for (reverse, unroll) in [(false, 0), (false, 2), (true, 3), (true, 1), (false, 100)] {
            let options = ScanOptions { reverse, unroll, ..Default::default() };
            let (a, c, xs) = (|| Array::scalar(0.8f64), || Array::scalar(0.5f64), || line(n));
            let (values, da, dc, dxs) = plain(0.8, 0.5, &line(n).to_vec::<f64>(), reverse);
            let f = |a: Array, c: Array, xs: Array| {
                let (c, ys) = recurrence(a, c, xs, options);
                c + ys.sum()
            };
            let (last, ys) = jit(move |a, c, xs| recurrence(a, c, xs, options))(a(), c(), xs());
            close(&ys, &values[..n], 1e-14);
            close(&last, &values[n..], 1e-14);
            let g = grad_wrt(f, (Arg::<0>, Arg::<1>, Arg::<2>));
            let (ga, gc, gx) = jit(g.clone())(a(), c(), xs());
            close(&ga, &[da], 1e-12);
            close(&gc, &[dc], 1e-12);
            close(&gx, &dxs, 1e-12);
            close(&along(|a| f(a, c(), xs()), a()), &[da], 1e-12);
            // Batched in a alone: constants, then the carry and ys.
            let (ga, _, _) = vmap_axes(g, (0, None, None))(array![0.8f64, 0.8], c(), xs());
            close(&ga, &[da, da], 1e-12);
            let twice = grad(move |a: Array| grad(move |a: Array| f(a, c(), xs()))(a));
            let forward = along(|a| along(|a| f(a, c(), xs()), a), a());
            close(&twice(a()), &forward.reshape([1]).to_vec::<f64>(), 1e-11);
        }
    }
}

#[test]
fn an_unrolled_scan_has_fewer_rounds() {
    let f = |unroll| {
        move |x: Array| {
            let w = array![[0.5f64, 0.1], [0.2, 0.4]];
            let step = |c: Array, x: Array| (w.matmul(&c) + x, ());
            scan_with(
                step,
                zeros_dtype([2], DType::F64),
                x,
                ScanOptions { unroll, ..Default::default() },
            )
            .0
        }
    };
    let rounds = |unroll| {
        let text = jit(f(unroll)).lower((line(14).reshape([7, 2]),)).unwrap().program().unwrap();
        text.lines()
            .filter(|l| l.contains("loop") || l.contains("times"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    println!("{}\n{}", rounds(1), rounds(3));
    assert_ne!(rounds(1), rounds(3));
    let x = || line(14).reshape([7, 2]);
    close(&jit(f(3))(x()), &jit(f(1))(x()).to_vec::<f64>(), 1e-15);
}

#[test]
fn one_branch_many_branches_and_indices_out_of_range() {
    let branches: [fn(Array) -> Array; 3] = [|x| x.sin(), |x| &x * &x, |x| x * 3.0];
    let x = || Array::scalar(2f64);
    let expected = [2f64.sin(), 4.0, 6.0];
    for (i, want) in [(-5, 0), (0, 0), (1, 1), (2, 2), (3, 2), (i32::MAX, 2), (i32::MIN, 0)] {
        close(&switch(Array::from(i), &branches, x()), &[expected[want]], 1e-15);
        close(
            &jit(move |i: Array, x: Array| switch(&i, &branches, x))(Array::from(i), x()),
            &[expected[want]],
            1e-15,
        );
    }
    let all = vmap_axes(|i: Array, x: Array| switch(&i, &branches, x), (0, None));
    close(&all(array![-5, 0, 1, 2, 9], x()), &[0, 0, 1, 2, 2].map(|i| expected[i]), 1e-15);
    let slopes =
        vmap_axes(grad_wrt(|i: Array, x: Array| switch(&i, &branches, x), Arg::<1>), (0, None));
    close(&slopes(array![-5, 1, 2], x()), &[2f64.cos(), 4.0, 3.0], 1e-15);
    let only: [fn(Array) -> Array; 1] = [|x| &x * &x * &x];
    close(&switch(Array::from(7), &only, x()), &[8.0], 0.0);
    close(&grad(grad(|x: Array| switch(Array::from(7), &only, x)))(x()), &[12.0], 0.0);
    close(
        &vmap_axes(|i: Array, x: Array| switch(&i, &only, x), (0, None))(array![1, -1], x()),
        &[8.0, 8.0],
        0.0,
    );
    let none: [fn(Array) -> Array; 0] = [];
    let e = try_switch(Array::from(0), &none, x()).unwrap_err();
    assert_eq!(e.message(), "switch: expected at least one branch, got none");
    // Nested: the outer predicate chooses which inner one counts.
    let nested = |p: Array, q: Array, x: Array| {
        let inner = |x: Array| cond(&q, |x: Array| x.sin(), |x: Array| x.cos(), x);
        cond(&p, inner, |x: Array| x.exp(), x)
    };
    let (p, q) = (array![true, true, false, false], array![true, false, true, false]);
    let got = vmap_axes(grad_wrt(nested, Arg::<2>), (0, 0, None))(p, q, x());
    close(&got, &[2f64.cos(), -(2f64.sin()), 2f64.exp(), 2f64.exp()], 1e-14);
}

#[test]
fn carries_name_the_leaf() {
    let e = try_scan(
        |(a, b): (Array, Array), x: Array| ((a, b.reshape([1]).sum().astype(DType::F32)), x),
        (Array::scalar(1f64), Array::scalar(2f64)),
        line(3),
        ScanOptions::default(),
    );
    assert_eq!(
        e.unwrap_err().message(),
        "scan: `carry.1` changes type: it starts as f64[] and the step returns f32[]; make the \
         step return f64[], or start with f32[]"
    );
    let e = try_scan(|c: Array, (): ()| (c, ()), line(3), (), ScanOptions::default());
    assert!(e.unwrap_err().message().contains("ScanOptions { length: Some(n) }"));
    let options = ScanOptions { length: Some(4), ..Default::default() };
    let e = try_scan(|c: Array, x: Array| (c, x), line(3), line(3), options);
    assert_eq!(e.unwrap_err().message(), "scan: `length` has 4 steps, `xs` (f64[3]) has 3");
}
