//! Ints that meet others of a narrower or wider type: they keep their value, or are an error.
//! Comments say where JAX wraps.

use cotangent::api::control::try_fori_loop;
use cotangent::lax::{GatherDims, Mode, ScatterMode};
use cotangent::numpy::create::{try_arange_dtype, try_full_dtype, try_linspace_dtype};
use cotangent::prelude::*;
use cotangent::{lax, nn, random};

const FAR: i64 = 1 << 40;

fn message<T>(result: Result<T, Error>) -> String {
    result.err().expect("an error").to_string()
}

/// What an operation on one array gives at once, compiled, and as one of two lanes.
fn everywhere(f: impl Fn(Array) -> Array + Send + Sync, x: &Array) -> Array {
    let y = f(x.clone());
    let compiled = jit(&f)(x.clone());
    assert_eq!(compiled.to_bytes().unwrap(), y.to_bytes().unwrap(), "jit");
    let lanes = vmap(&f)(stack(&[x.clone(), x.clone()], 0));
    assert_eq!(lanes.index(1).to_bytes().unwrap(), y.to_bytes().unwrap(), "vmap");
    y
}

/// JAX compares in the type of the labels, in which class 261 is 5.
#[test]
fn one_hot_has_one_one() {
    for labels in [array![5u8, 255], array![5i8, -1], array![5u16, 299], array![5i64, FAR]] {
        for classes in [300, 6, 1, 70_000] {
            let y = everywhere(move |l| nn::one_hot(&l, classes, DType::F32), &labels);
            let wide = labels.astype(DType::F64).to_vec::<f64>();
            let ones = wide.iter().filter(|l| (0.0..classes as f64).contains(*l)).count();
            assert_eq!(y.sum().item::<f32>(), ones as f32, "{labels} of {classes}");
            if classes > 5 {
                assert_eq!(y.index(s![0, 5]).item::<f32>(), 1.0);
            }
        }
    }
    assert_eq!(
        nn::one_hot(&array![u64::MAX, 1], 3, DType::I32).to_vec::<i32>(),
        [0, 0, 0, 0, 1, 0]
    );
    let floats = array![2049.0f32].astype(DType::F16);
    assert_eq!(nn::one_hot(&floats, 5000, DType::F32).sum().item::<f32>(), 1.0);
    let wide =
        eval_shape(|l: Array| nn::one_hot(&l, 1 << 33, DType::U8))(shape_dtype([2], DType::I32));
    assert_eq!(wide.to_string(), "u8[2,8589934592]");
}

/// JAX takes branch 0 at 2^32: it converts the index to i32 before it moves it into range.
#[test]
fn switch_takes_the_nearest_branch() {
    let branches: [fn(Array) -> Array; 3] = [|x| x, |x| x + 1, |x| x + 2];
    let ends = [
        (array![1i64 << 32, FAR, i64::MAX, -1, i64::MIN, -FAR], [2, 2, 2, 0, 0, 0]),
        (array![1u64 << 32, 1 << 63, u64::MAX, 0, 1, 2], [2, 2, 2, 0, 1, 2]),
        (array![1u32 << 31, u32::MAX, 3, 0, 1, 2], [2, 2, 2, 0, 1, 2]),
        (array![127i8, -128, 3, 0, 1, 2], [2, 0, 2, 0, 1, 2]),
        (array![200u8, 255, 3, 0, 1, 2], [2, 2, 2, 0, 1, 2]),
        (array![i32::MAX, i32::MIN, 3, 0, 1, 2], [2, 0, 2, 0, 1, 2]),
    ];
    for (at, expected) in ends {
        let lanes = vmap(|i: Array| switch(&i, &branches, Array::from(0)))(at.clone());
        assert_eq!(lanes.to_vec::<i32>(), expected);
        for (n, taken) in expected.iter().enumerate() {
            let i = at.index(n);
            assert_eq!(switch(&i, &branches, Array::from(0)).item::<i32>(), *taken);
            let compiled = jit(|i: Array| switch(&i, &branches, Array::from(0)));
            assert_eq!(compiled(i).item::<i32>(), *taken);
        }
    }
}

