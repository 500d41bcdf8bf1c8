//! Complex numbers from end to end: arithmetic, functions, derivatives, and how they read; values
//! and derivatives against JAX's (`tests/data/complex.txt`, made by `scripts/complex_golden.py`).

use cotangent::lax;
use cotangent::prelude::*;

type C32 = Complex<f32>;
type C64 = Complex<f64>;

fn c(re: f64, im: f64) -> C64 {
    Complex::new(re, im)
}

fn near(got: &Array, expected: &[C64]) {
    let got = got.to_vec::<C64>();
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).norm() <= 1e-12 * (1.0 + e.norm()), "got {got:?}, expected {expected:?}");
    }
}

#[test]
fn arithmetic_runs_eagerly_and_compiled() {
    let x = vec![c(1.0, 2.0), c(-0.5, 0.25), c(0.0, -3.0)];
    let y = vec![c(3.0, -1.0), c(2.0, 2.0), c(0.5, 0.0)];
    let f = |x: Array, y: Array| (&x + &y) * (&x - &y) / (x * y + 2.0);
    let expected: Vec<C64> =
        x.iter().zip(&y).map(|(x, y)| (x + y) * (x - y) / (x * y + 2.0)).collect();
    let (x, y) = (Array::from_vec(x), Array::from_vec(y));
    near(&f(x.clone(), y.clone()), &expected);
    near(&jit(f)(x, y), &expected);
}

#[test]
fn lengths_that_fill_no_vector() {
    for n in [0, 1, 2, 3, 5, 8, 17, 1000] {
        let z: Vec<C32> =
            (0..n).map(|i| Complex::new(i as f32 * 0.25 - 1.0, 2.0 - i as f32)).collect();
        let got = jit(|z: Array| &z * z.conj() + 1.0)(Array::from_vec(z.clone()));
        let expected: Vec<C32> = z.iter().map(|z| z * z.conj() + 1.0).collect();
        assert_eq!(got.to_vec::<C32>(), expected);
    }
}

#[test]
fn gradients_of_real_functions_are_conjugates_of_the_steepest_ascent() {
    let z = Array::from_vec(vec![c(1.0, 2.0), c(-0.5, 0.25)]);
    let square = |z: Array| (&z * z.conj()).real().sum();
    near(&grad(square)(z.clone()), &[c(2.0, -4.0), c(-1.0, -0.5)]);
    near(&jit(grad(square))(z.clone()), &[c(2.0, -4.0), c(-1.0, -0.5)]);
    let norm = |z: Array| z.abs().sum();
    let unit = |x: f64, y: f64| c(x / x.hypot(y), -y / x.hypot(y));
    near(&grad(norm)(z.clone()), &[unit(1.0, 2.0), unit(-0.5, 0.25)]);
    // The magnitude of zero has no direction: none is taken.
    near(&grad(norm)(Array::from_vec(vec![c(0.0, 0.0)])), &[c(0.0, 0.0)]);
    // Descent along the conjugate of the gradient.
    let mut w = z;
    for _ in 0..60 {
        w = &w
            - 0.2
                * grad(|w: Array| (w - Complex::new(3.0, -1.0)).abs().square().sum())(w.clone())
                    .conj();
    }
    near(&w.round_to(6), &[c(3.0, -1.0), c(3.0, -1.0)]);
}

#[test]
fn holomorphic_derivatives() {
    let z = Array::scalar(c(0.5, -1.5));
    let f = |z: Array| z.sin() * z.exp();
    let slope = |z: Array| z.cos() * z.exp() + z.sin() * z.exp();
    let expected = slope(z.clone()).to_vec::<C64>();
    near(&grad_holomorphic(f)(z.clone()), &expected);
    near(&jacfwd_holomorphic(f)(z.clone()), &expected);
    near(&jacrev_holomorphic(f)(z.clone()), &expected);
    let (_, dz) = jvp(f, (z.clone(),), (Array::scalar(c(0.0, 2.0)),));
    near(&dz, &[expected[0] * c(0.0, 2.0)]);
    // Twice, through a batch, compiled.
    let second = |z: Array| grad_holomorphic(grad_holomorphic(|z: Array| z.pow(3)))(z);
    let many = jit(vmap(second))(Array::from_vec(vec![c(1.0, 1.0), c(0.0, -2.0)]));
    near(&many, &[c(6.0, 6.0), c(0.0, -12.0)]);
    // From real numbers to complex ones and back.
    let wave = |t: Array| (Array::complex(0.0, 1.0) * t).exp();
    near(&jacfwd(wave)(Array::scalar(0.0f64)), &[c(0.0, 1.0)]);
}

