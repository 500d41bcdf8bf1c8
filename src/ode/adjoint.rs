//! `odeint`: the adaptive solver with the derivative of the equation, not of its steps.

use super::adaptive::integrate;
use super::field::{Field, OdeOptions, OdeStats, Problem, problem};
use crate::api::closure_convert::try_closure_convert;
use crate::api::control::{ScanOptions, scan_with};
use crate::api::custom::Custom;
use crate::api::derivative::vjp;
use crate::api::pytree::Pytree;
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::create::zeros_like;
use crate::numpy::join::{concatenate, stack};
use crate::prims::array::literal::Operand;
use crate::ravel::try_ravel_complex;
use crate::s;
use cotangent_jit::{DType, Error};
use std::sync::Arc;

/// [`dopri5`](super::dopri5) with reverse mode by the adjoint equation: memory does not grow with
/// the number of steps.
///
/// With cotangents `g_i` of `y(t_i)`, `λ` and the gradient `q` in the parameters are integrated
/// backwards beside `y`,
///
/// ```text
/// λ' = -λᵀ ∂f/∂y     q' = -λᵀ ∂f/∂p     λ(t_i⁻) = λ(t_i⁺) + g_i
/// ```
/// so that the gradient in `y0` is `λ(t_0)`, in `t_i` `g_iᵀ f(y(t_i), t_i)`; to the tolerance of
/// the options. Of complex states and parameters these are the cotangents of [`vjp`], and times
/// have the real parts. The rule is solved by `odeint` itself, so reverse mode over reverse mode
/// goes through; forward mode does not: `dopri5` has it. What `f` closes over counts as a
/// parameter, too.
///
/// L. S. Pontryagin et al., 1962; R. T. Q. Chen et al., "Neural ordinary differential equations",
/// 2018.
///
/// ```
/// use cotangent::{ode::{OdeOptions, odeint}, prelude::*};
/// let end = |p: Array| {
///     let ts = linspace_dtype(0.0, 1.0, 2, DType::F64);
///     odeint(|y: Array, _, p: Array| -p * y, Array::scalar(1.0f64), &ts, p,
///         OdeOptions::default()).0.index(1)
/// };
/// assert!((grad(end)(Array::scalar(2.0f64)).item::<f64>() + (-2.0f64).exp()).abs() < 1e-6);
/// ```
#[doc(alias = "odeint_adjoint")]
#[track_caller]
pub fn odeint<Y: Pytree, P: Pytree>(
    f: impl Fn(Y, Array, P) -> Y + Send + Sync + 'static,
    y0: Y,
    ts: impl Operand,
    p: P,
    options: OdeOptions,
) -> (Y, OdeStats) {
    raise(try_odeint(f, y0, ts, p, options))
}

/// Returns the error of [`odeint`] instead of panicking.
///
/// Fails if states or parameters are no floats and not complex, or the times no vector of
/// floats.
#[track_caller]
pub fn try_odeint<Y: Pytree, P: Pytree>(
    f: impl Fn(Y, Array, P) -> Y + Send + Sync + 'static,
    y0: Y,
    ts: impl Operand,
    p: P,
    options: OdeOptions,
) -> Result<(Y, OdeStats), Error> {
    in_name_of("odeint", || {
        let Problem { field, y0, ts, p, state } = problem("odeint", f, y0, &ts.to_array(), p)?;
        let (field, p) = opened(field, &y0, &ts, p)?;
        let (ys, stats) = solve(field, options, y0, ts, p);
        Ok((state.try_tree(&ys)?, stats))
    })
}

/// A field that closes over no traced floats or complex numbers, and the parameters with those that
/// it closed over.
fn opened(
    field: Field<'static>,
    y0: &Array,
    ts: &Array,
    p: Array,
) -> Result<(Field<'static>, Array), Error> {
    let plain = move |y: Array, t: Array, p: Array| field(&y, &t, &p);
    let example = (y0.clone(), ts.index(0), p.clone());
    let (plain, closed_over) = try_closure_convert(plain, example)?;
    let moves = |a: &Array| a.is_tracer() && a.dtype().is_inexact();
    let moving: Vec<Array> = closed_over.iter().filter(|a| moves(a)).cloned().collect();
    let (all, parts) = try_ravel_complex((p, moving))?;
    let fixed: Vec<Option<Array>> =
        closed_over.into_iter().map(|a| (!moves(&a)).then_some(a)).collect();
    let field = move |y: &Array, t: &Array, all: &Array| {
        let (p, moving): (Array, Vec<Array>) = parts.tree(all);
        let mut moving = moving.into_iter();
        let one = |a: &Option<Array>| a.clone().or_else(|| moving.next());
        let closed_over = fixed.iter().filter_map(one).collect();
        plain((y.clone(), t.clone(), p), closed_over)
    };
    Ok((Arc::new(field), all))
}

