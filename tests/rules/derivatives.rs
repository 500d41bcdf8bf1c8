//! Custom derivatives: all forms of rules through all control flow to the third order; which rule
//! is used in which mode; zeros that rules see.

use cotangent::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

type F = Func<'static, (Own<Array>,), Array>;

/// `sin` with a rule in each of the forms.
fn sines() -> Vec<(&'static str, F)> {
    let twice = |t: Tangents<Array>, x: &Array| t.leaves()[0].clone().map(|t| t * x.cos());
    vec![
        ("custom_jvp", custom_jvp(|x: Array| x.sin(), |(x,), (dx,)| (x.sin(), dx * x.cos()))),
        (
            "custom_jvp_symbolic",
            custom_jvp_symbolic(
                |x: Array| x.sin(),
                |(x,), t: Tangents<(Array,)>| {
                    let y = x.sin();
                    let dy = t.child(0)[0].clone().map(|dx| dx * x.cos());
                    let t = Tangents::of_leaves(&y, [dy]);
                    (y, t)
                },
            ),
        ),
        (
            "custom_jvps",
            custom_jvps(|x: Array| x.sin(), (|dx: Array, _: Array, (x,): (Array,)| dx * x.cos(),)),
        ),
        (
            "custom_vjp",
            custom_vjp(
                |x: Array| x.sin(),
                |(x,): (Array,)| (x.sin(), x),
                |x: Array, ct: Array| (ct * x.cos(),),
            ),
        ),
        (
            "custom_vjp_symbolic",
            custom_vjp_symbolic(
                |x: Array| x.sin(),
                |(x,): (Array,), _| (x.sin(), x),
                move |x: Array, ct: Tangents<Array>| {
                    Tangents::of_leaves(&(x.clone(),), [twice(ct, &x)])
                },
            ),
        ),
        (
            "custom_gradient",
            custom_gradient(|x: Array| {
                let cos = x.cos();
                (x.sin(), move |ct: Array| (ct * &cos,))
            }),
        ),
        (
            "custom_derivatives",
            custom_derivatives(
                |x: Array| x.sin(),
                |(x,), (dx,)| (x.sin(), dx * x.cos()),
                |(x,): (Array,)| (x.sin(), x),
                |x: Array, ct: Array| (ct * x.cos(),),
            ),
        ),
    ]
}

/// A function in the middle of some control flow.
type Around = fn(F) -> F;

fn arounds() -> Vec<(&'static str, Around)> {
    vec![
        ("jit", |f| jit(move |x: Array| f(x))),
        ("checkpoint", |f| checkpoint(move |x: Array| f(x))),
        ("checkpoint of everything", |f| {
            checkpoint_with(move |x: Array| f(x), Policy::everything())
        }),
        ("cond", |f| {
            jit(move |x: Array| {
                let positive = x.gt(0.0);
                cond(&positive, |x: Array| f(x), |x: Array| -f(-x), x.clone())
            })
        }),
        ("switch", |f| {
            jit(move |x: Array| {
                let branches = [f.clone(), jit(|x: Array| x)];
                let branches = branches.map(|f| move |x: Array| f(x));
                switch(Array::from(0), &branches, x)
            })
        }),
        ("scan", |f| {
            jit(move |x: Array| {
                let xs = stack(&[&x * 0.0, x.clone()], 0);
                let step = |c: Array, x: Array| (c + f(x.clone()), f(x));
                let (c, ys) = scan(step, &x * 0.0, xs);
                (c + ys.index(s![1])) * 0.5
            })
        }),
        ("fori_loop", |f| {
            jit(move |x: Array| {
                let one = x.clone();
                fori_loop(0..3, |_, c: Array| f(one.clone()) + c * 0.0, x)
            })
        }),
        ("bounded while", |f| {
            jit(move |x: Array| {
                let (start, one) = ((x.clone(), Array::from(0)), x.clone());
                let more = |(_, i): (Array, Array)| i.lt(2);
                let body = |(c, i): (Array, Array)| (f(one.clone()) + c * 0.0, i + 1);
                while_loop_bounded(3, more, body, start).0
            })
        }),
        ("vmap", |f| {
            jit(move |x: Array| {
                let rows = stack(&[x.clone(), &x * 2.0], 0);
                let f = f.clone();
                vmap(move |x: Array| f(x))(rows).index(s![0])
            })
        }),
    ]
}

