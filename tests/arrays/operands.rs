//! Numbers beside arrays: every type of Rust counts, none decides the dtype.

use cotangent::numpy::compare::where_;
use cotangent::numpy::series::{interp, polyval};
use cotangent::prelude::*;
use cotangent::random;

/// Calls a macro with a number of each type of Rust, all of the value 2.
macro_rules! each_two {
    ($check:ident) => {
        $check!(2i8, 2i16, 2i32, 2i64, 2isize, 2u8, 2u16, 2u32, 2u64, 2usize);
        $check!(f16::from_f32(2.0), bf16::from_f32(2.0), 2f32, 2f64);
    };
}

#[test]
fn every_number_type_stands_on_the_right() {
    macro_rules! check {
        ($($two:expr),*) => {$(
            let x = array![3.0, 5.0];
            assert_eq!((&x + $two).to_vec::<f32>(), [5.0, 7.0]);
            assert_eq!((&x - $two).to_vec::<f32>(), [1.0, 3.0]);
            assert_eq!((&x * $two).to_vec::<f32>(), [6.0, 10.0]);
            assert_eq!((&x / $two).to_vec::<f32>(), [1.5, 2.5]);
            assert_eq!((&x % $two).to_vec::<f32>(), [1.0, 1.0]);
            assert_eq!((x.clone() * &$two).to_vec::<f32>(), [6.0, 10.0]);
            assert_eq!(x.gt($two).to_vec::<bool>(), [true, true]);
            assert_eq!(x.minimum($two).to_vec::<f32>(), [2.0, 2.0]);
            assert_eq!(x.pow($two).to_vec::<f32>(), [9.0, 25.0]);
            assert_eq!(x.clip($two, 4).to_vec::<f32>(), [3.0, 4.0]);
            let mut y = x.clone();
            y += $two;
            y *= $two;
            assert_eq!(y.to_vec::<f32>(), [10.0, 14.0]);
        )*};
    }
    each_two!(check);
}

#[test]
fn no_number_type_decides_the_dtype() {
    macro_rules! check {
        ($($two:expr),*) => {$(
            for dtype in [DType::BF16, DType::F16, DType::F32, DType::F64, DType::C64] {
                assert_eq!((ones_dtype(2, dtype) * $two).dtype(), dtype);
                assert_eq!((ones_dtype(2, dtype) + Array::from($two as f32)).dtype(), dtype);
            }
        )*};
    }
    check!(2i8, 2i16, 2i32, 2i64, 2isize, 2u8, 2u16, 2u32, 2u64, 2usize, 2f32, 2f64);
    macro_rules! of_ints {
        ($($two:expr),*) => {$(
            for dtype in [DType::I8, DType::U8, DType::I16, DType::U32, DType::I64, DType::U64] {
                assert_eq!((ones_dtype(2, dtype) * $two).dtype(), dtype);
                assert_eq!((ones_dtype(2, dtype) + Array::from($two)).dtype(), dtype);
                assert_eq!((ones_dtype(2, dtype) << $two).dtype(), dtype);
                assert_eq!((ones_dtype(2, dtype) & $two).dtype(), dtype);
            }
            assert_eq!((ones(2) * $two).dtype(), DType::F32);
        )*};
    }
    of_ints!(2i8, 2i16, 2i32, 2i64, 2isize, 2u8, 2u16, 2u32, 2u64, 2usize);
}

/// These lines compile only while Rust infers the types of bare numbers on both sides.
#[test]
fn types_of_bare_numbers_are_inferred() {
    let x = array![1.0, 2.0];
    assert_eq!((2.0 * &x).sum().item::<f32>(), 6.0);
    assert_eq!((&x * 2.0).sum().item::<f32>(), 6.0);
    assert_eq!((2 * &x).sum().item::<f32>(), 6.0);
    assert_eq!((&x * 2).sum().item::<f32>(), 6.0);
    assert_eq!((-2.0 * &x + 1.0).square().mean().item::<f32>(), 5.0);
    assert_eq!((1.0 - x.square()).abs().max().item::<f32>(), 3.0);
    assert_eq!((1.0 / (1.0 + (-&x).exp())).shape(), [2]);
    assert_eq!([1.0, 2.0].map(|c| (c * &x).sum().item::<f32>()), [3.0, 6.0]);
    let rate = 0.5;
    assert_eq!((rate * &x).sum().item::<f32>(), 1.5);
    let scaled = |x: Array| (0.5 * x).sum() / 2.0;
    assert_eq!(grad(scaled)(x).to_vec::<f32>(), [0.25, 0.25]);
}

#[test]
fn what_a_number_is_as_an_array() {
    let types = [
        (Array::from(0.2), "f32"),
        (Array::from(0.2f32), "f32"),
        (Array::from(f16::ONE), "f32"),
        (Array::from(7), "i32"),
        (Array::from(7u8), "i32"),
        (Array::from(7usize), "i32"),
        (Array::from(Complex::new(1.0, 2.0)), "c64"),
    ];
    for (x, dtype) in types {
        assert!(x.is_weak(), "{x}");
        assert_eq!(x.dtype().to_string(), dtype);
    }
    let strong = [
        (Array::from(true), DType::Bool),
        (Array::from(3_000_000_000u32), DType::I64),
        (Array::from(-3_000_000_000i64), DType::I64),
        (Array::from(u64::MAX), DType::U64),
        (Array::from(usize::MAX), DType::U64),
        (Array::scalar(0.2f64), DType::F64),
        (Array::scalar(7u8), DType::U8),
        (Array::from([0.2, 0.3]), DType::F32),
        (Array::from([[1, 2], [3, 4]]), DType::I32),
        (Array::from(vec![0.2, 0.3]), DType::F64),
        (array![0.2, 0.3], DType::F32),
        (array![0.2f64, 0.3], DType::F64),
    ];
    for (x, dtype) in strong {
        assert!(!x.is_weak(), "{x}");
        assert_eq!(x.dtype(), dtype, "{x}");
    }
    assert_eq!(Array::from(u64::MAX).item::<u64>(), u64::MAX);
    let into: Array = 0.5.into();
    assert_eq!(into.dtype(), DType::F32);
}

