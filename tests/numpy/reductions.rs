//! Reductions with a mask, with degrees of freedom and by segments; ranges with a step; rounding to
//! decimals; rolling over several axes. Values are those of NumPy and of `jax.ops`.

use cotangent::numpy::segments::try_segment_sum;
use cotangent::numpy::steps::try_arange_step;
use cotangent::prelude::*;

fn f64s(x: &Array) -> Vec<f64> {
    x.astype(DType::F64).to_vec()
}

#[track_caller]
fn close(got: &Array, expected: &[f64]) {
    let got = f64s(got);
    assert_eq!(got.len(), expected.len(), "{got:?}");
    for (x, y) in got.iter().zip(expected) {
        let near = (x - y).abs() <= 2e-6 * (1.0 + y.abs()) || x == y || x.is_nan() && y.is_nan();
        assert!(near, "{got:?} is not {expected:?}");
    }
}

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

#[test]
fn ranges_with_a_step() {
    let ints = |x: Array| x.to_vec::<i32>();
    assert_eq!(ints(arange_step((5, 0), -2)), [5, 3, 1]);
    assert_eq!(ints(arange_step(1..10, 3)), [1, 4, 7]);
    assert_eq!(ints(arange_step(10, 4)), [0, 4, 8]);
    assert_eq!(ints(arange_step(0..5, -1)), []);
    assert_eq!(arange_step(0.0..1.0, 0.3).to_vec::<f32>(), [0.0, 0.3, 0.6, 0.9]);
    assert_eq!(arange_step((1.0, 0.0), -0.25).to_vec::<f32>(), [1.0, 0.75, 0.5, 0.25]);
    assert_eq!(arange_step(0..2, 0.5).to_vec::<f32>(), [0.0, 0.5, 1.0, 1.5]);
    assert_eq!(arange_step(0.0..4.0, 2).to_vec::<f32>(), [0.0, 2.0]);
    // Each number is rounded once, also where sums of f32 would drift.
    let x = arange_step(0.0..1000.0, 0.1).to_vec::<f32>();
    assert!(x.iter().enumerate().all(|(i, x)| *x == (i as f64 * 0.1) as f32));

    let wide = arange_step(0i64..1 << 33, 1i64 << 32);
    assert_eq!((wide.dtype(), wide.to_vec::<i64>()), (DType::I64, vec![0, 1 << 32]));
    let bytes = arange_step_dtype(-128..128, 1, DType::I8);
    assert_eq!(bytes.to_vec::<i8>(), (-128..=127).collect::<Vec<i8>>());
    let bytes = arange_step_dtype((255, -1), -51, DType::U8);
    assert_eq!(bytes.to_vec::<u8>(), [255, 204, 153, 102, 51, 0]);
    let halves = arange_step_dtype(0..5000, 2500, DType::F16);
    assert_eq!(f64s(&halves), [0.0, 2500.0]);
    let whole = arange_step_dtype(0.0..3.0, 2.0, DType::I32);
    assert_eq!(whole.to_vec::<i32>(), [0, 2]);

    let text = |r: Result<Array, Error>| r.unwrap_err().to_string();
    assert!(text(try_arange_step(0..3, 0)).starts_with("arange_step: expected a step that is not"));
    assert!(text(try_arange_step(0.0..3.0, 0.0)).contains("not 0, got 0.0"));
    assert!(text(try_arange_step(0.0..f64::INFINITY, 1)).contains("finite"));
    let beyond = cotangent::numpy::steps::try_arange_step_dtype(0..300, 100, DType::I8);
    assert!(text(beyond).contains("200 is not a value of i8"));
    let part = cotangent::numpy::steps::try_arange_step_dtype(0.0..3.0, 0.5, DType::I32);
    assert!(text(part).contains("expected an int start and step for i32"));
}

#[test]
fn a_line_without_its_end() {
    close(&linspace_exclusive(2.0, -1.0, 6), &[2.0, 1.5, 1.0, 0.5, 0.0, -0.5]);
    assert_eq!(linspace_exclusive(0.0, 1.0, 0).shape(), [0]);
    assert_eq!(linspace_exclusive(3.0, 1.0, 1).to_vec::<f32>(), [3.0]);
    let ints = linspace_exclusive_dtype(0.0, 10.0, 4, DType::I32);
    assert_eq!(ints.to_vec::<i32>(), [0, 2, 5, 7]);
}

