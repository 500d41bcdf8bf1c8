//! `map`, `map_batched` and `associative_scan` against plain loops.

use super::close;
use cotangent::api::control::{try_associative_scan, try_map, try_map_batched};
use cotangent::prelude::*;

fn line(n: usize) -> Array {
    Array::from_vec((0..n).map(|i| 0.3 + (i as f64 * 0.7).sin()).collect::<Vec<f64>>())
}

#[test]
fn maps_are_loops() {
    for n in [0, 1, 2, 5, 6, 7] {
        let (x, y) = (line(n), line(n) * 2.0);
        let f = |(x, y): (Array, Array)| (x.sin() * &y, &x + &y);
        let (a, b) = vmap(f)((x.clone(), y.clone()));
        let (a, b) = (a.to_vec::<f64>(), b.to_vec::<f64>());
        let (p, q) = map(f, (x.clone(), y.clone()));
        close(&p, &a, 1e-15);
        close(&q, &b, 1e-15);
        for size in [1, 2, 3, 6, 100] {
            let (p, q) = map_batched(size, f, (x.clone(), y.clone()));
            close(&p, &a, 1e-15);
            close(&q, &b, 1e-15);
            let slope = grad(|x: Array| map_batched(size, |x: Array| x.sin(), x).sum())(x.clone());
            close(&slope, &x.to_vec::<f64>().iter().map(|x| x.cos()).collect::<Vec<_>>(), 1e-15);
        }
    }
    let twice = vmap(|x: Array| map(|x: Array| x * 2.0, x))(array![[1.0, 2.0], [3.0, 4.0]]);
    close(&twice, &[2.0, 4.0, 6.0, 8.0], 0.0);
}

#[test]
fn prefixes_of_any_length() {
    for n in (0..20).chain([31, 32, 33, 100]) {
        let x = line(n);
        let values = x.to_vec::<f64>();
        let product = |x: &[f64]| {
            x.iter()
                .scan(1.0, |p, x| {
                    *p *= x;
                    Some(*p)
                })
                .collect::<Vec<f64>>()
        };
        close(&associative_scan(|a: Array, b: Array| a * b, x.clone()), &product(&values), 1e-13);
        let mut turned = values.clone();
        turned.reverse();
        let mut expected = product(&turned);
        expected.reverse();
        let options = AssociativeScanOptions { reverse: true, axis: 0 };
        close(&associative_scan_with(|a: Array, b: Array| a * b, x, options), &expected, 1e-13);
    }
}

/// Maps `x -> a x + b`, applied one after the other: not commutative.
fn compose((a, b): (Array, Array), (c, d): (Array, Array)) -> (Array, Array) {
    (&c * a, c * b + d)
}

#[test]
fn operations_that_do_not_commute_on_pytrees_along_any_axis() {
    for n in [1, 2, 3, 6, 7, 16] {
        let (a, b) = (line(2 * n).reshape([2, n]), (line(2 * n) * 3.0).reshape([2, n]));
        for reverse in [false, true] {
            let options = AssociativeScanOptions { reverse, axis: 1 };
            let (_, x) = associative_scan_with(compose, (a.clone(), b.clone()), options);
            let (a, b) = (a.to_vec::<f64>(), b.to_vec::<f64>());
            let mut expected = vec![0.0; 2 * n];
            for row in 0..2 {
                if reverse {
                    // y[i] = f_{n-1} . ... . f_i, the last element first: the constant of x ->
                    // f_i(...(f_{n-1}(x))).
                    for i in 0..n {
                        expected[row * n + i] =
                            (i..n).rev().fold(0.0, |x, k| a[row * n + k] * x + b[row * n + k]);
                    }
                } else {
                    let mut x = 0.0;
                    for i in row * n..(row + 1) * n {
                        x = a[i] * x + b[i];
                        expected[i] = x;
                    }
                }
            }
            close(&x, &expected, 1e-13);
        }
    }
}

#[test]
fn prefixes_differentiate_batch_and_have_logarithmic_depth() {
    let f = |a: Array| associative_scan(compose, (a.clone(), a)).1.sum();
    let g = |a: Array| {
        let step = |x: Array, a: Array| {
            let x = &a * x + a;
            (x.clone(), x)
        };
        scan(step, Array::scalar(0f64), a).1.sum()
    };
    let expected = |x: Array| x.to_vec::<f64>();
    close(&grad(f)(line(7)), &expected(grad(g)(line(7))), 1e-12);
    close(&hessian(f)(line(5)), &expected(hessian(g)(line(5))), 1e-12);
    let rows = || line(12).reshape([2, 6]);
    close(&jit(vmap(grad(f)))(rows()), &expected(vmap(grad(g))(rows())), 1e-12);
    let eqns = |n| {
        make_jaxpr(|x: Array| associative_scan(|a: Array, b: Array| a * b, x))(line(n))
            .jaxpr
            .eqns
            .len()
    };
    let growth: Vec<usize> = [16, 32, 64, 128].map(eqns).windows(2).map(|w| w[1] - w[0]).collect();
    assert!(growth.iter().all(|g| *g == growth[0] && *g < 20), "{growth:?}");
}

