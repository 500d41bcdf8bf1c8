//! `custom_jvp`: a function with a custom rule for its forward derivative.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::AxisEnv;
use crate::core::jaxpr::Jaxpr;
use crate::prims::taylor::Forward;

use crate::core::params::{Params, Rule};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Operand, Prim, Tangent, Taylor, ThreadResult, TransposeResult,
};
use crate::core::trace::{Traced, bind, eval, trace};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::derivative_sources::{DerivativeSource, DerivativeSources, add_body};
use crate::prims::carriers::regroup::{
    arrays, axes_in_front, front, nonzero, pick, reached, split_state, spread, values, with_inputs,
};
use crate::prims::carriers::whole::{Whole, with_rules};
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::cases::bodies::{self, INEXACT, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::lax;
use crate::prims::rules::zeros::{instantiate, zeros};
use cotangent_jit::{Error, err, plural};

use std::sync::Arc;

/// A custom rule. It takes the primitive itself, the primals and the tangents, and returns the
/// outputs and their tangents. It is called when the derivative is taken, inside the trace of the
/// derivative.
pub type JvpRule =
    dyn Fn(&Ctx, &CustomJvp, &[Array], &[Tangent]) -> Result<OutsAndDots, Error> + Send + Sync;

/// Outputs and their tangents.
pub type OutsAndDots = (Vec<Array>, Vec<Tangent>);

/// `custom_jvp[name, jaxpr, jvp] x... -> y...`: the body. The rule gives the derivative.
#[derive(Clone, Debug)]
pub struct CustomJvp {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
    pub rule: Rule,
    /// The source of the derivative with respect to each input.
    pub sources: DerivativeSources,
}

impl CustomJvp {
    /// The axis names in the rule refer to the mapped axes in scope now, not to those in scope
    /// where the rule is called.
    pub fn new(callee: &str, jaxpr: Arc<Jaxpr>, rule: Arc<JvpRule>) -> CustomJvp {
        let axes = AxisEnv::current();
        let rule: Arc<JvpRule> =
            Arc::new(move |ctx: &Ctx, this: &CustomJvp, p: &[Array], t: &[Tangent]| {
                axes.within(|| rule(ctx, this, p, t))
            });
        let rule = Rule { name: callee.into(), value: Arc::new(rule) };
        let sources = DerivativeSources::rule(jaxpr.inputs.len());
        CustomJvp { callee: callee.to_owned(), jaxpr, rule, sources }
    }

    /// The function with these sources of its derivatives.
    pub fn with_sources(self, sources: DerivativeSources) -> CustomJvp {
        CustomJvp { sources, ..self }
    }

    fn rule(&self) -> Arc<JvpRule> {
        self.rule.value.downcast_ref::<Arc<JvpRule>>().expect("made by new").clone()
    }
}

/// Checks that the types that a rule returned are the expected ones. `what` starts the error
/// message.
pub fn check_rule(what: &str, expected: &[Aval], got: &[Aval]) -> Result<(), Error> {
    if expected.len() != got.len() {
        let (e, g) = (expected.len(), got.len());
        return Err(err!(
            Shape,
            "{what}: the rule should give {arrays}, got {g}",
            arrays = plural(e, "array")
        ));
    }
    for (i, (e, g)) in expected.iter().zip(got).enumerate() {
        if e != g {
            return Err(err!(Shape, "{what}: the rule should give {e} as array {i}, got {g}"));
        }
    }
    Ok(())
}

pub fn avals_of(arrays: &[Array]) -> Vec<Aval> {
    arrays.iter().map(Array::aval).collect()
}

/// The trace of a rule, and which tangents of the outputs are nonzero.
struct TracedRule {
    traced: Traced,
    given: Vec<bool>,
}

impl CustomJvp {
    /// Traces the rule. The inputs of the trace are the primals, then the nonzero tangents. Its
    /// outputs are the primal outputs, then their nonzero tangents.
    fn trace_rule(
        &self,
        ctx: &Ctx,
        primals: &[Aval],
        tangents: &[Tangent],
    ) -> Result<TracedRule, Error> {
        let what = format!("custom_jvp of {}", self.callee);
        let (n, avals) = (primals.len(), self.jaxpr.out_avals());
        let tangent_types = tangents.iter().filter(|t| !t.is_zero()).map(|t| t.aval().strong());
        let types: Vec<Aval> = primals.iter().cloned().chain(tangent_types).collect();
        let mut given = Vec::new();
        let traced = trace(&types, |args| {
            let dots = spread(&nonzero(tangents), args[n..].to_vec(), primals);
            let (mut outs, dots) = self.rule()(ctx, self, &args[..n], &dots)?;
            check_rule(&format!("{what}, outputs"), &avals, &avals_of(&outs))?;
            let types: Vec<Aval> = dots.iter().map(Tangent::aval).collect();
            check_rule(&format!("{what}, tangents"), &avals, &types)?;
            given = nonzero(&dots);
            outs.extend(values(&dots));
            Ok(outs)
        })?;
        Ok(TracedRule { traced, given })
    }

    /// The function over a batch. The inputs in `batched` and all outputs have the batch axis in
    /// front.
    pub fn over_batch(&self, ctx: &Ctx, batched: &[bool]) -> Result<CustomJvp, Error> {
        let n = self.jaxpr.outputs.len();
        let axis = ctx.axis.clone();
        let (body, _) = ctx.recur.batch(&self.jaxpr, &axis, batched, &vec![true; n])?;
        let (one, mask) = (self.clone(), batched.to_vec());
        let over_batch = move |ctx: &Ctx,
                               _: &CustomJvp,
                               primals: &[Array],
                               tangents: &[Tangent]| {
            let types = one.jaxpr.in_avals();
            let single = |(t, a): (&Tangent, &Aval)| match t {
                Tangent::Zero(_) => Tangent::Zero(a.strong()),
                Tangent::Value(_) => Tangent::Value(zeros(&a.strong())),
            };
            let dots: Vec<Tangent> = tangents.iter().zip(&types).map(single).collect();
            let TracedRule { traced, given } = one.trace_rule(ctx, &types, &dots)?;
            let nz = nonzero(tangents);
            let tangents_batched: Vec<bool> = pick(&mask, &nz, true).copied().collect();
            let captured = vec![false; traced.captured.len()];
            let batched = [&captured[..], &mask, &tangents_batched].concat();
            let force = vec![true; traced.jaxpr.outputs.len()];
            let (body, _) = ctx.recur.batch(&Arc::new(traced.jaxpr), &axis, &batched, &force)?;
            let inputs: Vec<Array> =
                traced.captured.iter().chain(primals).cloned().chain(values(tangents)).collect();
            let mut outs = eval(&body, &inputs)?;
            let dots = outs.split_off(n);
            let avals = avals_of(&outs);
            Ok((outs, spread(&given, dots, &avals)))
        };
        let prim = CustomJvp::new(&self.callee, body, Arc::new(over_batch));
        Ok(prim.with_sources(self.sources.clone()))
    }

    /// The part of the rule that computes tangents, and the arrays that it captures. The jaxpr
    /// takes the captured arrays, the primals and the nonzero tangents, and returns the tangents of
    /// all outputs. Only the types of `tangents` are used.
    pub fn tangents_alone(
        &self,
        ctx: &Ctx,
        primals: &[Aval],
        tangents: &[Tangent],
    ) -> Result<(Arc<Jaxpr>, Vec<Array>), Error> {
        let avals = self.jaxpr.out_avals();
        let TracedRule { traced, given } = self.trace_rule(ctx, primals, tangents)?;
        let alone = trace(&traced.jaxpr.in_avals(), |args| {
            let dots = eval(&traced.jaxpr, &args)?.split_off(avals.len());
            Ok(spread(&given, dots, &avals).iter().map(instantiate).collect())
        })?;
        let used = vec![true; avals.len()];
        let alone = alone.jaxpr;
        let (small, have) = ctx.recur.dce(&Arc::new(alone.clone()), &used)?;
        let all = vec![true; have.len()];
        Ok((Arc::new(with_inputs(&small, &have, &all, &alone.in_avals())), traced.captured))
    }

    /// The tracers that the rule closes over.
    pub fn captured_by_rule(&self, ctx: &Ctx) -> Result<Vec<Array>, Error> {
        let types = self.jaxpr.in_avals();
        // The trace needs only the types of the tangents, so the values may be zeros.
        let tangent = |(a, source): (&Aval, &DerivativeSource)| match source {
            DerivativeSource::Rule if a.dtype.is_inexact() => Tangent::Value(zeros(&a.strong())),
            _ => Tangent::Zero(a.strong()),
        };
        let tangents: Vec<Tangent> = types.iter().zip(&self.sources.0).map(tangent).collect();
        let TracedRule { traced, .. } = self.trace_rule(ctx, &types, &tangents)?;
        Ok(traced.captured.into_iter().filter(Array::is_tracer).collect())
    }
}

impl WithBodies for CustomJvp {
    const NAME: &'static str = "custom_jvp";

    fn params(&self) -> Params {
        with_rules(&self.callee, &self.jaxpr, [("jvp", &self.rule)])
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Call(&self.jaxpr)
    }

    fn forward(&self, _: Forward, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let (avals, n) = (self.jaxpr.out_avals(), primals.len());
        let (tangents, by_body) = self.sources.divide("custom_jvp", &self.callee, tangents)?;
        let TracedRule { traced, given } = self.trace_rule(ctx, &avals_of(primals), &tangents)?;
        // The rule may return an array of zeros. An output that depends on no tangent has a zero
        // tangent.
        let first = traced.captured.len() + n;
        let from: Vec<bool> = (0..traced.jaxpr.inputs.len()).map(|i| i >= first).collect();
        let depends = reached(&traced.jaxpr, &from).split_off(avals.len());
        let inputs: Vec<Array> =
            traced.captured.iter().chain(primals).cloned().chain(values(&tangents)).collect();
        let mut outs = eval(&traced.jaxpr, &inputs)?;
        let dots = outs.split_off(avals.len()).into_iter().zip(depends);
        let mut dots = dots.map(|(t, depends)| depends.then_some(t));
        let tangent = |(given, a): (&bool, &Aval)| {
            let t = given.then(|| dots.next().expect("one per nonzero tangent")).flatten();
            match t {
                Some(t) if a.dtype.is_inexact() => Tangent::Value(t),
                _ => Tangent::Zero(a.strong()),
            }
        };
        let dots = given.iter().zip(&avals).map(tangent).collect();
        let dots = add_body(ctx, &self.callee, &self.jaxpr, primals, &by_body, dots)?;
        Ok((arrays(outs), dots))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    /// The transpose of the body: a linear function is linear with any rule.
    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        Call::new(&self.callee, self.jaxpr.clone()).transpose_body(ctx, cotangents, inputs)
    }

    /// The body and the rule are batched with the same axes. All outputs have the batch axis.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let prim = self.over_batch(ctx, &batched)?;
        Ok((bind(Arc::new(prim), &inputs)?, front(&vec![true; self.jaxpr.outputs.len()])))
    }
}