#[test]
fn ints_keep_their_value_in_every_dtype() {
    for i in [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1024, u64::MAX] {
        assert_eq!((zeros_dtype(1, DType::F64) + i).to_vec::<f64>(), [i as f64]);
        assert_eq!((zeros_dtype(1, DType::F32) + i).to_vec::<f32>(), [i as f32]);
        assert_eq!((zeros_dtype(1, DType::U64) + i).to_vec::<u64>(), [i]);
        let complex = (zeros_dtype(1, DType::C64) + i).to_vec::<Complex<f32>>();
        assert_eq!(complex, [Complex::new(i as f32, 0.0)]);
    }
    // Half way between two floats, and a digit above that an f64 does not have.
    let i = (1u64 << 63) + (1 << 39) + 1;
    assert_eq!((zeros(1) + i).to_vec::<f32>(), [i as f32]);
    let error = array![1u8].try_minimum(300usize).unwrap_err();
    assert_eq!(error.message(), "minimum: 300 is not a value of u8");
}

#[test]
fn a_loop_adopts_the_dtype_of_its_body() {
    let x = array![1.0f64, 2.0];
    let sum = scan(|c: Array, x: Array| (c + x, ()), Array::from(0), x).0;
    assert_eq!((sum.dtype(), sum.item::<f64>()), (DType::F64, 3.0));
    let half = fori_loop(0..3, |_, c: Array| c * array![0.5].sum(), Array::from(1));
    assert_eq!((half.dtype(), half.item::<f32>()), (DType::F32, 0.125));
}

#[test]
fn functions_take_arrays_references_and_numbers() {
    let (x, y) = (array![1.0, 2.0], array![3.0, 4.0]);
    assert_eq!(x.dot(&y).item::<f32>(), 11.0);
    assert_eq!(x.dot(y.clone()).item::<f32>(), 11.0);
    assert_eq!(x.dot(2).to_vec::<f32>(), [2.0, 4.0]);
    assert_eq!(x.outer(y.clone()).shape(), [2, 2]);
    assert_eq!(x.outer(3).to_vec::<f32>(), [3.0, 6.0]);
    assert_eq!(x.kron(2.0f32).to_vec::<f32>(), [2.0, 4.0]);
    assert_eq!(x.inner(y.clone()).item::<f32>(), 11.0);
    assert_eq!(x.logical_and(0).to_vec::<bool>(), [false, false]);
    assert_eq!(x.logical_or(x.lt(0)).to_vec::<bool>(), [true, true]);
    assert_eq!(x.isin(2).to_vec::<bool>(), [false, true]);
    assert_eq!(x.searchsorted(1.5).item::<i32>(), 1);
    assert_eq!(x.take(1, 0).item::<f32>(), 2.0);
    assert_eq!(where_(x.gt(1.0), x.clone(), 0).to_vec::<f32>(), [0.0, 2.0]);
    assert_eq!(polyval(&x, 3).item::<f32>(), 5.0);
    assert_eq!(interp(0.5, array![0.0, 1.0], &x).item::<f32>(), 1.5);
    assert_eq!(random::shuffle(&random::key(0), x).shape(), [2]);
}

#[test]
fn iterators_of_arrays_have_sums_and_products() {
    let losses = [array![1.0, 2.0], array![3.0, 4.0], array![5.0, 6.0]];
    assert_eq!(losses.iter().sum::<Array>().to_vec::<f32>(), [9.0, 12.0]);
    assert_eq!(losses.clone().into_iter().product::<Array>().to_vec::<f32>(), [15.0, 48.0]);
    let none: [Array; 0] = [];
    assert_eq!(none.iter().sum::<Array>().to_f64(), 0.0);
    assert_eq!(none.iter().product::<Array>().to_f64(), 1.0);
    let norm = |x: Vec<Array>| x.iter().map(|x| x.square().sum()).sum::<Array>();
    assert_eq!(grad(norm)(losses.to_vec())[2].to_vec::<f32>(), [10.0, 12.0]);
}

#[test]
fn tangents_and_cotangents_may_be_numbers() {
    let x = Array::scalar(3.0f64);
    let (y, slope) = jvp(|x: Array| x.square(), (x.clone(),), (Array::from(1),));
    assert_eq!((y.item::<f64>(), slope.item::<f64>()), (9.0, 6.0));
    let (_, pullback) = vjp(|x: Array| x.square(), (x.clone(),));
    assert_eq!(pullback(Array::from(0.5)).0.item::<f64>(), 3.0);
    let (_, linear) = linearize(|x: Array| x.square(), (x.clone(),));
    assert_eq!(linear(Array::from(0.5)).item::<f64>(), 3.0);
    // A number of another kind is none.
    let complex = (Array::from(Complex::new(1.0, 2.0)),);
    let error = try_jvp(|x: Array| x.square(), (x,), complex).unwrap_err();
    assert!(error.message().contains("tangents at .0 should be f64[]"), "{error}");
}
