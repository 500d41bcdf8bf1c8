//! Long sums of f32 do not lose digits with their length: products and all that adds up, against
//! f64 of the same elements.

use cotangent::lax::{self, DotDims, Window};
use cotangent::prelude::*;

/// Tenths, which round the same way again and again; large numbers that nearly cancel; numbers of
/// all sizes.
fn hard(kind: usize, n: usize) -> Vec<f32> {
    let value = |i: usize| {
        let noise = (i.wrapping_mul(2_654_435_761) >> 7) % 1000;
        match kind {
            0 => 0.1,
            1 => [1e4, -1e4][i % 2] + noise as f32 * 1e-3 + 1.0,
            _ => (noise as f32 * 0.01).exp() * 1e-3,
        }
    };
    (0..n).map(value).collect()
}

/// `∑ a[i] b[i]` and `∑ |a[i] b[i]|` in f64.
fn exact(a: &[f32], b: impl Fn(usize) -> f32) -> (f64, f64) {
    let terms = || a.iter().enumerate().map(|(i, a)| f64::from(*a) * f64::from(b(i)));
    (terms().sum(), terms().map(f64::abs).sum())
}

#[track_caller]
fn within(got: f32, (sum, size): (f64, f64), slack: f64, what: &str) {
    let error = (f64::from(got) - sum).abs() / size;
    assert!(error <= slack, "{what}: {got} is not {sum}: off by {error:.1e} of {size}");
}

const N: usize = 10_000_000;

#[test]
fn dot_products_of_ten_million() {
    for kind in 0..3 {
        let values = hard(kind, N);
        let x = Array::from(values.clone());
        let expected = exact(&values, |i| values[i]);
        within(x.dot(&x).item(), expected, 1e-6, "dot");
        within(jit(|x: Array| x.vdot(&x))(x.clone()).item(), expected, 1e-6, "vdot");
        // In steps of two elements.
        let every = hard(kind, N / 4);
        let other = Array::from(every.clone()).reshape([N / 8, 2]);
        let column = other.index(s![.., 1]);
        let half: Vec<f32> = every.iter().skip(1).step_by(2).copied().collect();
        within(column.dot(&column).item(), exact(&half, |i| half[i]), 1e-6, "strided");
    }
}

#[test]
fn products_with_long_sums() {
    for kind in 0..3 {
        let k = 1_000_000;
        let values = hard(kind, 4 * k);
        let x = Array::from(values.clone());
        let (wide, tall) = (x.reshape([4, k]), x.reshape([k, 4]));
        let row = |i: usize| &values[i * k..(i + 1) * k];
        let column = |j: usize| move |i: usize| i * 4 + j;
        let product = wide.matmul(&tall);
        for (n, got) in product.to_vec::<f32>().into_iter().enumerate() {
            let expected = exact(row(n / 4), |i| values[column(n % 4)(i)]);
            within(got, expected, 1e-6, "thin");
        }
        // Rows and columns of a matrix with a vector, either way it lies.
        let v = wide.index(1);
        let other = |i: usize| values[k + i];
        for (n, got) in wide.matmul(&v).to_vec::<f32>().into_iter().enumerate() {
            within(got, exact(row(n), other), 1e-6, "rows");
        }
        for (n, got) in v.matmul(&tall).to_vec::<f32>().into_iter().enumerate() {
            let expected = exact(row(1), |i| values[column(n)(i)]);
            within(got, expected, 1e-6, "columns");
        }
        let sums = wide.matmul(ones([k]));
        within(sums.index(2).item(), exact(row(2), |_| 1.0), 1e-6, "sums of rows");
        let batch = x.reshape([4, 1, k]).matmul(x.reshape([4, k, 1]));
        within(batch.index(s![3, 0, 0]).item(), exact(row(3), |i| row(3)[i]), 1e-6, "batched");
    }
}

/// Blocks of `gemm` add as they like, but only within a block.
#[test]
fn matrices_with_deep_sums() {
    for kind in 0..3 {
        let (m, k) = (24, 50_000);
        let values = hard(kind, m * k);
        let x = Array::from(values.clone()).reshape([m, k]);
        let product = x.matmul(x.t());
        for (i, j) in [(0, 0), (3, 17), (23, 22)] {
            let (a, b) = (&values[i * k..(i + 1) * k], &values[j * k..(j + 1) * k]);
            within(product.index(s![i, j]).item(), exact(a, |n| b[n]), 1e-5, "deep");
        }
        let wide = x.astype(DType::F64);
        let exact = wide.matmul(wide.t()).sum().item::<f64>();
        assert!((product.astype(DType::F64).sum().item::<f64>() / exact - 1.0).abs() < 1e-5);
    }
    // Short ones, too: a few thousand terms of a few elements.
    for k in [33, 500, 2000] {
        let values = hard(0, k);
        let x = Array::from(values.clone());
        within(x.dot(&x).item(), exact(&values, |i| values[i]), 5e-7, "short");
    }
}

