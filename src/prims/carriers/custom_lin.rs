//! `custom_lin`: the linear map that is the derivative of a `custom_vjp`. Its transpose is the
//! user's backward rule. It runs in forward mode only if the user also gave a rule for forward
//! mode.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::axis::BatchAxis;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params, Rule};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TaylorRule, TransposeResult,
};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::custom_jvp::check_rule;
use crate::prims::carriers::regroup::{
    axes_in_front, front, nonzero, operands, values, with_inputs,
};
use crate::prims::cases::bodies::{INEXACT, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::lax;
use crate::prims::rules::zeros::instantiate;
use cotangent_jit::{Error, err, plural};
use smallvec::smallvec;
use std::sync::Arc;

/// A custom rule. It takes the mask of differentiated inputs, the residuals and the cotangents of
/// the outputs, and returns the cotangents of all inputs.
pub type BwdRule =
    dyn Fn(&Ctx, &[bool], &[Array], &[Tangent]) -> Result<Vec<Tangent>, Error> + Send + Sync;

/// A backward rule, and the text of the error of forward mode. A function of the library gives its
/// own text, which names the function to use instead.
struct Backward {
    name: Arc<str>,
    rule: Arc<BwdRule>,
    cure: Option<&'static str>,
}

/// Taylor mode is an error: a backward rule is for reverse mode only.
impl TaylorRule for Backward {
    fn jet(&self, _: &Ctx, _: usize, _: &[Array], _: &[Tangent]) -> JvpResult {
        Err(self.forward_only())
    }
}

impl Backward {
    /// The error of forward mode.
    fn forward_only(&self) -> Error {
        if let Some(cure) = self.cure {
            return err!(Transform, "{cure}");
        }
        err!(
            Transform,
            "custom_vjp: {} gives reverse mode only, and forward mode (jvp, jet, jacfwd, hessian) \
             was asked for; use custom_jvp, whose rule serves both, or give a rule for each with \
             custom_derivatives",
            self.name
        )
    }
}

pub fn bwd_rule(name: &str, rule: Arc<BwdRule>, cure: Option<&'static str>) -> Rule {
    Rule { name: name.into(), value: Arc::new(Backward { name: name.into(), rule, cure }) }
}

fn backward(rule: &Rule) -> &Backward {
    rule.value.downcast_ref().expect("made by bwd_rule")
}

pub fn bwd_of(rule: &Rule) -> Arc<BwdRule> {
    backward(rule).rule.clone()
}

pub fn cure_of(rule: &Rule) -> Option<&'static str> {
    backward(rule).cure
}

/// The rule over a batch. The residuals in `residuals` (all if `None`) and all cotangents of the
/// outputs have the batch axis in front. `wanted[i]` says whether input `i` has the batch axis: if
/// not, its cotangent is summed over the batch. If `wanted[i]` is `None`, the cotangent is zero.
pub fn batched_bwd(
    rule: Arc<BwdRule>,
    axis: BatchAxis,
    residuals: Option<Vec<bool>>,
    wanted: Vec<Option<bool>>,
) -> Arc<BwdRule> {
    Arc::new(move |ctx: &Ctx, given: &[bool], res: &[Array], cts: &[Tangent]| {
        let res_mask = residuals.clone().unwrap_or_else(|| vec![true; res.len()]);
        let one_of = |(a, batched): (&Array, &bool)| {
            let aval = a.aval();
            if *batched { aval.unbatched(0) } else { aval }
        };
        let ct_values: Vec<Array> = values(cts).collect();
        let single = ct_values.iter().map(|ct| ct.aval().unbatched(0));
        let types: Vec<Aval> = res.iter().zip(&res_mask).map(one_of).chain(single).collect();
        let mut found = Vec::new();
        let one = trace(&types, |args| {
            let (r, c) = args.split_at(res.len());
            let mut c = c.iter();
            let ct = |ct: &Tangent| match ct {
                Tangent::Value(_) => Tangent::Value(c.next().expect("one per value").clone()),
                Tangent::Zero(a) => Tangent::Zero(a.unbatched(0)),
            };
            found = rule(ctx, given, r, &cts.iter().map(ct).collect::<Vec<_>>())?;
            for (ct, wanted) in found.iter_mut().zip(&wanted) {
                if wanted.is_none() {
                    *ct = Tangent::Zero(ct.aval());
                }
            }
            Ok(values(&found).collect())
        })?;
        let captured = vec![false; one.captured.len()];
        let mask = [&captured[..], &res_mask, &vec![true; ct_values.len()]].concat();
        let force = vec![true; one.jaxpr.outputs.len()];
        let (body, _) = ctx.recur.batch(&Arc::new(one.jaxpr), &axis, &mask, &force)?;
        let mut outs = eval(&body, &[&one.captured[..], res, &ct_values].concat())?.into_iter();
        let sum = |(ct, wanted): (&Tangent, &Option<bool>)| match (ct, wanted) {
            (Tangent::Value(_), Some(true)) => {
                Tangent::Value(outs.next().expect("one per cotangent"))
            }
            (Tangent::Value(_), _) => {
                let ct = outs.next().expect("one per cotangent");
                Tangent::Value(lax::reduce_sum(&ct, &[0]))
            }
            (Tangent::Zero(a), Some(true)) => Tangent::Zero(a.batched(0, axis.size)),
            (Tangent::Zero(a), _) => Tangent::Zero(a.clone()),
        };
        Ok(found.iter().zip(&wanted).map(sum).collect())
    })
}

