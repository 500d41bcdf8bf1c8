//! Reductions over axes: `reduce_sum`, `reduce_prod`, `reduce_max`, `reduce_min`, `reduce_and`,
//! `reduce_or`, `reduce_xor`.
//!
//! `y[kept] = reduction of x over axes`. Without elements it is the identity element: 0, 1, the
//! least value, the greatest value, all ones, 0, 0. f32 is summed in f64. The sum is linear, and
//! its transpose broadcasts. The tangent of a product is that of a tree of products. The tangent of
//! an extremum is the mean of the tangents of the elements that attain it.
//!
//! Not here: positions of extrema (`argminmax`); reductions as NumPy names them (methods of
//! arrays).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::points::spread;
use crate::prims::cases::samples::{RUNNING, array};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::folds::folded_axes::{FoldedAxes, over_axes};
use crate::prims::points::binary::{try_add_any, try_div, try_mul};
use crate::prims::points::compare::try_eq;
use crate::prims::points::convert::try_convert_element_type;
use crate::prims::points::elementwise::expect_operand;
use crate::prims::rules::apply::{expect_inputs, one};
use crate::prims::shapes::broadcast::try_repeat;

use crate::prims::shapes::reshape::try_reshape;
use crate::prims::shapes::slice::try_slice_in_dim;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::Error;
use cotangent_jit::kernel::Combine;
use smallvec::smallvec;
use std::sync::Arc;

/// A reduction over axes.
#[derive(Clone, Debug)]
pub(crate) struct Reduce {
    combine: Combine,
    axes: FoldedAxes,
}

