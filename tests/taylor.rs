//! Taylor mode against closed forms, nested forward mode and itself under other transforms.

use cotangent::{lax, prelude::*};

fn f64s(x: f64) -> Array {
    Array::scalar(x)
}

/// Derivatives 1..=order of a function of one number along `x(t) = x + t`.
fn straight(f: impl Fn(Array) -> Array + Send + Sync + Copy, x: f64, order: usize) -> Vec<f64> {
    let series = (0..order).map(|k| (f64s(if k == 0 { 1.0 } else { 0.0 }),)).collect();
    let (_, series) = jet(f, (f64s(x),), series);
    series.iter().map(|y| y.item::<f64>()).collect()
}

#[track_caller]
fn close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= tolerance * (1.0 + e.abs()), "{got:?} is not {expected:?}");
    }
}

fn factorials(order: usize) -> impl Iterator<Item = f64> {
    (1..=order).scan(1.0, |f, k| {
        *f *= k as f64;
        Some(*f)
    })
}

#[test]
fn closed_forms_to_the_sixth_order() {
    let x = 0.3f64;
    let (s, c) = x.sin_cos();
    close(&straight(|x| x.sin(), x, 6), &[c, -s, -c, s, c, -s], 1e-14);
    close(&straight(|x| x.exp(), x, 6), &[x.exp(); 6], 1e-14);
    let geometric: Vec<f64> = factorials(6).zip(2..).map(|(f, k)| f / (1.0 - x).powi(k)).collect();
    close(&straight(|x| 1.0 / (1.0 - x), x, 6), &geometric, 1e-13);
    let power = |n: f64| -> Vec<f64> {
        (1..=6)
            .map(|k| (0..k).map(|j| n - j as f64).product::<f64>() * x.powf(n - k as f64))
            .collect()
    };
    close(&straight(|x| lax::integer_pow(&x, 5), x, 6), &power(5.0), 1e-13);
    close(&straight(|x| lax::integer_pow(&x, -3), x, 6), &power(-3.0), 1e-13);
    close(&straight(|x| lax::pow(&x, &Array::from(2.5)), x, 6), &power(2.5), 1e-13);
    close(&straight(|x| x.sqrt(), x, 6), &power(0.5), 1e-13);
    let log: Vec<f64> =
        (1..=6).zip([1.0, 1.0, 2.0, 6.0, 24.0, 120.0]).map(|(k, f)| -f / (-x).powi(k)).collect();
    close(&straight(|x| x.log(), x, 6), &log, 1e-13);
}

/// Powers of zero, where nothing may be divided by it.
#[test]
fn whole_powers_at_zero() {
    close(&straight(|x| lax::integer_pow(&x, 3), 0.0, 5), &[0.0, 0.0, 6.0, 0.0, 0.0], 0.0);
    close(&straight(|x| lax::pow(&x, &Array::from(2.0)), 0.0, 3), &[0.0, 2.0, 0.0], 0.0);
    close(&straight(|x| x.square(), 0.0, 3), &[0.0, 2.0, 0.0], 0.0);
}

/// Along a curve whose every derivative moves; the values are those of `jax.experimental.jet` in
/// JAX 0.10.2.
#[test]
fn values_of_jax_along_a_curve() {
    let along = |f: fn(Array) -> Array, x: f64| -> Vec<f64> {
        let series = [1.0, 0.5, -0.25, 2.0].map(|t| (f64s(t),)).to_vec();
        let (y, series) = jet(f, (f64s(x),), series);
        [y].iter().chain(&series).map(|y| y.item::<f64>()).collect()
    };
    let tanh = [
        0.2913126124515908,
        0.9151369618266293,
        -0.07561339728813889,
        -2.3928631638599653,
        1.593136891513963,
    ];
    close(&along(|x| x.tanh(), 0.3), &tanh, 1e-13);
    let log = [
        -0.35667494393873245,
        1.4285714285714286,
        -1.3265306122448957,
        2.412536443148686,
        -4.129529362765503,
    ];
    close(&along(|x| x.log(), 0.7), &log, 1e-13);
    let logistic = [
        0.574442516811659,
        0.24445831169074586,
        0.08583297188979672,
        -0.2298097390934443,
        0.22608502588382082,
    ];
    close(&along(|x| lax::logistic(&x), 0.3), &logistic, 1e-13);
    let pow = [
        0.409963413001697,
        1.4641550464346322,
        3.869552622720096,
        6.581227530147516,
        7.266349643712416,
    ];
    close(&along(|x| lax::pow(&x, &Array::from(2.5)), 0.7), &pow, 1e-13);
    let sqrt = [
        0.8366600265340756,
        0.5976143046671969,
        -0.12806020814297023,
        0.12501115556813733,
        0.7792507223393719,
    ];
    close(&along(|x| x.sqrt(), 0.7), &sqrt, 1e-13);
    let erf = [
        0.3286267594591274,
        1.031260909618963,
        -0.1031260909618955,
        -2.8772179378369103,
        0.6331941985060345,
    ];
    close(&along(|x| lax::erf(&x), 0.3), &erf, 1e-13);
    let f = |x: Array, y: Array| (&x * y).sin() / (1.0 + &x * &x);
    let series = [(1.0, -0.5), (0.5, 1.0), (-0.25, 0.25), (2.0, -1.0)];
    let series = series.map(|(a, b)| (f64s(a), f64s(b))).to_vec();
    let (y, series) = jet(f, (f64s(0.7), f64s(1.3)), series);
    let got: Vec<f64> = [y].iter().chain(&series).map(|y| y.item::<f64>()).collect();
    let both = [
        0.5298682816711077,
        -0.10654841095649632,
        -1.0939764581093252,
        2.7038376765074923,
        -0.4636992150683564,
    ];
    close(&got, &both, 1e-13);
}

