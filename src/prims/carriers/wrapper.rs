//! The rules of primitives whose meaning is their body (`call`, `checkpoint`, the custom rules where no rule speaks): the
//! body transformed, and wrapped again as the primitive says.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    Arrays, Ctx, Kept, Operand, PartialEval, Prim, Shrunk, Split, Tangent, Threaded,
};
use crate::core::trace::bind;
use crate::prims::carriers::regroup::{
    arrays, axes_in_front, check_inputs, front, input_cotangents, nonzero, operands, single,
    split_state, spread, values,
};
use crate::prims::taylor::Forward;
use cotangent_jit::Error;
use std::sync::Arc;

/// A body, and how a new one becomes a primitive.
pub struct Body<'a, W: Fn(Arc<Jaxpr>) -> Prim> {
    pub jaxpr: &'a Arc<Jaxpr>,
    pub wrap: W,
}

impl<W: Fn(Arc<Jaxpr>) -> Prim> Body<'_, W> {
    pub fn abstract_eval(&self, name: &str, inputs: &[Aval]) -> Result<Avals, Error> {
        check_inputs(name, self.jaxpr, inputs)?;
        Ok(self.jaxpr.out_avals().into())
    }

    fn no_outputs_forced(&self) -> Vec<bool> {
        vec![false; self.jaxpr.outputs.len()]
    }

    pub fn jvp(
        &self,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        self.forward(Forward::Jvp, ctx, primals, tangents)
    }

    /// Both forward modes: `rides` are what rides beside each primal.
    pub fn forward(
        &self,
        mode: Forward,
        ctx: &Ctx,
        primals: &[Array],
        rides: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        let force = vec![false; self.jaxpr.outputs.len() * mode.count()];
        let (body, mask) = mode.of(ctx, self.jaxpr, &nonzero(rides), &force)?;
        let inputs: Vec<Array> = primals.iter().cloned().chain(values(rides)).collect();
        let mut outs = bind((self.wrap)(body), &inputs)?.into_vec();
        let rides = outs.split_off(self.jaxpr.outputs.len());
        Ok((arrays(outs), spread(&mask, rides, &mode.avals(&self.jaxpr.out_avals()))))
    }

    pub fn transpose(
        &self,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> Result<Vec<Tangent>, Error> {
        let (mut args, linear) = operands(inputs);
        let force = vec![false; linear.iter().filter(|l| **l).count()];
        let (body, mask) =
            ctx.recur.transpose(self.jaxpr, &linear, &nonzero(cotangents), &force)?;
        args.extend(values(cotangents));
        Ok(input_cotangents(inputs, &mask, bind((self.wrap)(body), &args)?))
    }

    pub fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let force = self.no_outputs_forced();
        let (body, mask) = ctx.recur.batch(self.jaxpr, ctx.axis, &batched, &force)?;
        Ok((bind((self.wrap)(body), &inputs)?, front(&mask)))
    }

    pub fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        let split = ctx.recur.split(self.jaxpr, unknown, &self.no_outputs_forced())?;
        let Split { known, unknown, unknown_out, residuals } = &*split;
        Ok(PartialEval {
            known: self.alone(known.clone())?,
            unknown: self.alone(unknown.clone())?,
            unknown_out: unknown_out.clone(),
            residuals: residuals.clone(),
        })
    }

    pub fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        let kept = ctx.recur.keep(self.jaxpr, unknown, forbidden, policy)?;
        Ok(Some(kept.wrapped(&self.wrap)))
    }

    pub fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let (body, inputs) = ctx.recur.dce(self.jaxpr, used)?;
        Ok(Shrunk { prim: (self.wrap)(body), inputs, outputs: used.to_vec() })
    }

    pub fn threaded(
        &self,
        mut bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> Result<Threaded, Error> {
        let outs = bind((self.wrap)(bodies.remove(0)), &[state, inputs].concat())?;
        Ok(split_state(outs, state.len()))
    }

    /// A jaxpr that is one application of the wrapped body, unless the body does nothing.
    pub fn alone(&self, body: Arc<Jaxpr>) -> Result<Arc<Jaxpr>, Error> {
        if body.eqns.is_empty() {
            return Ok(body);
        }
        let inputs = body.in_avals();
        Ok(Arc::new(single((self.wrap)(body), &inputs)?))
    }
}