#[test]
fn ranges_are_exact() {
    let x = arange(FAR..FAR + 3);
    assert_eq!(x.to_vec::<i64>(), [FAR, FAR + 1, FAR + 2]);
    assert_eq!(arange(i64::MAX - 2..i64::MAX).to_vec::<i64>(), [i64::MAX - 2, i64::MAX - 1]);
    assert_eq!(arange(i64::MIN..i64::MIN + 2).to_vec::<i64>(), [i64::MIN, i64::MIN + 1]);
    let beyond = usize::MAX - 3;
    assert_eq!(arange(beyond..beyond + 2).to_vec::<u64>(), [u64::MAX - 3, u64::MAX - 2]);
    assert_eq!(
        arange(i32::MAX as i64 - 1..i32::MAX as i64 + 1).to_vec::<i32>(),
        [i32::MAX - 1, i32::MAX]
    );
    assert_eq!(arange(FAR..FAR).aval().to_string(), "i32[0]");
    let odd = (1i64 << 53) + 1;
    assert_eq!(arange_dtype(odd..odd + 2, DType::I64).to_vec::<i64>(), [odd, odd + 1]);
    assert_eq!(
        arange_dtype(odd..odd + 2, DType::U64).to_vec::<u64>(),
        [odd as u64, odd as u64 + 1]
    );
    assert_eq!(
        arange_dtype(-128..128, DType::I8).to_vec::<i8>(),
        (-128..=127).collect::<Vec<i8>>()
    );
    assert_eq!(arange_dtype(0..256, DType::U8).to_vec::<u8>(), (0..=255).collect::<Vec<u8>>());
    // In a float dtype each is rounded once: 2^24 + 1 lies between two floats.
    let near = (1i64 << 24) - 1;
    let expected: Vec<f32> = (near..near + 4).map(|i| i as f32).collect();
    assert_eq!(arange_dtype(near..near + 4, DType::F32).to_vec::<f32>(), expected);
    assert_eq!(
        arange_dtype(2049..2052, DType::F16).astype(DType::F32).to_vec::<f32>(),
        [2048.0, 2050.0, 2052.0]
    );
    // JAX wraps here.
    assert_eq!(
        message(try_arange_dtype(250..260, DType::U8)),
        "arange_dtype: 259 is not a value of u8"
    );
    assert_eq!(
        message(try_arange_dtype(-1..3, DType::U32)),
        "arange_dtype: -1 is not a value of u32"
    );
    assert_eq!(
        message(try_arange_dtype(0.0..300.0, DType::I8)),
        "arange_dtype: 299 is not a value of i8"
    );
    assert_eq!(arange_dtype(0.5..3.5, DType::I32).to_vec::<i32>(), [0, 1, 2]);
    assert!(try_arange_dtype(0.0..f64::INFINITY, DType::F32).is_err());
    assert!(try_arange_dtype(f64::NAN..1.0, DType::F32).is_err());
    let e = message(lax::try_iota(DType::U8, &[300], 0));
    assert_eq!(e, "iota: expected a dtype that holds the ints below 300, got u8; take a wider one");
    assert_eq!(lax::iota(DType::U8, &[256], 0).index(-1).item::<u8>(), 255);
    assert!(lax::try_iota(DType::I8, &[129], 0).is_err());
}

#[test]
fn spaces_are_counted_in_a_dtype_that_counts() {
    assert_eq!(linspace_dtype(0.0, 10.0, 5, DType::I32).to_vec::<i32>(), [0, 2, 5, 7, 10]);
    assert_eq!(linspace_dtype(-10.0, 0.0, 4, DType::I32).to_vec::<i32>(), [-10, -7, -4, 0]);
    let x = linspace_dtype(0.0, 1.0, 100_000, DType::F16).astype(DType::F32);
    assert!(x.is_finite().all().item::<bool>());
    assert_eq!(x.index(50_000).item::<f32>(), 0.5);
    assert_eq!(
        message(try_linspace_dtype(0.0, 300.0, 3, DType::U8)),
        "linspace_dtype: 300.0 is not a value of u8"
    );
}

