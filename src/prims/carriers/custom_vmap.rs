//! `custom_vmap`: a function with a batching rule of the user's.
//!
//! Derivatives keep the rule: that of the function's derivative is the derivative of the rule, that of its transpose the
//! transpose of the rule. So `vmap(grad(f))` is what `grad(vmap(f))` is.

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

/// A user's rule: from the size of the axis, which inputs have it, and the inputs (the axis in front) to outputs and which of
/// them have it in front. `None` if the rule cannot speak of these inputs: then the body is batched.
pub type VmapRule =
    dyn Fn(&Ctx, usize, &[bool], &[Array]) -> Result<Option<Batch>, Error> + Send + Sync;

/// Outputs, and which have the axis in front.
pub type Batch = (Vec<Array>, Vec<bool>);

/// `custom_vmap[name, jaxpr, vmap] x... -> y...`: the body; over a batch, the rule.
#[derive(Clone, Debug)]
pub struct CustomVmap {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
    pub rule: Rule,
}

impl CustomVmap {
    /// The rule speaks of the axes that are in force now, whenever it is called.
    pub fn new(callee: &str, jaxpr: Arc<Jaxpr>, rule: Arc<VmapRule>) -> CustomVmap {
        let axes = AxisEnv::current();
        let rule: Arc<VmapRule> =
            Arc::new(move |ctx: &Ctx, size: usize, batched: &[bool], x: &[Array]| {
                axes.within(|| rule(ctx, size, batched, x))
            });
        let rule = Rule { name: callee.into(), value: Arc::new(rule) };
        CustomVmap { callee: callee.to_owned(), jaxpr, rule }
    }

    /// One example after the other.
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

    /// The rule for inputs of which those in `batched` have the axis, and which outputs have it.
    fn trace_rule(
        &self,
        ctx: &Ctx,
        size: usize,
        batched: &[bool],
    ) -> Result<Option<(Traced, Vec<bool>)>, Error> {
        let mut out_batched = None;
        let types = with_axis(&self.jaxpr.in_avals(), batched, size);
        let traced = trace(&types, |args| {
            let Some((outs, has)) = self.checked_rule(ctx, size, batched, &args)? else {
                return Ok(Vec::new());
            };
            out_batched = Some(has);
            Ok(outs)
        })?;
        Ok(out_batched.map(|has| (traced, has)))
    }

    fn checked_rule(
        &self,
        ctx: &Ctx,
        size: usize,
        batched: &[bool],
        inputs: &[Array],
    ) -> Result<Option<Batch>, Error> {
        let Some((outs, has)) = self.rule()(ctx, size, batched, inputs)? else { return Ok(None) };
        let expected = with_axis(&self.jaxpr.out_avals(), &has, size);
        check_rule(&format!("custom_vmap of {}", self.callee), &expected, &avals_of(&outs))?;
        Ok(Some((outs, has)))
    }

    /// The tracers that the rule closes over.
    pub fn captured_by_rule(&self, ctx: &Ctx, hidden: usize) -> Result<Vec<Array>, Error> {
        let batched: Vec<bool> = (0..self.jaxpr.inputs.len()).map(|i| i >= hidden).collect();
        let traced = self.trace_rule(ctx, 1, &batched)?;
        let captured = traced.map(|(t, _)| t.captured).unwrap_or_default();
        Ok(captured.into_iter().filter(Array::is_tracer).collect())
    }

    /// Part of the function: `body` takes the old inputs of these numbers and gives the old outputs of these numbers, which
    /// do not depend on the others.
    fn part(&self, body: Arc<Jaxpr>, inputs: Vec<usize>, outputs: Vec<usize>) -> CustomVmap {
        let whole = self.clone();
        let rule = move |ctx: &Ctx, size: usize, batched: &[bool], args: &[Array]| {
            let mut all: Vec<Array> = whole.jaxpr.in_avals().iter().map(zeros).collect();
            let mut has = vec![false; all.len()];
            for ((old, x), b) in inputs.iter().zip(args).zip(batched) {
                all[*old] = x.clone();
                has[*old] = *b;
            }
            let Some((outs, has)) = whole.checked_rule(ctx, size, &has, &all)? else {
                return Ok(None);
            };
            let outs = outputs.iter().map(|o| (outs[*o].clone(), has[*o]));
            Ok(Some(outs.unzip()))
        };
        CustomVmap::new(&self.callee, body, Arc::new(rule))
    }
}

