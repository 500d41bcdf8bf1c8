//! `at(..)` with places that occur several times, as `ufunc.at` of NumPy has it: values against
//! loops, and every transform.

use cotangent::lax::ScatterMode;
use cotangent::prelude::*;

fn start() -> Array {
    Array::from(&[0.4f64, 0.9, 1.7, 2.2, 0.6])
}

/// Occurs three times, twice, once; one is out of range and dropped, one counts from the end.
const PLACES: [i32; 8] = [0, 3, 0, 1, 3, 0, 9, -1];

fn f(x: &Array) -> Array {
    x.sin() * 1.5
}

/// `f` and its first two derivatives of one number, as often as a place occurs.
fn by_hand(x: f64, times: usize) -> (f64, f64, f64) {
    let (mut y, mut slope, mut curve) = (x, 1.0, 0.0);
    for _ in 0..times {
        let (d, dd) = (1.5 * y.cos(), -1.5 * y.sin());
        curve = dd * slope * slope + d * curve;
        slope *= d;
        y = 1.5 * y.sin();
    }
    (y, slope, curve)
}

fn times(places: &[i32], n: i32, clip: bool) -> Vec<usize> {
    let place = |p: &i32| if *p < 0 { p + n } else { *p };
    let place = |p: &i32| if clip { place(p).clamp(0, n - 1) } else { place(p) };
    (0..n).map(|i| places.iter().filter(|p| place(p) == i).count()).collect()
}

#[track_caller]
fn close(got: &Array, expected: &[f64]) {
    let got = got.to_vec::<f64>();
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * b.abs().max(1.0);
    assert!(
        got.len() == expected.len() && got.iter().zip(expected).all(near),
        "{got:?} {expected:?}"
    );
}

#[track_caller]
fn applies(update: impl Fn(Array) -> Array + Send + Sync + Clone, times: &[usize]) {
    let x = start();
    let hand: Vec<_> = x.to_vec::<f64>().iter().zip(times).map(|(x, n)| by_hand(*x, *n)).collect();
    let value: Vec<f64> = hand.iter().map(|h| h.0).collect();
    let slope: Vec<f64> = hand.iter().map(|h| h.1).collect();
    let n = value.len();
    let mut curve = vec![0.0; n * n];
    (0..n).for_each(|i| curve[i * n + i] = hand[i].2);
    close(&update(x.clone()), &value);
    close(&jit(update.clone())(x.clone()), &value);
    let sum = |x: Array| update(x).sum();
    close(&grad(sum)(x.clone()), &slope);
    close(&jit(grad(sum))(x.clone()), &slope);
    close(&jvp(&update, (x.clone(),), (ones_like(&x),)).1, &slope);
    close(&hessian(sum)(x.clone()), &curve);
    close(&jit(jacrev(grad(sum)))(x.clone()), &curve);
    let lanes = stack(&[x.clone(), x.clone()], 0);
    close(&vmap(grad(sum))(lanes), &[&slope[..], &slope].concat());
}

#[test]
fn apply_is_repeated_as_often_as_a_place_occurs() {
    let some = times(&PLACES, 5, false);
    assert_eq!(some, [3, 1, 0, 2, 1]);
    let places = Array::from(PLACES);
    let known = places.clone();
    applies(move |x: Array| x.at(&known).apply(f), &some);
    // A matrix of places, and more rounds than are written one after the other.
    let square = places.reshape([2, 4]);
    applies(move |x: Array| x.at(&square).apply(f), &some);
    let many = array![2, 2, 2, 2, 2, 2, 2, 0];
    applies(move |x: Array| x.at(&many).apply(f), &[1, 0, 7, 0, 0]);
    let clipped = places.clone();
    let clip = move |x: Array| x.at(&clipped).mode(ScatterMode::Clip).apply(f);
    applies(clip, &times(&PLACES, 5, true));
    let apart = array![0, 2];
    applies(move |x: Array| x.at(&apart).apply(f), &[1, 0, 1, 0, 0]);
    let promised = array![3, 1];
    applies(move |x: Array| x.at(&promised).unique_indices().apply(f), &[0, 1, 0, 1, 0]);
    applies(|x: Array| x.at(s![1..;2]).apply(f), &[0, 1, 0, 1, 0]);
    applies(|x: Array| x.at(Array::from(-7)).apply(f), &[0; 5]);
}

