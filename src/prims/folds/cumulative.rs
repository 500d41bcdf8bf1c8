//! Cumulative reductions along an axis: `cumsum`, `cumprod`, `cummax`, `cummin`, `cumlogsumexp`.
//!
//! `y[i] = x[0] ∘ x[1] ∘ .. ∘ x[i]`, or `x[i] ∘ .. ∘ x[n - 1]` if reversed: one pass over the axis,
//! or two over the blocks of a long one.
//! The sum is linear, and its transpose runs in the other direction. The tangents of the others are
//! those of a tree of reductions of two values. The tree has no quotients, so it is correct where
//! elements are zero. Where elements tie for an extremum, it halves the tangent at every node.
//!
//! Not here: reductions that only give the whole (`reduce`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::lowering::{Lowering, LoweringKind, Running};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::points::spread;
use crate::prims::cases::samples::{RUNNING, array};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::binary::{share, try_add_any, try_max, try_min, try_mul};
use crate::prims::points::compare::try_eq;
use crate::prims::points::elementwise::expect_operand;
use crate::prims::points::logaddexp::{difference, log_add};
use crate::prims::points::select::try_select_n;
use crate::prims::points::unary::{try_logistic, try_neg};
use crate::prims::rules::apply::{expect, expect_axis, expect_inputs, one};
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use crate::prims::rules::numbers::number;
use crate::prims::shapes::concatenate::try_concatenate;
use crate::prims::shapes::reshape::{try_expand_dims, try_reshape};
use crate::prims::shapes::rev::try_rev;
use crate::prims::shapes::slice::{try_slice, try_slice_in_dim};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error};
use smallvec::smallvec;
use std::sync::Arc;

/// The operation of the reduction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fold {
    Of(Combine),
    LogSumExp,
}

/// A cumulative reduction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cumulative {
    fold: Fold,
    axis: usize,
    reverse: bool,
}

