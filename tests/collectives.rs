//! Collectives in named batches: values against plain loops, derivatives on both sides of the
//! batch, names.

use cotangent::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn floats(a: &Array) -> Vec<f64> {
    a.try_to_scalars().unwrap().iter().map(|s| s.to_f64().unwrap()).collect()
}

#[track_caller]
fn close(a: &Array, b: &[f64]) {
    let a = floats(a);
    assert_eq!(a.len(), b.len(), "{a:?} {b:?}");
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= 1e-9 * y.abs().max(1.0), "{a:?} is not {b:?}");
    }
}

fn named(name: &str) -> VmapOptions {
    VmapOptions::new().axis_name(name)
}

const X: [f64; 4] = [1.0, -2.0, 0.5, 3.0];

fn x() -> Array {
    array![1.0f64, -2.0, 0.5, 3.0]
}

fn message<T>(f: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(f()))).unwrap_err();
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

fn all(f: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..4).map(f).collect()
}

#[test]
fn folds_are_folds_over_lanes() {
    let sum: f64 = X.iter().sum();
    close(&vmap_with(|x: Array| psum(x, "i"), named("i"))(x()), &[sum; 4]);
    close(&vmap_with(|x: Array| pmean(x, "i"), named("i"))(x()), &[sum / 4.0; 4]);
    close(&vmap_with(|x: Array| pmax(x, "i"), named("i"))(x()), &[3.0; 4]);
    close(&vmap_with(|x: Array| pmin(x, "i"), named("i"))(x()), &[-2.0; 4]);
    // What no lane differs in counts once per lane; ints and bools are counted.
    let alike = |_: Array| psum(Array::scalar(2.5f64), "i");
    close(&vmap_with(alike, named("i"))(x()), &[10.0; 4]);
    let count = vmap_with(|x: Array| psum(x.gt(0.0), "i"), named("i"))(x());
    assert_eq!(count.to_vec::<i32>(), [3; 4]);
    let mean = vmap_with(|x: Array| pmean(x, "i"), named("i"))(array![0, 1, 2, 3]);
    assert_eq!((mean.dtype(), mean.to_vec::<f32>()), (DType::F32, vec![1.5; 4]));
    // A result that all lanes share need not be stacked.
    close(&vmap_with(|x: Array| psum(x, "i"), named("i").out_axes(None::<isize>))(x()), &[sum]);
    // Leaf by leaf.
    let (a, b) = vmap_with(|x: Array| psum((x.clone(), vec![x * 2.0]), "i"), named("i"))(x());
    close(&a, &[sum; 4]);
    close(&b[0], &[2.0 * sum; 4]);
    // NaN passes.
    let nan = vmap_with(|x: Array| pmax(x, "i"), named("i"))(array![1.0, f32::NAN]);
    assert!(nan.to_vec::<f32>().iter().all(|v| v.is_nan()));
}

/// 0, 1, 2, ...
fn counting(shape: &[usize]) -> Array {
    let values: Vec<f64> = (0..shape.iter().product()).map(|i: usize| i as f64).collect();
    Array::new(&values, shape.iter().copied())
}

/// Numbers in rows, and which they are.
fn matrix(rows: usize, columns: usize) -> (Array, impl Fn(usize, usize) -> f64) {
    let at = move |i: usize, j: usize| ((i * columns + j) as f64 * 0.7).sin();
    let values: Vec<f64> = (0..rows * columns).map(|k| at(k / columns, k % columns)).collect();
    (Array::new(&values, [rows, columns]), at)
}

