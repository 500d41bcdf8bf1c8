//! `transpose` reorders axes.
//!
//! `out[i] = x[j]` with `j[permutation[k]] = i[k]`. The primitive is linear; its transpose applies
//! the inverse permutation.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::cases::samples::{RUNNING, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::apply::{expect, expect_inputs, one};
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use cotangent_jit::affine::Affine;
use cotangent_jit::{Error, err, plural};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`transpose`].
#[derive(Clone, Debug)]
pub struct Transpose {
    /// The operand axis of each output axis.
    pub permutation: Shape,
}

/// The inverse permutation: `inverse[order[k]] = k`.
pub(crate) fn inverse(order: &[usize]) -> Shape {
    let mut inverse = Shape::from_elem(0, order.len());
    for (k, axis) in order.iter().enumerate() {
        inverse[*axis] = k;
    }
    inverse
}

impl Primitive for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn params(&self) -> Params {
        smallvec![("permutation", Param::ints(self.permutation.iter().copied()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let (x, p) = (&inputs[0], &self.permutation);
        if p.len() != x.rank() || (0..x.rank()).any(|a| !p.contains(&a)) {
            return Err(err!(
                Axis,
                "transpose: expected a permutation of the {axes} of {x}, got {p:?}",
                axes = plural(x.rank(), "axis")
            ));
        }
        Ok(smallvec![x.with_shape(p.iter().map(|a| x.shape[*a]))])
    }

    /// `d transpose(x) = transpose(dx)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_unary_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let back = inverse(&self.permutation);
        transpose_unary(cotangents, inputs[0].aval(), |ct| try_transpose(ct, &back))
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let batch = axes[0].expect("the one operand is batched");
        let rest = self.permutation.iter().map(|&a| if a < batch { a } else { a + 1 });
        let order: Shape = [batch].into_iter().chain(rest).collect();
        Ok((smallvec![try_transpose(&inputs[0], &order)?], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::View
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let from = inverse(&self.permutation);
        Ok(Lowering::View(from.iter().map(|k| Affine::counter(*k)).collect()))
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let x = &inputs[0];
        if self.permutation.iter().copied().eq(0..x.aval.rank()) {
            return Some(Simpler::Operand(0));
        }
        if let Some(value) = x.splat {
            return Some(Simpler::Splat(value));
        }
        // transpose(transpose(x, p), q) = transpose(x, p[q])
        let (prim, atoms) = x.made_by.as_ref().filter(|(p, _)| p.name() == "transpose")?;
        let params = prim.params();
        let Some((_, Param::Ints(first))) = params.first() else { return None };
        let permutation = self.permutation.iter().map(|k| first[*k] as usize).collect();
        Some(Simpler::Apply(Arc::new(Transpose { permutation }), smallvec![atoms[0]]))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// Reorders the axes: axis `k` of the result is axis `permutation[k]` of the operand.
///
/// Shapes: `f32[a,b,c]` with `[2, 0, 1]` gives `f32[c,a,b]`. The derivative is the transposed
/// tangent; the transpose applies the inverse permutation. Panics where [`try_transpose`] gives an
/// error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::transpose(&array![[1, 2], [3, 4]], &[1, 0]).to_vec::<i32>(), [1, 3, 2, 4]);
/// ```
#[track_caller]
pub fn transpose(operand: &Array, permutation: &[usize]) -> Array {
    expect(try_transpose(operand, permutation))
}

/// Returns the error of [`transpose`] instead of panicking.
///
/// Fails if `permutation` does not permute the operand's axes.
#[track_caller]
pub fn try_transpose(operand: &Array, permutation: &[usize]) -> Result<Array, Error> {
    if permutation.iter().copied().eq(0..operand.ndim()) {
        return Ok(operand.clone());
    }
    one(Transpose { permutation: permutation.into() }, &[operand])
}

/// `x` with axis `from` moved to position `to`, the others in order; `x` itself if `from == to`.
pub fn moveaxis(x: &Array, from: usize, to: usize) -> Result<Array, Error> {
    if from == to {
        return Ok(x.clone());
    }
    let mut order: Vec<usize> = (0..x.ndim()).filter(|a| *a != from).collect();
    order.insert(to, from);
    try_transpose(x, &order)
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "transpose", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Transpose { permutation: args.sizes("permutation")?.into() }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (from, p) in [(&[2, 3][..], &[1, 0][..]), (&[2, 3, 4], &[2, 0, 1]), (&[3], &[0])] {
            let prim = Transpose { permutation: p.into() };
            cases.push(Case::new(Arc::new(prim), vec![sample(from, d, 0)]));
        }
    }
    cases
}
