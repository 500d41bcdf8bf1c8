//! Functions where their operands are extreme.

use cotangent::nn;
use cotangent::numpy::series::interp;
use cotangent::prelude::*;
use cotangent::prims::lax::try_convert_element_type as convert;

const INF: f32 = f32::INFINITY;

#[test]
fn vdot_conjugates_its_first_operand() {
    let x = array![Complex::new(1.0f32, 2.0), Complex::new(0.0, -1.0)];
    let y = array![Complex::new(3.0f32, 0.0), Complex::new(1.0, 1.0)];
    // NumPy: conj(1+2j) 3 + conj(-1j) (1+1j).
    assert_eq!(x.vdot(&y).item::<Complex<f32>>(), Complex::new(2.0, -5.0));
    assert_eq!(y.vdot(&x).item::<Complex<f32>>(), Complex::new(2.0, 5.0));
    let real = array![1.0, 2.0];
    assert_eq!(real.vdot(&y).item::<Complex<f32>>(), Complex::new(5.0, 2.0));
    assert_eq!(x.vdot(&real).item::<Complex<f32>>(), Complex::new(1.0, 0.0));
    let size = jit(|x: Array| x.vdot(&x).real())(x);
    assert_eq!(size.item::<f32>(), 6.0);
}

fn scaled(x: f64, n: i32) -> f64 {
    // In steps that are exact but for the last.
    let (mut x, mut n) = (x, n);
    while n > 1000 {
        (x, n) = (x * 2f64.powi(1000), n - 1000);
    }
    while n < -960 {
        (x, n) = (x * 2f64.powi(-960), n + 960);
    }
    x * 2f64.powi(n)
}

#[test]
fn ldexp_at_all_exponents() {
    let y = array![INF, 0.0].ldexp(&array![-5000, 9000]);
    assert_eq!(y.to_vec::<f32>(), [INF, 0.0]);
    let values = [1.0, -1.5, 1.9999999, 3.1e-39, 1e-45, 3.4e38, 0.0, -0.0, f32::INFINITY, -INF];
    let exponents: Vec<i32> = (-400..400).chain([i32::MIN, i32::MAX, -5000, 5000]).collect();
    let n = array![exponents.clone()].index(0);
    for x in values {
        let expected: Vec<f32> =
            exponents.iter().map(|n| scaled(x.into(), (*n).clamp(-3000, 3000)) as f32).collect();
        let got = Array::from(x).ldexp(&n).to_vec::<f32>();
        for ((g, e), n) in got.iter().zip(&expected).zip(&exponents) {
            assert_eq!(g.to_bits(), e.to_bits(), "{x:e} 2^{n}: {e:e}, got {g:e}");
        }
        let compiled = jit(|x: Array, n: Array| x.ldexp(&n))(Array::from(x), n.clone());
        assert_eq!(compiled.to_vec::<f32>(), got);
    }
    // One rounding: 3 · 2^-1075 is half way between two f64, 1.5 of the least and 2 of it.
    let least = f64::from_bits(1);
    assert_eq!(array![3.0f64].ldexp(&array![-1075]).item::<f64>(), 2.0 * least);
    assert_eq!(array![1.25f64].ldexp(&array![-1074]).item::<f64>(), least);
    let high = array![f64::MAX, least, f64::MAX, 0.75].ldexp(&array![-2097, 2097, 1, 1024]);
    assert_eq!(
        high.to_vec::<f64>(),
        [least * 2.0, 2f64.powi(1023), f64::INFINITY, 0.75 * 2f64.powi(1023) * 2.0]
    );
    assert_eq!(array![f64::MAX].ldexp(&array![-2098]).item::<f64>(), least);
}

