//! The contract of a primitive that carries jaxprs, as far as it differs between them. The rest of [`Primitive`] follows.
//!
//! ```text
//! Wrapped<W>   one body and a note on it: every rule transforms the body and wraps the result (call, checkpoint)
//! Whole        a body that is never cut, because a rule or a method speaks of all of it (custom rules, implicit solves)
//! cond, scan, while, custom_vmap   rules of their own
//! ```

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Carrier, Ctx, JvpResult, Known, Nature, Operand, Primitive, Simpler, Tangent,
    Taylor, TaylorRule, TransposeResult,
};
use crate::prims::taylor::Forward;
use cotangent_jit::Error;
use std::fmt::Debug;

/// A primitive that carries jaxprs. The methods are those of [`Primitive`] of the same names.
pub trait WithBodies: Carrier + Clone + Debug + Send + Sync + 'static {
    const NAME: &'static str;
    const KIND: LoweringKind;

    fn params(&self) -> Params;

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error>;

    fn jvp(&self, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult;

    fn taylor(&self) -> Taylor<'_>;

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult;

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult;

    /// The bodies as the compiler takes them, of the kind [`WithBodies::KIND`].
    fn lowering(&self) -> Lowering;
}

impl<T: WithBodies> Primitive for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn params(&self) -> Params {
        WithBodies::params(self)
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        WithBodies::abstract_eval(self, inputs)
    }

    fn jvp(&self, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        WithBodies::jvp(self, ctx, primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        WithBodies::taylor(self)
    }

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        WithBodies::transpose(self, ctx, cotangents, inputs)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        WithBodies::batch(self, ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        T::KIND
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(self.lowering())
    }

    /// Simplification goes into the bodies by itself.
    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::carrier(self)
    }
}

/// Both forward modes as one rule.
pub trait ForwardRule {
    /// Outputs and their tangents from those of the inputs. Where `mode` asks for Taylor coefficients, these take the place
    /// of the tangents: [`Forward::count`] of them per input and per output.
    fn forward(
        &self,
        mode: Forward,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> JvpResult;
}

impl<T: ForwardRule> TaylorRule for T {
    fn jet(&self, ctx: &Ctx, order: usize, primals: &[Array], series: &[Tangent]) -> JvpResult {
        self.forward(Forward::Jet(order), ctx, primals, series)
    }
}
