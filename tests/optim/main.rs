//! Optimisers: against optax's numbers, under every transform, in every dtype, saved in the middle,
//! and misused.

mod values;

use cotangent::api::pytree::Tree;
use cotangent::optim::{
    self, AdamOptions, Mask, RmsOptions, Transform, adam, adam_with, adamw, adamw_with,
    apply_updates, chain, clip, clip_by_block_rms, clip_by_global_norm, ema, inject, masked,
    multi_transform, rmsprop_with, scale, scale_by_adam, scale_by_schedule, scale_by_sign,
    scale_by_trust_ratio, schedule, sgd, sgd_momentum, trace,
};
use cotangent::prelude::*;
use values::{OPTIMISERS, SCHEDULES};

#[derive(Clone, Debug, Pytree)]
struct Params {
    b: Array,
    w: Array,
}

fn params(dtype: DType) -> Params {
    let b = array![0.5f64, -1.5, 2.0].astype(dtype);
    let w = array![[1.0f64, -2.0], [0.25, 3.0]].astype(dtype);
    Params { b, w }
}

fn gradient(step: i32, dtype: DType) -> Params {
    let step = step as f64;
    let at = |offset: i32, n: i32| {
        let phase = arange_dtype(n, DType::F64) + offset;
        ((phase * 0.9 + 1.7 * step).sin() * (1.0 + 0.5 * step)).astype(dtype)
    };
    Params { b: at(0, 3), w: at(3, 4).reshape([2, 2]) }
}

fn run(optimiser: &Transform, dtype: DType) -> Vec<f64> {
    let mut p = params(dtype);
    let mut state = optimiser.init(&p);
    let step = jit(|p: Params, g: Params, state: optim::State| {
        let (updates, state) = optimiser.update(g, state, &p);
        (apply_updates(p, updates), state)
    });
    for n in 0..6 {
        (p, state) = step(p, gradient(n, dtype), state);
    }
    let all = [p.b, p.w].map(|x| x.astype(DType::F64).to_vec::<f64>());
    all.concat()
}

fn optimiser(name: &str) -> Transform {
    let matrices = || Mask::new(|_, p| p.ndim() > 1);
    let then = |part: Transform| chain([part, sgd(0.1)]);
    match name {
        "sgd" => sgd(0.1),
        "sgd_momentum" => sgd_momentum(0.1, 0.9, false),
        "sgd_nesterov" => sgd_momentum(0.1, 0.9, true),
        "adam" => adam(0.01),
        "adam_options" => {
            let o = AdamOptions { b1: 0.8, b2: 0.95, eps: 1e-3, eps_root: 1e-4, nesterov: false };
            adam_with(0.01, o)
        }
        "nadam" => adam_with(0.01, AdamOptions { nesterov: true, ..Default::default() }),
        "adamw" => adamw(0.01, 0.1),
        "adamw_mask" => adamw_with(0.01, 0.1, AdamOptions::default(), matrices()),
        "rmsprop" => optim::rmsprop(0.01),
        "rmsprop_centered" => {
            let o = RmsOptions { decay: 0.8, initial: 0.5, centered: true, ..Default::default() };
            rmsprop_with(0.01, o, Some(0.9))
        }
        "adagrad" => optim::adagrad(0.1),
        "lion" => optim::lion(0.01, 0.1),
        "lamb" => optim::lamb(0.01, 0.1),
        "clip" => then(clip(0.7)),
        "clip_by_global_norm" => then(clip_by_global_norm(1.0)),
        "clip_by_block_rms" => then(clip_by_block_rms(0.5)),
        "ema" => then(ema(0.9, true)),
        "ema_biased" => then(ema(0.9, false)),
        "sign" => then(scale_by_sign()),
        "trust_ratio" => then(scale_by_trust_ratio()),
        "scheduled" => {
            let rate = schedule::linear(-0.1, -0.01, 4);
            chain([scale_by_adam(AdamOptions::default()), scale_by_schedule(rate)])
        }
        "scheduled_rate" => sgd_momentum(schedule::cosine(0.1, 0.01, 4), 0.5, false),
        "multi" => multi_transform([("a", adam(0.1)), ("b", sgd(0.1))], |path, _| {
            if path == ".w" { "a".into() } else { "b".into() }
        }),
        "masked" => {
            let on_b = Mask::new(|path, _| path == ".b");
            chain([masked(trace(0.9, false), on_b), scale(-0.1)])
        }
        other => panic!("{other}"),
    }
}