#[test]
fn moves_are_moves_between_lanes() {
    let (m, at) = matrix(4, 4);
    let gathered = vmap_with(|x: Array| all_gather(x, "i", -1, false), named("i"))(m.clone());
    assert_eq!(gathered.shape(), [4, 4, 4]);
    let expected: Vec<f64> = (0..64).map(|k| at(k % 4, k / 4 % 4)).collect();
    close(&gathered, &expected);
    let tiled = vmap_with(|x: Array| all_gather(x, "i", 0, true), named("i"))(m.clone());
    let expected: Vec<f64> = (0..64).map(|k| at(k % 16 / 4, k % 4)).collect();
    close(&tiled, &expected);
    let column = |i: usize| (0..4).map(|j| at(j, i)).sum::<f64>();
    let parts = vmap_with(|x: Array| psum_scatter(x, "i", 0, false), named("i"))(m.clone());
    close(&parts, &all(column));
    let swapped = vmap_with(|x: Array| all_to_all(x, "i", 0, 0, false), named("i"))(m.clone());
    let expected: Vec<f64> = (0..16).map(|k| at(k % 4, k / 4)).collect();
    close(&swapped, &expected);
    close(&vmap_with(|x: Array| pswapaxes(x, "i", 0), named("i"))(m.clone()), &expected);
    // Pieces of two: lane i gets piece i of every lane, joined.
    let (wide, at) = matrix(3, 6);
    let parts = vmap_with(|x: Array| psum_scatter(x, "i", 0, true), named("i"))(wide.clone());
    let expected: Vec<f64> = (0..6).map(|k| (0..3).map(|j| at(j, k)).sum()).collect();
    close(&parts, &expected);
    let swapped = vmap_with(|x: Array| all_to_all(x, "i", 0, 0, true), named("i"))(wide);
    let expected: Vec<f64> = (0..18).map(|k| at(k % 6 / 2, k / 6 * 2 + k % 2)).collect();
    close(&swapped, &expected);
}

#[test]
fn permutations_by_pairs() {
    let turn = |x: Array| ppermute(x, "i", &[(0, 1), (1, 2), (2, 3), (3, 0)]);
    close(&vmap_with(turn, named("i"))(x()), &[3.0, 1.0, -2.0, 0.5]);
    close(
        &vmap_with(|x: Array| ppermute(x, "i", &[(3, 1)]), named("i"))(x()),
        &[0.0, 3.0, 0.0, 0.0],
    );
    close(
        &vmap_with(|x: Array| pshuffle(x, "i", &[3, 2, 1, 0]), named("i"))(x()),
        &[3.0, 0.5, -2.0, 1.0],
    );
    // Many lanes without neighbours.
    let n = 101;
    let source: Vec<usize> = (0..n).map(|i| i * 37 % n).collect();
    let shuffled = vmap_with(move |x: Array| pshuffle(x, "i", &source), named("i"))(counting(&[n]));
    let expected: Vec<f64> = (0..n).map(|i| (i * 37 % n) as f64).collect();
    close(&shuffled, &expected);
}

#[test]
fn lanes_know_their_number() {
    let f = |x: Array| x + axis_index("i") * 10 * axis_size("i") as i32;
    let y = vmap_with(f, named("i"))(array![1, 2, 3]);
    assert_eq!(y.to_vec::<i32>(), [1, 32, 63]);
    // No argument is mapped.
    let lanes =
        vmap_with(|x: Array| x + axis_index("i"), named("i").in_axes(None::<isize>).axis_size(3));
    assert_eq!(lanes(Array::from(5)).to_vec::<i32>(), [5, 6, 7]);
    let none = vmap_with(|(): ()| axis_index("i"), named("i").axis_size(0));
    assert_eq!(none(()).shape(), [0]);
}

