//! Wrong calls of optimisers, solvers, and functions that read and write.

use super::harness::wrong;
use super::values::{b, i, n, none, s, u, v, z};
use cotangent::ode::{self, OdeOptions};
use cotangent::optim::{self, AdamOptions, Mask, RmsOptions, Transform};
use cotangent::optimize::{self, MinimizeOptions};
use cotangent::prelude::*;
use cotangent::ravel::ravel;
use cotangent::root::{self, KrylovOptions, RootOptions};

fn ts() -> Array {
    array![0.0, 1.0]
}

/// One step with gradients that do not fit at the leaf `.1[0]`.
#[track_caller]
fn step(o: Transform) -> (Array, Vec<Array>) {
    let p = (v(), vec![v()]);
    let state = o.init(&p);
    o.update((v(), vec![u()]), state, &p).0
}

wrong! {
    "ode::dopri5" => ode::dopri5(|y: Array, _, _: ()| y, s(), s(), (), OdeOptions::default());
    "ode::dopri5" => ode::dopri5(|_: Array, _, _: ()| v(), s(), ts(), (), OdeOptions::default());
    "ode::dopri5" => ode::dopri5(|y: Array, _, _: ()| y, n(), ts(), (), OdeOptions::default());
    "ode::dopri5" => ode::dopri5(|y: Array, _, _: ()| y, s(), none(), (), OdeOptions::default());
    "ode::dopri5" => ode::dopri5(|y: Array, _, _: ()| y, s(), i(), (), OdeOptions::default());
    "ode::odeint" => ode::odeint(|y: Array, _, _: ()| y, s(), s(), (), OdeOptions::default());
    "ode::odeint" => ode::odeint(|_: Array, _, _: ()| v(), s(), ts(), (), OdeOptions::default());
    "ode::odeint" => ode::odeint(|y: Array, _, _: ()| y, n(), ts(), (), OdeOptions::default());
    "ode::rk4" => ode::rk4(|y: Array, _, _: ()| y, s(), s(), ());
    "ode::rk4" => ode::rk4(|_: Array, _, _: ()| v(), s(), ts(), ());
    "ode::rk4" => ode::rk4(|y: Array, _, _: ()| y, n(), ts(), ());

    "optimize::lbfgs" => optimize::lbfgs(|x: Array| x, v(), MinimizeOptions::default());
    "optimize::lbfgs" => optimize::lbfgs(|x: Array| x.sum(), i(), MinimizeOptions::default());
    "optimize::levenberg_marquardt" =>
        optimize::levenberg_marquardt(|x: Array| x, i(), MinimizeOptions::default());
    "optimize::gauss_newton" =>
        optimize::gauss_newton(|x: Array| x, i(), MinimizeOptions::default());
    "optimize::nelder_mead" => optimize::nelder_mead(|x: Array| x, v(), MinimizeOptions::default());
    "optimize::nelder_mead" =>
        optimize::nelder_mead(|x: Array| x.sum(), i(), MinimizeOptions::default());
    "optimize::newton_cg" => optimize::newton_cg(|x: Array| x, v(), MinimizeOptions::default());
    "root::bisect" => root::bisect(|x: Array| x, u(), v(), RootOptions::default());
    "root::bisect" => root::bisect(|x: Array| x, n(), n(), RootOptions::default());
    "root::cg" => root::cg(|x: Array| x.sum(), v(), KrylovOptions::default());
    "root::cg" => root::cg(|x: Array| x, i(), KrylovOptions::default());
    "root::bicgstab" => root::bicgstab(|x: Array| x.sum(), v(), KrylovOptions::default());
    "root::gmres" => root::gmres(|x: Array| x.sum(), v(), KrylovOptions::default());
    "root::newton" => root::newton(|x: Array| x.sum(), v(), RootOptions::default());
    "root::newton" => root::newton(|x: Array| x, i(), RootOptions::default());
    "root::broyden" => root::broyden(|x: Array| x.sum(), v(), RootOptions::default());
    "root::fixed_point" => root::fixed_point(|x: Array| x.sum(), v(), RootOptions::default());

    "optim::sgd" => step(optim::sgd(0.1));
    "optim::sgd_momentum" => step(optim::sgd_momentum(0.1, 0.9, true));
    "optim::adam" => step(optim::adam(0.1));
    "optim::adam_with" => step(optim::adam_with(0.1, AdamOptions::default()));
    "optim::adamw" => step(optim::adamw(0.1, 0.1));
    "optim::adamw_with" => step(optim::adamw_with(0.1, 0.1, AdamOptions::default(), Mask::all()));
    "optim::rmsprop" => step(optim::rmsprop(0.1));
    "optim::rmsprop_with" => step(optim::rmsprop_with(0.1, RmsOptions::default(), None));
    "optim::adagrad" => step(optim::adagrad(0.1));
    "optim::lion" => step(optim::lion(0.1, 0.1));
    "optim::lamb" => step(optim::lamb(0.1, 0.1));
    "optim::clip" => step(optim::clip(1.0));
    "optim::clip_by_global_norm" => step(optim::clip_by_global_norm(1.0));
    "optim::clip_by_block_rms" => step(optim::clip_by_block_rms(1.0));
    "optim::chain" => step(optim::chain([optim::scale(1.0), optim::clip(1.0)]));
    "optim::masked" => step(optim::masked(optim::adam(0.1), Mask::all()));
    "optim::multi_transform" =>
        step(optim::multi_transform([("a", optim::clip(1.0))], |_, _| "b".into()));
    "optim::trace" => step(optim::trace(0.9, false));
    "optim::ema" => step(optim::ema(0.9, false));
    "optim::scale_by_adam" => step(optim::scale_by_adam(AdamOptions::default()));
    "optim::scale_by_rms" => step(optim::scale_by_rms(RmsOptions::default()));
    "optim::scale_by_rss" => step(optim::scale_by_rss(0.1, 1e-6));
    "optim::scale_by_lion" => step(optim::scale_by_lion(0.9, 0.9));
    "optim::scale" => step(optim::scale(1.0));
    "optim::scale_by_sign" => step(optim::scale_by_sign());
    "optim::scale_by_schedule" => step(optim::scale_by_schedule(0.1));
    "optim::scale_by_learning_rate" => step(optim::scale_by_learning_rate(0.1));
    "optim::add_decayed_weights" => step(optim::add_decayed_weights(0.1, Mask::all()));
    "optim::scale_by_trust_ratio" => step(optim::scale_by_trust_ratio());
    "optim::identity" => step(optim::identity());
    "optim::zero_nans" => step(optim::zero_nans());
    "optim::set_to_zero" => step(optim::set_to_zero());
    "optim::apply_updates" => optim::apply_updates((v(), v()), (v(), u()));
    "optim::apply_updates" => optim::apply_updates(vec![v()], vec![]);
    "optim::incremental_update" => optim::incremental_update((v(), v()), (v(), u()), 0.5);
    "optim::schedule::join" => optim::schedule::join([], [1]);

    "ravel::ravel" => ravel((v(), i(), b(), z())).1.tree::<(Array,)>(&v());
    "Unravel::tree" => ravel(v()).1.tree::<Array>(&u());
    "Unravel::tree" => ravel(v()).1.tree::<Vec<Array>>(&v());
}
