//! Functions and rules that close over values of the trace around them.

use cotangent::prelude::*;

fn scalar(x: f64) -> Array {
    Array::scalar(x)
}

/// `x -> sin(a x)` with rules that close over `a`.
fn forward(a: &Array) -> Func<'static, (Own<Array>,), Array> {
    let (b, c) = (a.clone(), a.clone());
    custom_jvp(
        move |x: Array| (x * &b).sin(),
        move |(x,): (Array,), (dx,): (Array,)| ((&x * &c).sin(), dx * (x * &c).cos() * &c),
    )
}

fn reverse(a: &Array) -> Func<'static, (Own<Array>,), Array> {
    let (b, c, d) = (a.clone(), a.clone(), a.clone());
    custom_vjp(
        move |x: Array| (x * &b).sin(),
        move |(x,): (Array,)| ((&x * &c).sin(), x),
        move |x: Array, ct: Array| (ct * (x * &d).cos() * &d,),
    )
}

/// `x -> sin(a x)`, a returned closure being the rule.
fn gradient(a: &Array) -> Func<'static, (Own<Array>,), Array> {
    let a = a.clone();
    custom_gradient(move |x: Array| {
        let (cos, a) = ((&x * &a).cos(), a.clone());
        ((x * &a).sin(), move |ct: Array| (ct * &cos * &a,))
    })
}

/// Rules close over a value, the function over nothing.
fn rules_only(a: &Array) -> Func<'static, (Own<Array>,), Array> {
    let a = a.clone();
    custom_jvp(
        |x: Array| x.sin(),
        move |(x,): (Array,), (dx,): (Array,)| (x.sin(), dx * x.cos() * &a),
    )
}

type Maker = fn(&Array) -> Func<'static, (Own<Array>,), Array>;

const MAKERS: [(&str, Maker); 3] =
    [("custom_jvp", forward), ("custom_vjp", reverse), ("custom_gradient", gradient)];

/// In `x`, `a` being a tracer of the trace around; then the result in `a`.
#[test]
fn derivatives_in_the_argument_know_the_captured_value() {
    let (a, x) = (0.7f64, 0.4f64);
    let (s, c) = ((a * x).sin(), (a * x).cos());
    for (name, make) in MAKERS {
        let slope = move |a: Array| grad(make(&a))(scalar(0.4));
        let check = |what: &str, got: f64, expected: f64| {
            assert!((got - expected).abs() < 1e-13, "{name}, {what}: {got}, not {expected}");
        };
        check("slope", slope(scalar(a)).item::<f64>(), a * c);
        check("jitted", jit(slope)(scalar(a)).item::<f64>(), a * c);
        check("slope in a", grad(slope)(scalar(a)).item::<f64>(), c - a * x * s);
        check("jitted", jit(grad(slope))(scalar(a)).item::<f64>(), c - a * x * s);
        let rows = jit(vmap(grad(slope)))(array![0.7f64, 0.2]).to_vec::<f64>();
        check("batched", rows[0], c - a * x * s);
        let second = move |a: Array| grad(grad(make(&a)))(scalar(0.4));
        check("curvature", second(scalar(a)).item::<f64>(), -a * a * s);
        let third = -2.0 * a * s - a * a * x * c;
        check("curvature in a", jit(grad(second))(scalar(a)).item::<f64>(), third);
        // Through a loop, a branch and a checkpoint, each a trace of its own.
        let nested = move |a: Array| {
            let f = make(&a);
            let inside = checkpoint(move |x: Array| {
                let step = |c: Array, x: Array| {
                    let y = cond(x.gt(0.0), |x: Array| f(x), |x: Array| x, x.clone());
                    (c + y, ())
                };
                scan(step, &x.sum() * 0.0, x).0
            });
            grad(inside)(array![0.4f64, 0.4]).index(s![1])
        };
        check("nested", nested(scalar(a)).item::<f64>(), a * c);
        check("nested in a", jit(grad(nested))(scalar(a)).item::<f64>(), c - a * x * s);
    }
}

#[test]
fn rules_alone_may_close_over_values() {
    let (a, x) = (0.7f64, 0.4f64);
    let slope = |a: Array| grad(rules_only(&a))(scalar(0.4));
    assert!((slope(scalar(a)).item::<f64>() - a * x.cos()).abs() < 1e-15);
    assert!((jit(slope)(scalar(a)).item::<f64>() - a * x.cos()).abs() < 1e-15);
    assert!((grad(slope)(scalar(a)).item::<f64>() - x.cos()).abs() < 1e-15);
    // Called in one trace, differentiated in the one around it.
    let outer = |x: Array| {
        let a = x.cos();
        rules_only(&cotangent::lax::stop_gradient(&a))(x)
    };
    assert!((grad(outer)(scalar(x)).item::<f64>() - x.cos() * x.cos()).abs() < 1e-15);
    let rows = jit(vmap(grad(outer)))(array![0.4f64, 1.0]).to_vec::<f64>();
    assert!((rows[1] - 1f64.cos().powi(2)).abs() < 1e-15);
}