#[test]
fn sums_products_and_matrices() {
    let z = Array::from_vec((0..6).map(|i| c(i as f64, 1.0 - i as f64)).collect::<Vec<_>>());
    let m = z.reshape([2, 3]);
    near(&m.sum(), &[c(15.0, -9.0)]);
    near(&m.sum_axis(1), &[c(3.0, 0.0), c(12.0, -9.0)]);
    let values = z.to_vec::<C64>();
    let product = values[..3].iter().product::<C64>();
    near(&jit(|m: Array| m.prod_axis(1))(m.clone()), &[product, values[3..].iter().product()]);
    near(&Array::from_vec(Vec::<C64>::new()).prod(), &[c(1.0, 0.0)]);
    let gram = m.matmul(lax::transpose(&m, &[1, 0]).conj());
    let entry =
        |i: usize, j: usize| (0..3).map(|k| values[3 * i + k] * values[3 * j + k].conj()).sum();
    near(&gram, &[entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)]);
}

#[test]
fn loops_and_branches_carry_complex_numbers() {
    // The Mandelbrot iteration, its derivative, and escape.
    let step = |z: Array, c: Array| &z * &z + c;
    let orbit = |c: Array| {
        let start = zeros_like(&c);
        fori_loop(0..5, move |_, z: Array| step(z, c.clone()), start)
    };
    let at = [c(-0.5, 0.25), c(0.1, -0.3)];
    let expected: Vec<C64> =
        at.iter().map(|c| (0..5).fold(Complex::ZERO, |z: C64, _| z * z + c)).collect();
    near(&orbit(Array::from_vec(at.to_vec())), &expected);
    near(&jit(orbit)(Array::from_vec(at.to_vec())), &expected);
    let slope = |c: C64| {
        (0..5)
            .fold((Complex::ZERO, Complex::ZERO), |(z, d): (C64, C64), _| {
                (z * z + c, 2.0 * z * d + 1.0)
            })
            .1
    };
    near(&vmap(grad_holomorphic(orbit))(Array::from_vec(at.to_vec())), &at.map(slope));
    let escaped =
        while_loop(|z: Array| z.abs().lt(2.0), |z: Array| &z * &z, Array::scalar(c(1.1, 0.1)));
    assert!(escaped.abs().item::<f64>() >= 2.0);
    let turned = cond(
        Array::from(true),
        |z: Array| z * Complex::new(0.0, 1.0),
        |z: Array| z,
        Array::scalar(c(1.0, 2.0)),
    );
    near(&turned, &[c(-2.0, 1.0)]);
}

#[test]
fn literals_promote_weakly() {
    let i = Complex::new(0.0, 1.0);
    let with = |x: Array| (x * i).aval().to_string();
    assert_eq!(with(array![1.0]), "c64[1]");
    assert_eq!(with(array![1]), "c64[1]");
    assert_eq!(with(array![1.0f64]), "c128[1]");
    assert_eq!(with(Array::from_vec(vec![C32::new(1.0, 0.0)])), "c64[1]");
    assert_eq!((array![1.0f64] + Array::from(C32::new(1.0, 0.0))).aval().to_string(), "c128[1]");
    assert_eq!(array![Complex::new(1.0, 2.0)].aval().to_string(), "c64[1]");
    assert_eq!((0.5 * Array::scalar(c(2.0, 4.0))).item::<C64>(), c(1.0, 2.0));
}

#[test]
fn jaxprs_read_and_arrays_print() {
    let f = |z: Array| (z.conj() * Complex::new(0.0, -2.0)).real();
    let text = make_jaxpr(f)(array![Complex::new(1.0, 2.0)]).to_string();
    assert_eq!(
        text,
        "{ lambda ; a:c64[1]. let\n    b:c64[1] = conj a\n    c:c64[1] = mul b 0.0-2.0j:c64[]\n    \
         d:f32[1] = real c\n  in (d,) }"
    );
    let z = array![[Complex::new(1.0, -0.5), Complex::new(20.25, 3.0)]];
    assert_eq!(z.to_string(), "[[ 1.  -0.5j 20.25+3.j ]]");
    assert_eq!(format!("{:?}", array![Complex::new(0.0, 1.0)]), "array([0.+1.j], c64)");
}

