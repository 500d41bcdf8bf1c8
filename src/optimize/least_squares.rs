//! Sums of squares: `levenberg_marquardt` and `gauss_newton`, which know the residuals.

use super::minimum::{MinimizeOptions, Minimum};
use super::objective::{Descent, Objective, RUNNING, dot, largest};
use crate::api::control::while_loop;
use crate::api::jacobian::jacfwd;
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{afresh, in_name_of, raise};
use crate::numpy::create::eye_dtype;
use crate::numpy::finfo::epsilon;
use crate::prims::rules::numbers::rounds;
use crate::ravel::{ravel, try_ravel};
use crate::root::dense::{apply, inverse};
use cotangent_derive::Pytree;
use cotangent_jit::Error;

/// A local minimum of `½ ∑ rᵢ(x)²` near `x0`, `r` being any pytree of residuals.
///
/// Steps solve `(Jᵀ J + λ diag(Jᵀ J)) d = -Jᵀ r` with the Jacobian `J` of the residuals, in forward
/// mode; `λ` falls while the sum of squares falls as the linear model says, and rises where a step
/// has to be refused. D. W. Marquardt, SIAM J. 11 (1963); the update of `λ` is that of H. B.
/// Nielsen, "Damping parameter in Marquardt's method", 1999.
///
/// `x0` is a pytree of floats; work per step grows with the square of its size times the number of
/// residuals. [`Minimum::value`] is the half sum of squares. It also ends where the linear model
/// foresees no reduction beyond roundings. Under `jit` one loop, under `vmap` each lane ends when
/// it is done.
///
/// ```
/// use cotangent::{optimize::{MinimizeOptions, levenberg_marquardt}, prelude::*};
/// // A decay through three points.
/// let (t, y) = (array![0.0f64, 1.0, 2.0], array![2.0f64, 1.0, 0.5]);
/// let r = |(a, b): (Array, Array)| a * (-b * &t).exp() - &y;
/// let start = (Array::scalar(1.0f64), Array::scalar(0.1f64));
/// let found = levenberg_marquardt(r, start, MinimizeOptions::default());
/// assert!((found.x.1.item::<f64>() - 2f64.ln()).abs() < 1e-5);
/// ```
#[doc(alias("least_squares", "leastsq"))]
#[track_caller]
pub fn levenberg_marquardt<X: Pytree, R: Pytree>(
    r: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Minimum<X> {
    raise(try_levenberg_marquardt(r, x0, options))
}

/// Returns the error of [`levenberg_marquardt`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_levenberg_marquardt<X: Pytree, R: Pytree>(
    r: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Result<Minimum<X>, Error> {
    in_name_of("levenberg_marquardt", || descend("levenberg_marquardt", r, x0, 1e-3, &options))
}

/// As [`levenberg_marquardt`] with full steps, `Jᵀ J d = -Jᵀ r`, as long as they make the sum of
/// squares smaller, and damped ones only where they do not: for residuals that are small or nearly
/// linear.
#[track_caller]
pub fn gauss_newton<X: Pytree, R: Pytree>(
    r: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Minimum<X> {
    raise(try_gauss_newton(r, x0, options))
}

/// Returns the error of [`gauss_newton`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_gauss_newton<X: Pytree, R: Pytree>(
    r: impl Fn(X) -> R + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Result<Minimum<X>, Error> {
    in_name_of("gauss_newton", || descend("gauss_newton", r, x0, 0.0, &options))
}

/// Where a descent stands.
#[derive(Pytree, Clone)]
struct Fit {
    x: Array,
    residuals: Array,
    /// `Jᵀ r` and `Jᵀ J`
    gradient: Array,
    normal: Array,
    lambda: Array,
    /// By how much `λ` rises at the next refusal.
    rise: Array,
    iterations: Array,
    evaluations: Array,
    status: Array,
}

fn descend<X: Pytree, R: Pytree>(
    op: &'static str,
    r: impl Fn(X) -> R + Send + Sync,
    x0: X,
    lambda: f64,
    options: &MinimizeOptions,
) -> Result<Minimum<X>, Error> {
    let (x, back) = try_ravel(x0).map_err(|e| e.context(format!("{op}: the start")))?;
    let residuals = |x: &Array| ravel(afresh(|| r(back.tree(x)))).0.astype(back.dtype());
    let model = |x: &Array, r: &Array| {
        let j = jacfwd(|x: Array| residuals(&x))(x.clone());
        (r.matmul(&j), j.t().matmul(&j))
    };
    let half = |r: &Array| 0.5 * dot(r, r);
    let condition =
        |s: Fit| s.status.eq(RUNNING).logical_and(s.iterations.lt(rounds(options.max_iterations)));
    let step = |s: Fit| {
        let eye = eye_dtype(s.x.size(), s.x.dtype());
        let diagonal = (&s.normal * &eye).sum_axis(0);
        // A parameter that no residual depends on stays where it is.
        let scale = diagonal.gt(0.0).select(&diagonal, 1.0);
        let idle = diagonal.gt(0.0).select(0.0, 1.0);
        // In units in which the diagonal is 1, so that parameters of other sizes do no harm.
        let unit = scale.sqrt();
        let normal = &s.normal / (unit.expand_dims(1) * &unit) + &eye * (&s.lambda + idle);
        let d = -apply(&inverse(&normal), &(&s.gradient / &unit)) / &unit;
        let to = &s.x + &d;
        let residuals = residuals(&to);
        let (before, after) = (half(&s.residuals), half(&residuals));
        let predicted = 0.5 * dot(&d, &(&s.lambda * &scale * &d - &s.gradient));
        let ratio = (&before - &after) / &predicted;
        let better = after.lt(&before).logical_and(ratio.gt(0.0));
        let (gradient, normal) = model(&to, &residuals);
        let choose = |new: &Array, old: &Array| better.select(new, old);
        let fall = (1.0 - (2.0 * &ratio - 1.0).powi(3)).maximum(1.0 / 3.0);
        let refused = s.lambda.maximum(1e-4) * &s.rise;
        let gradient = choose(&gradient, &s.gradient);
        // Also where the model foresees no less than roundings hide.
        let flat = predicted.abs().le(2.0 * epsilon(before.dtype()) * &before);
        let done = largest(&gradient).le(options.tolerance).logical_or(&flat);
        let stuck = refused.gt(1e16).logical_and(better.logical_not());
        let going = stuck.select(Array::from(2), RUNNING);
        Fit {
            x: choose(&to, &s.x),
            residuals: choose(&residuals, &s.residuals),
            gradient,
            normal: choose(&normal, &s.normal),
            lambda: choose(&(&s.lambda * fall), &refused),
            rise: better.select(2.0, 2.0 * &s.rise),
            iterations: s.iterations + 1,
            evaluations: s.evaluations + 1,
            status: done.select(Array::from(0), &going),
        }
    };
    let descend = |x: Array| {
        let first = residuals(&x);
        let (gradient, normal) = model(&x, &first);
        let finite = half(&first).is_finite().logical_and(gradient.is_finite().all());
        let going = largest(&gradient).gt(options.tolerance).select(Array::from(RUNNING), 0);
        let one = 0.0 * half(&first) + 1.0;
        let start = Fit {
            x,
            residuals: first,
            gradient,
            normal,
            lambda: lambda * &one,
            rise: 2.0 * &one,
            iterations: Array::from(0),
            evaluations: Array::from(1),
            status: finite.select(&going, 3),
        };
        let end = while_loop(condition, step, start);
        Descent {
            value: half(&end.residuals),
            x: end.x,
            gradient: end.gradient,
            iterations: end.iterations,
            evaluations: end.evaluations,
            status: end.status,
        }
    };
    let value = |x: X| half(&ravel(r(x)).0);
    let (f, x) = Objective::new(op, value, back.try_tree::<X>(&x)?)?;
    f.minimum(x, descend, options)
}
