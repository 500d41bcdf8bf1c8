//! `lbfgs`: the quasi-Newton method of limited memory.

use super::line_search::search;
use super::minimum::{MinimizeOptions, Minimum};
use super::objective::{Descent, Objective, dot};
use crate::api::control::{ScanOptions, scan, scan_with, while_loop};
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::create::zeros_dtype;
use crate::numpy::finfo::epsilon;
use crate::numpy::join::concatenate;
use crate::s;
use cotangent_derive::Pytree;
use cotangent_jit::Error;

/// A local minimum of `f`, a smooth function to a float scalar, near `x0`.
///
/// The method of Broyden, Fletcher, Goldfarb and Shanno with limited memory: the direction is
/// `-H g`, `H` being the inverse Hessian that the last `history` steps tell of, applied by two
/// loops over them; lengths meet the strong Wolfe conditions. J. Nocedal, "Updating quasi-Newton
/// matrices with limited storage", Math. Comp. 35 (1980).
///
/// `x0` is a pytree of floats. Under `jit` one loop, under `vmap` each lane ends when it is done.
/// Panics if `f` gives no float scalar ([`try_lbfgs`] returns the error of a start that is not of
/// floats).
///
/// ```
/// use cotangent::{optimize::{MinimizeOptions, lbfgs}, prelude::*};
/// let rosenbrock =
///     |(x, y): (Array, Array)| (1.0 - &x).square() + 100.0 * (y - x.square()).square();
/// let start = (Array::scalar(-1.2f64), Array::scalar(1.0f64));
/// let found = lbfgs(rosenbrock, start, MinimizeOptions::default());
/// assert!((found.x.0.item::<f64>() - 1.0).abs() < 1e-5);
/// ```
#[doc(alias("BFGS", "minimize"))]
#[track_caller]
pub fn lbfgs<X: Pytree>(
    f: impl Fn(X) -> Array + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Minimum<X> {
    raise(try_lbfgs(f, x0, options))
}

/// The last steps and changes of gradient, oldest first; `rho` is `1 / (s · y)`, 0 where there is
/// none yet.
#[derive(Pytree, Clone)]
struct History {
    s: Array,
    y: Array,
    rho: Array,
    /// The scale of the inverse Hessian before all updates.
    gamma: Array,
}

/// Returns the error of [`lbfgs`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_lbfgs<X: Pytree>(
    f: impl Fn(X) -> Array + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Result<Minimum<X>, Error> {
    in_name_of("lbfgs", || {
        let (f, x) = Objective::new("lbfgs", f, x0)?;
        let (n, m, dtype) = (x.size(), options.history.max(1), x.dtype());
        let condition = |(at, _): (Descent, History)| at.condition(&options);
        let step = |(at, history): (Descent, History)| {
            let d = -history.apply(&at.gradient);
            let one = 0.0 * &at.value + 1.0;
            let found = search(&f, &at.x, (&at.value, &at.gradient), &d, &one);
            let history =
                history.with(&found.x - &at.x, &found.gradient - &at.gradient, &found.better);
            let reached = (&found.value, &found.gradient);
            (at.moved(&found.x, reached, &found.better, &found.evaluations, &options), history)
        };
        let descend = |x: Array| {
            let both = f.both(&x);
            // Before anything is known, a first step of length 1 at most.
            let gamma = 1.0 / dot(&both.1, &both.1).sqrt().maximum(1.0);
            let history = History {
                s: zeros_dtype([m, n], dtype),
                y: zeros_dtype([m, n], dtype),
                rho: zeros_dtype([m], dtype),
                gamma,
            };
            let start = (Descent::start(x, both, &options), history);
            while_loop(condition, step, start).0
        };
        f.minimum(x, descend, &options)
    })
}

impl History {
    /// The inverse Hessian times `g`.
    fn apply(&self, g: &Array) -> Array {
        let newest_first = ScanOptions { reverse: true, ..Default::default() };
        let pairs = || (self.s.clone(), self.y.clone(), self.rho.clone());
        let down = |q: Array, (s, y, rho): (Array, Array, Array)| {
            let a = rho * dot(&s, &q);
            (q - &a * y, a)
        };
        let (q, a) = scan_with(down, g.clone(), pairs(), newest_first);
        let up = |r: Array, ((s, y, rho), a): ((Array, Array, Array), Array)| {
            let b = rho * dot(&y, &r);
            (r + (a - b) * s, ())
        };
        scan(up, &self.gamma * q, (pairs(), a)).0
    }

    /// With one more pair, if the curvature along it is positive.
    fn with(self, s: Array, y: Array, better: &Array) -> History {
        let (sy, yy) = (dot(&s, &y), dot(&y, &y));
        let least = epsilon(s.dtype()) * &yy;
        let keep = better.logical_and(sy.gt(&least)).logical_and(sy.gt(0.0));
        let safe = |x: &Array| keep.select(x, 1.0);
        let (rho, gamma) = (1.0 / safe(&sy), safe(&sy) / safe(&yy));
        let push = |old: &Array, new: Array| {
            let pushed = concatenate(&[old.index(s![1..]), new.expand_dims(0)], 0);
            keep.select(pushed, old)
        };
        History {
            s: push(&self.s, s),
            y: push(&self.y, y),
            rho: push(&self.rho, rho),
            gamma: keep.select(&gamma, &self.gamma),
        }
    }
}
