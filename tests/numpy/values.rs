//! Values of methods on small arrays, and what they say when misused.

use cotangent::nn;
use cotangent::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn f32s(x: &Array) -> Vec<f32> {
    x.to_vec()
}

fn i32s(x: &Array) -> Vec<i32> {
    x.to_vec()
}

fn bools(x: &Array) -> Vec<bool> {
    x.to_vec()
}

/// The message of the panic in `f`.
fn message(f: impl FnOnce() -> Array) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn operators_broadcast_and_promote() {
    let (column, row) = (array![[1.0], [2.0]], array![10.0, 20.0, 30.0]);
    let sum = &column + &row;
    assert_eq!(sum.shape(), [2, 3]);
    assert_eq!(f32s(&sum), [11.0, 21.0, 31.0, 12.0, 22.0, 32.0]);
    assert_eq!(f32s(&(0.5 * array![2, 4])), [1.0, 2.0]);
    assert_eq!(f32s(&(array![1, 2] / array![2, 2])), [0.5, 1.0]);
    assert_eq!(i32s(&(array![-7, 7] % 3)), [-1, 1]);
    assert_eq!(i32s(&(1 - array![1, 2])), [0, -1]);
    assert_eq!(i32s(&-array![1, 2]), [-1, -2]);
    assert_eq!(i32s(&(array![1, 2] << 3)), [8, 16]);
    assert_eq!(i32s(&(array![-8, 8] >> 2)), [-2, 2]);
    assert_eq!((Array::from_slice(&[u32::MAX]) >> 28).to_vec::<u32>(), [15]);
    assert_eq!(bools(&!array![true, false]), [false, true]);
    assert_eq!((Array::from_slice(&[1f64]) * 0.1).to_vec::<f64>(), [0.1]);
    let mut x = array![1.0];
    x += 2.0;
    x *= &array![4.0];
    assert_eq!(f32s(&x), [12.0]);
}

#[test]
fn mathematics() {
    let x = array![-2.5, 0.0, 2.5];
    assert_eq!(f32s(&x.round()), [-2.0, 0.0, 2.0]);
    assert_eq!(f32s(&x.abs()), [2.5, 0.0, 2.5]);
    assert_eq!(f32s(&x.maximum(1.0)), [1.0, 1.0, 2.5]);
    assert_eq!(f32s(&x.minimum(array![[1.0]])), [-2.5, 0.0, 1.0]);
    assert_eq!(f32s(&x.clip(-1.0, 2)), [-1.0, 0.0, 2.0]);
    assert_eq!(f32s(&array![1, 4].sqrt()), [1.0, 2.0]);
    assert_eq!(f32s(&x.pow(2)), [6.25, 0.0, 6.25]);
    assert_eq!(f32s(&array![2.0].pow(-2)), [0.25]);
    assert_eq!(i32s(&array![-7, 7, -7, 7].remainder(array![3, 3, -3, -3])), [2, 1, -1, -2]);
    assert_eq!(i32s(&array![-7, 7, -7, 7].floor_divide(array![3, 3, -3, -3])), [-3, 2, 2, -3]);
    assert_eq!(f32s(&array![-7.0].remainder(3.0)), [2.0]);
    assert_eq!(f32s(&array![8.0].log2()), [3.0]);
}

#[test]
fn comparisons_and_choices() {
    let x = array![1.0, f32::NAN, 3.0];
    assert_eq!(bools(&x.lt(2)), [true, false, false]);
    assert_eq!(bools(&x.ne(&x)), [false, true, false]);
    assert_eq!(bools(&x.is_nan()), [false, true, false]);
    assert_eq!(bools(&x.is_finite().logical_and(x.gt(1.0))), [false, false, true]);
    assert_eq!(f32s(&x.is_nan().select(0.0, &x)), [1.0, 0.0, 3.0]);
    let chosen = array![[true], [false]].select(array![1, 2], 0.5);
    assert_eq!(chosen.shape(), [2, 2]);
    assert_eq!(f32s(&chosen), [1.0, 2.0, 0.5, 0.5]);
    assert_eq!(i32s(&array![true].select(1, 2)), [1]);
}

