//! The type checker of jaxprs, run after every transform in debug builds.
//!
//! 1. Variables are bound once, before they are used.
//! 2. Each equation's outputs have the types its primitive gives for the inputs.
//! 3. Beside arrays, elementwise primitives take literals of rank 0, and bools of rank 0, which
//!    have no cotangents to sum (the predicate of a select); no other variables of rank 0.
//! 4. The same holds of the jaxprs inside.

use super::aval::Aval;
use super::jaxpr::{Atom, Eqn, Jaxpr};
use super::lowering::LoweringKind;
use cotangent_jit::{DType, Error, err};

/// Checks the invariants above; the error shows the equation inside its jaxpr.
pub fn check(jaxpr: &Jaxpr) -> Result<(), Error> {
    let mut bound = vec![false; jaxpr.avals.len()];
    for v in &jaxpr.inputs {
        if std::mem::replace(&mut bound[v.index()], true) {
            return Err(err!(Verify, "check: an input is bound twice, in\n{jaxpr}"));
        }
    }
    for (n, eqn) in jaxpr.eqns.iter().enumerate() {
        let located = |e: Error| {
            err!(
                Verify,
                "check: equation {n} ({}, {}): {e}, in\n{jaxpr}",
                eqn.prim.name(),
                eqn.source
            )
        };
        check_eqn(jaxpr, eqn, &mut bound).map_err(located)?;
    }
    for a in &jaxpr.outputs {
        if a.var().is_some_and(|v| !bound[v.index()]) {
            return Err(err!(Verify, "check: an output is not bound, in\n{jaxpr}"));
        }
    }
    Ok(())
}

fn check_eqn(jaxpr: &Jaxpr, eqn: &Eqn, bound: &mut [bool]) -> Result<(), Error> {
    if eqn.inputs.iter().any(|a| a.var().is_some_and(|v| !bound[v.index()])) {
        return Err(err!(Verify, "an input is not bound yet"));
    }
    let inputs: Vec<Aval> = eqn.inputs.iter().map(|a| jaxpr.atom_aval(*a)).collect();
    let outputs: Vec<Aval> = eqn.outputs.iter().map(|v| jaxpr.aval(*v).clone()).collect();
    let expected = eqn.prim.abstract_eval(&inputs)?;
    if expected[..] != outputs[..] {
        return Err(err!(Verify, "the outputs should be {expected:?}, got {outputs:?}"));
    }
    let ranked = outputs.iter().any(|o| o.rank() > 0);
    let scalar_vars = eqn
        .inputs
        .iter()
        .zip(&inputs)
        .any(|(a, i)| i.rank() == 0 && i.dtype != DType::Bool && matches!(a, Atom::Var(_)));
    if ranked && scalar_vars && eqn.prim.kind() == LoweringKind::Elementwise {
        return Err(err!(Verify, "a variable of rank 0 beside an array; broadcast it"));
    }
    for v in &eqn.outputs {
        if std::mem::replace(&mut bound[v.index()], true) {
            return Err(err!(Verify, "an output is bound twice"));
        }
    }
    eqn.prim.params().iter().flat_map(|(_, p)| p.jaxprs().to_vec()).try_for_each(|j| check(&j))
}
