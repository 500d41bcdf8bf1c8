//! `custom_vmap`: a function with a custom batching rule.
//!
//! Derivatives keep the rule: the batching rule of the derivative is the derivative of the rule,
//! and the batching rule of the transpose is the transpose of the rule. So `vmap(grad(f))` equals
//! `grad(vmap(f))`.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::AxisEnv;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::ScanParts;
use crate::core::params::{Params, Rule};
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    BatchResult, Carrier, Ctx, JvpResult, Kept, Operand, PartialEval, Prim, Residual, Shrunk,
    Tangent, Taylor, ThreadResult, TransposeResult,
};
use crate::core::trace::{Traced, bind, eval, trace};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::checkpoint::backward;
use crate::prims::carriers::custom_jvp::{avals_of, check_rule};
use crate::prims::carriers::regroup::{
    arrays, axes_in_front, front, input_cotangents, nonzero, operands, permuted, pick, single,
    spread, values, with_inputs,
};
use crate::prims::carriers::scan::scan;
use crate::prims::carriers::whole::with_rules;
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::cases::bodies::{self, NUMBERS, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::batching::broadcast_batch;
use crate::prims::rules::zeros::zeros;
use crate::prims::taylor::Forward;
use cotangent_jit::Error;

use std::sync::Arc;

/// A custom rule. It takes the size of the batch axis, the mask of batched inputs, and the inputs
/// with the batch axis in front. It returns the outputs and the mask of batched outputs, with the
/// batch axis in front. If the rule does not support these inputs, it returns `None`, and the body
/// is batched instead.
pub type VmapRule =
    dyn Fn(&Ctx, usize, &[bool], &[Array]) -> Result<Option<Batch>, Error> + Send + Sync;

/// Outputs, and which of them have the batch axis in front.
pub type Batch = (Vec<Array>, Vec<bool>);

/// `custom_vmap[name, jaxpr, vmap] x... -> y...`: the body. Over a batch, the rule.
#[derive(Clone, Debug)]
pub struct CustomVmap {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
    pub rule: Rule,
}

impl CustomVmap {
    /// The axis names in the rule refer to the mapped axes in scope now, not to those in scope
    /// where the rule is called.
    pub fn new(callee: &str, jaxpr: Arc<Jaxpr>, rule: Arc<VmapRule>) -> CustomVmap {
        let axes = AxisEnv::current();
        let rule: Arc<VmapRule> =
            Arc::new(move |ctx: &Ctx, size: usize, batched: &[bool], x: &[Array]| {
                axes.within(|| rule(ctx, size, batched, x))
            });
        let rule = Rule { name: callee.into(), value: Arc::new(rule) };
        CustomVmap { callee: callee.to_owned(), jaxpr, rule }
    }

    /// The function with a rule that runs the lanes one after the other.
    pub fn sequential(callee: &str, jaxpr: Arc<Jaxpr>) -> CustomVmap {
        let body = jaxpr.clone();
        let rule = move |_: &Ctx, size: usize, batched: &[bool], inputs: &[Array]| {
            let order = |want: bool| (0..batched.len()).filter(move |i| batched[*i] == want);
            let positions: Vec<usize> = order(false).chain(order(true)).collect();
            let outputs: Vec<usize> = (0..body.outputs.len()).collect();
            let parts = ScanParts {
                body: Arc::new(permuted(&body, &positions, &outputs)),
                consts: order(false).count(),
                carry: 0,
                length: size,
                reverse: false,
                unroll: 1,
            };
            let inputs: Vec<Array> = positions.iter().map(|i| inputs[*i].clone()).collect();
            let outs = scan(parts, &inputs)?;
            let all = vec![true; outs.len()];
            Ok(Some((outs, all)))
        };
        CustomVmap::new(callee, jaxpr, Arc::new(rule))
    }

    fn rule(&self) -> Arc<VmapRule> {
        self.rule.value.downcast_ref::<Arc<VmapRule>>().expect("made by new").clone()
    }

    /// The trace of the rule for this mask of batched inputs, and the mask of batched outputs.
    fn trace_rule(
        &self,
        ctx: &Ctx,
        size: usize,
        batched: &[bool],
    ) -> Result<Option<(Traced, Vec<bool>)>, Error> {
        let mut out_batched = None;
        let types = with_axis(&self.jaxpr.in_avals(), batched, size);
        let traced = trace(&types, |args| {
            let Some((outs, mask)) = self.checked_rule(ctx, size, batched, &args)? else {
                return Ok(Vec::new());
            };
            out_batched = Some(mask);
            Ok(outs)
        })?;
        Ok(out_batched.map(|mask| (traced, mask)))
    }

    fn checked_rule(
        &self,
        ctx: &Ctx,
        size: usize,
        batched: &[bool],
        inputs: &[Array],
    ) -> Result<Option<Batch>, Error> {
        let Some((outs, out_batched)) = self.rule()(ctx, size, batched, inputs)? else {
            return Ok(None);
        };
        let expected = with_axis(&self.jaxpr.out_avals(), &out_batched, size);
        check_rule(&format!("custom_vmap of {}", self.callee), &expected, &avals_of(&outs))?;
        Ok(Some((outs, out_batched)))
    }

    /// The tracers that the rule closes over. The first `hidden` inputs are not batched.
    pub fn captured_by_rule(&self, ctx: &Ctx, hidden: usize) -> Result<Vec<Array>, Error> {
        let batched: Vec<bool> = (0..self.jaxpr.inputs.len()).map(|i| i >= hidden).collect();
        let traced = self.trace_rule(ctx, 1, &batched)?;
        let captured = traced.map(|(t, _)| t.captured).unwrap_or_default();
        Ok(captured.into_iter().filter(Array::is_tracer).collect())
    }

    /// A part of the function: `body` takes the old inputs of these numbers and returns the old
    /// outputs of these numbers, which do not depend on the other inputs.
    fn part(&self, body: Arc<Jaxpr>, inputs: Vec<usize>, outputs: Vec<usize>) -> CustomVmap {
        let whole = self.clone();
        let rule = move |ctx: &Ctx, size: usize, batched: &[bool], args: &[Array]| {
            let mut all: Vec<Array> = whole.jaxpr.in_avals().iter().map(zeros).collect();
            let mut in_batched = vec![false; all.len()];
            for ((old, x), b) in inputs.iter().zip(args).zip(batched) {
                all[*old] = x.clone();
                in_batched[*old] = *b;
            }
            let Some((outs, mask)) = whole.checked_rule(ctx, size, &in_batched, &all)? else {
                return Ok(None);
            };
            let outs = outputs.iter().map(|o| (outs[*o].clone(), mask[*o]));
            Ok(Some(outs.unzip()))
        };
        CustomVmap::new(&self.callee, body, Arc::new(rule))
    }
}

fn with_axis(avals: &[Aval], batched: &[bool], size: usize) -> Vec<Aval> {
    let one = |(a, b): (&Aval, &bool)| if *b { a.batched(0, size) } else { a.clone() };
    avals.iter().zip(batched).map(one).collect()
}

/// `x` with a batch axis in front if `want`; `batched` says whether `x` has one.
fn aligned(x: &Array, batched: bool, want: bool, size: usize) -> Result<Array, Error> {
    if want && !batched { broadcast_batch(x, size, 0) } else { Ok(x.clone()) }
}

impl WithBodies for CustomVmap {
    const NAME: &'static str = "custom_vmap";

    fn params(&self) -> Params {
        with_rules(&self.callee, &self.jaxpr, [("vmap", &self.rule)])
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Call(&self.jaxpr)
    }

    /// The batching rule of the derivative is the derivative of the rule.
    fn forward(
        &self,
        mode: Forward,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> JvpResult {
        let (n, count, outs) = (primals.len(), mode.count(), self.jaxpr.outputs.len());
        let given = nonzero(tangents);
        let (body, mask) = mode.of(ctx, &self.jaxpr, &given, &vec![false; outs * count])?;
        let (plain, wanted) = (self.clone(), mask.clone());
        let rule = move |ctx: &Ctx, size: usize, batched: &[bool], args: &[Array]| {
            // If one of a primal and its tangents is batched, the rule gets all of them batched.
            let mut tangents_batched = batched[n..].iter();
            let in_batched: Vec<bool> = (0..n)
                .map(|i| {
                    let mut any = batched[i];
                    for _ in given[i * count..(i + 1) * count].iter().filter(|nz| **nz) {
                        any |= *tangents_batched.next().expect("one per tangent");
                    }
                    any
                })
                .collect();
            let Some((traced, out_batched)) = plain.trace_rule(ctx, size, &in_batched)? else {
                return Ok(None);
            };
            let captured = vec![false; traced.captured.len() * count];
            let nz = [&captured[..], &given].concat();
            let (jaxpr, found) = mode.of(ctx, &Arc::new(traced.jaxpr), &nz, &wanted)?;
            let owner = (0..n).chain((0..n * count).filter(|t| given[*t]).map(|t| t / count));
            let aligned: Result<Vec<Array>, Error> = args
                .iter()
                .zip(batched)
                .zip(owner)
                .map(|((x, b), i)| aligned(x, *b, in_batched[i], size))
                .collect();
            let mut results = eval(&jaxpr, &[traced.captured, aligned?].concat())?;
            let found_tangents = results.split_off(outs);
            let kept = pick(&wanted, &found, true).copied().collect::<Vec<bool>>();
            results.extend(pick(&found_tangents, &kept, true).cloned());
            let tangents_batched = (0..outs * count).filter(|t| wanted[*t]);
            let tangents_batched = tangents_batched.map(|t| out_batched[t / count]);
            let all_batched = out_batched.iter().copied().chain(tangents_batched).collect();
            Ok(Some((results, all_batched)))
        };
        let prim = CustomVmap::new(&self.callee, body, Arc::new(rule));
        let inputs: Vec<Array> = primals.iter().cloned().chain(values(tangents)).collect();
        let mut results = bind(Arc::new(prim), &inputs)?.into_vec();
        let tangents = results.split_off(outs);
        Ok((arrays(results), spread(&mask, tangents, &mode.avals(&self.jaxpr.out_avals()))))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    /// The batching rule of the transpose is the transpose of the rule. That rule gets all linear
    /// inputs batched, and all its outputs are given the batch axis.
    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let (mut args, linear) = operands(inputs);
        let given = nonzero(cotangents);
        let force = vec![false; linear.iter().filter(|l| **l).count()];
        let (body, mask) = backward(ctx, &self.jaxpr, &linear, &given, &force)?;
        let (plain, known, wanted) = (self.clone(), args.len(), mask.clone());
        let lin = linear.clone();
        let rule = move |ctx: &Ctx, size: usize, batched: &[bool], args: &[Array]| {
            let mut known_batched = batched[..known].iter();
            let in_batched: Vec<bool> = lin
                .iter()
                .map(|l| *l || *known_batched.next().expect("one per known input"))
                .collect();
            let Some((traced, out_batched)) = plain.trace_rule(ctx, size, &in_batched)? else {
                return Ok(None);
            };
            let whole = trace(&traced.jaxpr.in_avals(), |args| {
                let outs = eval(&traced.jaxpr, &args)?.into_iter().zip(&out_batched);
                outs.map(|(o, batched)| aligned(&o, *batched, true, size)).collect()
            })?;
            let captured = vec![false; traced.captured.len()];
            let linear = [&captured[..], &lin].concat();
            let body = Arc::new(whole.jaxpr);
            let (jaxpr, found) = backward(ctx, &body, &linear, &given, &wanted)?;
            let aligned: Result<Vec<Array>, Error> = args
                .iter()
                .zip(batched)
                .enumerate()
                .map(|(i, (x, batched))| aligned(x, *batched, i >= known || *batched, size))
                .collect();
            let cts = eval(&jaxpr, &[traced.captured, aligned?].concat())?;
            let kept: Vec<bool> = pick(&wanted, &found, true).copied().collect();
            let cts: Vec<Array> = pick(&cts, &kept, true).cloned().collect();
            let all = vec![true; cts.len()];
            Ok(Some((cts, all)))
        };
        args.extend(values(cotangents));
        let prim = CustomVmap::new(&self.callee, body, Arc::new(rule));
        Ok(input_cotangents(inputs, &mask, bind(Arc::new(prim), &args)?))
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (fronted, batched) = axes_in_front(inputs, axes)?;
        match self.trace_rule(ctx, ctx.batch_size, &batched)? {
            Some((Traced { jaxpr, captured }, out_batched)) => {
                // The rule of a part computes all outputs of the whole, so drop the unused ones.
                let used = vec![true; out_batched.len()];
                let (needed, kept) = ctx.recur.dce(&Arc::new(jaxpr), &used)?;
                let args = [captured, fronted].concat();
                let args: Vec<Array> = pick(&args, &kept, true).cloned().collect();
                Ok((arrays(eval(&needed, &args)?), front(&out_batched)))
            }
            None => Call::new(&self.callee, self.jaxpr.clone()).batch(ctx, inputs, axes),
        }
    }
}

impl Carrier for CustomVmap {
    /// The known part computes the known outputs. The unknown part computes the unknown outputs
    /// from all inputs. Execution merges equal equations of both parts.
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        let n = self.jaxpr.outputs.len();
        let split = ctx.recur.split(&self.jaxpr, unknown, &vec![false; n])?;
        let unknown_out = split.unknown_out.clone();
        let outs = |want: bool| (0..n).filter(|o| unknown_out[*o] == want).collect::<Vec<_>>();
        let ins = |want: bool| (0..unknown.len()).filter(move |i| unknown[*i] == want);
        let avals = self.jaxpr.in_avals();

        let mut known_body = (*split.known).clone();
        known_body.outputs.truncate(outs(false).len());
        let (small, have) = ctx.recur.dce(&Arc::new(known_body), &vec![true; outs(false).len()])?;
        let known_in: Vec<Aval> = pick(&avals, unknown, false).cloned().collect();
        let known_body = Arc::new(with_inputs(&small, &have, &vec![true; have.len()], &known_in));

        let (unknown_body, have) = ctx.recur.dce(&self.jaxpr, &unknown_out)?;
        let unknown_body = with_inputs(&unknown_body, &have, &vec![true; have.len()], &avals);
        let order: Vec<usize> = ins(false).chain(ins(true)).collect();
        let all: Vec<usize> = (0..unknown_body.outputs.len()).collect();
        let unknown_body = Arc::new(permuted(&unknown_body, &order, &all));
        let wrap = |body: Arc<Jaxpr>, inputs, outputs| -> Result<Arc<Jaxpr>, Error> {
            if body.eqns.is_empty() {
                return Ok(body);
            }
            let avals = body.in_avals();
            Ok(Arc::new(single(Arc::new(self.part(body, inputs, outputs)), &avals)?))
        };
        Ok(PartialEval {
            known: wrap(known_body, ins(false).collect(), outs(false))?,
            unknown: wrap(unknown_body, order, outs(true))?,
            unknown_out: unknown_out.clone(),
            residuals: ins(false).map(Residual::Input).collect(),
        })
    }

    /// Nothing inside is kept, because the rule does not compute the values inside the body.
    fn keep(
        &self,
        _: &Ctx,
        _: &[bool],
        _: &[bool],
        _: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        Ok(None)
    }

    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let (body, inputs) = ctx.recur.dce(&self.jaxpr, used)?;
        let ins = (0..inputs.len()).filter(|i| inputs[*i]).collect();
        let outs = (0..used.len()).filter(|o| used[*o]).collect();
        let all = inputs.iter().chain(used).all(|kept| *kept);
        let prim = match all {
            true => CustomVmap { jaxpr: body, ..self.clone() },
            false => self.part(body, ins, outs),
        };
        Ok(Shrunk { prim: Arc::new(prim), inputs, outputs: used.to_vec() })
    }

    /// The state passes through the body. The rule takes no state, so it is dropped.
    fn threaded(&self, bodies: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult {
        Call::new(&self.callee, self.jaxpr.clone()).threaded(bodies, state, inputs)
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Arc::new(CustomVmap { jaxpr: jaxprs.remove(0), ..self.clone() })
    }
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "custom_vmap", build: |args: &Args| args.no_rules(), cases }]
}

/// `f(x, y) = (sin x * y, x + y)` with the sequential rule; once as the body itself, once as a
/// `call`.
fn cases() -> Vec<Case> {
    let case = |d, nested: bool| {
        let body = bodies::product(d);
        let body = match nested {
            true => {
                let avals = body.in_avals();
                let call = Call::new("g", body);
                Arc::new(single(Arc::new(call), &avals).expect("a body of a case"))
            }
            false => body,
        };
        let prim = CustomVmap::sequential("f", body);
        Case::new(Arc::new(prim), vec![numbers(d, 3), numbers(d, 3)])
    };
    NUMBERS.iter().flat_map(|d| [case(*d, false), case(*d, true)]).collect()
}
