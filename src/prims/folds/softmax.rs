//! Exponentials over axes: `softmax`, `log_softmax` and `logsumexp`.
//!
//! `p[i] = e^x[i] / ∑ⱼ e^x[j]` over the axes, `ln p`, and `ln ∑ⱼ e^x[j]`. They are primitives
//! because rules that follow from the steps of the computation divide infinity by infinity where
//! the result is finite. The derivatives are those of the definitions: `d ln ∑ e^x = ∑ p dx`,
//! `d ln p = dx - ∑ p dx`, `dp = p (dx - ∑ p dx)`.
//!
//! At infinite elements the functions have their limits: the infinite elements of a row share the
//! whole weight. A row in which all elements are -∞ has no weights: `p` is 0, and the derivatives
//! of its `logsumexp`, which is -∞, are 0.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::trace;
use crate::prims::cases::bodies::INEXACT;
use crate::prims::cases::points::spread;
use crate::prims::cases::samples::array;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::folds::folded_axes::{FoldedAxes, over_axes};
use crate::prims::folds::reduce::{try_reduce_max, try_reduce_sum};
use crate::prims::points::compare::try_eq;
use crate::prims::points::select::try_select_n;
use crate::prims::points::unary::{try_exp, try_is_finite, try_log};
use crate::prims::rules::apply::{expect_inputs, one};
use crate::prims::rules::numbers::number;
use crate::prims::shapes::broadcast::try_repeat;

use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// The function that is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Softmax,
    LogSoftmax,
    LogSumExp,
}

/// A function of the exponentials over axes.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    kind: Kind,
    axes: FoldedAxes,
}