#[track_caller]
fn close(name: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    let near = |(g, e): (&f64, &f64)| (g - e).abs() <= tolerance * (1.0 + e.abs());
    assert!(got.iter().zip(expected).all(near), "{name}: {got:?} is not {expected:?}");
}

#[test]
fn optimisers_are_optax_s() {
    assert!(OPTIMISERS.len() >= 24);
    for (name, expected) in OPTIMISERS {
        close(name, &run(&optimiser(name), DType::F64), expected, 1e-12);
        close(name, &run(&optimiser(name), DType::F32), expected, 1e-5);
        for narrow in [DType::BF16, DType::F16].into_iter().filter(|d| d.runs()) {
            close(name, &run(&optimiser(name), narrow), expected, 0.1);
        }
    }
}

#[test]
fn schedules_are_optax_s() {
    for (name, expected) in SCHEDULES {
        let schedule = match *name {
            "constant" => schedule::constant(0.3),
            "linear" => schedule::linear(1.0, 0.1, 7),
            "linear_after" => schedule::linear(1.0, 0.1, 7).after(3),
            "polynomial" => schedule::polynomial(1.0, 0.1, 2.5, 9),
            "exponential" => schedule::exponential(0.5, 0.7, 4),
            "staircase" => schedule::staircase(0.5, 0.7, 4),
            "cosine" => schedule::cosine(0.8, 0.2, 9),
            "warmup_cosine" => schedule::warmup_cosine(0.1, 1.0, 4, 11, 0.05),
            "piecewise" => schedule::piecewise(1.0, [(3, 0.5), (8, 0.2)]),
            "join" => {
                let parts = [
                    schedule::linear(0.0, 1.0, 3),
                    schedule::constant(0.7),
                    schedule::exponential(0.7, 0.5, 2),
                ];
                schedule::join(parts, [3, 6])
            }
            other => panic!("{other}"),
        };
        let got: Vec<f64> = (0..13).map(|n| schedule.at_step(n)).collect();
        close(name, &got, expected, 1e-14);
        // All steps at once, and compiled.
        let at = jit(|n: Array| vmap(|n: Array| schedule.at(&n))(n));
        close(name, &at(arange(13)).to_vec::<f64>(), expected, 1e-14);
    }
}

/// Minima of `(x - t)²` for many targets: one optimiser under vmap, in a scan, compiled,
/// differentiated.
#[test]
fn states_pass_through_vmap_scan_jit_and_grad() {
    let optimiser = chain([clip_by_global_norm(1.0), adam(schedule::cosine(0.3, 0.0, 60))]);
    let loss = |x: Array, target: Array| (x - target).square().sum();
    let fit = |target: Array| {
        let x = zeros_like(&target);
        let state = optimiser.init(&x);
        let step = |(x, state): (Array, optim::State), _: Array| {
            let g = grad(loss)(x.clone(), target.clone());
            let (updates, state) = optimiser.update(g, state, &x);
            ((apply_updates(x, updates), state), ())
        };
        scan(step, (x, state), zeros([60])).0.0
    };
    let targets = array![[1.0, -2.0], [0.5, 3.0], [0.0, 0.25]];
    let all = jit(vmap(fit))(targets.clone());
    close(
        "fit",
        &all.astype(DType::F64).to_vec::<f64>(),
        &targets.astype(DType::F64).to_vec::<f64>(),
        0.05,
    );
    let one = fit(targets.index(1));
    assert_eq!(all.index(1).to_vec::<f32>(), one.to_vec::<f32>());
    // Where a minimum is found it moves with its target.
    let slope = |t: Array| {
        let with_root = AdamOptions { eps_root: 1e-12, ..Default::default() };
        let optimiser = adam_with(schedule::cosine(0.3, 0.0, 60), with_root);
        let x = Array::scalar(0f64);
        let state = optimiser.init(&x);
        let step = |(x, state): (Array, optim::State), _: Array| {
            let g = grad(loss)(x.clone(), t.clone());
            let (updates, state) = optimiser.update(g, state, &x);
            ((apply_updates(x, updates), state), ())
        };
        scan(step, (x, state), zeros([60])).0.0
    };
    let by_difference = |t: f64| {
        let at = |t: f64| slope(Array::scalar(t)).item::<f64>();
        (at(t + 1e-6) - at(t - 1e-6)) / 2e-6
    };
    let by_grad = grad(slope)(Array::scalar(1.5)).item::<f64>();
    assert!((by_grad - by_difference(1.5)).abs() < 1e-5, "{by_grad} {}", by_difference(1.5));
}