impl Primitive for Reduce {
    fn name(&self) -> &'static str {
        match self.combine {
            Combine::Sum => "reduce_sum",
            Combine::Product => "reduce_prod",
            Combine::Max => "reduce_max",
            Combine::Min => "reduce_min",
            Combine::And => "reduce_and",
            Combine::Or => "reduce_or",
            Combine::Xor => "reduce_xor",
        }
    }

    fn params(&self) -> Params {
        self.axes.params()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        expect_operand(self.name(), self.combine.op(), x)?;
        self.axes.check(self.name(), x)?;
        Ok(smallvec![x.with_shape(self.axes.kept_of(&x.shape))])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let x = &primals[0];
        let y = self.apply(x)?;
        let dy = match (tangents[0].value(), self.combine) {
            (Some(t), Combine::Sum) => Tangent::Value(self.apply(t)?),
            (Some(t), Combine::Product) => Tangent::Value(self.product_tangent(x, t)?),
            (Some(t), Combine::Max | Combine::Min) => {
                Tangent::Value(self.extremum_tangent(x, t, &y)?)
            }
            _ => Tangent::Zero(y.aval()),
        };
        Ok((smallvec![y], vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.combine {
            Combine::Sum => Taylor::Linear,
            Combine::Product | Combine::Max | Combine::Min => Taylor::ByDerivative,
            Combine::And | Combine::Or | Combine::Xor => Taylor::Still,
        }
    }

    /// The transpose of the sum: the cotangent, broadcast along the axes.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let x = inputs[0].aval();
        match cotangents[0].value() {
            Some(ct) if self.combine == Combine::Sum => {
                Ok(vec![Tangent::Value(try_repeat(ct, &self.axes, &x.shape)?)])
            }
            Some(_) => not_linear(self),
            None => Ok(vec![Tangent::Zero(x)]),
        }
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let batch = axes[0].expect("the one operand is batched");
        let (axes, out_axis) = self.axes.with_batch(batch);
        let same = Reduce { combine: self.combine, axes };
        Ok((smallvec![same.apply(&inputs[0])?], vec![Some(out_axis)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Reduce
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Reduce { combine: self.combine, axes: (*self.axes).into() })
    }

    /// Over no axes the result is the operand. An idempotent reduction of equal numbers is the
    /// number.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let x = &inputs[0];
        if self.axes.is_empty() {
            return Some(Simpler::Operand(0));
        }
        let idempotent = !matches!(self.combine, Combine::Sum | Combine::Product | Combine::Xor);
        (idempotent && x.aval.size() > 0).then_some(Simpler::Splat(x.splat?))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

impl Reduce {
    fn new(combine: Combine, axes: &[usize]) -> Reduce {
        Reduce { combine, axes: FoldedAxes::new(axes) }
    }

    #[track_caller]
    fn apply(&self, x: &Array) -> Result<Array, Error> {
        if self.axes.is_empty() { Ok(x.clone()) } else { one(self.clone(), &[x]) }
    }

    /// `dy = (sum of dx over the elements with x = y) / (number of these elements)`
    fn extremum_tangent(&self, x: &Array, t: &Array, y: &Array) -> Result<Array, Error> {
        let sum = Reduce { combine: Combine::Sum, ..self.clone() };
        let attained = try_eq(x, &try_repeat(y, &self.axes, x.shape())?)?;
        let attained = try_convert_element_type(&attained, x.dtype())?;
        let share =
            try_div(&attained, &try_repeat(&sum.apply(&attained)?, &self.axes, x.shape())?)?;
        sum.apply(&try_mul(t, &share)?)
    }

    /// The product as a tree of products of two halves, with `d(ab) = da b + a db` at every node.
    /// Unlike `y / x[i]`, it needs no quotient, so it is correct where elements are zero.
    fn product_tangent(&self, x: &Array, t: &Array) -> Result<Array, Error> {
        let (mut x, mut t) = (self.flatten(x)?, self.flatten(t)?);
        let axis = x.ndim() - 1;
        while x.shape()[axis] > 1 {
            let n = x.shape()[axis];
            let part = |a: &Array, from: usize, to: usize| try_slice_in_dim(a, from, to, axis);
            let half = n / 2;
            let (a, b) = (part(&x, 0, half)?, part(&x, half, 2 * half)?);
            let (da, db) = (part(&t, 0, half)?, part(&t, half, 2 * half)?);
            let mut product = try_mul(&a, &b)?;
            let mut tangent = try_add_any(&try_mul(&da, &b)?, &try_mul(&a, &db)?)?;
            if n % 2 == 1 {
                product = join(&product, &part(&x, n - 1, n)?, axis)?;
                tangent = join(&tangent, &part(&t, n - 1, n)?, axis)?;
            }
            (x, t) = (product, tangent);
        }
        let sum = Reduce { combine: Combine::Sum, axes: FoldedAxes::new(&[axis]) };
        // One element is left along the axis, or none if the axis had none.
        sum.apply(&t)
    }

    /// Joins the reduced axes into one, which comes last.
    fn flatten(&self, x: &Array) -> Result<Array, Error> {
        let mut moved = x.clone();
        for (i, axis) in self.axes.iter().enumerate() {
            moved = moveaxis(&moved, axis - i, x.ndim() - 1)?;
        }
        let kept = x.ndim() - self.axes.len();
        let mut shape: Vec<usize> = moved.shape()[..kept].to_vec();
        shape.push(moved.shape()[kept..].iter().product());
        try_reshape(&moved, &shape)
    }
}

fn join(a: &Array, b: &Array, axis: usize) -> Result<Array, Error> {
    crate::prims::shapes::concatenate::try_concatenate(&[a.clone(), b.clone()], axis)
}

#[track_caller]
fn apply(combine: Combine, axes: &[usize], x: &Array) -> Result<Array, Error> {
    Reduce::new(combine, axes).apply(x)
}

over_axes! {
    apply: apply, build: build, cases: cases, Combine, "The axes are removed.";
    /// Sum over axes: `y[k] = ∑ᵢ x[k, i]`; 0 without elements. Ints (wrapping) and floats; f32 is
    /// summed in f64.
    ///
    /// Derivative: the sum of the tangents. Linear; the transpose broadcasts the cotangent.
    reduce_sum, try_reduce_sum: Sum;

    /// Product over axes: `y[k] = ∏ᵢ x[k, i]`; 1 without elements. Ints (wrapping) and floats.
    ///
    /// Derivative: `∑ᵢ t[k, i] ∏ⱼ x[k, j]` over the `j` other than `i`, also where factors are
    /// zero.
    reduce_prod, try_reduce_prod: Product;

    /// The greatest element over axes; NaN if one is NaN; the least value of the dtype if there are
    /// no elements. Any dtype; complex numbers compare as in
    /// [`max`](crate::prims::points::binary::max), in row-major order.
    ///
    /// Derivative: the mean of the tangents of the elements that attain it.
    reduce_max, try_reduce_max: Max;

    /// The least element over axes; NaN if one is NaN; the greatest value of the dtype if there are
    /// no elements. Any dtype; complex numbers compare as in `reduce_max`.
    ///
    /// Derivative: the mean of the tangents of the elements that attain it.
    reduce_min, try_reduce_min: Min;

    /// Bitwise and of the elements over axes; for bools whether all are true. Ints and bool; no
    /// derivative.
    reduce_and, try_reduce_and: And;

    /// Bitwise or of the elements over axes; for bools whether any is true. Ints and bool; no
    /// derivative.
    reduce_or, try_reduce_or: Or;

    /// Bitwise exclusive or of the elements over axes; for bools whether an odd number of them is
    /// true. Ints and bool; no derivative.
    reduce_xor, try_reduce_xor: Xor;
}

fn build(combine: Combine, args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Reduce { combine, axes: FoldedAxes::from_args(args)? }))
}

fn cases(combine: Combine) -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING.into_iter().filter(|d| combine.op().result(&[*d, *d]).is_some()) {
        for (shape, axes) in [
            (&[3, 4][..], &[1][..]),
            (&[3, 4], &[0]),
            (&[2, 3, 2], &[0, 2]),
            (&[5], &[0]),
            (&[2, 0], &[1]),
        ] {
            let prim = Arc::new(Reduce::new(combine, axes));
            cases.push(Case::new(prim, vec![spread(shape, d, &(-2.0..2.0), 0.37)]));
        }
        // Zeros and equal elements.
        let parts = if d.is_complex() { 24 } else { 12 };
        let values = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let x = array(&[4, 3], d, values.into_iter().cycle().take(parts));
        cases.push(Case::new(Arc::new(Reduce::new(combine, &[1])), vec![x]));
    }
    cases
}
