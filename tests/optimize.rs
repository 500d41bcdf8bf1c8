//! Minimisers: known minima, batches and compilation, both dtypes, pytrees, and how they end when
//! there is no minimum.

use cotangent::optimize::{
    MinimizeOptions, MinimizeStatus, Minimum, gauss_newton, lbfgs, levenberg_marquardt,
    nelder_mead, newton_cg, try_lbfgs,
};
use cotangent::prelude::*;

fn f64s(x: f64) -> Array {
    Array::scalar(x)
}

fn tolerance(tolerance: f64) -> MinimizeOptions {
    MinimizeOptions { tolerance, ..Default::default() }
}

#[track_caller]
fn close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= tolerance * (1.0 + e.abs()), "{got:?} is not {expected:?}");
    }
}

/// The valley of Rosenbrock in n dimensions, least at 1, 1, ..
fn rosenbrock(x: Array) -> Array {
    let (a, b) = (x.index(s![..-1]), x.index(s![1..]));
    ((1.0 - &a).square() + 100.0 * (b - a.square()).square()).sum()
}

/// The function of Himmelblau and its four minima.
fn himmelblau((x, y): (Array, Array)) -> Array {
    (x.square() + &y - 11.0).square() + (x + y.square() - 7.0).square()
}
const HIMMELBLAU: [[f64; 2]; 4] =
    [[3.0, 2.0], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]];

#[track_caller]
fn of_himmelblau(m: &Minimum<(Array, Array)>, tolerance: f64) {
    let (x, y) = (m.x.0.item::<f64>(), m.x.1.item::<f64>());
    let near = HIMMELBLAU.iter().any(|[a, b]| (x - a).hypot(y - b) < tolerance);
    assert!(near && m.status() == MinimizeStatus::Converged, "{m:?}");
}

#[test]
fn the_valley_of_rosenbrock() {
    let start = || Array::from(&[-1.2, 1.0, -0.5, 2.0, 0.3, -1.0]);
    for (name, found) in [
        ("lbfgs", lbfgs(rosenbrock, start(), tolerance(1e-9))),
        ("newton_cg", newton_cg(rosenbrock, start(), tolerance(1e-9))),
    ] {
        println!("{name}: {found:?}");
        assert_eq!(found.status(), MinimizeStatus::Converged, "{name}");
        // There is a local minimum near (-1, 1, 1, ..), too.
        let x = found.x.to_vec::<f64>();
        close(&x[1..], &[1.0; 5], 0.03);
        assert!(found.gradient_norm.item::<f64>() <= 1e-9);
        assert!(found.evaluations.item::<i32>() < 200, "{name}: {found:?}");
    }
    let two = || Array::from(&[-1.2, 1.0]);
    close(&lbfgs(rosenbrock, two(), tolerance(1e-9)).x.to_vec::<f64>(), &[1.0, 1.0], 1e-8);
    close(&newton_cg(rosenbrock, two(), tolerance(1e-9)).x.to_vec::<f64>(), &[1.0, 1.0], 1e-8);
    let simplex = nelder_mead(rosenbrock, two(), tolerance(1e-9));
    close(&simplex.x.to_vec::<f64>(), &[1.0, 1.0], 1e-7);
    assert_eq!(simplex.status(), MinimizeStatus::Converged);
}