#[test]
fn numbers_have_the_type_that_holds_them() {
    assert_eq!(full([1], 3_000_000_000u32).to_vec::<i64>(), [3_000_000_000]);
    assert_eq!(full([1], 7u32).to_vec::<i32>(), [7]);
    assert_eq!(full([1], FAR).to_vec::<i64>(), [FAR]);
    assert_eq!(full([1], i64::MIN).to_vec::<i64>(), [i64::MIN]);
    let (yes, no) = (array![true], array![false]);
    assert_eq!(yes.select(FAR, 0).to_vec::<i64>(), [FAR]);
    assert_eq!(no.select(FAR, -1).to_vec::<i64>(), [-1]);
    assert_eq!(yes.select(3_000_000_000u32, 0).to_vec::<i64>(), [3_000_000_000]);
    assert_eq!(no.select(3_000_000_000u32, -1).to_vec::<i64>(), [-1]);
    assert_eq!(yes.select(FAR, 0.5).to_vec::<f32>(), [FAR as f32]);
    assert_eq!(yes.select(array![1.5f64], FAR).to_vec::<f64>(), [1.5]);
    let compiled = jit(|m: Array| m.select(FAR, 0))(yes.clone());
    assert_eq!(compiled.to_vec::<i64>(), [FAR]);
    // It is no weak number any more, and keeps its value beside narrower arrays.
    assert_eq!((full([1], FAR) + array![1]).to_vec::<i64>(), [FAR + 1]);
    assert_eq!((array![1u8] + yes.select(FAR, 0)).to_vec::<i64>(), [FAR + 1]);
    assert_eq!((full([1], 3_000_000_000u32) + array![1]).to_vec::<i64>(), [3_000_000_001]);
    assert_eq!(yes.select(full([1], -1), 3_000_000_000u32).to_vec::<i64>(), [-1]);
    assert_eq!(full([1], -1).lt(3_000_000_000u32).to_vec::<bool>(), [true]);
    assert_eq!((full((), 7) + array![1u8]).to_vec::<u8>(), [8]);
    assert_eq!(
        message(array![1u8].try_maximum(full((), 300))),
        "maximum: 300 is not a value of u8"
    );
    assert_eq!(array![1u8].lt(full((), 300)).to_vec::<bool>(), [true]);
    assert_eq!(array![1u8].clip(full((), -1), full((), 300)).to_vec::<u8>(), [1]);
    // Beside an array of a dtype that does not have it a number is an error, as in NumPy; JAX
    // wraps.
    assert_eq!(message(array![1u8].try_maximum(300)), "maximum: 300 is not a value of u8");
    assert_eq!(
        message(array![1].try_maximum(FAR)),
        format!("maximum: {FAR} is not a value of i32")
    );
    assert_eq!(message(try_full_dtype(2, 300, DType::U8)), "full_dtype: 300 is not a value of u8");
    assert_eq!(message(array![1u8].try_pad([(1, 1)], -1)), "pad: -1 is not a value of u8");
    // Arrays are converted as they are, and floats lose what follows the point alone.
    assert_eq!(full_dtype(1, (1i64 << 53) + 1, DType::U64).to_vec::<u64>(), [(1 << 53) + 1]);
    let value = Array::from((1i64 << 53) + 1);
    assert_eq!(full_dtype(1, &value, DType::U64).to_vec::<u64>(), [(1 << 53) + 1]);
    assert_eq!(full_dtype(1, 16_777_217.5, DType::I32).to_vec::<i32>(), [16_777_217]);
    assert_eq!(full_dtype(1, 0.1, DType::F64).to_vec::<f64>(), [0.1]);
    assert_eq!(
        message(try_full_dtype(1, 300.5, DType::U8)),
        "full_dtype: 300.5 is not a value of u8"
    );
    assert!(try_full_dtype(1, f64::NAN, DType::I32).is_err());
    assert!(array![1].at(&array![7]).fill_value(1e20).try_get().is_err());
    assert!(array![1u8].at(0).try_set(300).is_err());
    assert!(array![1u8].at(&array![7]).fill_value(300).try_get().is_err());
    assert_eq!(array![1i64].at(&array![7]).fill_value(FAR).get().to_vec::<i64>(), [FAR]);
    assert_eq!(
        array![1u32].at(&array![7]).fill_value(3_000_000_000u32).get().to_vec::<u32>(),
        [3_000_000_000]
    );
}

