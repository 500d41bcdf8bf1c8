//! Small conventions that programs lean on: axes and shapes however they are written, results in
//! fixed arrays, `==`, counted loops, transforms inside of solvers, panics caught, captures.

// References and empty ranges are among what is tested.
#![allow(clippy::needless_borrows_for_generic_args, clippy::reversed_empty_ranges)]

use cotangent::api::control::{try_fori_loop, try_scan_n};
use cotangent::numpy::arrange::{try_hstack, try_meshgrid, try_meshgrid_ij};
use cotangent::numpy::join::{try_concatenate, try_stack};
use cotangent::prelude::*;
use cotangent::random::{self, Key};
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};

#[track_caller]
fn said<T>(result: Result<T, Error>, message: &str) {
    assert_eq!(result.err().expect("an error").message(), message);
}

#[test]
fn axes_and_shapes_as_tuples_lists_and_nothing() {
    let x = arange(6).reshape((2, 3));
    let (n, m, k): (usize, u8, i64) = (2, 3, -1);
    for same in [
        x.reshape([n, 3]),
        x.reshape([2, k]),
        x.reshape((n, m)),
        x.reshape((n, k)),
        x.reshape(vec![n, 3]),
        x.reshape(&vec![2i16, 3]),
        x.reshape(&[n, 3]),
        x.reshape(&[2, -1]),
        x.reshape(&[n, 3][..]),
        x.reshape(x.shape()),
        x.reshape([2u32, 3]).reshape([2i8, 3]).reshape([2i128, 3]).reshape([2u64, 3]),
    ] {
        assert_eq!(same, x);
    }
    assert_eq!(x.expand_dims((0, 2)).shape(), [1, 2, 1, 3]);
    assert_eq!(x.sum_axis((0, -1)), x.sum());
    assert_eq!(x.sum_axis([0usize, 1]), x.sum());
    assert_eq!(x.transpose((1, 0)).shape(), [3, 2]);
    for scalar in [zeros([]), zeros(&[]), zeros(()), zeros(vec![0usize; 0])] {
        assert_eq!((scalar.shape(), scalar.size()), (&[][..], 1));
    }
    assert_eq!(x.sum_axis([]), x);
    assert_eq!(array![[[5]]].reshape([]), array![5].index(0));
    assert_eq!(ones((1, 1, 1, 1, 1, 1, 1, 2)).shape(), [1, 1, 1, 1, 1, 1, 1, 2]);
    assert_eq!(ones([1usize; 12]).ndim(), 12);
    assert_eq!(zeros((0, n)).shape(), [0, 2]);
    assert_eq!(random::normal(&random::key(0), [], DType::F32).shape(), []);
    // Beyond i64 a number is no axis, as is one out of range.
    said(
        x.try_sum_axis(u64::MAX),
        "sum_axis: axis 9223372036854775807 is out of range for i32[2,3], which has 2 axes",
    );
    assert!(x.try_sum_axis(i128::MIN).is_err() && x.try_reshape((u128::MAX, 1)).is_err());
    let lanes = vmap_axes(|x: Array, y: Array| x + y, (1i32, None));
    assert_eq!(lanes(x.clone(), Array::from(1)), x.t() + 1);
    let axis: usize = 1;
    assert_eq!(vmap_axes(|x: Array| x.sum(), (axis,))(x.clone()), x.sum_axis(0));
}

