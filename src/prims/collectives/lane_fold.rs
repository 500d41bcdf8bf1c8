//! Reductions over named mapped axes: `psum`, `pmax`, `pmin`.
//!
//! `yᵢ = reduction over j of xⱼ`, the same for every lane `i` of the axis. The sum is linear and
//! its own transpose: each lane contributes to all lanes, so the cotangent of each lane is the sum
//! of the cotangents of all lanes. The tangent of a maximum or minimum is the mean of the tangents
//! of the lanes that attain it.
//!
//! These primitives cannot run outside a batch. The batching rule for the named axis replaces them
//! by a reduction over an array axis.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::axis::{AxisName, BatchAxis};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::points::spread;
use crate::prims::cases::samples::{NUMBERS, REAL};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::folds::reduce::{try_reduce_max, try_reduce_min, try_reduce_sum};
use crate::prims::points::binary::{try_div, try_mul};
use crate::prims::points::compare::try_eq;
use crate::prims::points::convert::try_convert_element_type;
use crate::prims::points::elementwise::expect_operand;
use crate::prims::rules::apply::{expect_inputs, one};
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use cotangent_jit::kernel::Combine;
use cotangent_jit::{Error, Scalar, err};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// `psum[axes] x -> y`, `pmax`, `pmin`: the reduction of one operand over the lanes of these axes.
#[derive(Clone, Debug)]
pub struct LaneFold {
    fold: Fold,
    /// Different names. Their order does not matter.
    axes: SmallVec<[AxisName; 1]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fold {
    Sum,
    Max,
    Min,
}

/// The lowering of a collective: an error that names the axes that no `vmap` maps.
pub(crate) fn in_batch(prim: &str, axes: &[AxisName]) -> Lowering {
    Lowering::InBatch(err!(
        Axis,
        "{prim}: no vmap around it maps an axis named {:?}; name the axis where the function is \
         mapped",
        axes.iter().map(AxisName::as_str).collect::<Vec<_>>().join(", ")
    ))
}

impl Primitive for LaneFold {
    fn name(&self) -> &'static str {
        match self.fold {
            Fold::Sum => "psum",
            Fold::Max => "pmax",
            Fold::Min => "pmin",
        }
    }

    fn params(&self) -> Params {
        smallvec![("axes", Param::Axes(self.axes.clone()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let combine = match self.fold {
            Fold::Sum => Combine::Sum,
            Fold::Max => Combine::Max,
            Fold::Min => Combine::Min,
        };
        expect_operand(self.name(), combine.op(), &inputs[0])?;
        Ok(inputs.into())
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        if self.fold == Fold::Sum {
            return linear_unary_jvp(Arc::new(self.clone()), primals, tangents);
        }
        let x = &primals[0];
        let y = self.apply(x)?;
        let Some(t) = tangents[0].value() else {
            let zero = Tangent::Zero(y.aval());
            return Ok((smallvec![y], vec![zero]));
        };
        // dy = (sum of dx over the lanes where x = y) / (number of these lanes)
        let sum = LaneFold { fold: Fold::Sum, ..self.clone() };
        let attained = try_convert_element_type(&try_eq(x, &y)?, x.dtype())?;
        let share = try_div(&attained, &sum.apply(&attained)?)?;
        let dy = sum.apply(&try_mul(t, &share)?)?;
        Ok((smallvec![y], vec![Tangent::Value(dy)]))
    }

    fn taylor(&self) -> Taylor<'_> {
        if self.fold == Fold::Sum { Taylor::Linear } else { Taylor::ByDerivative }
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        if self.fold != Fold::Sum {
            return not_linear(self);
        }
        transpose_unary(cotangents, inputs[0].aval(), |ct| self.apply(ct))
    }

    /// Over a named axis, the result is the reduction of the array over its batch axis, the same
    /// for all lanes. An operand that is not batched counts once per lane in a sum.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let x = &inputs[0];
        if !self.axes.iter().any(|n| ctx.axis.is(n)) {
            return Ok((smallvec![self.apply(x)?], axes.to_vec()));
        }
        let folded = match (axes[0], self.fold) {
            (Some(axis), Fold::Sum) => try_reduce_sum(x, &[axis])?,
            (Some(axis), Fold::Max) => try_reduce_max(x, &[axis])?,
            (Some(axis), Fold::Min) => try_reduce_min(x, &[axis])?,
            (None, Fold::Sum) => times(x, ctx.batch_size)?,
            (None, _) => x.clone(),
        };
        let left = self.axes.iter().filter(|n| !ctx.axis.is(n)).cloned().collect();
        let rest = LaneFold { fold: self.fold, axes: left };
        let y = if rest.axes.is_empty() { folded } else { rest.apply(&folded)? };
        Ok((smallvec![y], vec![None]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::InBatch
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(in_batch(self.name(), &self.axes))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

impl LaneFold {
    fn apply(&self, x: &Array) -> Result<Array, Error> {
        one(self.clone(), &[x])
    }
}

/// `n x`
pub(crate) fn times(x: &Array, n: usize) -> Result<Array, Error> {
    let n = Scalar::from_f64(x.dtype(), n as f64).expect("a dtype of numbers");
    try_mul(x, &Array::strong_literal(n))
}

/// The sum of `x` over all lanes of these axes. Ints wrap.
#[track_caller]
pub fn try_psum(x: &Array, axes: &[AxisName]) -> Result<Array, Error> {
    fold(Fold::Sum, x, axes)
}

/// The greatest `x` among all lanes of these axes.
#[track_caller]
pub fn try_pmax(x: &Array, axes: &[AxisName]) -> Result<Array, Error> {
    fold(Fold::Max, x, axes)
}

/// The least `x` among all lanes of these axes.
#[track_caller]
pub fn try_pmin(x: &Array, axes: &[AxisName]) -> Result<Array, Error> {
    fold(Fold::Min, x, axes)
}

#[track_caller]
fn fold(fold: Fold, x: &Array, axes: &[AxisName]) -> Result<Array, Error> {
    if axes.is_empty() {
        return Ok(x.clone());
    }
    one(LaneFold { fold, axes: axes.into() }, &[x])
}

pub fn entries() -> Vec<Entry> {
    vec![
        Entry { name: "psum", build: |a| build(Fold::Sum, a), cases: || cases(Fold::Sum) },
        Entry { name: "pmax", build: |a| build(Fold::Max, a), cases: || cases(Fold::Max) },
        Entry { name: "pmin", build: |a| build(Fold::Min, a), cases: || cases(Fold::Min) },
    ]
}

fn build(fold: Fold, args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(LaneFold { fold, axes: args.axes("axes")?.into() }))
}

/// Three lanes of vectors, of scalars and of empty vectors, and zero lanes of vectors.
fn cases(fold: Fold) -> Vec<Case> {
    let mut cases = Vec::new();
    for d in if fold == Fold::Sum { &NUMBERS[..] } else { &REAL } {
        for shape in [&[3, 2][..], &[3], &[3, 0], &[0, 2]] {
            let prim = Arc::new(LaneFold { fold, axes: smallvec!["i".into()] });
            let case = Case::new(prim, vec![spread(shape, *d, &(-2.0..2.0), 0.37)]);
            cases.push(case.inside(BatchAxis::named("i", shape[0])));
        }
    }
    cases
}
