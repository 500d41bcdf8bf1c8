//! Trains a small network to read handwritten digits, start to finish in one compiled step.
//!
//! `cargo run --release --example digits` prints the jaxpr of a tiny loss and of its gradient,
//! trains with five seeds, writes `digits_loss.svg` and `digits_misread.svg`, and ends with the
//! accuracy on images that it never saw.
//!
//! Data: optical recognition of handwritten digits, 1,797 images of 8x8, by E. Alpaydin and C.
//! Kaynak (UCI Machine Learning Repository, CC BY 4.0), embedded.

use cotangent::plot::{ColourMap, Image, Plot, images};
use cotangent::prelude::*;
use cotangent::{nn, random};
use flate2::read::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Read;
use std::time::{Duration, Instant};

const PIXELS: usize = 64;
const HIDDEN: usize = 192;
const CLASSES: usize = 10;
const BATCH: usize = 96;
const EPOCHS: usize = 60;
const SEEDS: u64 = 5;
const NOISE: f64 = 0.1;

/// Weights and biases of two layers.
#[derive(Clone, Pytree)]
struct Network {
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
}

impl Network {
    fn new(key: &random::Key) -> Network {
        let [k1, k2] = random::split(key);
        let normal = |key, n, m| random::normal(key, [n, m], DType::F32) * (2.0 / n as f64).sqrt();
        Network {
            w1: normal(&k1, PIXELS, HIDDEN),
            b1: zeros([HIDDEN]),
            w2: normal(&k2, HIDDEN, CLASSES),
            b2: zeros([CLASSES]),
        }
    }

    /// `[images, 64] -> [images, 10]`: one score per class.
    fn scores(&self, x: &Array) -> Array {
        let hidden = nn::relu(x.matmul(&self.w1) + &self.b1);
        hidden.matmul(&self.w2) + &self.b2
    }
}

/// Mean cross entropy.
fn loss(network: Network, x: Array, y: Array) -> Array {
    let log_p = nn::log_softmax(network.scores(&x), -1);
    -(log_p * nn::one_hot(&y, CLASSES, DType::F32)).sum_axis(-1).mean()
}

/// What Adam remembers: the step, and the running mean and mean square of the gradient.
#[derive(Clone, Pytree)]
struct Adam {
    step: Array,
    mean: Network,
    square: Network,
}

/// One step of Adam with decoupled weight decay (Loshchilov and Hutter, 2019); the rate falls along
/// a half cosine.
fn adam(state: Adam, network: Network, gradient: Network, steps: usize) -> (Adam, Network) {
    let step = state.step + 1.0;
    let mean = tree_map2(|m, g| m * 0.9 + g * 0.1, state.mean, gradient.clone());
    let square = tree_map2(|s, g| s * 0.99 + &g * &g * 0.01, state.square, gradient);
    let progress = &step / steps as f64;
    let rate = ((progress * std::f64::consts::PI).cos() + 1.0) * 0.0025;
    let power = |base: f64| (&step * base.ln()).exp();
    let (mean_bias, square_bias) = (1.0 - power(0.9), 1.0 - power(0.99));
    let update = |w: Array, m: Array, s: Array| {
        let direction = (m / &mean_bias) / ((s / &square_bias).sqrt() + 1e-8);
        &w - (direction + &w * 0.02) * &rate
    };
    let network = tree_map3(update, network, mean.clone(), square.clone());
    (Adam { step, mean, square }, network)
}

struct Digits {
    images: Array,
    labels: Array,
}

struct Outcome {
    losses: Vec<f64>,
    accuracy: f64,
    misread: Vec<Image>,
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    show_a_tiny_gradient();
    let data = load();
    let n = data.labels.size();
    let held_out = n / 5;
    let per_epoch = (n - held_out) / BATCH;
    let steps = EPOCHS * per_epoch;
    println!(
        "{} images to learn from, {held_out} held out, {SEEDS} seeds of {steps} steps\n",
        n - held_out
    );

    let train = jit(
        move |network: Network, state: Adam, x: Array, y: Array, rows: Array, key: random::Key| {
            // A little noise on every image it sees keeps it from learning the images by heart.
            let noise = random::normal(&key, [BATCH, PIXELS], DType::F32) * NOISE;
            let (x, y) = (x.take(&rows, 0) + noise, y.take(&rows, 0));
            let (value, gradient) = value_and_grad(loss)(network.clone(), x, y);
            let (state, network) = adam(state, network, gradient, steps);
            (network, state, value)
        },
    );
    let predict = jit(|network: Network, x: Array| network.scores(&x).argmax_axis(-1));