#[test]
fn degrees_of_freedom() {
    let y = array![[1.0, 2.0, 4.0], [3.0, 9.0, 7.0]];
    close(&y.var_ddof(1), &[9.466666666666667]);
    close(&y.var_ddof_axis(1, 1), &[2.33333333, 9.33333333]);
    close(&y.std_ddof_axis(1, 0), &[2f64.sqrt(), 4.94974747, 2.12132034]);
    assert_eq!(y.std_ddof_keepdims(1, 0).shape(), [1, 3]);
    assert_eq!(f64s(&y.var_ddof(0)), f64s(&y.var()));
    close(&array![1, 2].var_ddof(2), &[f64::NAN]);
    close(&array![Complex::new(1.0, 1.0), Complex::new(3.0, -1.0)].var_ddof(1), &[4.0]);
    let x = array![[1.0, 2.0, 4.0], [3.0, NAN, 7.0]];
    close(&x.nanvar_ddof_axis(1, 1), &[2.33333333, 8.0]);
    close(&x.nanstd_ddof(1), &[2.302172886644268]);
    close(&array![[1.0, NAN]].nanvar_ddof_axis(1, 1), &[f64::NAN]);

    // d var / dx[i] = 2 (x[i] - mean) / (n - ddof)
    close(&grad(|x: Array| x.var_ddof(1))(array![1.0, 2.0, 6.0]), &[-2.0, -1.0, 3.0]);
    close(&grad(|x: Array| x.nanvar_ddof(1))(array![1.0, NAN, 2.0, 6.0]), &[-2.0, 0.0, -1.0, 3.0]);
    close(&vmap(|x: Array| x.var_ddof(1))(y.clone()), &[2.33333333, 9.33333333]);
}

#[test]
fn under_a_mask() {
    let x = array![[1.0, 2.0, 4.0], [3.0, NAN, 7.0]];
    let m = array![[true, true, false], [true, false, true]];
    close(&x.sum_where(&m), &[13.0]);
    close(&x.sum_where_axis(&m, 1), &[3.0, 10.0]);
    close(&x.sum_where_axis(&m, 0), &[4.0, 2.0, 7.0]);
    close(&x.prod_where(&m), &[42.0]);
    close(&x.prod_where_axis(&m, 0), &[3.0, 2.0, 7.0]);
    close(&x.mean_where(&m), &[3.25]);
    close(&x.mean_where_axis(&m, 1), &[1.5, 5.0]);
    close(&x.var_where(&m), &[5.1875]);
    close(&x.var_where_axis(&m, 1), &[0.25, 4.0]);
    close(&x.std_where(&m), &[2.277608394786075]);
    close(&x.max_where_axis(&m, -1.0, 1), &[2.0, 7.0]);
    close(&x.min_where_axis(&m, 5.0, 1), &[1.0, 3.0]);
    assert_eq!(x.std_where_keepdims(&m, 1).shape(), [2, 1]);
    assert_eq!(x.max_where_keepdims(&m, 0, [0, 1]).shape(), [1, 1]);

    // Masks broadcast, from numbers too; numbers hold if they are not zero.
    close(&x.sum_where_axis(array![1, 0, 1], 1), &[5.0, 10.0]);
    close(&array![1.0, 2.0].sum_where(true), &[3.0]);
    // Nothing.
    let none = array![false];
    let y = array![1.0, 2.0];
    close(&y.sum_where(&none), &[0.0]);
    close(&y.prod_where(&none), &[1.0]);
    close(&y.mean_where(&none), &[f64::NAN]);
    close(&y.var_where(&none), &[f64::NAN]);
    close(&y.max_where(&none, 0.5), &[0.5]);
    close(&zeros([0]).max_where(true, -2.0), &[-2.0]);
    close(&zeros([2, 0]).sum_where_axis(true, 1), &[0.0, 0.0]);
    assert!(!y.any_where(&none).item::<bool>());
    assert!(y.all_where(&none).item::<bool>());
    let b = array![[0, 3], [0, 0]];
    assert_eq!(b.any_where_axis(array![true, false], 1).to_vec::<bool>(), [false, false]);
    assert_eq!(b.all_where_axis(array![false, true], 1).to_vec::<bool>(), [true, false]);
    // NaN counts where the mask holds.
    close(&x.max_where_axis(true, 0, 1), &[4.0, f64::NAN]);

    let dtype = |x: Array| x.dtype();
    assert_eq!(dtype(array![true, false].sum_where(true)), DType::I32);
    assert_eq!(dtype(array![1u8, 2].prod_where(true)), DType::U32);
    assert_eq!(dtype(array![1, 2].mean_where(true)), DType::F32);
    assert_eq!(dtype(ones_dtype(3, DType::F16).mean_where(true)), DType::F16);
    assert_eq!(dtype(array![1u8, 9].max_where(array![true, false], 3)), DType::U8);
    assert_eq!(array![1u8, 9].max_where(array![true, false], 3).item::<u8>(), 3);
    assert_eq!(array![-5i64, -9].max_where(array![false, true], i64::MIN).item::<i64>(), -9);
    // In f32, where a sum of f16 would be infinite.
    let many = full_dtype(4, 60000.0, DType::F16);
    close(&many.mean_where(array![true, true, true, false]), &[60000.0]);
    let z = array![Complex::new(1.0, 1.0), Complex::new(3.0, -1.0), Complex::new(NAN, 0.0)];
    close(&z.var_where(array![true, true, false]), &[2.0]);

    let wide = array![1.0].try_sum_where(&m).unwrap_err().to_string();
    assert_eq!(wide, "sum_where: expected a mask that broadcasts to f32[1], got bool[2,3]");
}

