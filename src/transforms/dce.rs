//! Dead-code elimination: drops equations that no used output needs. Equations with effects stay.
//!
//! Not here: how a primitive that carries jaxprs shrinks (prims).

use crate::core::jaxpr::{Atom, Eqn, Jaxpr};
use crate::core::primitive::Ctx;
use cotangent_jit::Error;

/// The jaxpr with only the outputs in `used`, and the mask of the inputs that remain.
pub fn dce(ctx: &Ctx, jaxpr: &Jaxpr, used: &[bool]) -> Result<(Jaxpr, Vec<bool>), Error> {
    let (mut swept, live) = sweep(ctx, jaxpr, used)?;
    let kept: Vec<bool> = swept.inputs.iter().map(|v| live[v.index()]).collect();
    let mut mask = kept.iter();
    swept.inputs.retain(|_| *mask.next().expect("one per input"));
    Ok((swept.compact(), kept))
}

/// Works like [`dce`], but keeps all inputs.
pub fn dce_keeping_inputs(ctx: &Ctx, jaxpr: &Jaxpr, used: &[bool]) -> Result<Jaxpr, Error> {
    Ok(sweep(ctx, jaxpr, used)?.0.compact())
}

fn sweep(ctx: &Ctx, jaxpr: &Jaxpr, used: &[bool]) -> Result<(Jaxpr, Vec<bool>), Error> {
    let mut live = vec![false; jaxpr.avals.len()];
    let mark = |live: &mut Vec<bool>, a: &Atom| {
        if let Atom::Var(v) = a {
            live[v.index()] = true;
        }
    };
    let outputs: Vec<Atom> =
        jaxpr.outputs.iter().zip(used).filter(|(_, u)| **u).map(|(a, _)| *a).collect();
    outputs.iter().for_each(|a| mark(&mut live, a));
    let mut kept: Vec<Eqn> = Vec::new();
    for eqn in jaxpr.eqns.iter().rev() {
        let used: Vec<bool> = eqn.outputs.iter().map(|v| live[v.index()]).collect();
        if !used.contains(&true) && eqn.effects.is_none() {
            continue;
        }
        let eqn = match eqn.prim.carrier() {
            Some(carrier) => {
                let small = carrier.dce(ctx, &used).map_err(|e| e.context(eqn.source))?;
                let pick = |mask: &[bool], i: usize| mask[i];
                let inputs = eqn.inputs.iter().enumerate().filter(|(i, _)| pick(&small.inputs, *i));
                let outputs =
                    eqn.outputs.iter().enumerate().filter(|(i, _)| pick(&small.outputs, *i));
                Eqn {
                    inputs: inputs.map(|(_, a)| *a).collect(),
                    outputs: outputs.map(|(_, v)| *v).collect(),
                    effects: small.prim.effects(),
                    prim: small.prim,
                    source: eqn.source,
                }
            }
            None => eqn.clone(),
        };
        eqn.inputs.iter().for_each(|a| mark(&mut live, a));
        kept.push(eqn);
    }
    kept.reverse();
    let swept =
        Jaxpr { avals: jaxpr.avals.clone(), inputs: jaxpr.inputs.clone(), eqns: kept, outputs };
    Ok((swept, live))
}
