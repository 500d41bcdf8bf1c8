//! `nelder_mead`: descent by a simplex of points, without derivatives.

use super::minimum::{MinimizeOptions, Minimum};
use super::objective::{Descent, Objective, RUNNING, largest};
use crate::api::control::{cond, while_loop};
use crate::api::make_jaxpr::eval_shape;
use crate::api::pytree::Pytree;
use crate::api::vmap::vmap;
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::create::eye_dtype;
use crate::numpy::join::concatenate;
use crate::prims::rules::numbers::rounds;
use crate::s;
use cotangent_derive::Pytree;
use cotangent_jit::{Error, err};

/// A local minimum of `f`, a function to a float scalar that need not be smooth, near `x0`.
///
/// A simplex of `n + 1` points: the worst is reflected at the others' centre, further out if that
/// is the best yet, less far or inside if it is not better; where that fails, all shrink towards
/// the best. Factors depend on `n` as F. Gao and L. Han propose, "Implementing the Nelder-Mead
/// simplex algorithm with adaptive parameters", Comput. Optim. Appl. 51 (2012). It ends when no
/// point is farther from the best than the tolerance, nor its value.
///
/// `x0` is a pytree of floats. For a few variables. Under `jit` one loop, under `vmap` each lane
/// ends when it is done; `f` is batched over the simplex. Panics if `f` gives no scalar
/// ([`try_nelder_mead`] returns the error of a start that is not of floats).
///
/// ```
/// use cotangent::{optimize::{MinimizeOptions, nelder_mead}, prelude::*};
/// let f = |x: Array| (x - array![1.0, -2.0].astype(DType::F64)).abs().sum();
/// let found = nelder_mead(f, array![0.0f64, 0.0], MinimizeOptions::default());
/// assert!((found.x.index(1).item::<f64>() + 2.0).abs() < 1e-4);
/// ```
#[track_caller]
pub fn nelder_mead<X: Pytree>(
    f: impl Fn(X) -> Array + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Minimum<X> {
    raise(try_nelder_mead(f, x0, options))
}

/// Points in the order of their values, best first.
#[derive(Pytree, Clone)]
struct Simplex {
    points: Array,
    values: Array,
    iterations: Array,
    evaluations: Array,
}

impl Simplex {
    fn sorted(points: Array, values: Array, iterations: Array, evaluations: Array) -> Simplex {
        let order = values.argsort(0);
        Simplex {
            points: points.take(&order, 0),
            values: values.take(&order, 0),
            iterations,
            evaluations,
        }
    }

    /// How far points lie from the best.
    fn size(&self) -> Array {
        largest(&(self.points.index(s![1..]) - self.points.index(0)))
    }

    fn spread(&self) -> Array {
        largest(&(self.values.index(s![1..]) - self.values.index(0)))
    }
}

/// Returns the error of [`nelder_mead`] instead of panicking.
///
/// Fails if the start is not of floats.
#[track_caller]
pub fn try_nelder_mead<X: Pytree>(
    f: impl Fn(X) -> Array + Send + Sync,
    x0: X,
    options: MinimizeOptions,
) -> Result<Minimum<X>, Error> {
    in_name_of("nelder_mead", || {
        let (f, x) = Objective::new("nelder_mead", f, x0)?;
        let n = x.size();
        let wide = n.max(2) as f64;
        let (expand, contract, shrink) = (1.0 + 2.0 / wide, 0.75 - 0.5 / wide, 1.0 - 1.0 / wide);
        // One point off the start along each axis, by a twentieth of its coordinate.
        let off = x.eq(0.0).select(2.5e-4, 0.05 * &x);
        let corners = &x + eye_dtype(n, x.dtype()) * &off;
        let points = concatenate(&[x.expand_dims(0), corners], 0);
        let shape = eval_shape(|x: Array| f.value(&x)).try_call((x.clone(),))?;
        if let [aval] = &shape.leaves[..]
            && aval.rank() > 0
        {
            return Err(err!(
                Shape,
                "nelder_mead: the function must return a scalar, got {aval}; reduce it with sum or \
                 mean"
            ));
        }
        let all = |points: Array| vmap(|x: Array| f.value(&x))(points);
        let values = all(points.clone());
        let count = Array::from(n as i32 + 1);
        let start = Simplex::sorted(points, values, Array::from(0), count.clone());
        let ended = |s: &Simplex| {
            s.size().le(options.tolerance).logical_and(s.spread().le(options.tolerance))
        };
        let condition = |s: Simplex| {
            let few = s.iterations.lt(rounds(options.max_iterations));
            ended(&s).logical_not().logical_and(&few)
        };
        let round = |s: Simplex| {
            let (best, worst) = (s.values.index(0), s.values.index(-1));
            let second = s.values.index(n.max(1) as i64 - 1);
            let centre = s.points.index(s![..-1]).mean_axis(0);
            let out = &centre - s.points.index(-1);
            let reflected = &centre + &out;
            let value = f.value(&reflected);
            let leads = value.lt(&best);
            let (fair, poor) = (value.lt(&second), value.lt(&worst).logical_not());
            let factor = leads.select(expand, poor.select(-contract, contract));
            let other = &centre + factor * &out;
            let other_value = f.value(&other);
            let to_other = leads.select(
                other_value.lt(&value),
                fair.logical_not()
                    .logical_and(poor.select(other_value.lt(&worst), other_value.le(&value))),
            );
            let shrinks = leads.logical_or(&fair).logical_or(&to_other).logical_not();
            let new = to_other.select(&other, &reflected).expand_dims(0);
            let new_value = to_other.select(&other_value, &value).expand_dims(0);
            let kept = (s.points.index(s![..-1]), s.values.index(s![..-1]));
            let replaced = (concatenate(&[kept.0, new], 0), concatenate(&[kept.1, new_value], 0));
            let drawn = |(points, _): (Array, Array)| {
                let best = points.index(0);
                let points = &best + shrink * (&points - &best);
                (points.clone(), all(points))
            };
            let old = (s.points.clone(), s.values.clone());
            let (points, values) =
                cond(&shrinks, |(old, _)| drawn(old), |(_, replaced)| replaced, (old, replaced));
            let evaluations = s.evaluations + shrinks.select(2 + &count, 2);
            Simplex::sorted(points, values, s.iterations + 1, evaluations)
        };
        let end = while_loop(condition, round, start);
        let done = ended(&end).select(Array::from(0), RUNNING);
        let value = end.values.index(0);
        let status = value.is_finite().select(&done, 3);
        f.found(Descent {
            x: end.points.index(0),
            gradient: end.size().expand_dims(0),
            value,
            iterations: end.iterations,
            evaluations: end.evaluations,
            status,
        })
    })
}
