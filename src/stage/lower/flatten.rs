//! The first stage: a jaxpr as one list of equations. Calls are inlined, renamings are resolved,
//! and literals are values of their own.
//!
//! Rewrites of the list (`pads`, `sums`, `components`) go through the methods here. Later stages
//! only read it, but for values that are added while equations find their groups.

use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::{Atom, Jaxpr};
use crate::core::lowering::Lowering;
use cotangent_jit::{DType, Error, Scalar};
use smallvec::SmallVec;
use std::ops::Deref;
use std::sync::Arc;

/// Index of a value of a [`Flat`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ValId(pub u32);

impl ValId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

pub type Vals = SmallVec<[ValId; 3]>;

/// An equation with the lowering of its primitive.
pub struct FlatEqn {
    pub lowering: Lowering,
    pub inputs: Vals,
    pub outputs: Vals,
}

struct Val {
    aval: Aval,
    /// Set for literals.
    literal: Option<Scalar>,
}

pub struct Flat {
    vals: Vec<Val>,
    eqns: Vec<FlatEqn>,
    inputs: Vec<ValId>,
    outputs: Vec<ValId>,
}

/// The number of equations and outputs that use a value, and one of the equations.
#[derive(Clone, Copy)]
pub struct Users {
    pub count: u32,
    pub eqn: u32,
}

enum Body<'a> {
    Top(&'a Jaxpr),
    Called(Arc<Jaxpr>),
}

impl Deref for Body<'_> {
    type Target = Jaxpr;
    fn deref(&self) -> &Jaxpr {
        match self {
            Body::Top(j) => j,
            Body::Called(j) => j,
        }
    }
}

struct Frame<'a> {
    body: Body<'a>,
    env: Vec<ValId>,
    next: usize,
}

const UNBOUND: ValId = ValId(u32::MAX);

