//! A small convolutional network on handwritten digits: two convolutions, each halved by max
//! pooling, and one matrix.
//!
//! `cargo run --release --example 14_convolutions` trains on images that are moved about by a pixel
//! and prints the accuracy on images that it never saw, as they are and moved.
//!
//! Images: the 8x8 handwritten digits by E. Alpaydin and C. Kaynak (UCI Machine Learning
//! Repository, CC BY 4.0), embedded.

use cotangent::lax::{self, Borders, ConvAxes, ConvOptions};
use cotangent::optim::{AdamOptions, Mask, adamw_with, apply_updates, schedule};
use cotangent::prelude::*;
use cotangent::{nn, random};
use flate2::read::GzDecoder;
use std::io::Read;

const SIDE: usize = 8;
const CLASSES: usize = 10;
const BATCH: usize = 64;
const HELD_OUT: usize = 359;
const EPOCHS: usize = 60;
const CHANNELS: [usize; 2] = [16, 32];

/// Kernels `[height, width, from, to]` and a matrix, each with one bias per feature.
#[derive(Clone, Pytree)]
struct Network {
    near: Layer,
    far: Layer,
    head: Layer,
}

#[derive(Clone, Pytree)]
struct Layer {
    w: Array,
    b: Array,
}

impl Layer {
    fn new(key: &random::Key, shape: &[usize]) -> Layer {
        let (features, inputs) = shape.split_last().expect("a shape");
        let scale = (2.0 / inputs.iter().product::<usize>() as f64).sqrt();
        Layer { w: random::normal(key, shape, DType::F32) * scale, b: zeros([*features]) }
    }

    /// `[n, h, w, from] -> [n, h / 2, w / 2, to]`.
    fn convolve(&self, x: &Array) -> Array {
        let axes = ConvAxes::of("NHWC", "HWIO", "NHWC").expect("an order of axes");
        let options = ConvOptions::new().borders(Borders::Same).axes(axes);
        let y = nn::relu(lax::conv_general_dilated(x, &self.w, &options) + &self.b);
        nn::max_pool(&y, &[2, 2], &[2, 2], Borders::Valid)
    }
}

impl Network {
    fn new(key: &random::Key) -> Network {
        let [a, b, c] = random::split(key);
        let [near, far] = CHANNELS;
        Network {
            near: Layer::new(&a, &[3, 3, 1, near]),
            far: Layer::new(&b, &[3, 3, near, far]),
            head: Layer::new(&c, &[SIDE / 4 * (SIDE / 4) * far, CLASSES]),
        }
    }

    /// Images `[n, 8, 8]` to `[n, 10]`, one score per class.
    fn scores(&self, x: &Array) -> Array {
        let x = self.far.convolve(&self.near.convolve(&x.expand_dims(3)));
        x.reshape([x.shape()[0] as i64, -1]).matmul(&self.head.w) + &self.head.b
    }
}

fn loss(network: Network, x: Array, y: Array) -> Array {
    let log_p = nn::log_softmax(network.scores(&x), -1);
    -log_p.take_along_axis(y.expand_dims(1), 1).mean()
}

/// Every image moved by up to a pixel in either direction, with black at the edges.
fn moved(key: &random::Key, x: &Array) -> Array {
    let shifts = random::randint(key, [x.shape()[0], 2], DType::I32, 0, 3);
    let one = |image: Array, shift: Array| {
        let wide = image.pad([(1, 1), (1, 1)], 0.0);
        lax::dynamic_slice(&wide, &[shift.index(0), shift.index(1)], &[SIDE, SIDE])
    };
    vmap(one)(x.clone(), shifts)
}

/// Images `f32[n, 8, 8]` from 0 to 1, labels `i32[n]`.
fn load() -> (Array, Array) {
    let mut text = String::new();
    let packed = &include_bytes!("data/digits.csv.gz")[..];
    GzDecoder::new(packed).read_to_string(&mut text).expect("the embedded data unpacks");
    let (mut pixels, mut labels) = (Vec::<f32>::new(), Vec::<i32>::new());
    for line in text.lines() {
        let row: Vec<i32> = line.split(',').map(|f| f.parse().expect("a number")).collect();
        pixels.extend(row[..64].iter().map(|p| *p as f32 / 16.0));
        labels.push(row[64]);
    }
    (Array::new(&pixels, [labels.len(), SIDE, SIDE]), Array::from_vec(labels))
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let (x, y) = load();
    let order = random::permutation(&random::key(1), y.size());
    let (x, y) = (x.take(&order, 0), y.take(&order, 0));
    let (test_x, test_y) = (x.index(..HELD_OUT), y.index(..HELD_OUT));
    let (x, y) = (x.index(HELD_OUT..), y.index(HELD_OUT..));
    let n = y.size();

    let steps = (EPOCHS * (n / BATCH)) as i32;
    let rate = schedule::warmup_cosine(0.0, 8e-3, steps / 10, steps, 0.0);
    let decay = Mask::new(|_, p| p.ndim() > 1);
    let optimiser = adamw_with(rate, 0.05, AdamOptions::default(), decay);
    let mut network = Network::new(&random::key(2));
    let weights: usize = tree_leaves(&network).iter().map(Array::size).sum();
    println!("{weights} weights, {n} digits of 8x8, {HELD_OUT} held out");

    let mut state = optimiser.init(&network);
    let step = jit(move |network: Network, state, key: random::Key, x: Array, y: Array| {
        let (value, gradient) = value_and_grad(loss)(network.clone(), moved(&key, &x), y);
        let (updates, state) = optimiser.update(gradient, state, &network);
        (apply_updates(network, updates), state, value)
    });
    for epoch in 0..EPOCHS {
        let [a, b] = random::split(&random::fold_in(&random::key(3), epoch as u32));
        let order = random::permutation(&a, n);
        let mut total = 0.0;
        for batch in 0..n / BATCH {
            let rows = order.index(batch * BATCH..(batch + 1) * BATCH);
            let key = random::fold_in(&b, batch as u32);
            let value;
            (network, state, value) = step(network, state, key, x.take(&rows, 0), y.take(&rows, 0));
            total += value.item::<f32>();
        }
        if epoch % 15 == 14 {
            println!("epoch {:2}: loss {:.4}", epoch + 1, total / (n / BATCH) as f32);
        }
    }

    let read = jit(|n: Network, x: Array| n.scores(&x).argmax_axis(-1));
    let right = |x: Array| {
        let guesses = read(network.clone(), x);
        100.0 * guesses.eq(&test_y).astype(DType::F32).mean().to_f64()
    };
    let (still, shifted) = (right(test_x.clone()), right(moved(&random::key(4), &test_x)));
    println!("held-out accuracy {still:.1}%, moved by a pixel {shifted:.1}%");
    assert!(still > 96.0 && shifted > 94.0, "it should read digits, also beside their place");
    Ok(())
}
