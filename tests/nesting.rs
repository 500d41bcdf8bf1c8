//! Derivatives of everything at once: jitted, batched, checkpointed, with a rule of its own,
//! through cond and scan.

use cotangent::prelude::*;

/// sin with a rule of its own.
fn my_sin() -> Func<'static, (Own<Array>,), Array> {
    custom_jvp(|x: Array| x.sin(), |(x,), (dx,)| (x.sin(), dx * x.cos()))
}

/// `x^4 sin x` for positive x, else `exp(2 x)`: powers by a scan of three products.
fn tower(x: Array) -> Array {
    let sin = my_sin();
    let power = |x: Array| {
        let step = |c: Array, ()| (c * &x, ());
        let options = ScanOptions { length: Some(3), ..Default::default() };
        scan_with(step, x.clone(), (), options).0
    };
    let positive = checkpoint(jit(move |x: Array| power(x.clone()) * sin(x)));
    cond(x.gt(0.0), &*positive, |x: Array| (x * 2.0).exp(), x.clone())
}

/// The `n`th derivative of `x^4 sin x` by Leibniz.
fn expected(n: usize, x: f64) -> f64 {
    if x <= 0.0 {
        return 2f64.powi(n as i32) * (2.0 * x).exp();
    }
    let power = |k: usize| match k {
        0 => x.powi(4),
        1 => 4.0 * x.powi(3),
        2 => 12.0 * x.powi(2),
        _ => 24.0 * x,
    };
    let sine = |k: usize| match k % 4 {
        0 => x.sin(),
        1 => x.cos(),
        2 => -x.sin(),
        _ => -x.cos(),
    };
    let choose =
        [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [1.0, 2.0, 1.0, 0.0], [1.0, 3.0, 3.0, 1.0]];
    (0..=n).map(|k| choose[n][k] * power(k) * sine(n - k)).sum()
}

fn check(n: usize, points: &[f64], got: &Array) {
    for (x, y) in points.iter().zip(got.to_vec::<f64>()) {
        let e = expected(n, *x);
        assert!((y - e).abs() <= 1e-10 * e.abs().max(1.0), "derivative {n} at {x}: {y}, not {e}");
    }
}

#[test]
fn third_derivatives_through_everything() {
    let points = [0.3, 1.7, -0.4, 2.2];
    let x = || Array::from(points.as_slice());
    check(0, &points, &vmap(tower)(x()));
    check(1, &points, &vmap(grad(tower))(x()));
    check(2, &points, &jit(vmap(grad(grad(tower))))(x()));
    check(3, &points, &jit(vmap(grad(jit(grad(checkpoint(grad(tower)))))))(x()));
    // Forward over reverse over forward.
    let forward = |x: Array| jvp(tower, (x,), (Array::scalar(1f64),)).1;
    let mixed = |x: Array| jvp(grad(forward), (x,), (Array::scalar(1f64),)).1;
    check(3, &points, &jit(vmap(mixed))(x()));
}

#[test]
fn one_point_at_a_time_without_jit() {
    for x in [0.9, -1.1] {
        check(1, &[x], &grad(tower)(Array::scalar(x)).reshape([1]));
        check(2, &[x], &grad(grad(tower))(Array::scalar(x)).reshape([1]));
        check(3, &[x], &grad(grad(grad(tower)))(Array::scalar(x)).reshape([1]));
    }
}

#[test]
fn a_gradient_grows_linearly_in_the_depth_of_calls() {
    fn nested(depth: usize) -> Func<'static, (Own<Array>,), Array> {
        let mut f = jit(|x: Array| x.sin());
        for _ in 0..depth {
            let inner = f.clone();
            f = jit(move |x: Array| inner(x.cos()));
        }
        f
    }
    let size = |depth| make_jaxpr(grad(nested(depth)))(Array::scalar(0.5f32)).jaxpr.total_eqns();
    let sizes: Vec<usize> = (1..8).map(size).collect();
    let steps: Vec<usize> = sizes.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(steps[1..].iter().all(|s| *s == steps[1]), "{sizes:?}");
}
