//! Samples the posterior of a logistic regression on real handwriting by Hamiltonian Monte Carlo,
//! four chains at once.
//!
//! `cargo run --release --example 07_hmc` prints what the chains agree on, how they compare with
//! the normal approximation at the posterior's mode, and what averaging over the posterior is worth
//! on images that were not seen; it writes `hmc_trace.svg`.
//!
//! A chain is a `scan` whose step integrates Hamilton's equations by a `fori_loop` over gradients
//! of the log density; chains are a `vmap`. The step size is found by dual averaging (Hoffman and
//! Gelman, 2014, section 3.2).
//!
//! Data: the threes and eights among the handwritten digits by E. Alpaydin and C. Kaynak (UCI
//! Machine Learning Repository, CC BY 4.0), the ink in quarters of rows and columns.

use cotangent::nn;
use cotangent::plot::{Panels, Plot};
use cotangent::prelude::*;
use cotangent::random::{self, Key};
use flate2::read::GzDecoder;
use std::io::Read;
use std::time::Instant;

/// Sixteen squares of ink and a constant.
const WEIGHTS: usize = 17;
const CHAINS: usize = 4;
const WARM_UP: usize = 500;
const DRAWS: usize = 1_000;
const LEAPS: i32 = 24;
const ACCEPTANCE: f64 = 0.8;
/// Standard deviation of the weights before anything is seen.
const PRIOR: f64 = 3.0;

/// Features `f64[images, 17]`, and 1 for an eight, 0 for a three.
fn load() -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut text = String::new();
    GzDecoder::new(&include_bytes!("data/digits.csv.gz")[..])
        .read_to_string(&mut text)
        .expect("the embedded data are whole");
    let rows = text.lines().map(|l| l.split(',').map(|n| n.parse().expect("a number")));
    let rows = rows.map(Iterator::collect).filter(|r: &Vec<f64>| r[64] == 3.0 || r[64] == 8.0);
    rows.map(|r| {
        let square = |n: usize| {
            let (row, column) = (2 * (n / 4), 2 * (n % 4));
            let at = |i: usize, j: usize| r[8 * (row + i) + column + j];
            (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 32.0 - 0.5
        };
        ((0..16).map(square).chain([1.0]).collect(), f64::from(r[64] == 8.0))
    })
    .unzip()
}

/// Log of likelihood times prior, but for a constant.
fn log_density(w: Array, x: &Array, y: &Array) -> Array {
    let score = x.matmul(&w);
    let likelihood = y * &score - nn::softplus(&score);
    likelihood.sum() - w.square().sum() / (2.0 * PRIOR * PRIOR)
}

/// Place and log density of a chain.
type State = (Array, Array);

/// One proposal; returns the state and the probability with which it was accepted.
fn hmc(state: State, step: &Array, key: &Key, x: &Array, y: &Array) -> (State, Array) {
    let [momentum, coin] = random::split(key);
    let slope = |w: &Array| grad(|w: Array| log_density(w, x, y))(w.clone());
    let p = random::normal(&momentum, [WEIGHTS], DType::F64);
    let (w, here) = state;
    let leap = |_: Array, (w, p): (Array, Array)| {
        let w = w + step * p.clone();
        let p = p + step * slope(&w);
        (w, p)
    };
    // Half a kick, drifts and kicks in turn, and half of the last kick taken back.
    let start = (w.clone(), &p + 0.5 * step * slope(&w));
    let (w_new, p_new) = fori_loop(0..LEAPS, leap, start);
    let p_new = p_new - 0.5 * step * slope(&w_new);
    let there = log_density(w_new.clone(), x, y);
    let change = &there - &here + 0.5 * (p.square().sum() - p_new.square().sum());
    // A proposal that flew off to where nothing is finite is refused.
    let accept = change.is_nan().select(0.0, change.minimum(0.0).exp());
    let taken = random::uniform(&coin, (), DType::F64, 0.0, 1.0).lt(&accept);
    ((taken.select(&w_new, &w), taken.select(&there, &here)), accept)
}

