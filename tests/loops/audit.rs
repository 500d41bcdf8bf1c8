//! What derivatives of loops cost and keep: residuals of what does not change are kept once,
//! programs do not grow with the number of steps; third derivatives of every nesting of loops agree
//! with closed forms.

use super::{along, close};
use cotangent::prelude::*;

/// `x^(k^d)` in all the ways in which loops nest.
fn power_by_scan(k: usize, x: Array) -> Array {
    let start = ones_like(&x);
    let options = ScanOptions { length: Some(k), ..Default::default() };
    scan_with(|c: Array, ()| (c * &x, ()), start, (), options).0
}

fn scan_in_scan(x: Array) -> Array {
    power_by_scan(2, power_by_scan(3, x))
}

fn scan_body_scans(x: Array) -> Array {
    // Two rounds, each multiplying by x^3 by an inner scan with x as constant.
    let options = ScanOptions { length: Some(2), ..Default::default() };
    scan_with(|c: Array, ()| (c * power_by_scan(3, x.clone()), ()), ones_like(&x), (), options).0
}

fn scan_in_bounded_while(x: Array) -> Array {
    let body = |(i, c): (Array, Array)| (i + 1, c * power_by_scan(3, x.clone()));
    while_loop_bounded(4, |(i, _): (Array, Array)| i.lt(2), body, (Array::from(0), ones_like(&x))).1
}

fn bounded_while_in_scan(x: Array) -> Array {
    let inner = |c: Array| fori_loop_bounded(5, ..Array::from(3), |_, c: Array| c * &x, c);
    let options = ScanOptions { length: Some(2), ..Default::default() };
    scan_with(|c: Array, ()| (inner(c), ()), ones_like(&x), (), options).0
}

fn cond_in_scan(x: Array) -> Array {
    // Seven steps, the fourth of which does nothing.
    let step = |c: Array, i: Array| (cond(i.eq(3), |c: Array| c, |c: Array| c * &x, c), ());
    scan(step, ones_like(&x), arange(0..7)).0
}

fn scan_in_cond(x: Array) -> Array {
    cond(x.lt(100.0), |x: Array| power_by_scan(6, x), |x: Array| x, x)
}

fn bounded_in_bounded(x: Array) -> Array {
    let inner = |c: Array| fori_loop_bounded(4, ..Array::from(3), |_, c: Array| c * &x, c);
    fori_loop_bounded(3, ..Array::from(2), |_, c: Array| inner(c), ones_like(&x))
}

fn mapped(x: Array) -> Array {
    let factors = map(|i: Array| &x + 0.0 * i, arange_dtype(0..6, x.dtype()));
    associative_scan(|a: Array, b: Array| a * b, factors).slice_last()
}

trait Last {
    fn slice_last(&self) -> Array;
}

impl Last for Array {
    fn slice_last(&self) -> Array {
        let n = self.shape()[0];
        cotangent::prims::lax::slice_in_dim(self, n - 1, n, 0).sum()
    }
}

type Power = fn(Array) -> Array;

/// All of them are the sixth power.
const LOOPS: [(&str, Power); 8] = [
    ("scan in scan", scan_in_scan),
    ("a scan whose body scans", scan_body_scans),
    ("scan in bounded while", scan_in_bounded_while),
    ("bounded while in scan", bounded_while_in_scan),
    ("cond in scan", cond_in_scan),
    ("scan in cond", scan_in_cond),
    ("bounded while in bounded while", bounded_in_bounded),
    ("map and associative_scan", mapped),
];

#[test]
fn third_derivatives_through_every_nesting() {
    for (name, f) in LOOPS {
        println!("{name}");
        for x in [0.8f64, 1.7, -1.2] {
            let expected = [x.powi(6), 6.0 * x.powi(5), 30.0 * x.powi(4), 120.0 * x.powi(3)];
            let at = || Array::scalar(x);
            let d2 = || grad(grad(f));
            close(&f(at()), &expected[..1], 1e-12);
            close(&jit(grad(f))(at()), &expected[1..2], 1e-12);
            close(&jit(d2())(at()), &expected[2..3], 1e-11);
            close(&grad(d2())(at()), &expected[3..], 1e-10);
            close(&along(|x| along(|x| along(f, x), x), at()), &expected[3..], 1e-10);
            close(&along(d2(), at()), &expected[3..], 1e-10);
            let xs = Array::from(vec![x, x].as_slice());
            close(&jit(vmap(grad(d2())))(xs), &[expected[3]; 2], 1e-10);
            // In f32.
            let at = || Array::from(x as f32);
            close(&jit(grad(d2()))(at()), &expected[3..], 1e-5);
        }
    }
}

/// Bytes that reverse mode keeps of `n` steps.
fn kept(n: usize, f: impl Fn(usize, Array, Array) -> Array + Send + Sync) -> usize {
    let f = move |x: Array, w: Array| f(n, x, w);
    let kept = saved_residuals(f, (Array::scalar(0.5f64), Array::scalar(0.3f64)));
    kept.iter().map(|r| r.aval.bytes()).sum()
}

fn steps(n: usize, x: &Array, step: impl Fn(Array) -> Array) -> Array {
    let options = ScanOptions { length: Some(n), ..Default::default() };
    scan_with(|c: Array, ()| (step(c), ()), x.clone(), (), options).0
}

#[test]
fn what_does_not_change_is_kept_once() {
    // w only scales: its sine is kept once, however deep the loops nest; nothing is stacked, as x
    // is all that moves.
    let flat = |n: usize, x: Array, w: Array| {
        let w = cotangent::prims::lax::stop_gradient(&w);
        steps(n, &x, |c| c * w.sin())
    };
    let nested = |n: usize, x: Array, w: Array| {
        let w = cotangent::prims::lax::stop_gradient(&w);
        steps(n, &x, |c| steps(n, &c, |c| steps(n, &c, |c| c * w.sin().exp())))
    };
    assert_eq!(kept(10, flat), kept(1000, flat));
    assert_eq!(kept(3, nested), kept(30, nested));
    assert!(kept(30, nested) <= 24, "{}", kept(30, nested));
    // The carry is kept per step, and nothing else is: cos w and sin w once.
    let moving = |n: usize, x: Array, w: Array| steps(n, &x, |c| c * w.sin());
    let more = kept(101, moving) - kept(1, moving);
    assert_eq!(more, 100 * 8, "one f64 per step");
    let deep = |n: usize, x: Array, w: Array| steps(n, &x, |c| steps(10, &c, |c| c * w.sin()));
    assert_eq!(kept(101, deep) - kept(1, deep), 100 * 10 * 8, "one f64 per inner step");
}

#[test]
fn programs_do_not_grow_with_the_number_of_steps() {
    for (name, f) in [("scan", 0), ("bounded while", 1)] {
        let size = |n: usize| {
            let f = move |x: Array| match f {
                0 => steps(n, &x, |c| (c.sin() * &x).exp()),
                _ => fori_loop_bounded(
                    n,
                    ..Array::from(3),
                    |_, c: Array| (c.sin() * &x).exp(),
                    x.clone(),
                ),
            };
            let third = grad(grad(grad(f)));
            make_jaxpr(third)(Array::scalar(0.5f64)).jaxpr.total_eqns()
        };
        let sizes = [size(2), size(100), size(1_000_000)];
        println!("{name}: {sizes:?} equations of a third derivative");
        assert!(sizes.iter().all(|s| *s == sizes[0]), "{name}: {sizes:?}");
    }
}