/// As in NumPy; JAX clips u8 by -1 and 300 as by 255 and 44.
#[test]
fn bounds_beyond_the_dtype_are_none() {
    let check = |x: Array, low: i64, high: i64, expected: &[i64]| {
        let y = everywhere(move |x| x.clip(low, high), &x);
        assert_eq!(y.dtype(), x.dtype());
        assert_eq!(y.astype(DType::I64).to_vec::<i64>(), expected);
    };
    check(array![0u8, 7, 255], -1, 300, &[0, 7, 255]);
    check(array![0u8, 7, 255], 3, 300, &[3, 7, 255]);
    check(array![0u8, 7, 255], i64::MIN, 9, &[0, 7, 9]);
    check(array![-128i8, 7, 127], -129, 128, &[-128, 7, 127]);
    check(array![i32::MIN, 7, i32::MAX], -FAR, FAR, &[i32::MIN.into(), 7, i32::MAX.into()]);
    check(array![0u32, 7, u32::MAX], -FAR, FAR, &[0, 7, u32::MAX.into()]);
    check(array![0u64, 7, FAR as u64], -1, FAR - 1, &[0, 7, FAR - 1]);
    assert_eq!(array![7u8].clamp(-1, 300).to_vec::<u8>(), [7]);
    assert_eq!(array![1.5f32].clip(-FAR, FAR).to_vec::<f32>(), [1.5]);
    // Nothing of the dtype lies between these.
    assert_eq!(message(array![7u8].try_clip(300, 400)), "clip: 300 is not a value of u8");
    assert_eq!(message(array![7u8].try_clip(-9, -1)), "clip: -1 is not a value of u8");
}

#[test]
fn comparisons_with_numbers_beyond_the_dtype() {
    let check = |x: Array, n: i64, less: bool| {
        let all = |y: Array, expected: bool| {
            assert!(y.to_vec::<bool>().into_iter().all(|b| b == expected), "{x} and {n}");
        };
        all(x.lt(n), less);
        all(x.le(n), less);
        all(x.gt(n), !less);
        all(x.ge(n), !less);
        all(x.eq(n), false);
        all(x.ne(n), true);
        all(jit(move |x: Array| x.lt(n))(x.clone()), less);
    };
    check(array![0u8, 44, 255], 300, true);
    check(array![0u8, 44, 255], -1, false);
    check(array![-128i8, 0, 127], 128, true);
    check(array![-128i8, 0, 127], -129, false);
    check(array![i32::MIN, 0, i32::MAX], FAR, true);
    check(array![0u32, u32::MAX], -1, false);
    check(array![0u64, 1, u64::MAX, 1 << 63], -1, false);
    check(array![0u64, 1, u64::MAX, 1 << 63], i64::MIN, false);
}

fn rows() -> Array {
    array![10, 11, 12, 13]
}

