//! Moves equations of a loop's body that depend on constants alone before the loop.
//!
//! Only equations that cost something move: products, folds, sorts, scatters, and elementwise work
//! with an elementary function or a division. Cheap equations stay where they fuse with their
//! consumers. No equation leaves the arms of a branch or overtakes an effect.

use super::assign::Placed;
use super::group::sink::cheap;
use super::program::ProgramBuilder;
use super::value::{self, Arg};
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, Eqn, Jaxpr, Var};
use crate::core::lowering::{Lowering, LoweringKind};
use cotangent_jit::Error;
use cotangent_jit::program::Step;
use smallvec::SmallVec;
use std::sync::Arc;

impl Placed {
    /// Emits the equations that can be computed before a loop. Returns the body without them, and
    /// its further constants.
    pub fn hoist(
        &self,
        program: &mut ProgramBuilder,
        body: &Arc<Jaxpr>,
        consts: &[Arg],
        steps: &mut Vec<Step>,
    ) -> Result<(Arc<Jaxpr>, Vec<Arg>), Error> {
        let Some((before, body)) = split(body, consts.len())? else {
            return Ok((body.clone(), Vec::new()));
        };
        let mut fresh = Vec::new();
        let mut dests = Vec::new();
        for aval in before.out_avals() {
            let place = program.temp(aval.dtype, aval.size());
            let at = value::dense(&aval.shape);
            fresh.push(Arg::Strided { place: place.clone(), len: aval.size(), at });
            dests.push(place);
        }
        steps.extend(program.nested_steps(
            &before,
            consts.to_vec(),
            &dests,
            self.grouped().depth(),
        )?);
        Ok((Arc::new(body), fresh))
    }
}

/// A jaxpr from the body's first `consts` inputs to the values that are worth computing before the
/// loop, and the body with those values as inputs after its constants.
fn split(body: &Jaxpr, consts: usize) -> Result<Option<(Jaxpr, Jaxpr)>, Error> {
    let mut constant = vec![false; body.avals.len()];
    body.inputs[..consts].iter().for_each(|v| constant[v.index()] = true);
    let mut costly = vec![false; body.eqns.len()];
    for (n, eqn) in body.eqns.iter().enumerate() {
        let fixed = |a: &Atom| a.var().is_none_or(|v| constant[v.index()]);
        if eqn.inputs.iter().all(fixed) && eqn.effects.is_none() {
            eqn.outputs.iter().for_each(|v| constant[v.index()] = true);
            costly[n] = eqn.inputs.iter().any(|a| a.var().is_some()) && costs(body, eqn)?;
        }
    }
    if !costly.contains(&true) {
        return Ok(None);
    }
    let rest: Vec<bool> = costly.iter().map(|c| !c).collect();
    let kept = needed(body, &rest, &body.outputs);
    let mut used = vec![false; body.avals.len()];
    let reads = kept.iter().flat_map(|n| &body.eqns[*n].inputs).chain(&body.outputs);
    reads.filter_map(|a| a.var()).for_each(|v| used[v.index()] = true);
    let made = body.eqns.iter().zip(&costly).filter(|(_, c)| **c).flat_map(|(e, _)| &e.outputs);
    let fresh: Vec<Var> = made.copied().filter(|v| used[v.index()]).collect();
    let pick = |eqns: &[usize]| eqns.iter().map(|n| body.eqns[*n].clone()).collect();
    let outputs: Vec<Atom> = fresh.iter().map(|v| Atom::Var(*v)).collect();
    let all = vec![true; body.eqns.len()];
    let before = Jaxpr {
        avals: body.avals.clone(),
        inputs: body.inputs[..consts].to_vec(),
        eqns: pick(&needed(body, &all, &outputs)),
        outputs,
    };
    let (given, others) = body.inputs.split_at(consts);
    let body = Jaxpr {
        avals: body.avals.clone(),
        inputs: [given, &fresh, others].concat(),
        eqns: pick(&kept),
        outputs: body.outputs.clone(),
    };
    Ok(Some((before, body)))
}

/// The allowed equations that the outputs depend on, or that have effects.
fn needed(body: &Jaxpr, allowed: &[bool], outputs: &[Atom]) -> Vec<usize> {
    let mut used = vec![false; body.avals.len()];
    outputs.iter().filter_map(|a| a.var()).for_each(|v| used[v.index()] = true);
    let mut found = Vec::new();
    for (n, eqn) in body.eqns.iter().enumerate().rev().filter(|(n, _)| allowed[*n]) {
        if eqn.outputs.iter().any(|v| used[v.index()]) || !eqn.effects.is_none() {
            eqn.inputs.iter().filter_map(|a| a.var()).for_each(|v| used[v.index()] = true);
            found.push(n);
        }
    }
    found.reverse();
    found
}

/// Tells whether computing the equation costs more than reading its outputs.
fn costs(body: &Jaxpr, eqn: &Eqn) -> Result<bool, Error> {
    let inputs: SmallVec<[Aval; 4]> = eqn.inputs.iter().map(|a| body.atom_aval(*a)).collect();
    let outputs: SmallVec<[Aval; 4]> = eqn.outputs.iter().map(|v| body.aval(*v).clone()).collect();
    Ok(match eqn.prim.kind() {
        LoweringKind::Dot
        | LoweringKind::Reduce
        | LoweringKind::Accumulate
        | LoweringKind::Sort
        | LoweringKind::Routine
        | LoweringKind::Scatter => true,
        LoweringKind::Elementwise | LoweringKind::Waits => {
            match eqn.prim.lower(&inputs, &outputs)? {
                Lowering::Elementwise(f) => !cheap(&f, inputs.iter().map(|a| a.dtype)),
                _ => false,
            }
        }
        _ => false,
    })
}
