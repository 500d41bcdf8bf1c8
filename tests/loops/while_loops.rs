//! `while_loop` and `fori_loop`: derivatives against closed forms, lanes of a batch that end
//! separately.

use super::{along, close, numbers};
use cotangent::api::control::{try_fori_loop, try_while_loop};
use cotangent::prelude::*;
use cotangent::prims::lax;

/// Squares until the sum exceeds 100: `x^(2^n)`.
fn squares(x: Array) -> Array {
    while_loop(|x: Array| x.sum().le(100.0), |x: Array| &x * &x, x)
}

fn squares_bounded(x: Array) -> Array {
    while_loop_bounded(9, |x: Array| x.sum().le(100.0), |x: Array| &x * &x, x)
}

/// The exponent that x ends with, in plain Rust.
fn exponent(mut x: f64) -> i32 {
    let mut e = 1;
    while x <= 100.0 {
        (x, e) = (x * x, e * 2);
    }
    e
}

/// The `n`th derivative of `x^e`.
fn derivative(x: f64, e: i32, n: i32) -> f64 {
    (0..n).map(|k| (e - k) as f64).product::<f64>() * x.powi(e - n)
}

const POINTS: [f64; 4] = [1.3, 2.0, 11.0, 500.0];

fn expected(n: i32) -> Vec<f64> {
    POINTS.map(|x| derivative(x, exponent(x), n)).to_vec()
}

fn points() -> Array {
    Array::from(POINTS.as_slice())
}

#[test]
fn a_while_loop_differentiates_forwards_to_any_order() {
    let d1 = |x: Array| along(squares, x);
    let d2 = |x: Array| along(d1, x);
    let d3 = |x: Array| along(d2, x);
    close(&vmap(squares)(points()), &expected(0), 1e-12);
    close(&vmap(d1)(points()), &expected(1), 1e-12);
    close(&jit(vmap(d2))(points()), &expected(2), 1e-12);
    close(&vmap(jit(d3))(points()), &expected(3), 1e-12);
    close(&along(vmap(squares), points()), &expected(1), 1e-12);
    close(&along(|x| along(vmap(squares), x), points()), &expected(2), 1e-12);
    for (i, x) in POINTS.iter().enumerate() {
        close(&d3(Array::scalar(*x)), &expected(3)[i..=i], 1e-12);
        let (y, linear) = linearize(squares, (Array::scalar(*x),));
        close(&y, &expected(0)[i..=i], 1e-12);
        close(&linear(Array::from(2.0)), &[2.0 * expected(1)[i]], 1e-12);
    }
}

#[test]
fn a_bounded_while_loop_differentiates_backwards_to_third_order() {
    let d1 = || grad(squares_bounded);
    let d2 = || grad(d1());
    let d3 = || grad(d2());
    for (i, x) in POINTS.iter().enumerate() {
        let at = || Array::scalar(*x);
        close(&squares_bounded(at()), &expected(0)[i..=i], 1e-12);
        close(&d1()(at()), &expected(1)[i..=i], 1e-12);
        close(&jit(d2())(at()), &expected(2)[i..=i], 1e-12);
        close(&d3()(at()), &expected(3)[i..=i], 1e-12);
        close(&along(d2(), at()), &expected(3)[i..=i], 1e-12);
        close(&grad(|x| along(squares_bounded, x))(at()), &expected(2)[i..=i], 1e-12);
    }
    close(&vmap(d1())(points()), &expected(1), 1e-12);
    close(&jit(vmap(d3()))(points()), &expected(3), 1e-12);
    close(&grad(|x: Array| vmap(squares_bounded)(x).sum())(points()), &expected(1), 1e-12);
    // In the batch of a rule, what is transposed is a loop that carries tangents.
    let ruled = custom_jvp(squares_bounded, |(x,), (dx,)| jvp(squares_bounded, (x,), (dx,)));
    close(&grad(|x: Array| vmap(ruled.clone())(x).sum())(points()), &expected(1), 1e-12);
    let again = |x: Array| grad(|x: Array| vmap(squares_bounded)(x).sum())(x).sum();
    close(&grad(again)(points()), &expected(2), 1e-12);
    close(&grad(|x| grad(again)(x).sum())(points()), &expected(3), 1e-12);
    close(&grad(|x: Array| vmap(d1())(x).sum())(points()), &expected(2), 1e-12);
    close(&vmap(vmap(d2()))(points().reshape([2, 2])), &expected(2), 1e-12);
}