/// JAX converts indices to i32 or i64 first, so that some of these become others.
#[test]
fn places_in_every_int_type() {
    let lowest = i32::MIN;
    // Indices, and what reads that clip and reads that fill give.
    for (i, clip, fill) in [
        (array![255u8, 3, 0], [13, 13, 10], [lowest, 13, 10]),
        (array![-1i8, -128, 127], [13, 10, 13], [13, lowest, lowest]),
        (array![u32::MAX, 1 << 31, 2], [13, 13, 12], [lowest, lowest, 12]),
        (array![u64::MAX, 1 << 63, 1], [13, 13, 11], [lowest, lowest, 11]),
        (array![FAR, -FAR, -4], [13, 10, 10], [lowest, lowest, 10]),
        (array![i64::MAX, i64::MIN, -5], [13, 10, 10], [lowest, lowest, lowest]),
        (array![i32::MAX, i32::MIN, 4], [13, 10, 13], [lowest, lowest, lowest]),
        (array![1i64 << 32, (1 << 32) + 1, 1], [13, 13, 11], [lowest, lowest, 11]),
    ] {
        let read = |f: fn(&Array) -> Array| everywhere(move |i| f(&i), &i).to_vec::<i32>();
        assert_eq!(read(|i| rows().index(i)), clip, "{i}");
        assert_eq!(read(|i| rows().take(i, 0)), fill, "{i}");
        assert_eq!(read(|i| rows().take_along_axis(i, 0)), fill, "{i}");
        assert_eq!(read(|i| rows().at(i).mode(ScatterMode::Drop).get()), fill, "{i}");
        // Beside another array, and as scalars one by one.
        let pairs = read(|i| rows().reshape([4, 1]).index(s![i, &array![0u8]]));
        assert_eq!(pairs, clip, "{i}");
        let pairs =
            read(|i| rows().reshape([4, 1]).at(s![i, &array![0i64]]).mode(ScatterMode::Drop).get());
        assert_eq!(pairs, fill, "{i}");
        for n in 0..3 {
            let one = i.index(n);
            assert_eq!(everywhere(|i| rows().index(&i), &one).item::<i32>(), clip[n], "{one}");
            let there = everywhere(|i| rows().at(&i).mode(ScatterMode::Drop).get(), &one);
            assert_eq!(there.item::<i32>(), fill[n], "{one}");
            let added = everywhere(|i| rows().at(&i).add(100), &one).sum().item::<i32>();
            assert_eq!(added, if fill[n] == lowest { 46 } else { 146 }, "{one}");
        }
        let inside = fill.iter().filter(|v| **v != lowest).count() as i32;
        let added = everywhere(|i| rows().at(&i).add(100), &i);
        assert_eq!(added.sum().item::<i32>(), 46 + 100 * inside, "{i}");
        let clipped = everywhere(|i| rows().at(&i).mode(ScatterMode::Clip).add(100), &i);
        assert_eq!(clipped.sum().item::<i32>(), 346, "{i}");
    }
    assert!(rows().try_index(usize::MAX).is_err());
    assert!(rows().try_index(i64::MIN).is_err());
    assert_eq!(rows().index(s![..usize::MAX]).size(), 4);
    assert_eq!(rows().index(s![usize::MAX..]).size(), 0);
    assert_eq!(rows().index(s![i64::MIN..i64::MAX]).size(), 4);
    assert!(rows().try_sum_axis(usize::MAX).is_err());
}

/// An axis that the type of the indices cannot count.
#[test]
fn narrow_places_on_a_longer_axis() {
    let x = arange(300);
    for (i, expected) in [
        (array![-1i8, -128, 127], [299, 172, 127]),
        (array![255u8, 0, 128], [255, 0, 128]),
        (array![-1i16, -300, 150], [299, 0, 150]),
    ] {
        let read = |f: fn(&Array, &Array) -> Array| {
            let x = x.clone();
            everywhere(move |i| f(&x, &i), &i).to_vec::<i32>()
        };
        assert_eq!(read(|x, i| x.index(i)), expected);
        assert_eq!(read(|x, i| x.take(i, 0)), expected);
        assert_eq!(read(|x, i| x.take_along_axis(i, 0)), expected);
        assert_eq!(read(|x, i| x.reshape([300, 1]).index(s![i, &array![0u8]])), expected);
        let counts = zeros_dtype([300], DType::I32).at(&i).add(1);
        assert_eq!(counts.index(&i).to_vec::<i32>(), [1, 1, 1]);
        for (n, place) in expected.into_iter().enumerate() {
            let one = i.index(n);
            assert_eq!(x.index(&one).item::<i32>(), place);
            let slice = |i| lax::dynamic_slice(&x, &[i], &[1]);
            assert_eq!(everywhere(slice, &one).to_vec::<i32>(), [place]);
            let taken = lax::dynamic_update_slice(&x, &array![-7], &[one]);
            assert_eq!(taken.index(place).item::<i32>(), -7);
        }
    }
    // Branches and classes that the type of the index cannot count.
    let branches: Vec<_> = (0..300).map(|k: i32| move |x: Array| x + k).collect();
    let taken = |i: Array| switch(&i, &branches, Array::from(0)).item::<i32>();
    assert_eq!(taken(Array::scalar(255u8)), 255);
    assert_eq!(taken(Array::scalar(127i8)), 127);
    assert_eq!(taken(Array::scalar(-1i8)), 0);
    assert_eq!(taken(Array::from(u64::MAX)), 299);
}

