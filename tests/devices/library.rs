//! Library calls on operands of the second device, while the first is the default: the results are
//! on the second, and equal to those on the first. It finds arrays that the library makes for
//! itself in the wrong place.

use crate::support::{apart, first, second};
use cotangent::lax;
use cotangent::ode::{OdeOptions, dopri5, odeint, rk4};
use cotangent::optimize::{MinimizeOptions, lbfgs, nelder_mead};
use cotangent::prelude::*;
use cotangent::root::{KrylovOptions, RootOptions, cg, newton};
use cotangent::{nn, numpy, optim, random};

type Call = fn(&Array) -> Vec<Array>;

/// Calls of the library on a symmetric matrix `f32[3,3]`.
const CALLS: &[(&str, Call)] = &[
    ("arithmetic", |x| vec![x + 1.0, 2.0 * x - x, x / 3.0, x.powi(3), x.square(), -x]),
    ("array of rank 0", |x| vec![x * Array::scalar(2.0f32), x + x.sum(), x.max() - x]),
    ("elementary", |x| vec![x.sin(), x.exp(), x.log(), x.tanh(), x.sqrt(), x.sigmoid(), x.erf()]),
    ("parts", |x| vec![x.hypot(2.0), x.logaddexp(1.0), x.trunc(), x.degrees(), x.nan_to_num()]),
    ("powers", |x| vec![x.pow(2.5), x.float_power(2), x.copysign(-1.0), x.sinc()]),
    ("reductions", |x| vec![x.sum(), x.mean(), x.max(), x.prod(), x.std(), x.sum_axis(0)]),
    ("without nan", |x| vec![x.nansum(), x.nanmean(), x.nanmax(), x.nanvar_ddof(1)]),
    ("under a mask", |x| vec![x.sum_where(x.gt(1.0)), x.mean_where(x.gt(1.0)), x.gt(1).any()]),
    ("extremes", |x| vec![x.argmax(), x.argmin_axis(0), x.clip(1.0, 2.0), x.maximum(1.5)]),
    ("compare", |x| vec![x.eq(x), x.isclose(x), x.isin(array![1.0f32].sum()), x.lt(2.0)]),
    ("running folds", |x| vec![x.cumsum(0), x.cumprod(1), x.cummax(0)]),
    ("statistics", |x| vec![x.quantile(0.3), x.median(), x.cov(), x.corrcoef(), x.average(x)]),
    ("histograms", |x| {
        let (counts, edges) = x.histogram(4);
        vec![counts, edges, x.astype(DType::I32).ravel().bincount(6)]
    }),
    ("series", |x| vec![x.diff(1, 0), x.gradient(0.5, 0), x.trapezoid(0.1)]),
    ("convolve", |x| {
        let v = x.index(0);
        vec![v.convolve(&v, numpy::series::Part::Same), v.correlate(&v, numpy::series::Part::Full)]
    }),
    ("interp", |x| vec![numpy::series::interp(x, arange(4), arange(4) * 2)]),
    ("sort", |x| vec![x.sort(0), x.argsort(1), x.sort_descending(0), x.top_k(2, 0).1]),
    ("search", |x| vec![x.index(0).sort(0).searchsorted(x), x.digitize(x.index(0).sort(0), true)]),
    ("values in shapes", |x| {
        let mut all = x.gt(1.0).nonzero();
        let (values, counts) = x.unique_counts();
        all.extend([x.gt(1.0).argwhere(), x.flatnonzero(), values, counts, x.index(x.gt(1.0))]);
        all
    }),
    ("shapes", |x| {
        vec![x.t(), x.reshape([9]), x.expand_dims(0), x.flip(0), x.pad([(1, 2), (0, 1)], 0.5)]
    }),
    ("repeat", |x| vec![x.tile([2, 1]), x.repeat(2, 0), x.roll(1, 0), x.rot90(1), x.fliplr()]),
    ("split", |x| x.split(3, 0)),
    ("join", |x| vec![concatenate([x, x], 0), stack([x, x], 1), vstack([x, x]), hstack([x, x])]),
    ("join with made", |x| vec![concatenate([x, &zeros([2, 3])], 0), stack([x, &eye(3)], 0)]),
    ("made alike", |x| vec![zeros_like(x), ones_like(x), full_like(x, 2.0)]),
    ("diagonals", |x| vec![x.diag(0), x.diag(0).diag(1), x.tril(0), x.triu(1), x.trace()]),
    ("products", |x| vec![x.matmul(x), x.dot(x), x.outer(x), x.kron(x), x.inner(x), x.vdot(x)]),
    ("einsum", |x| vec![einsum("ij,jk->ik", [x, x]), einsum("ii->i", [x]), x.cross(x)]),
    ("index", |x| {
        let rows = x.astype(DType::I32).index(0) % 3;
        vec![x.index(1), x.index(-1), x.index(s![.., 1]), x.index(&rows), x.take(&rows, 0)]
    }),
    ("index by made", |x| vec![x.index(arange(2)), x.take(arange(3), 1), x.index(s![1..; 2, 0])]),
    ("take along", |x| vec![x.take_along_axis(x.argsort(0), 0)]),
    ("update", |x| {
        vec![x.at(0).set(5.0), x.at(s![.., 1]).add(x.index(0)), x.at(1).multiply(zeros(3))]
    }),
    ("segments", |x| {
        let ids = arange(3) % 2;
        vec![segment_sum(x, &ids, 2), segment_max(x, &ids, 2), segment_mean(x.index(0), ids, 2)]
    }),
    ("complex", |x| vec![Array::complex(x, x), Array::complex(x, 1.0).abs(), x.angle()]),
    ("bits", |x| vec![lax::bitcast_convert_type(x, DType::U32), x.astype(DType::I64)]),
    ("meshgrid", |x| meshgrid([&x.index(0), &x.index(1)]).to_vec()),
    ("select", |x| vec![x.gt(1.0).select(x, 0.0), where_(x.gt(1.0), x, zeros([3, 3]))]),
    ("activations", |x| vec![nn::relu(x), nn::gelu(x), nn::silu(x), nn::softplus(x), nn::elu(x)]),
    ("softmax", |x| vec![nn::softmax(x, 1), nn::log_softmax(x, 0), nn::logsumexp(x, 1)]),
    ("one hot", |x| vec![nn::one_hot(x.astype(DType::I32), 5, DType::F32)]),
    ("losses", |x| {
        let labels = arange(3);
        vec![
            nn::softmax_cross_entropy_with_integer_labels(x, labels),
            nn::softmax_cross_entropy(x, eye(3)),
            nn::huber(x, 1.0, 1.0),
            nn::l2_loss(x, zeros([3, 3])),
        ]
    }),
    ("normalize", |x| vec![nn::layer_norm(x, -1, 1.0, 0.0, 1e-5), nn::rms_norm(x, -1, 1.0, 1e-5)]),
    ("dropout", |x| vec![nn::dropout(&random::key(3), x, 0.5)]),
    ("random beside", |x| vec![x + random::normal(&random::key(1), [3, 3], DType::F32)]),
    ("random of", |x| {
        let key = random::key(7);
        let [a, b] = random::split(&random::fold_in(&key, 3));
        vec![
            random::shuffle(&a, x),
            random::categorical(&b, x, 1),
            random::bernoulli(&a, 0.5, 3) * x,
        ]
    }),
    ("grad", |x| {
        let (value, g) =
            value_and_grad(|x: Array| (x.sin() * array![1.0, 2.0, 3.0]).sum())(x.clone());
        vec![value, g, grad(|x: Array| x.sort(0).index(0).sum())(x.clone())]
    }),
    ("grad of made", |x| vec![grad(|x: Array| (x * (zeros([3, 3]) + eye(3))).sum())(x.clone())]),
    ("jvp, vjp", |x| {
        let f = |x: Array| x.exp() * x.sum();
        let (y, back) = vjp(f, (x.clone(),));
        let (z, dz) = jvp(f, (x.clone(),), (ones_like(x),));
        vec![y.clone(), back(y).0, z, dz]
    }),
    ("jacobian", |x| {
        vec![jacrev(|x: Array| x.square())(x.index(0)), hessian(|x: Array| x.prod())(x.index(0))]
    }),
    ("vmap", |x| {
        vec![
            vmap(|x: Array| x.sort(0) * arange(3))(x.clone()),
            vmap(grad(|x: Array| x.prod()))(x.clone()),
        ]
    }),
    ("jit", |x| vec![jit(|x: Array| x.matmul(eye(3)) + array![1.0, 0.0, 1.0])(x.clone())]),
    ("cond", |x| vec![cond(x.sum().gt(0.0), |x: Array| x * 2.0, |x: Array| x.sin(), x.clone())]),
    ("scan", |x| {
        let (c, ys) = scan(|c: Array, x: Array| (&c + &x, c * x), zeros([3]), x.clone());
        vec![c, ys]
    }),
    ("fori", |x| vec![fori_loop(0..5, |i, x: Array| x * 0.5 + i, x.clone())]),
    ("while", |x| {
        let (_, y) = while_loop(
            |(n, _): (Array, Array)| n.lt(3),
            |(n, x): (Array, Array)| (n + 1, x * 2.0),
            (Array::from(0), x.clone()),
        );
        vec![y]
    }),
    ("map", |x| vec![map(|x: Array| x.cumsum(0), x.clone())]),
    ("associative scan", |x| vec![associative_scan(|a: Array, b: Array| a * b, x.clone())]),
    ("checkpoint", |x| vec![grad(checkpoint(|x: Array| x.sin().exp().sum()))(x.clone())]),
    ("custom rule", |x| {
        let f = custom_jvp(
            |x: Array| x.exp(),
            |(x,): (Array,), (dx,): (Array,)| (x.exp(), dx * x.exp() * ones([3, 3])),
        );
        vec![f(x.clone()), grad(|x: Array| f(x).sum())(x.clone())]
    }),
    ("callback", |x| {
        let double = |x: Array| x * array![2.0, 1.0, 0.5];
        let f = move |x: Array| pure_callback(double, &x, x.clone());
        vec![f(x.clone()), jit(move |x: Array| f(x).sin())(x.clone())]
    }),
    ("optimizer", |x| {
        let adam = optim::adam(0.1);
        let state = adam.init(x);
        let (updates, state) = adam.update(x.clone(), state, x);
        let p = optim::apply_updates(x.clone(), updates);
        let (updates, _) = adam.update(p.clone(), state, &p);
        vec![optim::apply_updates(p, updates)]
    }),
    ("products of made", |x| vec![x.matmul(x.t()) + 4.0 * eye(3)]),
    ("newton", |x| {
        vec![newton(|y: Array| y.powi(3) - x.index(0), x.index(0), RootOptions::default()).x]
    }),
    ("cg", |x| {
        vec![cg(|v: Array| x.matmul(v) + 4.0 * x.sum(), x.index(0), KrylovOptions::default()).x]
    }),
    ("minimize", |x| {
        let f = |v: Array| (v - x.index(0)).square().sum();
        vec![
            lbfgs(f, zeros([3]), MinimizeOptions::default()).x,
            nelder_mead(f, x.index(1), MinimizeOptions::default()).x,
        ]
    }),
    ("ode", |x| {
        let f = |y: Array, t: Array, p: Array| p * y - t;
        let times = linspace(0.0, 1.0, 4);
        vec![
            rk4(f, x.index(0), times.clone(), x.index(1)),
            dopri5(f, x.index(0), times.clone(), x.index(1), OdeOptions::default()).0,
            odeint(f, x.index(0), times, x.index(1), OdeOptions::default()).0,
        ]
    }),
];