/// `f(x) = exp(sin x)` and its first three derivatives.
fn expected(x: f64) -> [f64; 4] {
    let (s, c, e) = (x.sin(), x.cos(), x.sin().exp());
    [e, e * c, e * (c * c - s), e * (c * c * c - 3.0 * s * c - c)]
}

#[track_caller]
fn near(what: &str, got: f64, expected: f64) {
    let close = (got - expected).abs() < 1e-11 * (1.0 + expected.abs());
    assert!(close, "{what}: {got} instead of {expected}");
}

#[test]
fn every_form_through_everything_to_the_third_order() {
    let x = 0.6f64;
    let e = expected(x);
    for (form, sin) in sines() {
        for (around, make) in arounds() {
            let what = format!("{form} in {around}");
            let inner = make(sin.clone());
            let f: F = jit(move |x: Array| inner(x).exp());
            near(&what, f(Array::scalar(x)).item::<f64>(), e[0]);
            let d1 = grad(f.clone());
            let d2 = grad(d1.clone());
            let d3 = grad(d2.clone());
            near(&what, d1(Array::scalar(x)).item::<f64>(), e[1]);
            near(&what, d2(Array::scalar(x)).item::<f64>(), e[2]);
            near(&what, d3(Array::scalar(x)).item::<f64>(), e[3]);
            let batch = jit(vmap(d3))(array![0.6f64, 0.6]).to_vec::<f64>();
            near(&what, batch[1], e[3]);
            // Forward modes, where there is one.
            if !["custom_vjp", "custom_vjp_symbolic", "custom_gradient"].contains(&form) {
                let along = |f: F| move |x: Array| jvp(f.clone(), (x,), (Array::scalar(1f64),)).1;
                near(&what, along(f.clone())(Array::scalar(x)).item::<f64>(), e[1]);
                near(&what, along(d1.clone())(Array::scalar(x)).item::<f64>(), e[2]);
                near(&what, grad(along(f.clone()))(Array::scalar(x)).item::<f64>(), e[2]);
                let twice = jit(along(jit(along(f))));
                near(&what, twice(Array::scalar(x)).item::<f64>(), e[2]);
            }
        }
    }
}

/// The rules are wrong on purpose, so that it shows which was used.
#[test]
fn each_mode_uses_its_rule() {
    let f = custom_derivatives(
        |x: Array| x.sin(),
        |(x,), (dx,)| (x.sin(), dx * 10.0),
        |(x,): (Array,)| (x.sin(), ()),
        |(), ct: Array| (ct * 20.0,),
    );
    let x = || Array::scalar(0.5f64);
    let one = || Array::scalar(1.0f64);
    assert_eq!(jvp(f.clone(), (x(),), (one(),)).1.item::<f64>(), 10.0);
    assert_eq!(grad(f.clone())(x()).item::<f64>(), 20.0);
    assert_eq!(jit(vmap(grad(f.clone())))(array![0.5f64, 0.6]).to_vec::<f64>(), [20.0, 20.0]);
    let along = f.clone();
    let along = vmap(move |x: Array| jvp(along.clone(), (x,), (Array::scalar(1.0f64),)).1);
    assert_eq!(along(array![0.5f64, 0.6]).to_vec::<f64>(), [10.0, 10.0]);
    let (_, linear) = linearize(f.clone(), (x(),));
    assert_eq!(linear(one()).item::<f64>(), 10.0);
    let stepped = move |x: Array| scan(|c: Array, x: Array| (c + f(x), ()), &x.sum() * 0.0, x).0;
    let xs = || array![0.1f64, 0.2];
    assert_eq!(grad(stepped.clone())(xs()).to_vec::<f64>(), [20.0, 20.0]);
    assert_eq!(jvp(stepped, (xs(),), (array![1.0f64, 1.0],)).1.item::<f64>(), 20.0);
}

