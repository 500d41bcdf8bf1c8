//! `call`: a named body. A jitted function inside another trace becomes a `call`. A `call` is
//! differentiated, batched and split as one equation, so transforms of nested functions cost linear
//! work.

use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use crate::core::params::{Param, Params};
use crate::core::primitive::{Ctx, Operand, PartialEval, Prim, Tangent, TransposeResult};
use crate::core::trace::bind;
use crate::prims::carriers::wrapped::{Note, Wrapped};
use crate::prims::cases::bodies::{self, NUMBERS, numbers};
use crate::prims::entry::{Args, Case, Entry};
use cotangent_jit::Error;
use smallvec::smallvec;
use std::sync::Arc;

/// `call[name, jaxpr] x... -> y...`: the body applied to the inputs.
pub type Call = Wrapped<Name>;

/// The name of the function that is called.
#[derive(Clone, Debug)]
pub struct Name(String);

impl Call {
    pub fn new(name: &str, jaxpr: Arc<Jaxpr>) -> Call {
        Wrapped { note: Name(name.to_owned()), jaxpr }
    }
}

impl Note for Name {
    const NAME: &'static str = "call";

    fn params(&self, jaxpr: &Arc<Jaxpr>) -> Params {
        smallvec![("name", Param::Name(self.0.clone())), ("jaxpr", Param::Jaxpr(jaxpr.clone()))]
    }

    fn transpose(
        this: &Call,
        ctx: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> TransposeResult {
        this.transpose_body(ctx, cotangents, inputs)
    }

    fn partial_eval(this: &Call, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        this.split_body(ctx, unknown)
    }
}

/// Applies a traced function by name, as one equation.
#[track_caller]
pub fn call(name: &str, jaxpr: Arc<Jaxpr>, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(Call::new(name, jaxpr)), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "call", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Call::new(args.name("name")?, args.jaxpr("jaxpr")?)))
}

fn cases() -> Vec<Case> {
    let case = |d| {
        let call: Prim = Arc::new(Call::new("f", bodies::product(d)));
        Case::new(call, vec![numbers(d, 3), numbers(d, 3)])
    };
    NUMBERS.map(case).into()
}
