//! A gradient for every example, and what clipping each is good for: no single example can pull the
//! fit far.
//!
//! `cargo run --release --example 10_private_gradients` fits a line to data of which some are
//! grossly wrong, once with the gradient of the mean and once with the mean of clipped gradients
//! plus noise, as differentially private training has it (Abadi and others, 2016), and prints how
//! far each ends from the truth; it writes `private_gradients.svg`.
//!
//! `vmap(grad(loss))` gives all gradients in one pass; the clip of one is a function of one, mapped
//! as well.

use cotangent::optim::{self, apply_updates, clip_by_global_norm, global_norm, sgd};
use cotangent::plot::Plot;
use cotangent::prelude::*;
use cotangent::random::{self, Key};

const EXAMPLES: usize = 1_000;
const WRONG: usize = 30;
const STEPS: usize = 400;
const LIMIT: f64 = 0.5;
/// Standard deviation of the noise, in units of the limit.
const NOISE: f64 = 1.0;

#[derive(Clone, Pytree)]
struct Line {
    w: Array,
    b: Array,
}

/// `y = 2 x_0 - x_1 + 0.5`, but for the first few.
fn data() -> (Array, Array) {
    let [a, b] = random::split(&random::key(10));
    let x = random::normal(&a, [EXAMPLES, 2], DType::F32);
    let noise = random::normal(&b, [EXAMPLES], DType::F32) * 0.1;
    let y = x.matmul(&array![2.0, -1.0]) + 0.5 + noise;
    let wrong = arange(EXAMPLES as i32).lt(WRONG as i32);
    (x, wrong.select(100.0, y))
}

/// Of one example.
fn loss(line: Line, x: Array, y: Array) -> Array {
    (x.dot(&line.w) + &line.b - y).square() * 0.5
}

fn mean(gradients: Line) -> Line {
    tree_map(|g| g.mean_axis(0), gradients)
}

/// Each gradient scaled to a norm of the limit at most, the mean of them, and noise that hides any
/// one example.
fn private(gradients: Line, key: &Key) -> Line {
    let clip = clip_by_global_norm(LIMIT);
    let clipped = vmap(|g: Line| clip.update(g.clone(), clip.init(&g), &g).0)(gradients);
    let [a, b] = random::split(key);
    let scale = NOISE * LIMIT / EXAMPLES as f64;
    let noisy = |g: Array, key: &Key| {
        let shape: Vec<i64> = g.shape().iter().map(|n| *n as i64).collect();
        &g + random::normal(key, &shape[..], DType::F32) * scale
    };
    let Line { w, b: bias } = mean(clipped);
    Line { w: noisy(w, &a), b: noisy(bias, &b) }
}

/// How far a fit is from the truth.
fn distance(line: &Line) -> f32 {
    let off = Line { w: &line.w - array![2.0, -1.0], b: &line.b - 0.5 };
    global_norm(&off).item()
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let (x, y) = data();
    let start = Line { w: zeros([2]), b: Array::from(0.0f32) };
    let per_example = vmap_axes(grad(loss), (None, 0, 0));

    // All gradients at once add up to the gradient of the sum.
    let each = per_example(start.clone(), x.clone(), y.clone());
    assert_eq!((each.w.shape(), each.b.shape()), (&[EXAMPLES, 2][..], &[EXAMPLES][..]));
    let total = |line: Line| vmap_axes(loss, (None, 0, 0))(line, x.clone(), y.clone()).mean();
    let whole = grad(total)(start.clone());
    let off = tree_map2(|a, b| a - b, mean(each.clone()), whole);
    assert!(global_norm(&off).item::<f32>() < 1e-4, "sum and derivative change places");

    let norms = vmap(|g: Line| global_norm(&g))(each);
    let (usual, largest) = (norms.sort(0).index(EXAMPLES as i64 / 2), norms.max());
    println!(
        "norms of single gradients: {:.1} in the middle, {:.0} at most",
        usual.to_f64(),
        largest.to_f64()
    );
    let plot = Plot::new("norms of the gradients of 1,000 examples")
        .x_label("logarithm of the norm, base 10")
        .y_label("examples")
        .histogram("examples", norms.log10(), 60)
        .vertical("what clipping leaves at most", LIMIT.log10());
    if let Err(e) = plot.picture().save("private_gradients.svg") {
        println!("could not write private_gradients.svg: {e}");
    }

    for clipped in [false, true] {
        let descent = sgd(optim::schedule::cosine(0.5, 0.0, STEPS as i32));
        let step = |(line, state): (Line, optim::State), key: Key| {
            let each = per_example(line.clone(), x.clone(), y.clone());
            let g = if clipped { private(each, &key) } else { mean(each) };
            let (updates, state) = descent.update(g, state, &line);
            ((apply_updates(line, updates), state), ())
        };
        let carry = (start.clone(), descent.init(&start));
        let ((line, _), ()) = scan(step, carry, random::keys(&random::key(11), STEPS));
        let far = distance(&line);
        println!("{:<9} {far:.2} from the truth", if clipped { "clipped:" } else { "as it is:" });
        assert_eq!(far < 0.2, clipped, "clipping should help, and only clipping");
    }
    Ok(())
}