/// The logistic equation `x' = x (1 - x)`: each derivative of the solution is `jet` of the right
/// side along those before.
#[test]
fn taylor_coefficients_of_an_ode() {
    let f = |x: Array| &x * &(1.0 - &x);
    let x0 = 0.25f64;
    let mut derivatives = vec![f(f64s(x0))];
    for _ in 1..6 {
        let series = derivatives.iter().map(|d| (d.clone(),)).collect();
        let (_, next) = jet(f, (f64s(x0),), series);
        derivatives.push(next.last().expect("one per order").clone());
    }
    let got: Vec<f64> = derivatives.iter().map(|d| d.item::<f64>()).collect();
    // The solution is logistic(t + ln(x0 / (1 - x0))).
    let expected = straight(|t| lax::logistic(&t), (x0 / (1.0 - x0)).ln(), 6);
    close(&got, &expected, 1e-13);
}

/// A scan over the Taylor series of exp, and one that multiplies its carry n times.
#[test]
fn through_scan() {
    let power = |x: Array| {
        let options = ScanOptions { length: Some(5), ..Default::default() };
        scan_with(|c: Array, ()| (&c * &x, ()), ones_like(&x), (), options).0
    };
    let x = 0.7f64;
    let expected: Vec<f64> =
        (1..=6).map(|k| (0..k).map(|j| 5.0 - j as f64).product::<f64>() * x.powi(5 - k)).collect();
    close(&straight(power, x, 6), &expected, 1e-13);
    // Horner's scheme from the last term to the first, the divisors as slices.
    let exp = |x: Array| {
        let n = arange(1..25).astype(DType::F64);
        let options = ScanOptions { reverse: true, ..Default::default() };
        scan_with(|c: Array, n: Array| (1.0 + &c * &(&x / n), c), ones_like(&x), n, options).0
    };
    close(&straight(exp, x, 6), &[x.exp(); 6], 1e-12);
}

#[test]
fn through_branches_calls_checkpoints_and_custom_rules() {
    let sine =
        custom_jvp(|x: Array| x.sin(), |(x,): (Array,), (dx,): (Array,)| (x.sin(), dx * x.cos()));
    let f = move |x: Array| {
        let inner = jit(|x: Array| x.exp());
        let kept = checkpoint(|x: Array| x.tanh());
        let y = cond(x.gt(0.0), |x: Array| inner(x), |x| x.cos(), x.clone());
        kept(y) * sine(x)
    };
    let plain = |x: Array| x.exp().tanh() * x.sin();
    let f = &f;
    close(&straight(f, 0.4, 5), &straight(plain, 0.4, 5), 1e-13);
    let below = |x: Array| x.cos().tanh() * x.sin();
    close(&straight(f, -0.4, 5), &straight(below, -0.4, 5), 1e-13);
}

/// The rules of the pair speak of each other.
fn custom_sin() -> Func<'static, (Own<Array>,), Array> {
    custom_jvp(
        |x: Array| x.sin(),
        |(x,): (Array,), (dx,): (Array,)| (custom_sin()(x.clone()), dx * custom_cos()(x)),
    )
}

fn custom_cos() -> Func<'static, (Own<Array>,), Array> {
    custom_jvp(
        |x: Array| x.cos(),
        |(x,): (Array,), (dx,): (Array,)| (custom_cos()(x.clone()), -(dx * custom_sin()(x))),
    )
}

#[test]
fn custom_rules_that_speak_of_each_other() {
    close(&straight(|x| custom_sin()(x), 0.3, 4), &straight(|x| x.sin(), 0.3, 4), 1e-14);
}

#[test]
fn a_reverse_rule_is_refused_by_name() {
    let f = custom_vjp(
        |x: Array| x.sin(),
        |(x,): (Array,)| (x.sin(), x),
        |x, ct: Array| (ct * x.cos(),),
    );
    let error = try_jet(f, (f64s(0.3),), vec![(f64s(1.0),)]).unwrap_err().to_string();
    assert!(error.contains("gives reverse mode only"), "{error}");
}

