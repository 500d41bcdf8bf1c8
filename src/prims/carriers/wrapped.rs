//! Primitives that are one body with a note (`call`, `checkpoint`): every rule transforms the body
//! and wraps the result with the same note.

use crate::core::array::Array;

use crate::core::jaxpr::Jaxpr;

use crate::core::params::Params;
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    BatchResult, Carrier, Ctx, JvpResult, Kept, Operand, PartialEval, Prim, Shrunk, Split, Tangent,
    Taylor, ThreadResult, TransposeResult,
};
use crate::core::trace::bind;
use crate::prims::carriers::regroup::{
    arrays, axes_in_front, front, input_cotangents, linear_inputs, none, nonzero, operands, single,
    split_state, spread, values,
};
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::taylor::Forward;
use cotangent_jit::Error;
use std::fmt::Debug;
use std::sync::Arc;

/// A body and its note.
#[derive(Clone, Debug)]
pub struct Wrapped<W> {
    pub note: W,
    pub jaxpr: Arc<Jaxpr>,
}

/// The note of a body: the data that the primitive has beside its body.
pub trait Note: Clone + Debug + Send + Sync + Sized + 'static {
    const NAME: &'static str;

    /// The parameters of the primitive: the body and the data of the note.
    fn params(&self, jaxpr: &Arc<Jaxpr>) -> Params;

    /// [`Primitive::transpose`](crate::core::primitive::Primitive::transpose) of the primitive.
    fn transpose(
        this: &Wrapped<Self>,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> TransposeResult;

    /// [`Carrier::partial_eval`] of the primitive.
    fn partial_eval(
        this: &Wrapped<Self>,
        ctx: &Ctx,
        unknown: &[bool],
    ) -> Result<PartialEval, Error>;
}

impl<W: Note> Wrapped<W> {
    /// The primitive with another body.
    pub fn with(&self, jaxpr: Arc<Jaxpr>) -> Prim {
        Arc::new(Wrapped { note: self.note.clone(), jaxpr })
    }

    /// A jaxpr of one equation, which applies this primitive with another body. If that body has no
    /// equations, the result is the body itself.
    pub fn alone(&self, body: Arc<Jaxpr>) -> Result<Arc<Jaxpr>, Error> {
        if body.eqns.is_empty() {
            return Ok(body);
        }
        let inputs = body.in_avals();
        Ok(Arc::new(single(self.with(body), &inputs)?))
    }

    /// Applies the transpose of the body, wrapped.
    pub fn transpose_body(
        &self,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> TransposeResult {
        let (mut args, linear) = operands(inputs);
        let force = none(linear_inputs(inputs));
        let (body, mask) =
            ctx.recur.transpose(&self.jaxpr, &linear, &nonzero(cotangents), &force)?;
        args.extend(values(cotangents));
        Ok(input_cotangents(inputs, &mask, bind(self.with(body), &args)?))
    }

    /// Splits the body and wraps both parts.
    pub fn split_body(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        let split = ctx.recur.split(&self.jaxpr, unknown, &none(self.jaxpr.outputs.len()))?;
        let Split { known, unknown, unknown_out, residuals } = &*split;
        Ok(PartialEval {
            known: self.alone(known.clone())?,
            unknown: self.alone(unknown.clone())?,
            unknown_out: unknown_out.clone(),
            residuals: residuals.clone(),
        })
    }
}

impl<W: Note> WithBodies for Wrapped<W> {
    const NAME: &'static str = W::NAME;

    fn params(&self) -> Params {
        self.note.params(&self.jaxpr)
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Call(&self.jaxpr)
    }

    fn forward(
        &self,
        mode: Forward,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> JvpResult {
        let force = none(self.jaxpr.outputs.len() * mode.count());
        let (body, mask) = mode.of(ctx, &self.jaxpr, &nonzero(tangents), &force)?;
        let inputs: Vec<Array> = primals.iter().cloned().chain(values(tangents)).collect();
        let mut outs = bind(self.with(body), &inputs)?.into_vec();
        let tangents = outs.split_off(self.jaxpr.outputs.len());
        Ok((arrays(outs), spread(&mask, tangents, &mode.avals(&self.jaxpr.out_avals()))))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        W::transpose(self, ctx, cotangents, inputs)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let force = none(self.jaxpr.outputs.len());
        let (body, mask) = ctx.recur.batch(&self.jaxpr, ctx.axis, &batched, &force)?;
        Ok((bind(self.with(body), &inputs)?, front(&mask)))
    }
}

impl<W: Note> Carrier for Wrapped<W> {
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        W::partial_eval(self, ctx, unknown)
    }

    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        let kept = ctx.recur.keep(&self.jaxpr, unknown, forbidden, policy)?;
        Ok(Some(kept.wrapped(|body| self.with(body))))
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        self.with(jaxprs.remove(0))
    }

    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let (body, inputs) = ctx.recur.dce(&self.jaxpr, used)?;
        Ok(Shrunk { prim: self.with(body), inputs, outputs: used.to_vec() })
    }

    fn threaded(
        &self,
        mut bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> ThreadResult {
        let outs = bind(self.with(bodies.remove(0)), &[state, inputs].concat())?;
        Ok(split_state(outs, state.len()))
    }
}