#[test]
fn several_names_at_once() {
    let m = || counting(&[2, 3]);
    let nested = |f: fn(Array) -> Array| vmap_with(vmap_with(f, named("j")), named("i"));
    close(&nested(|x| psum(x, ("i", "j")))(m()), &[15.0; 6]);
    close(&nested(|x| psum(x, "i"))(m()), &[3.0, 5.0, 7.0, 3.0, 5.0, 7.0]);
    close(&nested(|x| psum(x, "j"))(m()), &[3.0, 3.0, 3.0, 12.0, 12.0, 12.0]);
    close(&nested(|x| pmax(x, ["j", "i"]))(m()), &[5.0; 6]);
    assert_eq!(nested(|_| axis_index(("i", "j")))(m()).to_vec::<i32>(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(nested(|_| axis_index(("j", "i")))(m()).to_vec::<i32>(), [0, 2, 4, 1, 3, 5]);
    let gathered = nested(|x| all_gather(x, ("i", "j"), 0, false))(m());
    close(&gathered, &(0..36).map(|k| (k % 6) as f64).collect::<Vec<_>>());
    // Entry k of every lane goes to lane k: a transposition of lanes and entries.
    let entries = || counting(&[2, 3, 6]);
    let transposed: Vec<f64> = (0..36).map(|k| (k % 6 * 6 + k / 6) as f64).collect();
    close(&nested(|x| all_to_all(x, ("i", "j"), 0, 0, false))(entries()), &transposed);
    let sums: Vec<f64> = (0..6).map(|k| (0..6).map(|l| (l * 6 + k) as f64).sum()).collect();
    close(&nested(|x| psum_scatter(x, ("i", "j"), 0, false))(entries()), &sums);
}

/// An inner name hides an outer one, as in JAX.
#[test]
fn the_innermost_axis_of_a_name_is_meant() {
    let inner = |x: Array| psum(x, "i") + axis_index("i") * axis_size("i") as i32;
    let f = |y: Array| vmap_with(inner, named("i"))(stack(&[y, Array::from(10)], 0));
    let y = vmap_with(f, named("i"))(array![1, 2, 3]);
    assert_eq!(y.to_vec::<i32>(), [11, 13, 12, 14, 13, 15]);
}

#[test]
fn names_that_are_not_in_force() {
    let text = message(|| psum(x(), "k"));
    assert_eq!(
        text,
        "psum: no axis named \"k\" is in force; in force: none; call it inside a function mapped \
         by \
         vmap_with(f, VmapOptions::new().axis_name(\"k\"))"
    );
    let nested = vmap_with(vmap_with(|x: Array| pmax(x, "k"), named("j")), named("i"));
    let text = message(|| nested(counting(&[2, 3])));
    assert!(text.contains("in force: \"i\" (2), \"j\" (3);"), "{text}");
    // A batch without a name, and after the batch.
    assert!(message(|| vmap(|x: Array| psum(x, "i"))(x())).contains("in force: none"));
    vmap_with(|x: Array| psum(x, "i"), named("i"))(x());
    assert!(message(|| axis_size("i")).contains("axis_size: no axis named \"i\""));
    let twice = message(|| vmap_with(|x: Array| psum(x, ("i", "i")), named("i"))(x()));
    assert!(twice.contains("psum: axis \"i\" is named twice"), "{twice}");
    let eagerly = vmap_with(|x: Array| x + eager(|| psum(Array::scalar(1.0f64), "i")), named("i"));
    let text = message(|| eagerly(x()));
    assert!(text.contains("psum: no vmap around it maps an axis named \"i\""), "{text}");
}

#[test]
fn misuse_names_the_axes() {
    let call = |f: fn(Array) -> Array| message(|| vmap_with(f, named("i"))(matrix(3, 4).0));
    let text = call(|x| psum_scatter(x, "i", 0, false));
    assert!(
        text.contains(
            "psum_scatter: axis 0 of f64[4] should have 3 entries, one per lane of \"i\""
        ),
        "{text}"
    );
    let text = call(|x| all_to_all(x, "i", 0, 0, true));
    assert!(text.contains("all_to_all: axis 0 of f64[4] should divide into 3 parts"), "{text}");
    let text = call(|x| all_to_all(x, "i", 2, 0, true));
    assert!(text.contains("all_to_all: split_axis 2 is out of range for f64[4]"), "{text}");
    let text = call(|x| ppermute(x, "i", &[(0, 1), (2, 1)]));
    assert!(text.contains("ppermute: pair (2, 1) repeats a lane"), "{text}");
    let text = call(|x| ppermute(x, "i", &[(0, 3)]));
    assert!(
        text.contains("ppermute: pair (0, 3) is out of range for axis \"i\" of 3 lanes"),
        "{text}"
    );
    let text = message(|| vmap_with(|x: Array| x, named("i").axis_size(3))(x()));
    assert!(text.contains("vmap: axis_size is 3, but argument 0 (f64[4], axis 0) has 4"), "{text}");
    let unmapped = vmap_axes(|x: Array| x, None::<isize>);
    let text = message(|| unmapped(x()));
    assert!(text.contains("vmap: no argument is mapped; give one of them an axis"), "{text}");
}

/// With the gradient inside, every lane has a loss of its own; the cotangents of the lanes meet at
/// the collective. JAX 0.10.2 gives the same numbers.
#[test]
fn gradients_inside_of_the_batch() {
    let inside = |f: fn(Array) -> Array| vmap_with(grad(f), named("i"))(x());
    let sum_of_squares: f64 = X.iter().map(|x| x * x).sum();
    close(&inside(|x| psum(&x * &x, "i")), &all(|k| 8.0 * X[k]));
    let sum: f64 = X.iter().sum();
    // d/dx_k of all lanes' mean(x^2) x: 2 x_k / 4 * sum + mean
    close(&inside(|x| pmean(&x * &x, "i") * x), &all(|k| X[k] / 2.0 * sum + sum_of_squares / 4.0));
    close(&inside(|x| pmax(x, "i")), &[0.0, 0.0, 0.0, 4.0]);
    close(
        &inside(|x| (all_gather(x.clone(), "i", 0, false).square()).sum() * x),
        &all(|k| 2.0 * X[k] * sum + sum_of_squares),
    );
    close(
        &inside(|x| pshuffle(x.clone(), "i", &[1, 2, 3, 0]) * x),
        &all(|k| X[(k + 1) % 4] + X[(k + 3) % 4]),
    );
}

/// With the gradient outside, it is that of the sum over lanes; here the two agree, for what each
/// lane adds is its own.
#[test]
fn gradients_outside_of_the_batch() {
    let f = |x: Array| psum(&x * &x, "i") * x.sin();
    let total = |x: Array| vmap_with(f, named("i"))(x).sum();
    let squares: f64 = X.iter().map(|x| x * x).sum();
    let sines: f64 = X.iter().map(|x| x.sin()).sum();
    let expected = all(|k| 2.0 * X[k] * sines + squares * X[k].cos());
    close(&grad(total)(x()), &expected);
    close(&jit(grad(jit(total)))(x()), &expected);
    close(&vmap_with(grad(f), named("i"))(x()), &expected);
    close(&vmap_with(jit(grad(checkpoint(jit(f)))), named("i"))(x()), &expected);
    let (_, dy) = vmap_with(|x: Array| jvp(f, (x,), (Array::scalar(1.0f64),)), named("i"))(x());
    let pushed = all(|k| 2.0 * X.iter().sum::<f64>() * X[k].sin() + squares * X[k].cos());
    close(&dy, &pushed);
    // d2/dx_k dx_l of sum x^2 * sum sin x
    let second = |k: usize, l: usize| {
        let same = (k == l) as u8 as f64;
        2.0 * same * sines + 2.0 * X[k] * X[l].cos() + 2.0 * X[l] * X[k].cos()
            - same * squares * X[k].sin()
    };
    let expected: Vec<f64> = (0..16).map(|k| second(k / 4, k % 4)).collect();
    close(&hessian(total)(x()), &expected);
    // The third derivative, along ones twice.
    let once = move |x: Array| grad(total)(x).sum();
    let twice = move |x: Array| grad(once)(x).sum();
    let sum: f64 = X.iter().sum();
    let cosines: f64 = X.iter().map(|x| x.cos()).sum();
    // S = sum x^2, T = sum sin x; D = d/dx summed: D S = 2 sum, D D S = 8, D T = cosines, D D T =
    // -sines. d/dx_k of D D (S T) = 8 T + 4 sum C - S T
    let expected = all(|k| {
        8.0 * X[k].cos() + 4.0 * cosines
            - 4.0 * sum * X[k].sin()
            - 2.0 * X[k] * sines
            - squares * X[k].cos()
    });
    close(&grad(twice)(x()), &expected);
}

/// Collectives in the bodies of everything that has one.
#[test]
fn inside_of_control_flow() {
    let in_scan = |x: Array| {
        let step = |c: Array, (): ()| (c.clone() + psum(c, "i") * 0.1, axis_index("i"));
        scan_with(step, x, (), ScanOptions { length: Some(3), ..Default::default() }).0
    };
    // c_k += 0.1 S, S *= 1.4
    let s: f64 = X.iter().sum();
    let added: f64 = (0..3).map(|t| 0.1 * s * 1.4f64.powi(t)).sum();
    close(&vmap_with(in_scan, named("i"))(x()), &all(|k| X[k] + added));
    let total = |x: Array| vmap_with(in_scan, named("i"))(x).sum();
    close(&grad(total)(x()), &[1.4f64.powi(3); 4]);
    close(&vmap_with(grad(in_scan), named("i"))(x()), &[1.4f64.powi(3); 4]);
    close(&jit(vmap_with(jit(grad(in_scan)), named("i")))(x()), &[1.4f64.powi(3); 4]);
    // One branch for all lanes, and one for each.
    let shared = |x: Array| {
        let any = pmax(x.clone(), "i").gt(2.0);
        cond(&any, |x| psum(x, "i"), |x| x, x.clone())
    };
    close(&vmap_with(shared, named("i"))(x()), &[s; 4]);
    let own = |x: Array| cond(x.gt(0.0), |x| psum(x, "i"), |x| x, x.clone());
    close(&vmap_with(own, named("i"))(x()), &[s, -2.0, s, s]);
    // Inside, every lane transposes the branch it takes; outside, all of them sum what those give
    // that take the first.
    close(&vmap_with(grad(own), named("i"))(x()), &[4.0, 1.0, 4.0, 4.0]);
    close(&grad(move |x: Array| vmap_with(own, named("i"))(x).sum())(x()), &[3.0, 4.0, 3.0, 3.0]);
    // A body in which nothing but the lane's number tells the lanes apart.
    let number = jit(|(): ()| axis_index("i"));
    let lanes = vmap_with(move |x: Array| x + number(()), named("i"));
    close(&lanes(x()), &all(|k| X[k] + k as f64));
    let counted = |x: Array| fori_loop(0..3, |_, c: Array| c + axis_index("i"), x);
    close(&vmap_with(counted, named("i"))(x()), &all(|k| X[k] + 3.0 * k as f64));
    let branches: [fn(Array) -> Array; 2] = [|x| x, |x| x + axis_index("i")];
    let switched = move |x: Array| switch(Array::from(1), &branches, x);
    close(&vmap_with(switched, named("i"))(x()), &all(|k| X[k] + k as f64));
}

#[test]
fn inside_of_custom_rules() {
    let mean = custom_jvp(
        |x: Array| pmean(x, "i"),
        // Twice the derivative, to know it again.
        |(x,), (dx,)| (pmean(x, "i"), 2.0 * pmean(dx, "i")),
    );
    let f = move |x: Array| mean(&x * &x);
    let f = std::sync::Arc::new(f);
    let (g, h) = (f.clone(), f.clone());
    close(&vmap_with(grad(move |x: Array| g(x)), named("i"))(x()), &all(|k| 4.0 * X[k]));
    let total = move |x: Array| {
        let h = h.clone();
        vmap_with(move |x: Array| h(x), named("i"))(x).sum()
    };
    close(&grad(total)(x()), &all(|k| 4.0 * X[k]));
    let reversed = custom_vjp(
        |x: Array| psum(x, "i"),
        |(x,): (Array,)| (psum(x, "i"), ()),
        |(), ct: Array| (pmean(ct, "i") * 10.0,),
    );
    let reversed = std::sync::Arc::new(reversed);
    let other = reversed.clone();
    let weighted = move |x: Array| reversed(x) * (axis_index("i") + 1);
    close(&vmap_with(grad(weighted), named("i"))(x()), &[25.0; 4]);
    let total = move |x: Array| {
        let other = other.clone();
        vmap_with(move |x: Array| other(x) * (axis_index("i") + 1), named("i"))(x).sum()
    };
    close(&grad(total)(x()), &[25.0; 4]);
}

/// A jitted function knows the batch it is called in.
#[test]
fn jitted_functions_are_traced_per_batch() {
    let share = std::sync::Arc::new(jit(|x: Array| {
        x * axis_size("i") as f64 + psum(Array::scalar(1.0f64), "i")
    }));
    for n in [2usize, 5, 2] {
        let share = share.clone();
        let f = vmap_with(move |x: Array| share(x), named("i"));
        close(&f(counting(&[n]) * 0.0 + 1.0), &vec![2.0 * n as f64; n]);
    }
    // The same with a batch that nobody asked about around it.
    let f = vmap_with(vmap_with(move |x: Array| share(x), named("i")), named("k"));
    close(&f(counting(&[2, 3]) * 0.0 + 1.0), &[6.0; 6]);
    let outside = jit(|x: Array| psum(x, "i"));
    assert!(message(|| outside(x())).contains("no axis named \"i\""));
}

/// Batches around and inside of the named one, in both orders.
#[test]
fn other_batches_around() {
    let (m, at) = matrix(4, 3);
    let centred = |x: Array| &x - pmean(x.clone(), "i");
    let mean = |j: usize| (0..4).map(|i| at(i, j)).sum::<f64>() / 4.0;
    let expected: Vec<f64> = (0..12).map(|k| at(k / 3, k % 3) - mean(k % 3)).collect();
    close(&vmap_with(vmap(centred), named("i"))(m.clone()), &expected);
    let columns = vmap_in_out(vmap_with(centred, named("i")), 1, 1);
    close(&columns(m.clone()), &expected);
    close(&vmap_with(centred, named("i"))(m), &expected);
}

#[test]
fn a_named_batch_in_text() {
    let f = |x: Array| psum(x, "i") * axis_index("i");
    let inner = std::sync::Mutex::new(String::new());
    let shown = vmap_with(
        |x: Array| {
            *inner.lock().unwrap() = make_jaxpr(f)(x.clone()).to_string();
            f(x)
        },
        named("i"),
    );
    let outer = make_jaxpr(shown)(array![1.0, 2.0]).to_string();
    assert_eq!(
        inner.lock().unwrap().as_str(),
        "{ lambda ; a:f32[]. let
    b:f32[] = psum[axes=(\"i\",)] a
    c:i32[] = axis_index[axis_name=(\"i\",)]
    d:f32[] = convert_element_type[new_dtype=f32] c
    e:f32[] = mul b d
  in (e,) }"
    );
    assert!(!outer.contains("psum") && outer.contains("reduce_sum[axes=(0,)]"), "{outer}");
}

/// `d_i x_i + sum x = b_i`, one equation a lane, by a hundred steps of Richardson's iteration.
fn shared(matvec: &(dyn Fn(Array) -> Array + Sync), b: Array) -> Array {
    fori_loop(0..100, |_, x: Array| &x + (&b - matvec(x.clone())) / 8.0, zeros_like(&b))
}

/// Systems whose equations are spread over the lanes, solved by what names the lanes.
#[test]
fn systems_across_lanes() {
    let linear = |d: Array, b: Array| {
        let matvec = |x: Array| &d * &x + psum(x, "i");
        custom_linear_solve_symmetric(matvec, b, shared)
    };
    let root = |d: Array, b: Array| {
        custom_root(
            |x: Array| &d * &x + psum(x, "i") - &b,
            |f: &(dyn Fn(Array) -> Array + Sync), x: Array| {
                fori_loop(0..100, |_, x: Array| &x - f(x.clone()) / 8.0, x)
            },
            shared,
            Array::scalar(0.0f64),
        )
    };
    let plain = |d: Array, b: Array| {
        let s = (&b / &d).sum() / (1.0 + (1.0 / &d).sum());
        (b - s) / d
    };
    let d = || array![6.0f64, 5.0, 7.0, 6.5];
    let all = (Arg::<0>, Arg::<1>);
    let square = move |d, b| plain(d, b).square().sum();
    let (slope_d, slope_b) = grad_wrt(square, all)(d(), x());
    let second = grad(move |b: Array| grad_wrt(square, Arg::<1>)(d(), b).square().sum())(x());
    for solve in [&linear as &(dyn Fn(Array, Array) -> Array + Sync), &root] {
        let lanes = |d, b| vmap_with(solve, named("i"))(d, b);
        close(&lanes(d(), x()), &floats(&plain(d(), x())));
        let square = |d, b| lanes(d, b).square().sum();
        let (by_d, by_b) = jit(grad_wrt(square, all))(d(), x());
        close(&by_d, &floats(&slope_d));
        close(&by_b, &floats(&slope_b));
        let twice = grad(|b: Array| grad_wrt(square, Arg::<1>)(d(), b).square().sum());
        close(&twice(x()), &floats(&second));
    }
}
