//! `custom_vjp`: a function with a reverse rule of the user's, and `custom_lin`, the linear map that stands for its
//! derivative until it is transposed into that rule.

use super::bodies::{
    all_unknown, arrays, axes_in_front, check_inputs, front, instantiate, operands, split_state,
};
use super::call::called;
use super::case_bodies::{self, FLOATS, numbers};
use super::custom_jvp::check_rule;
use super::lax;
use super::roll_call::{Args, Case, Entry};
use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::axis::{AxisEnv, BatchAxis};
use crate::core::hazard::Hazard;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::Lowering;
use crate::core::params::{Param, Params, Rule};
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    Arrays, Carrier, Ctx, Effects, Kept, Known, Operand, PartialEval, Prim, Primitive, Shrunk,
    Simpler, Tangent, Taylor, TaylorRule, Threaded,
};
use crate::core::trace::{bind, eval, trace};
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// From inputs to outputs and residuals.
pub type FwdRule = dyn Fn(&Ctx, &[Array]) -> Result<(Vec<Array>, Vec<Array>), Error> + Send + Sync;

/// From residuals and the outputs' cotangents (zeros made) to the inputs' cotangents.
pub type BwdRule = dyn Fn(&Ctx, &[Array], &[Array]) -> Result<Vec<Array>, Error> + Send + Sync;

/// `custom_vjp[name, jaxpr, fwd, bwd] x... -> y...`: the body; in reverse mode the rules.
#[derive(Clone, Debug)]
pub struct CustomVjp {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
    pub fwd: Rule,
    pub bwd: Rule,
}

impl CustomVjp {
    /// The rules speak of the axes that are in force now, whenever they are called.
    pub fn new(callee: &str, jaxpr: Arc<Jaxpr>, fwd: Arc<FwdRule>, bwd: Arc<BwdRule>) -> CustomVjp {
        let (axes, same) = (AxisEnv::current(), AxisEnv::current());
        let fwd: Arc<FwdRule> = Arc::new(move |ctx: &Ctx, x: &[Array]| axes.within(|| fwd(ctx, x)));
        let bwd: Arc<BwdRule> =
            Arc::new(move |ctx: &Ctx, r: &[Array], ct: &[Array]| same.within(|| bwd(ctx, r, ct)));
        let rule = |suffix, value| Rule { name: format!("{callee}_{suffix}").into(), value };
        CustomVjp {
            fwd: rule("fwd", Arc::new(fwd)),
            bwd: rule("bwd", Arc::new(bwd)),
            callee: callee.to_owned(),
            jaxpr,
        }
    }

    fn fwd(&self) -> Arc<FwdRule> {
        self.fwd.value.downcast_ref::<Arc<FwdRule>>().expect("made by new").clone()
    }
}

fn bwd_of(rule: &Rule) -> Arc<BwdRule> {
    rule.value.downcast_ref::<Arc<BwdRule>>().expect("made by new").clone()
}

