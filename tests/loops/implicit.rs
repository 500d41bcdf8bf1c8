//! `custom_linear_solve` and `custom_root`: derivatives of what a loop without limit finds, to
//! third order, both modes.

use super::{along, close};
use cotangent::api::control::{Matvec, try_custom_linear_solve, try_custom_root};
use cotangent::prelude::*;

/// `x^3 = a` by Newton's method in a loop without limit.
fn cbrt(a: Array) -> Array {
    custom_root(
        |x: Array| &x * &x * &x - &a,
        |f: &(dyn Fn(Array) -> Array + Sync), x: Array| {
            while_loop(
                |x: Array| f(x).abs().gt(1e-14),
                |x: Array| &x - f(x.clone()) / (3.0 * &x * &x),
                x,
            )
        },
        |slope: Matvec<Array>, y: Array| &y / slope(ones_like(&y)),
        Array::scalar(1.5f64),
    )
}

/// The `n`th derivative of `a^(1/3)`.
fn expected(a: f64, n: i32) -> f64 {
    (0..n).map(|k| 1.0 / 3.0 - k as f64).product::<f64>() * a.powf(1.0 / 3.0 - n as f64)
}

#[test]
fn a_root_has_derivatives_of_any_order_in_both_modes() {
    let d1 = || grad(cbrt);
    let d2 = || grad(d1());
    let d3 = || grad(d2());
    let points = [8.0, 2.0, 0.7];
    for a in points {
        let at = || Array::scalar(a);
        close(&cbrt(at()), &[expected(a, 0)], 1e-12);
        close(&d1()(at()), &[expected(a, 1)], 1e-12);
        close(&jit(d2())(at()), &[expected(a, 2)], 1e-11);
        close(&d3()(at()), &[expected(a, 3)], 1e-10);
        close(&along(cbrt, at()), &[expected(a, 1)], 1e-12);
        close(&along(|x| along(|x| along(cbrt, x), x), at()), &[expected(a, 3)], 1e-10);
        close(&along(d2(), at()), &[expected(a, 3)], 1e-10);
        close(&grad(|x| along(|x| along(cbrt, x), x))(at()), &[expected(a, 3)], 1e-10);
    }
    let all = |n: i32| points.map(|a| expected(a, n)).to_vec();
    let at = || Array::from(points.as_slice());
    close(&vmap(cbrt)(at()), &all(0), 1e-12);
    close(&jit(vmap(d1()))(at()), &all(1), 1e-12);
    close(&vmap(d3())(at()), &all(3), 1e-10);
    close(&grad(|x: Array| vmap(cbrt)(x).sum())(at()), &all(1), 1e-12);
    close(&grad(|x: Array| vmap(d1())(x).sum())(at()), &all(2), 1e-11);
}

#[test]
fn the_guess_and_the_method_do_not_count() {
    // The guess depends on a, and the method scales its steps by something with derivatives of its
    // own.
    let f = |a: Array| {
        custom_root(
            |x: Array| &x * &x - &a,
            |f: &(dyn Fn(Array) -> Array + Sync), x: Array| {
                let half = &a / (2.0 * &a);
                fori_loop(..Array::from(30), |_, x: Array| &x - &half * f(x.clone()) / &x, x)
            },
            |slope: Matvec<Array>, y: Array| &y / slope(ones_like(&y)),
            &a * 0.8,
        )
    };
    close(&grad(f)(Array::scalar(4f64)), &[0.25], 1e-12);
    close(&grad(grad(f))(Array::scalar(4f64)), &[-1.0 / 32.0], 1e-12);
}

/// `x += (b - A x) / 6` until it stays: for a matrix near 6.
fn richardson(matvec: Matvec<Array>, b: Array) -> Array {
    let residual = |x: &Array| &b - matvec(x.clone());
    while_loop(
        |x: Array| residual(&x).abs().max().gt(1e-15),
        |x: Array| &x + residual(&x) / 6.0,
        zeros_like(&b),
    )
}

fn matrix(t: &Array) -> Array {
    let base = array![[6.0f64, 1.0], [0.5, 7.0]];
    let turn = array![[0.3f64, 1.1], [-0.7, 0.2]];
    base + t * turn
}

/// `1^T A(t)^-1 (1, t)`, and the same by Cramer's rule.
fn solved(t: Array) -> Array {
    let a = matrix(&t);
    let b = concatenate(&[ones_dtype([1], DType::F64), t.reshape([1])], 0);
    custom_linear_solve(|x: Array| a.matmul(&x), b, richardson, richardson).sum()
}

