//! Learns a network from which a few steps of gradient descent fit any sine: a gradient through
//! gradient descent.
//!
//! `cargo run --release --example 05_maml` prints how well ten points of an unseen sine are enough,
//! before and after, beside a network trained on all sines alike, and writes `maml.svg`.
//!
//! The loss of a task is that of the network *after* adapting to ten points of the task, and its
//! gradient goes through the adaptation: a second derivative, batched over tasks by `vmap`. After
//! Finn, Abbeel and Levine (2017), section 5.1.

use cotangent::nn;
use cotangent::plot::Plot;
use cotangent::prelude::*;
use cotangent::random::{self, Key};
use std::f64::consts::PI;
use std::time::Instant;

const WIDTH: usize = 40;
const SHOTS: usize = 10;
const TASKS: usize = 25;
const ROUNDS: usize = 4_000;
const INNER_RATE: f64 = 0.01;

type Layers = Vec<(Array, Array)>;

fn network(key: &Key) -> Layers {
    let sizes = [1, WIDTH, WIDTH, 1];
    let layer = |(i, w): (usize, &[usize])| {
        let key = random::fold_in(key, i as u32);
        let scale = 1.0 / (w[0] as f64 + 4.0).sqrt();
        (random::normal(&key, [w[0], w[1]], DType::F32) * scale, zeros([w[1]]))
    };
    sizes.windows(2).enumerate().map(layer).collect()
}

/// `[points, 1] -> [points, 1]`
fn predict(p: &Layers, x: &Array) -> Array {
    let last = p.len() - 1;
    p.iter().enumerate().fold(x.clone(), |x, (i, (w, b))| {
        let y = x.matmul(w) + b;
        if i < last { nn::relu(&y) } else { y }
    })
}

fn loss(p: Layers, x: Array, y: Array) -> Array {
    (predict(&p, &x) - y).square().mean()
}

/// `steps` steps of gradient descent on a task's points.
fn adapt(p: Layers, x: &Array, y: &Array, steps: i32) -> Layers {
    let descend = |_: Array, p: Layers| {
        let slope = grad(loss)(p.clone(), x.clone(), y.clone());
        tree_map2(|w, g| w - g * INNER_RATE, p, slope)
    };
    fori_loop(0..steps, descend, p)
}

/// Points to adapt to and points to be judged by, of a sine of random height and phase.
fn task(key: &Key) -> [Array; 4] {
    let [height, phase, near, far] = random::split(key);
    let between = |key, low, high| random::uniform(key, (), DType::F32, low, high);
    let (height, phase) = (between(&height, 0.1, 5.0), between(&phase, 0.0, PI));
    let sample = |key: &Key| {
        let x = random::uniform(key, [SHOTS, 1], DType::F32, -5.0, 5.0);
        let y = (&x + &phase).sin() * &height;
        (x, y)
    };
    let ((x, y), (x2, y2)) = (sample(&near), sample(&far));
    [x, y, x2, y2]
}

/// How well the network does on a task after one step on its points.
fn after_adapting(p: Layers, key: Key) -> Array {
    let [x, y, x2, y2] = task(&key);
    loss(adapt(p, &x, &y, 1), x2, y2)
}

/// How well it does as it is.
fn as_it_is(p: Layers, key: Key) -> Array {
    let [x, y, x2, y2] = task(&key);
    loss(p, concatenate(&[x, x2], 0), concatenate(&[y, y2], 0))
}

/// Running means of gradients and their squares, and the step (Kingma and Ba, 2015).
type Adam = (Layers, Layers, Array);

fn adam((mean, square, step): Adam, p: Layers, g: Layers) -> (Adam, Layers) {
    let step = step + 1.0;
    let mean = tree_map2(|m, g| m * 0.9 + g * 0.1, mean, g.clone());
    let square = tree_map2(|s, g| s * 0.999 + &g * &g * 0.001, square, g);
    let bias = |base: f64| 1.0 - (&step * base.ln()).exp();
    let (b1, b2) = (bias(0.9), bias(0.999));
    let update = |p: Array, m: Array, s: Array| p - m / &b1 / ((s / &b2).sqrt() + 1e-8) * 1e-3;
    let p = tree_map3(update, p, mean.clone(), square.clone());
    ((mean, square, step), p)
}

