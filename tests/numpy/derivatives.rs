//! Gradients of methods in closed form, with literals and kinks in them, once and twice.

use cotangent::nn;
use cotangent::prelude::*;

/// `f` applied elementwise to f64s, its first derivative and its second.
fn up_to_second(f: fn(Array) -> Array, x: &[f64]) -> [Vec<f64>; 3] {
    let x = Array::from_slice(x);
    let d = grad(move |x: Array| f(x).sum());
    let dd = grad(move |x: Array| grad(move |x: Array| f(x).sum())(x).sum());
    [f(x.clone()).to_vec(), d(x.clone()).to_vec(), dd(x).to_vec()]
}

#[track_caller]
fn agrees(f: fn(Array) -> Array, x: &[f64], closed: [fn(f64) -> f64; 3]) {
    for (order, (got, closed)) in up_to_second(f, x).iter().zip(closed).enumerate() {
        for (x, got) in x.iter().zip(got) {
            let expected = closed(*x);
            let error = (got - expected).abs();
            assert!(
                error <= 1e-12 * (1.0 + expected.abs()),
                "{order}: f({x}) is {got}, not {expected}"
            );
        }
    }
}

#[test]
fn with_literals() {
    let x = [-1.5, 0.5, 2.0];
    agrees(|x| 2.0 * x - 1, &x, [|x| 2.0 * x - 1.0, |_| 2.0, |_| 0.0]);
    agrees(|x| 2 / x, &x, [|x| 2.0 / x, |x| -2.0 / (x * x), |x| 4.0 / (x * x * x)]);
    agrees(|x| x.pow(3), &x, [|x| x * x * x, |x| 3.0 * x * x, |x| 6.0 * x]);
    agrees(|x| x.pow(-1), &x, [|x| 1.0 / x, |x| -1.0 / (x * x), |x| 2.0 / (x * x * x)]);
    let above = [0.5, 2.0];
    agrees(
        |x| x.pow(1.5),
        &above,
        [|x| x.powf(1.5), |x| 1.5 * x.powf(0.5), |x| 0.75 * x.powf(-0.5)],
    );
    agrees(
        |x| Array::scalar(2.0f64).pow(x),
        &x,
        [
            |x| x.exp2(),
            |x| x.exp2() * std::f64::consts::LN_2,
            |x| x.exp2() * std::f64::consts::LN_2.powi(2),
        ],
    );
    agrees(
        |x| x.clip(-1.0, 1.0),
        &x,
        [|x| x.clamp(-1.0, 1.0), |x| f64::from(x.abs() < 1.0), |_| 0.0],
    );
    agrees(
        |x| x.gt(0.0).select(x.square(), 3),
        &x,
        [
            |x| if x > 0.0 { x * x } else { 3.0 },
            |x| if x > 0.0 { 2.0 * x } else { 0.0 },
            |x| if x > 0.0 { 2.0 } else { 0.0 },
        ],
    );
}

#[test]
fn at_kinks_and_ties() {
    let d = |f: fn(Array) -> Array, x: f64| grad(move |x: Array| f(x))(Array::scalar(x)).to_f64();
    assert_eq!(d(|x| x.maximum(0.0), 0.0), 0.5);
    assert_eq!(d(|x| nn::relu(&x), 0.0), 0.0);
    assert_eq!(d(|x| x.abs(), 0.0), 0.0);
    assert_eq!(d(|x| x.pow(0.0), 0.0), 0.0);
    assert_eq!(d(|x| x.pow(2.0), 0.0), 0.0);
    let g = grad(|x: Array| x.max())(array![3.0, 1.0, 3.0]);
    assert_eq!(g.to_vec::<f32>(), [0.5, 0.0, 0.5]);
}

#[test]
fn of_products_with_zeros() {
    let g = |x: Array| grad(|x: Array| x.prod())(x).to_vec::<f32>();
    assert_eq!(g(array![2.0, 3.0, 4.0]), [12.0, 8.0, 6.0]);
    assert_eq!(g(array![2.0, 0.0, 4.0]), [0.0, 8.0, 0.0]);
    assert_eq!(g(array![0.0, 0.0, 4.0]), [0.0, 0.0, 0.0]);
    let h = hessian(|x: Array| x.prod())(array![2.0, 0.0, 4.0, 5.0]);
    let expected = [[0, 20, 0, 0], [20, 0, 10, 8], [0, 10, 0, 0], [0, 8, 0, 0]];
    assert_eq!(h.to_vec::<f32>(), expected.concat().iter().map(|x| *x as f32).collect::<Vec<_>>());
}

#[test]
fn of_softmax_and_its_kin() {
    let x = array![1.0, 2.0, 3.0].astype(DType::F64);
    let p = nn::softmax(&x, 0).to_vec::<f64>();
    let g = grad(|x: Array| nn::logsumexp(&x, 0))(x.clone()).to_vec::<f64>();
    let j = jacrev(|x: Array| nn::softmax(&x, 0))(x).to_vec::<f64>();
    for i in 0..3 {
        assert!((g[i] - p[i]).abs() < 1e-15);
        for k in 0..3 {
            let expected = p[i] * (f64::from(i == k) - p[k]);
            assert!((j[3 * i + k] - expected).abs() < 1e-15);
        }
    }
}

#[test]
fn of_spread() {
    let x = array![1.0, 2.0, 6.0].astype(DType::F64);
    let g = grad(|x: Array| x.var())(x.clone()).to_vec::<f64>();
    assert_eq!(g, [-4.0 / 3.0, -2.0 / 3.0, 2.0]);
    let g = vmap(grad(|x: Array| x.std()))(stack(&[x.clone(), 2.0 * x], 0));
    assert_eq!(g.shape(), [2, 3]);
    let rows = g.to_vec::<f64>();
    assert!((0..3).all(|i| (rows[i] - rows[3 + i]).abs() < 1e-14), "{rows:?}");
}