fn with_axis(avals: &[Aval], batched: &[bool], size: usize) -> Vec<Aval> {
    let one = |(a, b): (&Aval, &bool)| if *b { a.batched(0, size) } else { a.clone() };
    avals.iter().zip(batched).map(one).collect()
}

/// With the axis if it is wanted and not there.
fn aligned(x: &Array, has: bool, want: bool, size: usize) -> Result<Array, Error> {
    if want && !has { broadcast_batch(x, size, 0) } else { Ok(x.clone()) }
}

impl WithBodies for CustomVmap {
    const NAME: &'static str = "custom_vmap";

    fn params(&self) -> Params {
        with_rules(&self.callee, &self.jaxpr, [("vmap", &self.rule)])
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Call(&self.jaxpr)
    }

    /// With what rides beside the inputs; the rule is the rule's own derivative.
    fn forward(&self, mode: Forward, ctx: &Ctx, primals: &[Array], rides: &[Tangent]) -> JvpResult {
        let (n, count, outs) = (primals.len(), mode.count(), self.jaxpr.outputs.len());
        let there = nonzero(rides);
        let (body, mask) = mode.of(ctx, &self.jaxpr, &there, &vec![false; outs * count])?;
        let (plain, moving, wanted) = (self.clone(), there.clone(), mask.clone());
        let rule = move |ctx: &Ctx, size: usize, batched: &[bool], args: &[Array]| {
            // A primal and what rides beside it are batched together.
            let mut ride_has = batched[n..].iter();
            let has: Vec<bool> = (0..n)
                .map(|i| {
                    let mut any = batched[i];
                    for _ in moving[i * count..(i + 1) * count].iter().filter(|m| **m) {
                        any |= *ride_has.next().expect("one per ride");
                    }
                    any
                })
                .collect();
            let Some((traced, out_has)) = plain.trace_rule(ctx, size, &has)? else {
                return Ok(None);
            };
            let captured = traced.captured.len();
            let still = vec![false; captured * count];
            let nz = [&still[..], &moving].concat();
            let (jaxpr, found) = mode.of(ctx, &Arc::new(traced.jaxpr), &nz, &wanted)?;
            let owner = (0..n).chain((0..n * count).filter(|r| moving[*r]).map(|r| r / count));
            let aligned: Result<Vec<Array>, Error> = args
                .iter()
                .zip(batched)
                .zip(owner)
                .map(|((x, b), i)| aligned(x, *b, has[i], size))
                .collect();
            let mut results = eval(&jaxpr, &[traced.captured, aligned?].concat())?;
            let found_rides = results.split_off(outs);
            let kept = pick(&wanted, &found, true).copied().collect::<Vec<bool>>();
            results.extend(pick(&found_rides, &kept, true).cloned());
            let rides_have = (0..outs * count).filter(|r| wanted[*r]).map(|r| out_has[r / count]);
            let all_have = out_has.iter().copied().chain(rides_have).collect();
            Ok(Some((results, all_have)))
        };
        let prim = CustomVmap::new(&self.callee, body, Arc::new(rule));
        let inputs: Vec<Array> = primals.iter().cloned().chain(values(rides)).collect();
        let mut results = bind(Arc::new(prim), &inputs)?.into_vec();
        let rides = results.split_off(outs);
        Ok((arrays(results), spread(&mask, rides, &mode.avals(&self.jaxpr.out_avals()))))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    /// The rule is the transpose of the rule over a batch of linear inputs, all outputs having the axis.
    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let (mut args, linear) = operands(inputs);
        let there = nonzero(cotangents);
        let force = vec![false; linear.iter().filter(|l| **l).count()];
        let (body, mask) = backward(ctx, &self.jaxpr, &linear, &there, &force)?;
        let (plain, known, wanted) = (self.clone(), args.len(), mask.clone());
        let lin = linear.clone();
        let rule = move |ctx: &Ctx, size: usize, batched: &[bool], args: &[Array]| {
            let mut known_has = batched[..known].iter();
            let has: Vec<bool> =
                lin.iter().map(|l| *l || *known_has.next().expect("one per known input")).collect();
            let Some((traced, out_has)) = plain.trace_rule(ctx, size, &has)? else {
                return Ok(None);
            };
            let whole = trace(&traced.jaxpr.in_avals(), |args| {
                let outs = eval(&traced.jaxpr, &args)?.into_iter().zip(&out_has);
                outs.map(|(o, has)| aligned(&o, *has, true, size)).collect()
            })?;
            let still = vec![false; traced.captured.len()];
            let linear = [&still[..], &lin].concat();
            let body = Arc::new(whole.jaxpr);
            let (jaxpr, found) = backward(ctx, &body, &linear, &there, &wanted)?;
            let aligned: Result<Vec<Array>, Error> = args
                .iter()
                .zip(batched)
                .enumerate()
                .map(|(i, (x, has))| aligned(x, *has, i >= known || *has, size))
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
            Some((Traced { jaxpr, captured }, has)) => {
                // The rule of a part computes the whole.
                let (needed, kept) = ctx.recur.dce(&Arc::new(jaxpr), &vec![true; has.len()])?;
                let args = [captured, fronted].concat();
                let args: Vec<Array> = pick(&args, &kept, true).cloned().collect();
                Ok((arrays(eval(&needed, &args)?), front(&has)))
            }
            None => Call::new(&self.callee, self.jaxpr.clone()).batch(ctx, inputs, axes),
        }
    }
}