#[test]
fn parts_with_names() {
    let x = arange(12).reshape([2, 6]);
    let [q, k, v] = x.split_into(-1);
    assert_eq!(q, array![[0, 1], [6, 7]]);
    assert_eq!(k, array![[2, 3], [8, 9]]);
    assert_eq!(v, array![[4, 5], [10, 11]]);
    let [whole] = x.split_into(0);
    assert_eq!(whole, x);
    let [a, b] = x.unstack(0);
    assert_eq!((a, b), (arange(6), arange(6) + 6));
    let [] = zeros([3, 0]).unstack(1);
    said(
        x.try_split_into::<4>(-1),
        "split_into: expected a number of equal parts of axis 1 of i32[2,6], got 4; split_at takes \
         positions",
    );
    assert!(x.try_split_into::<0>(0).is_err());
    said(
        x.try_unstack::<3>(0),
        "unstack: expected 3 entries along axis 0, as there are names for them, got 2 of \
         i32[2,6]; split_into gives equal parts",
    );
    said(x.try_unstack::<2>(2), "unstack: axis 2 is out of range for i32[2,6], which has 2 axes");
    // Derivatives, batches and compiled code see slices.
    let f = |x: Array| {
        let [a, b] = x.split_into(0);
        let [c, d] = b.unstack(0);
        (a * &c).sum() * d
    };
    let x = array![1.0, 2.0, 3.0, 4.0];
    assert_eq!(f(x.clone()), Array::from(36.0f32).astype(DType::F32));
    assert_eq!(grad(f)(x.clone()), array![12.0, 12.0, 12.0, 9.0]);
    let both = stack([&x, &(2.0 * &x)], 0);
    assert_eq!(jit(vmap(f))(both), array![36.0, 288.0]);
}

#[test]
fn grids_and_lists() {
    let (x, y) = (array![1, 2, 3], array![4.5, 5.5]);
    let [a, b] = meshgrid([&x, &y]);
    assert_eq!((a.shape(), b.shape()), (&[2, 3][..], &[2, 3][..]));
    assert_eq!(a, array![[1, 2, 3], [1, 2, 3]]);
    assert_eq!(b, array![[4.5, 4.5, 4.5], [5.5, 5.5, 5.5]]);
    let [c, d] = meshgrid_ij(&[x.clone(), y.clone()]);
    assert_eq!((c, d), (a.t(), b.t()));
    let many: Vec<Array> = meshgrid(vec![x.clone(), y.clone()]);
    let again: Vec<Array> = meshgrid(&many.iter().map(|v| v.ravel()).collect::<Vec<_>>()[..1]);
    assert_eq!((&many[0], again[0].size()), (&a, 6));
    let [one] = meshgrid([&x]);
    assert_eq!(one, x);
    let [] = meshgrid_ij::<[Array; 0]>([]);
    let [point, _] = meshgrid_ij([Array::from(2).astype(DType::I32), x.clone()]);
    assert_eq!(point, array![[2, 2, 2]]);
    let [p, q, r] = meshgrid([&x, &x, &x]);
    assert_eq!([p.shape(), q.shape(), r.shape()], [&[3, 3, 3][..]; 3]);
    assert_eq!(p.index(s![1, .., 1]), x);
    for (result, op) in [
        (try_meshgrid([&a]).map(|_| ()), "meshgrid"),
        (try_meshgrid_ij(vec![&a]).map(|_| ()), "meshgrid_ij"),
    ] {
        let text = format!("{op}: expected vectors, got i32[2,3]; flatten it with ravel");
        said(result, &text);
    }
    let grads = grad(|v: Array| {
        let [a, b] = meshgrid([&v, &v]);
        (a * b).sum()
    });
    assert_eq!(grads(array![1.0, 2.0]), array![6.0, 6.0]);

    let z = array![7, 8, 9];
    let rows = array![[1, 2, 3], [7, 8, 9]];
    let list = vec![x.clone(), z.clone()];
    let borrowed = vec![&x, &z];
    for same in [
        stack([&x, &z], 0),
        stack([x.clone(), z.clone()], 0),
        stack(&[&x, &z], 0),
        stack(&[x.clone(), z.clone()], 0),
        stack(&list, 0),
        stack(&list[..], 0),
        stack(&borrowed, 0),
        stack(borrowed, 0),
        stack((&x, z.clone()), 0),
        vstack([&x, &z]),
        vstack(&list),
        concatenate([&x.expand_dims(0), &z.expand_dims(0)], 0),
        hstack([&x, &z]).reshape([2, 3]),
        dstack([&x, &z]).reshape([3, 2]).t(),
        column_stack(list).t(),
    ] {
        assert_eq!(same, rows);
    }
    assert_eq!(stack([1.0, 2.0], 0), array![1.0, 2.0]);
    assert_eq!(hstack((&x, 4)), array![1, 2, 3, 4]);
    let [a, b, c] = meshgrid_ij((&x, 1.5, array![0, 1]));
    assert_eq!([a.shape(), b.shape(), c.shape()], [&[3, 1, 2][..]; 3]);
    assert_eq!(b, full([3, 1, 2], 1.5));
    said(try_stack(Vec::<Array>::new(), 0), "stack: expected at least one array, got none");
    said(try_hstack([] as [Array; 0]), "hstack: expected at least one array, got none");
    said(
        try_concatenate(&[] as &[&Array], 0),
        "concatenate: expected at least one array, got none",
    );
}