#[test]
fn what_orders_is_refused() {
    let z = array![Complex::new(1.0, 2.0)];
    let message = |e: Result<Array, Error>| e.unwrap_err().message().to_owned();
    assert_eq!(
        message(lax::try_lt(&z, &z)),
        "lt: expected real numbers, got c64[1]; compare real(x), imag(x) or abs(x)"
    );
    assert_eq!(
        message(lax::try_floor(&z)),
        "floor: expected real numbers, got c64[1]; take real(x), imag(x) or abs(x)"
    );
    assert_eq!(
        message(lax::try_real(&array![1.0])),
        "real: expected a complex number, got f32[1]; convert it"
    );
    let complex = grad(|z: Array| z.sum()).try_call((z.clone(),)).unwrap_err();
    assert_eq!(
        complex.message(),
        "grad: the function must return a real scalar, got c64[]; take its real, imag or abs, use \
         grad_holomorphic if it \
         is holomorphic, or else vjp"
    );
    let real = grad_holomorphic(|x: Array| x.astype(DType::C64).sum()).try_call((array![1.0],));
    assert!(
        real.unwrap_err()
            .message()
            .starts_with("grad_holomorphic: expected complex arguments, got f32[1]")
    );
    assert!(z.eq(&z).to_vec::<bool>()[0] && !z.ne(&z).to_vec::<bool>()[0]);
}

#[test]
fn special_values_are_those_of_c99() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    type F = fn(&Array) -> Array;
    let same = |x: f64, y: f64| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
    let cases: [(&str, F, C64, C64); 24] = [
        ("sqrt", lax::sqrt, c(-4.0, 0.0), c(0.0, 2.0)),
        ("sqrt", lax::sqrt, c(-4.0, -0.0), c(0.0, -2.0)),
        ("sqrt", lax::sqrt, c(nan, inf), c(inf, inf)),
        ("sqrt", lax::sqrt, c(-inf, 1.0), c(0.0, inf)),
        ("sqrt", lax::sqrt, c(0.0, -0.0), c(0.0, -0.0)),
        ("exp", lax::exp, c(-inf, inf), c(0.0, 0.0)),
        ("exp", lax::exp, c(inf, 0.0), c(inf, 0.0)),
        ("exp", lax::exp, c(0.0, -0.0), c(1.0, -0.0)),
        ("log", lax::log, c(-1.0, 0.0), c(0.0, std::f64::consts::PI)),
        ("log", lax::log, c(-1.0, -0.0), c(0.0, -std::f64::consts::PI)),
        ("log", lax::log, c(0.0, 0.0), c(-inf, 0.0)),
        ("log", lax::log, c(nan, -inf), c(inf, nan)),
        ("sinh", lax::sinh, c(inf, 0.0), c(inf, 0.0)),
        ("cosh", lax::cosh, c(0.0, -0.0), c(1.0, -0.0)),
        ("tanh", lax::tanh, c(inf, 1.0), c(1.0, 0.0)),
        ("tanh", lax::tanh, c(-inf, nan), c(-1.0, 0.0)),
        ("acos", lax::acos, c(2.0, 0.0), c(0.0, -1.3169578969248166)),
        ("acos", lax::acos, c(2.0, -0.0), c(0.0, 1.3169578969248166)),
        ("asin", lax::asin, c(-0.0, 0.0), c(-0.0, 0.0)),
        ("atanh", lax::atanh, c(1.0, 0.0), c(inf, 0.0)),
        ("atanh", lax::atanh, c(inf, 1.0), c(0.0, std::f64::consts::FRAC_PI_2)),
        ("acosh", lax::acosh, c(0.0, 0.0), c(0.0, std::f64::consts::FRAC_PI_2)),
        ("asinh", lax::asinh, c(0.0, -0.0), c(0.0, -0.0)),
        ("abs", |z| Array::complex(lax::abs(z), 0.0), c(-inf, nan), c(inf, 0.0)),
    ];
    for (name, f, z, expected) in cases {
        let got = f(&Array::scalar(z)).item::<C64>();
        assert!(
            same(got.re, expected.re) && same(got.im, expected.im),
            "{name} {z}: {got}, expected {expected}"
        );
    }
    // Neither overflows nor vanishes on the way.
    let huge = Array::scalar(c(1e308, -1e308));
    assert_eq!((&huge / &huge).item::<C64>(), c(1.0, 0.0));
    assert_eq!(huge.abs().item::<f64>(), 1e308f64.hypot(1e308));
    let tiny = Array::scalar(c(3e-320, 4e-320));
    assert_eq!(tiny.abs().item::<f64>(), 5e-320);
    assert_eq!((&tiny / &tiny).item::<C64>(), c(1.0, 0.0));
    let quotient = (Array::scalar(c(1.0, 0.0)) / Array::scalar(c(0.0, 0.0))).item::<C64>();
    assert!(quotient.re == inf && quotient.im.is_nan());
    assert_eq!(
        (Array::scalar(c(1.0, 1.0)) / Array::scalar(c(inf, 1.0))).item::<C64>(),
        c(0.0, 0.0)
    );
}