impl Flat {
    pub fn new(jaxpr: &Jaxpr) -> Result<Flat, Error> {
        let mut flat = Flat {
            vals: Vec::with_capacity(jaxpr.avals.len()),
            eqns: Vec::with_capacity(jaxpr.eqns.len()),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        flat.inputs = jaxpr.inputs.iter().map(|v| flat.val(jaxpr.aval(*v).clone())).collect();
        let mut stack = vec![Frame::new(Body::Top(jaxpr), &flat.inputs)];
        while let Some(frame) = stack.last_mut() {
            let Frame { body, env, next } = frame;
            let Some(eqn) = body.eqns.get(*next) else {
                let outs: Vals = body.outputs.iter().map(|a| flat.read(env, *a)).collect();
                stack.pop();
                match stack.last_mut() {
                    None => flat.outputs = outs.into_vec(),
                    Some(caller) => {
                        let call = &caller.body.eqns[caller.next - 1];
                        for (var, val) in call.outputs.iter().zip(outs) {
                            caller.env[var.index()] = val;
                        }
                    }
                }
                continue;
            };
            *next += 1;
            let inputs: Vals = eqn.inputs.iter().map(|a| flat.read(env, *a)).collect();
            let in_avals: SmallVec<[Aval; 4]> =
                inputs.iter().map(|v| flat.vals[v.index()].aval.clone()).collect();
            let out_avals: Avals = eqn.outputs.iter().map(|v| body.aval(*v).clone()).collect();
            let lowering =
                eqn.prim.lower(&in_avals, &out_avals).map_err(|e| match e.names_operation() {
                    true => e.context(eqn.source),
                    false => e.context(eqn.prim.name()).context(eqn.source),
                })?;
            match lowering {
                Lowering::InBatch(e) => return Err(e.context(eqn.source)),
                Lowering::Call(jaxpr) => {
                    let called = Frame::new(Body::Called(jaxpr), &inputs);
                    stack.push(called);
                }
                Lowering::Forward if inputs.len() == 1 => env[eqn.outputs[0].index()] = inputs[0],
                lowering => {
                    let lowering = match lowering {
                        Lowering::Host(call) => Lowering::Host(call.at(eqn.source)),
                        other => other,
                    };
                    let outputs: Vals = out_avals.into_iter().map(|a| flat.val(a)).collect();
                    for (var, val) in eqn.outputs.iter().zip(&outputs) {
                        env[var.index()] = *val;
                    }
                    flat.eqns.push(FlatEqn { lowering, inputs, outputs });
                }
            }
        }
        Ok(flat)
    }

    /// Adds a value that no equation computes yet.
    pub fn val(&mut self, aval: Aval) -> ValId {
        self.vals.push(Val { aval, literal: None });
        ValId(self.vals.len() as u32 - 1)
    }

    /// Number of values.
    pub fn val_count(&self) -> usize {
        self.vals.len()
    }

    pub fn aval(&self, v: ValId) -> &Aval {
        &self.vals[v.index()].aval
    }

    pub fn shape(&self, v: ValId) -> &[usize] {
        &self.aval(v).shape
    }

    pub fn dtype(&self, v: ValId) -> DType {
        self.aval(v).dtype
    }

    /// Number of elements.
    pub fn size(&self, v: ValId) -> usize {
        self.aval(v).size()
    }

    /// The number, if the value is a literal.
    pub fn literal(&self, v: ValId) -> Option<Scalar> {
        self.vals[v.index()].literal
    }

    pub fn eqns(&self) -> &[FlatEqn] {
        &self.eqns
    }

    pub fn eqn(&self, n: usize) -> &FlatEqn {
        &self.eqns[n]
    }

    pub fn inputs(&self) -> &[ValId] {
        &self.inputs
    }

    pub fn outputs(&self) -> &[ValId] {
        &self.outputs
    }

    pub fn push(&mut self, eqn: FlatEqn) {
        self.eqns.push(eqn);
    }

    /// Lets an equation compute the same outputs in another way.
    pub fn replace(&mut self, n: usize, lowering: Lowering, inputs: Vals) {
        let eqn = &mut self.eqns[n];
        (eqn.lowering, eqn.inputs) = (lowering, inputs);
    }

    /// Leaves an equation that computes nothing. The numbers of the others stay.
    pub fn clear(&mut self, n: usize) {
        self.eqns[n] =
            FlatEqn { lowering: Lowering::Forward, inputs: Vals::new(), outputs: Vals::new() };
    }

    /// Takes the equations and the outputs out. The values and the inputs stay.
    pub fn take_body(&mut self) -> (Vec<FlatEqn>, Vec<ValId>) {
        (std::mem::take(&mut self.eqns), std::mem::take(&mut self.outputs))
    }

    pub fn set_outputs(&mut self, outputs: Vec<ValId>) {
        self.outputs = outputs;
    }

    /// The users of each value.
    pub fn users(&self) -> Vec<Users> {
        let mut users = vec![Users { count: 0, eqn: u32::MAX }; self.vals.len()];
        for (n, eqn) in self.eqns.iter().enumerate() {
            for v in &eqn.inputs {
                let of = &mut users[v.index()];
                *of = Users { count: of.count + 1, eqn: n as u32 };
            }
        }
        for v in &self.outputs {
            users[v.index()].count += 1;
        }
        users
    }

    fn read(&mut self, env: &[ValId], atom: Atom) -> ValId {
        match atom {
            Atom::Var(v) => env[v.index()],
            Atom::Literal(s) => {
                self.vals.push(Val { aval: Aval::scalar(s.dtype()), literal: Some(s) });
                ValId(self.vals.len() as u32 - 1)
            }
        }
    }
}

impl<'a> Frame<'a> {
    fn new(body: Body<'a>, inputs: &[ValId]) -> Frame<'a> {
        let mut env = vec![UNBOUND; body.avals.len()];
        for (var, val) in body.inputs.iter().zip(inputs) {
            env[var.index()] = *val;
        }
        Frame { body, env, next: 0 }
    }
}