#[test]
fn reductions() {
    let x = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    assert_eq!(x.sum().item::<f32>(), 21.0);
    assert_eq!(f32s(&x.sum_axis([-2])), [5.0, 7.0, 9.0]);
    assert_eq!(x.mean_keepdims(1).shape(), [2, 1]);
    assert_eq!(f32s(&x.mean_axis(1)), [2.0, 5.0]);
    assert_eq!(f32s(&x.prod_axis(0)), [4.0, 10.0, 18.0]);
    assert_eq!(f32s(&x.max_axis([0, 1])), [6.0]);
    assert_eq!(f32s(&x.min_axis(0)), [1.0, 2.0, 3.0]);
    assert_eq!(x.var_axis(1).to_vec::<f32>(), [2.0 / 3.0, 2.0 / 3.0]);
    assert_eq!(array![1.0, 3.0].std().item::<f32>(), 1.0);
    assert_eq!(x.gt(2.0).sum().item::<i32>(), 4);
    assert_eq!(bools(&x.gt(3.0).all_axis(1)), [false, true]);
    assert!(array![0, 1].any().item::<bool>());
    assert_eq!(array![1, 2].mean().item::<f32>(), 1.5);
    let empty = Array::from_vec(Vec::<f32>::new());
    assert_eq!((empty.sum().item::<f32>(), empty.prod().item::<f32>()), (0.0, 1.0));
    assert!(empty.mean().item::<f32>().is_nan());
}

#[test]
fn where_extremes_are() {
    let x = array![[2.0, 5.0, 5.0], [f32::NAN, 9.0, f32::NAN]];
    assert_eq!(i32s(&x.argmax_axis(1)), [1, 0]);
    assert_eq!(i32s(&x.argmin_axis(-1)), [0, 0]);
    assert_eq!(array![3, 1, 2, 1].argmin().item::<i32>(), 1);
    assert_eq!(x.argmax().item::<i32>(), 3);
}

#[test]
fn activations() {
    let x = array![-1.0, 0.0, f32::NAN, 2.0];
    let y = f32s(&nn::relu(&x));
    assert!(y[2].is_nan());
    assert_eq!([y[0], y[1], y[3]], [0.0, 0.0, 2.0]);
    let rows = nn::softmax(&array![[1000.0, 1000.0], [0.0, -1000.0]], -1);
    assert_eq!(f32s(&rows), [0.5, 0.5, 1.0, 0.0]);
    assert_eq!(f32s(&nn::log_softmax(&array![0.0, 0.0], 0)), [-std::f32::consts::LN_2; 2]);
    let huge = nn::logsumexp(&array![[1000.0, 1000.0]], 1);
    assert_eq!(f32s(&huge), [1000.0 + std::f32::consts::LN_2]);
    let none = f32::NEG_INFINITY;
    assert_eq!(f32s(&nn::logsumexp(&array![none, none], ())), [none, none]);
    assert_eq!(nn::logsumexp(&array![none, none], 0).item::<f32>(), none);
    assert_eq!(f32s(&nn::softplus(&array![0.0])), [std::f32::consts::LN_2]);
    assert_eq!(f32s(&nn::one_hot(&array![1, 7], 2, DType::F32)), [0.0, 1.0, 0.0, 0.0]);
    let smooth = f32s(&nn::gelu(&array![-1.0, 0.0, 1.0]));
    assert!((smooth[0] + 0.158_655_26).abs() < 1e-6 && (smooth[2] - 0.841_344_8).abs() < 1e-6);
    assert!((f32s(&nn::gelu_tanh(&array![1.0]))[0] - 0.841_192).abs() < 1e-6);
}

#[test]
fn misuse_is_explained() {
    let (x, y) = (array![[1.0, 2.0, 3.0]], array![1.0, 2.0]);
    assert_eq!(
        message(|| &x + &y),
        "add: shapes do not broadcast: f32[1,3] and f32[2]; counted from the last, axis 1 has \
         sizes 3 and 2"
    );
    assert_eq!(
        message(|| x.sum_axis(2)),
        "sum_axis: axis 2 is out of range for f32[1,3], which has 2 axes"
    );
    assert_eq!(message(|| x.sum_axis([0, -2])), "sum_axis: axis -2 of f32[1,3] is given twice");
    assert_eq!(
        message(|| array![true] - array![false]),
        "sub: expected an int or a float, got bool[1]; convert it"
    );
    assert_eq!(message(|| Array::from_slice(&[1u32]) - -1), "sub: -1 is not a value of u32");
    assert_eq!(
        message(|| Array::from_vec(Vec::<f32>::new()).max()),
        "max: expected elements along axis 0, got f32[0] which has none"
    );
    assert_eq!(
        message(|| y.astype(DType::C64).argmax()),
        "argmax: expected real numbers, got c64[2]; take real(x), imag(x) or abs(x)"
    );
}
