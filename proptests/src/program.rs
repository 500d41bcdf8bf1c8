//! A jaxpr with inputs to run it on, and its transforms. Laws are stated of programs; a case is a
//! program of one equation.

use crate::mapped::applied;
use crate::twin;
use crate::values::{array, direction, numbers};
use crate::violation::Violation;
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::axis::BatchAxis;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::params::Param;
use cotangent::core::primitive::Recur;
use cotangent::core::trace::{bind, eval, trace};
use cotangent::prims::entry::Case;
use cotangent::stage;
use cotangent::transforms::Transforms;
use cotangent::transforms::vjp::{Vjp, vjp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A jaxpr with inputs.
#[derive(Clone)]
pub struct Program {
    pub jaxpr: Arc<Jaxpr>,
    pub inputs: Vec<Array>,
}

impl Program {
    /// The one equation of a case; inside of a mapped axis, if the case is.
    pub fn of(case: &Case) -> Result<Program, Violation> {
        let avals: Vec<Aval> = case.inputs.iter().map(|a| a.aval().strong()).collect();
        let prim = applied(case)?;
        let traced = trace(&avals, |args| Ok(bind(prim, &args)?.into_vec()))?;
        Ok(Program { jaxpr: Arc::new(traced.jaxpr), inputs: case.inputs.clone() })
    }

    pub fn with(&self, jaxpr: impl Into<Arc<Jaxpr>>) -> Program {
        Program { jaxpr: jaxpr.into(), inputs: self.inputs.clone() }
    }

    /// The results by the interpreter, the oracle.
    pub fn interpret(&self) -> Result<Vec<Array>, Violation> {
        let told = |e| Violation::from(e).within(format!("interpreting\n{}", self.jaxpr));
        stage::interpret(&self.jaxpr, &self.inputs).map_err(told)
    }

    /// The results of machine code.
    pub fn run(&self) -> Result<Vec<Array>, Violation> {
        let told = |e| Violation::from(e).within(format!("compiling\n{}", self.jaxpr));
        stage::run_jaxpr(&self.jaxpr, self.inputs.clone()).map_err(told)
    }

    /// The results of one operation after the other, outside of any trace.
    pub fn eager(&self) -> Result<Vec<Array>, Violation> {
        Ok(eval(&self.jaxpr, &self.inputs)?)
    }

    /// Which inputs have tangents.
    pub fn wrt(&self) -> Vec<bool> {
        self.jaxpr.in_avals().iter().map(|a| a.dtype.is_inexact()).collect()
    }

    pub fn outs(&self) -> usize {
        self.jaxpr.outputs.len()
    }

    /// Tangents to go with the inputs in `mask`.
    pub fn tangents(&self, mask: &[bool], seed: u64) -> Vec<Array> {
        let avals = self.jaxpr.in_avals().into_iter().enumerate().zip(mask);
        avals
            .filter(|(_, m)| **m)
            .map(|((i, a), _)| direction(&a.strong(), seed + i as u64))
            .collect()
    }

    /// Cotangents to go with the outputs.
    pub fn cotangents(&self, seed: u64) -> Vec<Array> {
        let avals = self.jaxpr.out_avals().into_iter().enumerate();
        avals.map(|(i, a)| direction(&a.strong(), seed + 100 + i as u64)).collect()
    }

    /// Outputs, and tangents of all of them, from inputs and tangents of those in `mask`.
    pub fn jvp_in(&self, mask: &[bool], seed: u64) -> Result<Program, Violation> {
        let force = vec![true; self.outs()];
        let (jaxpr, _) = Transforms::new().jvp(&self.jaxpr, mask, &force)?;
        let inputs = self.inputs.iter().cloned().chain(self.tangents(mask, seed)).collect();
        Ok(Program { jaxpr, inputs })
    }

    /// [`Program::jvp_in`] all that have tangents.
    pub fn jvp(&self, seed: u64) -> Result<Program, Violation> {
        self.jvp_in(&self.wrt(), seed)
    }

    pub fn vjp_in(&self, mask: &[bool]) -> Result<Vjp, Violation> {
        Ok(vjp(&Transforms::new(), &self.jaxpr, mask)?)
    }

    /// From inputs and the cotangents of inexact outputs to the cotangents of inexact inputs.
    pub fn pullback(&self, seed: u64) -> Result<Program, Violation> {
        let mask = self.wrt();
        let Vjp { forward, pullback, .. } = self.vjp_in(&mask)?;
        let outs: Vec<Aval> = self.jaxpr.out_avals().iter().map(Aval::strong).collect();
        let (n, given) = (self.inputs.len(), |a: &&Aval| a.dtype.is_inexact());
        let mut avals: Vec<Aval> = self.jaxpr.in_avals();
        avals.extend(outs.iter().filter(given).cloned());
        let traced = trace(&avals, |args| {
            let mut residuals = eval(&forward, &args[..n])?.split_off(outs.len());
            let mut cts = args[n..].iter();
            for a in &outs {
                residuals.push(match given(&a) {
                    true => cts.next().expect("one per inexact output").clone(),
                    false => cotangent::prims::rules::zeros::zeros(a),
                });
            }
            eval(&pullback, &residuals)
        })?;
        let cts = self.cotangents(seed).into_iter().zip(&outs).filter(|(_, a)| given(a));
        let inputs = self.inputs.iter().cloned().chain(cts.map(|(c, _)| c)).collect();
        Ok(Program { jaxpr: Arc::new(traced.jaxpr), inputs })
    }

    /// Over a batch of inputs, those in `mask`; all outputs have the batch axis in front.
    pub fn batched(
        &self,
        mask: &[bool],
        inputs: &[Array],
        size: usize,
    ) -> Result<Program, Violation> {
        let force = vec![true; self.outs()];
        let (jaxpr, _) =
            Transforms::new().batch(&self.jaxpr, &BatchAxis::unnamed(size), mask, &force)?;
        Ok(Program { jaxpr, inputs: inputs.to_vec() })
    }

    /// With other inputs.
    pub fn at(&self, inputs: Vec<Array>) -> Program {
        Program { jaxpr: self.jaxpr.clone(), inputs }
    }

    /// The cost of a rounding in the coarsest float that is computed with; where only the bits of
    /// narrow ones are looked at, as in an order, those do not count.
    pub fn epsilon(&self) -> f64 {
        fn coarsest(j: &Jaxpr, narrow: bool) -> f64 {
            let here = j.avals.iter().map(|a| a.dtype).filter(|d| narrow || !twin::is_narrow(*d));
            let inside = j.eqns.iter().flat_map(|e| e.prim.params());
            let inside =
                inside.flat_map(|(_, p)| p.jaxprs().to_vec()).map(|j| coarsest(&j, narrow));
            let here = here.map(crate::values::epsilon);
            here.chain(inside.collect::<Vec<_>>()).fold(0.0, f64::max)
        }
        coarsest(&self.jaxpr, twin::narrow(&self.jaxpr))
    }

    /// The same program in f64 on the same numbers, if floats of 16 bits take part. Differences say
    /// nothing of such a program; its derivatives are those of its twin, rounded. There is none if
    /// a rule inside has no body.
    pub fn twin(&self) -> Result<Option<Program>, Violation> {
        if !twin::narrow(&self.jaxpr) {
            return Ok(None);
        }
        let told = |e| Violation::from(e).within(format!("the twin in f64 of\n{}", self.jaxpr));
        let Some(jaxpr) = twin::twin(&self.jaxpr).map_err(told)? else { return Ok(None) };
        let widened = |x: &Array| match x.dtype() {
            DType::F16 | DType::BF16 => {
                Ok(array(&x.aval().strong().with_dtype(DType::F64), numbers(x)?))
            }
            _ => Ok(x.clone()),
        };
        let inputs: Result<Vec<Array>, Violation> = self.inputs.iter().map(widened).collect();
        Ok(Some(Program { jaxpr: Arc::new(jaxpr), inputs: inputs? }))
    }

    /// Whether somewhere inside stands a rule of the user's, or an array, which text does not
    /// carry.
    pub fn has_rules(&self) -> bool {
        fn rules(j: &Jaxpr) -> bool {
            j.eqns
                .iter()
                .flat_map(|e| e.prim.params())
                .any(|(_, p)| matches!(p, Param::Rule(_)) || p.jaxprs().iter().any(|j| rules(j)))
        }
        rules(&self.jaxpr)
    }

    /// Adds the names of all primitives inside.
    pub fn names(&self, to: &mut BTreeSet<&'static str>) {
        fn of(j: &Jaxpr, to: &mut BTreeSet<&'static str>) {
            for eqn in &j.eqns {
                to.insert(eqn.prim.name());
                eqn.prim.params().iter().flat_map(|(_, p)| p.jaxprs()).for_each(|j| of(j, to));
            }
        }
        of(&self.jaxpr, to);
    }

    /// Whether a loop inside has no limit on its rounds, so that there is no reverse mode.
    pub fn forward_only(&self) -> bool {
        let refused = |e: Violation| e.to_string().contains("while: reverse mode needs");
        self.pullback(0).is_err_and(refused)
    }

    /// Whether a rule of the user's inside gives reverse mode only, so that tangents cannot be
    /// computed forwards.
    pub fn reverse_only(&self) -> bool {
        let refused = |e: Violation| e.to_string().contains("gives reverse mode only");
        self.has_rules() && self.jvp(0).and_then(|p| p.interpret()).is_err_and(refused)
    }
}

/// Each alone, then all, of those in `of`.
pub fn subsets(of: &[bool]) -> Vec<Vec<bool>> {
    let count = of.iter().filter(|b| **b).count();
    let mut masks: Vec<Vec<bool>> = Vec::new();
    if count > 1 {
        let alone = (0..of.len()).filter(|i| of[*i]);
        masks.extend(alone.map(|i| (0..of.len()).map(|j| j == i).collect::<Vec<_>>()));
    }
    if count > 0 {
        masks.push(of.to_vec());
    }
    masks
}
