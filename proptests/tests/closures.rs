//! Transforms of closures, one inside the other: twenty ways to write the same function, two and
//! three deep, and their derivatives to the third order, which must all be those of the plain
//! function.
//!
//! Many ways capture values of the trace around them, which is where dispatch by context must not
//! go wrong.

// The closures call a `Func`, which is no closure itself, through its `Deref`.
#![allow(clippy::redundant_closure)]

use cotangent::prelude::*;
use std::sync::Arc;

type F = Arc<dyn Fn(Array) -> Array + Send + Sync>;

/// A name, and a function that is the given one, written otherwise.
type Way = (&'static str, fn(F) -> F);

const WAYS: &[Way] = &[
    ("jit", |f| {
        let g = jit(move |x: Array| f(x));
        Arc::new(move |x| g(x))
    }),
    ("jit made in the call", |f| {
        Arc::new(move |x| {
            let f = f.clone();
            jit(move |x: Array| f(x))(x)
        })
    }),
    ("checkpoint", |f| {
        let g = checkpoint(move |x: Array| f(x));
        Arc::new(move |x| g(x))
    }),
    ("one row of a batch", |f| {
        Arc::new(move |x| {
            let f = f.clone();
            let rows = stack(&[x.cos(), x.clone(), x.sin()], 0);
            vmap(move |x: Array| f(x))(rows).index(s![1])
        })
    }),
    ("a batch of shifts around a captured value", |f| {
        Arc::new(move |x| {
            let (f, y) = (f.clone(), x.clone());
            let shifts = array![[0.0f64, 0.0, 0.0], [0.1, 0.2, 0.3]];
            vmap(move |z: Array| f(z + &y))(shifts).index(s![0])
        })
    }),
    ("a batch in columns", |f| {
        Arc::new(move |x| {
            let f = f.clone();
            let columns = stack(&[x.clone(), x.cos()], 1);
            vmap_in_out(move |x: Array| f(x), 1, 1)(columns).index(s![.., 0])
        })
    }),
    ("both branches", |f| {
        Arc::new(move |x| {
            let positive = x.sum().gt(0.3);
            cond(&positive, |x: Array| f(x), |x: Array| f(x * 1.0), x)
        })
    }),
    ("a branch that captures", |f| {
        Arc::new(move |x| {
            let half = &x * 0.5;
            let small = x.sum().lt(100.0);
            cond(&small, |z: Array| f(z + &half), |z: Array| z, half.clone())
        })
    }),
    ("a loop of one round", |f| Arc::new(move |x| fori_loop(0..1, |_, x: Array| f(x), x))),
    ("a loop that captures, of two rounds", |f| {
        Arc::new(move |x| {
            let y = x.clone();
            fori_loop(
                0..2,
                |i, c: Array| f(y.clone()) * (i.astype(DType::F64) * 2.0 - 1.0) + c * 0.0,
                x,
            )
        })
    }),
    ("a scan's last output", |f| {
        Arc::new(move |x| {
            let xs = stack(&[x.sin(), x.clone()], 0);
            let (_, ys) = scan(|c: Array, x: Array| (c + 1.0, f(x)), Array::scalar(0.0f64), xs);
            ys.index(s![1])
        })
    }),
    ("a value that captures, jitted", |f| {
        Arc::new(move |x| {
            let (f, y) = (f.clone(), &x * 0.25);
            jit(move |z: Array| f(z + &y))(&x * 0.75)
        })
    }),
    ("the primal of a jvp", |f| {
        Arc::new(move |x| {
            let f = f.clone();
            let t = x.cos();
            jvp(move |x: Array| f(x), (x,), (t,)).0
        })
    }),
    ("the value of a vjp", |f| {
        Arc::new(move |x| {
            let f = f.clone();
            vjp(move |x: Array| f(x), (x,)).0
        })
    }),
    ("the value of a linearization", |f| {
        Arc::new(move |x| {
            let f = f.clone();
            linearize(move |x: Array| f(x), (x,)).0
        })
    }),
    ("a rule of its own", |f| {
        let (value, rule) = (f.clone(), f);
        let g = custom_jvp(
            move |x: Array| value(x),
            move |(x,): (Array,), (t,): (Array,)| {
                let f = rule.clone();
                jvp(move |x: Array| f(x), (x,), (t,))
            },
        );
        Arc::new(move |x| g(x))
    }),
    ("the derivative of a product", |f| {
        // d/dt (t f(x)) = f(x)
        Arc::new(move |x| {
            let one = Array::scalar(1.0f64);
            let y = x.clone();
            let f = f.clone();
            jvp(move |t: Array| t * f(y.clone()), (one.clone(),), (one,)).1
        })
    }),
    ("the gradient of an inner product", |f| {
        // d/dw <w, f(x)> = f(x)
        Arc::new(move |x| {
            let (f, y, w) = (f.clone(), x.clone(), x.sin());
            grad(move |w: Array| (w * f(y.clone())).sum())(w)
        })
    }),
    ("without jit", |f| Arc::new(move |x| disable_jit(|| f(x)))),
    ("the diagonal of a Jacobian's work", |f| {
        // J of x -> c * x, c held, times one: c = f(x)
        Arc::new(move |x| {
            let c = f(x.clone());
            let jacobian = jacfwd(move |z: Array| z * &c)(x);
            jacobian.sum_axis(1)
        })
    }),
];

fn plain(x: Array) -> Array {
    x.sin() * &x + x.square() * 0.3
}

fn point() -> Array {
    array![0.3f64, -0.7, 1.1]
}

/// Value, gradient, Hessian times a direction both ways, a third derivative; of a batch, too.
fn derivatives(f: F) -> Vec<(&'static str, Array)> {
    let (x, v) = (point(), array![0.5f64, -1.0, 0.25]);
    let sum = {
        let f = f.clone();
        move |x: Array| f(x).square().sum()
    };
    let gradient = grad(sum.clone());
    let forward_over_reverse = {
        let (g, v) = (grad(sum.clone()), v.clone());
        move |x: Array| jvp(|x: Array| g(x), (x,), (v.clone(),)).1
    };
    let reverse_over_forward = {
        let (s, v) = (sum.clone(), v.clone());
        grad(move |x: Array| jvp(s.clone(), (x,), (v.clone(),)).1)
    };
    let third = {
        let (h, v) = (forward_over_reverse.clone(), v.clone());
        grad(move |x: Array| (h(x) * &v).sum())
    };
    let rows = stack(&[x.clone(), &x * 0.9], 0);
    let batch = vmap(grad(sum.clone()));
    let jitted = jit(vmap(grad(sum)));
    vec![
        ("value", f(x.clone())),
        ("gradient", gradient(x.clone())),
        ("forward over reverse", forward_over_reverse(x.clone())),
        ("reverse over forward", reverse_over_forward(x.clone())),
        ("third derivative", third(x)),
        ("gradients of a batch", batch(rows.clone())),
        ("gradients of a batch, jitted", jitted(rows)),
    ]
}

fn check(name: &str, f: F, expected: &[(&'static str, Array)]) {
    for ((what, got), (_, expected)) in derivatives(f).iter().zip(expected) {
        assert_eq!(got.aval(), expected.aval(), "{name}: {what}");
        let pairs = got.to_vec::<f64>().into_iter().zip(expected.to_vec::<f64>());
        for (i, (g, e)) in pairs.enumerate() {
            assert!(
                (g - e).abs() <= 1e-11 * (1.0 + e.abs()),
                "{name}: {what}, element {i}: {g} instead of {e}"
            );
        }
    }
}

#[test]
fn every_way_alone() {
    let expected = derivatives(Arc::new(plain));
    for (name, way) in WAYS {
        check(name, way(Arc::new(plain)), &expected);
    }
}

#[test]
fn every_way_in_every_other() {
    let expected = derivatives(Arc::new(plain));
    for (outer_name, outer) in WAYS {
        for (inner_name, inner) in WAYS {
            check(
                &format!("{outer_name} of {inner_name}"),
                outer(inner(Arc::new(plain))),
                &expected,
            );
        }
    }
}

#[test]
fn some_ways_three_deep() {
    let expected = derivatives(Arc::new(plain));
    let n = WAYS.len();
    for k in 0..60 {
        // A walk that meets each way at each depth.
        let [a, b, c] = [k % n, (k * 7 + 3) % n, (k * 11 + k / n + 5) % n].map(|i| WAYS[i]);
        let f = (a.1)((b.1)((c.1)(Arc::new(plain))));
        check(&format!("{} of {} of {}", a.0, b.0, c.0), f, &expected);
    }
}
