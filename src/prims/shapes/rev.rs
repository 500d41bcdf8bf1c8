//! `rev` reverses axes.
//!
//! `out[i] = x[n - 1 - i]` along each of `dimensions`. The primitive is linear and its own
//! transpose.

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
use crate::prims::rules::apply::{expect, expect_axis, expect_inputs, one};
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use cotangent_jit::Error;
use cotangent_jit::affine::Affine;
use smallvec::smallvec;
use std::sync::Arc;

/// See [`rev`].
#[derive(Clone, Debug)]
pub struct Rev {
    pub dimensions: Shape,
}

impl Primitive for Rev {
    fn name(&self) -> &'static str {
        "rev"
    }

    fn params(&self) -> Params {
        smallvec![("dimensions", Param::ints(self.dimensions.iter().copied()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        for (n, &d) in self.dimensions.iter().enumerate() {
            expect_axis("rev", "dimension", d, &inputs[0])?;
            if self.dimensions[..n].contains(&d) {
                return Err(cotangent_jit::err!(Axis, "rev: dimension {d} is given twice"));
            }
        }
        Ok(smallvec![inputs[0].clone()])
    }

    /// `d rev(x) = rev(dx)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_unary_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        transpose_unary(cotangents, inputs[0].aval(), |ct| try_rev(ct, &self.dimensions))
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let batch = axes[0].expect("the one operand is batched");
        let shifted: Shape =
            self.dimensions.iter().map(|&d| if d < batch { d } else { d + 1 }).collect();
        Ok((smallvec![try_rev(&inputs[0], &shifted)?], vec![Some(batch)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::View
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let axis = |(a, &n): (usize, &usize)| {
            let forward = Affine::counter(a);
            if self.dimensions.contains(&a) {
                forward.scale(-1).add(&Affine::constant(n as i64 - 1))
            } else {
                forward
            }
        };
        Ok(Lowering::View(inputs[0].shape.iter().enumerate().map(axis).collect()))
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let x = &inputs[0];
        if x.splat.is_some() || self.dimensions.iter().all(|d| x.aval.shape[*d] == 1) {
            return Some(Simpler::Operand(0));
        }
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// Reverses the axes `dimensions`: `out[i] = operand[n - 1 - i]`.
///
/// Shape and dtype stay the same. The derivative is the reversed tangent; `rev` is its own
/// transpose. Panics where [`try_rev`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::rev(&array![1, 2, 3], &[0]).to_vec::<i32>(), [3, 2, 1]);
/// ```
#[doc(alias("flip", "reverse"))]
#[track_caller]
pub fn rev(operand: &Array, dimensions: &[usize]) -> Array {
    expect(try_rev(operand, dimensions))
}

/// Returns the error of [`rev`] instead of panicking.
///
/// Fails if a dimension is out of range or given twice.
#[track_caller]
pub fn try_rev(operand: &Array, dimensions: &[usize]) -> Result<Array, Error> {
    if dimensions.is_empty() {
        return Ok(operand.clone());
    }
    one(Rev { dimensions: dimensions.into() }, &[operand])
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "rev", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Rev { dimensions: args.sizes("dimensions")?.into() }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (from, dimensions) in [(&[4][..], &[0][..]), (&[2, 3], &[1]), (&[2, 3, 2], &[2, 0])] {
            let prim = Rev { dimensions: dimensions.into() };
            cases.push(Case::new(Arc::new(prim), vec![sample(from, d, 0)]));
        }
    }
    cases
}
