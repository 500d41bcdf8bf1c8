//! A body mapped over a named axis as one primitive, so that laws can speak of collectives: their
//! rules work inside of the body, and only what runs is batched.
//!
//! `mapped[axis_name, axis_size, jaxpr] x... -> y...`: all inputs and outputs have the lanes in
//! front.

use cotangent::Error;
use cotangent::core::array::Array;
use cotangent::core::aval::{Aval, Avals};
use cotangent::core::axis::BatchAxis;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::lowering::{Lowering, LoweringKind};
use cotangent::core::params::{Param, Params};
use cotangent::core::policy::KeepPolicy;
use cotangent::core::primitive::{
    BatchResult, Carrier, Ctx, JvpResult, Kept, Known, Nature, Operand, PartialEval, Prim,
    Primitive, Recur, Registry, Residual, Shrunk, Simpler, Tangent, Taylor, TaylorRule,
    ThreadResult, TransposeResult,
};
use cotangent::core::trace::bind;
use cotangent::prims::carriers::regroup::{
    check_inputs, input_cotangents, nonzero, operands, single, spread, values,
};
use cotangent::prims::entry::{Args, Case};
use cotangent::prims::shapes::transpose::moveaxis;
use cotangent::transforms::Transforms;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug)]
pub struct Mapped {
    pub axis: BatchAxis,
    /// Of one lane.
    pub jaxpr: Arc<Jaxpr>,
}

impl Mapped {
    fn with(&self, jaxpr: Arc<Jaxpr>) -> Prim {
        Arc::new(Mapped { axis: self.axis.clone(), jaxpr })
    }

    fn stacked(&self, lanes: impl IntoIterator<Item = Aval>) -> Vec<Aval> {
        lanes.into_iter().map(|a| a.batched(0, self.axis.size)).collect()
    }

    /// Outputs and what rides beside them, of a body in forward mode.
    fn riding(
        &self,
        body: Arc<Jaxpr>,
        mask: &[bool],
        count: usize,
        primals: &[Array],
        riding: &[Tangent],
    ) -> JvpResult {
        let inputs: Vec<Array> = primals.iter().cloned().chain(values(riding)).collect();
        let mut outs = bind(self.with(body), &inputs)?.into_vec();
        let rode = outs.split_off(self.jaxpr.outputs.len());
        let beside = self.jaxpr.out_avals().into_iter().flat_map(|a| vec![a.strong(); count]);
        Ok((outs.into_iter().collect(), spread(mask, rode, &self.stacked(beside))))
    }

    /// What runs.
    fn batched(&self) -> Result<Arc<Jaxpr>, Error> {
        let all = |n: usize| vec![true; n];
        let (ins, outs) = (self.jaxpr.inputs.len(), self.jaxpr.outputs.len());
        Ok(Transforms::new().batch(&self.jaxpr, &self.axis, &all(ins), &all(outs))?.0)
    }
}

impl Primitive for Mapped {
    fn name(&self) -> &'static str {
        "mapped"
    }

    fn params(&self) -> Params {
        [
            ("axis_name", Param::Axes(self.axis.name.iter().cloned().collect())),
            ("axis_size", Param::Int(self.axis.size as i64)),
            ("jaxpr", Param::Jaxpr(self.jaxpr.clone())),
        ]
        .into_iter()
        .collect()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let mut stacked = (*self.jaxpr).clone();
        for v in &self.jaxpr.inputs {
            stacked.avals[v.index()] = self.jaxpr.aval(*v).batched(0, self.axis.size);
        }
        check_inputs("mapped", &stacked, inputs)?;
        Ok(self.stacked(self.jaxpr.out_avals()).into())
    }

    fn jvp(&self, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let force = vec![false; self.jaxpr.outputs.len()];
        let (body, mask) = ctx.recur.jvp(&self.jaxpr, &nonzero(tangents), &force)?;
        self.riding(body, &mask, 1, primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    /// A map of linear functions is transposed lane by lane.
    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let (mut args, linear) = operands(inputs);
        let force = vec![false; linear.iter().filter(|l| **l).count()];
        let (body, mask) =
            ctx.recur.transpose(&self.jaxpr, &linear, &nonzero(cotangents), &force)?;
        args.extend(values(cotangents));
        Ok(input_cotangents(inputs, &mask, bind(self.with(body), &args)?))
    }

    /// Over another axis, which stands behind the lanes.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let behind = |(x, axis): (&Array, &Option<usize>)| match axis {
            Some(axis) => moveaxis(x, *axis, 1),
            None => Ok(x.clone()),
        };
        let inputs: Vec<Array> =
            inputs.iter().zip(axes).map(behind).collect::<Result<_, Error>>()?;
        let batched: Vec<bool> = axes.iter().map(Option::is_some).collect();
        let force = vec![false; self.jaxpr.outputs.len()];
        let (body, mask) = ctx.recur.batch(&self.jaxpr, ctx.axis, &batched, &force)?;
        let outs = bind(self.with(body), &inputs)?;
        Ok((outs, mask.iter().map(|b| b.then_some(1)).collect()))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Call
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Call(self.batched()?))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::carrier(self, self.jaxpr.effects())
    }
}

