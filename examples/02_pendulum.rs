//! Finds the length of a pendulum from a noisy recording of its swing, by gradient descent through
//! the simulation.
//!
//! `cargo run --release --example 02_pendulum` prints what it recovers and writes `pendulum.svg`.
//!
//! The angle obeys `angle'' = -(g / length) sin angle`; 600 steps of fourth-order Runge-Kutta are
//! one `scan`, and its gradient is another one, backwards.

use cotangent::plot::Plot;
use cotangent::prelude::*;
use cotangent::random;
use std::time::Instant;

const GRAVITY: f64 = 9.81;
const STEP: f64 = 0.01;
const STEPS: usize = 600;
const TRUE_LENGTH: f64 = 1.7;

/// Angle and angular velocity.
type State = (Array, Array);

fn velocity((angle, speed): State, length: &Array) -> State {
    (speed, angle.sin() * (-GRAVITY) / length)
}

fn moved((angle, speed): &State, (da, ds): &State, by: f64) -> State {
    (angle + da * by, speed + ds * by)
}

fn runge_kutta(s: State, length: &Array) -> State {
    let k1 = velocity(s.clone(), length);
    let k2 = velocity(moved(&s, &k1, STEP / 2.0), length);
    let k3 = velocity(moved(&s, &k2, STEP / 2.0), length);
    let k4 = velocity(moved(&s, &k3, STEP), length);
    let mean = |a: &Array, b: &Array, c: &Array, d: &Array| (a + b * 2.0 + c * 2.0 + d) / 6.0;
    let slope = (mean(&k1.0, &k2.0, &k3.0, &k4.0), mean(&k1.1, &k2.1, &k3.1, &k4.1));
    moved(&s, &slope, STEP)
}

/// The angle after every step, `f64[600]`.
fn swing(length: Array) -> Array {
    let start = (Array::scalar(1.2f64), Array::scalar(0.0f64));
    let step = |s: State, ()| {
        let next = runge_kutta(s, &length);
        (next.clone(), next.0)
    };
    scan_with(step, start, (), ScanOptions { length: Some(STEPS), ..Default::default() }).1
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let truth = swing(Array::scalar(TRUE_LENGTH));
    let noise = random::normal(&random::key(7), [STEPS], DType::F64) * 0.05;
    let recorded = &truth + noise;

    // The logarithm keeps the length positive and its steps relative.
    let loss = |log_length: Array| (swing(log_length.exp()) - &recorded).square().mean();
    let step = jit(|log_length: Array, rate: Array| {
        let (value, slope) = value_and_grad(loss)(log_length.clone());
        (log_length - rate * slope, value)
    });

    let mut log_length = Array::scalar(1.5f64.ln());
    let mut lengths = Vec::new();
    let before = Instant::now();
    for i in 0..60 {
        let value;
        (log_length, value) = step(log_length, Array::scalar(0.01f64));
        lengths.push(log_length.exp().item::<f64>());
        if i % 10 == 9 {
            let (n, l) = (i + 1, lengths[i]);
            println!("step {n:2}: length {l:.4} m, mean squared error {:.5}", value.item::<f64>());
        }
    }
    let took = before.elapsed();
    let found = lengths[lengths.len() - 1];
    let times: Vec<f64> = (1..=STEPS).map(|i| i as f64 * STEP).collect();
    let plot = Plot::new("a pendulum, recorded and recovered")
        .x_label("seconds")
        .y_label("radians")
        .points("recorded", &times, recorded.to_vec::<f64>())
        .line("recovered", &times, swing(Array::scalar(found)).to_vec::<f64>());
    if let Err(e) = plot.picture().save("pendulum.svg") {
        println!("could not write pendulum.svg: {e}");
    }
    println!("60 steps through {STEPS} of simulation: {:.1} ms", took.as_secs_f64() * 1e3);
    println!("recovered length {found:.3} m, true length {TRUE_LENGTH:.3} m");
    Ok(())
}
