//! Derivatives to the third order through everything at once, against closed forms; and how big
//! gradients get.

use cotangent::prelude::*;

fn f64s(x: &[f64]) -> Array {
    Array::from_vec(x.to_vec())
}

/// exp with its derivative given as itself.
fn custom_exp() -> Func<'static, (Own<Array>,), Array> {
    custom_jvp(
        |x: Array| x.exp(),
        |(x,): (Array,), (dx,): (Array,)| {
            let y = custom_exp()(x);
            (y.clone(), dx * y)
        },
    )
}

/// `x^3` by a loop whose step is checkpointed, then `exp` of it where `x` is positive, else itself.
fn everything(x: Array) -> Array {
    let times = checkpoint(|c: Array, x: Array| c * x);
    let options = ScanOptions { length: Some(3), ..Default::default() };
    let cube = scan_with(|c: Array, ()| (times(c, x.clone()), ()), ones_like(&x), (), options).0;
    cond(x.gt(0.0), |c| custom_exp()(c), |c| c, cube)
}

/// Value and three derivatives of [`everything`].
fn closed_form(x: f64) -> [f64; 4] {
    let (x2, x3) = (x * x, x * x * x);
    if x <= 0.0 {
        return [x3, 3.0 * x2, 6.0 * x, 6.0];
    }
    let e = x3.exp();
    let third = 27.0 * x3 * x3 + 54.0 * x3 + 6.0;
    [e, 3.0 * x2 * e, (9.0 * x2 * x2 + 6.0 * x) * e, third * e]
}

const POINTS: [f64; 6] = [-0.8, -0.3, 0.2, 0.5, 0.9, 1.3];

#[track_caller]
fn agrees(order: usize, got: &[f64]) {
    for (x, got) in POINTS.iter().zip(got) {
        let expected = closed_form(*x)[order];
        let error = (got - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-10, "order {order} at {x}: {got} instead of {expected}");
    }
}

#[test]
fn third_derivatives_through_everything() {
    let first = || grad(jit(everything));
    let second = || grad(first());
    let third = || grad(second());
    let points = f64s(&POINTS);
    let one_by_one = |f: &dyn Fn(Array) -> Array| -> Vec<f64> {
        POINTS.iter().map(|x| f(Array::scalar(*x)).item::<f64>()).collect()
    };
    agrees(0, &vmap(everything)(points.clone()).to_vec::<f64>());
    agrees(1, &jit(vmap(first()))(points.clone()).to_vec::<f64>());
    agrees(2, &jit(vmap(second()))(points.clone()).to_vec::<f64>());
    agrees(3, &jit(vmap(third()))(points.clone()).to_vec::<f64>());
    agrees(3, &vmap(jit(third()))(points).to_vec::<f64>());
    let (eager, jitted) = (third(), jit(third()));
    agrees(3, &one_by_one(&|x| eager(x)));
    agrees(3, &one_by_one(&|x| jitted(x)));
}

/// Forward over forward over reverse, and the other ways round.
#[test]
fn modes_mix() {
    let along = |f: Func<'static, (Own<Array>,), Array>| {
        move |x: Array| jvp(f.clone(), (x.clone(),), (ones_like(&x),)).1
    };
    let by_forward = jit(along(jit(along(jit(along(jit(everything)))))));
    let mixed = jit(along(grad(jit(along(jit(everything))))));
    for x in POINTS {
        let expected = closed_form(x)[3];
        for f in [&by_forward, &mixed] {
            let got = f(Array::scalar(x)).item::<f64>();
            assert!((got - expected).abs() < 1e-10 * expected.abs().max(1.0), "{got} {expected}");
        }
    }
    let points = f64s(&POINTS);
    let diagonal = |f: Func<'static, (Own<Array>,), Array>| {
        jacfwd(jacrev(move |x: Array| vmap(f.clone())(x).sum()))(points.clone())
    };
    let h = diagonal(jit(everything)).to_vec::<f64>();
    let n = POINTS.len();
    agrees(2, &(0..n).map(|i| h[i * n + i]).collect::<Vec<_>>());
    assert!((0..n * n).all(|i| i % (n + 1) == 0 || h[i] == 0.0));
}

/// `f_d(x) = sin(f_{d-1}(x)) * x` with every level jitted.
fn nested(depth: usize) -> Func<'static, (Own<Array>,), Array> {
    if depth == 0 {
        return jit(|x: Array| x);
    }
    let inner = nested(depth - 1);
    jit(move |x: Array| inner(x.clone()).sin() * x)
}