/// `custom_lin[bwd, ...] residuals... extra... dx... -> dy...`: a linear map that is given by its
/// transpose, and optionally by a body too. The body takes the same inputs and ignores the
/// residuals.
#[derive(Clone, Debug)]
pub struct CustomLin {
    bwd: Rule,
    residuals: usize,
    /// The number of inputs of the body between the residuals and the tangents.
    extra: usize,
    /// The mask of inputs of the function that have a tangent.
    given: Vec<bool>,
    outs: Vec<Aval>,
    body: Option<Arc<Jaxpr>>,
}

impl CustomLin {
    pub fn new(bwd: Rule, residuals: usize, given: Vec<bool>, outs: Vec<Aval>) -> CustomLin {
        CustomLin { bwd, residuals, extra: 0, given, outs, body: None }
    }

    /// The map with a body that takes `extra` inputs, then the tangents.
    pub fn with_body(self, body: Arc<Jaxpr>, residuals: &[Aval], extra: usize) -> CustomLin {
        let avals = [residuals.to_vec(), body.in_avals()].concat();
        let have: Vec<bool> = (0..avals.len()).map(|i| i >= residuals.len()).collect();
        let body = with_inputs(&body, &have, &vec![true; have.len()], &avals);
        CustomLin { extra, body: Some(Arc::new(body)), ..self }
    }

    fn first_tangent(&self) -> usize {
        self.residuals + self.extra
    }
}

