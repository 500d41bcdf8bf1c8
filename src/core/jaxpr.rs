//! The jaxpr: typed SSA over arrays. Every transform reads and writes this representation.
//!
//! ```text
//! jaxpr = inputs, equations, outputs          variables are numbered in the order they are bound
//! eqn   = outputs = primitive inputs          with effects and the user's source line
//! atom  = variable | literal                  literals are rank 0
//! ```
//! Not here: building (trace), typing (check), text (print, parse).

use super::array::Array;
use super::aval::Aval;
use super::axis::AxisName;
use super::params::Param;
use super::primitive::{Effects, Prim, Primitive, same_prim};
use super::source::Source;
use cotangent_jit::Scalar;
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use super::id::Var;

/// An operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Atom {
    Var(Var),
    /// A number of rank 0. Elementwise primitives take it beside arrays of any shape.
    Literal(Scalar),
}

impl Atom {
    pub fn var(self) -> Option<Var> {
        if let Atom::Var(v) = self { Some(v) } else { None }
    }
}

/// One application of a primitive.
#[derive(Clone, Debug)]
pub struct Eqn {
    pub prim: Prim,
    pub inputs: SmallVec<[Atom; 3]>,
    pub outputs: SmallVec<[Var; 1]>,
    pub effects: Effects,
    pub source: Source,
}

/// An open jaxpr: no arrays inside. Sub-jaxprs of primitives have this form.
#[derive(Clone, Debug, Default)]
pub struct Jaxpr {
    /// Type of every variable.
    pub avals: Vec<Aval>,
    pub inputs: Vec<Var>,
    pub eqns: Vec<Eqn>,
    pub outputs: Vec<Atom>,
}

/// A jaxpr with the arrays it captured, which are its leading inputs.
#[derive(Clone)]
pub struct ClosedJaxpr {
    pub jaxpr: Arc<Jaxpr>,
    pub consts: Vec<Array>,
}

impl Jaxpr {
    pub fn aval(&self, v: Var) -> &Aval {
        &self.avals[v.index()]
    }

    pub fn atom_aval(&self, a: Atom) -> Aval {
        match a {
            Atom::Var(v) => self.aval(v).clone(),
            Atom::Literal(s) => Aval { weak: true, ..Aval::scalar(s.dtype()) },
        }
    }

    pub fn in_avals(&self) -> Vec<Aval> {
        self.inputs.iter().map(|v| self.aval(*v).clone()).collect()
    }

    pub fn out_avals(&self) -> Vec<Aval> {
        self.outputs.iter().map(|a| self.atom_aval(*a)).collect()
    }

    /// The effects of all equations.
    pub fn effects(&self) -> Effects {
        self.eqns.iter().fold(Effects::NONE, |e, eqn| e | eqn.effects)
    }

    pub fn new_var(&mut self, aval: Aval) -> Var {
        self.avals.push(aval);
        Var(self.avals.len() as u32 - 1)
    }

    /// Number of equations, including those of nested jaxprs.
    pub fn total_eqns(&self) -> usize {
        let nested = |e: &Eqn| -> usize {
            e.prim.params().iter().flat_map(|(_, p)| p.jaxprs()).map(|j| j.total_eqns()).sum()
        };
        self.eqns.iter().map(|e| 1 + nested(e)).sum()
    }

    /// Tells whether an equation here or in a body names this axis.
    pub fn mentions(&self, axis: &AxisName) -> bool {
        self.eqns.iter().any(|e| mentions(&*e.prim, axis))
    }

    /// The same jaxpr with variables renumbered in binding order and unused ones dropped, so that
    /// structure alone decides equality.
    pub fn compact(&self) -> Jaxpr {
        let mut new = Jaxpr::default();
        let mut map = vec![None; self.avals.len()];
        for v in &self.inputs {
            let fresh = new.new_var(self.aval(*v).clone());
            map[v.index()] = Some(fresh);
            new.inputs.push(fresh);
        }
        let rename = |map: &[Option<Var>], a: &Atom| match a {
            Atom::Var(v) => Atom::Var(map[v.index()].expect("a variable is bound before its use")),
            lit => *lit,
        };
        for eqn in &self.eqns {
            let inputs = eqn.inputs.iter().map(|a| rename(&map, a)).collect();
            let outputs = eqn
                .outputs
                .iter()
                .map(|v| {
                    let fresh = new.new_var(self.aval(*v).clone());
                    map[v.index()] = Some(fresh);
                    fresh
                })
                .collect();
            new.eqns.push(Eqn { inputs, outputs, ..eqn.clone() });
        }
        new.outputs = self.outputs.iter().map(|a| rename(&map, a)).collect();
        new
    }
}

/// Tells whether a primitive names this axis, itself or in its bodies. The search visits each body
/// once.
pub fn mentions(prim: &dyn Primitive, axis: &AxisName) -> bool {
    fn any(prim: &dyn Primitive, axis: &AxisName, seen: &mut FxHashSet<*const Jaxpr>) -> bool {
        prim.params().iter().any(|(_, p)| match p {
            Param::Axes(names) => names.contains(axis),
            p => p.jaxprs().iter().any(|j| {
                seen.insert(Arc::as_ptr(j)) && j.eqns.iter().any(|e| any(&*e.prim, axis, seen))
            }),
        })
    }
    any(prim, axis, &mut FxHashSet::default())
}

/// Two jaxprs are equal if their types, their primitives with parameters and their wiring are
/// equal. Source lines and weakness do not count.
impl PartialEq for Jaxpr {
    fn eq(&self, other: &Jaxpr) -> bool {
        self.inputs == other.inputs
            && self.outputs == other.outputs
            && self.avals == other.avals
            && self.eqns.len() == other.eqns.len()
            && self.eqns.iter().zip(&other.eqns).all(|(a, b)| {
                a.inputs == b.inputs && a.outputs == b.outputs && same_prim(&a.prim, &b.prim)
            })
    }
}

impl Eq for Jaxpr {}

impl Hash for Jaxpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.avals.hash(state);
        self.inputs.hash(state);
        self.outputs.hash(state);
        for e in &self.eqns {
            e.inputs.hash(state);
            e.outputs.hash(state);
            e.prim.name().hash(state);
            e.prim.params().hash(state);
        }
    }
}
