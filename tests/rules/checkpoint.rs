//! Policies: what they keep, as lists of residuals and as jaxprs; that derivatives do not change,
//! to the third order.

use cotangent::api::function::Sig;
use cotangent::prelude::*;

fn saved<S: Sig<'static>>(f: Func<'static, S, Array>, args: S::Args) -> Vec<String> {
    let line = |k: SavedResidual| {
        let text = k.to_string();
        text.split(" at ").next().expect("a first part").to_owned()
    };
    saved_residuals(f, args).into_iter().map(line).collect()
}

/// Two layers: a contraction, a sine under a name, a contraction of a batch, an exponential.
fn layers(w: Array, x: Array) -> Array {
    let hidden = checkpoint_name(&x.matmul(&w).sin(), "hidden");
    let square = einsum("bi,bi->b", [&hidden, &hidden]);
    square.exp().sum()
}

fn arguments() -> (Array, Array) {
    let w = Array::from_vec((0..12).map(|i| 0.1 * i as f64 - 0.5).collect::<Vec<f64>>());
    let x = Array::from_vec((0..8).map(|i| 0.3 - 0.05 * i as f64).collect::<Vec<f64>>());
    (w.reshape([4, 3]), x.reshape([2, 4]))
}

fn policies() -> Vec<Policy> {
    vec![
        Policy::nothing(),
        Policy::everything(),
        Policy::dots(),
        Policy::dots_without_batch(),
        Policy::only_names(["hidden"]),
        Policy::any_names_but(["other"]),
        Policy::anything_except_names(["hidden"]),
        Policy::dots_without_batch().or(Policy::only_names(["hidden"])),
        Policy::new("sines", |op| op.prim.name() == "sin"),
    ]
}