/// Draws `f64[draws, 17]`, the mean acceptance, and the step size of one chain.
fn chain(key: Key, w: Array, x: Array, y: Array) -> (Array, Array, Array) {
    let [warm, sample] = random::split(&key);
    let start = (w.clone(), log_density(w, &x, &y));
    let (first, gamma, t0, kappa) = (0.05f64.ln(), 0.05, 10.0, 0.75);
    let adapt = |(s, log_step, mean, gap, t): (State, Array, Array, Array, Array), key: Key| {
        let (s, accept) = hmc(s, &log_step.exp(), &key, &x, &y);
        let t = t + 1.0;
        let weight = 1.0 / (&t + t0);
        let gap = (1.0 - &weight) * gap + weight * (ACCEPTANCE - accept);
        let log_step = 10f64.ln() + first - t.sqrt() / gamma * &gap;
        let share = (t.log() * -kappa).exp();
        let mean = &share * &log_step + (1.0 - share) * mean;
        ((s, log_step, mean, gap, t), ())
    };
    let number = |x: f64| Array::scalar(x);
    let start = (start, number(first), number(0.0), number(0.0), number(0.0));
    let ((state, _, log_step, _, _), ()) = scan(adapt, start, random::keys(&warm, WARM_UP));
    let step = log_step.exp();
    let draw = |s: State, key: Key| {
        let (s, accept) = hmc(s, &step, &key, &x, &y);
        (s.clone(), (s.0, accept))
    };
    let (_, (draws, accepted)) = scan(draw, state, random::keys(&sample, DRAWS));
    (draws, accepted.mean(), step)
}

/// The mode of the posterior by Newton's method, and the standard deviations of the normal
/// distribution there.
fn mode(x: &Array, y: &Array) -> (Array, Vec<f64>) {
    let f = |w: Array| -log_density(w, x, y);
    let newton = jit(|w: Array| {
        let (value, slope) = value_and_grad(f)(w.clone());
        (value, slope, hessian(f)(w))
    });
    let value = jit(f);
    let mut w = vec![0.0; WEIGHTS];
    let mut curvature = Vec::new();
    for _ in 0..30 {
        let (here, g, h) = newton(Array::from(w.clone()));
        curvature = h.ravel().to_vec::<f64>();
        let d = solve(curvature.clone(), g.to_vec::<f64>());
        // Half as far, until it is downhill.
        let moved = |t: f64| -> Vec<f64> { w.iter().zip(&d).map(|(w, d)| w - t * d).collect() };
        let downhill = |t: &f64| value(Array::from(moved(*t))).item::<f64>() <= here.item::<f64>();
        let t = (0..40).map(|n| 0.5f64.powi(n)).find(downhill).unwrap_or(0.0);
        w = moved(t);
    }
    let unit = |i: usize| (0..WEIGHTS).map(|j| f64::from(i == j)).collect();
    let spread = (0..WEIGHTS).map(|i| solve(curvature.clone(), unit(i))[i].sqrt()).collect();
    (Array::from(w), spread)
}

/// `a^-1 b` by elimination, for a positive matrix in rows.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        for i in k + 1..n {
            let f = a[n * i + k] / a[n * k + k];
            for j in k..n {
                a[n * i + j] -= f * a[n * k + j];
            }
            b[i] -= f * b[k];
        }
    }
    for k in (0..n).rev() {
        let rest: f64 = (k + 1..n).map(|j| a[n * k + j] * b[j]).sum();
        b[k] = (b[k] - rest) / a[n * k + k];
    }
    b
}

/// How far apart the chains are, of one weight: near 1 if they tell the same (Gelman and Rubin,
/// 1992).
fn r_hat(chains: &[Vec<f64>]) -> f64 {
    let (m, n) = (chains.len() as f64, chains[0].len() as f64);
    let means: Vec<f64> = chains.iter().map(|c| c.iter().sum::<f64>() / n).collect();
    let all = means.iter().sum::<f64>() / m;
    let between = means.iter().map(|c| (c - all).powi(2)).sum::<f64>() * n / (m - 1.0);
    let spread = |(c, mean): (&Vec<f64>, &f64)| c.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    let within = chains.iter().zip(&means).map(spread).sum::<f64>() / (m * (n - 1.0));
    ((within * (n - 1.0) / n + between / n) / within).sqrt()
}