#[test]
fn whole_arrays_are_equal_or_not() {
    let x = array![1.0, 2.0];
    assert_eq!(x, array![1.0, 2.0]);
    assert!(x == x.clone() && x != array![1.0, 3.0]);
    assert!(x != array![[1.0, 2.0]] && x != array![1.0f64, 2.0] && x != array![1, 2]);
    assert!(array![0.0] == array![-0.0] && array![f32::NAN] != array![f32::NAN]);
    assert!(zeros([0]) == zeros([0]) && zeros([0, 1]) != zeros([0]));
    // Weak or strong is no difference.
    assert!(full((), 2.0) == Array::scalar(2.0f32));
    for dtype in DType::ALL.iter().copied().filter(|d| d.runs()) {
        let of = |n: i32| array![n, 0].astype(dtype);
        assert!(of(1) == of(1) && of(1) != of(0), "{dtype}");
    }
    let i = Complex::new(0.0f32, 1.0);
    assert!(array![i] == array![i] && array![i] != array![-i] && array![i] != array![i + 1.0]);
    assert!(array![Complex::new(0.0, f32::NAN)] != array![Complex::new(0.0, f32::NAN)]);
    assert!(array![u64::MAX] != array![u64::MAX - 1] && array![i64::MIN] == array![i64::MIN]);

    #[derive(Pytree, Clone, Debug, PartialEq)]
    struct Layer {
        w: Array,
        b: Option<Array>,
    }
    let layer = Layer { w: x.clone(), b: None };
    assert_eq!(layer, layer.clone());
    assert_ne!(layer, Layer { b: Some(array![1.0]), ..layer.clone() });

    // The methods compare elements.
    let y = &x;
    assert_eq!(y.eq(2.0), array![false, true]);
    assert_eq!(x.ne(array![1.0, 0.0]), array![false, true]);
    assert_eq!(array![[1], [2]].eq(&array![1, 2]), array![[true, false], [false, true]]);
    said(
        x.try_eq(array![1.0, 2.0, 3.0]),
        "eq: shapes do not broadcast: f32[2] and f32[3]; counted from the last, axis 1 has sizes \
         2 and 3",
    );
    assert!(x.try_ne(array![1.0, 2.0, 3.0]).unwrap_err().message().starts_with("ne: "));
}

#[test]
fn bools_outside_of_traces_and_cures_inside() {
    let x = array![1.0, 2.0];
    assert!(x.array_equal(array![1, 2]) && !x.array_equal(array![1.0, 2.5]));
    assert!(!x.array_equal(1.0) && !array![f32::NAN].array_equal(array![f32::NAN]));
    assert!(x.allclose(&x * 1.000001) && !x.allclose(&x * 1.1) && !x.allclose(1.0));
    assert!(zeros([0]).allclose(zeros([0])) && zeros([0]).array_equal(zeros([0])));
    assert!(x.try_allclose(array![1.0, 2.0, 3.0]).is_err());
    // Constants are known inside of a trace, too.
    let known = jit(|y: Array| if x.allclose(&x) && x.array_equal(&x) && x == x { y } else { -y });
    assert_eq!(known(x.clone()), x);
    let refused = |f: fn(Array) -> bool| {
        let g = jit(move |y: Array| if f(y.clone()) { y } else { -y });
        *catch_unwind(|| g(array![1.0, 2.0])).unwrap_err().downcast::<String>().unwrap()
    };
    for (text, op, cure) in [
        (refused(|y| y.allclose(1.0)), "allclose: f32[2]", "x.isclose(y).all()"),
        (refused(|y| array![1, 2].array_equal(y)), "array_equal: f32[2]", "x.eq(y).all()"),
        (refused(|y| y == array![1.0, 2.0]), "==: f32[2]", "x.eq(&y)"),
    ] {
        assert!(text.starts_with(&format!("{op} is being traced")), "{text}");
        assert!(text.contains(cure) && text.contains("cond"), "{text}");
    }
    // Other shapes are other arrays, whatever their elements.
    let apart = jit(|y: Array| if y == array![1.0] || y.array_equal(0.0) { -y } else { y });
    assert_eq!(apart(x.clone()), x);
}