#[test]
fn ldexp_of_every_float_and_int_dtype() {
    for dtype in [DType::F16, DType::BF16] {
        let x = array![1.0f32, 1.5, -1.25, 3.0].astype(dtype);
        for n in [-140, -26, -25, -24, -15, 0, 3, 15, 16, 127, 128, 9000] {
            let exact: Vec<f64> = [1.0, 1.5, -1.25, 3.0].iter().map(|x| scaled(*x, n)).collect();
            let expected = convert(&Array::from(exact), dtype).unwrap();
            let got = x.ldexp(Array::from(n));
            assert_eq!(got.to_bytes().unwrap(), expected.to_bytes().unwrap(), "{dtype} {n}");
        }
    }
    let x = array![1.0, 1.0];
    assert_eq!(x.ldexp(&array![3u8, 200]).to_vec::<f32>(), [8.0, INF]);
    assert_eq!(x.ldexp(&array![3i8, -128]).to_vec::<f32>(), [8.0, 2f32.powi(-128)]);
    assert_eq!(x.ldexp(&array![u64::MAX, 1]).to_vec::<f32>(), [INF, 2.0]);
    assert_eq!(x.ldexp(&array![i64::MIN, i64::MAX]).to_vec::<f32>(), [0.0, INF]);
    assert_eq!(x.ldexp(&array![u32::MAX, 1 << 31]).to_vec::<f32>(), [INF, INF]);
    assert_eq!(x.ldexp(&array![true, false]).to_vec::<f32>(), [2.0, 1.0]);
    assert_eq!(array![3, 4].ldexp(&array![1, -1]).to_vec::<f32>(), [6.0, 2.0]);
    assert!(x.try_ldexp(&array![1.0, 2.0]).is_err());
}

#[test]
fn ldexp_is_linear() {
    let n = array![-3, 200, -200, 9000];
    let f = |x: Array| x.ldexp(&n).sum();
    for x in [array![1.0, 1e-30, INF, 0.0], array![INF, 0.0, 0.0, 1.0]] {
        let slope = grad(f)(x.clone()).to_vec::<f32>();
        assert_eq!(slope, [0.125, INF, 0.0, INF]);
        let (_, t) = jvp(|x: Array| x.ldexp(&n), (x,), (array![1.0, 1e-30, 1e30, 0.0],));
        let t = t.to_vec::<f32>();
        assert_eq!(t[0], 0.125);
        assert!((t[1] / (2f64.powi(200) * 1e-30) as f32 - 1.0).abs() < 1e-6);
        assert!((t[2] / (2f64.powi(-200) * 1e30) as f32 - 1.0).abs() < 1e-6);
        assert_eq!(t[3], 0.0);
    }
}

#[test]
fn shares_beyond_the_whole() {
    let x = array![1.0, 2.0];
    let e = |r: Result<Array, Error>| r.unwrap_err().to_string();
    assert_eq!(e(x.try_quantile(-0.1)), "quantile: expected numbers from 0 to 1.0, got -0.1");
    assert_eq!(e(x.try_quantile(2)), "quantile: expected numbers from 0 to 1.0, got 2.0");
    assert_eq!(
        e(x.try_quantile_axis(1.5, 0)),
        "quantile_axis: expected numbers from 0 to 1.0, got 1.5"
    );
    assert_eq!(e(x.try_percentile(-10)), "percentile: expected numbers from 0 to 100.0, got -10.0");
    assert_eq!(
        e(x.try_percentile(100.5)),
        "percentile: expected numbers from 0 to 100.0, got 100.5"
    );
    assert!(x.try_quantile(f64::NAN).is_err());
    let within = array![0.0, 1.0, -0.1, 1.5, f32::NAN, f32::INFINITY];
    let check = |y: Array| {
        let y = y.to_vec::<f32>();
        assert_eq!(y[..2], [1.0, 2.0]);
        assert!(y[2..].iter().all(|y| y.is_nan()), "{y:?}");
    };
    check(x.quantile(&within));
    check(jit(|x: Array, q: Array| x.quantile(&q))(x.clone(), within.clone()));
    check(vmap_axes(|x: Array, q: Array| x.quantile(&q), (None, 0))(x.clone(), within.clone()));
    check(x.percentile(&within * 100.0));
    let slope = grad_wrt(|x: Array, q: Array| x.quantile(&q).sum(), Arg::<0>);
    assert_eq!(slope(x.clone(), array![0.25, 1.0]).to_vec::<f32>(), [0.75, 1.25]);
}