impl Primitive for Cumulative {
    fn name(&self) -> &'static str {
        match self.fold {
            Fold::Of(Combine::Sum) => "cumsum",
            Fold::Of(Combine::Product) => "cumprod",
            Fold::Of(Combine::Max) => "cummax",
            Fold::Of(Combine::Min) => "cummin",
            Fold::LogSumExp => "cumlogsumexp",
            Fold::Of(other) => unreachable!("no running {}", other.name()),
        }
    }

    fn params(&self) -> Params {
        smallvec![("axis", Param::Int(self.axis as i64)), ("reverse", Param::Bool(self.reverse))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        expect_operand(self.name(), self.fold.op(), &inputs[0])?;
        expect_axis(self.name(), "axis", self.axis, &inputs[0])?;
        Ok(smallvec![inputs[0].clone()])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        if self.fold == Fold::Of(Combine::Sum) {
            return linear_unary_jvp(Arc::new(*self), primals, tangents);
        }
        let y = self.apply(&primals[0])?;
        let dy = match tangents[0].value() {
            None => Tangent::Zero(y.aval()),
            Some(t) => Tangent::Value(self.tangent(&primals[0], t)?),
        };
        Ok((smallvec![y], vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.fold {
            Fold::Of(Combine::Sum) => Taylor::Linear,
            _ => Taylor::ByDerivative,
        }
    }

    /// The transpose of the sum: the cumulative sum of the cotangent in the other direction.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        if self.fold != Fold::Of(Combine::Sum) {
            return not_linear(self);
        }
        let back = Cumulative { reverse: !self.reverse, ..*self };
        transpose_unary(cotangents, inputs[0].aval(), |ct| back.apply(ct))
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let batch = axes[0].expect("the one operand is batched");
        let axis = self.axis + usize::from(batch <= self.axis);
        let wide = Cumulative { axis, ..*self };
        Ok((smallvec![wide.apply(&inputs[0])?], vec![Some(batch)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Accumulate
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let (fold, dtype) = (self.fold, inputs[0].dtype);
        Ok(Lowering::Accumulate(Running {
            axis: self.axis,
            reverse: self.reverse,
            start: fold.combine().identity(fold.state(dtype)),
            step: Arc::new(move |b, args| {
                let x = b.convert(args[1], fold.state(dtype));
                let next = fold.step(b, args[0], x);
                smallvec![next, b.convert(next, dtype)]
            }),
            join: Arc::new(move |b, args| smallvec![fold.step(b, args[0], args[1])]),
            combine: match fold {
                Fold::Of(combine) => Some(combine),
                Fold::LogSumExp => None,
            },
        }))
    }

    /// Along an axis of one element the result is the operand. But the product of complex numbers
    /// begins with 1 + 0i, which turns an infinite part into NaN.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let x = &inputs[0].aval;
        let exact = self.fold != Fold::Of(Combine::Product) || !x.dtype.is_complex();
        (exact && x.shape[self.axis] <= 1).then_some(Simpler::Operand(0))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

impl Fold {
    /// The kernel's reduction that has the same identity element.
    fn combine(self) -> Combine {
        match self {
            Fold::Of(combine) => combine,
            Fold::LogSumExp => Combine::Max,
        }
    }

    /// An op that takes the same dtypes as the reduction.
    fn op(self) -> ScalarOp {
        match self {
            Fold::Of(combine) => combine.op(),
            Fold::LogSumExp => ScalarOp::IsFinite,
        }
    }

    /// The dtype of the accumulator: f64 for sums, products and exponentials of f32.
    fn state(self, dtype: DType) -> DType {
        match self {
            Fold::Of(combine) => combine.accumulator(dtype),
            Fold::LogSumExp => Combine::Sum.accumulator(dtype),
        }
    }

    fn step(self, b: &mut KernelBuilder, state: NodeId, x: NodeId) -> NodeId {
        let Fold::Of(combine) = self else { return log_add_exp_node(b, state, x) };
        b.op(combine.op(), &[state, x])
    }

    /// The reduction of two values, and its tangent.
    fn pair(self, (a, da): &Dual, (b, db): &Dual) -> Result<Dual, Error> {
        let (y, wa, wb) = match self {
            Fold::Of(Combine::Product) => (try_mul(a, b)?, b.clone(), a.clone()),
            Fold::LogSumExp => {
                let (difference, _) = difference(a, b)?;
                let weights = (try_logistic(&difference)?, try_logistic(&try_neg(&difference)?)?);
                (log_add(a, b, 1.0)?, weights.0, weights.1)
            }
            _ => {
                let max = self == Fold::Of(Combine::Max);
                let y = if max { try_max(a, b)? } else { try_min(a, b)? };
                let weights = (share(a, b, &y), share(b, a, &y));
                (y, weights.0, weights.1)
            }
        };
        let mut dy = try_add_any(&try_mul(da, &wa)?, &try_mul(db, &wb)?)?;
        if self == Fold::LogSumExp {
            // As in `logsumexp`, the weights are 0 if all elements are -∞.
            let n = |value| number(value, y.dtype());
            dy = try_select_n(&try_eq(&y, &n(f64::NEG_INFINITY))?, &[&dy, &n(0.0)])?;
        }
        Ok((y, dy))
    }
}

/// A value and its tangent.
type Dual = (Array, Array);

/// `ln (eˣ + eʸ) = max(x, y) + ln (1 + e^-|x - y|)` as a node.
fn log_add_exp_node(b: &mut KernelBuilder, x: NodeId, y: NodeId) -> NodeId {
    let difference = b.op(ScalarOp::Sub, &[x, y]);
    let is_nan = b.op(ScalarOp::Ne, &[difference, difference]);
    let sum = b.op(ScalarOp::Add, &[x, y]);
    let greatest = b.op(ScalarOp::Max, &[x, y]);
    let size = b.op(ScalarOp::Abs, &[difference]);
    let size = b.op(ScalarOp::Neg, &[size]);
    let rest = b.op(ScalarOp::Exp, &[size]);
    let rest = b.op(ScalarOp::Log1p, &[rest]);
    let greatest = b.op(ScalarOp::Add, &[greatest, rest]);
    // Where the operands are equal infinities or one is NaN, the result is the sum.
    b.op(ScalarOp::Select, &[is_nan, sum, greatest])
}

impl Cumulative {
    #[track_caller]
    fn apply(&self, x: &Array) -> Result<Array, Error> {
        one(*self, &[x])
    }

    /// The tangent, from a tree of reductions of two values.
    fn tangent(&self, x: &Array, t: &Array) -> Result<Array, Error> {
        let oriented =
            |x: &Array| if self.reverse { try_rev(x, &[self.axis]) } else { Ok(x.clone()) };
        let (_, dy) = self.tree((oriented(x)?, oriented(t)?))?;
        oriented(&dy)
    }

    /// All cumulative reductions. Neighbours are reduced in pairs. The cumulative reductions of the
    /// pairs are every second result, and one more reduction gives the results between them.
    fn tree(&self, x: Dual) -> Result<Dual, Error> {
        let n = x.0.shape()[self.axis];
        if n < 2 {
            return Ok(x);
        }
        let pairs = n / 2;
        let part = |x: &Dual, from: usize, to: usize, by: usize| -> Result<Dual, Error> {
            Ok((self.strided(&x.0, from, to, by)?, self.strided(&x.1, from, to, by)?))
        };
        let both = self.fold.pair(&part(&x, 0, 2 * pairs, 2)?, &part(&x, 1, 2 * pairs, 2)?)?;
        let odd = self.tree(both)?;
        let between = (n - 1) / 2;
        let even = self.fold.pair(&part(&odd, 0, between, 1)?, &part(&x, 2, n, 2)?)?;
        let first = part(&x, 0, 1, 1)?;
        let join = |first: &Array, even: &Array, odd: &Array| {
            let even = try_concatenate(&[first.clone(), even.clone()], self.axis)?;
            self.interleave(&even, odd)
        };
        Ok((join(&first.0, &even.0, &odd.0)?, join(&first.1, &even.1, &odd.1)?))
    }

    fn strided(&self, x: &Array, from: usize, to: usize, by: usize) -> Result<Array, Error> {
        let mut starts = Shape::from_elem(0, x.ndim());
        let mut strides = Shape::from_elem(1, x.ndim());
        let mut limits = x.to_shape();
        (starts[self.axis], limits[self.axis], strides[self.axis]) = (from.min(to), to, by);
        try_slice(x, &starts, &limits, &strides)
    }

    /// `even[0], odd[0], even[1], ..`: `even` has as many elements as `odd`, or one more.
    fn interleave(&self, even: &Array, odd: &Array) -> Result<Array, Error> {
        let pairs = odd.shape()[self.axis];
        let rows = [&try_slice_in_dim(even, 0, pairs, self.axis)?, odd]
            .map(|x| try_expand_dims(x, &[self.axis + 1]));
        let [a, b] = rows;
        let both = try_concatenate(&[a?, b?], self.axis + 1)?;
        let mut shape = odd.to_shape();
        shape[self.axis] = 2 * pairs;
        let both = try_reshape(&both, &shape)?;
        let all = even.shape()[self.axis];
        if all == pairs {
            return Ok(both);
        }
        try_concatenate(&[both, try_slice_in_dim(even, pairs, all, self.axis)?], self.axis)
    }
}

macro_rules! cumulative {
    ($($(#[$doc:meta])* $name:ident, $try:ident: $fold:expr, $from:literal => $to:literal;)*) => {
        $(
            $(#[$doc])*
            ///
            /// `reverse` reduces from the last element to the first. Panics where the `try_`
            /// version gives an error.
            ///
            /// ```
            /// # use cotangent::{lax, prelude::*};
            #[doc = concat!("let y = lax::", stringify!($name), "(&array!", $from, ", 0, false);")]
            #[doc = concat!("assert_eq!(y.to_vec::<f32>(), ", $to, ");")]
            /// ```
            #[track_caller]
            pub fn $name(x: &Array, axis: usize, reverse: bool) -> Array {
                expect($try(x, axis, reverse))
            }

            #[doc = concat!(
                "Returns the error of [`", stringify!($name), "`] instead of panicking."
            )]
            ///
            /// Fails if the axis is out of range, and for any other dtype.
            #[track_caller]
            pub fn $try(x: &Array, axis: usize, reverse: bool) -> Result<Array, Error> {
                Cumulative { fold: $fold, axis, reverse }.apply(x)
            }
        )*

        /// One entry per cumulative reduction.
        pub(crate) fn entries() -> Vec<Entry> {
            vec![$(Entry {
                name: stringify!($name),
                build: |args| build($fold, args),
                cases: || cases($fold),
            }),*]
        }
    };
}

cumulative! {
    /// Cumulative sums: `y[i] = x[0] + .. + x[i]` along an axis. Ints (wrapping) and floats; f32 is
    /// summed in f64.
    ///
    /// Linear: the derivative sums the tangents; the transpose runs in the other direction.
    cumsum, try_cumsum: Fold::Of(Combine::Sum), "[1.0, 2.0, 3.0]" => "[1.0, 3.0, 6.0]";

    /// Cumulative products: `y[i] = x[0] · .. · x[i]` along an axis. Ints (wrapping) and floats.
    ///
    /// Derivative: that of a tree of products, which is also exact where factors are zero.
    cumprod, try_cumprod: Fold::Of(Combine::Product), "[1.0, 2.0, 3.0]" => "[1.0, 2.0, 6.0]";

    /// The greatest element so far along an axis; NaN from the first NaN on. Any dtype; complex
    /// numbers compare as in `max`.
    ///
    /// Derivative: the tangent of the greatest element; if two tie, each has half of it.
    cummax, try_cummax: Fold::Of(Combine::Max), "[1.0, 3.0, 2.0]" => "[1.0, 3.0, 3.0]";

    /// The least element so far along an axis; NaN from the first NaN on. Any dtype; complex
    /// numbers compare as in `max`.
    ///
    /// Derivative: the tangent of the least element; if two tie, each has half of it.
    cummin, try_cummin: Fold::Of(Combine::Min), "[2.0, 3.0, 1.0]" => "[2.0, 2.0, 1.0]";

    /// `y[i] = ln (e^x[0] + .. + e^x[i])` along an axis, without overflow. Floats.
    ///
    /// Derivative: `∑ⱼ t[j] e^(x[j] - y[i])`; 0 where all elements so far are -∞.
    cumlogsumexp, try_cumlogsumexp: Fold::LogSumExp,
        "[0.0, f32::INFINITY]" => "[0.0, f32::INFINITY]";
}

fn build(fold: Fold, args: &Args) -> Result<Prim, Error> {
    let (axis, reverse) = (args.size("axis")?, args.bool("reverse")?);
    Ok(Arc::new(Cumulative { fold, axis, reverse }))
}

fn cases(fold: Fold) -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING.into_iter().filter(|d| fold.op().takes(*d)) {
        for (shape, axis, reverse) in [
            (&[7][..], 0, false),
            (&[6], 0, true),
            (&[2, 5], 1, false),
            (&[5, 3], 0, true),
            (&[3, 4, 2], 1, false),
            (&[1], 0, false),
            (&[2, 0], 1, true),
        ] {
            let prim = Arc::new(Cumulative { fold, axis, reverse });
            cases.push(Case::new(prim, vec![spread(shape, d, &(-1.5..2.0), 0.37)]));
        }
        // Zeros, equal elements and, for exponents, -∞.
        let special = if fold == Fold::LogSumExp { f64::NEG_INFINITY } else { 0.0 };
        for reverse in [false, true] {
            let prim = Arc::new(Cumulative { fold, axis: 0, reverse });
            let parts = if d.is_complex() { 14 } else { 7 };
            let values = [special, special, 0.0, 1.0, 1.0, special, 0.0];
            let x = array(&[7], d, values.into_iter().cycle().take(parts));
            cases.push(Case::new(prim, vec![x]));
        }
    }
    cases
}