#[test]
fn arguments_that_are_nondifferentiable() {
    let scaled = Custom::new().nondiff([1]).jvp(
        |x: Array, n: Array| x * n,
        // The tangent of what is not differentiated is zeros.
        |(x, n): (Array, Array), (dx, dn): (Array, Array)| (x * &n, dx * &n + dn * 1e9),
    );
    let (x, n) = (Array::scalar(2.0f64), Array::scalar(3.0f64));
    assert_eq!(grad(scaled.clone())(x.clone(), n.clone()).item::<f64>(), 3.0);
    let error = grad_wrt(scaled.clone(), Arg::<1>).try_call((x.clone(), n.clone())).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("custom_jvp of closure: differentiated in argument 1 (f64[]), which is"));
    assert!(text.contains("tests/rules/derivatives.rs"), "{text}");
    let stopped = move |x: Array, n: Array| scaled(x, cotangent::lax::stop_gradient(&n));
    let both = grad_wrt(stopped, (Arg::<0>, Arg::<1>))(x.clone(), n.clone());
    assert_eq!((both.0.item::<f64>(), both.1.item::<f64>()), (3.0, 0.0));

    let reverse = Custom::new().nondiff([0]).vjp(
        |n: Array, x: Array| x * n,
        |(n, x): (Array, Array)| (x * &n, n),
        // What is given for it is not looked at.
        |n: Array, ct: Array| (&n * 1e9, ct * n),
    );
    assert_eq!(grad_wrt(reverse.clone(), Arg::<1>)(n.clone(), x.clone()).item::<f64>(), 3.0);
    let error = grad(reverse).try_call((n, x)).unwrap_err().to_string();
    assert!(
        error.contains("custom_vjp of closure: differentiated in argument 0 (f64[])"),
        "{error}"
    );

    // Static values are arguments like others.
    let power = custom_jvp(
        |x: Array, n: Static<i32>| x.powi(n.0),
        |(x, n), (dx, _)| (x.powi(n.0), dx * f64::from(n.0) * x.powi(n.0 - 1)),
    );
    let power = move |x: Array| power(x, Static(3));
    assert_eq!(grad(grad(power))(Array::scalar(2.0f64)).item::<f64>(), 12.0);
    let error = Custom::new().nondiff([2]).jvp(|x: Array| x, |(x,), (t,)| (x, t));
    let error = error.try_call((Array::scalar(0.0f32),)).unwrap_err().to_string();
    assert!(error.contains("argument 2 is declared nondifferentiable, but there are only 1"));
}

