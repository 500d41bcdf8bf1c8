//! Simplification: the same function with less work.
//!
//! A forward pass renames variables, folds constants, asks each primitive for a simpler equal and
//! merges equal equations. A backward pass drops equations that no output needs. A value filled
//! with one number (a *splat*) becomes a literal where an elementwise equation reads it beside
//! arrays. Equations with effects are not merged, and neither are those that only forward their
//! operands: an `optimization_barrier` keeps the values behind it apart.

use super::dce::dce_keeping_inputs;
use super::recur::Transforms;
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, Eqn, Jaxpr, Var};
use crate::core::lowering::{Lowering, LoweringKind, ScalarFn};
use crate::core::primitive::{Known, Prim, Simpler, same_prim};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::interp::kernel::run_kernel;
use cotangent_jit::{Error, Scalar};
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The options of a simplification.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Replaces calls by their bodies, as execution does. It is off to keep a jaxpr readable.
    pub inline: bool,
}

/// A simpler jaxpr with the same inputs and outputs.
pub fn simplify(jaxpr: &Jaxpr, options: Options) -> Result<Jaxpr, Error> {
    let mut bodies = FxHashMap::default();
    simplify_in(jaxpr, options, &mut bodies)
}

/// Simplified bodies by address. The first jaxpr of the pair keeps the address in use.
type Bodies = FxHashMap<usize, (Arc<Jaxpr>, Arc<Jaxpr>)>;

fn simplify_in(jaxpr: &Jaxpr, options: Options, bodies: &mut Bodies) -> Result<Jaxpr, Error> {
    let mut pass = Pass {
        options,
        bodies,
        new: Jaxpr::default(),
        made_by: FxHashMap::default(),
        splats: FxHashMap::default(),
        seen: FxHashMap::default(),
    };
    let inputs: Vec<Atom> = jaxpr
        .in_avals()
        .into_iter()
        .map(|aval| {
            let v = pass.new.new_var(aval);
            pass.new.inputs.push(v);
            Atom::Var(v)
        })
        .collect();
    pass.new.outputs = pass.run(jaxpr, &inputs)?;
    let used = vec![true; jaxpr.outputs.len()];
    dce_keeping_inputs(&Transforms::new().ctx(), &pass.new, &used)
}

struct Pass<'a> {
    options: Options,
    bodies: &'a mut Bodies,
    new: Jaxpr,
    /// The equation of `new` that binds each variable.
    made_by: FxHashMap<Var, usize>,
    splats: FxHashMap<Var, Scalar>,
    /// Equations by hash of primitive and operands.
    seen: FxHashMap<u64, SmallVec<[usize; 1]>>,
}

