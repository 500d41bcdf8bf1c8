//! Functions of networks: values of JAX, derivatives in closed form, dtypes, lanes and errors.

use cotangent::lax::{Borders, ConvOptions};
use cotangent::prelude::*;
use cotangent::{lax, nn, random};

fn f64s(x: &Array) -> Vec<f64> {
    x.astype(DType::F64).to_vec()
}

#[track_caller]
fn close(got: &Array, expected: &[f64]) {
    within(got, expected, 2e-6);
}

#[track_caller]
fn within(got: &Array, expected: &[f64], tolerance: f64) {
    let got = f64s(got);
    assert_eq!(got.len(), expected.len(), "{got:?}");
    for (x, y) in got.iter().zip(expected) {
        let near =
            (x - y).abs() <= tolerance * (1.0 + y.abs()) || x == y || x.is_nan() && y.is_nan();
        assert!(near, "{got:?} is not {expected:?}");
    }
}

#[track_caller]
fn told<T>(r: Result<T, Error>, start: &str) {
    match r {
        Ok(_) => panic!("accepted, and should have been told: {start}"),
        Err(e) => assert!(e.to_string().starts_with(start), "{e}"),
    }
}

/// The gradient in each element by central differences, in f64.
#[track_caller]
fn agrees_with_differences(f: impl Fn(Array) -> Array + Clone + Send + Sync + 'static, x: &Array) {
    let at = x.astype(DType::F64);
    let g = f64s(&grad(f.clone())(at.clone()).ravel());
    let compiled = f64s(&jit(grad(f.clone()))(at.clone()).ravel());
    let n = at.size();
    for i in 0..n {
        let step = (arange(n).eq(i as i64).astype(DType::F64) * 1e-6).reshape(at.shape());
        let slope = (f(&at + &step) - f(&at - &step)).item::<f64>() / 2e-6;
        assert!((g[i] - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {} is not {slope}", g[i]);
        assert!((g[i] - compiled[i]).abs() < 1e-12 * (1.0 + g[i].abs()));
    }
}

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

#[test]
fn operands_are_arrays_references_and_numbers() {
    let x = array![-1.0, 2.0];
    assert_eq!(nn::relu(&x).to_vec::<f32>(), nn::relu(x.clone()).to_vec::<f32>());
    assert_eq!(nn::relu(-2.0).item::<f32>(), 0.0);
    assert_eq!(nn::relu(3).item::<i32>(), 3);
    close(&nn::softplus(0.0), &[std::f64::consts::LN_2]);
    close(&nn::silu(0.0), &[0.0]);
    close(&nn::softmax(x, -1), &[0.047425874, 0.95257413]);
    assert_eq!(nn::one_hot(1, 3, DType::I32).to_vec::<i32>(), [0, 1, 0]);
}

fn images() -> Array {
    (arange(2 * 5 * 4 * 2) % 7 - 3).astype(DType::F32).reshape([2, 5, 4, 2])
}

#[test]
fn convolutions_are_jaxs() {
    let w = (arange(3 * 2 * 3 * 2) % 5 - 2).astype(DType::F32).reshape([3, 2, 3, 2]);
    let options = ConvOptions::new().strides([2, 1]).borders(Borders::Same);
    let y = nn::conv(images(), &w, &options);
    assert_eq!(y.shape(), [2, 3, 4, 3]);
    #[rustfmt::skip]
    let jax = [
        -6, 3, -3, -4, -3, 3, 5, -9, 2, -5, 15, -10, 1, -2, 0, 2, 0, -7, -11, 16, -7, 5, -3,
        -1, -4, 4, -13, -11, 13, 2, 10, -6, 3, 3, -2, -2, 13, 2, -9, -6, 3, -3, -4, -3, 3,
        0, -4, 7, -7, -4, 14, 1, -2, 0, 2, 0, -7, -12, 18, -12, 10, -5, 0, -4, 4, -13, -11,
        13, 2, 7, -4, 0,
    ];
    assert_eq!(f64s(&y), jax.map(f64::from));

    let w = (arange(4 * 2 * 2) % 5 - 2).reshape([4, 1, 2, 2]);
    let options =
        ConvOptions::new().borders([(1, 0), (0, 1)]).rhs_dilation([2, 1]).feature_group_count(2);
    // An int kernel meets f32 activations.
    let y = nn::conv(images(), &w, &options);
    assert_eq!(y.shape(), [2, 4, 4, 4]);
    #[rustfmt::skip]
    let jax = [
        0, 2, 1, -4, 2, 0, -5, -4, -3, -2, -4, 10, 0, 3, 4, -4, 8, -3, -4, -4, 4, -5, 3, 12,
        -7, -7, 3, -7, -6, 8, -1, -2, 6, -4, -4, -3, -5, -6, 3, 13, -2, 13, 3, -6, 6, -5,
        -2, 0, 4, -5, 3, 12, -7, -7, 3, -7, -4, 12, -4, -5, 4, -4, -3, 2, -2, -3, 7, -4, 0,
        2, 1, -4, 2, 0, -5, -4, 0, -2, -6, 6, -2, 13, 3, -6, 8, -3, -4, -4, 4, -5, 3, 12,
        -2, -1, 8, -6, -4, 12, -4, -5, 6, -4, -4, -3, -5, -6, 3, 13, -4, 7, 7, -4, 8, -3,
        -4, -4, 4, -5, 3, 12, -7, -7, 3, -7, -6, 8, -1, -2,
    ];
    assert_eq!(f64s(&y), jax.map(f64::from));
}

#[test]
fn convolutions_of_any_number_of_axes() {
    // Of none: a matrix product.
    let (x, w) = (array![[1.0, 2.0]], array![[3.0, 4.0], [5.0, 6.0]]);
    assert_eq!(nn::conv(x, w, &ConvOptions::new()).to_vec::<f32>(), [11.0, 17.0]);
    let (x, w) = (ones([1, 4, 4, 4, 2]), ones([3, 2, 2, 2, 2]));
    let y = nn::conv(x, w, &ConvOptions::new().strides([2, 2, 2]));
    assert_eq!((y.shape(), y.max().item::<f32>()), (&[1, 2, 2, 2, 3][..], 16.0));
    // As lax, which has the features first.
    let (x, w) = (images(), ones([3, 2, 2, 2]));
    let first = lax::conv(&x.transpose([0, 3, 1, 2]), &w, &[1, 1], Borders::Valid);
    let last = nn::conv(&x, &w, &ConvOptions::new());
    assert_eq!(f64s(&last), f64s(&first.transpose([0, 2, 3, 1])));

    let one = |x: Array| nn::conv(x.expand_dims(0), ones([3, 2, 2, 2]), &ConvOptions::new());
    assert_eq!(f64s(&vmap(one)(x.clone())), f64s(&last));
    assert_eq!(nn::conv(zeros([0, 5, 4, 2]), &w, &ConvOptions::new()).shape(), [0, 4, 3, 3]);
    let weights = w.clone();
    agrees_with_differences(
        move |x: Array| nn::conv(&x, weights.astype(x.dtype()), &ConvOptions::new()).square().sum(),
        &x.index(s![..1, ..3, ..2]),
    );
    let x = x.astype(DType::F64);
    agrees_with_differences(
        move |w: Array| {
            nn::conv(&x, &w, &ConvOptions::new().borders(Borders::Same)).square().mean()
        },
        &w.index(s![..2]),
    );
}

#[test]
fn convolutions_that_do_not_fit_are_told() {
    let (x, w) = (zeros([1, 5, 4, 2]), zeros([3, 2, 2, 2]));
    let plain = ConvOptions::new();
    told(
        nn::try_conv(&x, zeros([3, 4, 2, 2]), &plain),
        "conv: expected a kernel [out, in, space..]",
    );
    told(
        nn::try_conv(&x, zeros([3, 2, 2]), &plain),
        "conv: expected activations [batch, space.., in]",
    );
    told(nn::try_conv(1.0, 1.0, &plain), "conv: expected activations");
    let strides = ConvOptions::new().strides([2]);
    told(nn::try_conv(&x, &w, &strides), "conv: expected strides for each of 2 axes of space");
    let borders = ConvOptions::new().borders([(1, 1)]);
    told(nn::try_conv(&x, &w, &borders), "conv: expected borders for each of 2 axes of space");
    let axes = ConvOptions::new().axes(lax::ConvAxes::leading(2));
    told(nn::try_conv(&x, &w, &axes), "conv: expected options without an order of axes");
    told(nn::try_max_pool(&x, &[2], &[2], Borders::Valid), "max_pool: expected [batch, space..");
}

#[test]
fn dropout_has_jaxs_masks() {
    let key = random::key(42);
    let x = arange_dtype(1..9, DType::F32).reshape([2, 4]);
    let y = nn::dropout(&key, &x, 0.4);
    within(&y, &[1.6666666, 0.0, 0.0, 6.6666665, 8.333333, 10.0, 11.666666, 0.0], 1e-7);
    // The mean stays.
    let n = 160_000;
    let many = nn::dropout(&random::key(1), ones([n]), 0.3);
    let kept = many.gt(0).sum().item::<i32>() as f64 / n as f64;
    assert!((kept - 0.7).abs() < 5e-3, "{kept}");
    assert!((many.mean().item::<f32>() - 1.0).abs() < 1e-2);
    assert_eq!(f64s(&nn::dropout(&key, &x, 0.0)), f64s(&x));
    assert_eq!(nn::dropout(&key, x.astype(DType::BF16), 0.4).dtype(), DType::BF16);
    assert_eq!(nn::dropout(&key, arange(3), 0.0).dtype(), DType::F32);

    // The derivative is the mask, and what is left out has none.
    let at = array![[1.0, NAN, INF, 2.0], [1.0, 1.0, 1.0, 1.0]];
    let k = key.clone();
    let g = grad(move |x: Array| nn::dropout(&k, x, 0.4).sum())(at);
    let s = 1.0 / 0.6;
    close(&g, &[s, 0.0, 0.0, s, s, s, s, 0.0]);
    // Lanes with keys of their own.
    let by_key = |key: random::Key| nn::dropout(&key, ones([8]), 0.5);
    let lanes = jit(vmap(by_key))(random::keys(&key, 2));
    assert_ne!(f64s(&lanes.index(0)), f64s(&lanes.index(1)));

    for rate in [1.0, -0.1, f64::NAN] {
        told(nn::try_dropout(&key, &x, rate), "dropout: expected a rate of at least 0 and below 1");
    }
}

fn rows() -> Array {
    array![[1.0, 2.0, 4.0], [3.0, 9.0, 7.0]]
}

#[test]
fn normalizations_are_jaxs() {
    let (s, b) = (array![1.0, 2.0, 3.0], array![0.5, 0.0, -1.0]);
    let jax = [-0.5690417, -0.5345210, 3.0089054, -0.8363053, 2.1380879, -0.1982171];
    close(&nn::layer_norm(rows(), -1, &s, &b, 1e-5), &jax);
    let jax = [0.37796444, 1.51185775, 4.53557301, 0.44073188, 2.64439130, 3.08512306];
    close(&nn::rms_norm(rows(), -1, &s, 1e-6), &jax);
    let (y, mean, var) = nn::batch_norm(rows(), &s, &b, 1e-5);
    let jax = [-0.49999499, -1.99999928, -3.99999332, 1.49999499, 1.99999928, 1.99999332];
    close(&y, &jax);
    close(&mean, &[2.0, 5.5, 5.5]);
    close(&var, &[1.0, 12.25, 2.25]);
    let (mean, var) = (array![1.0, 2.0, 3.0], array![4.0, 1.0, 9.0]);
    let jax = [0.5, 0.0, -5.5551529e-5, 1.49987507, 13.99300575, 2.99977779];
    close(&nn::batch_norm_inference(rows(), mean, var, &s, &b, 1e-3), &jax);
    let g = arange(16).astype(DType::F32).pow(1.5).reshape([2, 2, 4]);
    #[rustfmt::skip]
    let jax = [
        -1.0744655, -0.8614928, -1.1518328, -0.7873291, 0.6293163, 1.3066419, 0.6752870, 1.2638752,
        -1.1886050, -0.7514839, -1.1926081, -0.7475390, 0.7049802, 1.2351085, 0.7085525, 1.2315943,
    ];
    within(&nn::group_norm(&g, 2, 1, 0, 1e-5), &jax, 1e-5);
    // One group for each feature and example, and one for all.
    let lone = nn::layer_norm(&g, 1, 1, 0, 1e-5);
    within(&nn::group_norm(&g, 4, 1, 0, 1e-5), &f64s(&lone), 1e-5);
    let all = nn::layer_norm(&g, [1, 2], 1, 0, 1e-5);
    within(&nn::group_norm(&g, 1, 1, 0, 1e-5), &f64s(&all), 1e-5);
    // Statistics of images, features last.
    let (y, mean, _) = nn::batch_norm(images(), 1, 0, 0.0);
    assert_eq!((y.shape(), mean.shape()), (&[2, 5, 4, 2][..], &[2][..]));
    within(&y.mean_axis([0, 1, 2]), &[0.0, 0.0], 1e-6);
    within(&y.var_axis([0, 1, 2]), &[1.0, 1.0], 1e-5);
    // Equal elements, and none.
    close(&nn::layer_norm(ones([1, 3]), -1, 1, 5.0, 1e-5), &[5.0; 3]);
    assert_eq!(nn::layer_norm(zeros([0, 3]), -1, 1, 0, 1e-5).shape(), [0, 3]);
}

#[test]
fn statistics_of_narrow_floats_are_wide() {
    // The squares are far beyond f16.
    let x = array![[-30000.0, 30000.0]].astype(DType::F16);
    let y = nn::layer_norm(&x, -1, 1, 0, 0.0);
    assert_eq!((y.dtype(), f64s(&y)), (DType::F16, vec![-1.0, 1.0]));
    let y = nn::rms_norm(&x, -1, 1, 0.0);
    assert_eq!((y.dtype(), f64s(&y)), (DType::F16, vec![-1.0, 1.0]));
    let x = array![[1.0], [2.0], [4.0]].astype(DType::BF16);
    let (y, mean, var) = nn::batch_norm(&x, 1, 0, 0.0);
    assert_eq!([y.dtype(), mean.dtype(), var.dtype()], [DType::BF16, DType::F32, DType::F32]);
    close(&mean, &[7.0 / 3.0]);
    close(&var, &[14.0 / 9.0]);
    let y = nn::batch_norm_inference(&x, &mean, &var, 1, 0, 0.0);
    assert_eq!(y.dtype(), DType::BF16);
    // The result is in the dtype in which the operands meet.
    let y = nn::layer_norm(&x, 0, array![2.0], 0, 0.0);
    assert_eq!(y.dtype(), DType::F32);
    assert_eq!(nn::layer_norm(arange(4), 0, 1, 0, 0.0).dtype(), DType::F32);
    assert_eq!(nn::layer_norm(rows().astype(DType::F64), 0, 1, 0, 0.0).dtype(), DType::F64);
}

#[test]
fn derivatives_of_normalizations() {
    let weights = array![[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]];
    let (s, b) = (array![1.0, 2.0, 3.0], array![0.5, 0.0, -1.0]);
    let w = weights.clone();
    agrees_with_differences(
        move |x: Array| (nn::layer_norm(x, -1, &s, &b, 1e-5) * &w).sum(),
        &rows(),
    );
    let w = weights.clone();
    agrees_with_differences(move |x: Array| (nn::rms_norm(x, -1, 1, 1e-6) * &w).sum(), &rows());
    let w = weights.clone();
    agrees_with_differences(
        move |s: Array| (nn::rms_norm(rows(), -1, s, 0.0) * &w).sum(),
        &array![1.0, 2.0, 3.0],
    );
    let w = weights.clone();
    agrees_with_differences(
        move |x: Array| {
            let (y, mean, var) = nn::batch_norm(x, 2.0, 1.0, 1e-3);
            (y * &w).sum() + mean.square().sum() + var.sum()
        },
        &rows(),
    );
    let w = arange(16).reshape([2, 2, 4]) % 5;
    agrees_with_differences(
        move |x: Array| (nn::group_norm(x, 2, 1, 0, 1e-5) * &w).sum(),
        &arange(16).astype(DType::F32).pow(1.5).reshape([2, 2, 4]),
    );
    // A row by itself, in a lane.
    let lanes = vmap(|x: Array| nn::layer_norm(x, -1, 1, 0, 1e-5))(rows());
    close(&lanes, &f64s(&nn::layer_norm(rows(), -1, 1, 0, 1e-5)));
}

#[test]
fn normalizations_that_do_not_fit_are_told() {
    let x = rows();
    told(nn::try_layer_norm(&x, 2, 1, 0, 0.0), "layer_norm: axis 2 is out of range");
    told(
        nn::try_layer_norm(&x, -1, ones(2), 0, 0.0),
        "layer_norm: expected a scale that broadcasts to f32[2,3], got f32[2]",
    );
    told(
        nn::try_batch_norm(&x, 1, ones([4, 1, 1]), 0.0),
        "batch_norm: expected a bias that broadcasts to f32[2,3], got f32[4,1,1]",
    );
    told(nn::try_batch_norm(ones(3), 1, 0, 0.0), "batch_norm: expected [batch, space.., features]");
    told(nn::try_group_norm(&x, 2, 1, 0, 0.0), "group_norm: expected groups that divide the last");
    told(nn::try_group_norm(&x, 0, 1, 0, 0.0), "group_norm: expected groups that divide the last");
    told(
        nn::try_batch_norm_inference(&x, ones(2), 1, 1, 0, 0.0),
        "batch_norm_inference: expected a mean that broadcasts to f32[2,3], got f32[2]",
    );
    let z = array![Complex::new(1.0, 0.0)];
    told(nn::try_rms_norm(z, 0, 1, 0.0), "rms_norm: expected real operands");
}

#[test]
fn losses_are_jaxs() {
    let logits = array![[1.0, 2.0, -1.0], [0.0, 50.0, -3.0]];
    let targets = array![[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]];
    close(&nn::softmax_cross_entropy(&logits, &targets), &[1.4490122, 0.0]);
    let by_label = nn::softmax_cross_entropy_with_integer_labels(&logits, array![2, 0]);
    close(&by_label, &[3.3490121, 50.0]);
    // One row of targets serves all.
    assert_eq!(nn::softmax_cross_entropy(&logits, array![1, 0, 0]).shape(), [2]);
    let one = nn::softmax_cross_entropy_with_integer_labels(array![0.0, 0.0], 1);
    close(&one, &[std::f64::consts::LN_2]);

    let l = array![-100.0, -2.0, 0.0, 3.0, 100.0];
    let y = array![0.0, 1.0, 0.3, 0.0, 1.0];
    let jax = [0.0, 2.126928, std::f64::consts::LN_2, 3.0485873, 0.0];
    close(&nn::sigmoid_binary_cross_entropy(&l, &y), &jax);
    // Digits are kept where the loss is small.
    let small = nn::sigmoid_binary_cross_entropy(array![50.0, -50.0], array![1, 0]);
    let e = (-50f64).exp();
    assert!(f64s(&small).iter().all(|x| (x / e - 1.0).abs() < 1e-5), "{small}");

    let (p, t) = (array![0.0, 0.5, -3.0, 2.0], array![0.0, 0.0, 0.0, 1.0]);
    close(&nn::huber(&p, &t, 1.0), &[0.0, 0.125, 2.5, 0.5]);
    close(&nn::huber(4, 0, 2.5), &[6.875]);
    close(&nn::squared_error(&p, &t), &[0.0, 0.25, 9.0, 1.0]);
    close(&nn::l2_loss(&p, &t), &[0.0, 0.125, 4.5, 0.5]);
    assert_eq!(nn::huber(p.astype(DType::BF16), 0, 1.0).dtype(), DType::BF16);
}

#[test]
fn losses_at_infinities_and_odd_labels() {
    // A masked class of probability 0.
    let logits = array![[0.0, -INF, 0.0]];
    let targets = array![[0.5, 0.0, 0.5]];
    let loss = |l: Array| nn::softmax_cross_entropy(l, array![[0.5, 0.0, 0.5]]).sum();
    close(&nn::softmax_cross_entropy(&logits, &targets), &[std::f64::consts::LN_2]);
    close(&grad(loss)(logits.clone()), &[0.0; 3]);
    let bce = |l: Array| nn::sigmoid_binary_cross_entropy(l, array![1, 0, 1, 0]).sum();
    let l = array![INF, -INF, 0.0, 0.0];
    close(
        &nn::sigmoid_binary_cross_entropy(array![INF, INF, -INF], array![1, 0, 0]),
        &[0.0, f64::INFINITY, 0.0],
    );
    close(&grad(bce)(l), &[0.0, 0.0, -0.5, 0.5]);
    let by_label =
        |labels: Array| nn::softmax_cross_entropy_with_integer_labels(zeros([3, 2]), labels);
    let ln2 = std::f64::consts::LN_2;
    close(&by_label(array![-1, 2, 1]), &[f64::NAN, f64::NAN, ln2]);
    close(&by_label(array![255u8, 0, 1]), &[f64::NAN, ln2, ln2]);
    close(&by_label(array![-1i64, 0, 1 << 40]), &[f64::NAN, ln2, f64::NAN]);
    close(&by_label(array![-1i8, 0, 1]), &[f64::NAN, ln2, ln2]);
    close(&nn::huber(array![INF, 1e30, NAN], 0.0, 2.0), &[f64::INFINITY, 2e30, f64::NAN]);
    assert_eq!(nn::softmax_cross_entropy(zeros([0, 3]), zeros([0, 3])).shape(), [0]);
}

#[test]
fn derivatives_of_losses() {
    let logits = array![[1.0, 2.0, -1.0], [0.0, 5.0, -3.0]];
    let p = nn::softmax(&logits, -1);
    let labels = array![2, 0];
    let g = grad(move |l: Array| nn::softmax_cross_entropy_with_integer_labels(l, &labels).sum())(
        logits.clone(),
    );
    close(&g, &f64s(&(p - nn::one_hot(array![2, 0], 3, DType::F32))));
    agrees_with_differences(
        |l: Array| {
            let targets = array![[0.2, 0.5, 0.3], [0.0, 1.0, 0.5]];
            (nn::softmax_cross_entropy(l, targets) * array![1.0, 3.0]).sum()
        },
        &logits,
    );
    let seen = logits.clone();
    agrees_with_differences(
        move |t: Array| nn::softmax_cross_entropy(seen.astype(t.dtype()), t).sum(),
        &array![[0.2, 0.5, 0.3], [0.1, 1.0, 0.5]],
    );
    // σ(l) - y, at 0 too, and σ (1 - σ) for the second.
    let bce = |l: Array| nn::sigmoid_binary_cross_entropy(l, array![1.0, 0.25, 0.0]).sum();
    let at = array![0.0f64, 0.0, 2.0];
    let s = 1.0 / (1.0 + (-2f64).exp());
    close(&grad(bce)(at.clone()), &[-0.5, 0.25, s]);
    close(&grad(move |l: Array| grad(bce)(l).sum())(at), &[0.25, 0.25, s * (1.0 - s)]);
    // Clipped errors; the second derivative is 1 inside, at 0 too.
    let huber = |p: Array| nn::huber(p, 0.0, 1.0).sum();
    let at = array![0.0, 0.5, -3.0, 1.0, 1e30];
    close(&grad(huber)(at.clone()), &[0.0, 0.5, -1.0, 1.0, 1.0]);
    close(&grad(move |p: Array| grad(huber)(p).sum())(at), &[1.0, 1.0, 0.0, 1.0, 0.0]);
    close(&grad(|p: Array| nn::l2_loss(p, 2.0).sum())(array![5.0]), &[3.0]);
    // By example.
    let lanes = vmap(|l: Array, y: Array| nn::softmax_cross_entropy_with_integer_labels(l, y));
    close(&lanes(zeros([2, 4]), array![0, 3]), &[4f64.ln(); 2]);
}

#[test]
fn losses_that_do_not_fit_are_told() {
    let x = rows();
    told(
        nn::try_softmax_cross_entropy(&x, array![1, 0]),
        "softmax_cross_entropy: expected logits and targets [.., classes] with the same classes",
    );
    let by_label = |l: Array| nn::try_softmax_cross_entropy_with_integer_labels(&x, l);
    let op = "softmax_cross_entropy_with_integer_labels";
    told(by_label(array![1.0, 0.0]), &format!("{op}: expected int labels, got f32[2]"));
    told(by_label(array![1, 0, 1]), &format!("{op}: expected logits [.., classes] and labels"));
    told(nn::try_sigmoid_binary_cross_entropy(&x, ones(2)), "sigmoid_binary_cross_entropy: ");
    told(nn::try_huber(&x, &x, 0.0), "huber: expected a positive delta, got 0.0");
    told(nn::try_huber(&x, ones(2), 1.0), "huber: ");
    let z = array![Complex::new(1.0, 0.0)];
    told(nn::try_squared_error(z, 0.0), "squared_error: expected real numbers, got c64[1]");
}