#[test]
fn rules_see_zeros() {
    static WORK: AtomicUsize = AtomicUsize::new(0);
    let product = custom_jvp_symbolic(
        |x: Array, y: Array| x * y,
        |(x, y): (Array, Array), t: Tangents<(Array, Array)>| {
            let value = &x * &y;
            WORK.fetch_add(t.leaves().iter().flatten().count(), Ordering::Relaxed);
            let parts = [(0, &y), (1, &x)];
            let parts = parts.into_iter().filter_map(|(i, z)| Some(t.child(i)[0].clone()? * z));
            let sum = parts.reduce(|a, b| a + b);
            let t = Tangents::of_leaves(&value, [sum]);
            (value, t)
        },
    );
    let (x, y) = (Array::scalar(2.0f64), Array::scalar(3.0f64));
    assert_eq!(grad(product.clone())(x.clone(), y.clone()).item::<f64>(), 3.0);
    assert_eq!(WORK.swap(0, Ordering::Relaxed), 1);
    let both = grad_wrt(product.clone(), (Arg::<0>, Arg::<1>))(x.clone(), y.clone());
    assert_eq!((both.0.item::<f64>(), both.1.item::<f64>()), (3.0, 2.0));
    assert_eq!(WORK.swap(0, Ordering::Relaxed), 2);
    let batch = vmap_axes(grad(product), (0, None))(array![2.0f64, 4.0], y.clone());
    assert_eq!(batch.to_vec::<f64>(), [3.0, 3.0]);
    assert_eq!(WORK.load(Ordering::Relaxed), 1);

    // Of two results one is asked for; of two arguments one is differentiated.
    let f = custom_vjp_symbolic(
        |x: Array, y: Array| (x.sin(), y.exp()),
        |(x, y): (Array, Array), p: Perturbed| {
            let res = (p.argument(0).then(|| x.clone()), p.argument(1).then(|| y.clone()));
            ((x.sin(), y.exp()), res)
        },
        |(x, y): (Option<Array>, Option<Array>), ct: Tangents<(Array, Array)>| {
            let dx = x.and_then(|x| Some(ct.child(0)[0].clone()? * x.cos()));
            let dy = y.and_then(|y| Some(ct.child(1)[0].clone()? * y.exp()));
            let like = (Array::scalar(0.0f64), Array::scalar(0.0f64));
            Tangents::of_leaves(&like, [dx, dy])
        },
    );
    let first = {
        let f = f.clone();
        move |x: Array, y: Array| f(x, y).0
    };
    let text = make_jaxpr(grad(first.clone()))(x.clone(), y.clone()).to_string();
    assert_eq!(text, "{ lambda ; a:f64[] b:f64[]. let c:f64[] = cos a in (c,) }");
    assert_eq!(grad(first)(x.clone(), y.clone()).item::<f64>(), 2f64.cos());
    let sum = move |x: Array, y: Array| {
        let (a, b) = f(x, y);
        a + b
    };
    // The same function with other zeros: residuals of another structure.
    let both = grad_wrt(sum.clone(), (Arg::<0>, Arg::<1>))(x.clone(), y.clone());
    let second = grad_wrt(sum.clone(), Arg::<1>)(x.clone(), y.clone()).item::<f64>();
    assert_eq!((both.0.item::<f64>(), both.1.item::<f64>()), (2f64.cos(), 3f64.exp()));
    assert_eq!(second, 3f64.exp());
    let rows = vmap_axes(grad_wrt(sum, Arg::<1>), (None, 0))(x, array![3.0f64, 0.0]);
    assert_eq!(rows.to_vec::<f64>(), [3f64.exp(), 1.0]);
}

#[test]
fn one_rule_per_argument() {
    let f = custom_jvps(
        |x: Array, y: Array, z: Array| x.sin() * y + z,
        (
            |dx: Array, _: Array, (x, y, _): (Array, Array, Array)| dx * x.cos() * y,
            NoRule,
            |dz: Array, value: Array, _: (Array, Array, Array)| dz + value * 0.0,
        ),
    );
    let arguments = || (Array::scalar(0.3f64), Array::scalar(2.0f64), Array::scalar(1.0f64));
    let (x, y, z) = arguments();
    let (dx, dy, dz) = grad_wrt(f.clone(), (Arg::<0>, Arg::<1>, Arg::<2>))(x, y, z);
    near("x", dx.item::<f64>(), 2.0 * 0.3f64.cos());
    assert_eq!((dy.item::<f64>(), dz.item::<f64>()), (0.0, 1.0));
    let (x, y, z) = arguments();
    near("xx", grad(grad(f))(x, y, z).item::<f64>(), -2.0 * 0.3f64.sin());
}

/// A rule that calls another function with a rule, which calls the first.
#[test]
fn rules_in_rules() {
    fn sin() -> F {
        custom_jvp(|x: Array| x.sin(), |(x,), (dx,)| (sin()(x.clone()), dx * cos()(x)))
    }
    fn cos() -> F {
        custom_vjp(
            |x: Array| x.cos(),
            |(x,): (Array,)| (cos()(x.clone()), x),
            |x: Array, ct: Array| (-ct * sin()(x),),
        )
    }
    let third = grad(grad(grad(|x: Array| sin()(x))));
    near("third", third(Array::scalar(0.4f64)).item::<f64>(), -0.4f64.cos());
    near("jitted", jit(vmap(third))(array![0.4f64]).to_vec::<f64>()[0], -0.4f64.cos());
}
