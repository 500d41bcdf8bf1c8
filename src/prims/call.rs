//! `call`: a named body. What a jitted function becomes inside another trace; it differentiates, batches and splits as one
//! equation, so that nested functions cost linear work.

use super::bodies::{
    arrays, axes_in_front, check_inputs, front, input_cotangents, nonzero, operands, single,
    spread, values,
};
use super::case_bodies::{self, FLOATS, numbers};
use super::roll_call::{Args, Case, Entry};
use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::Lowering;
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    Arrays, Carrier, Ctx, Effects, Known, Operand, PartialEval, Prim, Primitive, Shrunk, Simpler,
    Split, Tangent,
};
use crate::core::trace::bind;
use cotangent_jit::Error;
use smallvec::smallvec;
use std::sync::Arc;

/// `call[name, jaxpr] x... -> y...`: the body applied to the inputs.
#[derive(Clone, Debug)]
pub struct Call {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
}

impl Call {
    fn with(&self, jaxpr: Arc<Jaxpr>) -> Prim {
        Arc::new(Call { callee: self.callee.clone(), jaxpr })
    }
}

impl Primitive for Call {
    fn name(&self) -> &'static str {
        "call"
    }

    fn params(&self) -> Params {
        smallvec![
            ("name", Param::Name(self.callee.clone())),
            ("jaxpr", Param::Jaxpr(self.jaxpr.clone()))
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        check_inputs("call", &self.jaxpr, inputs)?;
        Ok(self.jaxpr.out_avals().into())
    }

    fn jvp(
        &self,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        let n = self.jaxpr.outputs.len();
        let (body, mask) = ctx.recur.jvp(&self.jaxpr, &nonzero(tangents), &vec![false; n])?;
        let inputs: Vec<Array> = primals.iter().cloned().chain(values(tangents)).collect();
        let mut outs = bind(self.with(body), &inputs)?.into_vec();
        let tangents = outs.split_off(n);
        Ok((arrays(outs), spread(&mask, tangents, &self.jaxpr.out_avals())))
    }

    fn transpose(
        &self,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> Result<Vec<Tangent>, Error> {
        let (mut args, linear) = operands(inputs);
        let force = vec![false; linear.iter().filter(|l| **l).count()];
        let (body, mask) =
            ctx.recur.transpose(&self.jaxpr, &linear, &nonzero(cotangents), &force)?;
        args.extend(values(cotangents));
        Ok(input_cotangents(inputs, &mask, bind(self.with(body), &args)?))
    }

    fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let force = vec![false; self.jaxpr.outputs.len()];
        let (body, mask) = ctx.recur.batch(&self.jaxpr, ctx.axis, &batched, &force)?;
        Ok((bind(self.with(body), &inputs)?, front(&mask)))
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Call(self.jaxpr.clone()))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn effects(&self) -> Effects {
        self.jaxpr.effects()
    }

    fn carrier(&self) -> Option<&dyn Carrier> {
        Some(self)
    }
}

impl Carrier for Call {
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        let split =
            ctx.recur.split(&self.jaxpr, unknown, &vec![false; self.jaxpr.outputs.len()])?;
        let Split { known, unknown, unknown_out, residuals } = &*split;
        let wrap = |body: &Arc<Jaxpr>| -> Result<Arc<Jaxpr>, Error> {
            if body.eqns.is_empty() {
                return Ok(body.clone());
            }
            Ok(Arc::new(single(self.with(body.clone()), &body.in_avals())?))
        };
        Ok(PartialEval {
            known: wrap(known)?,
            unknown: wrap(unknown)?,
            unknown_out: unknown_out.clone(),
            residuals: residuals.clone(),
        })
    }

    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let (body, inputs) = ctx.recur.dce(&self.jaxpr, used)?;
        Ok(Shrunk { prim: self.with(body), inputs, outputs: used.to_vec() })
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        self.with(jaxprs.remove(0))
    }
}

/// Applies a traced function by name, as one equation.
#[track_caller]
pub fn call(name: &str, jaxpr: Arc<Jaxpr>, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(Call { callee: name.to_owned(), jaxpr }), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "call", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Call { callee: args.name("name")?.to_owned(), jaxpr: args.jaxpr("jaxpr")? }))
}

fn cases() -> Vec<Case> {
    let case = |d| {
        let call: Prim = Arc::new(Call { callee: "f".into(), jaxpr: case_bodies::product(d) });
        Case::new(call, vec![numbers(d, 3), numbers(d, 3)])
    };
    FLOATS.map(case).into()
}
