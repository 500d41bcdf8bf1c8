//! The jvp rule of a primitive as quantities along the curve.

use super::curves::{App, Curves, Derivatives, From, Id, Nodes};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, Jaxpr, Var};
use crate::core::primitive::{Arrays, Tangent};
use crate::core::source::replaying;
use crate::core::trace::{Traced, trace};
use cotangent_jit::Error;
use std::sync::Arc;

impl Curves<'_> {
    /// Adds the jvp rule of an application to the quantities along the curve.
    pub(super) fn derive(&mut self, app: usize) -> Result<Arc<Derivatives>, Error> {
        let inputs = self.apps[app].inputs.clone();
        let is_nonzero =
            |i: &Id| self.nodes[*i].degree > 0 && self.nodes[*i].aval.dtype.is_inexact();
        let nonzero: Vec<bool> = inputs.iter().map(is_nonzero).collect();
        let (Traced { jaxpr, captured }, nonzero_outputs) = self.trace_rule(app, &nonzero)?;
        let mut env: Vec<Option<Id>> = vec![None; jaxpr.avals.len()];
        let mut args: Nodes = captured.iter().map(|x| self.given(x, &[])).collect();
        args.extend(inputs.iter().copied());
        for (i, _) in inputs.iter().zip(&nonzero).filter(|(_, m)| **m) {
            args.push(self.derivative(*i));
        }
        for (v, id) in jaxpr.inputs.iter().zip(args) {
            env[v.index()] = Some(id);
        }
        let read = |curves: &mut Self, env: &[Option<Id>], a: &Atom| match a {
            Atom::Var(v) => env[v.index()].expect("a variable is bound before its use"),
            Atom::Literal(s) => curves.literal(*s),
        };
        let mut steps = Vec::new();
        let live = live(&jaxpr);
        for (eqn, _) in jaxpr.eqns.iter().zip(live).filter(|(_, live)| *live) {
            let operands = eqn.inputs.iter().map(|a| read(self, &env, a)).collect();
            let avals: Vec<Aval> = eqn.outputs.iter().map(|v| jaxpr.aval(*v).clone()).collect();
            let outs = self.apply(eqn.prim.clone(), operands, &avals, eqn.source);
            for (v, out) in eqn.outputs.iter().zip(outs) {
                env[v.index()] = Some(out);
                steps.push(out);
            }
        }
        let mut made =
            jaxpr.outputs.iter().map(|a| read(self, &env, a)).collect::<Vec<_>>().into_iter();
        let outputs =
            nonzero_outputs.iter().map(|g| g.then(|| made.next().expect("one per tangent")));
        let derivatives = Arc::new(Derivatives { outputs: outputs.collect(), steps });
        self.apps[app].derivatives = Some(derivatives.clone());
        Ok(derivatives)
    }

    /// The jvp rule of an application. It takes the application's inputs and the tangents of the
    /// inputs marked in `nonzero`, and gives the nonzero tangents of the outputs. The second result
    /// marks these outputs.
    pub(super) fn trace_rule(
        &self,
        app: usize,
        nonzero: &[bool],
    ) -> Result<(Traced, Vec<bool>), Error> {
        let App { prim, inputs, outputs, source, .. } = &self.apps[app];
        let n = inputs.len();
        let mut types: Vec<Aval> = inputs.iter().map(|i| self.nodes[*i].aval.clone()).collect();
        let tangents = types.iter().zip(nonzero).filter(|(_, m)| **m).map(|(a, _)| a.strong());
        let tangents: Vec<Aval> = tangents.collect();
        types.extend(tangents);
        let mut nonzero_outputs = Vec::new();
        let traced = replaying(*source, || {
            trace(&types, |args| {
                let mut input_tangents = args[n..].iter();
                let mut primals = Arrays::new();
                let mut tangents = Vec::new();
                for ((i, x), is_nonzero) in inputs.iter().zip(&args).zip(nonzero) {
                    // Rules treat literals in a special way: the rule of a power with a literal
                    // exponent is simpler.
                    primals.push(match self.nodes[*i].from {
                        From::Literal(s) => Array::literal(s),
                        _ => x.clone(),
                    });
                    tangents.push(match is_nonzero {
                        true => {
                            Tangent::Value(input_tangents.next().expect("one per set bit").clone())
                        }
                        false => Tangent::Zero(x.aval().strong()),
                    });
                }
                let (_, output_tangents) = prim.jvp(self.ctx, &primals, &tangents)?;
                debug_assert_eq!(output_tangents.len(), outputs.len());
                nonzero_outputs = output_tangents.iter().map(|t| !t.is_zero()).collect();
                Ok(output_tangents.iter().filter_map(|t| t.value().cloned()).collect())
            })
        })?;
        Ok((traced, nonzero_outputs))
    }
}

/// Marks the equations that the outputs need.
pub(super) fn live(jaxpr: &Jaxpr) -> Vec<bool> {
    let mut needed = vec![false; jaxpr.avals.len()];
    let mark = |needed: &mut [bool], a: &Atom| {
        if let Some(Var(v)) = a.var() {
            needed[v as usize] = true;
        }
    };
    jaxpr.outputs.iter().for_each(|a| mark(&mut needed, a));
    let mut live = vec![false; jaxpr.eqns.len()];
    for (eqn, live) in jaxpr.eqns.iter().zip(&mut live).rev() {
        *live = eqn.outputs.iter().any(|v| needed[v.index()]);
        if *live {
            eqn.inputs.iter().for_each(|a| mark(&mut needed, a));
        }
    }
    live
}
