//! `checkpoint`: a body whose residuals are not kept: the backward pass computes them again from the inputs.

use super::bodies::{input_cotangents, nonzero, operands, permuted, pick, values, with_inputs};
use super::body::Body;
use super::call::Call;
use super::case_bodies::{self, FLOATS, numbers};
use super::lax;
use super::roll_call::{Args, Case, Entry};
use super::taylor::Forward;
use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::hazard::Hazard;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::Lowering;
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    Arrays, Carrier, Ctx, Effects, Known, Operand, PartialEval, Prim, Primitive, Residual, Shrunk,
    Simpler, Tangent, Taylor, TaylorRule, Threaded,
};
use crate::core::trace::{bind, eval, trace};
use cotangent_jit::Error;
use smallvec::smallvec;
use std::sync::Arc;

/// `checkpoint[jaxpr] x... -> y...`: the body, its intermediate values forgotten. What is recomputed stands behind an
/// `optimization_barrier`, so that it is not merged with the first computation.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub jaxpr: Arc<Jaxpr>,
}

impl Checkpoint {
    fn with(jaxpr: Arc<Jaxpr>) -> Prim {
        Arc::new(Checkpoint { jaxpr })
    }

    fn body(&self) -> Body<'_, impl Fn(Arc<Jaxpr>) -> Prim> {
        Body { jaxpr: &self.jaxpr, wrap: Checkpoint::with }
    }
}

impl Primitive for Checkpoint {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn params(&self) -> Params {
        smallvec![("jaxpr", Param::Jaxpr(self.jaxpr.clone()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        self.body().abstract_eval("checkpoint", inputs)
    }

    fn jvp(
        &self,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        self.body().jvp(ctx, primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    fn transpose(
        &self,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> Result<Vec<Tangent>, Error> {
        let (mut args, linear) = operands(inputs);
        let (body, mask) = backward(ctx, &self.jaxpr, &linear, &nonzero(cotangents))?;
        args.extend(values(cotangents));
        // The barrier holds the recomputation back until the cotangents are there.
        let args = lax::optimization_barrier(&args);
        let again = Call { callee: "recompute".into(), jaxpr: body };
        Ok(input_cotangents(inputs, &mask, bind(Arc::new(again), &args)?))
    }

    fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        self.body().batch(ctx, inputs, axes)
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

    fn hazards(&self, _: &[Aval]) -> Vec<Hazard> {
        Vec::new()
    }

    fn carrier(&self) -> Option<&dyn Carrier> {
        Some(self)
    }
}

impl TaylorRule for Checkpoint {
    fn jet(
        &self,
        ctx: &Ctx,
        order: usize,
        primals: &[Array],
        series: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        self.body().forward(Forward::Jet(order), ctx, primals, series)
    }
}

impl Carrier for Checkpoint {
    /// The known outputs are computed now, keeping nothing; the unknown part starts again from the known inputs.
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        let n = self.jaxpr.outputs.len();
        let split = ctx.recur.split(&self.jaxpr, unknown, &vec![false; n])?;
        let mut known = (*split.known).clone();
        known.outputs.truncate(split.unknown_out.iter().filter(|u| !**u).count());
        let used = vec![true; known.outputs.len()];
        let (small, kept) = ctx.recur.dce(&Arc::new(known), &used)?;
        let avals = self.jaxpr.in_avals();
        let known_in: Vec<Aval> = pick(&avals, unknown, false).cloned().collect();
        let now = with_inputs(&small, &kept, &vec![true; kept.len()], &known_in);

        // The whole body, without the outputs that are known and what only they need; inputs: known, unknown.
        let (late, kept) = ctx.recur.dce(&self.jaxpr, &split.unknown_out)?;
        let order = |want: bool| (0..unknown.len()).filter(move |i| unknown[*i] == want);
        let residuals: Vec<usize> = order(false).filter(|i| kept[*i]).collect();
        let want: Vec<bool> = kept.iter().zip(unknown).map(|(k, u)| *k || *u).collect();
        let late = with_inputs(&late, &kept, &want, &avals);
        let place = |i: usize| want[..i].iter().filter(|w| **w).count();
        let inputs: Vec<usize> = residuals.iter().copied().chain(order(true)).map(place).collect();
        let outputs: Vec<usize> = (0..late.outputs.len()).collect();
        let late = Arc::new(permuted(&late, &inputs, &outputs));
        Ok(PartialEval {
            known: self.body().alone(Arc::new(now))?,
            unknown: self.body().alone(late)?,
            unknown_out: split.unknown_out.clone(),
            residuals: residuals.into_iter().map(Residual::Input).collect(),
        })
    }

    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        self.body().dce(ctx, used)
    }

    fn threaded(
        &self,
        bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> Result<Threaded, Error> {
        self.body().threaded(bodies, state, inputs)
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Checkpoint::with(jaxprs.remove(0))
    }
}

/// From the known inputs and cotangents of outputs to cotangents of linear inputs: what is nonlinear in the body is
/// computed again first, so that only a linear part is left to transpose.
fn backward(
    ctx: &Ctx,
    body: &Arc<Jaxpr>,
    linear: &[bool],
    nonzero: &[bool],
) -> Result<(Arc<Jaxpr>, Vec<bool>), Error> {
    let split = ctx.recur.split(body, linear, &vec![true; body.outputs.len()])?;
    let residuals = split.residuals.len();
    let wanted: Vec<bool> = (0..split.unknown.inputs.len()).map(|i| i >= residuals).collect();
    let force = vec![false; wanted.len() - residuals];
    let (late, mask) = ctx.recur.transpose(&split.unknown, &wanted, nonzero, &force)?;
    let (inputs, outputs) = (body.in_avals(), body.out_avals());
    let known = pick(&inputs, linear, false).cloned();
    let types: Vec<Aval> = known.chain(pick(&outputs, nonzero, true).map(Aval::strong)).collect();
    let traced = trace(&types, |args| {
        let (known, cotangents) = args.split_at(split.known.inputs.len());
        let mut computed = eval(&split.known, known)?.into_iter();
        let residual = |r: &Residual| match r {
            Residual::Input(i) => known[linear[..*i].iter().filter(|l| !**l).count()].clone(),
            Residual::Computed(_) => computed.next().expect("one output per residual"),
        };
        let mut args: Vec<Array> = split.residuals.iter().map(residual).collect();
        args.extend_from_slice(cotangents);
        eval(&late, &args)
    })?;
    debug_assert!(traced.captured.is_empty(), "a body is closed");
    Ok((Arc::new(traced.jaxpr), mask))
}

/// Applies a traced function whose residuals will be recomputed.
#[track_caller]
pub fn checkpoint(jaxpr: Arc<Jaxpr>, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Checkpoint::with(jaxpr), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "checkpoint", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Checkpoint::with(args.jaxpr("jaxpr")?))
}

fn cases() -> Vec<Case> {
    let case = |d| {
        let checkpoint = Checkpoint::with(case_bodies::product(d));
        Case::new(checkpoint, vec![numbers(d, 3), numbers(d, 3)])
    };
    FLOATS.map(case).into()
}
