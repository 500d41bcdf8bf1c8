//! `newton_cg`: Newton's method, its equations solved by conjugate gradients.

use super::line_search::search;
use super::minimum::{MinimizeOptions, Minimum};
use super::objective::{Descent, Objective, dot};
use crate::api::control::while_loop;
use crate::api::derivative::linearize;
use crate::api::grad::grad;
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use cotangent_derive::Pytree;
use cotangent_jit::Error;

/// A local minimum of `f`, a smooth function to a float scalar, near `x0`.
///
/// The direction `d` solves `H d = -g` approximately, by conjugate gradients on Hessians times
/// vectors (forward over reverse mode), the more precisely the nearer: to
/// `|H d + g| ≤ min(1/2, √|g|) |g|`. Where the curvature along the way is not positive they end; so
/// `d` descends also where the Hessian is indefinite. Lengths meet the strong Wolfe conditions. J.
/// Nocedal, S. J. Wright, "Numerical Optimization", second edition, algorithm 7.1.
///
/// `x0` is a pytree of floats. Under `jit` one loop, under `vmap` each lane ends when it is done.
/// Panics if `f` gives no float scalar ([`try_newton_cg`] returns the error of a start that is not
/// of floats).
///
/// ```
/// use cotangent::{optimize::{MinimizeOptions, newton_cg}, prelude::*};
/// let f = |x: Array| (x.exp() - 2.0 * &x).sum();
/// let found = newton_cg(f, array![0.0f64, 3.0], MinimizeOptions::default());
/// assert!((found.x.index(1).item::<f64>() - 2f64.ln()).abs() < 1e-5);
/// ```
#[track_caller]
pub fn newton_cg<X: Pytree>(
    f: impl Fn(X) -> Array + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Minimum<X> {
    raise(try_newton_cg(f, x0, options))
}

/// Returns the error of [`newton_cg`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_newton_cg<X: Pytree>(
    f: impl Fn(X) -> Array + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Result<Minimum<X>, Error> {
    in_name_of("newton_cg", || {
        let (f, x) = Objective::new("newton_cg", f, x0)?;
        let step = |at: Descent| {
            let gradient = grad(|x: Array| f.value(&x));
            let (_, hessian) = linearize(gradient, (at.x.clone(),));
            let d = direction(&*hessian, &at.gradient);
            let one = 0.0 * &at.value + 1.0;
            let found = search(&f, &at.x, (&at.value, &at.gradient), &d, &one);
            let reached = (&found.value, &found.gradient);
            at.moved(&found.x, reached, &found.better, &found.evaluations, &options)
        };
        let descend = |x: Array| {
            let both = f.both(&x);
            while_loop(
                |at: Descent| at.condition(&options),
                step,
                Descent::start(x, both, &options),
            )
        };
        f.minimum(x, descend, &options)
    })
}

/// Conjugate gradients under way.
#[derive(Pytree, Clone)]
struct Conjugate {
    d: Array,
    /// `H d + g`
    r: Array,
    p: Array,
    ended: Array,
    rounds: Array,
}

fn direction(hessian: impl Fn(Array) -> Array, g: &Array) -> Array {
    let size = dot(g, g).sqrt();
    let enough = size.sqrt().minimum(0.5) * &size;
    let most = (2 * g.size()).max(10) as i32;
    let start = Conjugate {
        d: 0.0 * g,
        r: g.clone(),
        p: -g,
        ended: Array::from(false),
        rounds: Array::from(0),
    };
    let condition = |c: Conjugate| {
        let far = dot(&c.r, &c.r).sqrt().gt(&enough);
        far.logical_and(c.ended.logical_not()).logical_and(c.rounds.lt(most))
    };
    let round = |c: Conjugate| {
        let hp = hessian(c.p.clone());
        let (curvature, rr) = (dot(&c.p, &hp), dot(&c.r, &c.r));
        let positive = curvature.gt(0.0);
        let a = &rr / positive.select(&curvature, 1.0);
        let r = &c.r + &a * hp;
        let p = dot(&r, &r) / rr * &c.p - &r;
        // The first direction is that of steepest descent, wherever it bends.
        let fallback = c.rounds.eq(0).select(&c.p, &c.d);
        Conjugate {
            d: positive.select(&c.d + a * &c.p, fallback),
            r,
            p,
            ended: positive.logical_not(),
            rounds: c.rounds + 1,
        }
    };
    while_loop(condition, round, start).d
}
