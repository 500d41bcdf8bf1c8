//! `custom_jvp`: a function with a derivative rule of the user's.

use super::bodies::{
    all_unknown, arrays, axes_in_front, check_inputs, front, instantiate, reached, split_state,
    values,
};
use super::call::called;
use super::case_bodies::{self, FLOATS, numbers};
use super::lax;
use super::roll_call::{Args, Case, Entry};
use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::axis::AxisEnv;
use crate::core::hazard::Hazard;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::Lowering;
use crate::core::params::{Param, Params, Rule};
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    Arrays, Carrier, Ctx, Effects, Kept, Known, Operand, PartialEval, Prim, Primitive, Shrunk,
    Simpler, Tangent, Taylor, Threaded,
};
use crate::core::trace::{bind, eval, trace};
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// A user's rule: from primals and tangents (zeros made) to outputs and their tangents. Called when a derivative is first
/// taken, inside the trace of the derivative.
pub type JvpRule =
    dyn Fn(&Ctx, &[Array], &[Array]) -> Result<(Vec<Array>, Vec<Array>), Error> + Send + Sync;

/// `custom_jvp[name, jaxpr, jvp] x... -> y...`: the body; its derivative is the rule's.
#[derive(Clone, Debug)]
pub struct CustomJvp {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
    pub rule: Rule,
}

impl CustomJvp {
    /// The rule speaks of the axes that are in force now, whenever it is called.
    pub fn new(callee: &str, jaxpr: Arc<Jaxpr>, rule: Arc<JvpRule>) -> CustomJvp {
        let axes = AxisEnv::current();
        let rule: Arc<JvpRule> =
            Arc::new(move |ctx: &Ctx, p: &[Array], t: &[Array]| axes.within(|| rule(ctx, p, t)));
        let rule = Rule { name: callee.into(), value: Arc::new(rule) };
        CustomJvp { callee: callee.to_owned(), jaxpr, rule }
    }

    fn rule(&self) -> Arc<JvpRule> {
        self.rule.value.downcast_ref::<Arc<JvpRule>>().expect("made by new").clone()
    }
}

/// What a rule returned must have the types of the function's outputs.
pub fn check_rule(what: &str, expected: &[Aval], got: &[Array]) -> Result<(), Error> {
    if expected.len() != got.len() {
        let (e, g) = (expected.len(), got.len());
        return Err(err!(Shape, "{what}: the rule should give {e} arrays, got {g}"));
    }
    for (i, (e, g)) in expected.iter().zip(got).enumerate() {
        if *e != g.aval() {
            return Err(err!(
                Shape,
                "{what}: the rule should give {e} as array {i}, got {}",
                g.aval()
            ));
        }
    }
    Ok(())
}