#[test]
fn other_dtypes() {
    let n = 1_000_000;
    let tenth = |d: DType| Array::from(vec![0.1f32; n]).astype(d);
    for d in [DType::F16, DType::BF16] {
        // Of ones: the sum of a million is beyond f16, that of 60,000 is not.
        let ones = tenth(d).index(..60_000) * 0.0 + 1.0;
        let sum = ones.dot(&ones).astype(DType::F32).item::<f32>();
        assert!((sum / 60_000.0 - 1.0).abs() < 4e-3, "{d}: {sum}");
        assert_eq!(ones.dot(&ones).dtype(), d);
    }
    let z = Array::complex(tenth(DType::F32), tenth(DType::F32) * 2.0);
    let square = z.dot(&z).item::<Complex<f32>>();
    let unit = f64::from(0.1f32) * f64::from(0.1f32) * n as f64;
    assert!((f64::from(square.re) / (-3.0 * unit) - 1.0).abs() < 2e-6, "{square}");
    assert!((f64::from(square.im) / (4.0 * unit) - 1.0).abs() < 2e-6, "{square}");
    let wide = tenth(DType::F64);
    let exact = f64::from(0.1f32) * f64::from(0.1f32) * n as f64;
    assert!((wide.dot(&wide).item::<f64>() / exact - 1.0).abs() < 1e-13);
}

/// Everything else that adds up many elements.
#[test]
fn folds_of_ten_million_tenths() {
    let x = full([N], 0.1f32).astype(DType::F32);
    let tenth = f64::from(0.1f32);
    let close = |got: f32, expected: f64, what: &str| {
        let off = (f64::from(got) / expected - 1.0).abs();
        assert!(off <= 1e-6, "{what}: {got}, expected {expected}: off by {off:.1e}");
    };
    let sum = tenth * N as f64;
    close(x.sum().item(), sum, "sum");
    close(jit(|x: Array| (x * 1.0).sum())(x.clone()).item(), sum, "fused sum");
    close(x.mean().item(), tenth, "mean");
    close(x.reshape([1000, N / 1000]).sum_axis(0).sum().item(), sum, "sum over an axis");
    close(x.square().sum().sqrt().item(), tenth * (N as f64).sqrt(), "norm");
    close(x.cumsum(0).index(-1).item(), sum, "cumsum");
    close(lax::cumsum(&x, 0, true).index(0).item(), sum, "cumsum, reversed");
    let window = Window::new([N]);
    close(lax::reduce_window_sum(&x, &window).index(0).item(), sum, "a window of all");
    let spread = Array::from(hard(1, N));
    let exact: f64 = {
        let values = spread.to_vec::<f32>();
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / N as f64;
        values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / N as f64
    };
    close(spread.var().item(), exact, "var");
    close(spread.std().item(), exact.sqrt(), "std");
    let zeros = zeros([4]);
    let at = (arange(N as i32) & 3).astype(DType::I32);
    let binned = zeros.at(&at).add(&x);
    close(binned.index(1).item(), sum / 4.0, "scatter_add");
    let one = jit(|x: Array| {
        cotangent::prelude::zeros([1]).at(zeros_like(&x).astype(DType::I32)).add(&x)
    });
    close(one(x.clone()).index(0).item(), sum, "scatter_add to one place");
    let take = grad(|t: Array| t.take(&at, 0).sum());
    close(take(zeros_like(&binned)).index(2).item(), N as f64 / 4.0, "gradient of take");
    let dims = DotDims::default();
    let scaled = grad(|s: Array| lax::dot_general(&s, &x, &dims).sum());
    close(scaled(Array::scalar(1.0f32)).item(), sum, "gradient of a broadcast");
    let total = |x: Array| {
        scan(|c: Array, x: Array| (c + x, ()), Array::scalar(0.0f64), x.astype(DType::F64)).0
    };
    assert!((jit(total)(x.clone()).item::<f64>() / sum - 1.0).abs() < 1e-9);
}

