//! Values of JAX (0.10 to 0.12; default configuration, 64-bit ones with 64-bit dtypes enabled), and
//! the published vectors of Threefry.

use cotangent::prelude::*;
use cotangent::prims::lax;
use cotangent::random::{
    self, Key, bernoulli, bits, categorical, cauchy, choice, exponential, fold_in, gumbel, keys,
    laplace, logistic, normal, permutation, rademacher, randint, shuffle, split, truncated_normal,
    try_bits, try_choice, try_normal, try_randint, try_split, try_truncated_normal, try_uniform,
    uniform,
};

fn u32s(x: &Array) -> Vec<u32> {
    x.to_vec()
}

/// The known-answer vectors of the Random123 distribution.
#[test]
fn threefry_known_answers() {
    let cases: [([u32; 2], [u32; 2], [u32; 2]); 3] = [
        ([0, 0], [0, 0], [0x6b200159, 0x99ba4efe]),
        ([u32::MAX; 2], [u32::MAX; 2], [0x1cb996fc, 0xbb002be7]),
        ([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0]),
    ];
    for (key, counter, expected) in cases {
        let [k0, k1, x0, x1] =
            [key[0], key[1], counter[0], counter[1]].map(|w| Array::from_slice(&[w]));
        let (a, b) = lax::threefry2x32(&k0, &k1, &x0, &x1);
        assert_eq!([u32s(&a)[0], u32s(&b)[0]], expected);
    }
}

#[test]
fn keys_bits_and_ints_are_jaxs() {
    let key = random::key(42);
    let expected = [2098992034, 2919706841, 2646866425, 2409546199];
    assert_eq!(u32s(&bits(&key, [4], DType::U32)), expected);
    let [a, b] = split(&key);
    assert_eq!(u32s(a.data()), [1832780943, 270669613]);
    assert_eq!(u32s(b.data()), [64467757, 2916123636]);
    assert_eq!(u32s(fold_in(&key, 1).data()), [64467757, 2916123636]);
    let ints = randint(&key, [6], DType::I32, 0, 100);
    assert_eq!(ints.to_vec::<i32>(), [44, 14, 71, 69, 9, 19]);
    assert_eq!(permutation(&key, 8).to_vec::<i32>(), [7, 4, 2, 5, 3, 6, 0, 1]);

    let key = random::key(0);
    let expected = [4070199207, 4202968722, 1427181096, 2012915765];
    assert_eq!(u32s(&bits(&key, [2, 2], DType::U32)), expected);
    let [a, b] = split(&key);
    assert_eq!(u32s(a.data()), [1797259609, 2579123966]);
    assert_eq!(u32s(b.data()), [928981903, 3453687069]);
}

#[test]
fn floats_are_jaxs() {
    let x = uniform(&random::key(42), [1], DType::F32, 0.0, 1.0);
    assert_eq!(x.to_vec::<f32>()[0], f32::from_bits(0x3efa_3824), "0x1.f47048p-2");
    let x = uniform(&random::key(0), [3], DType::F32, 0.0, 1.0);
    assert_eq!(x.to_vec::<f32>(), [0.947667, 0.978_579_9, 0.33229148]);
    let x = normal(&random::key(42), [4], DType::F32).to_vec::<f32>();
    let expected = [-0.028_304_616f32, 0.467_131_85, 0.295_702_96, 0.153_545_92];
    for (x, expected) in x.iter().zip(expected) {
        assert!((x - expected).abs() <= 2e-7 * expected.abs(), "{x} is not {expected}");
    }
}

#[test]
fn wide_ints_are_jaxs() {
    assert_eq!(u32s(random::key((1 << 40) + 5).data()), [256, 5]);
    let key = random::key(7);
    assert_eq!(u32s(fold_in(&key, 123456789).data()), [3349933111, 58029761]);
    let expected = [15571024786774969728, 837714335556982463, 4150233810675416579];
    assert_eq!(bits(&key, [3], DType::U64).to_vec::<u64>(), expected);
    let span = 1_000_000_000_000;
    let expected = [565873535173, 705619275709, -91019902590, -64926815037];
    assert_eq!(randint(&key, [4], DType::I64, -span, span).to_vec::<i64>(), expected);
    let expected = [2899676959, 3548400998, 1692160380, 1822441453];
    assert_eq!(u32s(&randint(&key, [4], DType::U32, 0, u32::MAX.into())), expected);
    assert_eq!(randint(&key, [4], DType::U64, 0, 10).to_vec::<u64>(), [7, 9, 6, 9]);
}

