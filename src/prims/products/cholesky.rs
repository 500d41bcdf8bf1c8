//! `cholesky`: the lower triangular factor of positive definite matrices, `x = l lᴴ`.
//!
//! The primitive reads the lower triangle alone. Its derivative is Murray's (2016):
//! `dl = l Φ(l⁻¹ dx l⁻ᴴ)`, where `Φ` takes the lower triangle of a matrix with half of its
//! diagonal.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::cases::samples::array;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::points::binary::{try_add, try_mul};
use crate::prims::products::matrix::{adjoint, expect_square, expect_wide, lower_half, product};
use crate::prims::products::triangular_solve::{Solve, try_triangular_solve};
use crate::prims::rules::apply::{composed, expect, expect_inputs, one};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::numbers::number;
use cotangent_jit::program::Routine;
use cotangent_jit::{DType, Error};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`cholesky`].
#[derive(Clone, Copy, Debug)]
pub struct Cholesky;

impl Primitive for Cholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        expect_wide(self.name(), &inputs[0])?;
        expect_square(self.name(), &inputs[0])?;
        Ok(smallvec![inputs[0].clone()])
    }

    /// `dl = l Φ(l⁻¹ dx l⁻ᴴ)`, where the lower triangle of the tangent gives the Hermitian `dx`.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let l = one(*self, &[&primals[0]])?;
        let Some(dx) = tangents[0].value() else {
            let zero = Tangent::Zero(l.aval());
            return Ok((smallvec![l], vec![zero]));
        };
        let half = lower_half(dx)?;
        let dx = try_add(&half, &adjoint(&half)?)?;
        let from_right = Solve { lower: true, ..Solve::right().adjoint() };
        let from_left = Solve { lower: true, ..Solve::left() };
        let both =
            try_triangular_solve(&l, &try_triangular_solve(&l, &dx, from_right)?, from_left)?;
        let dl = product(&l, &lower_half(&both)?)?;
        Ok((smallvec![l], vec![Tangent::Value(dl)]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let x = batch_in_front(ctx, &inputs[0], axes[0])?;
        Ok((bind(Arc::new(*self), &[x])?, vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Routine
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let x = &inputs[0];
        let n = x.shape[x.rank() - 1];
        let batch = x.shape[..x.rank() - 2].iter().product();
        Ok(Lowering::Routine(Routine::Cholesky { dtype: x.dtype, paired: false, batch, n }))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The lower triangular `l` with `x = l lᴴ` for each matrix `x[.., i, j]` of f32, f64, c64 or c128,
/// with zeros above the diagonal.
///
/// With `symmetrize_input` it factors `(x + xᴴ) / 2`; otherwise it reads the lower triangle of `x`
/// alone. A matrix that is not positive definite gives NaN. Derivative: `l Φ(l⁻¹ dx l⁻ᴴ)`, where
/// `Φ` takes the lower triangle with half of the diagonal. Needs the feature `linalg`. Panics where
/// [`try_cholesky`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let l = lax::cholesky(&array![[4.0, 2.0], [2.0, 10.0]], true);
/// assert_eq!(l.to_vec::<f32>(), [2.0, 0.0, 1.0, 3.0]);
/// ```
#[track_caller]
pub fn cholesky(x: &Array, symmetrize_input: bool) -> Array {
    expect(try_cholesky(x, symmetrize_input))
}

/// Returns the error of [`cholesky`] instead of panicking.
///
/// Fails if `x` has another dtype or its last two axes differ in size.
#[track_caller]
pub fn try_cholesky(x: &Array, symmetrize_input: bool) -> Result<Array, Error> {
    composed("cholesky", || {
        if !symmetrize_input {
            return one(Cholesky, &[x]);
        }
        expect_wide("cholesky", &x.aval())?;
        expect_square("cholesky", &x.aval())?;
        let twice = try_add(x, &adjoint(x)?)?;
        one(Cholesky, &[&try_mul(&twice, &number(0.5, x.dtype()))?])
    })
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "cholesky", build, cases }]
}

fn build(_: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Cholesky))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in [DType::F32, DType::F64, DType::C64, DType::C128] {
        for shape in [&[3, 3][..], &[2, 2, 2], &[1, 1], &[0, 0], &[0, 2, 2]] {
            cases.push(Case::new(Arc::new(Cholesky), vec![positive_definite(shape, d)]));
        }
    }
    cases
}

/// Hermitian matrices that are positive definite because their diagonals are large.
fn positive_definite(shape: &[usize], d: DType) -> Array {
    let n = shape[shape.len() - 1];
    let entry = |at: usize| {
        let (row, column) = (at / n.max(1) % n.max(1), at % n.max(1));
        let (low, high) = (row.min(column) as f64, row.max(column) as f64);
        let re = if row == column { 3.0 + 0.5 * low } else { 0.4 + 0.3 * low - 0.25 * high };
        let im = 0.2 * (high - low) * if row > column { 1.0 } else { -1.0 };
        if d.is_complex() { vec![re, im] } else { vec![re] }
    };
    array(shape, d, (0..shape.iter().product()).flat_map(entry))
}
