//! Loops compiled as loops, and their gradients.

use crate::harness::{Row, normal};
use crate::row;
use cotangent::prelude::*;

fn steps(length: usize) -> ScanOptions {
    ScanOptions { length: Some(length), ..ScanOptions::default() }
}

fn lorenz(s: &Array) -> Array {
    let (x, y, z) = (s.index(0), s.index(1), s.index(2));
    let parts = [10.0 * (&y - &x), &x * (28.0 - &z) - &y, &x * &y - 8.0 / 3.0 * &z];
    stack(&parts, 0)
}

fn runge_kutta(s: Array) -> Array {
    let h = 0.01;
    let k1 = lorenz(&s);
    let k2 = lorenz(&(&s + h / 2.0 * &k1));
    let k3 = lorenz(&(&s + h / 2.0 * &k2));
    let k4 = lorenz(&(&s + h * &k3));
    s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
}

fn simulate(s: Array, length: usize) -> Array {
    scan_with(|s: Array, ()| (runge_kutta(s), ()), s, (), steps(length)).0
}

fn scalar(x: Array) -> Array {
    scan_with(|c: Array, ()| (c.sin() * 1.01, ()), x, (), steps(100_000)).0
}

fn newton(a: Array) -> Array {
    let far = |s: Array| (s.square() - &a).abs().gt(1e-4 * &a);
    while_loop(far, |s: Array| 0.5 * (&s + &a / &s), a.clone())
}

fn recurrent(w: Array, h: Array, xs: Array) -> Array {
    scan(|h: Array, x: Array| ((h.matmul(&w) + x).tanh(), ()), h, xs).0
}

pub fn rows() -> Vec<Row> {
    let ones = || (ones([3]),);
    let half = || (Array::scalar(0.5f32),);
    vec![
        row!("lorenz_scan", |s| simulate(s, 10_000), ones()),
        row!("lorenz_scan_grad", |s| grad(|s: Array| simulate(s, 10_000).sum())(s), ones()),
        row!(
            "lorenz_scan_vmap1024",
            |s| vmap(|s: Array| simulate(s, 1_000))(s),
            (normal([1024, 3]),)
        ),
        row!("scalar_scan", |x| scalar(x), half()),
        row!("scalar_scan_grad", |x| grad(scalar)(x), half()),
        row!("newton_while_vmap", |a| vmap(newton)(a), (linspace(1.0, 100.0, 10_000),)),
        row!(
            "rnn_scan",
            |w, h, xs| recurrent(w, h, xs),
            (normal([128, 128]) * 0.05, normal([32, 128]), normal([200, 32, 128]))
        ),
    ]
}
