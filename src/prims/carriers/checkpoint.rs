//! `checkpoint`: rematerialisation. Only the values that the policy keeps live until the backward
//! pass. The backward pass computes the other values of the body again, from the kept values and
//! the inputs.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::Jaxpr;
use crate::prims::carriers::wrapped::{Note, Wrapped};

use crate::core::params::{Param, Params};
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    Ctx, Effects, Operand, PartialEval, Prim, Residual, Tangent, TransposeResult,
};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::policy::Policy;
use crate::prims::carriers::regroup::{
    input_cotangents, linear_inputs, none, nonzero, operands, permuted, pick, values, with_inputs,
};
use crate::prims::cases::bodies::{self, NUMBERS, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::lax;

use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// `checkpoint[policy, jaxpr] x... -> y...`: the body. Reverse mode keeps the values that the
/// policy selects; it keeps nothing if the policy is not printed. The inputs of the second
/// computation go through an `optimization_barrier`, so that the compiler does not merge it with
/// the first.
pub type Checkpoint = Wrapped<Policy>;

impl Note for Policy {
    const NAME: &'static str = "checkpoint";

    fn params(&self, jaxpr: &Arc<Jaxpr>) -> Params {
        let mut params: Params = smallvec![("jaxpr", Param::Jaxpr(jaxpr.clone()))];
        if !self.keeps_nothing() {
            params.insert(0, ("policy", self.param()));
        }
        params
    }

    fn transpose(
        this: &Checkpoint,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> TransposeResult {
        let (mut args, linear) = operands(inputs);
        let force = none(linear_inputs(inputs));
        let (body, mask) = backward(ctx, &this.jaxpr, &linear, &nonzero(cotangents), &force)?;
        args.extend(values(cotangents));
        // The barrier delays the recomputation until the cotangents are available.
        let args = lax::optimization_barrier(&args);
        let call = Call::new("recompute", body);
        Ok(input_cotangents(inputs, &mask, bind(Arc::new(call), &args)?))
    }

    /// The known part computes the known outputs and the kept values. The unknown part computes the
    /// body again from the known inputs, the kept values and the unknown inputs.
    fn partial_eval(this: &Checkpoint, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        if this.jaxpr.effects().contains(Effects::ONCE) {
            return Err(err!(
                Transform,
                "checkpoint: an io_callback in the body would happen again where values are \
                 computed again; take it out of the checkpoint, or use debug::callback if it only \
                 looks"
            ));
        }
        let n = this.jaxpr.outputs.len();
        let policy: Arc<dyn KeepPolicy> = Arc::new(this.note.clone());
        let kept = match policy.keeps_nothing() {
            true => None,
            false => Some(ctx.recur.keep(&this.jaxpr, unknown, &vec![false; n], &policy)?),
        };
        let (giving, taking) =
            kept.as_ref().map_or((&this.jaxpr, &this.jaxpr), |k| (&k.giving, &k.taking));
        let values = kept.as_ref().map_or(&[][..], |k| &k.values);

        // The unknown part: the body without the known outputs and the equations that only they
        // need. `taken` says which kept values it takes.
        let split = ctx.recur.split(giving, unknown, &vec![false; n + values.len()])?;
        let unknown_out = split.unknown_out[..n].to_vec();
        let (unknown_body, needed) = ctx.recur.dce(taking, &unknown_out)?;
        let (inputs, taken) = needed.split_at(unknown.len());
        debug_assert!(
            taken.iter().zip(&split.unknown_out[n..]).all(|(t, u)| !(*t && *u)),
            "a kept value depends on known inputs alone"
        );

        // The known part. Its outputs are the known outputs, then the values that are taken.
        let known_outs = unknown_out.iter().filter(|u| !**u).count();
        let given = split.unknown_out[n..].iter().zip(taken).filter(|(u, _)| !**u);
        let used: Vec<bool> =
            std::iter::repeat_n(true, known_outs).chain(given.map(|(_, t)| *t)).collect();
        let mut known = (*split.known).clone();
        known.outputs.truncate(used.len());
        let (small, have) = ctx.recur.dce(&Arc::new(known), &used)?;
        let avals = taking.in_avals();
        let known_in: Vec<Aval> = pick(&avals[..unknown.len()], unknown, false).cloned().collect();
        let known_body = with_inputs(&small, &have, &vec![true; have.len()], &known_in);

        // The inputs of the unknown part: known inputs, values that are taken, unknown inputs.
        let order = |want: bool| (0..unknown.len()).filter(move |i| unknown[*i] == want);
        let residuals: Vec<usize> = order(false).filter(|i| inputs[*i]).collect();
        let want: Vec<bool> = needed
            .iter()
            .enumerate()
            .map(|(i, needed)| *needed || unknown.get(i).copied().unwrap_or(false))
            .collect();
        let unknown_body = with_inputs(&unknown_body, &needed, &want, &avals);
        let place = |i: usize| want[..i].iter().filter(|w| **w).count();
        let values_in = (unknown.len()..needed.len()).filter(|i| needed[*i]);
        let positions: Vec<usize> =
            residuals.iter().copied().chain(values_in).chain(order(true)).map(place).collect();
        let outputs: Vec<usize> = (0..unknown_body.outputs.len()).collect();
        let unknown_body = Arc::new(permuted(&unknown_body, &positions, &outputs));
        let computed = pick(values, taken, true).cloned().map(Residual::Computed);
        Ok(PartialEval {
            known: this.alone(Arc::new(known_body))?,
            unknown: this.alone(unknown_body)?,
            unknown_out,
            residuals: residuals.into_iter().map(Residual::Input).chain(computed).collect(),
        })
    }
}

/// The transpose of a body with nonlinear equations, and the mask of the cotangents that it
/// returns. It takes the known inputs and the nonzero cotangents of the outputs. It computes the
/// nonlinear part of the body again, then the transpose of the linear part.
pub(in crate::prims) fn backward(
    ctx: &Ctx,
    body: &Arc<Jaxpr>,
    linear: &[bool],
    nonzero: &[bool],
    force: &[bool],
) -> Result<(Arc<Jaxpr>, Vec<bool>), Error> {
    let split = ctx.recur.split(body, linear, &vec![true; body.outputs.len()])?;
    let residuals = split.residuals.len();
    let wanted: Vec<bool> = (0..split.unknown.inputs.len()).map(|i| i >= residuals).collect();
    let (transposed, mask) = ctx.recur.transpose(&split.unknown, &wanted, nonzero, force)?;
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
        eval(&transposed, &args)
    })?;
    debug_assert!(traced.captured.is_empty(), "a body is closed");
    Ok((Arc::new(traced.jaxpr), mask))
}

