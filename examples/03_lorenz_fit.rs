//! Recovers the three parameters of the Lorenz system from a noisy recording of 1,000 steps of a
//! chaotic orbit.
//!
//! `cargo run --release --example 03_lorenz_fit` prints the fit as its horizon grows and writes
//! `lorenz_fit.svg`.
//!
//! The simulation is one `scan`; the residuals' Jacobian in the parameters is that scan in forward
//! mode, the gradient that scan backwards. Far along a chaotic orbit the loss is a thicket, so the
//! fit sees the first 100 steps, then 300, and so on to all of them: each horizon starts where the
//! one before ended.

use cotangent::plot::Plot;
use cotangent::prelude::*;
use cotangent::random;
use std::time::Instant;

const STEP: f64 = 0.01;
const STEPS: usize = 1_000;
const TRUE_PARAMETERS: [f64; 3] = [10.0, 28.0, 8.0 / 3.0];
const START: [f64; 3] = [-5.8, -6.2, 23.5];
const NOISE: f64 = 0.1;

/// The velocity at `s`, for parameters sigma, rho, beta.
fn velocity(s: &Array, p: &Array) -> Array {
    let (x, y, z) = (s.index(0), s.index(1), s.index(2));
    let (sigma, rho, beta) = (p.index(0), p.index(1), p.index(2));
    stack(&[sigma * (&y - &x), &x * (rho - &z) - &y, x * y - beta * z], 0)
}

fn runge_kutta(s: &Array, p: &Array) -> Array {
    let k1 = velocity(s, p);
    let k2 = velocity(&(s + &k1 * (STEP / 2.0)), p);
    let k3 = velocity(&(s + &k2 * (STEP / 2.0)), p);
    let k4 = velocity(&(s + &k3 * STEP), p);
    s + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (STEP / 6.0)
}

/// The state after every step, `f64[steps, 3]`.
fn orbit(p: &Array, steps: usize) -> Array {
    let step = |s: Array, ()| {
        let next = runge_kutta(&s, p);
        (next.clone(), next)
    };
    let options = ScanOptions { length: Some(steps), ..Default::default() };
    scan_with(step, Array::from(&START), (), options).1
}

/// `a^-1 b` for a symmetric positive `3 x 3` matrix, by cofactors.
fn solve3(a: &[f64], b: &[f64]) -> [f64; 3] {
    let minor = |r: usize, c: usize| {
        let (r0, r1) = ((r + 1) % 3, (r + 2) % 3);
        let (c0, c1) = ((c + 1) % 3, (c + 2) % 3);
        a[3 * r0 + c0] * a[3 * r1 + c1] - a[3 * r0 + c1] * a[3 * r1 + c0]
    };
    let determinant: f64 = (0..3).map(|c| a[c] * minor(0, c)).sum();
    [0, 1, 2].map(|i| (0..3).map(|j| minor(j, i) * b[j]).sum::<f64>() / determinant)
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let noise = random::normal(&random::key(3), [STEPS, 3], DType::F64) * NOISE;
    let recorded = orbit(&Array::from(&TRUE_PARAMETERS), STEPS) + noise;

    let mut p = [9.0, 26.5, 2.4];
    let before = Instant::now();
    for horizon in [100, 300, 600, STEPS] {
        let seen = recorded.index(..horizon as isize);
        let residuals = |p: Array| (orbit(&p, horizon) - &seen).ravel();
        // Gauss and Newton: the normal equations of the linearised residuals, J^T J d = J^T r.
        let normal = jit(|p: Array| {
            let (r, j) = (residuals(p.clone()), jacfwd(residuals)(p));
            (r.square().mean(), j.t().matmul(&j), j.t().matmul(&r))
        });
        let mut error = f64::INFINITY;
        for _ in 0..12 {
            let (e, a, b) = normal(Array::from(&p));
            error = e.item();
            let d = solve3(&a.ravel().to_vec::<f64>(), &b.to_vec::<f64>());
            p = [0, 1, 2].map(|i| p[i] - d[i]);
        }
        println!(
            "{horizon:4} steps: sigma {:.3}, rho {:.3}, beta {:.3}, mean squared error {error:.4}",
            p[0], p[1], p[2]
        );
    }
    let took = before.elapsed();

    let loss = |p: Array| (orbit(&p, STEPS) - &recorded).square().mean();
    let gradient = jit(grad(loss));
    let slope = gradient(Array::from(&p)).to_vec::<f64>();
    let steepest = slope.iter().fold(0f64, |m, s| m.max(s.abs()));
    println!("gradient through {STEPS} steps, there: at most {steepest:.0e}");
    assert!(steepest < 1e-3, "the fit is no minimum: {slope:?}");
    for (found, truth) in p.iter().zip(TRUE_PARAMETERS) {
        assert!((found - truth).abs() < 0.01, "{found} is not {truth}");
    }

    let column = |x: &Array, n: isize| x.index(s![.., n]).to_vec::<f64>();
    let times: Vec<f64> = (1..=STEPS).map(|i| i as f64 * STEP).collect();
    let plot = Plot::new("the Lorenz system, recorded and recovered")
        .x_label("time")
        .y_label("z")
        .points("recorded", &times, column(&recorded, 2))
        .line("recovered", &times, column(&orbit(&Array::from(&p), STEPS), 2));
    if let Err(e) = plot.picture().save("lorenz_fit.svg") {
        println!("could not write lorenz_fit.svg: {e}");
    }
    println!("48 Gauss-Newton steps: {:.0} ms", took.as_secs_f64() * 1e3);
    Ok(())
}
