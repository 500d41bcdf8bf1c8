//! `concatenate`: arrays joined along one axis.
//!
//! The primitive is linear in all operands together; its transpose slices.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Base, Lowering, LoweringKind, Piece};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::core::trace::bind;
use crate::prims::cases::samples::{RUNNING, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::apply::{expect, expect_axis};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::linear_operands::linear_jvp;
use crate::prims::shapes::slice::try_slice_in_dim;
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`concatenate`].
#[derive(Clone, Debug)]
pub struct Concatenate {
    pub dimension: usize,
}

impl Primitive for Concatenate {
    fn name(&self) -> &'static str {
        "concatenate"
    }

    fn params(&self) -> Params {
        smallvec![("dimension", Param::Int(self.dimension as i64))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let Some(first) = inputs.first() else {
            return Err(err!(Shape, "concatenate: expected at least one operand, got none"));
        };
        let axis = self.dimension;
        expect_axis("concatenate", "dimension", axis, first)?;
        let mut size = 0usize;
        for x in inputs {
            if x.dtype != first.dtype {
                return Err(err!(
                    DType,
                    "concatenate: expected operands of one dtype, got {first} and {x}; convert one"
                ));
            }
            let fits = x.rank() == first.rank()
                && (0..x.rank()).all(|a| a == axis || x.shape[a] == first.shape[a]);
            if !fits {
                return Err(err!(
                    Shape,
                    "concatenate: expected operands that differ along axis {axis} only, got \
                     {first} and {x}"
                ));
            }
            // The sum saturates; the check of the output's size refuses it then.
            size = size.saturating_add(x.shape[axis]);
        }
        let mut out = first.clone();
        out.shape[axis] = size;
        out.weak = inputs.iter().all(|x| x.weak);
        Ok(smallvec![out])
    }

    /// `d concatenate(x, y) = concatenate(dx, dy)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let mut start = 0;
        let part = |x: &Operand| {
            let aval = x.aval();
            let from = start;
            start += aval.shape[self.dimension];
            match (cotangents[0].value(), x) {
                (Some(ct), Operand::Linear(_)) => {
                    Ok(Tangent::Value(try_slice_in_dim(ct, from, start, self.dimension)?))
                }
                _ => Ok(Tangent::Zero(aval)),
            }
        };
        inputs.iter().map(part).collect()
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let operands: Result<Vec<Array>, Error> =
            inputs.iter().zip(axes).map(|(x, a)| batch_in_front(ctx, x, *a)).collect();
        Ok((smallvec![try_concatenate(&operands?, self.dimension + 1)?], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Assemble
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let mut at = 0;
        let piece = |(input, x): (usize, &Aval)| {
            let mut offset = vec![0; x.rank()];
            offset[self.dimension] = at;
            at += x.shape[self.dimension] as i64;
            let take = x.shape.iter().map(|n| 0..*n).collect();
            Piece { input, take, offset, step: vec![1; x.rank()], starts: None }
        };
        let pieces = inputs.iter().enumerate().map(piece).collect();
        Ok(Lowering::Assemble { base: Base::Nothing, pieces })
    }

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        let whole = inputs.iter().position(|x| x.aval == outputs[0]);
        if let Some(only) = whole {
            return Some(Simpler::Operand(only));
        }
        let value = inputs[0].splat?;
        inputs.iter().all(|x| x.splat == Some(value)).then_some(Simpler::Splat(value))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// Joins the operands along axis `dimension`. Their other axes and their dtypes must agree.
///
/// Shapes: `f32[2,3]` and `f32[2,1]` along dimension 1 give `f32[2,4]`. The derivative joins the
/// tangents; the transpose slices. Panics where [`try_concatenate`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::concatenate(&[array![1], array![2, 3]], 0).to_vec::<i32>(), [1, 2, 3]);
/// ```
#[track_caller]
pub fn concatenate(operands: &[Array], dimension: usize) -> Array {
    expect(try_concatenate(operands, dimension))
}

/// Returns the error of [`concatenate`] instead of panicking.
///
/// Fails if there are no operands, or shapes or dtypes do not fit.
#[track_caller]
pub fn try_concatenate(operands: &[Array], dimension: usize) -> Result<Array, Error> {
    if let [only] = operands {
        expect_axis("concatenate", "dimension", dimension, &only.aval())?;
        return Ok(only.clone());
    }
    Ok(bind(Arc::new(Concatenate { dimension }), operands)?.swap_remove(0))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "concatenate", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Concatenate { dimension: args.size("dimension")? }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (shapes, dimension) in [
            (&[&[2][..], &[3]][..], 0),
            (&[&[2, 3], &[2, 1], &[2, 0], &[2, 2]], 1),
            (&[&[1, 2, 2], &[3, 2, 2]], 0),
        ] {
            let operand = |(i, s): (usize, &&[usize])| sample(s, d, i as u64);
            let inputs = shapes.iter().enumerate().map(operand).collect();
            cases.push(Case::new(Arc::new(Concatenate { dimension }), inputs));
        }
    }
    cases
}
