//! The part of the contract that differs between the primitives that carry jaxprs. The rest of
//! [`Primitive`] follows from it.
//!
//! ```text
//! Wrapped<W>   one body with a note: every rule transforms the body and wraps the result
//!              (call, checkpoint)
//! Whole        a body that is never split, because a custom rule or a solver is for the whole body
//!              (custom rules, implicit solves)
//! cond, scan, while, custom_vmap   rules of their own
//! ```

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{Lowering, LoweringKind, ScanParts, WhileParts};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Carrier, Ctx, Effects, JvpResult, Known, Nature, Operand, Primitive, Simpler,
    Tangent, Taylor, TaylorRule, TransposeResult,
};
use crate::prims::carriers::regroup::check_inputs;
use crate::prims::taylor::Forward;
use cotangent_jit::Error;
use std::fmt::Debug;
use std::sync::Arc;

/// The jaxprs that a primitive carries and executes.
#[derive(Clone, Copy)]
pub enum Bodies<'a> {
    /// The body replaces the equation.
    Call(&'a Arc<Jaxpr>),
    /// The first input selects one of these.
    Cond(&'a [Arc<Jaxpr>]),
    Scan(&'a ScanParts),
    While(&'a WhileParts),
}

impl<'a> Bodies<'a> {
    /// The first body, or the only one. For `while`, this is the body of the loop, not the test.
    pub fn first(self) -> &'a Arc<Jaxpr> {
        match self {
            Bodies::Call(body) => body,
            Bodies::Cond(arms) => &arms[0],
            Bodies::Scan(parts) => &parts.body,
            Bodies::While(parts) => &parts.body,
        }
    }

    pub fn effects(self) -> Effects {
        match self {
            Bodies::Cond(arms) => arms.iter().fold(Effects::NONE, |e, arm| e | arm.effects()),
            Bodies::While(parts) => parts.test.effects() | parts.body.effects(),
            Bodies::Call(_) | Bodies::Scan(_) => self.first().effects(),
        }
    }

    fn kind(self) -> LoweringKind {
        match self {
            Bodies::Call(_) => LoweringKind::Call,
            Bodies::Cond(_) => LoweringKind::Cond,
            Bodies::Scan(_) => LoweringKind::Scan,
            Bodies::While(_) => LoweringKind::While,
        }
    }

    fn lowering(self) -> Lowering {
        match self {
            Bodies::Call(body) => Lowering::Call(body.clone()),
            Bodies::Cond(arms) => Lowering::Cond { arms: arms.to_vec() },
            Bodies::Scan(parts) => Lowering::Scan(parts.clone()),
            Bodies::While(parts) => Lowering::While(parts.clone()),
        }
    }
}

/// A primitive that carries jaxprs. All methods but `forward` and `bodies` are the methods of
/// [`Primitive`] with the same names.
pub trait WithBodies: Carrier + Clone + Debug + Send + Sync + 'static {
    const NAME: &'static str;

    fn params(&self) -> Params;

    fn bodies(&self) -> Bodies<'_>;

    /// By default, the types are those of the first body. A primitive with other inputs or outputs
    /// overrides this method.
    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let body = self.bodies().first();
        check_inputs(Self::NAME, body, inputs)?;
        Ok(body.out_avals().into())
    }

    /// Both forward modes as one rule: returns the outputs and their tangents. In Taylor mode, the
    /// coefficients replace the tangents: there are [`Forward::count`] of them per input and per
    /// output. Only a primitive whose `taylor` is `Taylor::Rule(self)` gets a `mode` with Taylor
    /// coefficients.
    fn forward(
        &self,
        mode: Forward,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> JvpResult;

    fn taylor(&self) -> Taylor<'_>;

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult;

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult;
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
        self.forward(Forward::Jvp, ctx, primals, tangents)
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
        self.bodies().kind()
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(self.bodies().lowering())
    }

    /// The simplifier simplifies the bodies itself.
    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::carrier(self, self.bodies().effects())
    }
}

impl<T: WithBodies> TaylorRule for T {
    fn jet(&self, ctx: &Ctx, order: usize, primals: &[Array], series: &[Tangent]) -> JvpResult {
        self.forward(Forward::Jet(order), ctx, primals, series)
    }
}