#[test]
fn loops_over_a_count() {
    let sums = |n: usize| {
        scan_n(|sum: Array, i: Array| (sum + &i, i * 2), Array::from(0).astype(DType::I32), n)
    };
    let (sum, twice) = sums(4);
    assert_eq!((sum.item::<i32>(), twice), (6, array![0, 2, 4, 6]));
    let (none, no) = sums(0);
    assert_eq!((none.item::<i32>(), no.shape()), (0, &[0][..]));
    let power = |x: Array| scan_n(|y: Array, _| (y * &x, ()), array![1.0], 3).0.sum();
    assert_eq!(grad(power)(array![2.0]), array![12.0]);
    assert_eq!(jit(vmap(power))(array![[1.0], [3.0]]), array![1.0, 27.0]);
    let e = try_scan_n(|_: Array, i: Array| (stack([&i, &i], 0), ()), Array::from(0), 2);
    said(
        e,
        "scan_n: `carry` changes type: it starts as i32[] and the step returns i32[2]; make the \
         step return i32[], or start with i32[2]",
    );
}

#[test]
fn ranges_of_loops_however_they_are_written() {
    fn steps(range: impl cotangent::api::control::LoopBounds) -> Vec<i64> {
        let mark = |i: Array, (seen, n): (Array, Array)| {
            (seen.at(s![&n]).set(i.astype(DType::I64)), n + 1)
        };
        let start = (zeros_dtype([6], DType::I64) - 1, Array::from(0).astype(DType::I32));
        let (seen, n) = fori_loop(range, mark, start);
        seen.to_vec::<i64>()[..n.item::<i32>() as usize].to_vec()
    }
    let n = Array::scalar(3);
    let all = [0, 1, 2];
    assert_eq!(steps(3), all);
    assert_eq!(steps(3usize), all);
    assert_eq!(steps(3u8), all);
    assert_eq!(steps(3i64), all);
    assert_eq!(steps(..3u32), all);
    assert_eq!(steps(0..3u64), all);
    assert_eq!(steps(0..=2), all);
    assert_eq!(steps(..=2usize), all);
    assert_eq!(steps(&n), all);
    assert_eq!(steps(n.clone()), all);
    assert_eq!(steps((0, &n)), all);
    assert_eq!(steps((0, 3)), all);
    assert_eq!(steps((&n, 5)), [3, 4]);
    assert_eq!(steps((&n - 1, &n)), [2]);
    assert_eq!(steps(-2..=0), [-2, -1, 0]);
    assert_eq!(steps(-1), []);
    assert_eq!(steps(5..=4), []);
    let e = try_fori_loop(u64::MAX, |_, x: Array| x, array![1]);
    said(e, "fori_loop: expected bounds that fit i64, got 18446744073709551615");
    assert!(try_fori_loop(0..=i64::MAX, |_, x: Array| x, array![1]).is_err());
    let e = try_fori_loop((0.5, &n), |_, x: Array| x, array![1]);
    said(e, "fori_loop: the start of the range should be an int scalar such as i32[], got f32[]");
    // A pair of numbers has a known number of rounds: the loop goes backwards, too.
    let power = |x: Array| fori_loop((1, 4), |_, y: Array| y * &x, array![1.0]).sum();
    assert_eq!(grad(power)(array![2.0]), array![12.0]);
}