#[test]
fn ints_at_the_ends_of_their_range_are_jaxs() {
    let ints = |low, high| randint(&random::key(7), [4], DType::I32, low, high).to_vec::<i32>();
    assert_eq!(ints(-(1 << 31), 1 << 31), [752193311, 1400917350, -455323268, -325042195]);
    assert_eq!(ints(5, 1 << 33), [752193321, 1400917360, 1692160385, 1822441458]);
    assert_eq!(ints(5, 5), [5; 4]);
}

#[test]
fn narrow_dtypes_are_jaxs() {
    let key = random::key(42);
    assert_eq!(bits(&key, [4], DType::U8).to_vec::<u8>(), [162, 217, 249, 215]);
    assert_eq!(bits(&key, [4], DType::U16).to_vec::<u16>(), [5026, 12505, 63993, 49623]);
    let ints = |d, low, high| {
        let x = randint(&key, [6], d, low, high);
        assert_eq!(x.dtype(), d);
        x.astype(DType::I32).to_vec::<i32>()
    };
    assert_eq!(ints(DType::I8, -100, 100), [-56, 14, -29, 69, 9, -81]);
    assert_eq!(ints(DType::I8, -1000, 1000), [68, -110, 55, 65, 13, -21]);
    assert_eq!(ints(DType::U8, 0, 256), [196, 18, 183, 193, 141, 107]);
    assert_eq!(ints(DType::U8, 3, 3), [3; 6]);
    assert_eq!(ints(DType::I16, -40000, 40000), [-19260, 12306, 1207, 15553, 17037, 7531]);
    assert_eq!(ints(DType::U16, 5, 1000), [844, 324, 446, 649, 199, 814]);
    let floats = |x: Array| x.astype(DType::F64).to_vec::<f64>();
    let unit = floats(uniform(&key, [4], DType::F16, 0, 1));
    assert_eq!(unit, [0.076171875, 0.1904296875, 0.9755859375, 0.7568359375]);
    let wide = floats(uniform(&key, [4], DType::F16, -1, 3));
    assert_eq!(wide, [-0.6953125, -0.23828125, 2.90234375, 2.02734375]);
    let unit = floats(uniform(&key, [4], DType::BF16, 0, 1));
    assert_eq!(unit, [0.6328125, 0.84375, 0.96875, 0.8359375]);
    let wide = floats(uniform(&key, [4], DType::BF16, -1, 3));
    assert_eq!(wide, [1.53125, 2.375, 2.875, 2.34375]);
    // Of elementary functions the last place may differ.
    let near = |x: Array, expected: [f64; 4]| {
        let slack = 2.0 * cotangent::numpy::finfo::epsilon(x.dtype());
        for (x, e) in floats(x).iter().zip(expected) {
            assert!((x - e).abs() <= slack * e.abs(), "{x} is not {e}");
        }
    };
    near(normal(&key, [4], DType::F16), [-1.4296875, -0.87548828125, 1.974609375, 0.69677734375]);
    near(normal(&key, [4], DType::BF16), [0.34375, 1.015625, 1.890625, 0.984375]);
    near(exponential(&key, [4], DType::BF16), [1.0, 1.859375, 3.46875, 1.8046875]);
    near(gumbel(&key, [4], DType::F16), [-0.9453125, -0.505859375, 3.69921875, 1.2783203125]);
}

#[test]
fn orders_and_choices_are_jaxs() {
    let key = random::key(7);
    let expected = [10, 9, 17, 12, 4, 2, 3, 11, 5, 14, 16, 0, 19, 18, 7, 13, 6, 1, 15, 8];
    assert_eq!(permutation(&key, 20).to_vec::<i32>(), expected);
    let rows = shuffle(&key, &array![[0, 1], [2, 3], [4, 5]]);
    assert_eq!(rows.to_vec::<i32>(), [4, 5, 0, 1, 2, 3]);
    let ten = arange(10);
    assert_eq!(choice(&key, &ten, 5, true, None).to_vec::<i32>(), [9, 2, 0, 7, 2]);
    assert_eq!(choice(&key, &ten, 5, false, None).to_vec::<i32>(), [9, 4, 2, 3, 5]);
    let flips = bernoulli(&key, 0.6, [8]).to_vec::<bool>();
    assert_eq!(flips, [false, false, true, true, false, false, true, true]);
    let classes = categorical(&key, zeros([4, 5]), -1);
    assert_eq!(classes.to_vec::<i32>(), [1, 0, 4, 4]);
}

