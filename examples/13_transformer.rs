//! A small transformer that learns to write like a licence: trained on the text of the Apache
//! License 2.0, letter by letter.
//!
//! `cargo run --release --example 13_transformer` prints bits per letter as it learns, and ends by
//! writing text of its own.
//!
//! Two blocks of causal attention with four heads over 64 letters (Vaswani and others, 2017;
//! normalised before each part). Updates are a compiled loop; writing is a `scan` over a window
//! that moves along.

use cotangent::nn;
use cotangent::optim::{State, adamw, apply_updates, chain, clip_by_global_norm, schedule};
use cotangent::prelude::*;
use cotangent::random::{self, Key};
use std::time::Instant;

const TEXT: &str = include_str!("../LICENSE-APACHE");
const WIDTH: usize = 64;
const HEADS: usize = 4;
const BLOCKS: usize = 2;
const LENGTH: usize = 64;
const BATCH: usize = 8;
const ROUNDS: usize = 20;
const UPDATES: usize = 50;

/// Scale and shift after a mean of 0 and a variance of 1 over the last axis.
#[derive(Clone, Pytree)]
struct Norm {
    scale: Array,
    shift: Array,
}

impl Norm {
    fn new() -> Norm {
        Norm { scale: ones([WIDTH]), shift: zeros([WIDTH]) }
    }

    fn apply(&self, x: &Array) -> Array {
        let mean = x.mean_axis(-1).expand_dims(-1);
        let apart = x - mean;
        let variance = apart.square().mean_axis(-1).expand_dims(-1);
        apart * (variance + 1e-5).rsqrt() * &self.scale + &self.shift
    }
}

#[derive(Clone, Pytree)]
struct Block {
    before_attention: Norm,
    /// Queries, keys, values: `[3, width, heads, width / heads]`.
    qkv: Array,
    out: Array,
    before_mlp: Norm,
    up: Array,
    up_bias: Array,
    down: Array,
    down_bias: Array,
}

impl Block {
    fn new(key: &Key) -> Block {
        let [a, b, c, d] = random::split(key);
        let normal = |key, shape: &[i64], n: usize| {
            random::normal(key, shape, DType::F32) / (n as f64).sqrt()
        };
        let (w, h) = (WIDTH as i64, HEADS as i64);
        Block {
            before_attention: Norm::new(),
            qkv: normal(&a, &[3, w, h, w / h], WIDTH),
            out: normal(&b, &[h, w / h, w], WIDTH * BLOCKS),
            before_mlp: Norm::new(),
            up: normal(&c, &[w, 4 * w], WIDTH),
            up_bias: zeros([4 * WIDTH]),
            down: normal(&d, &[4 * w, w], 4 * WIDTH * BLOCKS),
            down_bias: zeros([WIDTH]),
        }
    }

    /// `[batch, length, width]` to the same.
    fn apply(&self, x: Array, seen: &Array) -> Array {
        let qkv = einsum("btw,cwhd->cbhtd", [&self.before_attention.apply(&x), &self.qkv]);
        let [q, k, v] = [0, 1, 2].map(|c: i64| qkv.index(c));
        let scores = einsum("bhqd,bhkd->bhqk", [&q, &k]) / ((WIDTH / HEADS) as f64).sqrt();
        let weights = nn::softmax(seen.select(scores, -1e9), -1);
        let mixed = einsum("bhqk,bhkd->bqhd", [&weights, &v]);
        let x = x + einsum("bqhd,hdw->bqw", [&mixed, &self.out]);
        let wide = nn::gelu_tanh(self.before_mlp.apply(&x).matmul(&self.up) + &self.up_bias);
        x + wide.matmul(&self.down) + &self.down_bias
    }
}

#[derive(Clone, Pytree)]
struct Transformer {
    letters: Array,
    places: Array,
    blocks: Vec<Block>,
    last: Norm,
    readout: Array,
}

impl Transformer {
    fn new(key: &Key, letters: usize) -> Transformer {
        let [a, b, c, d] = random::split(key);
        let normal = |key, n: usize, m| random::normal(key, [n, m], DType::F32);
        let block = |i| Block::new(&random::fold_in(&c, i as u32));
        Transformer {
            letters: normal(&a, letters, WIDTH) * 0.3,
            places: normal(&b, LENGTH, WIDTH) * 0.1,
            blocks: (0..BLOCKS).map(block).collect(),
            last: Norm::new(),
            readout: normal(&d, WIDTH, letters) / (WIDTH as f64).sqrt(),
        }
    }