#[test]
fn pytrees_in_batches_compiled() {
    let starts = (Array::from(&[0.0, -1.0, -2.0, 4.0]), Array::from(&[0.0, 2.0, -2.0, -1.0]));
    let all: Vec<(&str, Minimum<(Array, Array)>)> = vec![
        (
            "lbfgs",
            jit(vmap(|x: Array, y: Array| lbfgs(himmelblau, (x, y), tolerance(1e-8))))(
                starts.0.clone(),
                starts.1.clone(),
            ),
        ),
        (
            "newton_cg",
            vmap(jit(|x: Array, y: Array| newton_cg(himmelblau, (x, y), tolerance(1e-8))))(
                starts.0.clone(),
                starts.1.clone(),
            ),
        ),
        (
            "nelder_mead",
            jit(vmap(|x: Array, y: Array| nelder_mead(himmelblau, (x, y), tolerance(1e-8))))(
                starts.0.clone(),
                starts.1.clone(),
            ),
        ),
    ];
    for (name, batch) in all {
        let mut rounds = Vec::new();
        for i in 0..4 {
            let lane = tree_map(|x| x.index(i), batch.clone());
            of_himmelblau(&lane, 1e-5);
            rounds.push(lane.iterations.item::<i32>());
        }
        // Lanes end on their own.
        rounds.dedup();
        assert!(rounds.len() > 1, "{name}: {rounds:?}");
    }
    // A lane of a batch takes the steps that it takes alone.
    let alone = lbfgs(himmelblau, (f64s(0.0), f64s(0.0)), tolerance(1e-8));
    of_himmelblau(&alone, 1e-6);
}

#[test]
fn single_precision() {
    let start = array![-1.2, 1.0];
    for found in [
        lbfgs(rosenbrock, start.clone(), tolerance(1e-3)),
        newton_cg(rosenbrock, start.clone(), tolerance(1e-3)),
        nelder_mead(rosenbrock, start, tolerance(1e-4)),
    ] {
        assert_eq!(found.x.dtype(), DType::F32);
        let x: Vec<f64> = found.x.to_vec::<f32>().into_iter().map(f64::from).collect();
        close(&x, &[1.0, 1.0], 1e-2);
    }
}

#[test]
fn minimisers_say_how_they_ended() {
    let steep = |x: Array| -(x.square().sum());
    let few = MinimizeOptions { max_iterations: 20, ..Default::default() };
    let endless = lbfgs(steep, Array::from(&[1.0, 2.0]), few.clone());
    assert_ne!(endless.status(), MinimizeStatus::Converged);
    let saddle = |x: Array| x.index(0).square() - x.index(1).square();
    assert_ne!(
        newton_cg(saddle, Array::from(&[1.0, 0.1]), few).status(),
        MinimizeStatus::Converged
    );
    let nan = lbfgs(|x: Array| x.log().sum(), Array::from(&[-1.0]), tolerance(1e-6));
    assert_eq!(nan.status(), MinimizeStatus::NotFinite);
    let done = newton_cg(|x: Array| x.square().sum(), Array::from(&[0.0, 0.0]), tolerance(1e-6));
    assert_eq!((done.status(), done.iterations.item::<i32>()), (MinimizeStatus::Converged, 0));
    let quick = MinimizeOptions { max_iterations: 2, ..Default::default() };
    let cut = lbfgs(rosenbrock, Array::from(&[-1.2, 1.0]), quick);
    assert_eq!(cut.status(), MinimizeStatus::TooManyIterations);
    // Below the resolution of numbers.
    let fine = lbfgs(rosenbrock, Array::from(&[-1.2, 1.0]), tolerance(0.0));
    close(&fine.x.to_vec::<f64>(), &[1.0, 1.0], 1e-6);
    let ints = try_lbfgs(|x: Array| x, Array::from(1), tolerance(1e-6)).unwrap_err().to_string();
    assert!(
        ints.contains("lbfgs: the start") && ints.contains("expected floats, got i32[]"),
        "{ints}"
    );
}

#[test]
fn nelder_mead_on_what_is_not_smooth() {
    let f = |x: Array| (x.index(0) - 1.0).abs() + 2.0 * (x.index(1) + 0.5).abs();
    let found = nelder_mead(f, Array::from(&[0.0, 0.0]), tolerance(1e-9));
    close(&found.x.to_vec::<f64>(), &[1.0, -0.5], 1e-6);
    let one = nelder_mead(|x: Array| (x - 2.0).square(), f64s(0.0), tolerance(1e-9));
    close(&[one.x.item::<f64>()], &[2.0], 1e-6);
}