#[test]
fn wide_and_scaled_floats_are_jaxs() {
    let key = random::key(7);
    let bits: Vec<u64> =
        uniform(&key, [3], DType::F64, 0, 1).to_vec::<f64>().iter().map(|x| x.to_bits()).collect();
    assert_eq!(bits, [0x3feb02ec916e90c8, 0x3fa740517fe440a0, 0x3fcccc4bd4ba0fd8]);
    let x = uniform(&key, [4], DType::F32, -1.0, 3.0).to_vec::<f32>();
    assert_eq!(x, [1.6963596, 2.8984675, 0.21137428, 0.7758341]);
    let near = |x: Array, expected: [f64; 3], tolerance: f64| {
        for (x, e) in x.astype(DType::F64).to_vec::<f64>().iter().zip(expected) {
            assert!((x - e).abs() <= tolerance * e.abs(), "{x} is not {e}");
        }
    };
    near(exponential(&key, [3], DType::F32), [1.1211338, 3.673671, 0.36074546], 1e-6);
    near(gumbel(&key, [3], DType::F32), [0.9304105, 3.6608431, -0.17776018], 1e-6);
    near(normal(&key, [3], DType::F64), [1.01148134, -1.69106091, -0.75546629], 1e-8);
}

/// A key is a value like any other: the numbers do not depend on how they are asked for.
#[test]
fn keys_pass_through_transforms() {
    let key = random::key(1);
    let draw = |k: Key| normal(&k, [3], DType::F32);
    let batch = vmap(draw)(keys(&key, 4)).to_vec::<f32>();
    let one_by_one: Vec<f32> = try_split::<4>(&key)
        .unwrap()
        .iter()
        .flat_map(|k| draw(k.clone()).to_vec::<f32>())
        .collect();
    assert_eq!(batch, one_by_one);
    let jitted = jit(|k: Key| permutation(&k, 10));
    assert_eq!(jitted(key.clone()).to_vec::<i32>(), permutation(&key, 10).to_vec::<i32>());
    let folded = vmap(|i: Array| fold_in(&random::key(1), i).data().clone())(arange(4));
    assert_eq!(folded.to_vec::<u32>(), keys(&key, 4).data().to_vec::<u32>());
}

#[test]
fn moments_are_right() {
    let n = 100_000;
    let x = normal(&random::key(3), [n], DType::F64);
    let (mean, var) = (x.mean().item::<f64>(), x.var().item::<f64>());
    assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.02, "{mean} {var}");
    let x = uniform(&random::key(4), [n], DType::F32, 2, 4);
    let (low, high) = (x.min().item::<f32>(), x.max().item::<f32>());
    assert!((2.0..2.001).contains(&low) && (3.999..=4.0).contains(&high), "{low} {high}");
    let mut order = permutation(&random::key(5), 1000).to_vec::<i32>();
    order.sort_unstable();
    assert!(order.iter().copied().eq(0..1000));
}

#[test]
fn misuse_is_explained() {
    let message = |e: Result<Array, Error>| e.expect_err("refused").message().to_string();
    let key = random::key(0);
    assert_eq!(
        message(try_bits(&keys(&key, 3), [2], DType::U32)),
        "bits: expected one key, got a batch of them, u32[3,2]; map over it with vmap"
    );
    assert_eq!(
        message(try_uniform(&key, [2], DType::I32, 0, 1)),
        "uniform: expected a float dtype, got i32"
    );
    assert_eq!(
        message(try_choice(&key, arange(3), 5, false, None)),
        "choice: expected at most 3 of i32[3], got 5; choose with replacement"
    );
    assert_eq!(
        message(try_randint(&key, [2], DType::F32, 0, 1)),
        "randint: expected an int dtype, got f32"
    );
    assert!(Key::try_from_data(array![1, 2]).is_err());
}

#[test]
fn further_distributions_are_jaxs() {
    let key = random::key(42);
    let near = |x: Array, expected: &[f32]| {
        for (x, e) in x.to_vec::<f32>().iter().zip(expected) {
            assert!((x - e).abs() <= 1e-6 * e.abs().max(0.1), "{x} is not {e}");
        }
    };
    near(
        laplace(&key, [5], DType::F32),
        &[0.022839652, -0.44565356, -0.2646729, -0.13014539, 0.103929006],
    );
    near(
        logistic(&key, [5], DType::F32),
        &[-0.045169413, 0.7528398, 0.47375232, 0.24528676, -0.19806653],
    );
    near(
        cauchy(&key, [5], DType::F32),
        &[-0.03548463, 0.6337261, 0.38244057, 0.1940707, -0.15630901],
    );
    let cut = truncated_normal(&key, [5], DType::F32, -1.0, 2.0);
    near(cut, &[0.14770006, 0.5684449, 0.4210255, 0.29997, 0.06911382]);
    // In the tails an erf has few digits left, and JAX's inverse of it fewer.
    let (low, high) = (array![3.0, -5.0, 0.0], array![4.0, -4.0, 0.5]);
    let tails = truncated_normal(&key, [3], DType::F32, &low, &high);
    for (x, e) in tails.to_vec::<f32>().iter().zip([3.1923237, -4.089586, 0.30021355]) {
        assert!((x - e).abs() < 2e-2, "{x} is not {e}");
    }
    assert_eq!(rademacher(&key, [8], DType::I32).to_vec::<i32>(), [1, -1, -1, -1, 1, -1, 1, -1]);
    let (x, p) = (arange(5) * 10, array![0.1, 0.0, 0.4, 0.3, 0.2]);
    assert_eq!(
        choice(&key, &x, 8, true, Some(&p)).to_vec::<i32>(),
        [30, 20, 20, 20, 30, 20, 40, 20]
    );
    assert_eq!(choice(&key, &x, 4, false, Some(&p)).to_vec::<i32>(), [20, 30, 40, 0]);
    // Bounds are kept, and differentiated in.
    let cut = |low: Array| truncated_normal(&random::key(1), [4], DType::F64, low, 9.0).sum();
    let at = Array::scalar(1.0f64);
    assert!(cut(at.clone()).item::<f64>() > 4.0);
    let slope = (cut(&at + 1e-5) - cut(&at - 1e-5)).item::<f64>() / 2e-5;
    assert!((grad(cut)(at).item::<f64>() - slope).abs() < 1e-6);
    assert!(try_choice(&key, &x, 8, false, Some(&p)).is_err());
}

