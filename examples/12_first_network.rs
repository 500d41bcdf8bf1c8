//! The network that every framework shows first, 784-128-10, trained, saved, loaded and trained on.
//!
//! `cargo run --release --example 12_first_network` trains with AdamW under a warm-up and a cosine,
//! saves parameters and optimiser in the middle as safetensors, and shows that going on from the
//! file gives the same bits.
//!
//! Images: the 8x8 handwritten digits by E. Alpaydin and C. Kaynak (UCI Machine Learning
//! Repository, CC BY 4.0), embedded and drawn larger to 28x28, since MNIST is not here.

use cotangent::optim::{
    AdamOptions, Mask, State, Transform, adamw_with, apply_updates, chain, clip_by_global_norm,
    schedule,
};
use cotangent::prelude::*;
use cotangent::{io, nn, random};
use flate2::read::GzDecoder;
use std::io::Read;

const SIDE: usize = 28;
const CLASSES: usize = 10;
const BATCH: usize = 64;
const HELD_OUT: usize = 359;
const EPOCHS: usize = 24;

#[derive(Clone, Pytree)]
struct Network {
    layers: Vec<Layer>,
}

#[derive(Clone, Pytree)]
struct Layer {
    w: Array,
    b: Array,
}

impl Network {
    fn new(key: &random::Key) -> Network {
        let [a, b] = random::split(key);
        let layer = |key, n: usize, m: usize| Layer {
            w: random::normal(key, [n, m], DType::F32) * (2.0 / n as f64).sqrt(),
            b: zeros([m]),
        };
        Network { layers: vec![layer(&a, SIDE * SIDE, 128), layer(&b, 128, CLASSES)] }
    }

    fn scores(&self, x: Array) -> Array {
        let [first, second] = &self.layers[..] else { panic!("two layers") };
        nn::relu(x.matmul(&first.w) + &first.b).matmul(&second.w) + &second.b
    }
}

fn loss(network: Network, x: Array, y: Array) -> Array {
    let log_p = nn::log_softmax(network.scores(x), -1);
    -log_p.take_along_axis(y.expand_dims(1), 1).mean()
}

/// Images `f32[n, 784]`, labels `i32[n]`.
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
    let n = labels.len();
    // Each of 28 lines is a mixture of the two nearest of 8.
    let at = (arange(SIDE as i32).astype(DType::F32) + 0.5) * (8.0 / SIDE as f64) - 0.5;
    let apart = (at.expand_dims(1) - arange(8).astype(DType::F32)).abs();
    let mix = (1.0 - apart).maximum(0.0);
    let larger = einsum("ia,nab,jb->nij", [&mix, &Array::new(&pixels, [n, 8, 8]), &mix]);
    (larger.reshape([n as i64, -1]), Array::from_vec(labels))
}

/// Everything that training goes on from.
#[derive(Clone, Pytree)]
struct Training {
    network: Network,
    optimiser: State,
    epoch: Array,
}

type Step =
    Func<'static, (Own<Network>, Own<State>, Own<Array>, Own<Array>), (Network, State, Array)>;

fn step(optimiser: Transform) -> Step {
    jit(move |network: Network, state: State, x: Array, y: Array| {
        let (value, gradient) = value_and_grad(loss)(network.clone(), x, y);
        let (updates, state) = optimiser.update(gradient, state, &network);
        (apply_updates(network, updates), state, value)
    })
}

/// Trains until an epoch; every one has an order of its own, so that it does not matter where one
/// begins.
fn train(step: &Step, mut t: Training, until: usize, x: &Array, y: &Array, tell: bool) -> Training {
    let n = y.size();
    for epoch in t.epoch.item::<i32>() as usize..until {
        let order = random::permutation(&random::fold_in(&random::key(3), epoch as u32), n);
        let mut total = 0.0;
        for batch in 0..n / BATCH {
            let rows = order.index(batch * BATCH..(batch + 1) * BATCH);
            let value;
            (t.network, t.optimiser, value) =
                step(t.network, t.optimiser, x.take(&rows, 0), y.take(&rows, 0));
            total += value.item::<f32>();
        }
        t.epoch = Array::scalar(epoch as i32 + 1);
        if tell && epoch % 6 == 5 {
            println!("epoch {:2}: loss {:.4}", epoch + 1, total / (n / BATCH) as f32);
        }
    }
    t
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let (x, y) = load();
    let order = random::permutation(&random::key(1), y.size());
    let (x, y) = (x.take(&order, 0), y.take(&order, 0));
    let (test_x, test_y) = (x.index(..HELD_OUT), y.index(..HELD_OUT));
    let (x, y) = (x.index(HELD_OUT..), y.index(HELD_OUT..));
    println!(
        "784-128-10 on {} digits of 8x8 drawn larger (MNIST is not here), {HELD_OUT} held out",
        y.size()
    );

    let steps = (EPOCHS * (y.size() / BATCH)) as i32;
    let rate = schedule::warmup_cosine(0.0, 4e-3, steps / 10, steps, 0.0);
    // Matrices decay, biases do not.
    let decay = Mask::new(|_, p| p.ndim() > 1);
    let adamw = adamw_with(rate, 0.1, AdamOptions::default(), decay);
    let optimiser = chain([clip_by_global_norm(1.0), adamw]);
    let network = Network::new(&random::key(2));
    let state = optimiser.init(&network);
    let start = Training { network, optimiser: state, epoch: Array::scalar(0i32) };
    let step = step(optimiser);

    let half = train(&step, start.clone(), EPOCHS / 2, &x, &y, true);
    let path =
        std::env::temp_dir().join(format!("first_network_{}.safetensors", std::process::id()));
    io::save_pytree(&path, &half)?;
    let whole = train(&step, half, EPOCHS, &x, &y, true);

    // What was saved, by name; loaded into types alone.
    let names = io::leaf_names(&start);
    println!(
        "saved {} arrays: {}, {}, .., {}",
        names.len(),
        names[0],
        names[1],
        names[names.len() - 1]
    );
    let loaded = io::load_pytree(&path, &shape_dtypes(&start))?;
    std::fs::remove_file(&path).ok();
    assert_eq!(loaded.epoch.item::<i32>() as usize, EPOCHS / 2);
    let again = train(&step, loaded, EPOCHS, &x, &y, false);
    let bits = |t: &Training| -> Vec<Vec<u8>> {
        tree_leaves(t).iter().map(|x| x.to_bytes().expect("a value")).collect()
    };
    assert!(bits(&whole) == bits(&again), "going on from the file gives the same bits");
    println!("going on from the file gives the same bits");

    let guesses = jit(|n: Network, x: Array| n.scores(x).argmax_axis(-1))(whole.network, test_x);
    let right = guesses.eq(&test_y).astype(DType::F32).mean().to_f64();
    println!("held-out accuracy {:.1}%", 100.0 * right);
    assert!(right > 0.96, "it should read digits");
    Ok(())
}