impl TaylorRule for Mapped {
    fn jet(&self, ctx: &Ctx, order: usize, primals: &[Array], series: &[Tangent]) -> JvpResult {
        let force = vec![false; order * self.jaxpr.outputs.len()];
        let (body, mask) = ctx.recur.jet(&self.jaxpr, order, &nonzero(series), &force)?;
        self.riding(body, &mask, order, primals, series)
    }
}

impl Carrier for Mapped {
    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        let kept = ctx.recur.keep(&self.jaxpr, unknown, forbidden, policy)?;
        let values = self.stacked(kept.values.iter().cloned());
        Ok(Some(Kept { values, ..kept.wrapped(|j| self.with(j)) }))
    }

    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        let force = vec![false; self.jaxpr.outputs.len()];
        let split = ctx.recur.split(&self.jaxpr, unknown, &force)?;
        let wrap = |body: &Arc<Jaxpr>| -> Result<Arc<Jaxpr>, Error> {
            Ok(Arc::new(single(self.with(body.clone()), &self.stacked(body.in_avals()))?))
        };
        let stacked = |r: &Residual| match r {
            Residual::Input(i) => Residual::Input(*i),
            Residual::Computed(a) => Residual::Computed(a.batched(0, self.axis.size)),
        };
        Ok(PartialEval {
            known: wrap(&split.known)?,
            unknown: wrap(&split.unknown)?,
            unknown_out: split.unknown_out.clone(),
            residuals: split.residuals.iter().map(stacked).collect(),
        })
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        self.with(jaxprs.remove(0))
    }

    /// Lanes run together, so there is no order in which a state could pass through all of them: it
    /// passes by, and what goes wrong inside is seen in the batch that runs.
    fn threaded(&self, _: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult {
        Ok((state.to_vec(), bind(self.with(self.jaxpr.clone()), inputs)?))
    }

    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let (body, inputs) = ctx.recur.dce(&self.jaxpr, used)?;
        Ok(Shrunk { prim: self.with(body), inputs, outputs: used.to_vec() })
    }
}

/// A registry that knows `mapped`, too.
pub struct WithMapped<'a>(pub &'a dyn Registry);

impl Registry for WithMapped<'_> {
    fn build(&self, name: &str, params: &[(String, Param)]) -> Result<Prim, Error> {
        if name != "mapped" {
            return self.0.build(name, params);
        }
        let args = Args { prim: name, params };
        let axis = args.axes("axis_name")?.first().cloned();
        let axis = BatchAxis { size: args.size("axis_size")?, name: axis };
        Ok(Arc::new(Mapped { axis, jaxpr: args.jaxpr("jaxpr")? }))
    }
}

/// Types of the operands of a case, inside of its axis.
pub fn lane_avals(case: &Case) -> Vec<Aval> {
    let lane = |a: Aval| if case.axis.is_some() { a.unbatched(0) } else { a };
    case.inputs.iter().map(|x| lane(x.aval().strong())).collect()
}

/// The primitive of a case as it applies to the case's inputs: inside of its axis, if it speaks of
/// one.
pub fn applied(case: &Case) -> Result<Prim, Error> {
    let Some(axis) = &case.axis else { return Ok(case.prim.clone()) };
    let jaxpr = Arc::new(single(case.prim.clone(), &lane_avals(case))?);
    Ok(Arc::new(Mapped { axis: axis.clone(), jaxpr }))
}