#[cfg(feature = "linalg")]
#[test]
fn normal_vectors_are_jaxs() {
    let covariance = array![[2.0, 0.5], [0.5, 1.0]];
    let x = random::multivariate_normal(&random::key(42), &array![1.0, -1.0], &covariance, [2]);
    let expected = array![[0.95997125, -0.5730454], [1.4181871, -0.75182414]];
    assert!((x - expected).abs().max().item::<f32>() < 3e-7);
}

#[test]
fn an_int_to_choose_from_stands_for_the_numbers_below_it() {
    let key = random::key(42);
    assert_eq!(choice(&key, 10, 4, true, None).to_vec::<i32>(), [4, 4, 1, 9]);
    assert_eq!(choice(&key, 10, 4, false, None).to_vec::<i32>(), [7, 4, 2, 5]);
    let p = array![0.1, 0.0, 0.4, 0.3, 0.2];
    assert_eq!(choice(&key, 5, 4, false, Some(&p)).to_vec::<i32>(), [2, 3, 4, 0]);
    assert_eq!(choice(&key, 0, 0, true, None).shape(), [0]);
    let text = |r: Result<Array, Error>| r.unwrap_err().to_string();
    assert_eq!(
        text(try_choice(&key, -1, 2, true, None)),
        "choice: expected a count that is not negative, got -1"
    );
    assert!(text(try_choice(&key, 0, 1, true, None)).contains("something to choose from"));
    assert!(text(try_choice(&key, 2.5, 1, true, None)).contains("or an int, got f32[]"));
    assert_eq!(
        text(try_choice(&key, 4, 2, true, Some(&p))),
        "choice: expected one probability, a float, for each of 4 slices of i32[4], got f32[5]"
    );
}

#[test]
fn complex_normals_are_jaxs() {
    let of = |re: f32, im: f32| Complex::new(re, im);
    let z = normal(&random::key(42), [3], DType::C64).to_vec::<Complex<f32>>();
    let jax = [of(0.05368746, 0.42833984), of(-0.34389618, 0.5650095), of(0.91239446, -0.6427085)];
    for (z, e) in z.iter().zip(jax) {
        assert!((z.re - e.re).abs() < 3e-7 && (z.im - e.im).abs() < 3e-7, "{z:?} is not {e:?}");
    }
    let z = normal(&random::key(42), [2], DType::C128).to_vec::<Complex<f64>>();
    let jax = [(-0.50932953, 0.45954305), (-0.18428781, 0.08377703)];
    for (z, (re, im)) in z.iter().zip(jax) {
        assert!((z.re - re).abs() < 2e-8 && (z.im - im).abs() < 2e-8, "{z:?}");
    }
    let draw = |k: Key| normal(&k, [3], DType::C64);
    let lanes = vmap(draw)(keys(&random::key(42), 2));
    let [_, second] = split(&random::key(42));
    assert_eq!(lanes.index(1).to_vec::<Complex<f32>>(), draw(second).to_vec::<Complex<f32>>());

    let text = |r: Result<Array, Error>| r.unwrap_err().to_string();
    let key = random::key(0);
    let cure = "; draw the parts with two keys and join them with lax::complex";
    assert_eq!(
        text(try_uniform(&key, [2], DType::C64, 0, 1)),
        format!("uniform: expected a float dtype, got c64{cure}")
    );
    assert_eq!(
        text(try_truncated_normal(&key, [2], DType::C128, 0, 1)),
        format!("truncated_normal: expected a float dtype, got c128{cure}")
    );
    assert!(text(try_normal(&key, [2], DType::Bool)).contains("normal: expected a float dtype"));
}
