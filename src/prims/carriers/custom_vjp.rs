//! `custom_vjp`: a function with a custom rule for reverse mode. Its derivative is a `custom_lin`,
//! which transposition replaces by the rule.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::AxisEnv;
use crate::core::jaxpr::Jaxpr;
use crate::prims::taylor::Forward;

use crate::core::params::{Params, Rule};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Operand, Prim, Tangent, Taylor, ThreadResult, TransposeResult,
};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::custom_jvp::{CustomJvp, avals_of, check_rule};
pub use crate::prims::carriers::custom_lin::BwdRule;
use crate::prims::carriers::custom_lin::{
    CustomLin, batched_bwd, bwd_of, bwd_rule, cure_of, reverse_only,
};
use crate::prims::carriers::derivative_sources::{DerivativeSource, DerivativeSources, add_body};
use crate::prims::carriers::regroup::{arrays, axes_in_front, front, nonzero, split_state, values};
use crate::prims::carriers::whole::{Whole, with_rules};
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::cases::bodies::{self, INEXACT, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::lax;
use crate::prims::rules::zeros::instantiate;
use cotangent_jit::Error;

use std::sync::Arc;

/// A custom rule. It takes the inputs and the mask of differentiated inputs, and returns the
/// outputs and the residuals.
pub type FwdRule =
    dyn Fn(&Ctx, &[Array], &[bool]) -> Result<(Vec<Array>, Vec<Array>), Error> + Send + Sync;

/// `custom_vjp[name, jaxpr, fwd, bwd] x... -> y...`: the body. In reverse mode, the rules.
#[derive(Clone, Debug)]
pub struct CustomVjp {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
    pub fwd: Rule,
    pub bwd: Rule,
    /// The source of the derivative with respect to each input.
    pub sources: DerivativeSources,
    /// The same function with a rule for forward mode, if the user gave both.
    pub forward: Option<Arc<CustomJvp>>,
}

impl CustomVjp {
    /// The axis names in the rules refer to the mapped axes in scope now, not to those in scope
    /// where the rules are called.
    pub fn new(callee: &str, jaxpr: Arc<Jaxpr>, fwd: Arc<FwdRule>, bwd: Arc<BwdRule>) -> CustomVjp {
        let (axes, same) = (AxisEnv::current(), AxisEnv::current());
        let fwd: Arc<FwdRule> = Arc::new(move |ctx: &Ctx, x: &[Array], given: &[bool]| {
            axes.within(|| fwd(ctx, x, given))
        });
        let bwd: Arc<BwdRule> =
            Arc::new(move |ctx: &Ctx, given: &[bool], r: &[Array], ct: &[Tangent]| {
                same.within(|| bwd(ctx, given, r, ct))
            });
        let fwd_name = format!("{callee}_fwd").into();
        CustomVjp {
            fwd: Rule { name: fwd_name, value: Arc::new(fwd) },
            bwd: bwd_rule(&format!("{callee}_bwd"), bwd, None),
            callee: callee.to_owned(),
            sources: DerivativeSources::rule(jaxpr.inputs.len()),
            jaxpr,
            forward: None,
        }
    }

    /// The function with these sources of its derivatives.
    pub fn with_sources(self, sources: DerivativeSources) -> CustomVjp {
        CustomVjp { sources, ..self }
    }

    /// The function with this text as the error of forward mode.
    pub fn curing(self, cure: Option<&'static str>) -> CustomVjp {
        CustomVjp { bwd: bwd_rule(&self.bwd.name, bwd_of(&self.bwd), cure), ..self }
    }

    /// The function with a rule for forward mode in addition.
    pub fn both_ways(self, forward: CustomJvp) -> CustomVjp {
        CustomVjp { forward: Some(Arc::new(forward)), ..self }
    }

    fn fwd(&self) -> Arc<FwdRule> {
        self.fwd.value.downcast_ref::<Arc<FwdRule>>().expect("made by new").clone()
    }

    /// The tracers that the rules close over.
    pub fn captured_by_rules(&self, ctx: &Ctx) -> Result<Vec<Array>, Error> {
        let given: Vec<bool> = self.differentiable();
        let mut outs = 0;
        let forward = trace(&self.jaxpr.in_avals(), |args| {
            let (mut values, residuals) = self.fwd()(ctx, &args, &given)?;
            outs = values.len();
            values.extend(residuals);
            Ok(values)
        })?;
        let mut captured = forward.captured;
        let residuals = forward.jaxpr.out_avals().split_off(outs);
        let types: Vec<Aval> =
            residuals.iter().cloned().chain(strong(&self.jaxpr.out_avals())).collect();
        let backward = trace(&types, |args| {
            let (res, cts) = args.split_at(residuals.len());
            let cts: Vec<Tangent> = cts.iter().cloned().map(Tangent::Value).collect();
            Ok(values(&bwd_of(&self.bwd)(ctx, &given, res, &cts)?).collect())
        })?;
        captured.extend(backward.captured);
        if let Some(forward) = &self.forward {
            captured.extend(forward.captured_by_rule(ctx)?);
        }
        captured.retain(Array::is_tracer);
        Ok(captured)
    }

    /// The mask of inputs that have an inexact dtype and a derivative that the rules give.
    fn differentiable(&self) -> Vec<bool> {
        let by_rule = self.sources.0.iter().map(|s| *s == DerivativeSource::Rule);
        by_rule.zip(self.jaxpr.in_avals()).map(|(r, a)| r && a.dtype.is_inexact()).collect()
    }
}

fn strong(avals: &[Aval]) -> Vec<Aval> {
    avals.iter().map(Aval::strong).collect()
}

impl WithBodies for CustomVjp {
    const NAME: &'static str = "custom_vjp";

    fn params(&self) -> Params {
        with_rules(&self.callee, &self.jaxpr, [("fwd", &self.fwd), ("bwd", &self.bwd)])
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Call(&self.jaxpr)
    }

    fn forward(&self, _: Forward, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let (tangents, by_body) = self.sources.divide("custom_vjp", &self.callee, tangents)?;
        let given = nonzero(&tangents);
        let (outs, residuals) = self.fwd()(ctx, primals, &given)?;
        let avals = self.jaxpr.out_avals();
        check_rule(&format!("custom_vjp of {}, forward", self.callee), &avals, &avals_of(&outs))?;
        let dots = match given.contains(&true) {
            false => avals.iter().map(|a| Tangent::Zero(a.strong())).collect(),
            true => {
                let mut lin =
                    CustomLin::new(self.bwd.clone(), residuals.len(), given, strong(&avals));
                let mut inputs = residuals;
                if let Some(rule) = &self.forward {
                    let (body, captured) =
                        rule.tangents_alone(ctx, &avals_of(primals), &tangents)?;
                    lin = lin.with_body(body, &avals_of(&inputs), captured.len() + primals.len());
                    inputs.extend(captured.into_iter().chain(primals.iter().cloned()));
                }
                inputs.extend(values(&tangents));
                let dots = bind(Arc::new(lin), &inputs)?;
                let differentiable = |(t, a): (Array, &Aval)| match a.dtype.is_inexact() {
                    true => Tangent::Value(t),
                    false => Tangent::Zero(a.strong()),
                };
                dots.into_iter().zip(&avals).map(differentiable).collect()
            }
        };
        let dots = add_body(ctx, &self.callee, &self.jaxpr, primals, &by_body, dots)?;
        Ok((arrays(outs), dots))
    }

    fn taylor(&self) -> Taylor<'_> {
        if self.forward.is_some() { Taylor::ByDerivative } else { reverse_only(&self.bwd) }
    }

    /// The transpose of the body: a linear function is linear with any rule.
    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        Call::new(&self.callee, self.jaxpr.clone()).transpose_body(ctx, cotangents, inputs)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let (n, axis) = (self.jaxpr.outputs.len(), ctx.axis.clone());
        let (body, _) = ctx.recur.batch(&self.jaxpr, &axis, &batched, &vec![true; n])?;
        let (rule, avals, mask) = (self.fwd(), self.jaxpr.in_avals(), batched.clone());
        let fwd_axis = axis.clone();
        let fwd = move |ctx: &Ctx, primals: &[Array], given: &[bool]| {
            let one = trace(&avals, |args| {
                let (outs, residuals) = rule(ctx, &args, given)?;
                Ok(outs.into_iter().chain(residuals).collect())
            })?;
            let mask = [&vec![false; one.captured.len()][..], &mask].concat();
            let force = vec![true; one.jaxpr.outputs.len()];
            let (body, _) = ctx.recur.batch(&Arc::new(one.jaxpr), &fwd_axis, &mask, &force)?;
            let mut outs = eval(&body, &[&one.captured[..], primals].concat())?;
            let residuals = outs.split_off(n);
            Ok((outs, residuals))
        };
        let wanted = batched.iter().map(|b| Some(*b)).collect();
        let bwd = batched_bwd(bwd_of(&self.bwd), axis, None, wanted);
        let mut prim = CustomVjp::new(&self.callee, body, Arc::new(fwd), bwd);
        if let Some(forward) = &self.forward {
            prim = prim.both_ways(forward.over_batch(ctx, &batched)?);
        }
        let prim = prim.with_sources(self.sources.clone()).curing(cure_of(&self.bwd));
        Ok((bind(Arc::new(prim), &inputs)?, front(&vec![true; n])))
    }
}

