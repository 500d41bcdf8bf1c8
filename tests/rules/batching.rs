//! Custom batching rules: when they are asked, and that derivatives keep them.

use cotangent::prelude::*;

type F = Func<'static, (Own<Array>, Own<Array>), Array>;

/// `x^2 y`, by a rule that is ten times too large, so that it shows where it was used.
fn marked() -> F {
    custom_vmap(
        |x: Array, y: Array| &x * &x * y,
        |size, batched, (x, y)| {
            assert_eq!(size, 3);
            let y = if batched.argument(1) { y } else { y.broadcast_to([size]) };
            let x = if batched.argument(0) { x } else { x.broadcast_to([size]) };
            (&x * &x * y * 10.0, true)
        },
    )
}

fn xs() -> Array {
    array![1.0f64, 2.0, 3.0]
}

fn two() -> Array {
    Array::scalar(2.0f64)
}

#[test]
fn the_rule_is_asked_for_batches_only() {
    let f = marked();
    assert_eq!(f(two(), two()).item::<f64>(), 8.0);
    assert_eq!(jit(f.clone())(two(), two()).item::<f64>(), 8.0);
    assert_eq!(grad(f.clone())(two(), two()).item::<f64>(), 8.0);
    assert_eq!(vmap(f.clone())(xs(), xs()).to_vec::<f64>(), [10.0, 80.0, 270.0]);
    assert_eq!(
        jit(vmap_axes(f.clone(), (0, None)))(xs(), two()).to_vec::<f64>(),
        [20.0, 80.0, 180.0]
    );
    // Two batches: the inner one by the rule, which is batched itself.
    let inner = f.clone();
    let outer =
        vmap_axes(move |x: Array, ys: Array| vmap_axes(inner.clone(), (None, 0))(x, ys), (0, None));
    let rows = outer(array![1.0f64, 2.0], xs());
    assert_eq!(rows.to_vec::<f64>(), [10.0, 20.0, 30.0, 40.0, 80.0, 120.0]);
}

#[test]
fn derivatives_keep_the_rule() {
    let expected = [20.0, 80.0, 180.0];
    let f = marked();
    // d/dx x^2 y at x = y, by ten.
    assert_eq!(vmap(grad(f.clone()))(xs(), xs()).to_vec::<f64>(), expected);
    assert_eq!(jit(vmap(grad(f.clone())))(xs(), xs()).to_vec::<f64>(), expected);
    let g = f.clone();
    let total = move |x: Array, y: Array| vmap(g.clone())(x, y).sum();
    assert_eq!(jit(grad(total))(xs(), xs()).to_vec::<f64>(), expected);
    assert_eq!(
        vmap_axes(grad(f.clone()), (0, None))(xs(), two()).to_vec::<f64>(),
        [40.0, 80.0, 120.0]
    );
    let second = grad(grad(f.clone()));
    assert_eq!(jit(vmap(second))(xs(), xs()).to_vec::<f64>(), [20.0, 40.0, 60.0]);
    assert_eq!(
        vmap(grad_wrt(grad(f.clone()), Arg::<1>))(xs(), xs()).to_vec::<f64>(),
        [20.0, 40.0, 60.0]
    );
    let along = move |x: Array, y: Array| jvp(f.clone(), (x, y.clone()), (y.clone(), y)).1;
    // (2 x y dx + x^2 dy) at dx = dy = y = x, by ten.
    assert_eq!(vmap(along)(xs(), xs()).to_vec::<f64>(), [30.0, 240.0, 810.0]);
}

#[test]
fn captured_values() {
    let outer = |a: Array| {
        let b = a.clone();
        let f = custom_vmap(move |x: Array| x * &a, move |_, _, (x,)| (x * &b * 10.0, true));
        vmap(f)(xs())
    };
    assert_eq!(jit(outer)(two()).to_vec::<f64>(), [20.0, 40.0, 60.0]);
    // The inner batch is by the rule, of which the outer one is a batch.
    assert_eq!(
        vmap(outer)(array![1.0f64, 2.0]).to_vec::<f64>(),
        [10.0, 20.0, 30.0, 20.0, 40.0, 60.0]
    );
    // A batched captured value: the rule does not speak of it.
    let inner = |a: Array| custom_vmap(move |x: Array| x * &a, |_, _, (x,)| (x, true))(two());
    assert_eq!(vmap(inner)(xs()).to_vec::<f64>(), [2.0, 4.0, 6.0]);
}

#[test]
fn one_after_the_other() {
    let f = sequential_vmap(|x: Array, y: Array| (x.sin() * &y, y));
    let rows = vmap_axes(f.clone(), (0, None));
    let text = make_jaxpr(rows.clone())(xs(), two()).to_string();
    assert!(text.contains("scan") && !text.contains("f64[3] = sin"), "{text}");
    let (a, b) = rows(xs(), two());
    let sines: Vec<f64> = [1f64, 2.0, 3.0].map(|x| x.sin() * 2.0).to_vec();
    assert_eq!((a.to_vec::<f64>(), b.to_vec::<f64>()), (sines, vec![2.0; 3]));
    let first = move |x: Array, y: Array| f(x, y).0;
    let expected: Vec<f64> = [1f64, 2.0, 3.0].map(|x| -x.sin() * 2.0).to_vec();
    let second = jit(vmap_axes(grad(grad(first)), (0, None)))(xs(), two()).to_vec::<f64>();
    assert!(second.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-15), "{second:?}");
}

#[test]
fn what_is_wrong_with_a_rule_is_told() {
    let f = custom_vmap(|x: Array| x, |_, _, (x,)| (x.sum(), true));
    let error = vmap(f).try_call((xs(),)).unwrap_err().to_string();
    let text = "custom_vmap of closure: the rule should give f64[3] as array 0, got f64[]";
    assert!(error.contains(text), "{error}");
    let f = custom_vmap(|x: Array| x, |_, _, (x,)| (x, vec![true, false]));
    let error = vmap(f).try_call((xs(),)).unwrap_err().to_string();
    assert!(error.contains("the rule should say whether each of 1 result is batched, got 2"));
}