/// The functions of the golden file.
fn function(name: &str) -> fn(&[Array]) -> Array {
    match name {
        "neg" => |x| -&x[0],
        "abs" => |x| lax::abs(&x[0]),
        "sqrt" => |x| lax::sqrt(&x[0]),
        "rsqrt" => |x| lax::rsqrt(&x[0]),
        "exp" => |x| lax::exp(&x[0]),
        "exp2" => |x| lax::exp2(&x[0]),
        "expm1" => |x| lax::expm1(&x[0]),
        "log" => |x| lax::log(&x[0]),
        "log1p" => |x| lax::log1p(&x[0]),
        "log2" => |x| lax::log2(&x[0]),
        "sin" => |x| lax::sin(&x[0]),
        "cos" => |x| lax::cos(&x[0]),
        "tan" => |x| lax::tan(&x[0]),
        "asin" => |x| lax::asin(&x[0]),
        "acos" => |x| lax::acos(&x[0]),
        "atan" => |x| lax::atan(&x[0]),
        "sinh" => |x| lax::sinh(&x[0]),
        "cosh" => |x| lax::cosh(&x[0]),
        "tanh" => |x| lax::tanh(&x[0]),
        "asinh" => |x| lax::asinh(&x[0]),
        // Of roots: left of the imaginary axis JAX's derivative has the wrong sign.
        "acosh_of_root" => |x| lax::acosh(&lax::sqrt(&x[0])),
        "atanh" => |x| lax::atanh(&x[0]),
        "logistic" => |x| lax::logistic(&x[0]),
        "square" => |x| lax::square(&x[0]),
        "cube" => |x| lax::integer_pow(&x[0], 3),
        "inverse_square" => |x| lax::integer_pow(&x[0], -2),
        "reciprocal" => |x| x[0].reciprocal(),
        "real" => |x| x[0].real(),
        "imag" => |x| x[0].imag(),
        "conj" => |x| x[0].conj(),
        "angle" => |x| x[0].angle(),
        "norm" => |x| (&x[0] * x[0].conj()).sum().real(),
        "sum" => |x| x[0].sum(),
        "prod" => |x| x[0].prod(),
        "mean" => |x| x[0].mean(),
        "var" => |x| x[0].var(),
        "outer" => |x| x[0].expand_dims(1) * x[0].conj(),
        "select" => |x| x[0].real().gt(0.0).select(&x[0], Complex::new(0.0, 2.0) * &x[0]),
        "rotated" => |x| (Complex::new(0.0, 1.0) * x[0].real()).exp() * x[0].imag(),
        "slices" => |x| lax::slice_in_dim(&x[0], 1, 6, 0) * lax::slice_in_dim(&x[0], 0, 5, 0),
        "gather" => |x| lax::take_along_axis(&x[0], &array![2, 0, 2], 0, lax::Mode::Clip).pow(2),
        "sort" => |x| x[0].sort(0),
        "add" => |x| &x[0] + &x[1],
        "sub" => |x| &x[0] - &x[1],
        "mul" => |x| &x[0] * &x[1],
        "div" => |x| &x[0] / &x[1],
        "pow" => |x| x[0].pow(&x[1]),
        "dot" => |x| x[0].reshape([2, 3]).matmul(x[1].reshape([3, 2])),
        _ => panic!("{name}: no function of the golden file"),
    }
}

/// As the script has it.
fn direction(like: &Array, seed: usize) -> Array {
    let part = |k: usize| (((k * 37) + seed * 101) % 64) as f64 / 32.0 - 0.96875;
    let re: Vec<f64> = (0..like.size()).map(|i| part(2 * i)).collect();
    let im: Vec<f64> = (0..like.size()).map(|i| part(2 * i + 1)).collect();
    let re = Array::from_vec(re);
    let all = if like.dtype().is_complex() { Array::complex(re, Array::from_vec(im)) } else { re };
    all.astype(like.dtype()).reshape(like.shape().to_vec())
}

fn parts(x: &Array) -> Vec<f64> {
    let wide = |x: Array| x.astype(DType::F64).to_vec::<f64>();
    if !x.dtype().is_complex() {
        return wide(x.clone());
    }
    wide(x.real()).into_iter().zip(wide(x.imag())).flat_map(|(x, y)| [x, y]).collect()
}