impl Whole for CustomJvp {
    fn with_bodies(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Arc::new(CustomJvp { jaxpr: jaxprs.remove(0), ..self.clone() })
    }

    fn thread(
        &self,
        mut bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> ThreadResult {
        let prim = self.with_state(bodies.remove(0), state.len());
        Ok(split_state(bind(Arc::new(prim), &[state, inputs].concat())?, state.len()))
    }
}

impl CustomJvp {
    /// The function with another body, which takes and gives a state of `n` arrays in front. The
    /// new rule takes the state from the body and the other outputs from the old rule. The tangents
    /// of the state are zero.
    pub fn with_state(&self, body: Arc<Jaxpr>, n: usize) -> CustomJvp {
        let inner = self.clone();
        let with_state = body.clone();
        let rule = move |ctx: &Ctx, _: &CustomJvp, primals: &[Array], tangents: &[Tangent]| {
            let mut outs = eval(&with_state, primals)?;
            outs.truncate(n);
            let mut dots: Vec<Tangent> =
                outs.iter().map(|s| Tangent::Zero(s.aval().strong())).collect();
            let (values, tangents) = inner.rule()(ctx, &inner, &primals[n..], &tangents[n..])?;
            outs.extend(values);
            dots.extend(tangents);
            Ok((outs, dots))
        };
        let prim = CustomJvp::new(&self.callee, body, Arc::new(rule));
        prim.with_sources(self.sources.after(n))
    }
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "custom_jvp", build: |args: &Args| args.no_rules(), cases }]
}

/// `f(x, y) = (sin x * y, x + y)` with its derivative as the rule.
fn cases() -> Vec<Case> {
    let rule = |_: &Ctx, _: &CustomJvp, p: &[Array], t: &[Tangent]| {
        let (x, y, dx, dy) = (&p[0], &p[1], &instantiate(&t[0]), &instantiate(&t[1]));
        let (sin, cos) = (lax::sin(x), lax::cos(x));
        let product = lax::add(&lax::mul(&lax::mul(&cos, dx), y), &lax::mul(&sin, dy));
        Ok((
            vec![lax::mul(&sin, y), lax::add(x, y)],
            [product, lax::add(dx, dy)].map(Tangent::Value).into(),
        ))
    };
    let case = |d| {
        let prim = CustomJvp::new("f", bodies::product(d), Arc::new(rule));
        Case::new(Arc::new(prim), vec![numbers(d, 3), numbers(d, 3)])
    };
    INEXACT.map(case).into()
}
