//! A recurrent network that learns to write like a licence: trained on the text of the Apache
//! License 2.0, letter by letter.
//!
//! `cargo run --release --example 06_text_rnn` prints bits per letter as it learns, and ends by
//! writing text of its own.
//!
//! A gated recurrent unit steps through 96 letters in a `scan`; the gradient goes back through it;
//! hundreds of updates are themselves a compiled loop. Writing is one more scan that draws each
//! letter from the network's own distribution.

use cotangent::nn;
use cotangent::prelude::*;
use cotangent::random::{self, Key};
use std::time::Instant;

const TEXT: &str = include_str!("../LICENSE-APACHE");
const HIDDEN: usize = 128;
const LENGTH: usize = 96;
const BATCH: usize = 32;
const ROUNDS: usize = 9;
const UPDATES: usize = 50;

/// A gated recurrent unit (Cho and others, 2014) and its readout.
#[derive(Clone, Pytree)]
struct Network {
    /// Letters to gates and candidate, `[letters, 3 hidden]`.
    input: Array,
    /// State to gates, `[hidden, 2 hidden]`, and to the candidate, `[hidden, hidden]`.
    gates: Array,
    candidate: Array,
    bias: Array,
    /// State to letters.
    output: Array,
    output_bias: Array,
}

impl Network {
    fn new(key: &Key, letters: usize) -> Network {
        let [a, b, c, d] = random::split(key);
        let normal = |key, n: usize, m| random::normal(key, [n, m], DType::F32) / (n as f64).sqrt();
        let h = HIDDEN;
        Network {
            input: normal(&a, letters, 3 * h),
            gates: normal(&b, h, 2 * h),
            candidate: normal(&c, h, h),
            bias: zeros([3 * h]),
            output: normal(&d, h, letters),
            output_bias: zeros([letters]),
        }
    }

    /// The state after one more letter; `letter` is `i32[batch]`.
    fn step(&self, state: Array, letter: &Array) -> Array {
        let x = self.input.take(letter, 0) + &self.bias;
        let (x_gates, x_new) = (x.index(s![.., ..256]), x.index(s![.., 256..]));
        let gates = (x_gates + state.matmul(&self.gates)).sigmoid();
        let (update, reset) = (gates.index(s![.., ..128]), gates.index(s![.., 128..]));
        let new = (x_new + (reset * &state).matmul(&self.candidate)).tanh();
        &update * state + (1.0 - &update) * new
    }

    fn scores(&self, state: &Array) -> Array {
        state.matmul(&self.output) + &self.output_bias
    }
}

/// Mean cross entropy of each next letter, in nats; `letters` is `i32[batch, length + 1]`.
fn loss(p: Network, letters: Array) -> Array {
    let time_first = letters.t();
    let (seen, next) = (time_first.index(..-1), time_first.index(1..));
    let start = zeros([BATCH, HIDDEN]);
    let step = |state: Array, letter: Array| {
        let state = p.step(state, &letter);
        (state.clone(), state)
    };
    let (_, states) = scan(step, start, seen);
    let log_p = nn::log_softmax(p.scores(&states), -1);
    -log_p.take_along_axis(next.expand_dims(-1), -1).mean()
}

/// Running means of gradients and their squares, and the step (Kingma and Ba, 2015).
type Adam = (Network, Network, Array);

fn adam((mean, square, step): Adam, p: Network, g: Network) -> (Adam, Network) {
    // Gradients of recurrent networks jump now and then: their norm is held to 1.
    let norm = tree_leaves(&g).iter().fold(Array::from(0f32), |n, g| n + g.square().sum()).sqrt();
    let scale = 1.0 / norm.maximum(1.0);
    let g = tree_map(|g| g * &scale, g);
    let step = step + 1.0;
    let mean = tree_map2(|m, g| m * 0.9 + g * 0.1, mean, g.clone());
    let square = tree_map2(|s, g| s * 0.99 + &g * &g * 0.01, square, g);
    let bias = |base: f64| 1.0 - (&step * base.ln()).exp();
    let (b1, b2) = (bias(0.9), bias(0.99));
    let update = |p: Array, m: Array, s: Array| p - m / &b1 / ((s / &b2).sqrt() + 1e-8) * 4e-3;
    let p = tree_map3(update, p, mean.clone(), square.clone());
    ((mean, square, step), p)
}

/// Continues `prompt` by `n` letters, each drawn from the network's distribution, sharpened a
/// little.
fn write(p: &Network, prompt: &Array, n: usize, key: &Key) -> Array {
    let read = |state: Array, letter: Array| (p.step(state, &letter.reshape([1])), ());
    let (state, ()) = scan(read, zeros([1, HIDDEN]), prompt.clone());
    let draw = |state: Array, key: Key| {
        let letter = random::categorical(&key, &(p.scores(&state) * 1.4), -1);
        (p.step(state, &letter), letter.reshape(()))
    };
    scan(draw, state, random::keys(key, n)).1
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let mut letters: Vec<char> = TEXT.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let number = |c: char| letters.binary_search(&c).expect("a letter of the text") as i32;
    let text: Vec<i32> = TEXT.chars().map(number).collect();
    let entropy: f64 = (0..letters.len() as i32)
        .map(|l| text.iter().filter(|t| **t == l).count() as f64 / text.len() as f64)
        .map(|p| -p * p.log2())
        .sum();
    println!(
        "{} letters of {} kinds, {entropy:.2} bits each by their frequency",
        text.len(),
        letters.len()
    );
    let (n, text) = (text.len(), Array::from(text));

    let p = Network::new(&random::key(1), letters.len());
    let still = tree_map(|x| zeros_like(&x), p.clone());
    let train = jit(move |p: Network, state: Adam, text: Array, keys: Key| {
        let update = |(p, state): (Network, Adam), key: Key| {
            let last = (n - LENGTH) as i64;
            let starts = random::randint(&key, [BATCH, 1], DType::I32, 0, last);
            let batch = text.take((starts + arange(LENGTH as i32 + 1)).ravel(), 0);
            let batch = batch.reshape([BATCH, LENGTH + 1]);
            let (value, slope) = value_and_grad(loss)(p.clone(), batch);
            let (state, p) = adam(state, p, slope);
            ((p, state), value)
        };
        let ((p, state), losses) = scan(update, (p, state), keys);
        (p, state, losses.index(-10..).mean())
    });
    let (mut p, mut state) = (p, (still.clone(), still, Array::from(0f32)));
    let mut bits = f64::INFINITY;
    let before = Instant::now();
    for round in 0..ROUNDS {
        let keys = random::keys(&random::fold_in(&random::key(2), round as u32), UPDATES);
        let value;
        (p, state, value) = train(p, state, text.clone(), keys);
        bits = f64::from(value.item::<f32>()) / std::f64::consts::LN_2;
        if round % 3 == 2 {
            println!("{:4} updates: {bits:.2} bits a letter", (round + 1) * UPDATES);
        }
    }
    let took = before.elapsed();
    assert!(bits < 1.2, "it should have learnt more: {bits} bits a letter");

    let prompt: Vec<i32> = "   Licensed under ".chars().map(number).collect();
    let written = write(&p, &Array::from(prompt), 300, &random::key(5)).to_vec::<i32>();
    let written: String = written.into_iter().map(|l| letters[l as usize]).collect();
    let words: Vec<&str> = written.split_whitespace().collect();
    println!("\nLicensed under {}\n", words.join(" "));
    println!("{} updates: {:.1} s", ROUNDS * UPDATES, took.as_secs_f64());
    Ok(())
}