/// The values of NumPy, whose least ints wrap as these do; JAX does not come to an end with them.
#[test]
fn divisors_at_the_ends_of_int_types() {
    macro_rules! check {
        ($($t:ty),*) => {$({
            let (least, most) = (<$t>::MIN, <$t>::MAX);
            let x = array![least, least, most, 0, least, most, 6, 0];
            let y = array![6 as $t, 0, most, 0, least, least, 4, least];
            let size = |x: $t| (x as i128).unsigned_abs();
            let divisor = |mut x: u128, mut y: u128| {
                while y != 0 {
                    (x, y) = (y, x % y);
                }
                x
            };
            for (x, y) in [(&x, &y), (&y, &x)] {
                let pairs = x.to_vec::<$t>().into_iter().zip(y.to_vec::<$t>());
                let pairs: Vec<(u128, u128)> = pairs.map(|(a, b)| (size(a), size(b))).collect();
                let gcd: Vec<$t> = pairs.iter().map(|(a, b)| divisor(*a, *b) as $t).collect();
                assert_eq!(x.gcd(y).to_vec::<$t>(), gcd);
                assert_eq!(jit(|x: Array, y: Array| x.gcd(&y))(x.clone(),
                    y.clone()).to_vec::<$t>(), gcd);
                let lcm = pairs.iter().map(|(a, b)| match divisor(*a, *b) {
                    0 => 0,
                    d => (a / d).wrapping_mul(*b) as $t,
                });
                assert_eq!(x.lcm(y).to_vec::<$t>(), lcm.collect::<Vec<$t>>());
            }
        })*};
    }
    check!(i8, i16, i32, i64, u8, u16, u32, u64);
    assert_eq!(array![i32::MIN].gcd(6).to_vec::<i32>(), [2]);
    assert_eq!(array![true, false].gcd(6).to_vec::<i32>(), [1, 6]);
}

#[track_caller]
fn same(got: &Array, expected: &[f64]) {
    let got = got.astype(DType::F64).to_vec::<f64>();
    let equal = |(g, e): (&f64, &f64)| g == e || g.is_nan() && e.is_nan();
    assert!(
        got.len() == expected.len() && got.iter().zip(expected).all(equal),
        "{got:?} {expected:?}"
    );
}

/// NumPy's values; JAX gives NaN at points with an infinite neighbour.
#[test]
fn interp_beside_infinite_values() {
    let inf = f64::INFINITY;
    for dtype in [DType::F32, DType::F64] {
        let array = |v: &[f64]| Array::from(v).astype(dtype);
        let check = |x: &[f64], xp: &[f64], fp: &[f64], expected: &[f64]| {
            let (x, xp, fp) = (array(x), array(xp), array(fp));
            same(&interp(&x, &xp, &fp), expected);
            same(
                &jit(|x: Array, xp: Array, fp: Array| interp(&x, &xp, &fp))(
                    x.clone(),
                    xp.clone(),
                    fp.clone(),
                ),
                expected,
            );
            same(
                &vmap_axes(|x: Array, xp: Array, fp: Array| interp(&x, &xp, &fp), (0, None, None))(
                    x, xp, fp,
                ),
                expected,
            );
        };
        let at = [-1.0, 0.0, 0.5, 1.0, 2.0, f64::NAN, -inf, inf];
        check(&at, &[0.0, 1.0], &[0.0, inf], &[0.0, 0.0, inf, inf, inf, f64::NAN, 0.0, inf]);
        check(&at, &[0.0, 1.0], &[-inf, 3.0], &[-inf, -inf, -inf, 3.0, 3.0, f64::NAN, -inf, 3.0]);
        check(
            &at,
            &[0.0, 1.0],
            &[inf, -inf],
            &[inf, inf, f64::NAN, -inf, -inf, f64::NAN, inf, -inf],
        );
        check(&at, &[0.0, 1.0], &[inf, inf], &[inf, inf, inf, inf, inf, f64::NAN, inf, inf]);
        check(&[0.0, 1.0, 1.5, 2.0], &[0.0, 1.0, 2.0], &[1.0, inf, 5.0], &[1.0, inf, inf, 5.0]);
        check(
            &[0.0, 1.0, 1.5, 2.0],
            &[0.0, 1.0, 2.0],
            &[1.0, f64::NAN, 5.0],
            &[1.0, f64::NAN, f64::NAN, 5.0],
        );
        // Of points with one xp the last counts.
        check(&[0.5, 1.0, 1.5], &[0.0, 1.0, 1.0, 2.0], &[0.0, 1.0, 5.0, 7.0], &[0.5, 5.0, 6.0]);
        check(&[0.5, 1.0, 1.5], &[0.0, 1.0, 1.0], &[0.0, 1.0, 5.0], &[0.5, 5.0, 5.0]);
        check(&[-1.0, 0.0, 1.0], &[0.0, 0.0], &[2.0, 3.0], &[2.0, 3.0, 3.0]);
        check(&[-1.0, 0.0, 1.0], &[0.0], &[2.0], &[2.0, 2.0, 2.0]);
        check(&[-5.0, 0.0, 5.0], &[-inf, 0.0, inf], &[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]);
        check(&[-inf, inf], &[-inf, 0.0, inf], &[1.0, 2.0, 3.0], &[1.0, 3.0]);
    }
}