#[test]
fn errors_name_the_leaf() {
    let e = try_associative_scan(compose, (line(3), line(4)), AssociativeScanOptions::default());
    assert_eq!(
        e.unwrap_err().message(),
        "associative_scan: `elems.0` has 3 elements along axis 0, `elems.1` (f64[4]) has 4"
    );
    let e = try_associative_scan(
        |a: Array, b: Array| a + b,
        Array::scalar(1f64),
        AssociativeScanOptions::default(),
    );
    assert_eq!(
        e.unwrap_err().message(),
        "associative_scan: `elems` (f64[]) has no axis 0 to scan along"
    );
    let e = try_associative_scan(
        |a: Array, b: Array| (a + b).astype(DType::F32),
        line(4),
        AssociativeScanOptions::default(),
    );
    assert_eq!(
        e.unwrap_err().message(),
        "associative_scan: the operation should return f64[2] at `result`, as it takes, got f32[2]"
    );
    let e = try_map(|x: Array| x, Array::scalar(1f64));
    assert_eq!(
        e.unwrap_err().message(),
        "map: `xs` is a scalar, f64[], with no axis to step along; capture it, or put it into the \
         carry"
    );
    let e = try_map_batched(0, |x: Array| x, line(3));
    assert_eq!(e.unwrap_err().message(), "map_batched: the batch size should be at least 1, got 0");
}

/// Values of JAX, of an operation that is not associative, so that they tell which operands meet,
/// and in which order.
#[test]
fn operands_meet_in_the_order_of_jax() {
    let expected: [(&[f64], &[f64]); 10] = [
        (&[], &[]),
        (&[0.375], &[0.375]),
        (&[0.375, 0.0], &[0.5625, 0.75]),
        (&[0.375, 0.0, 0.5], &[-1.5625, -1.375, -1.0]),
        (&[0.375, 0.0, 0.5, 0.34375], &[-0.40625, -0.5, -0.125, -0.625]),
        (&[0.375, 0.0, 0.5, 0.34375, 0.46875], &[0.5625, 0.75, 0.5625, 0.0625, -0.25]),
        (
            &[0.375, 0.0, 0.5, 0.34375, 0.46875, 0.5],
            &[0.03125, -0.0625, 0.3125, 0.5625, 0.25, 0.125],
        ),
        (
            &[0.375, 0.0, 0.5, 0.34375, 0.46875, 0.5, 0.25],
            &[0.90625, 1.09375, 0.90625, 0.40625, 0.5625, 0.4375, 0.5],
        ),
        (
            &[0.375, 0.0, 0.5, 0.34375, 0.46875, 0.5, 0.25, 0.515625],
            &[0.703125, 0.1875, 0.5625, 0.8125, 0.5, 0.5625, 0.625, 0.875],
        ),
        (
            &[0.375, 0.0, 0.5, 0.34375, 0.46875, 0.5, 0.25, 0.515625, 0.953125],
            &[-2.09375, -1.90625, -1.0625, -1.5625, -1.40625, -1.53125, -1.5625, -1.3125, -0.875],
        ),
    ];
    for (n, (forward, backward)) in expected.iter().enumerate() {
        let x = Array::from(
            (0..n).map(|i| ((i * 37 + 11) % 17) as f64 / 8.0 - 1.0).collect::<Vec<_>>(),
        );
        for (reverse, expected) in [(false, forward), (true, backward)] {
            let options = AssociativeScanOptions { reverse, axis: 0 };
            let odd =
                |x: Array| associative_scan_with(|a: Array, b: Array| a - 0.5 * b, x, options);
            assert_eq!(odd(x.clone()).to_vec::<f64>(), *expected, "{n} {reverse}");
            assert_eq!(jit(odd)(x.clone()).to_vec::<f64>(), *expected, "{n} {reverse}");
            // The first operand of all stays the first.
            let first = associative_scan_with(|a: Array, _: Array| a, x.clone(), options);
            let kept = if reverse { n.saturating_sub(1) } else { 0 };
            let values = x.to_vec::<f64>();
            assert!(first.to_vec::<f64>().iter().all(|f| *f == values[kept]));
        }
    }
    let matrices = array![
        [[1.0, 2.0], [3.0, 4.0]],
        [[0.0, 1.0], [1.0, 1.0]],
        [[2.0, 0.0], [1.0, 3.0]],
        [[1.0, 1.0], [0.0, 1.0]],
        [[1.0, -1.0], [2.0, 1.0]]
    ];
    let options = AssociativeScanOptions { reverse: true, axis: 0 };
    let product = |a: Array, b: Array| a.matmul(&b);
    let got = associative_scan_with(product, matrices, options).to_vec::<f32>();
    let jax = [6., 8., 57., 82., 0., 2., 9., 16., 2., 0., 7., 9., 1., 0., 2., 3., 1., -1., 2., 1.];
    assert_eq!(got, jax);
}