#[test]
fn the_limit_ends_a_loop_whose_test_holds() {
    let doubled = |limit| {
        move |x: Array| while_loop_bounded(limit, |x: Array| x.lt(1e9), |x: Array| x * 2.0, x)
    };
    for limit in [0usize, 1, 2, 5] {
        let power = 2f64.powi(limit as i32);
        close(&doubled(limit)(Array::scalar(1.5f64)), &[1.5 * power], 0.0);
        close(&grad(doubled(limit))(Array::scalar(1.5f64)), &[power], 0.0);
        close(&vmap(grad(doubled(limit)))(array![1.5f64, 3.0]), &[power, power], 0.0);
        close(&vmap(doubled(limit))(array![1.5f64, 1e9]), &[1.5 * power, 1e9], 0.0);
    }
}

/// Lanes that have ended would give NaN, infinities, indices out of range, and divide by zero, if
/// they were not left alone. `x' = 1 / (3 - i) * x` while `i < n`, past i = 3 infinite; `table[i]`
/// past its end, 7 / (2 - i).
fn dangerous(limit: Option<usize>, n: Array, x: Array) -> (Array, Array, Array) {
    let table = array![2.0f64, 3.0, 5.0];
    let test = |(i, _, _): (Array, Array, Array)| i.lt(&n);
    let body = |(i, x, k): (Array, Array, Array)| {
        let left = (3 - &i).astype(DType::F64);
        let entry = lax::dynamic_slice_in_dim(&table, &i, 1, 0).reshape([]);
        let x = (x / &left).sqrt() * (&left - 0.5).log().abs().sqrt() * entry;
        (&i + 1, x, k + lax::div(&Array::from(7), &(2 - &i)))
    };
    let init = (Array::from(0), x, Array::from(0));
    match limit {
        None => while_loop(test, body, init),
        Some(limit) => while_loop_bounded(limit, test, body, init),
    }
}

/// In plain Rust: x, its derivative, the int.
fn dangerous_plain(n: i32, mut x: f64) -> (f64, f64, i32) {
    let (mut dx, mut k) = (1.0, 0);
    for i in 0..n {
        let left = (3 - i) as f64;
        let factor = (left - 0.5f64).ln().abs().sqrt() * [2.0, 3.0, 5.0][i as usize];
        dx = dx / left * 0.5 / (x / left).sqrt() * factor;
        x = (x / left).sqrt() * factor;
        k += if i == 2 { -1 } else { 7 / (2 - i) };
    }
    (x, dx, k)
}

