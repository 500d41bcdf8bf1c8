//! Newton's method: the Hessian of a logistic regression says where its minimum is, and how well
//! the data know it.
//!
//! `cargo run --release --example 09_newton` prints the steps, whose digits double at the end, and
//! the weights found with their standard errors, beside those that the data were made with.
//!
//! The Hessian is one call, forward over reverse mode; gradient, Hessian and the linear equation
//! are one compiled step.

use cotangent::nn;
use cotangent::prelude::*;
use cotangent::random;
use cotangent::root::{KrylovOptions, cg};

const POINTS: usize = 2_000;
const TRUTH: [f64; 5] = [1.5, -2.0, 0.7, 0.0, -0.4];

/// Points `f64[2000, 5]` (a constant last), and labels drawn as their weights say.
fn data() -> (Array, Array) {
    let [a, b] = random::split(&random::key(9));
    let x = random::normal(&a, [POINTS, 4], DType::F64);
    let x = concatenate(&[x, ones_dtype([POINTS, 1], DType::F64)], 1);
    let chance = x.matmul(array![TRUTH].ravel()).sigmoid();
    let y = random::uniform(&b, [POINTS], DType::F64, 0.0, 1.0).lt(&chance);
    (x, y.astype(DType::F64))
}

/// The negative log likelihood.
fn loss(w: &Array, x: &Array, y: &Array) -> Array {
    let score = x.matmul(w);
    (nn::softplus(&score) - y * score).sum()
}

/// `h⁻¹ b` of a positive matrix.
fn solve(h: &Array, b: Array) -> Array {
    let options = KrylovOptions { tolerance: 1e-15, ..KrylovOptions::default() };
    cg(|v: Array| h.matmul(&v), b, options).x
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let (x, y) = data();
    let f = |w: Array| loss(&w, &x, &y);
    let newton = jit(|w: Array| {
        let (value, g) = value_and_grad(f)(w.clone());
        let next = &w - solve(&hessian(f)(w.clone()), g.clone());
        (next, value, g.square().sum().sqrt())
    });

    let mut w = zeros_dtype([TRUTH.len()], DType::F64);
    let mut slopes = Vec::new();
    println!("step           loss     gradient");
    for step in 0..8 {
        let (next, value, slope) = newton(w);
        w = next;
        println!("{step:4} {:14.6} {:12.1e}", value.item::<f64>(), slope.item::<f64>());
        slopes.push(slope.item::<f64>());
    }
    let last = slopes[slopes.len() - 1];
    assert!(last < 1e-9, "Newton's method should end at a minimum: {slopes:?}");
    // Near the minimum an error is about the square of the one before, times a constant.
    let squared = |w: &[f64]| w[1] <= w[0] * w[0] || w[1] < 1e-9;
    assert!(slopes[3..].windows(2).all(squared), "convergence should be quadratic: {slopes:?}");

    // The inverse of the Hessian is the covariance of the weights.
    let h = hessian(f)(w.clone());
    let covariance = vmap(|e: Array| solve(&h, e))(eye_dtype(TRUTH.len(), DType::F64));
    let errors = covariance.diag(0).sqrt().to_vec::<f64>();
    println!("\n  truth    found  standard error");
    for ((truth, found), error) in TRUTH.iter().zip(w.to_vec::<f64>()).zip(errors) {
        println!("{truth:7.2} {found:8.3} {error:8.3}");
        assert!((truth - found).abs() < 3.5 * error, "the truth should be near");
    }
    Ok(())
}