fn cramer(t: Array) -> Array {
    let a = matrix(&t);
    let entry = |i: usize| a.reshape([4]).slice_at(i);
    let (p, q, r, s) = (entry(0), entry(1), entry(2), entry(3));
    let det = &p * &s - &q * &r;
    (s - &q * &t + p * &t - r) / det
}

trait Entry {
    fn slice_at(&self, i: usize) -> Array;
}

impl Entry for Array {
    fn slice_at(&self, i: usize) -> Array {
        cotangent::prims::lax::slice_in_dim(self, i, i + 1, 0).sum()
    }
}

#[test]
fn a_linear_system_has_derivatives_of_any_order_in_both_modes() {
    let at = || Array::scalar(0.4f64);
    let value = |f: Array| f.item::<f64>();
    close(&solved(at()), &[value(cramer(at()))], 1e-13);
    close(&grad(solved)(at()), &[value(grad(cramer)(at()))], 1e-12);
    close(&along(solved, at()), &[value(grad(cramer)(at()))], 1e-12);
    close(&jit(grad(grad(solved)))(at()), &[value(grad(grad(cramer))(at()))], 1e-11);
    let third = value(grad(grad(grad(cramer)))(at()));
    close(&grad(grad(grad(solved)))(at()), &[third], 1e-10);
    close(&grad(|t| along(|t| along(solved, t), t))(at()), &[third], 1e-10);
    let ts = || array![0.4f64, -0.3, 0.0];
    let expected = |f: Array| f.to_vec::<f64>();
    close(&vmap(solved)(ts()), &expected(vmap(cramer)(ts())), 1e-13);
    close(&vmap(grad(solved))(ts()), &expected(vmap(grad(cramer))(ts())), 1e-12);
    let summed = |f: fn(Array) -> Array| grad(move |t: Array| vmap(f)(t).sum());
    close(&jit(summed(solved))(ts()), &expected(summed(cramer)(ts())), 1e-12);
}

#[test]
fn only_the_right_sides_batched() {
    let a = array![[6.0f64, 1.0], [0.5, 7.0]];
    let f = |b: Array| custom_linear_solve(|x: Array| a.matmul(&x), b, richardson, richardson);
    let bs = array![[7.0f64, 7.5], [6.0, 0.5]];
    let x = vmap(f)(bs);
    close(&x, &[1.0, 1.0, 1.0, 0.0], 1e-13);
    let j = jacrev(f)(array![7.0f64, 7.5]);
    close(&j, &[7.0 / 41.5, -1.0 / 41.5, -0.5 / 41.5, 6.0 / 41.5], 1e-13);
}

#[test]
fn systems_of_pytrees() {
    let d = array![2.0f64, 4.0];
    let matvec = |(x, y): (Array, Array)| (&d * x, y * 3.0);
    let solve = |_: Matvec<(Array, Array)>, (b, c): (Array, Array)| (b / &d, c / 3.0);
    let b = || (array![2.0f64, 8.0], Array::scalar(9f64));
    let (x, y) = custom_linear_solve_symmetric(matvec, b(), solve);
    close(&x, &[1.0, 2.0], 0.0);
    close(&y, &[3.0], 0.0);
}

#[test]
fn errors_name_the_closure_the_leaf_and_the_cure() {
    let b = || (array![1.0f64], Array::scalar(2f64));
    type Pair = (Array, Array);
    let same = |_: Matvec<Pair>, b: Pair| b;
    let e = try_custom_linear_solve(|(x, _): Pair| (x.clone(), x), b(), same, same);
    assert_eq!(
        e.unwrap_err().message(),
        "custom_linear_solve: matvec should return f64[] at `result.1`, like `b.1`, got f64[1]; \
         convert or reshape it"
    );
    let e = try_custom_linear_solve(|x: Pair| x, (array![1], Array::scalar(2f64)), same, same);
    assert_eq!(
        e.unwrap_err().message(),
        "custom_linear_solve: `b.0` should be floats, got i32[1]; convert it with astype, or \
         capture it"
    );
    let alone = |_: Matvec<Array>, b: Array| b;
    let e = try_custom_linear_solve(|x: Array| &x * &x, array![1.0], alone, alone);
    let text = e.unwrap_err().to_string();
    assert!(
        text.contains("custom_linear_solve: the transpose of matvec, which should be linear"),
        "{text}"
    );
    assert!(text.contains("implicit.rs:"), "{text}");
    let e = try_custom_root(
        |x: Array| x.sum(),
        |_: &(dyn Fn(Array) -> Array + Sync), x: Array| x,
        |_: Matvec<Array>, y: Array| y,
        array![1.0f64],
    );
    assert_eq!(
        e.unwrap_err().message(),
        "custom_root: f should return f64[1] at `result`, like `guess`, got f64[]; convert or \
         reshape it"
    );
}