/// Share of right answers, and mean log of the probability of what was right.
fn judged(probability: &Array, y: &[f64]) -> (f64, f64) {
    let p = probability.to_vec::<f64>();
    let right = p.iter().zip(y).filter(|(p, y)| (**p > 0.5) == (**y > 0.5)).count();
    let log: f64 = p.iter().zip(y).map(|(p, y)| (1.0 - (p - y).abs()).max(1e-300).ln()).sum();
    (right as f64 / y.len() as f64, log / y.len() as f64)
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let (features, labels) = load();
    let held_out = features.len() / 3;
    let (x_new, x) = (Array::from(&features[..held_out]), Array::from(&features[held_out..]));
    let (y_new, y) = (&labels[..held_out], Array::from(&labels[held_out..]));
    println!("{} threes and eights to learn from, {held_out} held out", y.size());

    let (mode, approximate) = mode(&x, &y);
    let sampler = jit(vmap_axes(chain, (0, 0, None, None)));
    let starts = random::normal(&random::key(0), [CHAINS, WEIGHTS], DType::F64) * 2.0;
    let keys = random::keys(&random::key(1), CHAINS);
    let before = Instant::now();
    let (draws, accepted, steps) = sampler(keys, starts, x, y);
    let accepted = accepted.to_vec::<f64>();
    let took = before.elapsed();
    let steps = steps.to_vec::<f64>();
    println!("steps between {:.2} and {:.2} after warming up", min(&steps), max(&steps));
    println!("accepted {:.2} to {:.2} of the proposals", min(&accepted), max(&accepted));

    let weight = |c: usize, i: usize| draws.index(s![c as isize, .., i as isize]).to_vec::<f64>();
    let chains = |i: usize| (0..CHAINS).map(|c| weight(c, i)).collect::<Vec<_>>();
    let apart = (0..WEIGHTS).map(|i| r_hat(&chains(i))).fold(0.0, f64::max);
    println!("R-hat of the weights at most {apart:.3}");
    assert!(apart < 1.05, "the chains disagree");

    let all: Vec<Vec<f64>> = (0..WEIGHTS).map(|i| chains(i).concat()).collect();
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let spread =
        |x: &[f64]| (x.iter().map(|v| (v - mean(x)).powi(2)).sum::<f64>() / x.len() as f64).sqrt();
    let ratios: Vec<f64> = all.iter().zip(&approximate).map(|(x, a)| spread(x) / a).collect();
    println!(
        "spread of the weights, over that of the normal approximation: {:.2} to {:.2}",
        min(&ratios),
        max(&ratios)
    );
    assert!(min(&ratios) > 0.8 && max(&ratios) < 1.5, "{ratios:?}");

    let at_mode = x_new.matmul(&mode).sigmoid();
    let flat = draws.reshape([CHAINS * DRAWS, WEIGHTS]);
    let averaged = flat.matmul(x_new.t()).sigmoid().mean_axis(0);
    let ((right, log), (right_all, log_all)) = (judged(&at_mode, y_new), judged(&averaged, y_new));
    println!("unseen, by the mode:      {:.1} % right, log score {log:.3}", 100.0 * right);
    println!("unseen, by the posterior: {:.1} % right, log score {log_all:.3}", 100.0 * right_all);
    assert!(right_all > 0.9);

    let times: Vec<f64> = (0..DRAWS / 5).map(|i| i as f64).collect();
    let constants: Vec<Vec<f64>> = (0..CHAINS).map(|chain| weight(chain, 16)).collect();
    let trace = Plot::new("the constant of the regression")
        .x_label("draw")
        .line("chain 1", &times, &constants[0][..DRAWS / 5])
        .line("chain 2", &times, &constants[1][..DRAWS / 5]);
    let posterior = Plot::new("all draws of four chains")
        .x_label("the constant")
        .y_label("draws")
        .histogram("posterior", constants.concat(), 40)
        .vertical("mode", mode.index(16).item::<f64>());
    let plot = Panels::new(2).panel(trace).panel(posterior);
    if let Err(e) = plot.picture().save("hmc_trace.svg") {
        println!("could not write hmc_trace.svg: {e}");
    }
    let gradients = CHAINS * (WARM_UP + DRAWS) * (LEAPS as usize + 1);
    println!("{gradients} gradients, compiled and run: {:.2} s", took.as_secs_f64());
    Ok(())
}

fn min(x: &[f64]) -> f64 {
    x.iter().copied().fold(f64::INFINITY, f64::min)
}

fn max(x: &[f64]) -> f64 {
    x.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