#[test]
fn windows_in_every_int_type() {
    let dims = GatherDims {
        offset_dims: [0].into_iter().collect(),
        start_index_map: [0].into_iter().collect(),
        ..GatherDims::default()
    };
    for (start, clip, inside) in [
        (array![255u8], 12, false),
        (array![-128i8], 10, false),
        (array![u32::MAX], 12, false),
        (array![u64::MAX], 12, false),
        (array![FAR], 12, false),
        (array![i64::MIN], 10, false),
        (array![1u64], 11, true),
    ] {
        let gather = |mode| lax::gather(&rows(), &start, &dims, &[2], mode).index(0).item::<i32>();
        assert_eq!(gather(Mode::Clip), clip, "{start}");
        assert_eq!(gather(Mode::fill(DType::I32)), if inside { clip } else { i32::MIN });
        let add = |mode| {
            let y = lax::scatter_add(&rows(), &start, &array![100, 100], &dims, mode);
            y.sum().item::<i32>()
        };
        assert_eq!(add(ScatterMode::Clip), 246, "{start}");
        assert_eq!(add(ScatterMode::Drop), if inside { 246 } else { 46 }, "{start}");
        let start = start.index(0);
        let slice = everywhere(|i| lax::dynamic_slice(&rows(), &[i], &[2]), &start);
        // Negative starts count from the end first.
        assert_eq!(slice.index(0).item::<i32>(), clip, "{start}");
        let put = |i| lax::dynamic_update_slice(&rows(), &array![100, 100], &[i]);
        let put = everywhere(put, &start);
        assert_eq!(put.index(clip - 10).item::<i32>(), 100, "{start}");
    }
    // The type of an axis with more places than i32 has: as types, since no memory holds it.
    let far = |x: Array, i: Array| lax::dynamic_slice(&x, &[i], &[2]);
    let types = (shape_dtype([1 << 40], DType::U8), shape_dtype([], DType::I8));
    let text = make_jaxpr(far)(types.0, types.1).to_string();
    assert!(text.contains("i64[]") && text.contains("1099511627776"), "{text}");
}

#[test]
fn long_axes_have_places_of_i64() {
    let long = || shape_dtype([1 << 40], DType::U8);
    let shape = |f: fn(Array) -> Array| eval_shape(f)(long()).to_string();
    assert_eq!(shape(|x| x.argmax_axis(0)), "i64[]");
    assert_eq!(shape(|x| x.argmin_axis(0)), "i64[]");
    assert_eq!(shape(|x| x.argsort(0)), "i64[1099511627776]");
    assert_eq!(shape(|x| x.argsort_descending(0)), "i64[1099511627776]");
    assert_eq!(shape(|x| x.top_k(2, -1).1), "i64[2]");
    assert_eq!(shape(|x| x.searchsorted(&array![1u8])), "i64[1]");
    assert_eq!(shape(|x| x.index(&array![-1])), "u8[1]");
    assert_eq!(shape(|x| x.index(&array![-1i8])), "u8[1]");
    let text = make_jaxpr(|x: Array| x.index(&array![-1]))(long()).to_string();
    assert!(text.contains("1099511627776:i64") || text.contains("i64[1]"), "{text}");
}

#[test]
fn argmax_in_a_dtype_that_holds_the_places() {
    let x = arange(300) % 299;
    let e = message(lax::try_argmax_as(&x, 0, DType::I8));
    assert_eq!(
        e,
        "argmax_as: expected a dtype that holds the indices of axis 0 of i32[300], got i8; take a \
         wider one"
    );
    // With as many elements as the dtype has places from 0 on.
    let x = arange(128) % 127;
    assert_eq!(lax::argmax_as(&x, 0, DType::I8).item::<i8>(), 126);
    assert_eq!(lax::argmin_as(&(arange(256) * -1), 0, DType::U8).item::<u8>(), 255);
}

