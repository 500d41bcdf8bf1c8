//! Partial evaluation: splits a jaxpr with known and unknown inputs in two. The known part takes
//! the known inputs and also returns residuals. The unknown part takes residuals and unknown
//! inputs.
//!
//! ```text
//! known:   k        -> known outputs, residuals
//! unknown: r, u     -> unknown outputs
//! ```
//! Residuals are few and small. A known *input* is its own residual. A value that is free to
//! compute (a broadcast, an iota, any view) is computed again in the unknown part.

use crate::core::jaxpr::{Atom, Eqn, Jaxpr, Var};
use crate::core::lowering::LoweringKind;
use crate::core::primitive::{Ctx, Residual, Split};
use cotangent_jit::Error;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Splits by the mask of unknown inputs. Outputs in `force` count as unknown.
pub fn split(ctx: &Ctx, jaxpr: &Jaxpr, unknown: &[bool], force: &[bool]) -> Result<Split, Error> {
    let mut s = Splitter {
        vars: Jaxpr { avals: jaxpr.avals.clone(), ..Jaxpr::default() },
        is_unknown: vec![false; jaxpr.avals.len()],
        renamed: FxHashMap::default(),
        known: Vec::new(),
        unknown: Vec::new(),
    };
    for (v, u) in jaxpr.inputs.iter().zip(unknown) {
        s.is_unknown[v.index()] = *u;
    }
    for eqn in &jaxpr.eqns {
        let inputs = eqn.inputs.iter().map(|a| s.resolve(*a)).collect();
        s.place(ctx, Eqn { inputs, ..eqn.clone() })?;
    }
    let outputs: Vec<Atom> = jaxpr.outputs.iter().map(|a| s.resolve(*a)).collect();
    let unknown_out = outputs.iter().zip(force).map(|(a, f)| *f || s.unknown(*a)).collect();
    s.finish(ctx, &jaxpr.inputs, unknown, outputs, unknown_out)
}

struct Splitter {
    /// The jaxpr that owns the variables' types. The parts of carriers add new variables.
    vars: Jaxpr,
    is_unknown: Vec<bool>,
    /// Outputs of carriers. Their parts bind them under other names.
    renamed: FxHashMap<Var, Atom>,
    known: Vec<Eqn>,
    unknown: Vec<Eqn>,
}

impl Splitter {
    fn resolve(&self, a: Atom) -> Atom {
        a.var().and_then(|v| self.renamed.get(&v).copied()).unwrap_or(a)
    }

    fn unknown(&self, a: Atom) -> bool {
        a.var().is_some_and(|v| self.is_unknown[v.index()])
    }

    fn place(&mut self, ctx: &Ctx, eqn: Eqn) -> Result<(), Error> {
        let mask: Vec<bool> = eqn.inputs.iter().map(|a| self.unknown(*a)).collect();
        if !mask.contains(&true) && self.can_run(&eqn) {
            self.known.push(eqn);
            return Ok(());
        }
        let Some(carrier) = eqn.prim.carrier().filter(|_| mask.contains(&false)) else {
            for v in &eqn.outputs {
                self.is_unknown[v.index()] = true;
            }
            self.unknown.push(eqn);
            return Ok(());
        };
        let parts = carrier.partial_eval(ctx, &mask).map_err(|e| e.context(eqn.source))?;
        let pick = |want: bool| {
            eqn.inputs.iter().zip(&mask).filter(move |(_, m)| **m == want).map(|(a, _)| *a)
        };
        let known_in: Vec<Atom> = pick(false).collect();
        let mut outs = self.inline(&parts.known, &known_in, &eqn, false);
        let computed = outs.split_off(parts.unknown_out.iter().filter(|u| !**u).count());
        let mut computed = computed.into_iter();
        let residuals = parts.residuals.iter().map(|r| match r {
            Residual::Input(i) => eqn.inputs[*i],
            Residual::Computed(_) => computed.next().expect("one output per residual"),
        });
        let unknown_in: Vec<Atom> = residuals.chain(pick(true)).collect();
        let late = self.inline(&parts.unknown, &unknown_in, &eqn, true);
        let (mut outs, mut late) = (outs.into_iter(), late.into_iter());
        for (v, u) in eqn.outputs.iter().zip(&parts.unknown_out) {
            let from = if *u { late.next() } else { outs.next() };
            self.renamed.insert(*v, from.expect("one per output"));
        }
        Ok(())
    }

    /// Tells whether an equation with known inputs can run in the known part. The linear map of a
    /// reverse rule cannot: it waits in the unknown part to be transposed, even if its operands are
    /// known zeros. An equation with effects can, even if it cannot be compiled: a check waits for
    /// the transform that turns it into results.
    fn can_run(&self, eqn: &Eqn) -> bool {
        !eqn.effects.is_none() || eqn.prim.kind() != LoweringKind::Waits
    }

