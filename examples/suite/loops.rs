//! Loops compiled as loops, and their gradients.

use crate::harness::{Row, normal};
use crate::row;
use cotangent::nn;
use cotangent::prelude::*;
use cotangent::random::{self, Key};

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

/// Log density of a logistic regression with standard normal weights.
fn log_density(w: &Array, x: &Array, y: &Array) -> Array {
    let score = x.matmul(w);
    (y * &score - nn::softplus(&score)).sum() - 0.5 * w.square().sum()
}

/// 1,000 draws of one chain of Hamiltonian Monte Carlo, of ten leaps each.
fn hmc(key: Array, w: Array, x: Array, y: Array) -> Array {
    let step = 0.1;
    let slope = |w: &Array| grad(|w: Array| log_density(&w, &x, &y))(w.clone());
    let draw = |w: Array, key: Array| {
        let [momentum, coin] = random::split(&Key::from_data(key));
        let p = random::normal(&momentum, [3], DType::F32);
        let leap = |_: Array, (w, p): (Array, Array)| {
            let w = w + step * p.clone();
            let p = p + step * slope(&w);
            (w, p)
        };
        let start = (w.clone(), &p + 0.5 * step * slope(&w));
        let (new, q) = fori_loop(0..10, leap, start);
        let q = q - 0.5 * step * slope(&new);
        let gain = log_density(&new, &x, &y) - log_density(&w, &x, &y);
        let change = gain + 0.5 * (p.square().sum() - q.square().sum());
        let taken = random::uniform(&coin, (), DType::F32, 0.0, 1.0).lt(change.exp());
        let w = taken.select(&new, &w);
        (w.clone(), w)
    };
    scan(draw, w, random::keys(&Key::from_data(key), 1_000).data().clone()).1
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
            "hmc_4_chains",
            |k, w, x, y| vmap_axes(hmc, (0, 0, None, None))(k, w, x, y),
            (
                random::keys(&random::key(1), 4).data().clone(),
                normal([4, 3]),
                normal([100, 3]),
                normal([100]).gt(0.0).astype(DType::F32)
            )
        ),
        row!(
            "rnn_scan",
            |w, h, xs| recurrent(w, h, xs),
            (normal([128, 128]) * 0.05, normal([32, 128]), normal([200, 32, 128]))
        ),
    ]
}