    /// Scores of the letter after each: `i32[batch, length] -> f32[batch, length, letters]`.
    fn scores(&self, letters: &Array) -> Array {
        let x = self.letters.take(letters, 0) + &self.places;
        let place = arange(LENGTH as i32);
        let seen = place.expand_dims(1).ge(&place);
        let x = self.blocks.iter().fold(x, |x, block| block.apply(x, &seen));
        self.last.apply(&x).matmul(&self.readout)
    }
}

/// Mean cross entropy of each next letter, in nats; `letters` is `i32[batch, length + 1]`.
fn loss(t: Transformer, letters: Array) -> Array {
    let log_p = nn::log_softmax(t.scores(&letters.index(s![.., ..-1])), -1);
    let next = letters.index(s![.., 1..]);
    -log_p.take_along_axis(next.expand_dims(-1), -1).mean()
}

/// Continues a window of letters by `n`, each drawn from the network's distribution, sharpened a
/// little.
fn write(t: &Transformer, window: Array, n: usize, key: &Key) -> Array {
    let draw = |window: Array, key: Key| {
        let scores = t.scores(&window.expand_dims(0)).index(s![0, -1]) * 3.0;
        let letter = random::categorical(&key, &scores, -1).astype(DType::I32).reshape([1]);
        let window = concatenate(&[window.index(1..), letter.clone()], 0);
        (window, letter.reshape(()))
    };
    scan(draw, window, random::keys(key, n)).1
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let mut letters: Vec<char> = TEXT.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let number = |c: char| letters.binary_search(&c).expect("a letter of the text") as i32;
    let text: Vec<i32> = TEXT.chars().map(number).collect();
    let n = text.len();
    println!("{n} letters of {} kinds", letters.len());
    let text = Array::from(text);

    let t = Transformer::new(&random::key(1), letters.len());
    let weights: usize = tree_leaves(&t).iter().map(Array::size).sum();
    println!("{weights} weights");

    // No letter knows of those after it: what follows changes no score before.
    let line = text.index(..LENGTH).expand_dims(0);
    let other = line.at(s![0, -1]).set(0);
    let [a, b] = [&line, &other].map(|l| t.scores(l).index(s![0, ..-1]).to_vec::<f32>());
    assert!(a == b, "attention looks back only");

    let all = (ROUNDS * UPDATES) as i32;
    let rate = schedule::warmup_cosine(0.0, 4e-3, all / 10, all, 2e-4);
    let optimiser = chain([clip_by_global_norm(1.0), adamw(rate, 0.01)]);
    let mut state = optimiser.init(&t);
    let train = jit(|t: Transformer, state: State, text: Array, keys: Key| {
        let update = |(t, state): (Transformer, State), key: Key| {
            let starts = random::randint(&key, [BATCH, 1], DType::I32, 0, (n - LENGTH) as i64);
            let batch = text.take(&(starts + arange(LENGTH as i32 + 1)), 0);
            let (value, slope) = value_and_grad(loss)(t.clone(), batch);
            let (updates, state) = optimiser.update(slope, state, &t);
            ((apply_updates(t, updates), state), value)
        };
        let ((t, state), values) = scan(update, (t, state), keys);
        (t, state, values.mean())
    });
    let mut t = t;
    let mut bits = f64::INFINITY;
    let before = Instant::now();
    for round in 0..ROUNDS {
        let keys = random::keys(&random::fold_in(&random::key(2), round as u32), UPDATES);
        let value;
        (t, state, value) = train(t, state, text.clone(), keys);
        bits = f64::from(value.item::<f32>()) / std::f64::consts::LN_2;
        if round % 4 == 3 {
            println!("{:4} updates: {bits:.2} bits a letter", (round + 1) * UPDATES);
        }
    }
    let took = before.elapsed();
    assert!(bits < 1.0, "it should have learnt more: {bits} bits a letter");

    let opening = "Subject to the terms";
    let end = (TEXT.find(opening).expect("a sentence") + opening.len()) as i64;
    let prompt = text.index(end - LENGTH as i64..end);
    let written = write(&t, prompt, 300, &random::key(5)).to_vec::<i32>();
    let written: String = written.into_iter().map(|l| letters[l as usize]).collect();
    let words: Vec<&str> = written.split_whitespace().collect();
    println!("\n{opening} {}\n", words.join(" "));
    println!("{} updates: {:.1} s", ROUNDS * UPDATES, took.as_secs_f64());
    Ok(())
}