fn matrix() -> Array {
    array![[2.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 4.0]]
}

/// The results of a call, or the text of its panic.
fn results(call: &dyn Fn(Array) -> Vec<Array>, x: Array) -> Result<Vec<Array>, String> {
    let got = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(x)));
    got.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// Says how the results of a call on the second device are wrong.
fn wrong(call: &dyn Fn(Array) -> Vec<Array>) -> Result<(), String> {
    let expected = results(call, matrix())?;
    let got = results(call, matrix().to(&second()))?;
    for (n, (a, b)) in got.iter().zip(&expected).enumerate() {
        if (a.device(), b.device()) != (second(), first()) {
            return Err(format!("result {n} is on {}, beside it on {}", a.device(), b.device()));
        }
        if a.aval() != b.aval() || a.to_bytes().ok() != b.to_bytes().ok() {
            return Err(format!("result {n} is {a}, not {b}"));
        }
    }
    Ok(())
}

fn try_all(with: impl Fn(&str, Call) -> Box<dyn Fn(Array) -> Vec<Array>>) {
    let failed = CALLS.iter().filter_map(|(name, call)| {
        let said = wrong(&with(name, *call)).err()?;
        Some(format!("{name}: {said}"))
    });
    let all: Vec<String> = failed.collect();
    assert!(all.is_empty(), "{} of {}:\n{}", all.len(), CALLS.len(), all.join("\n"));
}