impl Primitive for CustomLin {
    fn name(&self) -> &'static str {
        "custom_lin"
    }

    fn params(&self) -> Params {
        let outs = self.outs.iter().map(Aval::to_string).collect::<Vec<_>>().join("_");
        let mut params: Params = smallvec![
            ("bwd", Param::Rule(self.bwd.clone())),
            ("num_res", Param::Int(self.residuals as i64)),
            ("outs", Param::Name(outs.replace(['[', ']', ','], "."))),
        ];
        if self.given.contains(&false) {
            params.push(("given", Param::ints(self.given.iter().map(|g| *g as i64))));
        }
        if let Some(body) = &self.body {
            params.push(("jaxpr", Param::Jaxpr(body.clone())));
        }
        params
    }

    fn abstract_eval(&self, _: &[Aval]) -> Result<Avals, Error> {
        Ok(self.outs.clone().into())
    }

    /// The map is linear in its tangents. The derivative with respect to the other inputs is that
    /// of the body, and an error without a body.
    fn jvp(&self, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let (of_known, of_dx) = tangents.split_at(self.first_tangent());
        if nonzero(of_known).contains(&true) {
            let body = self.body.as_ref().ok_or_else(|| forward_only(&self.bwd))?;
            return Call::new(&self.bwd.name, body.clone()).jvp(ctx, primals, tangents);
        }
        let dots: Vec<Array> = of_dx.iter().map(instantiate).collect();
        let outs = bind(Arc::new(self.clone()), primals)?;
        let known = &primals[..self.first_tangent()];
        let dots = bind(Arc::new(self.clone()), &[known, &dots].concat())?;
        Ok((outs, dots.into_iter().map(Tangent::Value).collect()))
    }

    fn taylor(&self) -> Taylor<'_> {
        if self.body.is_some() { Taylor::ByDerivative } else { reverse_only(&self.bwd) }
    }

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let (known, linear) = operands(inputs);
        let first = self.first_tangent();
        if linear[..first].contains(&true) {
            return Err(forward_only(&self.bwd));
        }
        let in_cts = bwd_of(&self.bwd)(ctx, &self.given, &known[..self.residuals], cotangents)?;
        let what = format!("custom_vjp, backward rule {}", self.bwd.name);
        if in_cts.len() != self.given.len() {
            let (e, g) = (self.given.len(), in_cts.len());
            return Err(err!(
                Shape,
                "{what}: the rule should give {arrays}, got {g}",
                arrays = plural(e, "array")
            ));
        }
        let in_cts = in_cts.into_iter().zip(&self.given).filter(|(_, g)| **g).map(|(ct, _)| ct);
        let in_cts: Vec<Tangent> = in_cts.collect();
        let expected: Vec<Aval> = inputs[first..].iter().map(Operand::aval).collect();
        check_rule(&what, &expected, &in_cts.iter().map(Tangent::aval).collect::<Vec<_>>())?;
        let zeros = inputs[..first].iter().map(|o| Tangent::Zero(o.aval()));
        let wanted = in_cts.into_iter().zip(&inputs[first..]).map(|(ct, o)| {
            let wanted = o.is_linear() && o.aval().dtype.is_inexact();
            if wanted { ct } else { Tangent::Zero(o.aval()) }
        });
        Ok(zeros.chain(wanted).collect())
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let n = self.outs.len();
        let mut dots = batched[self.first_tangent()..].iter();
        let wanted = self.given.iter().map(|g| g.then(|| *dots.next().expect("one per tangent")));
        let residuals = batched[..self.residuals].to_vec();
        let bwd = bwd_of(&self.bwd);
        let bwd = batched_bwd(bwd, ctx.axis.clone(), Some(residuals), wanted.collect());
        let body = match &self.body {
            Some(body) => Some(ctx.recur.batch(body, ctx.axis, &batched, &vec![true; n])?.0),
            None => None,
        };
        let lin = CustomLin {
            bwd: bwd_rule(&self.bwd.name, bwd, cure_of(&self.bwd)),
            outs: self.outs.iter().map(|a| a.batched(0, ctx.batch_size)).collect(),
            body,
            ..self.clone()
        };
        Ok((bind(Arc::new(lin), &inputs)?, front(&vec![true; n])))
    }

    fn kind(&self) -> LoweringKind {
        if self.body.is_some() { LoweringKind::Call } else { LoweringKind::Waits }
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let body = self.body.as_ref().ok_or_else(|| forward_only(&self.bwd))?;
        Ok(Lowering::Call(body.clone()))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    /// Not a carrier: the backward rule is for the whole linear map, so the body is never split.
    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

fn forward_only(rule: &Rule) -> Error {
    backward(rule).forward_only()
}

/// A Taylor rule that returns an error, because a backward rule gives no forward mode.
pub fn reverse_only(rule: &Rule) -> Taylor<'_> {
    Taylor::Rule(backward(rule))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "custom_lin", build: |args: &Args| args.no_rules(), cases }]
}

/// The primitive cannot run: it exists only between linearization and transposition. The laws of
/// `custom_vjp` test it.
fn cases() -> Vec<Case> {
    let bwd = |_: &Ctx, _: &[bool], r: &[Array], ct: &[Tangent]| {
        Ok(vec![Tangent::Value(lax::mul(&r[0], &instantiate(&ct[0])))])
    };
    let bwd: Arc<BwdRule> = Arc::new(bwd);
    let case = |d| {
        let rule = bwd_rule("f_bwd", bwd.clone(), None);
        let outs = vec![numbers(d, 3).aval()];
        let prim: Prim = Arc::new(CustomLin::new(rule, 1, vec![true], outs));
        let why = "lives between linearization and transposition only; see custom_vjp";
        Case::new(prim, vec![numbers(d, 3), numbers(d, 3)]).exempt("*", why)
    };
    INEXACT.map(case).into()
}