/// Learning to learn goes back through updates, also of gradients that are zero.
#[test]
fn updates_of_zeros_have_finite_derivatives() {
    let smooth = AdamOptions { eps_root: 1e-8, ..Default::default() };
    let all = [
        clip(1.0),
        clip_by_global_norm(1.0),
        clip_by_block_rms(1.0),
        scale_by_trust_ratio(),
        scale_by_adam(smooth),
        optim::rmsprop(0.1),
        optim::adagrad(0.1),
        sgd_momentum(0.1, 0.9, true),
    ];
    for optimiser in all {
        let w = (array![1.0, 2.0], array![3.0]);
        let state = optimiser.init(&w);
        let total = |g: (Array, Array)| {
            let (u, _) = optimiser.update(g, state.clone(), &w);
            u.0.sum() + u.1.sum()
        };
        for g in [(array![0.0, 0.0], array![0.0]), (array![5.0, 0.0], array![0.0])] {
            let (a, b) = grad(total)(g);
            let all = [a.to_vec::<f32>(), b.to_vec()].concat();
            assert!(all.iter().all(|x| x.is_finite()), "{optimiser:?}: {all:?}");
        }
    }
    let nan = clip_by_global_norm(1.0);
    let (u, _) =
        nan.update(array![f32::INFINITY, 1.0], nan.init(&array![0.0, 0.0]), &array![0.0, 0.0]);
    assert!(u.to_vec::<f32>()[0].is_nan() && u.to_vec::<f32>()[1] == 0.0);
}

/// A learning rate that is an argument or part of the state compiles nothing anew.
#[test]
fn rates_are_inputs() {
    let w = array![1.0, 2.0];
    let step = jit(|w: Array, g: Array, rate: Array| {
        let descent = sgd(&rate);
        let state = descent.init(&w);
        descent.update(g, state, &w).0
    })
    .named("rate_as_argument");
    for rate in [0.5f32, 0.25] {
        let updates = step(w.clone(), array![1.0, -1.0], Array::scalar(rate));
        assert_eq!(updates.to_vec::<f32>(), [-rate, rate]);
    }
    let made = inject([("rate", 0.5), ("limit", 1.0)], |v| {
        let limit = v["limit"].clone();
        assert_eq!(limit.dtype(), DType::F64);
        chain([clip(1.0), sgd(&v["rate"])])
    });
    let inject_step = jit(|w: Array, g: Array, state: optim::State| made.update(g, state, &w))
        .named("rate_in_state");
    let mut state = made.init(&w);
    for rate in [0.5, 0.125] {
        state.set(".values[\"rate\"]", Array::scalar(rate)).unwrap();
        let (updates, next) = inject_step(w.clone(), array![1.0, -5.0], state);
        assert_eq!(updates.to_vec::<f32>(), [-rate as f32, rate as f32]);
        state = next;
    }
    for name in ["rate_as_argument", "rate_in_state"] {
        assert_eq!(jit_misses().iter().filter(|m| m.function == name).count(), 1, "{name}");
    }
}

#[test]
fn states_are_trees_with_the_paths_of_their_parameters() {
    let p = params(DType::F32);
    let optimiser = adamw_with(
        schedule::linear(0.1, 0.0, 10),
        0.1,
        AdamOptions::default(),
        Mask::new(|_, p| p.ndim() > 1),
    );
    let mut state = optimiser.init(&p);
    let paths =
        ["[0].count", "[0].mean.b", "[0].mean.w", "[0].square.b", "[0].square.w", "[2].count"];
    assert_eq!(state.paths(), paths);
    assert_eq!(
        tree_structure(&masked(trace(0.9, false), Mask::new(|p, _| p == ".w")).init(&p))
            .to_string(),
        "Momentum { trace: Params { b: None, w: * } }"
    );
    // In the middle of a run the state can be taken apart, kept elsewhere and put together again.
    (_, state) = optimiser.update(gradient(0, DType::F32), state, &p);
    let kept: Vec<(String, Array)> =
        state.paths().into_iter().zip(state.leaves().iter().cloned()).collect();
    let mut again = optimiser.init(&p);
    for (path, leaf) in kept {
        again.set(&path, leaf).unwrap();
    }
    let (a, _) = optimiser.update(gradient(1, DType::F32), state, &p);
    let (b, _) = optimiser.update(gradient(1, DType::F32), again, &p);
    assert_eq!((a.b.to_vec::<f32>(), a.w.to_vec::<f32>()), (b.b.to_vec(), b.w.to_vec()));
}

