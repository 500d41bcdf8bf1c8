//! Forward mode: a jaxpr from `x` to `y` becomes one from `x, dx` to `y, dy`.
//!
//! Tangents that are zero stay symbolic. Equations that no tangent reaches are copied, and rules
//! see which operands have one.
//!
//! Not here: the rules (prims).

use super::replay::replay;
use crate::core::array::Array;
use crate::core::jaxpr::{Atom, Jaxpr};
use crate::core::primitive::{Ctx, Tangent};
use crate::core::source;
use crate::core::trace::bind;
use crate::prims::rules::zeros::instantiate;
use cotangent_jit::Error;
use smallvec::SmallVec;

/// Inputs of the result: primals, then tangents of the inputs in `nonzero`. Outputs: primals, then
/// the tangents of those in the returned mask, which contains `force`.
pub fn jvp(
    ctx: &Ctx,
    jaxpr: &Jaxpr,
    nonzero: &[bool],
    force: &[bool],
) -> Result<(Jaxpr, Vec<bool>), Error> {
    let primals = jaxpr.in_avals();
    let tangents = primals.iter().zip(nonzero).filter(|(_, nz)| **nz).map(|(a, _)| a.strong());
    let avals: Vec<_> = primals.iter().cloned().chain(tangents).collect();
    let mut mask = Vec::new();
    let result = replay(&avals, |args| {
        let (primals, mut tangents) = (&args[..nonzero.len()], args[nonzero.len()..].iter());
        let mut env: Vec<Option<(Array, Tangent)>> = vec![None; jaxpr.avals.len()];
        for ((v, primal), nz) in jaxpr.inputs.iter().zip(primals).zip(nonzero) {
            let tangent = match nz {
                true => Tangent::Value(tangents.next().expect("one per nonzero input").clone()),
                false => Tangent::Zero(primal.aval().strong()),
            };
            env[v.index()] = Some((primal.clone(), tangent));
        }
        for eqn in &jaxpr.eqns {
            let (primals, tangents): (SmallVec<[Array; 3]>, SmallVec<[Tangent; 3]>) =
                eqn.inputs.iter().map(|a| read(&env, *a)).unzip();
            let (outs, out_tangents) = source::replaying(eqn.source, || {
                if tangents.iter().all(Tangent::is_zero) {
                    let outs = bind(eqn.prim.clone(), &primals)?;
                    let zeros = outs.iter().map(|o| Tangent::Zero(o.aval().strong())).collect();
                    Ok((outs, zeros))
                } else {
                    eqn.prim.jvp(ctx, &primals, &tangents)
                }
            })
            .map_err(|e: Error| e.context(eqn.source))?;
            for ((v, out), tangent) in eqn.outputs.iter().zip(outs).zip(out_tangents) {
                env[v.index()] = Some((out, tangent));
            }
        }
        let (mut outs, out_tangents): (Vec<Array>, Vec<Tangent>) =
            jaxpr.outputs.iter().map(|a| read(&env, *a)).unzip();
        mask = out_tangents.iter().zip(force).map(|(t, f)| *f || !t.is_zero()).collect();
        let kept = out_tangents.into_iter().zip(&mask).filter(|(_, keep)| **keep);
        outs.extend(kept.map(|(t, _)| instantiate(&t)));
        Ok(outs)
    })?;
    Ok((result, mask))
}

fn read(env: &[Option<(Array, Tangent)>], a: Atom) -> (Array, Tangent) {
    match a {
        Atom::Var(v) => env[v.index()].clone().expect("a variable is bound before its use"),
        Atom::Literal(s) => {
            let array = Array::literal(s);
            let zero = Tangent::Zero(array.aval().strong());
            (array, zero)
        }
    }
}
