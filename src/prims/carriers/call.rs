//! `call`: a named body. What a jitted function becomes inside another trace; it differentiates, batches and splits as one
//! equation, so that nested functions cost linear work.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    Arrays, Carrier, Ctx, Effects, Kept, Known, Nature, Operand, PartialEval, Prim, Primitive,
    Shrunk, Simpler, Tangent, Taylor, TaylorRule, Threaded,
};
use crate::core::trace::bind;
use crate::prims::carriers::wrapper::Body;
use crate::prims::cases::bodies::{self, NUMBERS, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::taylor::Forward;
use cotangent_jit::Error;
use smallvec::smallvec;
use std::sync::Arc;

/// `call[name, jaxpr] x... -> y...`: the body applied to the inputs.
#[derive(Clone, Debug)]
pub struct Call {
    pub callee: String,
    pub jaxpr: Arc<Jaxpr>,
}

impl Call {
    fn with(&self, jaxpr: Arc<Jaxpr>) -> Prim {
        Arc::new(Call { callee: self.callee.clone(), jaxpr })
    }

    fn body(&self) -> Body<'_, impl Fn(Arc<Jaxpr>) -> Prim> {
        called(&self.callee, &self.jaxpr)
    }
}

impl Primitive for Call {
    fn name(&self) -> &'static str {
        "call"
    }

    fn params(&self) -> Params {
        smallvec![
            ("name", Param::Name(self.callee.clone())),
            ("jaxpr", Param::Jaxpr(self.jaxpr.clone()))
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        self.body().abstract_eval("call", inputs)
    }

    fn jvp(
        &self,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        self.body().jvp(ctx, primals, tangents)
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
        self.body().transpose(ctx, cotangents, inputs)
    }

    fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        self.body().batch(ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Call
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Call(self.jaxpr.clone()))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::carrier(self)
    }
}

impl TaylorRule for Call {
    fn jet(
        &self,
        ctx: &Ctx,
        order: usize,
        primals: &[Array],
        series: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        self.body().forward(Forward::Jet(order), ctx, primals, series)
    }
}

impl Carrier for Call {
    fn effects(&self) -> Effects {
        self.jaxpr.effects()
    }

    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        self.body().partial_eval(ctx, unknown)
    }

    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        self.body().keep(ctx, unknown, forbidden, policy)
    }

    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        self.body().dce(ctx, used)
    }

    fn threaded(
        &self,
        bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> Result<Threaded, Error> {
        self.body().threaded(bodies, state, inputs)
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        self.with(jaxprs.remove(0))
    }
}

/// A body that is called by name where nothing better is known of it.
pub fn called<'a>(name: &str, jaxpr: &'a Arc<Jaxpr>) -> Body<'a, impl Fn(Arc<Jaxpr>) -> Prim> {
    let callee = name.to_owned();
    Body { jaxpr, wrap: move |jaxpr| Arc::new(Call { callee: callee.clone(), jaxpr }) as Prim }
}

/// Applies a traced function by name, as one equation.
#[track_caller]
pub fn call(name: &str, jaxpr: Arc<Jaxpr>, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(Call { callee: name.to_owned(), jaxpr }), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "call", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Call { callee: args.name("name")?.to_owned(), jaxpr: args.jaxpr("jaxpr")? }))
}

fn cases() -> Vec<Case> {
    let case = |d| {
        let call: Prim = Arc::new(Call { callee: "f".into(), jaxpr: bodies::product(d) });
        Case::new(call, vec![numbers(d, 3), numbers(d, 3)])
    };
    NUMBERS.map(case).into()
}