#[test]
fn lanes_that_have_ended_are_not_disturbed() {
    let ns = [3, 0, 1, 2, 3, 0];
    let xs = [0.7, -4.0, 2.0, 3.0, 1.1, 0.0];
    let plain: Vec<(f64, f64, i32)> =
        ns.iter().zip(xs).map(|(n, x)| dangerous_plain(*n, x)).collect();
    let values: Vec<f64> = plain.iter().map(|p| p.0).collect();
    let slopes: Vec<f64> = plain.iter().map(|p| p.1).collect();
    let ints: Vec<f64> = plain.iter().map(|p| f64::from(p.2)).collect();
    let (n, x) = (|| Array::from(ns.as_slice()), || Array::from(xs.as_slice()));
    for limit in [None, Some(3), Some(6)] {
        let f = move |n: Array, x: Array| dangerous(limit, n, x);
        let value = move |n: Array, x: Array| f(n, x).1;
        let (_, y, k) = jit(vmap(f))(n(), x());
        close(&y, &values, 1e-14);
        close(&k, &ints, 0.0);
        let forward = |n: Array, x: Array| along(|x| value(n.clone(), x), x);
        close(&vmap(forward)(n(), x()), &slopes, 1e-14);
        close(&along(|x| vmap(value)(n(), x), x()), &slopes, 1e-14);
        if limit.is_some() {
            let back = grad_wrt(value, Arg::<1>);
            close(&jit(vmap(back))(n(), x()), &slopes, 1e-14);
            close(&grad(|x: Array| vmap(value)(n(), x).sum())(x()), &slopes, 1e-14);
            let twice = |x: Array| grad(|x: Array| vmap(value)(n(), x).sum())(x).sum();
            assert!(numbers(&grad(twice)(x())).iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn a_batch_of_nothing_runs_no_rounds() {
    // Forever, if a round were run on anybody's account.
    let f = |x: Array| while_loop(|x: Array| x.lt(f64::INFINITY), |x: Array| x * 1.0, x);
    let none = zeros_dtype([0], DType::F64);
    assert_eq!(vmap(f)(none.clone()).shape(), [0]);
    assert_eq!(along(vmap(f), none.clone()).shape(), [0]);
    let g = |x: Array| while_loop_bounded(3, |x: Array| x.lt(1.0), |x: Array| x * 2.0, x);
    assert_eq!(vmap(grad(g))(none.clone()).shape(), [0]);
    assert_eq!(grad(|x: Array| vmap(g)(x).sum())(none).shape(), [0]);
}

#[test]
fn an_unbatched_test_stays_one() {
    let f = |n: Array, x: Array| fori_loop(..n, |_, x: Array| x * 2.0, x);
    let text = make_jaxpr(vmap_axes(f, (None, 0)))(Array::from(3), array![1.0, 2.0]).to_string();
    assert!(!text.contains("select") && !text.contains("reduce_or"), "{text}");
    close(&vmap_axes(f, (None, 0))(Array::from(3), array![1.0, 2.0]), &[8.0, 16.0], 0.0);
    let text = make_jaxpr(vmap(f))(array![1, 2], array![1.0, 2.0]).to_string();
    assert!(text.contains("select") && text.contains("reduce_or"), "{text}");
}

#[test]
fn captured_values_and_consts_are_differentiated() {
    // y = a^n x with a and x captured or carried.
    let f = |a: Array, x: Array| {
        let double = &a + 0.0;
        fori_loop_bounded(5, ..Array::from(3), |_, y: Array| y * &double, x)
    };
    let (da, dx) = grad_wrt(f, (Arg::<0>, Arg::<1>))(Array::scalar(2f64), Array::scalar(5f64));
    close(&da, &[60.0], 0.0);
    close(&dx, &[8.0], 0.0);
    let both = vmap_axes(grad_wrt(f, (Arg::<0>, Arg::<1>)), (0, None));
    let (da, dx) = both(array![2f64, 3.0], Array::scalar(5f64));
    close(&da, &[60.0, 135.0], 0.0);
    close(&dx, &[8.0, 27.0], 0.0);
}

#[test]
fn counted_loops_over_all_kinds_of_ranges() {
    let sum = |i: Array, x: Array| x + i.astype(DType::I32);
    let zero = || Array::from(0);
    let two = 2;
    close(&fori_loop(2..5, sum, zero()), &[9.0], 0.0);
    close(&fori_loop(5..two, sum, zero()), &[0.0], 0.0);
    close(&fori_loop(-2..2usize as i32, sum, zero()), &[-2.0], 0.0);
    close(&fori_loop(..4usize, sum, zero()), &[6.0], 0.0);
    let (a, b) = (Array::from(2), Array::from(5));
    close(&fori_loop(&a..&b, sum, zero()), &[9.0], 0.0);
    close(&fori_loop(b.clone()..a.clone(), sum, zero()), &[0.0], 0.0);
    close(
        &fori_loop(
            ..Array::scalar(4i64),
            |i, x: Array| {
                assert_eq!(i.dtype(), DType::I64);
                sum(i, x)
            },
            zero(),
        ),
        &[6.0],
        0.0,
    );
    close(&fori_loop_bounded(2, 2..5, sum, zero()), &[5.0], 0.0);
    close(&fori_loop_bounded(2, &a..&b, sum, zero()), &[5.0], 0.0);
    // The index reaches derivatives.
    let weighted =
        |x: Array| fori_loop(1..4, |i, y: Array| y * &x + i.astype(DType::F64), x.clone());
    // ((x^2 + 1) x + 2) x + 3 -> 4 x^3 + 2 x + 2
    close(&grad(weighted)(Array::scalar(2f64)), &[4.0 * 8.0 + 4.0 + 2.0], 0.0);
}

#[test]
fn loops_without_carries_and_with_passengers() {
    while_loop(|()| Array::from(false), |()| (), ());
    // A carry that nobody changes, one that is swapped, and one that is not used.
    let (a, b, c) = fori_loop(
        ..Array::from(3),
        |_, (a, b, c): (Array, Array, Array)| (b, a, c),
        (array![1.0], array![2.0], array![3.0]),
    );
    close(&concatenate(&[a, b, c], 0), &[2.0, 1.0, 3.0], 0.0);
}

/// The cure is told wherever the loop stands; a scan around it has no reverse mode either, but
/// forward mode.
#[test]
fn a_loop_without_end_inside_a_scan() {
    let walk = |x: Array| {
        let step = |c: Array, t: Array| (squares(c + t), ());
        scan(step, x, array![0.1f64, 0.2, 0.3]).0
    };
    let e = grad(walk).try_call((Array::scalar(1.5f64),)).unwrap_err().to_string();
    for told in ["scan", "while_loop_bounded", "custom_root", "while_loops.rs"] {
        assert!(e.contains(told), "{e}");
    }
    let bounded = |x: Array| {
        let step = |c: Array, t: Array| (squares_bounded(c + t), ());
        scan(step, x, array![0.1f64, 0.2, 0.3]).0
    };
    let slope = along(walk, Array::scalar(1.5f64)).item::<f64>();
    close(&grad(bounded)(Array::scalar(1.5f64)), &[slope], 1e-12);
}

#[test]
fn errors_name_the_leaf_and_the_cure() {
    let carry = || (array![1.0], Array::scalar(2f64));
    let e = try_while_loop(
        |(_, x): (Array, Array)| x.lt(3.0),
        |(a, _): (Array, Array)| (a.clone(), a.sum()),
        carry(),
    );
    assert_eq!(
        e.unwrap_err().message(),
        "while_loop: `carry.1` changes type: it starts as f64[] and the body returns f32[]; make \
         the body return f64[], or start with f32[]"
    );
    let e = try_while_loop(|x: Array| x.lt(3.0), |x: Array| x, array![1.0, 2.0]);
    assert_eq!(
        e.unwrap_err().message(),
        "while_loop: the test should return bool[], got bool[2]; compare numbers, and reduce \
         arrays with all or any"
    );
    let e = try_while_loop(
        |_: Vec<Array>| Array::from(true),
        |_: Vec<Array>| vec![],
        vec![array![1.0]],
    );
    assert_eq!(
        e.unwrap_err().message(),
        "while_loop: the carry changes structure: it starts as vec![*], and the body returns it as \
         vec![]"
    );
    let e = try_fori_loop(..array![1, 2], |_, x: Array| x, array![1.0]);
    assert_eq!(
        e.unwrap_err().message(),
        "fori_loop: the end of the range should be an int scalar such as i32[], got i32[2]"
    );
    let e = try_fori_loop(&Array::scalar(1)..&Array::scalar(2i64), |_, x: Array| x, array![1.0]);
    assert_eq!(
        e.unwrap_err().message(),
        "fori_loop: the range should start and end in one dtype, got i32[] and i64[]; cast one \
         with astype"
    );
    // Literals adopt the type that the body gives them.
    let x = fori_loop(0..3, |_, x: Array| x + Array::scalar(1f64), Array::literal(0f32.into()));
    assert_eq!(x.dtype(), DType::F64);
    let e = grad(squares).try_call((Array::scalar(2f64),)).unwrap_err().to_string();
    for cure in ["scan", "fori_loop", "while_loop_bounded", "custom_root", "jvp", "while_loops.rs"]
    {
        assert!(e.contains(cure), "{e}");
    }
}

/// A loop of a thousand steps that touches a few elements of `n` moves bytes for those alone,
/// whatever `n` is.
#[test]
fn steps_cost_the_same_for_any_size_of_what_they_update() {
    type Touch = fn(Array, Array) -> Array;
    let loops: [(&str, Touch); 9] = [
        ("handed on", |a, i| scan(|a: Array, i: Array| (a, i * 2), a, i).0),
        ("set", |a, i| scan(|a: Array, i: Array| (a.at(&i).set(1.0), ()), a, i).0),
        ("add", |a, i| scan(|a: Array, i: Array| (a.at(&i).add(1.0), ()), a, i).0),
        ("read and add", |a, i| {
            let step = |a: Array, i: Array| (a.at(&(&i + 1)).add(a.at(&i).get() * 0.5), ());
            scan(step, a, i).0
        }),
        ("while", |a, _| {
            let step = |(k, a): (Array, Array)| (&k + 1, a.at(&k).set(2.0));
            while_loop(|(k, _): (Array, Array)| k.lt(1000), step, (Array::scalar(0i32), a)).1
        }),
        ("gradient of set", |a, i| {
            grad(|a: Array| {
                let step = |(a, s): (Array, Array), i: Array| {
                    let s = (s * 0.5).sin() + 1.0;
                    ((a.at(&i).set(&s), s), ())
                };
                scan(step, (a, Array::scalar(1f32)), i.clone()).0.0.sum()
            })(a)
        }),
        ("gradient of get", |a, i| {
            grad(|a: Array| {
                let step = |s: Array, i: Array| ((s * 0.5 + a.at(&i).get()).sin(), ());
                scan(step, Array::scalar(0f32), i.clone()).0
            })(a)
        }),
        ("gradient of dynamic_slice", |a, i| {
            grad(|a: Array| {
                let part = |i: &Array| lax::dynamic_slice_in_dim(&a, i, 2, 0).sum();
                let step = |s: Array, i: Array| ((s * 0.5 + part(&i)).sin(), ());
                scan(step, Array::scalar(0f32), i.clone()).0
            })(a)
        }),
        ("gradient of read and add", |a, i| {
            grad(|a: Array| {
                let step = |a: Array, i: Array| (a.at(&(&i + 1)).add(a.at(&i).get().sin()), ());
                scan(step, a, i.clone()).0.sum()
            })(a)
        }),
    ];
    for (name, f) in loops {
        let bytes = |n: usize| {
            let f = jit(move |a: Array, i: Array| f(a, i));
            let indices = arange(1000) % 1000;
            let cost = f.lower((ones([n]), indices)).unwrap().compile().unwrap().cost().unwrap();
            cost.bytes_read + cost.bytes_written
        };
        let per_element = (bytes(1_000_000) - bytes(10_000)) / 990_000.0;
        // Copied in, and perhaps filled, once; not a thousand times.
        assert!(per_element <= 24.0, "{name}: {per_element} bytes per element");
    }
}