    /// Appends a part's equations with fresh variables, and returns its outputs.
    fn inline(&mut self, part: &Jaxpr, inputs: &[Atom], at: &Eqn, unknown: bool) -> Vec<Atom> {
        let mut map: Vec<Option<Atom>> = vec![None; part.avals.len()];
        for (v, a) in part.inputs.iter().zip(inputs) {
            map[v.index()] = Some(*a);
        }
        let read = |map: &[Option<Atom>], a: &Atom| match a {
            Atom::Var(v) => map[v.index()].expect("a variable is bound before its use"),
            lit => *lit,
        };
        for eqn in &part.eqns {
            let ins = eqn.inputs.iter().map(|a| read(&map, a)).collect();
            let outputs = eqn
                .outputs
                .iter()
                .map(|v| {
                    self.is_unknown.push(unknown);
                    let fresh = self.vars.new_var(part.aval(*v).clone());
                    map[v.index()] = Some(Atom::Var(fresh));
                    fresh
                })
                .collect();
            let eqn = Eqn { inputs: ins, outputs, source: at.source, ..eqn.clone() };
            if unknown { self.unknown.push(eqn) } else { self.known.push(eqn) }
        }
        part.outputs.iter().map(|a| read(&map, a)).collect()
    }

    fn finish(
        mut self,
        ctx: &Ctx,
        inputs: &[Var],
        unknown_in: &[bool],
        outputs: Vec<Atom>,
        unknown_out: Vec<bool>,
    ) -> Result<Split, Error> {
        let made_by: FxHashMap<Var, usize> = self
            .known
            .iter()
            .enumerate()
            .flat_map(|(i, e)| e.outputs.iter().map(move |v| (*v, i)))
            .collect();
        // Known variables that the unknown part reads. Values that are free to compute are computed
        // again.
        let bound: FxHashSet<Var> = self
            .unknown
            .iter()
            .flat_map(|e| e.outputs.iter().copied())
            .chain(inputs.iter().zip(unknown_in).filter(|(_, u)| **u).map(|(v, _)| *v))
            .collect();
        let forced = outputs.iter().zip(&unknown_out).filter(|(_, u)| **u).map(|(a, _)| *a);
        let wanted = self.unknown.iter().flat_map(|e| e.inputs.iter().copied()).chain(forced);
        let mut todo: Vec<Var> =
            wanted.filter_map(Atom::var).filter(|v| !bound.contains(v)).collect();
        let mut seen = vec![false; self.vars.avals.len()];
        let mut remade = vec![false; self.known.len()];
        let mut residuals: Vec<Var> = Vec::new();
        todo.reverse();
        while let Some(v) = todo.pop() {
            if std::mem::replace(&mut seen[v.index()], true) {
                continue;
            }
            match made_by.get(&v) {
                Some(&i) if is_free(&self.known[i], &self.vars) => {
                    if !std::mem::replace(&mut remade[i], true) {
                        todo.extend(self.known[i].inputs.iter().filter_map(|a| a.var()));
                    }
                }
                _ => residuals.push(v),
            }
        }
        let again: Vec<Eqn> =
            self.known.iter().zip(&remade).filter(|(_, r)| **r).map(|(e, _)| e.clone()).collect();
        self.unknown.splice(0..0, again);

        let known_inputs: Vec<Var> =
            inputs.iter().zip(unknown_in).filter(|(_, u)| !**u).map(|(v, _)| *v).collect();
        let position: FxHashMap<Var, usize> =
            inputs.iter().enumerate().map(|(i, v)| (*v, i)).collect();
        let kinds: Vec<Residual> = residuals
            .iter()
            .map(|v| match position.get(v) {
                Some(i) => Residual::Input(*i),
                None => Residual::Computed(self.vars.aval(*v).clone()),
            })
            .collect();
        let outs = |want: bool| {
            outputs.iter().zip(&unknown_out).filter(move |(_, u)| **u == want).map(|(a, _)| *a)
        };
        let computed =
            residuals.iter().filter(|v| !position.contains_key(v)).map(|v| Atom::Var(*v));
        let known = Jaxpr {
            avals: self.vars.avals.clone(),
            inputs: known_inputs,
            outputs: outs(false).chain(computed).collect(),
            eqns: self.known,
        };
        let unknown_inputs = inputs.iter().zip(unknown_in).filter(|(_, u)| **u).map(|(v, _)| *v);
        let unknown = Jaxpr {
            avals: self.vars.avals,
            inputs: residuals.iter().copied().chain(unknown_inputs).collect(),
            outputs: outs(true).collect(),
            eqns: self.unknown,
        };
        Ok(Split {
            known: Arc::new(without_dead(ctx, known)?),
            unknown: Arc::new(without_dead(ctx, unknown)?),
            unknown_out,
            residuals: kinds,
        })
    }
}

/// Drops dead equations but keeps all inputs.
fn without_dead(ctx: &Ctx, jaxpr: Jaxpr) -> Result<Jaxpr, Error> {
    let used = vec![true; jaxpr.outputs.len()];
    super::dce::dce_keeping_inputs(ctx, &jaxpr, &used)
}

/// Tells whether computing the outputs again costs no more than reading them. That is so for views
/// of inputs that have no more bytes than the outputs, and for constants and iotas.
pub fn is_free(eqn: &Eqn, vars: &Jaxpr) -> bool {
    if !eqn.effects.is_none() {
        return false;
    }
    match eqn.prim.kind() {
        LoweringKind::View | LoweringKind::Reshape => {
            let inputs: usize = eqn.inputs.iter().map(|a| vars.atom_aval(*a).bytes()).sum();
            let outputs: usize = eqn.outputs.iter().map(|v| vars.aval(*v).bytes()).sum();
            inputs <= outputs
        }
        LoweringKind::Indexed | LoweringKind::Constant => eqn.inputs.is_empty(),
        _ => false,
    }
}