    let bar = ProgressBar::new(SEEDS * steps as u64).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {msg}").expect("a template"),
    );
    let (mut compile, mut running) = (Duration::ZERO, Duration::ZERO);
    let mut outcomes = Vec::new();
    for seed in 0..SEEDS {
        let [shuffle, init, mut epochs] = random::split(&random::key(seed));
        let order = random::permutation(&shuffle, n);
        let (x, y) = (data.images.take(&order, 0), data.labels.take(&order, 0));
        let (test_x, test_y) = (x.index(..held_out), y.index(..held_out));
        let (x, y) = (x.index(held_out..), y.index(held_out..));

        let mut network = Network::new(&init);
        let zeros = || tree_map(|w| zeros_like(&w), Network::new(&init));
        let mut state = Adam { step: Array::from(0.0f32), mean: zeros(), square: zeros() };
        let mut losses = Vec::new();
        for _ in 0..EPOCHS {
            let [next, now] = random::split(&epochs);
            epochs = next;
            let rows = random::permutation(&now, n - held_out);
            for b in 0..per_epoch {
                let batch = rows.index(b * BATCH..(b + 1) * BATCH);
                let before = Instant::now();
                let value;
                let key = random::fold_in(&now, b as u32);
                (network, state, value) = train(network, state, x.clone(), y.clone(), batch, key);
                let took = before.elapsed();
                if seed == 0 && losses.is_empty() {
                    compile = took
                } else {
                    running += took
                }
                losses.push(value.item::<f32>() as f64);
                bar.inc(1);
            }
            bar.set_message(format!("loss {:.4}", losses[losses.len() - 1]));
        }
        let guesses = predict(network, test_x.clone()).to_vec::<i32>();
        outcomes.push(judge(losses, &guesses, &test_x, &test_y.to_vec::<i32>()));
    }
    bar.finish_and_clear();

    draw(&outcomes[0]);
    let per_step = running / (SEEDS as u32 * steps as u32 - 1);
    println!("compile time {:.1} ms", compile.as_secs_f64() * 1e3);
    println!("time per step {:.0} us", per_step.as_secs_f64() * 1e6);
    for (seed, o) in outcomes.iter().enumerate() {
        let last = o.losses[o.losses.len() - 1];
        println!(
            "seed {seed}: last loss {last:.6}, held-out accuracy {:.1}%, losses {:016x}",
            100.0 * o.accuracy,
            fingerprint(&o.losses)
        );
    }
    let mean = outcomes.iter().map(|o| o.accuracy).sum::<f64>() / SEEDS as f64;
    println!("held-out accuracy {:.1}% (mean of {SEEDS} seeds)", 100.0 * mean);
    Ok(())
}

fn show_a_tiny_gradient() {
    let tiny = |w: Array, x: Array| (x.matmul(&w).tanh()).sum();
    let (w, x) = (array![0.5, -0.5, 0.25], array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    println!("a loss:\n{}\n", make_jaxpr(tiny)(w.clone(), x.clone()));
    println!("its gradient:\n{}\n", make_jaxpr(grad(tiny))(w, x));
}

fn load() -> Digits {
    let mut text = String::new();
    let packed = &include_bytes!("data/digits.csv.gz")[..];
    GzDecoder::new(packed).read_to_string(&mut text).expect("the embedded data unpacks");
    let (mut pixels, mut labels) = (Vec::<f32>::new(), Vec::<i32>::new());
    for line in text.lines() {
        let mut fields = line.split(',').map(|f| f.parse::<u8>().expect("a small number"));
        pixels.extend(fields.by_ref().take(PIXELS).map(|p| p as f32 / 16.0));
        labels.push(fields.next().expect("a label") as i32);
    }
    let n = labels.len();
    Digits { images: Array::new(&pixels, [n, PIXELS]), labels: Array::from_vec(labels) }
}

fn judge(losses: Vec<f64>, guesses: &[i32], x: &Array, truth: &[i32]) -> Outcome {
    let wrong: Vec<usize> = (0..truth.len()).filter(|i| guesses[*i] != truth[*i]).collect();
    let misread = wrong.iter().map(|i| {
        let digit = x.index(*i as i64).reshape([8, 8]);
        let caption = format!("{} read as {}", truth[*i], guesses[*i]);
        Image::within(digit, 0.0, 1.0, ColourMap::Grey).caption(&caption)
    });
    let accuracy = 1.0 - wrong.len() as f64 / truth.len() as f64;
    Outcome { losses, accuracy, misread: misread.collect() }
}

fn draw(o: &Outcome) {
    let steps: Vec<f64> = (0..o.losses.len()).map(|i| i as f64).collect();
    let plot = Plot::new("loss of the digits network").x_label("step").y_label("loss").log_y();
    let files = [
        ("digits_loss.svg", plot.line("seed 0", &steps, &o.losses).picture()),
        ("digits_misread.svg", images("held-out digits that seed 0 misreads", &o.misread, 6)),
    ];
    for (name, picture) in files {
        match picture.save(name) {
            Ok(()) => println!("wrote {name}"),
            Err(e) => println!("could not write {name}: {e}"),
        }
    }
}

/// A hash (FNV-1a) of the exact bits of all losses: equal on every run, whatever the number of
/// threads.
fn fingerprint(losses: &[f64]) -> u64 {
    let bytes = losses.iter().flat_map(|l| l.to_bits().to_be_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ b as u64).wrapping_mul(0x100_0000_01b3))
}