impl Pass<'_> {
    /// Appends a jaxpr's equations, and returns the atoms of its outputs.
    fn run(&mut self, jaxpr: &Jaxpr, inputs: &[Atom]) -> Result<Vec<Atom>, Error> {
        let mut env: Vec<Option<Atom>> = vec![None; jaxpr.avals.len()];
        for (v, a) in jaxpr.inputs.iter().zip(inputs) {
            env[v.index()] = Some(*a);
        }
        let read = |env: &[Option<Atom>], a: &Atom| match a {
            Atom::Var(v) => env[v.index()].expect("a variable is bound before its use"),
            literal => *literal,
        };
        for eqn in &jaxpr.eqns {
            let inputs = eqn.inputs.iter().map(|a| read(&env, a)).collect();
            let outs: Vec<Aval> = eqn.outputs.iter().map(|v| jaxpr.aval(*v).clone()).collect();
            let results = self.place(eqn, eqn.prim.clone(), inputs, &outs)?;
            for (v, a) in eqn.outputs.iter().zip(results) {
                env[v.index()] = Some(a);
            }
        }
        Ok(jaxpr.outputs.iter().map(|a| read(&env, a)).collect())
    }

    /// Appends one equation, or something simpler.
    fn place(
        &mut self,
        at: &Eqn,
        mut prim: Prim,
        mut inputs: SmallVec<[Atom; 3]>,
        outs: &[Aval],
    ) -> Result<Vec<Atom>, Error> {
        let mut avals: Vec<Aval> = inputs.iter().map(|a| self.new.atom_aval(*a)).collect();
        if prim.carrier().is_some() {
            // Lowering tells later, with a better message, if a call's body cannot be lowered.
            if self.options.inline
                && prim.kind() == LoweringKind::Call
                && let Ok(Lowering::Call(body)) = prim.lower(&avals, outs)
            {
                return self.run(&body, &inputs);
            }
            prim = self.with_simpler_bodies(&prim)?;
        }
        // Each step makes the equation smaller in some sense. The bound stops rules that undo each
        // other.
        for _ in 0..8 {
            let known: Vec<Known> = inputs.iter().map(|a| self.known(*a)).collect();
            let [out] = outs else { break };
            match prim.simplify(&known, outs) {
                Some(Simpler::Operand(i)) if avals[i] == *out => return Ok(vec![inputs[i]]),
                Some(Simpler::Atom(a)) if self.new.atom_aval(a) == *out => return Ok(vec![a]),
                Some(Simpler::Splat(s)) if out.rank() == 0 => return Ok(vec![Atom::Literal(s)]),
                Some(Simpler::Splat(s)) => return Ok(vec![self.splat(at, prim, inputs, out, s)]),
                Some(Simpler::Apply(p, atoms)) => {
                    let types: Vec<Aval> = atoms.iter().map(|a| self.new.atom_aval(*a)).collect();
                    match p.abstract_eval(&types) {
                        Ok(o) if o[..] == *outs => (prim, inputs, avals) = (p, atoms, types),
                        _ => break,
                    }
                }
                _ => break,
            }
        }
        let elementwise = prim.kind() == LoweringKind::Elementwise;
        let lowering = if elementwise { prim.lower(&avals, outs).ok() } else { None };
        if let (Some(Lowering::Elementwise(f)), [out]) = (&lowering, outs) {
            let splats: Option<SmallVec<[Scalar; 3]>> =
                inputs.iter().map(|a| self.splat_of(*a)).collect();
            match splats {
                Some(values) if !values.is_empty() => {
                    if let Some(s) = fold(f, &values, out.dtype) {
                        return Ok(vec![match out.rank() {
                            0 => Atom::Literal(s),
                            _ => self.splat(at, prim, inputs, out, s),
                        }]);
                    }
                }
                _ => {
                    // Splats can be literals if one operand still gives the result its shape. That
                    // is an operand that is no splat if there is one (a predicate may be a scalar),
                    // else the first splat of that shape.
                    let whole = |i: &usize| avals[*i].shape == out.shape;
                    let n = inputs.len();
                    let shaped = (0..n).filter(whole).find(|i| self.splat_of(inputs[*i]).is_none());
                    let shaped = shaped.or_else(|| (0..n).find(whole));
                    for (i, a) in inputs.iter_mut().enumerate().filter(|(i, _)| Some(*i) != shaped)
                    {
                        if let Some(s) = self.splat_of(*a) {
                            *a = Atom::Literal(s);
                            avals[i] = self.new.atom_aval(*a);
                        }
                    }
                }
            }
        }
        let kind = lowering.map_or_else(|| prim.kind(), |l| l.kind());
        if kind == LoweringKind::Forward
            && let Some(atoms) = self.forwarded(at, &prim, &inputs, outs)
        {
            return Ok(atoms);
        }
        let mergeable =
            at.effects.is_none() && !matches!(kind, LoweringKind::Waits | LoweringKind::Forward);
        Ok(self.append(at, prim, inputs, outs, mergeable))
    }

    /// Lets splats bypass an equation that only forwards its operands. A splat has nothing to
    /// compute again and nothing to differentiate, and its value stays known behind the equation.
    /// The other operands go through without them.
    fn forwarded(
        &mut self,
        at: &Eqn,
        prim: &Prim,
        inputs: &[Atom],
        outs: &[Aval],
    ) -> Option<Vec<Atom>> {
        let filled: Vec<bool> = inputs.iter().map(|a| self.splat_of(*a).is_some()).collect();
        if !at.effects.is_none() || !filled.contains(&true) {
            return None;
        }
        let rest = |i: &usize| !filled[*i];
        let others: SmallVec<[Atom; 3]> =
            (0..inputs.len()).filter(rest).map(|i| inputs[i]).collect();
        let types: Vec<Aval> = (0..outs.len()).filter(rest).map(|i| outs[i].clone()).collect();
        let mut passed = Vec::new();
        if !others.is_empty() {
            let avals: Vec<Aval> = others.iter().map(|a| self.new.atom_aval(*a)).collect();
            if prim.abstract_eval(&avals).ok()?[..] != types {
                return None;
            }
            passed = self.append(at, prim.clone(), others, &types, false);
        }
        let mut passed = passed.into_iter();
        let one = |(a, filled): (&Atom, &bool)| match filled {
            true => *a,
            false => passed.next().expect("one per operand that is not filled"),
        };
        Some(inputs.iter().zip(&filled).map(one).collect())
    }

    fn known(&self, atom: Atom) -> Known {
        let made_by = atom.var().and_then(|v| self.made_by.get(&v)).map(|i| {
            let eqn = &self.new.eqns[*i];
            (eqn.prim.clone(), eqn.inputs.clone())
        });
        Known { atom, aval: self.new.atom_aval(atom), splat: self.splat_of(atom), made_by }
    }

    fn splat_of(&self, a: Atom) -> Option<Scalar> {
        match a {
            Atom::Literal(s) => Some(s),
            Atom::Var(v) => self.splats.get(&v).copied(),
        }
    }

    /// Keeps the equation that fills an array, for equations that need the array itself, and
    /// remembers the value.
    fn splat(
        &mut self,
        at: &Eqn,
        prim: Prim,
        inputs: SmallVec<[Atom; 3]>,
        out: &Aval,
        value: Scalar,
    ) -> Atom {
        let atom = self.append(at, prim, inputs, std::slice::from_ref(out), true)[0];
        if let Atom::Var(v) = atom {
            self.splats.insert(v, value);
        }
        atom
    }

    /// The outputs of an equal equation if there is one, else of a new one.
    fn append(
        &mut self,
        at: &Eqn,
        prim: Prim,
        inputs: SmallVec<[Atom; 3]>,
        outs: &[Aval],
        mergeable: bool,
    ) -> Vec<Atom> {
        let atoms = |vars: &[Var]| vars.iter().map(|v| Atom::Var(*v)).collect();
        let key = mergeable.then(|| {
            let mut h = FxHasher::default();
            (prim.name(), prim.params(), &inputs).hash(&mut h);
            h.finish()
        });
        if let Some(same) = key.and_then(|k| self.seen.get(&k)) {
            for i in same {
                let e = &self.new.eqns[*i];
                if e.inputs == inputs && same_prim(&e.prim, &prim) {
                    return atoms(&e.outputs);
                }
            }
        }
        let n = self.new.eqns.len();
        let outputs: SmallVec<[Var; 1]> =
            outs.iter().map(|a| self.new.new_var(a.clone())).collect();
        if let Some(k) = key {
            self.seen.entry(k).or_default().push(n);
        }
        self.made_by.extend(outputs.iter().map(|v| (*v, n)));
        let results = atoms(&outputs);
        self.new.eqns.push(Eqn {
            effects: prim.effects(),
            prim,
            inputs,
            outputs,
            source: at.source,
        });
        results
    }

    fn with_simpler_bodies(&mut self, prim: &Prim) -> Result<Prim, Error> {
        let Some(carrier) = prim.carrier() else { return Ok(prim.clone()) };
        let params = prim.params();
        let simpler: Result<Vec<Arc<Jaxpr>>, Error> =
            params.iter().flat_map(|(_, p)| p.jaxprs()).map(|j| self.body(j)).collect();
        Ok(carrier.with_jaxprs(simpler?))
    }

    fn body(&mut self, jaxpr: &Arc<Jaxpr>) -> Result<Arc<Jaxpr>, Error> {
        let address = Arc::as_ptr(jaxpr) as usize;
        if let Some((_, done)) = self.bodies.get(&address) {
            return Ok(done.clone());
        }
        let done = Arc::new(simplify_in(jaxpr, self.options, self.bodies)?);
        self.bodies.insert(address, (jaxpr.clone(), done.clone()));
        Ok(done)
    }
}

/// The value of an elementwise primitive on numbers, by the interpreter.
fn fold(f: &ScalarFn, values: &[Scalar], dtype: cotangent_jit::DType) -> Option<Scalar> {
    let mut b = KernelBuilder::new("fold", []);
    let args: Vec<_> = values.iter().map(|s| b.constant(*s)).collect();
    let out = f(&mut b, &args);
    let [out] = out[..] else { return None };
    let buffer = b.buffer(dtype, 1);
    b.store_at(buffer, Affine::constant(0), out);
    let mut buffers = [vec![0; dtype.size()]];
    run_kernel(&b.finish(), &mut buffers).ok()?;
    Some(Scalar::from_bytes(dtype, &buffers[0]))
}