#[test]
fn values_and_derivatives_are_jaxs() {
    let golden = include_str!("data/complex.txt");
    let mut compared = 0;
    for line in golden.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [name, dtype, inputs, outs, tangents, cotangents] = fields[..] else {
            panic!("six fields: {line}");
        };
        let numbers = |text: &str| -> Vec<f64> {
            text.split_whitespace().map(|x| x.parse().expect("a number")).collect()
        };
        let (dtype, tolerance) = match dtype {
            "complex64" => (DType::C64, 2e-5),
            _ => (DType::C128, 1e-11),
        };
        let inputs: Vec<Array> = numbers(inputs)
            .chunks(12)
            .map(|z| Array::from_vec(z.chunks(2).map(|z| c(z[0], z[1])).collect::<Vec<_>>()))
            .map(|z| z.astype(dtype))
            .collect();
        let f = function(name);
        let g = move |x: Vec<Array>| f(&x);
        let dx: Vec<Array> = inputs.iter().enumerate().map(|(i, x)| direction(x, i)).collect();
        let (y, dy) = jvp(g, (inputs.clone(),), (dx,));
        let (_, pullback) = vjp(g, (inputs.clone(),));
        let (back,) = pullback(direction(&y, 7));
        let back: Vec<f64> = back.iter().flat_map(parts).collect();
        let compiled = jit(g)(inputs);
        let all = [
            ("value", parts(&y), outs),
            ("compiled value", parts(&compiled), outs),
            ("jvp", parts(&dy), tangents),
            ("vjp", back, cotangents),
        ];
        for (what, got, expected) in all {
            let expected = numbers(expected);
            assert_eq!(got.len(), expected.len(), "{name} of {dtype}: {what}");
            let size = expected.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
            for (g, e) in got.iter().zip(&expected) {
                assert!(
                    (g - e).abs() <= tolerance * size,
                    "{name} of {dtype}: {what} {got:?}, expected {expected:?}"
                );
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 4 * 96);
}

/// What JAX 0.10 gives: the real part decides, then the imaginary one; a NaN wins only as the
/// second operand.
#[test]
fn complex_numbers_are_ordered_by_their_parts() {
    let z = |parts: &[(f32, f32)]| {
        Array::from_vec(parts.iter().map(|(re, im)| Complex::new(*re, *im)).collect::<Vec<_>>())
    };
    let nan = f32::NAN;
    let x = z(&[(1.0, 2.0), (1.0, -2.0), (nan, 0.0), (0.0, -0.0), (-0.0, 3.0), (2.0, nan)]);
    let y = z(&[(1.0, -2.0), (1.0, -2.0), (1.0, 0.0), (0.0, 0.0), (0.0, 3.0), (2.0, 0.0)]);
    let texts = |a: Array| a.to_string();
    assert_eq!(texts(x.maximum(&y)), "[1.+2.j 1.-2.j 1.+0.j 0.+0.j 0.+3.j 2.+0.j]");
    assert_eq!(texts(x.minimum(&y)), "[1.-2.j 1.-2.j 1.+0.j 0.+0.j 0.+3.j 2.+0.j]");
    assert_eq!(x.lt(&y).to_vec::<bool>(), [false; 6]);
    assert_eq!(x.le(&y).to_vec::<bool>(), [false, true, false, true, true, false]);
    assert_eq!(x.gt(&y).to_vec::<bool>(), [true, false, false, false, false, false]);
    assert_eq!(x.ge(&y).to_vec::<bool>(), [true, true, false, true, true, false]);
    assert_eq!(texts(x.max()), "2.0+nanj");
    assert_eq!(texts(x.min()), "0.0-0.0j");
    assert_eq!(texts(x.cummin(0)), "[ 1.+2.j  1.-2.j nan+0.j  0.-0.j  0.-0.j  0.-0.j]");
    let of_nothing = lax::reduce_max(&z(&[]), &[0]);
    assert_eq!(texts(of_nothing), "-inf+0.0j");
    let grown = z(&[(1.0, 2.0), (3.0, 0.0)]).at(&array![0, 0, 1]).max(z(&[
        (1.0, 3.0),
        (1.0, 1.0),
        (2.0, 9.0),
    ]));
    assert_eq!(texts(grown), "[1.+3.j 3.+0.j]");
    for (name, refused) in [
        ("lt", lax::try_lt(&x, &y)),
        ("clip", x.try_clip(&y, &y)),
        ("argmax", x.try_argmax()),
        ("argmin", lax::try_argmin(&x, 0)),
        ("top_k", x.try_top_k(1, -1).map(|(v, _)| v)),
    ] {
        let error = refused.expect_err(name).to_string();
        assert!(
            error.starts_with(&format!("{name}: expected real numbers, got c64[6]")),
            "{error}"
        );
    }
}