#[test]
fn what_a_mask_leaves_out_has_no_derivative() {
    let m = array![true, false, true, false];
    let x = array![2.0, NAN, 5.0, INF];
    let d = |f: fn(&Array, &Array) -> Array| {
        let m = m.clone();
        let g = grad(move |x: Array| f(&x, &m));
        let eager = g(x.clone());
        let m = array![true, false, true, false];
        let compiled = jit(grad(move |x: Array| f(&x, &m)))(x.clone());
        assert_eq!(f64s(&eager), f64s(&compiled));
        eager
    };
    close(&d(|x, m| x.sum_where(m)), &[1.0, 0.0, 1.0, 0.0]);
    close(&d(|x, m| x.prod_where(m)), &[5.0, 0.0, 2.0, 0.0]);
    close(&d(|x, m| x.mean_where(m)), &[0.5, 0.0, 0.5, 0.0]);
    close(&d(|x, m| x.var_where(m)), &[-1.5, 0.0, 1.5, 0.0]);
    close(&d(|x, m| x.std_where(m)), &[-0.5, 0.0, 0.5, 0.0]);
    close(&d(|x, m| x.max_where(m, 0.0)), &[0.0, 0.0, 1.0, 0.0]);
    close(&d(|x, m| x.min_where(m, 9.0)), &[1.0, 0.0, 0.0, 0.0]);
    close(&d(|x, m| x.max_where(m, 7.0)), &[0.0; 4]);
    // Forward mode, too.
    let ones = ones(4);
    let t = jvp(|x: Array| x.var_where(array![true, false, true, false]), (x,), (ones,)).1;
    close(&t, &[0.0]);
    let by_lane = vmap(|x: Array, m: Array| x.mean_where(&m));
    let m = array![[true, false], [true, true], [false, false]];
    close(&by_lane(array![[1.0, NAN], [2.0, 4.0], [1.0, 2.0]], m), &[1.0, 3.0, f64::NAN]);
}

