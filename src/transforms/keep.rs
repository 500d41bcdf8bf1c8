//! Keeping: makes two versions of a jaxpr. One returns some of its inner values beside its outputs,
//! and the other takes them instead of computing them. Those values are the ones that a
//! checkpoint's policy keeps until the backward pass.
//!
//! ```text
//! giving:  x    -> y, v        v: values that the policy keeps; they depend on known inputs alone
//! taking:  x, v -> y
//! ```

use super::split::is_free;
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, Eqn, Jaxpr, Var};
use crate::core::lowering::LoweringKind;
use crate::core::policy::{Candidate, KeepPolicy, Verdict};
use crate::core::primitive::{Ctx, Kept};
use cotangent_jit::Error;
use std::sync::Arc;

/// Keeps the values that `policy` selects, except for the outputs in `forbidden`.
pub fn keep(
    ctx: &Ctx,
    jaxpr: &Jaxpr,
    unknown: &[bool],
    forbidden: &[bool],
    policy: &Arc<dyn KeepPolicy>,
) -> Result<Kept<Arc<Jaxpr>>, Error> {
    let verdicts: Vec<Verdict> = jaxpr.eqns.iter().map(|e| verdict(e, jaxpr, policy)).collect();
    let empty = Jaxpr { eqns: Vec::new(), ..jaxpr.clone() };
    let mut k = Keeper {
        is_unknown: vec![false; jaxpr.avals.len()],
        banned: vec![false; jaxpr.avals.len()],
        giving: empty.clone(),
        taking: empty,
        values: Vec::new(),
    };
    for (v, u) in jaxpr.inputs.iter().zip(unknown) {
        k.is_unknown[v.index()] = *u;
    }
    let banned_outputs = jaxpr.outputs.iter().zip(forbidden).filter(|(_, f)| **f).map(|(a, _)| *a);
    let banned_operands = jaxpr.eqns.iter().zip(&verdicts).filter(|(_, v)| **v == Verdict::Forbid);
    for a in banned_outputs.chain(banned_operands.flat_map(|(e, _)| e.inputs.iter().copied())) {
        if let Atom::Var(v) = a {
            k.banned[v.index()] = true;
        }
    }
    for (eqn, verdict) in jaxpr.eqns.iter().zip(verdicts) {
        k.place(ctx, eqn, verdict, policy)?;
    }
    let unknown_out = jaxpr.outputs.iter().map(|a| k.unknown(*a)).collect();
    let values = k.values.iter().map(|(v, _)| k.giving.aval(*v).clone()).collect();
    k.giving.outputs.extend(k.values.iter().map(|(v, _)| Atom::Var(*v)));
    k.taking.inputs.extend(k.values.iter().map(|(_, v)| *v));
    Ok(Kept {
        giving: Arc::new(k.giving.compact()),
        taking: Arc::new(k.taking.compact()),
        values,
        unknown_out,
    })
}

fn verdict(eqn: &Eqn, vars: &Jaxpr, policy: &Arc<dyn KeepPolicy>) -> Verdict {
    let inputs: Vec<Aval> = eqn.inputs.iter().map(|a| vars.atom_aval(*a)).collect();
    let outputs: Vec<Aval> = eqn.outputs.iter().map(|v| vars.aval(*v).clone()).collect();
    policy.verdict(&Candidate { prim: &eqn.prim, inputs: &inputs, outputs: &outputs })
}

struct Keeper {
    is_unknown: Vec<bool>,
    /// Variables that no policy may keep.
    banned: Vec<bool>,
    giving: Jaxpr,
    taking: Jaxpr,
    /// The variables of the kept values in `giving` and in `taking`.
    values: Vec<(Var, Var)>,
}

impl Keeper {
    fn unknown(&self, a: Atom) -> bool {
        a.var().is_some_and(|v| self.is_unknown[v.index()])
    }

    fn place(
        &mut self,
        ctx: &Ctx,
        eqn: &Eqn,
        verdict: Verdict,
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<(), Error> {
        let mask: Vec<bool> = eqn.inputs.iter().map(|a| self.unknown(*a)).collect();
        let kind = eqn.prim.kind();
        let carrier = eqn.prim.carrier();
        let inside = match carrier {
            // As in `split`, the bodies of an equation with unknown inputs only are not searched.
            Some(carrier) if mask.contains(&false) || !mask.contains(&true) => {
                let banned: Vec<bool> =
                    eqn.outputs.iter().map(|v| self.banned[v.index()]).collect();
                carrier.keep(ctx, &mask, &banned, policy).map_err(|e| e.context(eqn.source))?
            }
            _ => None,
        };
        let unknown_out = match (&inside, carrier) {
            (Some(kept), _) => kept.unknown_out.clone(),
            (None, Some(c)) if mask.contains(&true) && mask.contains(&false) => {
                c.partial_eval(ctx, &mask).map_err(|e| e.context(eqn.source))?.unknown_out
            }
            // As in `split`, an equation that cannot run waits.
            _ => vec![mask.contains(&true) || kind == LoweringKind::Waits; eqn.outputs.len()],
        };
        for (v, u) in eqn.outputs.iter().zip(&unknown_out) {
            self.is_unknown[v.index()] = *u;
        }
        let (mut giving, mut taking) = (eqn.clone(), eqn.clone());
        // The policy was already asked about a body that stands for the equation.
        let asked_inside = inside.is_some() && kind == LoweringKind::Call;
        if let Some(kept) = inside {
            giving.prim = kept.giving;
            taking.prim = kept.taking;
            for aval in kept.values {
                let (given, taken) = self.value(aval);
                giving.outputs.push(given);
                taking.inputs.push(Atom::Var(taken));
            }
        }
        if verdict == Verdict::Keep && !asked_inside && !is_free(eqn, &self.giving) {
            for (out, v) in taking.outputs.iter_mut().zip(&eqn.outputs) {
                if !self.is_unknown[v.index()] && !self.banned[v.index()] {
                    // All readers of the value read the kept one. The outputs of this equation are
                    // unused.
                    *out = self.taking.new_var(self.giving.aval(*v).clone());
                    self.giving.new_var(self.giving.aval(*v).clone());
                    self.is_unknown.push(false);
                    self.banned.push(false);
                    self.values.push((*v, *v));
                }
            }
        }
        self.giving.eqns.push(giving);
        self.taking.eqns.push(taking);
        Ok(())
    }

    /// Adds a variable to both versions, for a value that is kept inside of an equation. The
    /// numbering of the two stays the same.
    fn value(&mut self, aval: Aval) -> (Var, Var) {
        let given = self.giving.new_var(aval.clone());
        let taken = self.taking.new_var(aval);
        self.is_unknown.push(false);
        self.banned.push(false);
        self.values.push((given, taken));
        (given, taken)
    }
}
