//! Taylor mode: a jaxpr from `x` to `y` becomes one that also maps the coefficients of a curve
//! `x(t) = x + x₁ t + x₂ t² + ..` to those of `y(t)`.
//!
//! Coefficients that are zero stay symbolic, like tangents in `jvp`, which is the first order of
//! this mode. Each primitive tells how coefficients pass it (`prims::taylor`).

use super::replay::replay;
use crate::core::array::Array;
use crate::core::jaxpr::{Atom, Jaxpr};
use crate::core::primitive::{Ctx, Tangent};
use crate::core::source;
use crate::core::trace::bind;
use crate::prims::rules::zeros::instantiate;
use crate::prims::taylor::along;
use cotangent_jit::Error;
use smallvec::SmallVec;

/// A value and its coefficients from the first on. There are none if all are zero.
type Curve = (Array, Vec<Tangent>);

/// Inputs of the result: primals, then the coefficients in `nonzero`, `order` bits per input.
/// Outputs: primals, then the coefficients in the returned mask, which contains `force`.
pub fn jet(
    ctx: &Ctx,
    jaxpr: &Jaxpr,
    order: usize,
    nonzero: &[bool],
    force: &[bool],
) -> Result<(Jaxpr, Vec<bool>), Error> {
    let n = jaxpr.inputs.len();
    let mut avals = jaxpr.in_avals();
    let coefficients = avals.iter().flat_map(|a| std::iter::repeat_n(a.strong(), order));
    let given: Vec<_> = coefficients.zip(nonzero).filter(|(_, nz)| **nz).map(|(a, _)| a).collect();
    avals.extend(given);
    let mut mask = Vec::new();
    let result = replay(&avals, |args| {
        let mut given = args[n..].iter();
        let mut env: Vec<Option<Curve>> = vec![None; jaxpr.avals.len()];
        for (i, v) in jaxpr.inputs.iter().enumerate() {
            let coefficient = |nz: &bool| match nz {
                true => Tangent::Value(given.next().expect("one per set bit").clone()),
                false => Tangent::Zero(args[i].aval().strong()),
            };
            let series = nonzero[i * order..(i + 1) * order].iter().map(coefficient).collect();
            env[v.index()] = Some((args[i].clone(), shortened(series)));
        }
        for eqn in &jaxpr.eqns {
            let (primals, series): (SmallVec<[Array; 3]>, SmallVec<[Vec<Tangent>; 3]>) =
                eqn.inputs.iter().map(|a| read(&env, *a)).unzip();
            let (outs, out_series) = source::replaying(eqn.source, || {
                if series.iter().all(Vec::is_empty) {
                    let outs = bind(eqn.prim.clone(), &primals)?;
                    let zeros = vec![Vec::new(); outs.len()];
                    return Ok((outs, zeros));
                }
                let flat = primals.iter().zip(series).flat_map(|(p, s)| full(p, s, order));
                let flat: Vec<Tangent> = flat.collect();
                let (outs, flat) = along(ctx, order, &eqn.prim, eqn.source, &primals, &flat)?;
                debug_assert_eq!(flat.len(), outs.len() * order);
                Ok((outs, flat.chunks(order).map(|s| shortened(s.to_vec())).collect()))
            })
            .map_err(|e: Error| e.context(eqn.source))?;
            for ((v, out), series) in eqn.outputs.iter().zip(outs).zip(out_series) {
                env[v.index()] = Some((out, series));
            }
        }
        let outs: Vec<Curve> = jaxpr.outputs.iter().map(|a| read(&env, *a)).collect();
        let flat: Vec<Tangent> = outs.iter().flat_map(|(p, s)| full(p, s.clone(), order)).collect();
        mask = flat.iter().zip(force).map(|(t, f)| *f || !t.is_zero()).collect();
        let kept = flat.iter().zip(&mask).filter(|(_, keep)| **keep).map(|(t, _)| instantiate(t));
        Ok(outs.iter().map(|(p, _)| p.clone()).chain(kept).collect())
    })?;
    Ok((result, mask))
}

/// All `order` coefficients of a curve.
fn full(primal: &Array, series: Vec<Tangent>, order: usize) -> Vec<Tangent> {
    if series.is_empty() { vec![Tangent::Zero(primal.aval().strong()); order] } else { series }
}

/// Drops a list of coefficients that are all zero.
fn shortened(series: Vec<Tangent>) -> Vec<Tangent> {
    if series.iter().all(Tangent::is_zero) { Vec::new() } else { series }
}

fn read(env: &[Option<Curve>], a: Atom) -> Curve {
    match a {
        Atom::Var(v) => env[v.index()].clone().expect("a variable is bound before its use"),
        Atom::Literal(s) => (Array::literal(s), Vec::new()),
    }
}