#[test]
fn calls_go_where_their_operands_are() {
    apart(|| {
        try_all(|_, call| Box::new(move |x| call(&x)));
    });
}

#[test]
fn jitted_calls_go_where_their_operands_are() {
    apart(|| {
        try_all(|name, call| match name {
            // Shapes of a trace cannot depend on values.
            "values in shapes" => Box::new(move |x| call(&x)),
            _ => {
                let jitted = jit(move |x: Array| call(&x));
                Box::new(move |x| jitted.try_call((x,)).unwrap_or_else(|e| panic!("{e}")))
            }
        });
    });
}

/// The scope decides where arrays without operands are made.
#[test]
fn the_scope_decides_where_calls_without_operands_go() {
    apart(|| {
        let made = || {
            let key = random::key(1);
            vec![
                zeros([2]),
                ones([2]),
                full([2], 3.0),
                arange(3),
                linspace(0.0, 1.0, 3),
                eye(2),
                array![1.0, 2.0],
                Array::scalar(1.0f32),
                tri(2, 2, 0),
                random::uniform(&key, [2], DType::F32, 0, 1),
                random::permutation(&key, 5),
            ]
        };
        assert!(made().iter().all(|a| a.device() == first()));
        let there = with_default_device(&second(), made);
        let at: Vec<String> = there.iter().map(|a| a.device().to_string()).collect();
        assert_eq!(at, ["cpu:1"; 11]);
        assert!(made().iter().zip(there).all(|(a, b)| a.to_bytes().ok() == b.to_bytes().ok()));
    });
}