/// Trains on batches of tasks, all rounds in one compiled loop; returns the network and the loss of
/// every round.
fn train(task_loss: fn(Layers, Key) -> Array, key: &Key) -> (Layers, Vec<f32>) {
    let p = network(key);
    let still = tree_map(|x| zeros_like(&x), p.clone());
    let run = jit(move |p: Layers, state: Adam, keys: Key| {
        let round = |(p, state): (Layers, Adam), key: Key| {
            let tasks = random::keys(&key, TASKS);
            let mean = |p: Layers| vmap_axes(task_loss, (None, 0))(p, tasks.clone()).mean();
            let (value, slope) = value_and_grad(mean)(p.clone());
            let (state, p) = adam(state, p, slope);
            ((p, state), value)
        };
        let ((p, _), losses) = scan(round, (p, state), keys);
        (p, losses)
    });
    let state = (still.clone(), still, Array::from(0f32));
    let (p, losses) = run(p, state, random::keys(&random::fold_in(key, 99), ROUNDS));
    (p, losses.to_vec())
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let before = Instant::now();
    let (meta, losses) = train(after_adapting, &random::key(0));
    let took = before.elapsed();
    let (plain, _) = train(as_it_is, &random::key(0));
    let mean = |l: &[f32]| l.iter().sum::<f32>() / l.len() as f32;
    println!(
        "meta-training: loss {:.2} in the first 100 rounds, {:.2} in the last 100",
        mean(&losses[..100]),
        mean(&losses[ROUNDS - 100..])
    );

    // Tasks that neither has seen.
    let unseen = random::keys(&random::key(7), 500);
    println!("mean squared error on 500 unseen sines, after so many steps on ten points:");
    let mut errors = Vec::new();
    for steps in [0, 1, 5, 10] {
        let judge = move |p: Layers, key: Key| {
            let [x, y, x2, y2] = task(&key);
            loss(adapt(p, &x, &y, steps), x2, y2)
        };
        let all = jit(vmap_axes(judge, (None, 0)));
        let of = |p: &Layers| all(p.clone(), unseen.clone()).mean().item::<f32>();
        let (a, b) = (of(&meta), of(&plain));
        println!("{steps:3} steps: {a:.2} meta-trained, {b:.2} trained on all sines alike");
        errors.push((a, b));
    }
    assert!(errors[1].0 < 0.6 * errors[1].1, "one step should be worth much more: {errors:?}");
    assert!(errors[3].0 < errors[1].0, "more steps should help: {errors:?}");

    let (height, phase) = (4.0, 1.0);
    let sine = |x: &Array| (x + phase).sin() * height;
    let x = linspace(-5.0, 5.0, 200).expand_dims(1);
    let few = linspace(-4.5, -0.5, SHOTS).expand_dims(1);
    let doubles = |a: Array| a.ravel().astype(DType::F64).to_vec::<f64>();
    let at = doubles(x.clone());
    let fitted = |p: &Layers| doubles(predict(&adapt(p.clone(), &few, &sine(&few), 10), &x));
    let plot = Plot::new("a sine from ten points of its left half, ten steps")
        .line("the sine", &at, doubles(sine(&x)))
        .line("meta-trained", &at, fitted(&meta))
        .line("trained alike", &at, fitted(&plain))
        .points("seen", doubles(few.clone()), doubles(sine(&few)));
    if let Err(e) = plot.picture().save("maml.svg") {
        println!("could not write maml.svg: {e}");
    }
    println!("{ROUNDS} rounds of {TASKS} tasks: {:.1} s", took.as_secs_f64());
    Ok(())
}
