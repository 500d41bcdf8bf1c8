//! The classical Runge-Kutta method of fourth order, with steps as given.

use super::field::{Problem, problem};
use crate::api::control::scan;
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::join::concatenate;
use crate::prims::array::literal::Operand;
use crate::s;
use cotangent_jit::Error;

/// The solution of `y' = f(y, t, p)`, `y(ts[0]) = y0`, at the times `ts`, one step of the classical
/// Runge-Kutta method from each to the next.
///
/// ```text
/// k1 = f(y, t)   k2 = f(y + h/2 k1, t + h/2)   k3 = f(y + h/2 k2, t + h/2)   k4 = f(y + h k3,
///     t + h)
/// y(t + h) = y + h/6 (k1 + 2 k2 + 2 k3 + k4) + O(h⁵)
/// ```
/// `y0` and `p` are pytrees of floats or complex numbers, `ts` is `[n]`; the leaves of the result
/// have `n` in front, the first slice being `y0`. One `scan`, so derivatives of both modes and any
/// order go through; those of the step, not of the equation. Panics if `f` does not return what is
/// like the state ([`try_rk4`] returns other errors).
///
/// ```
/// use cotangent::{ode::rk4, prelude::*};
/// let ys =
///     rk4(|y: Array, _, p: Array| -p * y, Array::from(1.0), &linspace(0.0, 1.0, 11),
///         Array::from(2.0));
/// assert!((ys.index(10).to_f64() - (-2.0f64).exp()).abs() < 1e-5);
/// ```
#[track_caller]
pub fn rk4<Y: Pytree, P: Pytree>(
    f: impl Fn(Y, Array, P) -> Y + Send + Sync,
    y0: Y,
    ts: impl Operand,
    p: P,
) -> Y {
    raise(try_rk4(f, y0, ts, p))
}

/// Returns the error of [`rk4`] instead of panicking.
///
/// Fails if states or parameters are no floats and not complex, or the times no vector of
/// floats.
#[track_caller]
pub fn try_rk4<Y: Pytree, P: Pytree>(
    f: impl Fn(Y, Array, P) -> Y + Send + Sync,
    y0: Y,
    ts: impl Operand,
    p: P,
) -> Result<Y, Error> {
    in_name_of("rk4", || {
        let Problem { field, y0, ts, p, state } = problem("rk4", f, y0, &ts.to_array(), p)?;
        let step = |y: Array, (t, next): (Array, Array)| {
            let h = next - &t;
            let half = &t + 0.5 * &h;
            let k1 = field(&y, &t, &p);
            let k2 = field(&(&y + 0.5 * &h * &k1), &half, &p);
            let k3 = field(&(&y + 0.5 * &h * &k2), &half, &p);
            let k4 = field(&(&y + &h * &k3), &(&t + &h), &p);
            let y = y + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4);
            (y.clone(), y)
        };
        let intervals = (ts.index(s![..-1]), ts.index(s![1..]));
        let (_, later) = scan(step, y0.clone(), intervals);
        state.try_tree(&concatenate(&[y0.expand_dims(0), later], 0))
    })
}