impl Primitive for Softmax {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Softmax => "softmax",
            Kind::LogSoftmax => "log_softmax",
            Kind::LogSumExp => "logsumexp",
        }
    }

    fn params(&self) -> Params {
        self.axes.params()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let name = self.name();
        expect_inputs(name, inputs, 1)?;
        let x = &inputs[0];
        if !x.dtype.is_inexact() {
            return Err(err!(DType, "{name}: expected a float, got {x}; convert it"));
        }
        self.axes.check(name, x)?;
        Ok(smallvec![match self.kind {
            Kind::LogSumExp => x.with_shape(self.axes.kept_of(&x.shape)),
            _ => x.clone(),
        }])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let y = one(self.clone(), &[&primals[0]])?;
        let dy = match tangents[0].value() {
            None => Tangent::Zero(y.aval()),
            Some(t) => Tangent::Value(self.tangent(&primals[0], t, &y)?),
        };
        Ok((smallvec![y], vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let batch = axes[0].expect("the one operand is batched");
        let (axes, without) = self.axes.with_batch(batch);
        let wide = Softmax { kind: self.kind, axes };
        let out_axis = if self.kind == Kind::LogSumExp { without } else { batch };
        Ok((smallvec![one(wide, &[&inputs[0]])?], vec![Some(out_axis)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Call
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let body = trace(inputs, |x| Ok(vec![self.compute(&x[0])?]))?;
        Ok(Lowering::Call(Arc::new(body.jaxpr)))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

impl Softmax {
    fn new(kind: Kind, axes: &[usize]) -> Softmax {
        Softmax { kind, axes: FoldedAxes::new(axes) }
    }

    fn tangent(&self, x: &Array, t: &Array, y: &Array) -> Result<Array, Error> {
        let mean = |p: &Array| try_reduce_sum(&(p * t), &self.axes);
        Ok(match self.kind {
            Kind::Softmax => y * (t - try_repeat(&mean(y)?, &self.axes, x.shape())?),
            Kind::LogSoftmax => t - try_repeat(&mean(&try_exp(y)?)?, &self.axes, x.shape())?,
            Kind::LogSumExp => mean(&one(Softmax { kind: Kind::Softmax, ..self.clone() }, &[x])?)?,
        })
    }

    fn compute(&self, x: &Array) -> Result<Array, Error> {
        if self.kind == Kind::LogSumExp {
            return self.log_of_sum(x);
        }
        let n = |value| number(value, x.dtype());
        let top = try_reduce_max(x, &self.axes)?;
        let all_neg_inf = try_eq(&top, &n(f64::NEG_INFINITY))?;
        let top =
            try_repeat(&try_select_n(&all_neg_inf, &[&top, &n(0.0)])?, &self.axes, x.shape())?;
        // An element that equals an infinite greatest one has distance 0 from it.
        let shifted = try_select_n(&try_eq(x, &top)?, &[&(x - &top), &n(0.0)])?;
        let e = try_exp(&shifted)?;
        let total = try_reduce_sum(&e, &self.axes)?;
        let no_weight = try_eq(&total, &n(0.0))?;
        let total = try_select_n(&no_weight, &[&total, &n(1.0)])?;
        Ok(match self.kind {
            Kind::Softmax => e / try_repeat(&total, &self.axes, x.shape())?,
            _ => shifted - try_repeat(&try_log(&total)?, &self.axes, x.shape())?,
        })
    }

    fn log_of_sum(&self, x: &Array) -> Result<Array, Error> {
        let n = |value| number(value, x.dtype());
        let top = try_reduce_max(x, &self.axes)?;
        // No distance can be measured from an infinite greatest element.
        let shift = match x.dtype().is_complex() {
            true => top,
            false => try_select_n(&try_is_finite(&top)?, &[&n(0.0), &top])?,
        };
        let total = try_reduce_sum(
            &try_exp(&(x - try_repeat(&shift, &self.axes, x.shape())?))?,
            &self.axes,
        )?;
        Ok(try_log(&total)? + shift)
    }
}

#[track_caller]
fn apply(kind: Kind, axes: &[usize], x: &Array) -> Result<Array, Error> {
    one(Softmax::new(kind, axes), &[x])
}

over_axes! {
    apply: apply, build: build, cases: cases, Kind, "Floats and complex numbers.";
    /// `p[i] = e^x[i] / ∑ⱼ e^x[j]` over the axes, without overflow: positive numbers whose sum is
    /// 1. Infinite elements share the whole weight. If all elements are -∞, all results are 0.
    ///
    /// Derivative: `p (t - ∑ⱼ p[j] t[j])`.
    softmax, try_softmax: Softmax;

    /// `ln p[i] = x[i] - ln ∑ⱼ e^x[j]` over the axes, without overflow. If all elements are -∞, all
    /// results are -∞.
    ///
    /// Derivative: `t - ∑ⱼ p[j] t[j]`, where `p` is the softmax.
    log_softmax, try_log_softmax: LogSoftmax;

    /// `y = ln ∑ⱼ e^x[j]` over the axes, which are removed, without overflow; -∞ without elements.
    ///
    /// Derivative: `∑ⱼ p[j] t[j]`, where `p` is the softmax; 0 if all elements are -∞.
    #[doc(alias = "reduce_logsumexp")]
    logsumexp, try_logsumexp: LogSumExp;
}

fn build(kind: Kind, args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Softmax { kind, axes: FoldedAxes::from_args(args)? }))
}

fn cases(kind: Kind) -> Vec<Case> {
    let mut cases = Vec::new();
    for d in INEXACT {
        for (shape, axes) in [
            (&[3, 4][..], &[1][..]),
            (&[3, 4], &[0]),
            (&[2, 3, 2], &[0, 2]),
            (&[5], &[0]),
            (&[2, 0], &[1]),
            (&[], &[]),
        ] {
            let prim = Arc::new(Softmax::new(kind, axes));
            cases.push(Case::new(prim, vec![spread(shape, d, &(-2.0..2.0), 0.37)]));
        }
        if d.is_float() {
            // Rows with elements that are -∞.
            let neg_inf = f64::NEG_INFINITY;
            let x = array(&[2, 3], d, [neg_inf, 0.5, 0.25, neg_inf, 1.0, neg_inf]);
            cases.push(Case::new(Arc::new(Softmax::new(kind, &[1])), vec![x]));
        }
    }
    cases
}