#[test]
fn rounding_to_decimals() {
    let x = array![1234.5678, -0.055, 2.675];
    close(&x.round_to(2), &[1234.57, -0.06, 2.68]);
    close(&array![1250.0, 1350.0, -1250.0].round_to(-2), &[1200.0, 1400.0, -1200.0]);
    let ints = array![15, 25, -15, -25, 14, 149, -26];
    assert_eq!(ints.round_to(-1).to_vec::<i32>(), [20, 20, -20, -20, 10, 150, -30]);
    assert_eq!(ints.round_to(3).to_vec::<i32>(), ints.to_vec::<i32>());
    assert_eq!(array![i32::MAX].round_to(-10).to_vec::<i32>(), [0]);
    assert_eq!(array![100i8, 127, -128].round_to(-2).to_vec::<i8>(), [100, 100, -100]);
    assert_eq!(array![250u8, 49].round_to(-2).to_vec::<u8>(), [200, 0]);
    let special = array![NAN, INF, -0.0, 1e30, 3e38].round_to(5).to_vec::<f32>();
    assert!(special[0].is_nan() && special[2].is_sign_negative());
    assert_eq!((special[1], special[3], special[4]), (INF, 1e30, 3e38));
    assert_eq!(array![1.5e-3].round_to(400).to_vec::<f32>(), [1.5e-3]);
    assert_eq!(array![1.5e3].round_to(-400).to_vec::<f32>(), [0.0]);
    let half = array![1.26].astype(DType::F16).round_to(1);
    assert_eq!((half.dtype(), f64s(&half)), (DType::F16, vec![1.2998046875]));
    let z = array![Complex::new(1.26, -3.16)].round_to(1);
    assert_eq!(z.to_vec::<Complex<f32>>(), [Complex::new(1.3, -3.2)]);
    close(&grad(|x: Array| x.round_to(1).sum())(array![1.26, 1e30]), &[0.0, 0.0]);
    close(&jit(|x: Array| x.round_to(1))(array![1.26]), &[1.3]);
}

#[test]
fn rolling_over_several_axes() {
    let a = arange(6).reshape([2, 3]);
    let of = |x: Array| x.to_vec::<i32>();
    assert_eq!(of(a.roll([1, 1], [0, 1])), [5, 3, 4, 2, 0, 1]);
    assert_eq!(of(a.roll(1, [0, 1])), [5, 3, 4, 2, 0, 1]);
    assert_eq!(of(a.roll([1, 1], 1)), [1, 2, 0, 4, 5, 3]);
    assert_eq!(of(a.roll([1, -1], [1, 0])), [5, 3, 4, 2, 0, 1]);
    assert_eq!(of(a.roll(1, ())), of(a.clone()));
    assert_eq!(zeros([2, 0]).roll([1, 1], [0, 1]).shape(), [2, 0]);
    let wrong = a.try_roll([1, 2, 3], [0, 1]).unwrap_err().to_string();
    assert_eq!(wrong, "roll: expected one shift, or one for each of 2 axes, got 3");
    assert!(a.try_roll(1, 2).unwrap_err().to_string().starts_with("roll: axis 2 is out of range"));
}

#[test]
fn the_greatest_along_an_axis() {
    let x = array![[1, 6, 2], [5, 4, 9]];
    let (values, places) = x.top_k(1, 0);
    assert_eq!((values.shape(), values.to_vec::<i32>()), (&[1, 3][..], vec![5, 6, 9]));
    assert_eq!(places.to_vec::<i32>(), [1, 0, 1]);
    assert_eq!(x.top_k(2, -1).0.to_vec::<i32>(), [6, 2, 9, 5]);
    assert!(x.try_top_k(1, 2).is_err());
}