/// Long cumulative folds run in blocks: along any axis, in both directions, with a rest.
#[test]
fn long_cumulative_folds() {
    let shapes: [(&[usize], usize); 6] = [
        (&[2047], 0),
        (&[2048], 0),
        (&[50_001], 0),
        (&[3, 5000], 1),
        (&[4099, 2], 0),
        (&[2, 3000, 2], 1),
    ];
    for (shape, axis) in shapes {
        let n = shape.iter().product();
        let (len, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let values: Vec<i32> = (0..n as i64).map(|i| (i * 7919 % 2001) as i32 - 1000).collect();
        let ints = Array::from(values.clone()).reshape(shape.to_vec());
        let floats = ints.astype(DType::F32) * 0.001;
        for reverse in [false, true] {
            let fold = |f: &dyn Fn(i64, i64) -> i64| {
                let mut out: Vec<i64> = values.iter().map(|x| i64::from(*x)).collect();
                for i in 0..n {
                    let i = if reverse { n - 1 - i } else { i };
                    let t = i / inner % len;
                    if (reverse && t + 1 < len) || (!reverse && t > 0) {
                        let before = if reverse { i + inner } else { i - inner };
                        out[i] = f(out[before], out[i]);
                    }
                }
                out
            };
            let (sums, most) = (fold(&|a, b| a + b), fold(&|a, b| a.max(b)));
            let as_i64 = |x: &Array| x.astype(DType::I64).to_vec::<i64>();
            assert_eq!(as_i64(&lax::cumsum(&ints, axis, reverse)), sums, "{shape:?} {reverse}");
            assert_eq!(as_i64(&lax::cummax(&ints, axis, reverse)), most, "{shape:?} {reverse}");
            let compiled = jit(move |x: Array| lax::cumsum(&(x * 2.0), axis, reverse));
            let got = compiled(floats.clone()).to_vec::<f32>();
            let total = lax::cumlogsumexp(&floats, axis, reverse).to_vec::<f32>();
            let ones = floats.exp().astype(DType::F64).to_vec::<f64>();
            let mut sum = vec![0f64; n];
            for i in 0..n {
                let i = if reverse { n - 1 - i } else { i };
                let t = i / inner % len;
                let first = if reverse { t + 1 == len } else { t == 0 };
                let before = if reverse { i + inner } else { i.wrapping_sub(inner) };
                sum[i] = ones[i] + if first { 0.0 } else { sum[before] };
                assert!(
                    (f64::from(total[i]) - sum[i].ln()).abs() < 2e-6 * sum[i].ln().abs().max(1.0)
                );
                let expected = sums[i] as f64 * 0.002;
                assert!((f64::from(got[i]) - expected).abs() < 1e-3 * expected.abs().max(0.1));
            }
        }
    }
}

/// Scatters with many updates per element accumulate in f64.
#[test]
fn scattered_sums() {
    for kind in 0..3 {
        let values = hard(kind, 3_000_000);
        let places: Vec<i32> = (0..values.len()).map(|n| (n % 3) as i32).collect();
        let x = Array::from(values.clone());
        let sums = zeros([3]).at(Array::from(places)).add(&x);
        for (n, sum) in sums.to_vec::<f32>().into_iter().enumerate() {
            let own: Vec<f32> = values.iter().skip(n).step_by(3).copied().collect();
            within(sum, exact(&own, |_| 1.0), 1e-6, "scatter_add");
        }
    }
}

/// Running extremes of complex numbers with a NaN are the same alone, where the axis is long enough
/// for blocks, and in a batch of so many that it is not cut.
#[test]
fn running_extremes_of_complex_numbers_are_the_same_in_a_batch() {
    let mut re = vec![0.0f32; 4096];
    (re[0], re[100], re[101]) = (5.0, f32::NAN, 1.0);
    let x = Array::from(re).astype(DType::C64);
    let running = |x: Array| lax::cummax(&x, 0, false);
    let alone = jit(running)(x.clone());
    let many = x.reshape([1, 4096]).broadcast_to([40, 4096]);
    let batch = jit(vmap(running))(many);
    for part in [Array::real, Array::imag] {
        let (alone, batch) = (part(&alone).to_vec::<f32>(), part(&batch).to_vec::<f32>());
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&alone), bits(&batch[..4096]));
    }
}