/// Applies a traced function. Reverse mode keeps the values that the policy selects.
#[track_caller]
pub fn checkpoint(
    jaxpr: Arc<Jaxpr>,
    policy: &Policy,
    inputs: &[Array],
) -> Result<Vec<Array>, Error> {
    let prim = Checkpoint { jaxpr, note: policy.clone() };
    Ok(bind(Arc::new(prim), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "checkpoint", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let policy = match args.params.iter().find(|(n, _)| n == "policy") {
        Some((_, Param::Rule(_))) => return args.no_rules(),
        Some(_) => Policy::parse(args.name("policy")?)?,
        None => Policy::nothing(),
    };
    Ok(Arc::new(Checkpoint { jaxpr: args.jaxpr("jaxpr")?, note: policy }))
}

fn cases() -> Vec<Case> {
    let policies = [
        Policy::nothing(),
        Policy::everything(),
        Policy::dots().or(Policy::only_names(["sine"])),
        Policy::anything_except_names(["sine"]),
    ];
    let case = |d| {
        let inputs = vec![numbers(d, 3), numbers(d, 3)];
        let body = bodies::named(d);
        policies.clone().map(|policy| {
            let checkpoint = Checkpoint { jaxpr: body.clone(), note: policy };
            Case::new(Arc::new(checkpoint), inputs.clone())
        })
    };
    NUMBERS.into_iter().flat_map(case).collect()
}