#[test]
fn each_policy_keeps_what_it_says() {
    let kept = |p: Policy| saved(checkpoint_with(layers, p), arguments());
    let arguments = ["f64[4,3] argument 0", "f64[2,4] argument 1"];
    let and = |more: &[&'static str]| [&arguments[..], more].concat();
    assert_eq!(kept(Policy::nothing()), arguments);
    let dot = "f64[2,3] output of dot_general";
    let batched = "f64[2] output of dot_general";
    let hidden = "f64[2,3] named hidden";
    assert_eq!(kept(Policy::dots()), and(&[dot, batched]));
    assert_eq!(kept(Policy::dots_without_batch()), and(&[dot]));
    assert_eq!(kept(Policy::only_names(["hidden"])), and(&[hidden]));
    assert_eq!(kept(Policy::any_names_but(["hidden"])), arguments);
    assert_eq!(kept(Policy::any_names_but(["other"])), and(&[hidden]));
    let both = Policy::dots_without_batch().or(Policy::only_names(["hidden"]));
    assert_eq!(kept(both), and(&[dot, hidden]));
    // Everything is what is kept without a checkpoint.
    let sort = |mut v: Vec<String>| {
        v.sort();
        v
    };
    let plain = saved(jit(layers), self::arguments());
    assert_eq!(sort(kept(Policy::everything())), sort(plain));
    // The value itself is not kept under another name either.
    let except = kept(Policy::anything_except_names(["hidden"]));
    assert!(!except.contains(&hidden.to_owned()), "{except:?}");
    assert!(!except.iter().any(|k| k.contains("output of sin")), "{except:?}");
    assert!(except.contains(&dot.to_owned()), "{except:?}");
}

#[test]
fn policies_reach_inside() {
    let named = || Policy::only_names(["hidden"]);
    let hidden = |kept: &[String]| kept.iter().filter(|k| k.contains("named hidden")).count();
    let sine = |x: Array| checkpoint_name(&x.sin(), "hidden");
    let x = || (array![0.1f64, 0.2, 0.3],);
    let inner = jit(move |x: Array| sine(x.clone()).sin() * x);
    let through_jit = saved(checkpoint_with(move |x: Array| inner(x).exp().sum(), named()), x());
    assert_eq!(through_jit, ["f64[3] argument 0", "f64[3] named hidden"]);

    let nested = checkpoint(move |x: Array| sine(x.clone()).sin() * x);
    let through_checkpoint =
        saved(checkpoint_with(move |x: Array| nested(x).exp().sum(), named()), x());
    assert_eq!(hidden(&through_checkpoint), 1, "{through_checkpoint:?}");

    let over_scan = |policy| {
        let steps = move |x: Array| {
            let step = move |c: Array, x: Array| (sine(c) * x, ());
            scan(step, Array::scalar(0.5f64), x).0
        };
        saved(checkpoint_with(steps, policy), x())
    };
    let inputs = ["f64[] captured array 0", "f64[3] argument 0"];
    assert_eq!(over_scan(Policy::nothing()), inputs);
    assert_eq!(over_scan(named()), [&inputs[..], &["f64[3] named hidden"]].concat());

    let in_scan = move |x: Array| {
        let step = checkpoint_with(move |c: Array, x: Array| sine(c).sin() * x, named());
        scan(|c: Array, x: Array| (step(c, x), ()), Array::scalar(0.5f64), x).0
    };
    let kept = saved(jit(in_scan), x());
    // The carry, the argument and the name; each of as many as there are steps.
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert_eq!(hidden(&kept), 1, "{kept:?}");

    let branches = move |x: Array| {
        let on_true = move |x: Array| sine(x.clone()).sin() * x;
        let on_false = move |x: Array| x.exp() * sine(x).exp();
        cond(x.sum().gt(0.0), on_true, on_false, x.clone()).sum()
    };
    // One place for the values of both branches; which of them runs is found out again.
    let kept = saved(checkpoint_with(branches, named()), x());
    assert_eq!(kept, ["f64[3] argument 0", "f64[3] output of cond"]);

    let (w, x) = arguments();
    let rows = vmap_axes(|w: Array, x: Array| x.matmul(&w).sin(), (None, 0));
    let over_vmap = move |w: Array, x: Array| rows(w, x).exp().sum();
    let kept = saved(checkpoint_with(over_vmap, Policy::dots()), (w, x));
    assert!(kept.contains(&"f64[2,3] output of dot_general".to_owned()), "{kept:?}");
}

#[test]
fn a_policy_is_seen_in_the_jaxpr() {
    let f = |x: Array| checkpoint_name(&x.sin(), "a").cos();
    let f = checkpoint_with(f, Policy::only_names(["a"]).or(Policy::dots()));
    let x = Array::scalar(0.5f64);
    let text = make_jaxpr(f.clone())(x.clone()).to_string();
    assert_eq!(
        text,
        "
{ lambda ; a:f64[]. let
    b:f64[] = checkpoint[
      policy=only<a>.or.dots
      jaxpr={ lambda ; a:f64[]. let
          b:f64[] = sin a
          c:f64[] = name[name=a] b
          d:f64[] = cos c
        in (d,) }
    ] a
  in (b,) }"
            .trim()
    );
    // Forwards the name is given beside the value; backwards it is taken.
    let text = make_jaxpr(grad(f))(x).to_string();
    assert_eq!(
        text,
        "
{ lambda ; a:f64[]. let
    b:f64[] = checkpoint[
      policy=only<a>.or.dots
      jaxpr={ lambda ; a:f64[]. let
          b:f64[] = sin a
          c:f64[] = name[name=a] b
        in (c,) }
    ] a
    c:f64[] d:f64[] = optimization_barrier a b
    e:f64[] = call[
      name=recompute
      jaxpr={ lambda ; a:f64[] b:f64[] c:f64[]. let
          d:f64[] = cos a
          e:f64[] = sin b
          f:f64[] = neg e
          g:f64[] = mul c f
          h:f64[] = mul g d
        in (h,) }
    ] c d 1.0:f64[]
  in (e,) }"
            .trim()
    );
}

/// Through jit, vmap, scan and another checkpoint, under every policy: `f(x) = exp(sin(sin x))` to
/// the third order.
#[test]
fn derivatives_do_not_depend_on_the_policy() {
    let x = 0.7f64;
    let (s, c) = (x.sin(), x.cos());
    let (ss, cs) = (s.sin(), s.cos());
    let e = ss.exp();
    // g = sin sin x and its derivatives; f = exp g by Faa di Bruno.
    let g1 = cs * c;
    let g2 = -ss * c * c - cs * s;
    let g3 = -cs * c * c * c + 3.0 * ss * s * c - cs * c;
    let expected = [e * g1, e * (g1 * g1 + g2), e * (g1.powi(3) + 3.0 * g1 * g2 + g3)];
    for policy in policies() {
        let sine = |x: Array| checkpoint_name(&x.sin(), "hidden");
        let twice = {
            let inner = checkpoint_with(sine, policy.clone());
            jit(move |x: Array| fori_loop(0..2, |_, x: Array| inner(x), x))
        };
        let f = checkpoint_with(move |x: Array| twice(x).exp(), policy.clone());
        let first = grad(f.clone());
        let second = grad(first.clone());
        let third = grad(second.clone());
        for (d, expected) in [first, second, third].into_iter().zip(expected) {
            let mixed = jit(vmap(d.clone()))(array![0.7f64, 0.7]).to_vec::<f64>();
            for got in [d(Array::scalar(x)).item::<f64>(), mixed[0], mixed[1]] {
                let close = (got - expected).abs() < 1e-12 * (1.0 + expected.abs());
                assert!(close, "{policy}: {got} instead of {expected}");
            }
        }
        let forward = jvp(f, (Array::scalar(x),), (Array::scalar(1.0f64),)).1.item::<f64>();
        assert!((forward - expected[0]).abs() < 1e-13, "{policy}");
    }
}

/// A cotangent of ones stays a number behind the barrier.
#[test]
fn the_barrier_hides_no_splats() {
    let f = checkpoint(|x: Array| x.sin());
    let text = make_jaxpr(grad(move |x: Array| f(x).sum()))(array![0.1f64, 0.2]).to_string();
    assert!(text.contains("optimization_barrier a\n"), "{text}");
}
