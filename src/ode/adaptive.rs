//! `dopri5`: steps chosen so that each one's error stays within a tolerance.

use super::dormand_prince::{Segment, step};
use super::field::{Field, OdeOptions, OdeStats, Problem, problem};
use crate::api::control::{scan, while_loop, while_loop_bounded};
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::finfo::epsilon;
use crate::numpy::join::concatenate;
use crate::prims::array::literal::Operand;
use crate::prims::lax::stop_gradient;
use crate::prims::rules::numbers::rounds;
use crate::s;
use cotangent_derive::Pytree;
use cotangent_jit::{DType, Error};

/// The solution of `y' = f(y, t, p)`, `y(ts[0]) = y0`, at the times `ts`, and how it was found.
///
/// The method of Dormand and Prince of order 5 with an error estimate of order 4: a step is taken
/// if `√(mean (eᵢ / (atol + rtol max(|yᵢ|, |yᵢ'|)))²) ≤ 1`, and a proportional-integral controller
/// chooses the next from the errors of the last two. Steps do not stop at output times, between
/// which an interpolant of order 4 is evaluated; they stop at the last one. Times may run
/// backwards.
///
/// `y0` and `p` are pytrees of floats or complex numbers (then `|.|` are their moduli), `ts` is
/// `[n]` of floats, monotonic; the leaves of the result have `n` in front, the first slice being
/// `y0`. Where the solution cannot be followed (see [`OdeStatus`](super::OdeStatus)) the rest is
/// NaN.
///
/// The derivative is that of the steps, their lengths held: forward mode, in `y0`, `ts` and `p` and
/// whatever `f` captures; reverse mode with [`OdeOptions::reverse`], or by
/// [`odeint`](super::odeint). Panics if `f` does not return what is like the state ([`try_dopri5`]
/// returns other errors).
///
/// ```
/// use cotangent::{ode::{OdeOptions, OdeStatus, dopri5}, prelude::*};
/// let ts = linspace_dtype(0.0, 1.0, 3, DType::F64);
/// let f = |y: Array, _, p: Array| -p * y;
/// let (ys, stats) =
///     dopri5(f, Array::scalar(1.0f64), &ts, Array::scalar(2.0f64), OdeOptions::default());
/// assert!((ys.index(2).item::<f64>() - (-2.0f64).exp()).abs() < 1e-7);
/// assert_eq!(stats.status(), OdeStatus::Done);
/// ```
#[doc(alias("solve_ivp", "RK45", "diffeqsolve"))]
#[track_caller]
pub fn dopri5<Y: Pytree, P: Pytree>(
    f: impl Fn(Y, Array, P) -> Y + Send + Sync,
    y0: Y,
    ts: impl Operand,
    p: P,
    options: OdeOptions,
) -> (Y, OdeStats) {
    raise(try_dopri5(f, y0, ts, p, options))
}

/// Returns the error of [`dopri5`] instead of panicking.
///
/// Fails if states or parameters are no floats and not complex, or the times no vector of
/// floats.
#[track_caller]
pub fn try_dopri5<Y: Pytree, P: Pytree>(
    f: impl Fn(Y, Array, P) -> Y + Send + Sync,
    y0: Y,
    ts: impl Operand,
    p: P,
    options: OdeOptions,
) -> Result<(Y, OdeStats), Error> {
    in_name_of("dopri5", || {
        let Problem { field, y0, ts, p, state } = problem("dopri5", f, y0, &ts.to_array(), p)?;
        let (ys, stats) = integrate(&field, &y0, &ts, &p, &options);
        Ok((state.try_tree(&ys)?, stats))
    })
}

/// Where an integration stands.
#[derive(Pytree, Clone)]
struct Progress {
    t: Array,
    y: Array,
    /// The velocity there.
    k: Array,
    /// The next step's length.
    h: Array,
    /// The error of the last step taken.
    error: Array,
    segment: Segment,
    /// Attempts since the last output time.
    attempts: Array,
    steps: Array,
    rejected: Array,
    status: Array,
}

/// The solution `[m, n]` at times `[m]`.
pub(super) fn integrate(
    field: &Field,
    y0: &Array,
    ts: &Array,
    p: &Array,
    options: &OdeOptions,
) -> (Array, OdeStats) {
    let (first, last) = (ts.index(0), stop_gradient(&ts.index(-1)));
    let span = &last - stop_gradient(&first);
    let k = field(y0, &first, p);
    let h = match options.first_step {
        Some(h) => h * span.sign(),
        None => first_step(field, y0, &k, &first, &span, p, options),
    };
    let zero = Array::from(0);
    let start = Progress {
        segment: Segment::start(&first, y0),
        error: 0.0 * &h + 1.0,
        t: first,
        y: y0.clone(),
        k,
        h: stop_gradient(&h),
        attempts: zero.clone(),
        steps: zero.clone(),
        rejected: zero.clone(),
        status: zero.clone(),
    };
    let to_time = |from: Progress, target: Array| {
        let ahead = |s: &Progress| {
            let left = (stop_gradient(&target) - stop_gradient(&s.t)) * span.sign();
            left.gt(0.0).logical_and(s.status.eq(0))
        };
        let from = Progress { attempts: zero.clone(), ..from };
        let test = |s: Progress| ahead(&s);
        let advance = |s: Progress| attempt(field, s, &last, &span, p, options);
        let reached = match options.reverse {
            true => while_loop_bounded(options.max_steps + 1, test, advance, from),
            false => while_loop(test, advance, from),
        };
        let y = reached.segment.at(&target);
        let y = reached.status.eq(0).select(&y, f64::NAN);
        (reached, y)
    };
    let (end, later) = scan(to_time, start, ts.index(s![1..]));
    let ys = concatenate(&[y0.expand_dims(0), later], 0);
    let evaluations = 6 * (&end.steps + &end.rejected) + 2;
    let stats =
        OdeStats { steps: end.steps, rejected: end.rejected, evaluations, status: end.status };
    (ys, stats)
}