/// `x -> exp(a x)`, by a rule that calls the function that it is a rule of; all of them close over
/// `a`, in which the bodies may be differentiated.
fn recursive(a: &Array) -> Func<'static, (Own<Array>,), Array> {
    let (b, c) = (a.clone(), a.clone());
    Custom::new().captured_by_body().jvp(
        move |x: Array| (x * &b).exp(),
        move |(x,): (Array,), (dx,): (Array,)| {
            let y = recursive(&c)(x);
            (y.clone(), dx * y * &c)
        },
    )
}

fn recursive_reverse(a: &Array) -> Func<'static, (Own<Array>,), Array> {
    let (b, c, d) = (a.clone(), a.clone(), a.clone());
    Custom::new().captured_by_body().vjp(
        move |x: Array| (x * &b).exp(),
        move |(x,): (Array,)| {
            let y = recursive_reverse(&c)(x);
            (y.clone(), y)
        },
        move |y: Array, ct: Array| (ct * y * &d,),
    )
}

#[test]
fn rules_that_call_their_functions_may_close_over_values() {
    let (a, x) = (0.7f64, 0.4f64);
    let makers: [Maker; 2] = [recursive, recursive_reverse];
    for make in makers {
        let third = move |a: Array| grad(grad(grad(make(&a))))(scalar(0.4));
        let expected = a.powi(3) * (a * x).exp();
        let in_a = (3.0 * a * a + a.powi(3) * x) * (a * x).exp();
        let near = |got: f64, e: f64| assert!((got - e).abs() < 1e-13, "{got} instead of {e}");
        near(third(scalar(a)).item::<f64>(), expected);
        near(jit(third)(scalar(a)).item::<f64>(), expected);
        near(jit(grad(third))(scalar(a)).item::<f64>(), in_a);
        near(jit(vmap(grad(third)))(array![0.7f64, 0.1]).to_vec::<f64>()[0], in_a);
    }
}

/// The rules say nothing of what the function closes over.
#[test]
fn derivatives_in_captured_values_are_errors_unless_the_body_may_speak() {
    for (name, make) in MAKERS {
        let f = move |a: Array| make(&a)(scalar(0.4));
        let error = grad(f).try_call((scalar(0.7),)).unwrap_err().to_string();
        let op = if name == "custom_gradient" { "custom_vjp" } else { name };
        assert!(error.contains(&format!("{op} of ")), "{error}");
        assert!(
            error.contains("differentiated in a value that the function closes over"),
            "{error}"
        );
        assert!(error.contains("closures.rs"), "{error}");
        // Where nobody differentiates in it, it is no matter.
        let stopped = move |a: Array| make(&cotangent::lax::stop_gradient(&a))(a);
        let expected = 0.7 * (0.7f64 * 0.7).cos();
        assert!((grad(stopped)(scalar(0.7)).item::<f64>() - expected).abs() < 1e-14, "{name}");
    }
    // The rule is wrong on purpose, so that it shows whose word is taken.
    let both = |a: Array| {
        let f = Custom::new().captured_by_body().jvp(
            {
                let a = a.clone();
                move |x: Array| (x * &a).sin()
            },
            |(x,), (dx,)| (x * 0.0, dx * 100.0),
        );
        f(a * 2.0)
    };
    // d/da sin(x a) at x = 2a is x cos(x a); the argument contributes 2 * 100.
    let expected = 1.4 * (1.4f64 * 0.7).cos() + 200.0;
    assert!((grad(both)(scalar(0.7)).item::<f64>() - expected).abs() < 1e-12);
    let reverse = |a: Array| {
        let f = Custom::new().captured_by_body().vjp(
            {
                let a = a.clone();
                move |x: Array| (x * &a).sin()
            },
            |(x,): (Array,)| (x * 0.0, ()),
            |(), ct: Array| (ct * 100.0,),
        );
        f(a * 2.0)
    };
    assert!((grad(reverse)(scalar(0.7)).item::<f64>() - expected).abs() < 1e-12);
    assert!((jit(vmap(grad(reverse)))(array![0.7f64]).to_vec::<f64>()[0] - expected).abs() < 1e-12);
}

#[test]
fn closures_are_converted() {
    let outer = |a: Array| {
        let b = a.clone();
        let (f, captured) = closure_convert(move |x: Array| (x * &b).sin(), (scalar(0.0),));
        assert_eq!(captured.len(), 1);
        let g = grad_wrt(f, Arg::<1>)((a.clone(),), captured);
        g[0].clone()
    };
    // d/db sin(a b) at b = a, and that in a.
    assert!((outer(scalar(0.3)).item::<f64>() - 0.3 * 0.09f64.cos()).abs() < 1e-15);
    let expected = 0.09f64.cos() - 2.0 * 0.09 * 0.09f64.sin();
    assert!((jit(grad(outer))(scalar(0.3)).item::<f64>() - expected).abs() < 1e-15);
    let (f, captured) = closure_convert(|x: Array| x * 2.0, (scalar(0.0),));
    assert!(captured.is_empty());
    let error = f.try_call(((array![1.0f64],), vec![])).unwrap_err();
    let text =
        "closure_convert: leaf of the arguments 0 should be f64[] as in the example, got f64[1]";
    assert_eq!(error.message(), text);
    assert_eq!(f((scalar(3.0),), vec![]).item::<f64>(), 6.0);
}