#[test]
fn slopes_of_interp() {
    let inf = f32::INFINITY;
    let f = |x: Array, xp: Array, fp: Array| interp(&x, &xp, &fp).sum();
    let slopes = |x: &[f32], xp: &[f32], fp: &[f32]| {
        let all = [x, xp, fp].map(Array::from);
        let [x, xp, fp] = all;
        let dx = grad_wrt(f, Arg::<0>)(x.clone(), xp.clone(), fp.clone());
        let dxp = grad_wrt(f, Arg::<1>)(x.clone(), xp.clone(), fp.clone());
        let dfp = grad_wrt(f, Arg::<2>)(x, xp, fp);
        [dx, dxp, dfp].map(|d| d.to_vec::<f32>())
    };
    let [dx, dxp, dfp] =
        slopes(&[-1.0, 0.0, 0.25, 1.0, 2.0, 3.0], &[0.0, 1.0, 2.0], &[0.0, 2.0, 1.0]);
    assert_eq!(dx, [0.0, 2.0, 2.0, -1.0, -1.0, 0.0]);
    assert_eq!(dxp, [-2.0 - 1.5, 1.0 - 0.5, 1.0]);
    assert_eq!(dfp, [1.0 + 1.0 + 0.75, 0.25 + 1.0, 1.0 + 1.0]);
    // At a point beside an infinite value the others' derivatives are those of the point; that in x
    // is the slope.
    let [dx, dxp, dfp] = slopes(&[0.0], &[0.0, 1.0], &[0.0, inf]);
    assert_eq!((dx, dfp), (vec![inf], vec![1.0, 0.0]));
    assert!(dxp[1] == 0.0, "{dxp:?}");
    let [dx, _, dfp] = slopes(&[-1.0, 2.0], &[0.0, 1.0], &[0.0, inf]);
    assert_eq!((dx, dfp), (vec![0.0, 0.0], vec![1.0, 1.0]));
}

#[test]
fn exponentials_over_nothing() {
    for dtype in [DType::F32, DType::F64] {
        let x = zeros_dtype([2, 0], dtype);
        assert_eq!(nn::softmax(&x, 1).shape(), [2, 0]);
        assert_eq!(nn::log_softmax(&x, -1).shape(), [2, 0]);
        let sums = nn::logsumexp(&x, 1).astype(DType::F64).to_vec::<f64>();
        assert_eq!(sums, [f64::NEG_INFINITY; 2]);
        assert_eq!(jit(|x: Array| nn::softmax(&x, 1))(x.clone()).shape(), [2, 0]);
        assert_eq!(vmap(|x: Array| nn::logsumexp(&x, 0))(x.clone()).shape(), [2]);
        assert_eq!(grad(|x: Array| nn::softmax(&x, 1).sum())(x).shape(), [2, 0]);
    }
}

#[test]
fn powers_bend_in_the_exponent() {
    let h = hessian(|v: Array| v.index(0).pow(v.index(1)))(array![2.0f64, 0.0]).to_vec::<f64>();
    let expected = [0.0, 0.5, 0.5, 2f64.ln().powi(2)];
    for (got, expected) in h.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-15, "{h:?}");
    }
}

#[test]
fn gates_pass_nan_on() {
    let gates: [fn(&Array) -> Array; 3] = [|x| nn::gelu(x), |x| nn::gelu_tanh(x), |x| nn::silu(x)];
    for gate in gates {
        let x = array![f32::NAN];
        assert!(gate(&x).item::<f32>().is_nan());
        assert!(grad(move |x: Array| gate(&x).sum())(x.clone()).item::<f32>().is_nan());
        assert!(jvp(move |x: Array| gate(&x), (x.clone(),), (x,)).1.item::<f32>().is_nan());
    }
}