/// Tries one step, and takes it or shortens the next.
fn attempt(
    field: &Field,
    s: Progress,
    last: &Array,
    span: &Array,
    p: &Array,
    options: &OdeOptions,
) -> Progress {
    const SAFETY: f64 = 0.9;
    // Hairer, Nørsett, Wanner, section II.4: exponents of the last error and of the one before.
    const BETA: f64 = 0.04;
    const ALPHA: f64 = 0.2 - 0.75 * BETA;
    let left = last - stop_gradient(&s.t);
    let ends = s.h.abs().ge(left.abs());
    let h = ends.select(&left, &s.h);
    let tried = step(field, &s.y, &s.k, &s.t, &h, p);

    let scale = options.atol + options.rtol * s.y.abs().maximum(tried.y.abs());
    let error = stop_gradient(&root_mean_square(&(&tried.error / scale)));
    // A NaN is an error without bounds: no comparison with it holds.
    let taken = error.le(1.0);
    let known = taken.logical_or(error.lt(f64::INFINITY));
    let size = known.select(&error, 1e10).maximum(1e-10);
    let growth = SAFETY * size.pow(-ALPHA) * s.error.pow(BETA);
    let growth = taken.select(growth.clamp(0.2, 10.0), growth.clamp(0.1, 0.9));
    let next = stop_gradient(&(&h * &growth));

    let choose = |new: &Array, old: &Array| taken.select(new, old);
    let t = ends.select(last, &(&s.t + &h));
    let one = taken.astype(DType::I32);
    let attempts = &s.attempts + 1;
    let many = attempts.gt(rounds(options.max_steps)).astype(DType::I32);
    // A step that does not move time against the whole span will not end.
    let tiny = next.abs().le(4.0 * epsilon(span.dtype()) * span.abs());
    let stuck = tiny.logical_and(taken.logical_and(&ends).logical_not());
    let status = stuck.select(Array::from(2), many);
    Progress {
        t: choose(&t, &s.t),
        y: choose(&tried.y, &s.y),
        k: choose(&tried.k, &s.k),
        h: next,
        error: choose(&size.maximum(1e-4), &s.error),
        segment: crate::api::pytree::tree_map2(
            |new, old| choose(&new, &old),
            tried.segment,
            s.segment,
        ),
        attempts,
        steps: &s.steps + &one,
        rejected: &s.rejected + (1 - one),
        status,
    }
}

fn root_mean_square(x: &Array) -> Array {
    let squares = if x.dtype().is_complex() { (x * x.conj()).real() } else { x.square() };
    (squares.sum() / (x.size().max(1) as f64)).sqrt()
}

/// A step over which the field changes little: Hairer, Nørsett, Wanner, section II.4.
fn first_step(
    field: &Field,
    y: &Array,
    k: &Array,
    t: &Array,
    span: &Array,
    p: &Array,
    options: &OdeOptions,
) -> Array {
    let scale = options.atol + options.rtol * y.abs();
    let (d0, d1) = (root_mean_square(&(y / &scale)), root_mean_square(&(k / &scale)));
    let small = d0.lt(1e-5).logical_or(d1.lt(1e-5));
    // Where a case is not chosen its quotient is harmless.
    let h0 =
        small.select(Array::from(1e-6).astype(y.dtype().part()), 0.01 * d0 / d1.maximum(1e-30));
    let h0 = h0.minimum(span.abs());
    let moved = field(&(y + span.sign() * &h0 * k), &(t + span.sign() * &h0), p);
    let d2 = root_mean_square(&((moved - k) / scale)) / h0.maximum(1e-30);
    let steepest = d1.maximum(&d2);
    let flat = steepest.le(1e-15);
    let h1 = flat.select((&h0 * 1e-3).maximum(1e-6), (0.01 / steepest.maximum(1e-15)).pow(0.2));
    let h = (100.0 * h0).minimum(h1).minimum(span.abs());
    let usable = h.gt(0.0).logical_and(h.lt(f64::INFINITY));
    span.sign() * usable.select(&h, &(1e-3 * span.abs()))
}