#[test]
fn odd_parameters() {
    // Nothing at all, empty leaves, scalars, absent ones.
    let p = ((), zeros([0, 3]), Array::scalar(1f32), None::<Array>, vec![Array::scalar(2f64)]);
    let g = ((), zeros([0, 3]), Array::scalar(3f32), None, vec![Array::scalar(4f64)]);
    for (name, _) in OPTIMISERS.iter().filter(|(name, _)| !name.contains("multi")) {
        let optimiser = optimiser(name);
        let (updates, state) = optimiser.update(g.clone(), optimiser.init(&p), &p);
        assert_eq!(tree_structure(&updates), tree_structure(&p), "{name}");
        let (_, next) = optimiser.update(g.clone(), state.clone(), &p);
        assert_eq!(next.structure(), state.structure(), "{name}");
        let types = |t: &Tree| t.leaves().iter().map(Array::aval).collect::<Vec<_>>();
        assert_eq!(types(&next), types(&state), "{name}");
        assert!(updates.2.item::<f32>().is_finite() && updates.4[0].item::<f64>().is_finite());
    }
    let nothing = adam(0.1);
    nothing.update((), nothing.init(&()), &());
    let (u, _) = chain([optim::zero_nans(), sgd(1.0)]).update(
        array![f32::NAN, 1.0],
        chain([optim::zero_nans(), sgd(1.0)]).init(&array![0.0, 0.0]),
        &array![0.0, 0.0],
    );
    assert_eq!(u.to_vec::<f32>(), [0.0, -1.0]);
    // The greatest count stays.
    let ema = ema(0.5, true);
    let mut state = ema.init(&array![0.0]);
    state.set(".count", Array::scalar(i32::MAX)).unwrap();
    let (u, state) = ema.update(array![2.0], state, &array![0.0]);
    assert_eq!((u.item::<f32>(), state.get(".count").unwrap().item::<i32>()), (1.0, i32::MAX));
}

#[test]
fn misuse_is_named() {
    let p = params(DType::F32);
    let optimiser = adam(0.1);
    let message = |r: Result<(Params, optim::State), Error>| r.unwrap_err().message().to_string();
    let wrong = Params { b: array![1.0], w: p.w.clone() };
    assert_eq!(
        message(optimiser.try_update(wrong, optimiser.init(&p), &p)),
        "adam: gradients and parameters differ at .b: expected f32[3], got f32[1]"
    );
    assert_eq!(
        message(optimiser.try_update(gradient(0, DType::F64), optimiser.init(&p), &p)),
        "adam: gradients and parameters differ at .b: expected f32[3], got f64[3]"
    );
    let other = message(optimiser.try_update(p.clone(), sgd_momentum(0.1, 0.9, true).init(&p), &p));
    assert!(other.contains("the state is not one that this transform's init made"), "{other}");
    let ints = Params { b: array![1, 2], w: p.w.clone() };
    assert_eq!(
        optimiser.try_init(&ints).unwrap_err().message(),
        "adam: expected float parameters, got i32[2] at .b; leave it out of the tree, or mark it \
         static"
    );
    let unknown = multi_transform([("a", sgd(0.1))], |_, _| "c".into());
    assert_eq!(
        unknown.try_init(&p).unwrap_err().message(),
        "multi_transform: .b is labelled \"c\", expected one of a"
    );
    let mut state = optimiser.init(&p);
    let error = state.set("[0].count", array![1.0]).unwrap_err();
    assert_eq!(error.message(), "set: expected i32[] at [0].count, got f32[1]");
    assert!(state.set(".nowhere", array![1.0]).unwrap_err().message().contains("[0].mean.b"));
}
