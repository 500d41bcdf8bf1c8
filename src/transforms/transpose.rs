//! Transposition: a jaxpr `r, x -> y` that is linear in `x` becomes `r, ct y -> ct x`.
//!
//! Equations that no linear input reaches are replayed as they are. The others are visited
//! backwards, each by its primitive's rule. The cotangents of a variable that is used more than
//! once are summed.

use super::dce::dce_keeping_inputs;
use super::replay::replay;
use crate::core::array::Array;
use crate::core::jaxpr::{Atom, Eqn, Jaxpr};
use crate::core::primitive::{Ctx, Operand, Tangent};
use crate::core::source;
use crate::core::trace::bind;
use crate::prims::lax;
use crate::prims::rules::zeros::zeros;
use cotangent_jit::Error;
use smallvec::SmallVec;

/// Inputs of the result: those not `linear`, then the cotangents of the outputs in `nonzero`.
/// Outputs: the cotangents of the linear inputs in the returned mask (over the linear inputs),
/// which contains `force`.
pub fn transpose(
    ctx: &Ctx,
    jaxpr: &Jaxpr,
    linear: &[bool],
    nonzero: &[bool],
    force: &[bool],
) -> Result<(Jaxpr, Vec<bool>), Error> {
    let known = jaxpr.in_avals().into_iter().zip(linear).filter(|(_, l)| !**l).map(|(a, _)| a);
    let cotangents = jaxpr.out_avals().into_iter().zip(nonzero).filter(|(_, nz)| **nz);
    let avals: Vec<_> = known.chain(cotangents.map(|(a, _)| a.strong())).collect();
    let mut mask = Vec::new();
    let result = replay(&avals, |args| {
        let mut args = args.iter().cloned();
        // For each variable its value, or the fact that it depends on linear inputs.
        let mut values: Vec<Option<Array>> = vec![None; jaxpr.avals.len()];
        for (v, l) in jaxpr.inputs.iter().zip(linear) {
            if !l {
                values[v.index()] = args.next();
            }
        }
        let mut backward: Vec<&Eqn> = Vec::new();
        for eqn in &jaxpr.eqns {
            let inputs: Option<SmallVec<[Array; 3]>> =
                eqn.inputs.iter().map(|a| value(&values, *a)).collect();
            let Some(inputs) = inputs else {
                backward.push(eqn);
                continue;
            };
            let outs = source::replaying(eqn.source, || bind(eqn.prim.clone(), &inputs))
                .map_err(|e| e.context(eqn.source))?;
            for (v, out) in eqn.outputs.iter().zip(outs) {
                values[v.index()] = Some(out);
            }
        }
        let mut cts: Vec<Option<Array>> = vec![None; jaxpr.avals.len()];
        for (out, nz) in jaxpr.outputs.iter().zip(nonzero) {
            let ct = if *nz { args.next() } else { None };
            add(&mut cts, *out, ct);
        }
        for eqn in backward.into_iter().rev() {
            let out_cts: SmallVec<[Tangent; 1]> = eqn
                .outputs
                .iter()
                .map(|v| match cts[v.index()].take() {
                    Some(ct) => Tangent::Value(ct),
                    None => Tangent::Zero(jaxpr.aval(*v).strong()),
                })
                .collect();
            if out_cts.iter().all(Tangent::is_zero) {
                continue;
            }
            let operands: SmallVec<[Operand; 3]> = eqn
                .inputs
                .iter()
                .map(|a| match value(&values, *a) {
                    Some(known) => Operand::Known(known),
                    None => Operand::Linear(jaxpr.atom_aval(*a).strong()),
                })
                .collect();
            let in_cts = source::replaying(eqn.source, || {
                let in_cts = eqn.prim.transpose(ctx, &out_cts, &operands)?;
                for ((a, operand), ct) in eqn.inputs.iter().zip(&operands).zip(in_cts) {
                    if let (true, Tangent::Value(ct)) = (operand.is_linear(), ct) {
                        debug_assert_eq!(ct.aval(), operand.aval(), "{}", eqn.prim.name());
                        add(&mut cts, *a, Some(ct));
                    }
                }
                Ok(())
            });
            in_cts.map_err(|e: Error| e.context(eqn.source))?;
        }
        let linear_inputs = jaxpr.inputs.iter().zip(linear).filter(|(_, l)| **l).map(|(v, _)| v);
        let mut outs = Vec::new();
        for (v, force) in linear_inputs.zip(force) {
            let ct = cts[v.index()].take();
            mask.push(*force || ct.is_some());
            if let Some(ct) = ct {
                outs.push(ct);
            } else if *force {
                outs.push(zeros(&jaxpr.aval(*v).strong()));
            }
        }
        Ok(outs)
    })?;
    // Drops replayed values that no output uses.
    let used = vec![true; result.outputs.len()];
    Ok((dce_keeping_inputs(ctx, &result, &used)?, mask))
}

fn value(values: &[Option<Array>], a: Atom) -> Option<Array> {
    match a {
        Atom::Var(v) => values[v.index()].clone(),
        Atom::Literal(s) => Some(Array::literal(s)),
    }
}

fn add(cts: &mut [Option<Array>], to: Atom, ct: Option<Array>) {
    if let (Atom::Var(v), Some(ct)) = (to, ct) {
        let slot = &mut cts[v.index()];
        *slot = Some(match slot.take() {
            Some(sum) => lax::add_any(&sum, &ct),
            None => ct,
        });
    }
}
