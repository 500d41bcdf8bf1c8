//! `bisect`: a root between two points at which the signs differ.

use super::solution::{Root, RootOptions};
use crate::api::control::while_loop;
use crate::core::array::Array;
use crate::core::source::{afresh, in_name_of, raise};
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::rules::numbers::rounds;
use cotangent_derive::Pytree;
use cotangent_jit::{Error, err};

/// Roots of `f`, a function applied element by element, between `low` and `high`:
/// `|x - root| ≤ tolerance`.
///
/// `low` and `high` are floats of one shape, in which `f` returns; at each element the signs of `f`
/// at the ends must differ, or the result is NaN there and `converged` false. Elements are halved
/// together, as often as the widest bracket needs. The result is piecewise constant in what `f`
/// captures: no derivative; see [`newton`](super::newton).
///
/// ```
/// use cotangent::{prelude::*, root::{RootOptions, bisect}};
/// let squares = array![2.0, 9.0];
/// let found =
///     bisect(|x: Array| &x * &x - &squares, &array![0.0, 0.0], &array![9.0, 9.0],
///         RootOptions::default());
/// assert!((found.x.index(1).item::<f32>() - 3.0).abs() < 1e-5);
/// ```
#[doc(alias = "bisection")]
#[track_caller]
pub fn bisect(
    f: impl Fn(Array) -> Array,
    low: impl Operand,
    high: impl Operand,
    options: RootOptions,
) -> Root<Array> {
    raise(try_bisect(f, low, high, options))
}

/// A bracket; at `low` the sign of `f` is that of the beginning.
#[derive(Pytree, Clone)]
struct Bracket {
    low: Array,
    high: Array,
    iterations: Array,
}

/// Returns the error of [`bisect`] instead of panicking.
///
/// Fails if the ends are not floats of one shape.
#[track_caller]
pub fn try_bisect(
    f: impl Fn(Array) -> Array,
    low: impl Operand,
    high: impl Operand,
    options: RootOptions,
) -> Result<Root<Array>, Error> {
    in_name_of("bisect", || {
        let (mut low, mut high) = (low.to_array(), high.to_array());
        if low.is_weak() || high.is_weak() {
            // A number takes the type of the other end.
            let ends = promoted("bisect", &[&low, &high], true)?;
            let shape = if low.ndim() < high.ndim() { high.to_shape() } else { low.to_shape() };
            low = ends[0].try_broadcast_to(&shape)?;
            high = ends[1].try_broadcast_to(&shape)?;
        }
        if low.aval() != high.aval() || !low.dtype().is_float() {
            return Err(err!(
                Shape,
                "bisect: expected ends of one float type, got {} and {}; convert or broadcast one \
                 of them",
                low.aval(),
                high.aval()
            ));
        }
        let f = |x: Array| afresh(|| f(x));
        let (at_low, at_high) = (f(low.clone()), f(high.clone()));
        let falls = at_low.gt(0.0);
        // A root at an end is one; NaN is none.
        let straddles = (at_low.sign() * at_high.sign()).le(0.0);
        let width = |b: &Bracket| (&b.high - &b.low).abs();
        let wide = |b: &Bracket| width(b).gt(options.tolerance).logical_and(&straddles).any();
        let start = Bracket { low: low.clone(), high: high.clone(), iterations: Array::from(0) };
        let condition =
            |b: Bracket| wide(&b).logical_and(b.iterations.lt(rounds(options.max_iterations)));
        let halve = |b: Bracket| {
            let middle = 0.5 * (&b.low + &b.high);
            let value = f(middle.clone());
            let same = falls.select(value.gt(0.0), value.lt(0.0));
            Bracket {
                low: same.select(&middle, &b.low),
                high: same.select(&b.high, &middle),
                iterations: b.iterations + 1,
            }
        };
        let end = while_loop(condition, halve, start);
        let widest = straddles.select(width(&end), f64::INFINITY);
        let middle =
            at_low.eq(0.0).select(low, at_high.eq(0.0).select(high, 0.5 * (&end.low + &end.high)));
        let residual = if widest.size() == 0 { widest.sum() } else { widest.max() };
        Ok(Root {
            x: straddles.select(middle, f64::NAN),
            converged: residual.le(options.tolerance),
            residual,
            iterations: end.iterations,
        })
    })
}