impl Whole for CustomVjp {
    fn with_bodies(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Arc::new(CustomVjp { jaxpr: jaxprs.remove(0), ..self.clone() })
    }

    /// The new rules take the state from the body and the other outputs from the old rules. The
    /// cotangents of the state are zero.
    fn thread(
        &self,
        mut bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> ThreadResult {
        let (n, body, fwd, bwd) = (state.len(), bodies.remove(0), self.fwd(), bwd_of(&self.bwd));
        let (with_state, types) = (body.clone(), body.in_avals());
        let fwd = move |ctx: &Ctx, primals: &[Array], given: &[bool]| {
            let mut outs = eval(&with_state, primals)?;
            outs.truncate(n);
            let (values, residuals) = fwd(ctx, &primals[n..], &given[n..])?;
            outs.extend(values);
            Ok((outs, residuals))
        };
        let bwd = move |ctx: &Ctx, given: &[bool], residuals: &[Array], cts: &[Tangent]| {
            let zeros = types[..n].iter().map(|a| Tangent::Zero(a.strong()));
            Ok(zeros.chain(bwd(ctx, &given[n..], residuals, &cts[n..])?).collect())
        };
        let forward = self.forward.as_ref().map(|rule| rule.with_state(body.clone(), n));
        let mut prim = CustomVjp::new(&self.callee, body, Arc::new(fwd), Arc::new(bwd));
        if let Some(rule) = forward {
            prim = prim.both_ways(rule);
        }
        let prim = prim.with_sources(self.sources.after(n)).curing(cure_of(&self.bwd));
        Ok(split_state(bind(Arc::new(prim), &[state, inputs].concat())?, n))
    }
}

pub fn entries() -> Vec<Entry> {
    let refuse = |args: &Args| args.no_rules();
    vec![Entry { name: "custom_vjp", build: refuse, cases }]
}

/// `f(x, y) = (sin x * y, x + y)` with its pullback as the backward rule.
fn cases() -> Vec<Case> {
    let fwd = |_: &Ctx, x: &[Array], _: &[bool]| {
        let outs = vec![lax::mul(&lax::sin(&x[0]), &x[1]), lax::add(&x[0], &x[1])];
        Ok((outs, vec![x[0].clone(), x[1].clone()]))
    };
    let bwd = |_: &Ctx, _: &[bool], r: &[Array], ct: &[Tangent]| {
        let ct: Vec<Array> = ct.iter().map(instantiate).collect();
        let dx = lax::mul(&lax::mul(&ct[0], &lax::cos(&r[0])), &r[1]);
        let dy = lax::mul(&ct[0], &lax::sin(&r[0]));
        Ok([lax::add(&dx, &ct[1]), lax::add(&dy, &ct[1])].map(Tangent::Value).into())
    };
    let rule = |_: &Ctx, _: &CustomJvp, p: &[Array], t: &[Tangent]| {
        let (x, y, dx, dy) = (&p[0], &p[1], &instantiate(&t[0]), &instantiate(&t[1]));
        let along = lax::mul(&lax::mul(&lax::cos(x), dx), y);
        let product = lax::add(&along, &lax::mul(&lax::sin(x), dy));
        let outs = vec![lax::mul(&lax::sin(x), y), lax::add(x, y)];
        Ok((outs, [product, lax::add(dx, dy)].map(Tangent::Value).into()))
    };
    let why = "a reverse rule has no forward mode";
    let case = |d| {
        let prim = CustomVjp::new("f", bodies::product(d), Arc::new(fwd), Arc::new(bwd));
        let inputs = vec![numbers(d, 3), numbers(d, 3)];
        let forward = CustomJvp::new("f", bodies::product(d), Arc::new(rule));
        let both = Case::new(Arc::new(prim.clone().both_ways(forward)), inputs.clone());
        let reverse = Case::new(Arc::new(prim), inputs);
        [reverse.exempt("jvp", why).exempt("jet", why).exempt("commute", why), both]
    };
    INEXACT.into_iter().flat_map(case).collect()
}