#[test]
fn loops_over_far_numbers() {
    let sum = fori_loop(FAR..FAR + 3, |i, x: Array| x + i, Array::scalar(0i64));
    assert_eq!(sum.item::<i64>(), 3 * FAR + 3);
    let far = FAR as usize;
    let sum = fori_loop(far..far + 2, |i, x: Array| x + i, Array::scalar(0i64));
    assert_eq!(sum.item::<i64>(), 2 * FAR + 1);
    let ends = i32::MIN..i32::MIN + 2;
    let sum = fori_loop(ends, |i, x: Array| x + i.astype(DType::I64), Array::scalar(0i64));
    assert_eq!(sum.item::<i64>(), 2 * i64::from(i32::MIN) + 1);
    for (from, to) in [
        (Array::scalar(250u8), Array::scalar(255u8)),
        (Array::scalar(-128i8), Array::scalar(-123i8)),
        (Array::scalar(u64::MAX - 5), Array::scalar(u64::MAX)),
        (Array::scalar(i64::MAX - 5), Array::scalar(i64::MAX)),
    ] {
        let count =
            |from: Array, to: Array| fori_loop(from..to, |_, n: Array| n + 1, Array::from(0));
        assert_eq!(count(from.clone(), to.clone()).item::<i32>(), 5);
        assert_eq!(jit(count)(from, to).item::<i32>(), 5);
    }
    let weak = full((), FAR);
    let none = try_fori_loop(Array::scalar(0)..weak, |_, n: Array| n, Array::from(0));
    assert!(message(none).contains("start and end in one dtype"));
}

/// JAX compares these as floats, in which 2^53 and 2^53 + 1 are equal.
#[test]
fn comparisons_of_both_kinds() {
    let odd = 1i64 << 53;
    let x = array![-1, odd, odd + 1, i64::MAX, i64::MIN];
    let y = array![u64::MAX, odd as u64 + 1, odd as u64 + 1, 1 << 63, 1 << 63];
    let both = [
        (x.lt(&y), y.gt(&x), [true, true, false, true, true]),
        (x.le(&y), y.ge(&x), [true, true, true, true, true]),
        (x.gt(&y), y.lt(&x), [false, false, false, false, false]),
        (x.ge(&y), y.le(&x), [false, false, true, false, false]),
        (x.eq(&y), y.eq(&x), [false, false, true, false, false]),
        (x.ne(&y), y.ne(&x), [true, true, false, true, true]),
    ];
    for (one, other, expected) in both {
        assert_eq!(one.to_vec::<bool>(), expected);
        assert_eq!(other.to_vec::<bool>(), expected);
    }
    let small = array![-1i8, 1].lt(array![[0u64], [1]]);
    assert_eq!(small.to_vec::<bool>(), [true, false, true, false]);
    assert_eq!(x.isin(&y).to_vec::<bool>(), [false, false, true, false, false]);
    let lanes = vmap(|x: Array, y: Array| x.lt(&y))(x.clone(), y.clone());
    assert_eq!(lanes.to_vec::<bool>(), [true, true, false, true, true]);
    assert!(jit(|x: Array, y: Array| x.lt(&y))(x.index(0), y.index(0)).item::<bool>());
}

/// JAX compares these as floats, in which 2^53 and 2^53 + 1 are equal.
#[test]
fn sorted_ints_of_both_kinds() {
    let odd = 1i64 << 53;
    let signed = array![-5, odd, odd + 1, odd + 2];
    let unsigned = array![0u64, odd as u64, odd as u64 + 1, u64::MAX];
    assert_eq!(signed.searchsorted(&unsigned).to_vec::<i32>(), [1, 1, 2, 4]);
    assert_eq!(signed.searchsorted_right(&unsigned).to_vec::<i32>(), [1, 2, 3, 4]);
    assert_eq!(unsigned.searchsorted(&signed).to_vec::<i32>(), [0, 1, 2, 3]);
    assert_eq!(unsigned.digitize(&signed, false).to_vec::<i32>(), [1, 2, 3, 4]);
    let bytes = array![0u8, 100, 200];
    assert_eq!(bytes.searchsorted(&array![-1i64, 300, 150]).to_vec::<i32>(), [0, 3, 2]);
    assert_eq!(bytes.searchsorted(&array![-1i8, 127]).to_vec::<i32>(), [0, 2]);
    assert_eq!(bytes.digitize(&array![-1i64, 100, 300], true).to_vec::<i32>(), [1, 1, 2]);
}

