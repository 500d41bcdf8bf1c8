//! A primitive that is right but for the rules that are replaced.

use cotangent::Error;
use cotangent::core::array::Array;
use cotangent::core::aval::{Aval, Avals};
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::lowering::{Lowering, LoweringKind};
use cotangent::core::params::{Param, Params};
use cotangent::core::policy::KeepPolicy;
use cotangent::core::primitive::{
    BatchResult, Carrier, Ctx, JvpResult, Kept, Known, Nature, Operand, PartialEval, Prim,
    Primitive, Shrunk, Simpler, Tangent, Taylor, ThreadResult, TransposeResult,
};
use cotangent::core::trace::bind;
use std::sync::Arc;

type Jvp = fn(&Twisted, &Ctx, &[Array], &[Tangent]) -> JvpResult;
type AsTaylor = for<'a> fn(&'a Prim) -> Taylor<'a>;
type Transpose = fn(&Prim, &Ctx, &[Tangent], &[Operand]) -> Result<Vec<Tangent>, Error>;
type Abstract = fn(&Prim, &[Aval]) -> Result<Avals, Error>;
type Lower = fn(&Prim, &[Aval], &[Aval]) -> Result<Lowering, Error>;
type Simplify = fn(&[Known]) -> Option<Simpler>;
type Split = fn(&dyn Carrier, &Ctx, &[bool]) -> Result<PartialEval, Error>;
type Dce = fn(&dyn Carrier, &Ctx, &[bool]) -> Result<Shrunk, Error>;
type Batched = BatchResult;
type Batch = fn(&Prim, &Ctx, &[Array], &[Option<usize>]) -> Batched;

/// Rules to put in place of the right ones.
#[derive(Clone, Copy, Default)]
pub struct Rules {
    pub name: Option<&'static str>,
    pub params: Option<fn(&Prim) -> Params>,
    pub abstract_eval: Option<Abstract>,
    pub jvp: Option<Jvp>,
    pub taylor: Option<AsTaylor>,
    pub transpose: Option<Transpose>,
    pub batch: Option<Batch>,
    pub lower: Option<Lower>,
    pub simplify: Option<Simplify>,
    pub partial_eval: Option<Split>,
    pub dce: Option<Dce>,
}

macro_rules! one_rule {
    ($($rule:ident: $t:ty),*) => {
        impl Rules {
            $(pub fn $rule(rule: $t) -> Rules {
                Rules { $rule: Some(rule), ..Rules::default() }
            })*

            /// With tangents that go through the primitive itself, so that its own transpose is
            /// asked.
            pub fn of_linear(self) -> Rules {
                Rules { jvp: Some(linear), ..self }
            }
        }
    };
}

one_rule! {
    params: fn(&Prim) -> Params,
    abstract_eval: Abstract,
    jvp: Jvp,
    taylor: AsTaylor,
    transpose: Transpose,
    batch: Batch,
    lower: Lower,
    simplify: Simplify,
    partial_eval: Split,
    dce: Dce
}

#[derive(Clone)]
pub struct Twisted {
    pub right: Prim,
    /// Told apart by this from other twists of the same primitive.
    pub label: &'static str,
    pub rules: Rules,
}

impl std::fmt::Debug for Twisted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label)
    }
}

impl Primitive for Twisted {
    fn name(&self) -> &'static str {
        self.rules.name.unwrap_or("twisted")
    }

    fn params(&self) -> Params {
        if let Some(params) = self.rules.params {
            return params(&self.right);
        }
        let mut params = self.right.params();
        params.push(("of", Param::Name(self.right.name().to_owned())));
        params.push(("twist", Param::Name(self.label.replace(' ', "_"))));
        params
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let right = |p: &Prim, inputs: &[Aval]| p.abstract_eval(inputs);
        self.rules.abstract_eval.unwrap_or(right)(&self.right, inputs)
    }

    fn jvp(&self, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        match self.rules.jvp {
            Some(jvp) => jvp(self, ctx, primals, tangents),
            None => self.right.jvp(ctx, primals, tangents),
        }
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.rules.taylor {
            Some(taylor) => taylor(&self.right),
            None => self.right.taylor(),
        }
    }

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        match self.rules.transpose {
            Some(transpose) => transpose(&self.right, ctx, cotangents, inputs),
            None => self.right.transpose(ctx, cotangents, inputs),
        }
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        match self.rules.batch {
            Some(batch) => batch(&self.right, ctx, inputs, axes),
            None => self.right.batch(ctx, inputs, axes),
        }
    }

    fn kind(&self) -> LoweringKind {
        self.right.kind()
    }

    fn lower(&self, inputs: &[Aval], outputs: &[Aval]) -> Result<Lowering, Error> {
        match self.rules.lower {
            Some(lower) => lower(&self.right, inputs, outputs),
            None => self.right.lower(inputs, outputs),
        }
    }

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        match self.rules.simplify {
            Some(simplify) => simplify(inputs),
            None => self.right.simplify(inputs, outputs),
        }
    }

    fn nature(&self) -> Nature<'_> {
        match self.right.carrier() {
            Some(_) => Nature::carrier(self, self.right.effects()),
            None => self.right.nature(),
        }
    }
}

impl Twisted {
    fn right_carrier(&self) -> &dyn Carrier {
        self.right.carrier().expect("asked of carriers only")
    }
}

impl Carrier for Twisted {
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        match self.rules.partial_eval {
            Some(partial_eval) => partial_eval(self.right_carrier(), ctx, unknown),
            None => self.right_carrier().partial_eval(ctx, unknown),
        }
    }

    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        self.right_carrier().keep(ctx, unknown, forbidden, policy)
    }

    fn with_jaxprs(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        Arc::new(Twisted { right: self.right_carrier().with_jaxprs(jaxprs), ..self.clone() })
    }

    fn threaded(&self, bodies: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult {
        self.right_carrier().threaded(bodies, state, inputs)
    }

    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        match self.rules.dce {
            Some(dce) => dce(self.right_carrier(), ctx, used),
            None => self.right_carrier().dce(ctx, used),
        }
    }
}

fn linear(p: &Twisted, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
    let prim: Prim = Arc::new(p.clone());
    let outs = bind(prim.clone(), primals)?;
    let tangents: Vec<Array> =
        tangents.iter().map(cotangent::prims::rules::zeros::instantiate).collect();
    let moved = bind(prim, &tangents)?.into_iter().map(Tangent::Value).collect();
    Ok((outs, moved))
}