impl Primitive for CustomVjp {
    fn name(&self) -> &'static str {
        "custom_vjp"
    }

    fn params(&self) -> Params {
        smallvec![
            ("name", Param::Name(self.callee.clone())),
            ("jaxpr", Param::Jaxpr(self.jaxpr.clone())),
            ("fwd", Param::Rule(self.fwd.clone())),
            ("bwd", Param::Rule(self.bwd.clone())),
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        check_inputs("custom_vjp", &self.jaxpr, inputs)?;
        Ok(self.jaxpr.out_avals().into())
    }

    fn jvp(
        &self,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        let (outs, residuals) = self.fwd()(ctx, primals)?;
        let avals = self.jaxpr.out_avals();
        check_rule(&format!("custom_vjp of {}, forward", self.callee), &avals, &outs)?;
        let lin = CustomLin {
            bwd: self.bwd.clone(),
            residuals: residuals.len(),
            outs: avals.iter().map(Aval::strong).collect(),
        };
        let inputs: Vec<Array> =
            residuals.into_iter().chain(tangents.iter().map(instantiate)).collect();
        let out_tangents = bind(Arc::new(lin), &inputs)?;
        let differentiable = |(t, a): (Array, &Aval)| match a.dtype.is_inexact() {
            true => Tangent::Value(t),
            false => Tangent::Zero(a.strong()),
        };
        Ok((arrays(outs), out_tangents.into_iter().zip(&avals).map(differentiable).collect()))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
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

    fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let (n, axis) = (self.jaxpr.outputs.len(), ctx.axis.clone());
        let (body, _) = ctx.recur.batch(&self.jaxpr, &axis, &batched, &vec![true; n])?;
        let (rule, avals) = (self.fwd(), self.jaxpr.in_avals());
        let mask = batched.clone();
        let fwd = move |ctx: &Ctx, primals: &[Array]| {
            let one = trace(&avals, |args| {
                let (outs, residuals) = rule(ctx, &args)?;
                Ok(outs.into_iter().chain(residuals).collect())
            })?;
            let mask = [&vec![false; one.captured.len()][..], &mask].concat();
            let force = vec![true; one.jaxpr.outputs.len()];
            let (body, _) = ctx.recur.batch(&Arc::new(one.jaxpr), &axis, &mask, &force)?;
            let mut outs = eval(&body, &[&one.captured[..], primals].concat())?;
            let residuals = outs.split_off(n);
            Ok((outs, residuals))
        };
        let bwd = batched_bwd(bwd_of(&self.bwd), ctx.axis.clone(), None, batched);
        let prim = CustomVjp::new(&self.callee, body, Arc::new(fwd), bwd);
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

impl Carrier for CustomVjp {
    /// Not split: a body cut in two would lose its rules.
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

    /// Kept whole: the rules speak of all inputs and outputs.
    fn dce(&self, _: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let inputs = vec![true; self.jaxpr.inputs.len()];
        Ok(Shrunk { prim: Arc::new(self.clone()), inputs, outputs: vec![true; used.len()] })
    }

    /// The state comes from the body, the rest from the rules. The state's cotangents are zero.
    fn threaded(
        &self,
        mut bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> Result<Threaded, Error> {
        let (n, body, fwd, bwd) = (state.len(), bodies.remove(0), self.fwd(), bwd_of(&self.bwd));
        let (with_state, types) = (body.clone(), body.in_avals());
        let fwd = move |ctx: &Ctx, primals: &[Array]| {
            let mut outs = eval(&with_state, primals)?;
            outs.truncate(n);
            let (values, residuals) = fwd(ctx, &primals[n..])?;
            outs.extend(values);
            Ok((outs, residuals))
        };
        let bwd = move |ctx: &Ctx, residuals: &[Array], cts: &[Array]| {
            let zeros = types[..n].iter().map(|a| instantiate(&Tangent::Zero(a.clone())));
            Ok(zeros.chain(bwd(ctx, residuals, &cts[n..])?).collect())
        };
        let prim = CustomVjp::new(&self.callee, body, Arc::new(fwd), Arc::new(bwd));
        Ok(split_state(bind(Arc::new(prim), &[state, inputs].concat())?, n))
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Arc::new(CustomVjp { jaxpr: jaxprs.remove(0), ..self.clone() })
    }
}

/// Reverse mode only.
impl TaylorRule for CustomVjp {
    fn jet(
        &self,
        _: &Ctx,
        _: usize,
        _: &[Array],
        _: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        Err(forward_only(&self.bwd.name))
    }
}

/// The rule over a batch: residuals in `residuals` (all if `None`) and all cotangents have the batch axis in front;
/// cotangents of inputs without it are summed.
fn batched_bwd(
    rule: Arc<BwdRule>,
    axis: BatchAxis,
    residuals: Option<Vec<bool>>,
    inputs: Vec<bool>,
) -> Arc<BwdRule> {
    Arc::new(move |ctx: &Ctx, res: &[Array], cts: &[Array]| {
        let res_mask = residuals.clone().unwrap_or_else(|| vec![true; res.len()]);
        let one_of = |(a, batched): (&Array, &bool)| {
            let aval = a.aval();
            if *batched { aval.unbatched(0) } else { aval }
        };
        let types: Vec<Aval> = res
            .iter()
            .zip(&res_mask)
            .map(one_of)
            .chain(cts.iter().map(|ct| ct.aval().unbatched(0)))
            .collect();
        let one = trace(&types, |args| {
            let (r, c) = args.split_at(res.len());
            rule(ctx, r, c)
        })?;
        let captured = vec![false; one.captured.len()];
        let mask = [&captured[..], &res_mask, &vec![true; cts.len()]].concat();
        let force = vec![true; one.jaxpr.outputs.len()];
        let (body, _) = ctx.recur.batch(&Arc::new(one.jaxpr), &axis, &mask, &force)?;
        let outs = eval(&body, &[&one.captured[..], res, cts].concat())?;
        let sum = |(ct, batched): (Array, &bool)| match batched {
            true => ct,
            false => lax::reduce_sum(&ct, &[0]),
        };
        Ok(outs.into_iter().zip(&inputs).map(sum).collect())
    })
}

/// `custom_lin[bwd, ...] residuals... dx... -> dy...`: a linear map known by its transpose alone. It cannot be run
/// forward.
#[derive(Clone, Debug)]
pub struct CustomLin {
    bwd: Rule,
    residuals: usize,
    outs: Vec<Aval>,
}

impl Primitive for CustomLin {
    fn name(&self) -> &'static str {
        "custom_lin"
    }

    fn params(&self) -> Params {
        let outs = self.outs.iter().map(Aval::to_string).collect::<Vec<_>>().join("_");
        smallvec![
            ("bwd", Param::Rule(self.bwd.clone())),
            ("num_res", Param::Int(self.residuals as i64)),
            ("outs", Param::Name(outs.replace(['[', ']', ','], "."))),
        ]
    }

    fn abstract_eval(&self, _: &[Aval]) -> Result<Avals, Error> {
        Ok(self.outs.clone().into())
    }

    /// Linear in its tangents; the residuals' derivative is not known.
    fn jvp(
        &self,
        _: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        let (res, _) = primals.split_at(self.residuals);
        if tangents[..self.residuals].iter().any(|t| !t.is_zero()) {
            return Err(forward_only(&self.bwd.name));
        }
        let dots: Vec<Array> = tangents[self.residuals..].iter().map(instantiate).collect();
        let outs = bind(Arc::new(self.clone()), primals)?;
        let dots = bind(Arc::new(self.clone()), &[res, &dots].concat())?;
        Ok((outs, dots.into_iter().map(Tangent::Value).collect()))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    fn transpose(
        &self,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> Result<Vec<Tangent>, Error> {
        let (known, linear) = operands(inputs);
        if linear[..self.residuals].contains(&true) {
            return Err(forward_only(&self.bwd.name));
        }
        let cts: Vec<Array> = cotangents.iter().map(instantiate).collect();
        let in_cts = bwd_of(&self.bwd)(ctx, &known[..self.residuals], &cts)?;
        let expected: Vec<Aval> = inputs[self.residuals..].iter().map(Operand::aval).collect();
        check_rule(&format!("custom_vjp, backward rule {}", self.bwd.name), &expected, &in_cts)?;
        let zeros = inputs[..self.residuals].iter().map(|o| Tangent::Zero(o.aval()));
        let values = in_cts.into_iter().zip(&inputs[self.residuals..]).map(|(ct, o)| {
            let wanted = o.is_linear() && o.aval().dtype.is_inexact();
            if wanted { Tangent::Value(ct) } else { Tangent::Zero(o.aval()) }
        });
        Ok(zeros.chain(values).collect())
    }

    fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let (res, dots) = batched.split_at(self.residuals);
        let bwd =
            batched_bwd(bwd_of(&self.bwd), ctx.axis.clone(), Some(res.to_vec()), dots.to_vec());
        let lin = CustomLin {
            bwd: Rule { name: self.bwd.name.clone(), value: Arc::new(bwd) },
            residuals: self.residuals,
            outs: self.outs.iter().map(|a| a.batched(0, ctx.batch_size)).collect(),
        };
        let n = self.outs.len();
        Ok((bind(Arc::new(lin), &inputs)?, front(&vec![true; n])))
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Err(forward_only(&self.bwd.name))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn effects(&self) -> Effects {
        Effects::NONE
    }

    fn hazards(&self, _: &[Aval]) -> Vec<Hazard> {
        Vec::new()
    }

    fn carrier(&self) -> Option<&dyn Carrier> {
        None
    }
}

/// Reverse mode only.
impl TaylorRule for CustomLin {
    fn jet(
        &self,
        _: &Ctx,
        _: usize,
        _: &[Array],
        _: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        Err(forward_only(&self.bwd.name))
    }
}

fn forward_only(rule: &str) -> Error {
    err!(
        Transform,
        "custom_vjp: {rule} gives reverse mode only, and forward mode (jvp, jet, jacfwd, hessian) was asked for; use custom_jvp, whose rule serves both"
    )
}

pub fn entries() -> Vec<Entry> {
    let refuse = |args: &Args| args.no_rules();
    vec![
        Entry { name: "custom_vjp", build: refuse, cases },
        Entry { name: "custom_lin", build: refuse, cases: linear_cases },
    ]
}

/// `f(x, y) = (sin x * y, x + y)` with its pullback written out.
fn cases() -> Vec<Case> {
    let fwd = |_: &Ctx, x: &[Array]| {
        let outs = vec![lax::mul(&lax::sin(&x[0]), &x[1]), lax::add(&x[0], &x[1])];
        Ok((outs, vec![x[0].clone(), x[1].clone()]))
    };
    let bwd = |_: &Ctx, r: &[Array], ct: &[Array]| {
        let dx = lax::mul(&lax::mul(&ct[0], &lax::cos(&r[0])), &r[1]);
        let dy = lax::mul(&ct[0], &lax::sin(&r[0]));
        Ok(vec![lax::add(&dx, &ct[1]), lax::add(&dy, &ct[1])])
    };
    let why = "a reverse rule has no forward mode";
    let case = |d| {
        let prim = CustomVjp::new("f", case_bodies::product(d), Arc::new(fwd), Arc::new(bwd));
        let case = Case::new(Arc::new(prim), vec![numbers(d, 3), numbers(d, 3)]);
        case.exempt("jvp", why).exempt("jet", why).exempt("commute", why)
    };
    FLOATS.map(case).into()
}

/// It cannot run: it is there from linearization until transposition. Its owner's laws see it.
fn linear_cases() -> Vec<Case> {
    let bwd = |_: &Ctx, r: &[Array], ct: &[Array]| Ok(vec![lax::mul(&r[0], &ct[0])]);
    let bwd: Arc<BwdRule> = Arc::new(bwd);
    let case = |d| {
        let rule = Rule { name: "f_bwd".into(), value: Arc::new(bwd.clone()) };
        let outs = vec![numbers(d, 3).aval()];
        let prim: Prim = Arc::new(CustomLin { bwd: rule, residuals: 1, outs });
        let why = "lives between linearization and transposition only; see custom_vjp";
        Case::new(prim, vec![numbers(d, 3), numbers(d, 3)]).exempt("*", why)
    };
    FLOATS.map(case).into()
}
