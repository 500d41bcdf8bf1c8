//! A step length along a direction of descent that meets the strong conditions of Wolfe.
//!
//! ```text
//! φ(a) ≤ φ(0) + c₁ a φ'(0)     |φ'(a)| ≤ c₂ |φ'(0)|     φ(a) = f(x + a d)
//! ```
//! A bracket `(low, high)` is grown by doubling and narrowed by parabolas, kept away from its ends:
//! at `low` the first condition holds and `φ` falls, at `high` it fails or `φ` rises, so that
//! between them lies a step that meets both. J. Nocedal, S. J. Wright, "Numerical Optimization",
//! second edition, section 3.5.

use super::objective::{Objective, dot};
use crate::api::control::while_loop;
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::numpy::finfo::epsilon;
use cotangent_derive::Pytree;

const SUFFICIENT: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const TRIALS: i32 = 30;

/// A point on the line.
#[derive(Pytree, Clone)]
struct Point {
    a: Array,
    value: Array,
    slope: Array,
    gradient: Array,
}

#[derive(Pytree, Clone)]
struct Bracket {
    low: Point,
    high: Point,
    /// Whether there is a `high`.
    closed: Array,
    /// The last point tried.
    tried: Point,
    found: Array,
    trials: Array,
}

/// What a search found.
pub(super) struct Found {
    pub x: Array,
    pub value: Array,
    pub gradient: Array,
    /// Whether it is any better than the start.
    pub better: Array,
    pub evaluations: Array,
}

/// Searches from `x`, with value and gradient there, along `d`, the first length to try being
/// `first`.
pub(super) fn search<X: Pytree, F: Fn(X) -> Array + Send + Sync>(
    f: &Objective<F>,
    x: &Array,
    (value, gradient): (&Array, &Array),
    d: &Array,
    first: &Array,
) -> Found {
    let slope = dot(gradient, d);
    let zero = 0.0 * value;
    let start = Point {
        a: zero.clone(),
        value: value.clone(),
        slope: slope.clone(),
        gradient: gradient.clone(),
    };
    // What roundings of the value may hide.
    let noise = 8.0 * epsilon(value.dtype()) * value.abs();
    let falls = |p: &Point| p.value.le(value + SUFFICIENT * &p.a * &slope + &noise);
    let point = |a: Array| {
        let (value, gradient) = f.both(&(x + &a * d));
        Point { slope: dot(&gradient, d), a, value, gradient }
    };
    let begin = Bracket {
        high: start.clone(),
        tried: start.clone(),
        low: start,
        closed: Array::from(false),
        found: Array::from(false),
        trials: Array::from(0),
    };
    let condition = |b: Bracket| {
        let trying = b.found.logical_not().logical_and(b.trials.lt(TRIALS));
        trying.logical_and(slope.lt(0.0))
    };
    let narrow = |b: Bracket| {
        let a = b.trials.eq(0).select(first, next(&b));
        let p = point(a);
        let down = falls(&p);
        let level = p.slope.abs().le(CURVATURE * slope.abs());
        let found = down.logical_and(&level);
        // Comparisons with NaN do not hold: such a point is a high one.
        let low = down.logical_and(p.slope.lt(0.0));
        let choose = |c: &Array, a: &Point, b: &Point| Point {
            a: c.select(&a.a, &b.a),
            value: c.select(&a.value, &b.value),
            slope: c.select(&a.slope, &b.slope),
            gradient: c.select(&a.gradient, &b.gradient),
        };
        Bracket {
            low: choose(&low, &p, &b.low),
            high: choose(&low, &b.high, &p),
            closed: b.closed.logical_or(low.logical_not()),
            tried: p,
            found,
            trials: b.trials + 1,
        }
    };
    let end = while_loop(condition, narrow, begin);
    // Without a step that meets both conditions, the best that meets the first.
    let Bracket { low, tried, found, trials, .. } = end;
    let a = found.select(&tried.a, &low.a);
    Found {
        x: x + &a * d,
        value: found.select(&tried.value, &low.value),
        gradient: found.select(&tried.gradient, &low.gradient),
        better: found.logical_or(low.a.gt(0.0)),
        evaluations: trials,
    }
}

/// The minimum of the parabola through `low`, its slope there, and `high`; the middle if that is
/// none; twice as far if there is no `high`.
fn next(b: &Bracket) -> Array {
    let width = &b.high.a - &b.low.a;
    let bend = &b.high.value - &b.low.value - &b.low.slope * &width;
    let share = -0.5 * &b.low.slope * &width / &bend;
    let usable = bend.gt(0.0).logical_and(share.is_finite());
    let share = usable.select(share.clamp(0.1, 0.9), 0.5);
    b.closed.select(&b.low.a + share * width, 2.0 * &b.tried.a)
}