#[test]
fn segments_as_in_jax() {
    let (d, i) = (array![1.0, 2.0, 3.0, 4.0, 5.0], array![0, 2, 0, 7, -1]);
    close(&segment_sum(&d, &i, 4), &[4.0, 0.0, 2.0, 0.0]);
    close(&segment_prod(&d, &i, 4), &[3.0, 1.0, 2.0, 1.0]);
    let inf = f64::INFINITY;
    close(&segment_max(&d, &i, 4), &[3.0, -inf, 2.0, -inf]);
    close(&segment_min(&d, &i, 4), &[1.0, inf, 2.0, inf]);
    close(&segment_mean(&d, &i, 4), &[2.0, f64::NAN, 2.0, f64::NAN]);

    // Rows, ids of every kind of int, ints and bools.
    let rows = array![[1, 2], [3, 4], [5, 6]];
    for dtype in [DType::U8, DType::I8, DType::U32, DType::I64, DType::U64] {
        let ids = array![1, 0, 1].astype(dtype);
        assert_eq!(segment_sum(&rows, &ids, 2).to_vec::<i32>(), [3, 4, 6, 8]);
        assert_eq!(segment_prod(&rows, &ids, 2).to_vec::<i32>(), [3, 4, 5, 12]);
        assert_eq!(segment_max(&rows, &ids, 2).to_vec::<i32>(), [3, 4, 5, 6]);
        close(&segment_prod(rows.astype(DType::F32), &ids, 2), &[3.0, 4.0, 5.0, 12.0]);
    }
    let huge = array![u64::MAX, u64::MAX - 7];
    assert_eq!(segment_sum(array![1, 2], &huge, 3).to_vec::<i32>(), [0, 0, 0]);
    // More segments than the ids count.
    let many = segment_sum(array![1, 2], array![-1i8, 100], 300);
    assert_eq!((many.sum().item::<i32>(), many.index(100).item::<i32>()), (2, 2));
    assert_eq!(segment_min(array![3, 4], array![1, 1], 2).to_vec::<i32>(), [i32::MAX, 3]);
    let bools = array![true, false, false];
    let ids = array![0, 0, 1];
    assert_eq!(segment_sum(&bools, &ids, 3).to_vec::<i32>(), [1, 0, 0]);
    assert_eq!(segment_max(&bools, &ids, 3).to_vec::<bool>(), [true, false, false]);
    assert_eq!(segment_min(&bools, &ids, 3).to_vec::<bool>(), [false, false, true]);
    close(&segment_mean(array![1, 2, 4], array![0, 0, 1], 2), &[1.5, 4.0]);
    // Nothing to sum.
    assert_eq!(segment_sum(zeros([0, 2]), zeros_dtype(0, DType::I32), 2).shape(), [2, 2]);
    close(&segment_prod(zeros(0), zeros_dtype(0, DType::I32), 2), &[1.0, 1.0]);
    assert_eq!(segment_prod(ones(2), array![0, 0], 0).shape(), [0]);

    let text = |r: Result<Array, Error>| r.unwrap_err().to_string();
    assert!(text(try_segment_sum(&d, array![0.0; 5], 2)).starts_with("segment_sum: expected ints"));
    assert!(text(try_segment_sum(&d, array![0; 4], 2)).contains("got f32[5] and i32[4]"));
}

#[test]
fn derivatives_of_segments() {
    let (d, i) = (array![1.0, 2.0, 3.0, 4.0, 5.0], array![0, 2, 0, 7, -1]);
    let w = array![2.0, 3.0, 5.0];
    let of = |f: fn(&Array, &Array) -> Array| {
        let (i, w) = (i.clone(), w.clone());
        grad(move |d: Array| (f(&d, &i) * &w).index(s![..;2]).sum())(d.clone())
    };
    close(&of(|d, i| segment_sum(d, i, 3)), &[2.0, 5.0, 2.0, 0.0, 0.0]);
    close(&of(|d, i| segment_prod(d, i, 3)), &[6.0, 5.0, 2.0, 0.0, 0.0]);
    close(&of(|d, i| segment_max(d, i, 3)), &[0.0, 5.0, 2.0, 0.0, 0.0]);
    close(&of(|d, i| segment_min(d, i, 3)), &[2.0, 5.0, 0.0, 0.0, 0.0]);
    close(&of(|d, i| segment_mean(d, i, 3)), &[1.0, 5.0, 1.0, 0.0, 0.0]);

    // One zero in a segment, and two; NaN in another segment.
    let x = array![0.0, 2.0, 3.0, 0.0, 0.0, NAN];
    let ids = array![0, 0, 0, 1, 1, 2];
    let by_ids = move |x: Array| segment_prod(&x, &ids, 3).index(s![..2]).sum();
    close(&grad(by_ids.clone())(x.clone()), &[6.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    close(&jit(grad(by_ids.clone()))(x.clone()), &[6.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let t = array![1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    close(&jvp(by_ids, (x,), (t,)).1, &[6.0]);
    let second = hessian(|x: Array| segment_prod(&x, array![0, 1, 0, 0], 2).sum());
    let h = second(array![2.0, 1.0, 3.0, 5.0]);
    close(&h.index(0), &[0.0, 0.0, 5.0, 3.0]);

    // Lanes with data and ids of their own.
    let data = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let ids = array![[0, 1, 0], [1, 1, 1]];
    let sums = vmap(|d: Array, i: Array| segment_sum(&d, &i, 2))(data.clone(), ids.clone());
    close(&sums, &[4.0, 2.0, 0.0, 15.0]);
    let products = jit(vmap(|d: Array, i: Array| segment_prod(&d, &i, 2)))(data, ids);
    close(&products, &[3.0, 2.0, 1.0, 120.0]);
}