#[test]
fn apply_at_traced_places() {
    let update = |x: Array, at: Array| x.at(&at).apply(f);
    let sum = move |x: Array, at: Array| update(x, at).sum();
    let places = Array::from(PLACES);
    let hand = |places: &[i32]| -> Vec<(f64, f64, f64)> {
        let n = times(places, 5, false);
        start().to_vec::<f64>().iter().zip(n).map(|(x, n)| by_hand(*x, n)).collect()
    };
    let expected = hand(&PLACES);
    let slope: Vec<f64> = expected.iter().map(|h| h.1).collect();
    let value: Vec<f64> = expected.iter().map(|h| h.0).collect();
    close(&jit(update)(start(), places.clone()), &value);
    close(&jit(grad(sum))(start(), places.clone()), &slope);
    close(&jit(vmap_axes(grad(sum), (None, 0)))(start(), places.expand_dims(0)), &slope);
    // Every lane has places of its own.
    let other = [1, 1, 1, 2, 2, 4, -2, 30];
    let both = stack(&[places, Array::from(other)], 0);
    let slopes: Vec<f64> =
        [&PLACES, &other].iter().flat_map(|p| hand(&p[..])).map(|h| h.1).collect();
    close(&vmap_axes(grad(sum), (None, 0))(start(), both.clone()), &slopes);
    let curve = |x: Array, at: Array| grad(move |x: Array| grad(sum)(x, at.clone()).sum())(x);
    let curves: Vec<f64> =
        [&PLACES, &other].iter().flat_map(|p| hand(&p[..])).map(|h| h.2).collect();
    close(&jit(vmap_axes(curve, (None, 0)))(start(), both), &curves);
}

#[test]
fn apply_of_windows_and_of_pairs_of_places() {
    let x = Array::from(&[[0.1f64, 0.2], [0.3, 0.4], [0.5, 0.6]]);
    let rows = |x: Array| x.at(&array![2, 0, 2]).apply(|x| x * 3.0);
    let expected = [0.3, 0.6, 0.3, 0.4, 4.5, 5.4];
    close(&rows(x.clone()), &expected);
    let traced = jit(|x: Array, at: Array| x.at(&at).apply(|x| x * 3.0));
    close(&traced(x.clone(), array![2, 0, 2]), &expected);
    let slopes = grad(move |x: Array| rows(x).sum())(x.clone());
    close(&slopes, &[3.0, 3.0, 1.0, 1.0, 9.0, 9.0]);
    let pairs = |x: Array, i: Array, j: Array| x.at(s![&i, &j]).apply(|x| x * 2.0);
    let (i, j) = (array![0, 2, 0], array![1, 0, 1]);
    let twice = [0.1, 0.8, 0.3, 0.4, 1.0, 0.6];
    close(&pairs(x.clone(), i.clone(), j.clone()), &twice);
    close(&jit(pairs)(x.clone(), i.clone(), j.clone()), &twice);
    let columns = |x: Array, at: Array| x.at(s![.., &at]).apply(|x| x * 2.0);
    close(&jit(columns)(x, array![1, 1]), &[0.1, 0.8, 0.3, 1.6, 0.5, 2.4]);
    let ints = array![1, 2, 3].at(&array![0, 2, 0]).apply(|x| x * 10);
    assert_eq!(ints.to_vec::<i32>(), [100, 2, 30]);
}

