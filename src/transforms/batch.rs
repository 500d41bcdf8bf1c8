//! Batching: a jaxpr from `x` to `y` becomes one over a batch. Each equation follows its
//! primitive's rule.
//!
//! Not here: the rules (prims).

use super::replay::replay;
use crate::core::array::Array;
use crate::core::jaxpr::{Atom, Jaxpr, mentions};
use crate::core::primitive::Ctx;
use crate::core::source;
use crate::core::trace::bind;
use crate::prims::rules::batching::broadcast_batch;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::Error;
use smallvec::SmallVec;

/// Inputs in `batched` have the batch axis in front, and so have the outputs in the returned mask,
/// which contains `force`. Equations that no batched value reaches are copied, unless they name the
/// axis.
pub fn batch(
    ctx: &Ctx,
    jaxpr: &Jaxpr,
    batched: &[bool],
    force: &[bool],
) -> Result<(Jaxpr, Vec<bool>), Error> {
    let size = ctx.batch_size;
    let avals: Vec<_> = jaxpr
        .in_avals()
        .into_iter()
        .zip(batched)
        .map(|(a, b)| if *b { a.batched(0, size) } else { a })
        .collect();
    let mut mask = Vec::new();
    let result = replay(&avals, |args| {
        let mut env: Vec<Option<(Array, Option<usize>)>> = vec![None; jaxpr.avals.len()];
        for ((v, a), b) in jaxpr.inputs.iter().zip(args).zip(batched) {
            env[v.index()] = Some((a.clone(), b.then_some(0)));
        }
        for eqn in &jaxpr.eqns {
            let (inputs, axes): (SmallVec<[Array; 3]>, SmallVec<[Option<usize>; 3]>) =
                eqn.inputs.iter().map(|a| read(&env, *a)).unzip();
            let speaks = ctx.axis.name.as_ref().is_some_and(|n| mentions(&*eqn.prim, n));
            let (outs, out_axes) = source::replaying(eqn.source, || {
                if axes.iter().all(Option::is_none) && !speaks {
                    let outs = bind(eqn.prim.clone(), &inputs)?;
                    let none = vec![None; outs.len()];
                    Ok((outs, none))
                } else {
                    eqn.prim.batch(ctx, &inputs, &axes)
                }
            })
            .map_err(|e: Error| e.context(eqn.source))?;
            for ((v, out), axis) in eqn.outputs.iter().zip(outs).zip(out_axes) {
                env[v.index()] = Some((out, axis));
            }
        }
        let outs: Vec<_> = jaxpr.outputs.iter().map(|a| read(&env, *a)).collect();
        mask = outs.iter().zip(force).map(|((_, axis), f)| *f || axis.is_some()).collect();
        let in_front = |((out, axis), keep): ((Array, Option<usize>), &bool)| match (axis, keep) {
            (Some(axis), _) => moveaxis(&out, axis, 0),
            (None, true) => broadcast_batch(&out, size, 0),
            (None, false) => Ok(out),
        };
        outs.into_iter().zip(&mask).map(in_front).collect()
    })?;
    Ok((result, mask))
}

fn read(env: &[Option<(Array, Option<usize>)>], a: Atom) -> (Array, Option<usize>) {
    match a {
        Atom::Var(v) => env[v.index()].clone().expect("a variable is bound before its use"),
        Atom::Literal(s) => (Array::literal(s), None),
    }
}