/// The solution with the adjoint as its reverse rule.
fn solve(
    field: Field<'static>,
    options: OdeOptions,
    y0: Array,
    ts: Array,
    p: Array,
) -> (Array, OdeStats) {
    let options = Arc::new(OdeOptions { reverse: false, ..options });
    let (run, rule) = ((field.clone(), options.clone()), (field, options));
    let plain = {
        let (field, options) = run.clone();
        move |y0: Array, ts: Array, p: Array| integrate(&field, &y0, &ts, &p, &options)
    };
    let forward = move |(y0, ts, p): (Array, Array, Array)| {
        // With its own rule, so that the derivative of this rule does not meet the loop.
        let (field, options) = run.clone();
        let (ys, stats) = solve(field, (*options).clone(), y0, ts.clone(), p.clone());
        ((ys.clone(), stats), (ys, ts, p))
    };
    let backward = move |(ys, ts, p): (Array, Array, Array), (g, _): (Array, OdeStats)| {
        let (field, options) = &rule;
        cotangents(field, options, &ys, &ts, &p, &g)
    };
    let rules = Custom::new().forward_cure(
        "odeint: reverse mode only, and forward mode (jvp, jet, jacfwd, hessian) was asked for; \
         use dopri5, which has it",
    );
    rules.vjp(plain, forward, backward)(y0, ts, p)
}

/// Cotangents of the start, the times and the parameters.
fn cotangents(
    field: &Field<'static>,
    options: &Arc<OdeOptions>,
    ys: &Array,
    ts: &Array,
    p: &Array,
    g: &Array,
) -> (Array, Array, Array) {
    let (n, m) = (ys.shape()[1], p.size());
    let state = ys.dtype();
    // The dtype of all that is integrated backwards: complex if the parameters alone are, too.
    let dtype = match p.dtype().is_complex() && !state.is_complex() {
        true => state.complex().unwrap_or(DType::C64),
        false => state,
    };
    let backwards = Arc::new({
        let field = field.clone();
        move |all: &Array, t: &Array, p: &Array| {
            let part = |from: usize| all.index(s![from..from + n]).astype(state);
            let (y, lambda) = (part(0), part(n));
            let f = |y: Array, p: Array| field(&y, t, &p);
            let (velocity, pullback) = vjp(f, (y, p.clone()));
            let (along_y, along_p) = pullback(lambda);
            concatenate([velocity, -along_y, -along_p].map(|x| x.astype(dtype)), 0)
        }
    });
    let interval = |(lambda, q): (Array, Array), slices: [Array; 4]| {
        let [y, g, t, before] = slices;
        let dt = along(&g, &field(&y, &t, p));
        let end = concatenate([y, lambda + g, q].map(|x| x.astype(dtype)), 0);
        let times = stack(&[t, before], 0);
        let options = (**options).clone();
        let (all, _) = solve(backwards.clone(), options, end, times, p.clone());
        let all = all.index(1);
        ((all.index(s![n..2 * n]).astype(state), all.index(s![2 * n..2 * n + m])), dt)
    };
    let later = |x: &Array| x.index(s![1..]);
    let slices = [later(ys), later(g), later(ts), ts.index(s![..-1])];
    let start = (zeros_like(g.index(0)), zeros_like(p).astype(dtype));
    let options = ScanOptions { reverse: true, ..Default::default() };
    let ((lambda, q), dts) = scan_with(interval, start, slices, options);
    // A later start at the same state is what the flow undoes.
    let dt0 = -along(&lambda, &field(&ys.index(0), &ts.index(0), p));
    (lambda + g.index(0), concatenate(&[dt0.expand_dims(0), dts], 0), q.astype(p.dtype()))
}

/// The pairing of a cotangent and a tangent, a real number: `Re ∑ cᵢ tᵢ`.
fn along(cotangent: &Array, tangent: &Array) -> Array {
    let sum = (cotangent * tangent).sum();
    if sum.dtype().is_complex() { sum.real() } else { sum }
}