impl Carrier for CustomVmap {
    /// Outputs that are known now; for the others the function again, of all inputs. Execution merges what is the same.
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        let n = self.jaxpr.outputs.len();
        let split = ctx.recur.split(&self.jaxpr, unknown, &vec![false; n])?;
        let unknown_out = split.unknown_out.clone();
        let outs = |want: bool| (0..n).filter(|o| unknown_out[*o] == want).collect::<Vec<_>>();
        let ins = |want: bool| (0..unknown.len()).filter(move |i| unknown[*i] == want);
        let avals = self.jaxpr.in_avals();

        let mut now = (*split.known).clone();
        now.outputs.truncate(outs(false).len());
        let (small, have) = ctx.recur.dce(&Arc::new(now), &vec![true; outs(false).len()])?;
        let known_in: Vec<Aval> = pick(&avals, unknown, false).cloned().collect();
        let now = Arc::new(with_inputs(&small, &have, &vec![true; have.len()], &known_in));

        let (late, have) = ctx.recur.dce(&self.jaxpr, &unknown_out)?;
        let late = with_inputs(&late, &have, &vec![true; have.len()], &avals);
        let order: Vec<usize> = ins(false).chain(ins(true)).collect();
        let all: Vec<usize> = (0..late.outputs.len()).collect();
        let late = Arc::new(permuted(&late, &order, &all));
        let wrap = |body: Arc<Jaxpr>, inputs, outputs| -> Result<Arc<Jaxpr>, Error> {
            if body.eqns.is_empty() {
                return Ok(body);
            }
            let avals = body.in_avals();
            Ok(Arc::new(single(Arc::new(self.part(body, inputs, outputs)), &avals)?))
        };
        Ok(PartialEval {
            known: wrap(now, ins(false).collect(), outs(false))?,
            unknown: wrap(late, order, outs(true))?,
            unknown_out: unknown_out.clone(),
            residuals: ins(false).map(Residual::Input).collect(),
        })
    }

    /// What is inside the rule computes otherwise.
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

    /// A state goes through the body; the rule, which knows of none, is left behind.
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

/// `f(x, y) = (sin x * y, x + y)`, over a batch one after the other, and the same by a call.
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