#[test]
fn composes_with_other_transforms() {
    // Third derivatives of sin at several points, batched, compiled, differentiated once more.
    let third = |x: Array| {
        let zero = zeros_like(&x);
        let series = vec![(ones_like(&x),), (zero.clone(),), (zero,)];
        jet(|x: Array| x.sin(), (x,), series).1.remove(2)
    };
    let points = array![0.1, 0.5, -2.0].astype(DType::F64);
    let xs = points.to_vec::<f64>();
    let expected = |f: fn(f64) -> f64| xs.iter().map(|x| f(*x)).collect::<Vec<f64>>();
    close(&jit(vmap(third))(points.clone()).to_vec::<f64>(), &expected(|x| -x.cos()), 1e-14);
    let fourth = vmap(grad(third))(points.clone());
    close(&fourth.to_vec::<f64>(), &expected(f64::sin), 1e-14);
    close(&vmap(grad(grad(third)))(points.clone()).to_vec::<f64>(), &expected(f64::cos), 1e-14);
    // jet of grad, and jet of jet: derivatives 2 + 1 and 2 + 2.
    let second_of_grad = |x: f64| straight(|x| grad(|x: Array| x.sin())(x), x, 2)[1];
    let fourth = |x: f64| {
        let second = |x: Array| {
            let series = vec![(ones_like(&x),), (zeros_like(&x),)];
            jet(|x: Array| x.sin(), (x,), series).1.remove(1)
        };
        straight(second, x, 2)[1]
    };
    for x in xs {
        close(&[second_of_grad(x), fourth(x)], &[-x.cos(), x.sin()], 1e-14);
    }
    // jet of vmap over one argument.
    let f = vmap_axes(|x: Array, y: Array| x.sin() * y, (0, None));
    let series = vec![(ones_like(&points), f64s(0.0))];
    let (_, d) = jet(f, (points.clone(), f64s(2.0)), series);
    close(
        &d[0].to_vec::<f64>(),
        &points.to_vec::<f64>().iter().map(|x| 2.0 * x.cos()).collect::<Vec<_>>(),
        1e-14,
    );
}

#[test]
fn pytrees_ints_empty_arrays_and_no_order() {
    let f = |(a, n): (Array, Array), b: Vec<Array>| (&b[0] * &a.sin(), n + 1, b[1].clone());
    let args = ((f64s(0.3), Array::from(2)), vec![f64s(2.0), zeros_dtype([0], DType::F64)]);
    let term = || ((f64s(1.0), Array::from(0)), vec![f64s(0.0), zeros_dtype([0], DType::F64)]);
    let (y, series) = jet(f, args.clone(), vec![term(), term()]);
    assert_eq!(y.1.item::<i32>(), 3);
    close(&[series[0].0.item::<f64>()], &[2.0 * 0.3f64.cos()], 1e-15);
    assert_eq!((series[1].1.item::<i32>(), series[1].2.shape()), (0, &[0][..]));
    let (y, none) = jet(f, args, vec![]);
    assert!(none.is_empty() && y.1.item::<i32>() == 3);
    let wrong = try_jet(|x: Array| x, (f64s(0.0),), vec![(array![1.0, 2.0],)]).unwrap_err();
    assert_eq!(wrong.message(), "jet: series[0] at .0 should be f64[] like the primal, got f32[2]");
}

/// Equations of the derivatives up to an order along a straight line: a polynomial of the order,
/// where nested `jvp` is an exponential.
#[test]
fn work_is_polynomial_in_the_order() {
    type F = fn(Array) -> Array;
    let functions: [(&str, F); 12] = [
        ("sin", |x| x.sin()),
        ("exp", |x| x.exp()),
        ("tan", |x| lax::tan(&x)),
        ("log", |x| x.log()),
        ("div", |x| x.sin() / (1.0 + x.cos())),
        ("pow", |x| lax::pow(&x, &x)),
        ("sqrt", |x| x.sqrt()),
        ("tanh", |x| x.tanh()),
        ("logistic", |x| lax::logistic(&x)),
        ("erf", |x| lax::erf(&x)),
        ("atan2", |x| lax::atan2(&x, &(&x * 2.0 + 1.0))),
        ("reduce_prod", |x| lax::reduce_prod(&stack(&[x.clone(), x.sin(), x.exp()], 0), &[0])),
    ];
    for (name, f) in functions {
        let equations = |order: usize| {
            let g = move |x: Array| {
                let term = |k| (f64s(if k == 0 { 1.0 } else { 0.0 }),);
                jet(f, (x,), (0..order).map(term).collect()).1
            };
            make_jaxpr(g)(f64s(0.3)).jaxpr.total_eqns()
        };
        let counts: Vec<usize> = (1..=8).map(equations).collect();
        println!("{name}: {counts:?}");
        // From order 4 to order 8 a cubic grows by 8 at most, an exponential by 2^4 and more.
        let (few, many) = (counts[3], counts[7]);
        assert!(many < 7 * few, "{name}: {counts:?}");
    }
}
