//! The family of functions that are applied at every point and are not rows of a table:
//! comparisons, choices, complex parts, changes of bits. The rules are written once; a member
//! states its types, its code and its derivative.
//!
//! Not here: functions of one and of two numbers with a textbook derivative (`unary`, `binary`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::points::binary::try_add_any;
use crate::prims::points::elementwise::{batch, fit};
use crate::prims::rules::numbers::number;
use cotangent_jit::Error;
use smallvec::SmallVec;
use std::fmt::Debug;
use std::sync::Arc;

/// A function of numbers at one point.
pub(crate) trait Function: Copy + Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;

    fn params(&self) -> Params;

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error>;

    fn derivative(&self) -> Derivative<Self>;

    /// The function in the kernel language, as [`Lowering::Elementwise`].
    fn code(&self, inputs: &[Aval]) -> Lowering;

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler>;
}

/// The derivative of a function at one point.
pub(crate) enum Derivative<F> {
    /// A step function, or a function of ints or bits: no tangent passes.
    Zero,
    /// The function is linear in its inexact operands together. Gives the cotangent of operand `i`
    /// from the cotangent of the result.
    Linear(fn(&F, i: usize, ct: &Array, operands: &[Operand]) -> Result<Array, Error>),
    /// Gives the contribution of the tangent `t` of operand `i` to the tangent of the result.
    Partials(fn(&F, i: usize, t: &Array, operands: &[Array]) -> Result<Array, Error>),
}

/// The primitive of a function at one point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pointwise<F>(pub F);

impl<F: Function> Pointwise<F> {
    fn prim(&self) -> Prim {
        Arc::new(*self)
    }

    /// The tangent of a linear function: the function with tangents in place of the inexact
    /// operands. A symbolic zero beside a nonzero tangent becomes the literal 0.
    fn linear_tangent(&self, primals: &[Array], tangents: &[Tangent]) -> Result<Array, Error> {
        let operand = |(p, t): (&Array, &Tangent)| match t.value() {
            Some(t) => t.clone(),
            None if p.dtype().is_inexact() => number(0.0, p.dtype()),
            None => p.clone(),
        };
        let operands: SmallVec<[Array; 4]> = primals.iter().zip(tangents).map(operand).collect();
        Ok(bind(self.prim(), &operands)?.swap_remove(0))
    }
}

impl<F: Function> Primitive for Pointwise<F> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn params(&self) -> Params {
        self.0.params()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        self.0.abstract_eval(inputs)
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let outputs = bind(self.prim(), primals)?;
        let z = &outputs[0];
        let dz = match self.0.derivative() {
            Derivative::Partials(partial) => {
                contributions(z, tangents, |i, t| partial(&self.0, i, t, primals).map(Some))?
            }
            Derivative::Linear(_) if tangents.iter().any(|t| !t.is_zero()) => {
                Tangent::Value(fit(self.linear_tangent(primals, tangents)?, z.shape())?)
            }
            Derivative::Linear(_) => Tangent::Zero(z.aval()),
            Derivative::Zero => {
                let zeros = outputs.iter().map(|o| Tangent::Zero(o.aval())).collect();
                return Ok((outputs, zeros));
            }
        };
        Ok((outputs, vec![dz]))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.0.derivative() {
            Derivative::Zero => Taylor::Still,
            Derivative::Linear(_) => Taylor::Linear,
            Derivative::Partials(_) => Taylor::ByDerivative,
        }
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        match self.0.derivative() {
            Derivative::Linear(rule) => {
                operand_cotangents(&cotangents[0], inputs, |i, ct| rule(&self.0, i, ct, inputs))
            }
            _ => not_linear(self),
        }
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch(self.prim(), ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Elementwise
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(self.0.code(inputs))
    }

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        self.0.simplify(inputs, outputs)
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The tangent of `z`: the sum of the contributions of the operands' tangents, each in the shape of
/// `z`.
pub(crate) fn contributions(
    z: &Array,
    tangents: &[Tangent],
    contribution: impl Fn(usize, &Array) -> Result<Option<Array>, Error>,
) -> Result<Tangent, Error> {
    let mut sum: Option<Array> = None;
    for (i, t) in tangents.iter().enumerate() {
        let Some(t) = t.value() else { continue };
        let Some(part) = contribution(i, t)? else { continue };
        let part = fit(part, z.shape())?;
        sum = Some(match sum {
            None => part,
            Some(sum) => try_add_any(&sum, &part)?,
        });
    }
    Ok(sum.map_or_else(|| Tangent::Zero(z.aval()), Tangent::Value))
}

/// The cotangents of the operands: `rule` gives those of linear operands, in the operand's shape;
/// the others are zero.
pub(crate) fn operand_cotangents(
    ct: &Tangent,
    inputs: &[Operand],
    rule: impl Fn(usize, &Array) -> Result<Array, Error>,
) -> TransposeResult {
    let cotangent = |(i, input): (usize, &Operand)| match (input, ct.value()) {
        (Operand::Linear(aval), Some(ct)) => fit(rule(i, ct)?, &aval.shape).map(Tangent::Value),
        _ => Ok(Tangent::Zero(input.aval())),
    };
    inputs.iter().enumerate().map(cotangent).collect()
}