impl Primitive for CustomJvp {
    fn name(&self) -> &'static str {
        "custom_jvp"
    }

    fn params(&self) -> Params {
        smallvec![
            ("name", Param::Name(self.callee.clone())),
            ("jaxpr", Param::Jaxpr(self.jaxpr.clone())),
            ("jvp", Param::Rule(self.rule.clone())),
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        check_inputs("custom_jvp", &self.jaxpr, inputs)?;
        Ok(self.jaxpr.out_avals().into())
    }

    fn jvp(
        &self,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        let avals = self.jaxpr.out_avals();
        let what = format!("custom_jvp of {}", self.callee);
        let n = primals.len();
        let moving = tangents.iter().filter(|t| !t.is_zero()).map(Tangent::aval);
        let types: Vec<Aval> =
            primals.iter().map(Array::aval).chain(moving.map(|a| a.strong())).collect();
        let traced = trace(&types, |args| {
            let mut given = args[n..].iter();
            let made = tangents.iter().map(|t| match t {
                Tangent::Value(_) => given.next().expect("one per tangent").clone(),
                zero => instantiate(zero),
            });
            let (outs, tangents) = self.rule()(ctx, &args[..n], &made.collect::<Vec<_>>())?;
            check_rule(&format!("{what}, outputs"), &avals, &outs)?;
            check_rule(&format!("{what}, tangents"), &avals, &tangents)?;
            Ok(outs.into_iter().chain(tangents).collect())
        })?;
        // What no tangent reaches is zero, though the rule, which sees arrays, may have written it out.
        let first = traced.captured.len() + n;
        let from: Vec<bool> = (0..traced.jaxpr.inputs.len()).map(|i| i >= first).collect();
        let moves = reached(&traced.jaxpr, &from).split_off(avals.len());
        let inputs: Vec<Array> =
            traced.captured.iter().chain(primals).cloned().chain(values(tangents)).collect();
        let mut outs = eval(&traced.jaxpr, &inputs)?;
        let dots = outs.split_off(avals.len()).into_iter().zip(&avals).zip(moves);
        let tangent = |((t, a), moves): ((Array, &Aval), bool)| match moves && a.dtype.is_inexact()
        {
            true => Tangent::Value(t),
            false => Tangent::Zero(a.strong()),
        };
        let dots = dots.map(tangent).collect();
        Ok((arrays(outs), dots))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    /// As the body's: a linear function stays linear whatever its rule.
    fn transpose(
        &self,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> Result<Vec<Tangent>, Error> {
        called(&self.callee, &self.jaxpr).transpose(ctx, cotangents, inputs)
    }

    /// Body and rule are batched alike, all outputs having the batch axis.
    fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let n = self.jaxpr.outputs.len();
        let axis = ctx.axis.clone();
        let (body, _) = ctx.recur.batch(&self.jaxpr, &axis, &batched, &vec![true; n])?;
        let (rule, avals) = (self.rule(), self.jaxpr.in_avals());
        let over_batch = move |ctx: &Ctx, primals: &[Array], tangents: &[Array]| {
            let types: Vec<Aval> =
                avals.iter().cloned().chain(avals.iter().map(Aval::strong)).collect();
            let one = trace(&types, |args| {
                let (p, t) = args.split_at(avals.len());
                let (outs, tangents) = rule(ctx, p, t)?;
                Ok(outs.into_iter().chain(tangents).collect())
            })?;
            let captured = vec![false; one.captured.len()];
            let mask = [&captured[..], &batched, &batched].concat();
            let force = vec![true; one.jaxpr.outputs.len()];
            let (body, _) = ctx.recur.batch(&Arc::new(one.jaxpr), &axis, &mask, &force)?;
            let mut outs = eval(&body, &[&one.captured[..], primals, tangents].concat())?;
            let tangents = outs.split_off(n);
            Ok((outs, tangents))
        };
        let prim = CustomJvp::new(&self.callee, body, Arc::new(over_batch));
        Ok((bind(Arc::new(prim), &inputs)?, front(&vec![true; n])))
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

impl Carrier for CustomJvp {
    /// Not split: a body cut in two would lose its rule.
    fn partial_eval(&self, _: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        all_unknown(Arc::new(self.clone()), &self.jaxpr.in_avals(), unknown)
    }

    /// What is inside belongs to the rules.
    fn keep(
        &self,
        _: &Ctx,
        _: &[bool],
        _: &[bool],
        _: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        Ok(None)
    }

    /// Kept whole: the rule gives all outputs from all inputs.
    fn dce(&self, _: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let inputs = vec![true; self.jaxpr.inputs.len()];
        Ok(Shrunk { prim: Arc::new(self.clone()), inputs, outputs: vec![true; used.len()] })
    }

    /// The state comes from the body; the rule, which gives none, is asked for the rest. The state's tangents are zero.
    fn threaded(
        &self,
        mut bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> Result<Threaded, Error> {
        let (n, body, rule) = (state.len(), bodies.remove(0), self.rule());
        let with_state = body.clone();
        let rule = move |ctx: &Ctx, primals: &[Array], tangents: &[Array]| {
            let mut outs = eval(&with_state, primals)?;
            outs.truncate(n);
            let mut dots: Vec<Array> =
                outs.iter().map(|s| instantiate(&Tangent::Zero(s.aval().strong()))).collect();
            let (values, tangents) = rule(ctx, &primals[n..], &tangents[n..])?;
            outs.extend(values);
            dots.extend(tangents);
            Ok((outs, dots))
        };
        let prim = CustomJvp::new(&self.callee, body, Arc::new(rule));
        Ok(split_state(bind(Arc::new(prim), &[state, inputs].concat())?, n))
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Arc::new(CustomJvp { jaxpr: jaxprs.remove(0), ..self.clone() })
    }
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "custom_jvp", build: |args: &Args| args.no_rules(), cases }]
}

/// `f(x, y) = (sin x * y, x + y)` with its derivative written out.
fn cases() -> Vec<Case> {
    let rule = |_: &Ctx, p: &[Array], t: &[Array]| {
        let (x, y, dx, dy) = (&p[0], &p[1], &t[0], &t[1]);
        let (sin, cos) = (lax::sin(x), lax::cos(x));
        let product = lax::add(&lax::mul(&lax::mul(&cos, dx), y), &lax::mul(&sin, dy));
        Ok((vec![lax::mul(&sin, y), lax::add(x, y)], vec![product, lax::add(dx, dy)]))
    };
    let case = |d| {
        let prim = CustomJvp::new("f", case_bodies::product(d), Arc::new(rule));
        Case::new(Arc::new(prim), vec![numbers(d, 3), numbers(d, 3)])
    };
    FLOATS.map(case).into()
}