/// Newton's method by transforms of what the solver is handed.
#[test]
fn transforms_inside_of_solvers() {
    let by_jvp = |a: Array| {
        custom_root(
            |x: Array| &x * &x * &x - &a,
            |f, x| {
                let step = |x: Array| {
                    let (value, slope) = jvp(f, (x.clone(),), (ones_like(&x),));
                    x - value / slope
                };
                fori_loop(8, |_, x| step(x), x)
            },
            |slope, y| {
                // The slope is linear: its derivative is itself.
                let one = grad(|x: Array| slope(x))(zeros_like(&y));
                y / one
            },
            Array::scalar(1.5f64),
        )
    };
    let by_grad = |a: Array| {
        let search = |f: &(dyn Fn(Array) -> Array + Sync), x: Array| {
            let slope = grad(f);
            fori_loop(8, |_, x: Array| &x - f(x.clone()) / slope(x.clone()), x)
        };
        let inverse = |slope: &(dyn Fn(Array) -> Array + Sync), y: Array| &y / slope(ones_like(&y));
        custom_root(|x: Array| &x * &x * &x - &a, search, inverse, Array::scalar(1.5f64))
    };
    let a = || Array::scalar(8.0f64);
    let close = |got: Array, expected: f64| assert!((got.item::<f64>() - expected).abs() < 1e-12);
    close(by_jvp(a()), 2.0);
    close(by_grad(a()), 2.0);
    close(grad(by_jvp)(a()), 1.0 / 12.0);
    close(grad(by_grad)(a()), 1.0 / 12.0);
    close(jit(grad(grad(by_jvp)))(a()), -2.0 / 9.0 / 32.0);

    // The matrix of a linear system, seen by a transform.
    let m = array![[2.0f64, 1.0], [0.0, 4.0]];
    let solve = |matvec: &(dyn Fn(Array) -> Array + Sync), b: Array| {
        let j = jacfwd(matvec)(zeros_like(&b));
        let [a00, a01, a10, a11] = j.reshape([4]).unstack(0);
        let [b0, b1] = b.unstack(0);
        let det = &a00 * &a11 - &a01 * &a10;
        stack([(&a11 * &b0 - &a01 * &b1) / &det, (&a00 * &b1 - &a10 * &b0) / &det], 0)
    };
    let x = |b: Array| custom_linear_solve(|x: Array| m.matmul(&x), b, solve, solve);
    assert_eq!(x(array![4.0f64, 8.0]), array![1.0f64, 2.0]);
    assert_eq!(grad(|b: Array| x(b).sum())(array![4.0f64, 8.0]), array![0.5f64, 0.125]);
}

#[test]
fn panics_can_be_caught() {
    fn check<T: UnwindSafe + RefUnwindSafe>() {}
    check::<Array>();
    check::<Key>();
    check::<Tree>();
    check::<Static<u8>>();
    check::<Func<'static, (Own<Array>,), Array>>();
    check::<Vec<(Array, Option<Array>)>>();
    let x = array![1.0, 2.0];
    let f = jit(|x: Array| x.reshape([3]));
    let caught = catch_unwind(|| f(x.clone()));
    assert!(caught.is_err());
    let caught = catch_unwind(|| x.sum());
    assert_eq!(caught.unwrap(), array![3.0].sum());
    // Nothing is left behind.
    assert_eq!(jit(|x: Array| x * 2.0)(x.clone()), array![2.0, 4.0]);
    assert!(catch_unwind(|| f(x.clone())).is_err());
}

#[test]
fn captures_are_cloned_by_name() {
    struct Model {
        w: Array,
        b: Array,
    }
    impl Model {
        fn apply(&self) -> impl Fn(Array) -> Array + Send + Sync + 'static {
            clone!(w = self.w, b = self.b => move |x: Array| x * &w + &b)
        }
    }
    let model = Model { w: array![2.0], b: array![1.0] };
    let f = model.apply();
    assert_eq!(f(array![3.0]), array![7.0]);
    let Model { w, b } = &model;
    // What a reference refers to is cloned.
    let g = std::thread::spawn(clone!(w, b => move || w + b)).join().unwrap();
    assert_eq!(g, array![3.0]);
    let start = vec![1];
    let mut count = clone!(mut start, w => move || {
        start.push(w.size());
        start.len()
    });
    assert_eq!((count(), count(), start.len()), (2, 3, 1));
    let pair = (vec![1], w.clone());
    let longer = clone!(w = pair.1, mut list = pair.0 => {
        list.push(2);
        (list, w)
    });
    assert_eq!((longer.0, longer.1, pair.0), (vec![1, 2], array![2.0], vec![1]));
    assert_eq!(grad(clone!(w => move |x: Array| (x * &w).sum()))(array![3.0]), array![2.0]);
}