#[test]
fn gradients_grow_linearly_in_nesting_depth() {
    let size = |d| make_jaxpr(grad(nested(d)))(Array::scalar(0.5f64)).jaxpr.total_eqns();
    let sizes: Vec<usize> = [4, 8, 12, 16].map(size).to_vec();
    let growth: Vec<usize> = sizes.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(growth.iter().all(|g| *g == growth[0]), "{sizes:?}");
    assert!(growth[0] <= 4 * 12, "{sizes:?}");
}

#[test]
fn gradients_of_loops_do_not_grow_with_their_length() {
    let gradient = |n: usize| {
        let options = ScanOptions { length: Some(n), ..Default::default() };
        let run = move |x: Array| scan_with(|c: Array, ()| (c.sin() * 1.01, ()), x, (), options).0;
        make_jaxpr(grad(run))(Array::scalar(0.5f64)).to_string()
    };
    let (short, long) = (gradient(1_000), gradient(1_000_000));
    assert_eq!(short, long.replace("1000000", "1000"));
    // One residual per step: the cosine. The forward loop gives it, the backward loop reads it.
    assert_eq!(short.matches("f64[1000]").count(), 1, "{short}");
}

#[test]
fn a_checkpointed_step_keeps_its_carry_alone() {
    let step = |c: Array| (c.sin() + c.cos() * 0.5).tanh() * 1.01;
    let options = ScanOptions { length: Some(50), ..Default::default() };
    let residuals = |text: String| text.lines().filter(|l| l.contains("f64[50]")).count();
    let plain = move |x: Array| scan_with(|c: Array, ()| (step(c), ()), x, (), options).0;
    let kept = checkpoint(step);
    let less = move |x: Array| scan_with(|c: Array, ()| (kept(c), ()), x, (), options).0;
    let x = Array::scalar(0.5f64);
    let text = make_jaxpr(grad(less.clone()))(x.clone()).to_string();
    assert_eq!(text.matches("f64[50]").count(), 1, "{text}");
    assert!(residuals(make_jaxpr(grad(plain))(x.clone()).to_string()) >= 1);
    let (a, b) = (grad(plain)(x.clone()).item::<f64>(), grad(less)(x).item::<f64>());
    assert!((a - b).abs() < 1e-14 * a.abs().max(1.0), "{a} {b}");
}

#[test]
fn reverse_rules_hold_under_vmap_and_jit() {
    // The rule is wrong on purpose, so that it shows where it is used.
    let f = custom_vjp(
        |x: Array| x.sin(),
        |(x,): (Array,)| (x.sin(), x),
        |x: Array, ct: Array| (ct * x.cos() * 10.0,),
    );
    let x = f64s(&[0.1, 0.2, 0.3]);
    let expected: Vec<f64> = [0.1f64, 0.2, 0.3].map(|x| 10.0 * x.cos()).to_vec();
    let close = |got: Vec<f64>| got.iter().zip(&expected).all(|(g, e)| (g - e).abs() < 1e-12);
    assert!(close(jit(vmap(grad(f.clone())))(x.clone()).to_vec::<f64>()));
    let g = f.clone();
    assert!(close(grad(move |x: Array| vmap(g.clone())(x).sum())(x.clone()).to_vec::<f64>()));
    let through_scan =
        move |x: Array| scan(|c: Array, x: Array| (c + f(x), ()), Array::scalar(0.0f64), x).0;
    assert!(close(jit(grad(through_scan))(x).to_vec::<f64>()));
}

/// `ln (1 + eˣ)`: its second derivative at 0 is a quarter, though it is made of pieces that meet
/// there.
#[test]
fn softplus_is_smooth() {
    let f = |x: Array| cotangent::nn::softplus(&x);
    let third = grad(grad(grad(f)));
    for x in [-800.0, -3.0, -0.0, 0.0, 1e-9, 2.0, 800.0f64] {
        let s = 1.0 / (1.0 + (-x).exp());
        let at = Array::scalar(x);
        let got = [
            f(at.clone()).item::<f64>(),
            grad(f)(at.clone()).item::<f64>(),
            grad(grad(f))(at.clone()).item::<f64>(),
            third(at).item::<f64>(),
        ];
        let t = s * (1.0 - s);
        let value = x.max(0.0) + (-x.abs()).exp().ln_1p();
        for (g, e) in got.iter().zip([value, s, t, t * (1.0 - 2.0 * s)]) {
            assert!((g - e).abs() <= 1e-15 * (1.0 + e.abs()), "at {x}: {got:?}");
        }
    }
    let ends = f(f64s(&[f64::NEG_INFINITY, f64::INFINITY, f64::NAN])).to_vec::<f64>();
    assert!(ends[0] == 0.0 && ends[1] == f64::INFINITY && ends[2].is_nan());
}