#[test]
fn counts_of_every_int_type() {
    for x in [array![2u8, 200, 255], array![2i64, 200, 255], array![2u64, 200, 255]] {
        let y = everywhere(|x| x.bincount(300), &x);
        assert_eq!(y.nonzero()[0].to_vec::<i32>(), [2, 200, 255]);
        assert_eq!(x.bincount(3).to_vec::<i32>(), [0, 0, 1]);
    }
    let beyond = array![FAR, (1 << 32) + 1, i64::MIN, -1];
    assert_eq!(beyond.bincount(3).to_vec::<i32>(), [2, 0, 0]);
    assert_eq!(array![u64::MAX, 1 << 63, 1 << 32].bincount(3).to_vec::<i32>(), [0, 0, 0]);
    assert_eq!(array![-128i8, 127].bincount(200).nonzero()[0].to_vec::<i32>(), [0, 127]);
}

#[test]
fn diagonals_beyond_the_corners() {
    let x = array![[1, 2], [3, 4]];
    for k in [1isize << 40, isize::MAX, 2] {
        assert_eq!(x.tril(k).to_vec::<i32>(), [1, 2, 3, 4]);
        assert_eq!(x.triu(k).to_vec::<i32>(), [0; 4]);
        assert_eq!(x.tril(-k).to_vec::<i32>(), [0; 4]);
        assert_eq!(x.triu(-k).to_vec::<i32>(), [1, 2, 3, 4]);
        assert_eq!(x.diag(k).shape(), [0]);
        assert_eq!(x.diag(-k).shape(), [0]);
        assert_eq!(x.roll(k, 0).shape(), [2, 2]);
    }
    assert_eq!(x.triu(isize::MIN).to_vec::<i32>(), [1, 2, 3, 4]);
    assert_eq!(x.tril(isize::MIN).to_vec::<i32>(), [0; 4]);
    assert_eq!(x.diag(isize::MIN).shape(), [0]);
    assert_eq!(zeros([0, 3]).diag(0).shape(), [0]);
    assert_eq!(array![1, 2, 3].roll((1isize << 40) + 1, 0).to_vec::<i32>(), {
        let by = ((1i64 << 40) + 1) % 3;
        (0..3).map(|i| ((i - by).rem_euclid(3) + 1) as i32).collect::<Vec<_>>()
    });
    assert_eq!(array![1, 2, 3].roll(isize::MIN, 0).size(), 3);
}

#[test]
fn random_numbers_at_the_limits() {
    let key = random::key(7);
    let folded = random::fold_in(&key, 1u32 << 31);
    let by_array = random::fold_in(&key, Array::from(1u32 << 31));
    assert_eq!(folded.data().to_vec::<u32>(), by_array.data().to_vec::<u32>());
    let last = random::fold_in(&key, i64::from(u32::MAX));
    let negative = random::fold_in(&key, -1);
    assert_eq!(last.data().to_vec::<u32>(), negative.data().to_vec::<u32>());
    assert_eq!(
        random::try_fold_in(&key, FAR).err().unwrap().to_string(),
        format!("fold_in: {FAR} is not a value of u32")
    );
    for (dtype, low, high) in [
        (DType::U8, -9, 300),
        (DType::I8, i64::MIN, i64::MAX),
        (DType::U32, 0, FAR),
        (DType::I64, i64::MIN, i64::MAX),
        (DType::I32, -FAR, FAR),
    ] {
        let x = random::randint(&key, [1000], dtype, low, high);
        assert_eq!(x.dtype(), dtype);
        let info = cotangent::numpy::finfo::iinfo(dtype).unwrap();
        let (most, least) = (x.max().astype(DType::F64), x.min().astype(DType::F64));
        let width = info.max as f64 - info.min as f64;
        assert!(most.item::<f64>() > info.min as f64 + 0.9 * width, "{dtype}");
        assert!(least.item::<f64>() < info.min as f64 + 0.1 * width, "{dtype}");
    }
}

#[test]
fn limits_of_rounds_are_not_negative() {
    use cotangent::optimize::{MinimizeOptions, lbfgs};
    let options = MinimizeOptions { max_iterations: usize::MAX, ..MinimizeOptions::default() };
    let found = lbfgs(|x: Array| (x - 3.0).square().sum(), array![0.0], options);
    assert!((found.x.index(0).item::<f32>() - 3.0).abs() < 1e-3);
}
