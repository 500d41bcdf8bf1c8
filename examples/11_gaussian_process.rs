//! A Gaussian process: a curve with honest error bars through a few noisy points.
//!
//! `cargo run --release --features linalg --example 11_gaussian_process` fits height, length and
//! noise of the process by maximum likelihood, prints them with the error on points that it never
//! saw, and writes `gaussian_process.svg`.
//!
//! The covariance's triangular factor gives its determinant and all solutions, and reverse mode
//! goes back through it; L-BFGS follows the gradient of the log likelihood.

use cotangent::linalg;
use cotangent::optimize::{MinimizeOptions, lbfgs};
use cotangent::plot::Plot;
use cotangent::prelude::*;
use cotangent::random;
use std::f64::consts::TAU;

const POINTS: usize = 40;
const NOISE: f64 = 0.15;

/// Logarithms of what must be positive.
#[derive(Clone, Pytree)]
struct Process {
    height: Array,
    length: Array,
    noise: Array,
}

fn curve(x: &Array) -> Array {
    (x * 1.7).sin() + (x * 0.6).cos() * 0.5
}

/// `height² exp(-(a - b)² / 2 length²)` of each pair.
fn covariance(p: &Process, a: &Array, b: &Array) -> Array {
    let apart = (a.expand_dims(1) - b.expand_dims(0)) / p.length.exp();
    (&p.height * 2.0).exp() * (apart.square() * -0.5).exp()
}

impl Process {
    fn of_data(&self, x: &Array) -> Array {
        let n = x.size();
        covariance(self, x, x) + eye_dtype(n, DType::F64) * ((&self.noise * 2.0).exp() + 1e-9)
    }
}

/// `l⁻¹ b` and `log |k|` of `k = l lᵀ`.
fn whiten(k: Array, b: Array) -> (Array, Array) {
    let l = linalg::cholesky(&k);
    let white = linalg::solve_triangular(&l, &b, linalg::Triangle::lower());
    (white, l.diag(0).log().sum() * 2.0)
}

/// The negative log likelihood of the data.
fn loss(p: Process, x: &Array, y: &Array) -> Array {
    let (white, log_det) = whiten(p.of_data(x), y.expand_dims(1));
    (white.square().sum() + log_det + POINTS as f64 * TAU.ln()) * 0.5
}

/// Mean and standard deviation of the curve at new places.
fn predict(p: &Process, x: &Array, y: &Array, at: &Array) -> (Array, Array) {
    let both = concatenate(&[y.expand_dims(1), covariance(p, x, at)], 1);
    let (white, _) = whiten(p.of_data(x), both);
    let (y, k) = (white.index(s![.., 0]), white.index(s![.., 1..]));
    let variance = (&p.height * 2.0).exp() - k.square().sum_axis(0);
    (y.matmul(&k), variance.maximum(0.0).sqrt())
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let [a, b] = random::split(&random::key(4));
    // A gap in the middle shows what the bars are for.
    let x = random::uniform(&a, [POINTS], DType::F64, 0.0, 7.0);
    let x = x.gt(3.5).select(&x + 3.0, &x);
    let y = curve(&x) + random::normal(&b, [POINTS], DType::F64) * NOISE;

    let number = Array::scalar::<f64>;
    let start = Process { height: number(0.0), length: number(0.0), noise: number(-1.0) };
    let options = MinimizeOptions { tolerance: 1e-6, ..Default::default() };
    let found = jit(|p: Process| lbfgs(|p: Process| loss(p, &x, &y), p, options.clone()))(start);
    let p = found.x;
    let [height, length, noise] = [&p.height, &p.length, &p.noise].map(|v| v.exp().item::<f64>());
    println!(
        "log likelihood {:.3} in {} steps",
        -found.value.item::<f64>(),
        found.iterations.item::<i32>()
    );
    println!("height {height:.3}, length {length:.3}, noise {noise:.3} (made with {NOISE})");
    assert!(found.gradient_norm.item::<f64>() < 1e-4, "the fit should end at a maximum");
    assert!((noise - NOISE).abs() < 0.05, "the noise should be found");

    // The factor is right: its square is the matrix, by the likelihood's own pieces.
    let k = p.of_data(&x);
    let (inverse_factor, log_det) = whiten(k.clone(), eye_dtype(POINTS, DType::F64));
    let white = inverse_factor.matmul(&k).matmul(inverse_factor.t());
    let off = (white - eye_dtype(POINTS, DType::F64)).abs().max().item::<f64>();
    let log_det_of_factor = inverse_factor.diag(0).log().sum().item::<f64>() * -2.0;
    assert!(off < 1e-9 && (log_det.item::<f64>() - log_det_of_factor).abs() < 1e-9, "{off}");

    let at = linspace_dtype(0.0, 10.0, 201, DType::F64);
    let (mean, deviation) = predict(&p, &x, &y, &at);
    let truth = curve(&at);
    let (m, d, t) = (mean.to_vec::<f64>(), deviation.to_vec::<f64>(), truth.to_vec::<f64>());
    let inside = (0..t.len()).filter(|i| (m[*i] - t[*i]).abs() < 2.0 * d[*i]).count();
    let share = inside as f64 / t.len() as f64;
    println!("the curve lies within two standard deviations at {:.0}% of places", 100.0 * share);
    assert!(share > 0.9, "error bars should be honest");
    let (seen, gap) = (d[40], d[100]);
    assert!(gap > 2.0 * seen, "where there are no points nothing is known: {seen} {gap}");

    let wide = 2.0 * &deviation;
    let plot = Plot::new("a Gaussian process")
        .x_label("x")
        .band("mean and two deviations", &at, &mean - &wide, &mean + &wide)
        .line("mean and two deviations", &at, &mean)
        .line("the curve", &at, &truth)
        .points("seen", &x, &y);
    match plot.picture().save("gaussian_process.svg") {
        Ok(()) => println!("wrote gaussian_process.svg"),
        Err(e) => println!("could not write gaussian_process.svg: {e}"),
    }
    Ok(())
}