/// The Misra1a data of NIST's Statistical Reference Datasets (public domain), from its first start,
/// with the certified values.
#[test]
fn least_squares_reach_certified_values() {
    let y = Array::from(&[
        10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47,
        81.78,
    ]);
    let x = Array::from(&[
        77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1,
        760.0,
    ]);
    let model = |(b1, b2): (Array, Array)| b1 * (1.0 - (-b2 * &x).exp()) - &y;
    let start = || (f64s(500.0), f64s(1e-4));
    for found in [
        levenberg_marquardt(model, start(), tolerance(1e-4)),
        gauss_newton(model, start(), tolerance(1e-4)),
    ] {
        println!("{found:?}");
        assert_eq!(found.status(), MinimizeStatus::Converged);
        let b = [found.x.0.item::<f64>(), found.x.1.item::<f64>()];
        close(&[b[0] / 2.3894212918e2, b[1] / 5.5015643181e-4], &[1.0, 1.0], 1e-7);
        assert!((2.0 * found.value.item::<f64>() / 1.2455138894e-1 - 1.0).abs() < 1e-8);
    }
}

#[test]
fn least_squares_in_batches_with_idle_parameters() {
    // The third parameter does nothing.
    let r = |p: Array, c: Array| {
        stack(&[p.index(0) - &c, 10.0 * (p.index(1) - p.index(0).square())], 0) + 0.0 * p.index(2)
    };
    let fit = vmap(move |c: Array| {
        levenberg_marquardt(
            |p: Array| r(p, c.clone()),
            Array::from(&[-1.2, 1.0, 7.0]),
            tolerance(1e-10),
        )
    });
    let found = jit(fit)(Array::from(&[1.0, 2.0, -0.5]));
    let expected = [1.0, 1.0, 7.0, 2.0, 4.0, 7.0, -0.5, 0.25, 7.0];
    close(&found.x.to_vec::<f64>(), &expected, 1e-8);
    assert_eq!(found.status.to_vec::<i32>(), [0, 0, 0]);
}

/// The least point of `exp x - p x` is `ln p`: derivatives to third order, both modes, batched.
#[test]
fn derivatives_of_minima_are_implicit() {
    let options = || MinimizeOptions { implicit: true, ..tolerance(1e-12) };
    type F = fn(Array, MinimizeOptions) -> Minimum<Array>;
    let minimisers: [F; 2] = [
        |p, o| lbfgs(|x: Array| x.exp() - &p * x, f64s(0.3), o),
        |p, o| newton_cg(|x: Array| x.exp() - &p * x, f64s(0.3), o),
    ];
    let p = 1.7f64;
    for minimise in minimisers {
        let at = move |p: Array| minimise(p, options()).x;
        close(&[at(f64s(p)).item::<f64>()], &[p.ln()], 1e-11);
        let got = [
            grad(at)(f64s(p)).item::<f64>(),
            grad(grad(at))(f64s(p)).item::<f64>(),
            jvp(grad(grad(at)), (f64s(p),), (f64s(1.0),)).1.item::<f64>(),
        ];
        close(&got, &[1.0 / p, -1.0 / p.powi(2), 2.0 / p.powi(3)], 1e-8);
        let batch = jit(vmap(grad(at)))(Array::from(&[1.0, 2.0]));
        close(&batch.to_vec::<f64>(), &[1.0, 0.5], 1e-8);
        // The value's derivative is that of the function at the minimum.
        let value = move |p: Array| minimise(p, options()).value;
        close(&[grad(value)(f64s(p)).item::<f64>()], &[-p.ln()], 1e-8);
    }
    // A fit's sensitivity to its data: the slope of a line through the origin is (x·y) / (x·x).
    let x = Array::from(&[1.0, 2.0, 3.0]);
    let slope = |y: Array| {
        let options = MinimizeOptions { implicit: true, ..tolerance(1e-10) };
        levenberg_marquardt(|a: Array| a * &x - &y, f64s(0.0), options).x
    };
    let d = grad(slope)(Array::from(&[2.0, 3.0, 7.0]));
    close(&d.to_vec::<f64>(), &[1.0 / 14.0, 2.0 / 14.0, 3.0 / 14.0], 1e-9);
}