#[test]
fn what_is_dropped_has_no_derivative() {
    // Where a dropped place would be read, the slope of the root is infinite.
    let root = |x: Array, at: Array| x.at(&at).apply(|x| x.sqrt()).sum();
    let x = Array::from(&[0.0f64, 4.0, 0.0]);
    for at in [array![1, 7, -9], array![1, 1, -9], array![1]] {
        let slope = if at.to_vec::<i32>()[..2.min(at.size())] == [1, 1] {
            0.5 * 0.25 / 2f64.sqrt()
        } else {
            0.25
        };
        for g in [grad(root), jit(grad(root))] {
            close(&g(x.clone(), at.clone()), &[1.0, slope, 1.0]);
        }
    }
    let one = |x: Array, at: Array| x.at(&at).apply(|x| x.sqrt()).sum();
    close(&jit(grad(one))(x.clone(), Array::from(-9)), &[1.0; 3]);
    close(&jit(grad(one))(x, Array::from(1)), &[1.0, 0.25, 1.0]);
}

/// An update of `x` at `at` by `v`, and what it does to one element.
type Case = (&'static str, fn(Array, Array, Array) -> Array, fn(f64, f64) -> f64);

const CASES: [Case; 8] = [
    ("set", |x, at, v| x.at(&at).set(v), |_, v| v),
    ("add", |x, at, v| x.at(&at).add(v), |x, v| x + v),
    ("subtract", |x, at, v| x.at(&at).subtract(v), |x, v| x - v),
    ("multiply", |x, at, v| x.at(&at).multiply(v), |x, v| x * v),
    ("divide", |x, at, v| x.at(&at).divide(v), |x, v| x / v),
    ("power", |x, at, v| x.at(&at).power(v), f64::powf),
    ("min", |x, at, v| x.at(&at).min(v), f64::min),
    ("max", |x, at, v| x.at(&at).max(v), f64::max),
];

#[test]
fn updates_at_places_that_meet() {
    let (x, at) = (start(), array![0, 3, 0, 1, 3, 9, -1]);
    let values = [0.7, 1.3, 0.5, 2.1, 1.1, 9.0, 0.8];
    let v = Array::from(&values);
    for (name, update, one) in CASES {
        let after = |x: &[f64]| -> Vec<f64> {
            let mut x = x.to_vec();
            for (i, v) in [0, 3, 0, 1, 3, 9, 4].iter().zip(values) {
                if let Some(x) = x.get_mut(*i) {
                    *x = one(*x, v);
                }
            }
            x
        };
        let expected = after(&x.to_vec::<f64>());
        close(&update(x.clone(), at.clone(), v.clone()), &expected);
        close(&jit(update)(x.clone(), at.clone(), v.clone()), &expected);
        let batched = |a: &Array| stack(&[a.clone(), a.clone()], 0);
        let lanes = jit(vmap(update))(batched(&x), batched(&at), batched(&v));
        close(&lanes, &[&expected[..], &expected].concat());
        // Slopes in the array against differences, by every mode; and curvatures of slopes.
        let sum = move |x: Array, at: Array, v: Array| {
            (update(x, at, v) * array![1.0, 2.0, 3.0, 4.0, 5.0]).sum()
        };
        let slope = grad(sum)(x.clone(), at.clone(), v.clone());
        let difference = |g: &dyn Fn(&[f64]) -> f64, i: usize| {
            let moved = |by: f64| {
                let mut x = x.to_vec::<f64>();
                x[i] += by;
                g(&x)
            };
            (moved(1e-6) - moved(-1e-6)) / 2e-6
        };
        let total = |x: &[f64]| (0..5).map(|i| after(x)[i] * (i + 1) as f64).sum::<f64>();
        for (i, s) in slope.to_vec::<f64>().iter().enumerate() {
            let d = difference(&total, i);
            assert!((s - d).abs() < 1e-6 * d.abs().max(1.0), "{name} {i}: {s} {d}");
        }
        close(&jit(grad(sum))(x.clone(), at.clone(), v.clone()), &slope.to_vec::<f64>());
        close(&jacfwd(sum)(x.clone(), at.clone(), v.clone()), &slope.to_vec::<f64>());
        let lanes = vmap(grad(sum))(batched(&x), batched(&at), batched(&v));
        close(&lanes.index(1), &slope.to_vec::<f64>());
        let curve = jit(hessian(sum))(x.clone(), at.clone(), v.clone());
        let again = jacrev(grad(sum))(x.clone(), at.clone(), v.clone());
        close(&curve, &again.to_vec::<f64>());
    }
}
