//! `slice`: a box of an array, with strides.
//!
//! `out[i] = x[start + stride * i]`. The primitive is linear; its transpose pads with zeros.

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
use crate::prims::shapes::pad::try_pad;
use cotangent_jit::affine::Affine;
use cotangent_jit::{Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`slice()`].
#[derive(Clone, Debug)]
pub struct Slice {
    pub start_indices: Shape,
    /// The limits are exclusive.
    pub limit_indices: Shape,
    pub strides: Shape,
}

impl Slice {
    fn size(&self, axis: usize) -> usize {
        (self.limit_indices[axis] - self.start_indices[axis]).div_ceil(self.strides[axis])
    }
}

impl Primitive for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn params(&self) -> Params {
        smallvec![
            ("start_indices", Param::ints(self.start_indices.iter().copied())),
            ("limit_indices", Param::ints(self.limit_indices.iter().copied())),
            ("strides", Param::ints(self.strides.iter().copied())),
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        let (start, limit, strides) = (&self.start_indices, &self.limit_indices, &self.strides);
        if [start, limit, strides].iter().any(|l| l.len() != x.rank()) {
            return Err(err!(
                Shape,
                "slice: expected one start, limit and stride per axis of {x}, got {start:?}, \
                 {limit:?} and {strides:?}"
            ));
        }
        for axis in 0..x.rank() {
            let (lo, hi, n) = (start[axis], limit[axis], x.shape[axis]);
            if lo > hi || hi > n {
                return Err(err!(
                    Axis,
                    "slice: expected a range within 0..{n} along axis {axis} of {x}, got {lo}..{hi}"
                ));
            }
            if strides[axis] == 0 {
                return Err(err!(Value, "slice: expected strides of at least 1, got {strides:?}"));
            }
        }
        Ok(smallvec![x.with_shape((0..x.rank()).map(|a| self.size(a)))])
    }

    /// `d slice(x) = slice(dx)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_unary_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    /// Pads with zeros around the elements and between them.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let x = inputs[0].aval();
        transpose_unary(cotangents, x.clone(), |ct| {
            let along = |axis: usize| {
                let (n, stride) = (self.size(axis), self.strides[axis]);
                let start = self.start_indices[axis];
                let end = start + if n == 0 { 0 } else { (n - 1) * stride + 1 };
                (start as i64, (x.shape[axis] - end) as i64, stride as i64 - 1)
            };
            let config: Vec<_> = (0..x.rank()).map(along).collect();
            try_pad(ct, &Array::strong_literal(Scalar::zero(ct.dtype())), &config)
        })
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let batch = axes[0].expect("the one operand is batched");
        let mut batched = self.clone();
        batched.start_indices.insert(batch, 0);
        batched.limit_indices.insert(batch, ctx.batch_size);
        batched.strides.insert(batch, 1);
        Ok((smallvec![one(batched, &[&inputs[0]])?], vec![Some(batch)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::View
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let axis = |a: usize| {
            Affine::counter(a)
                .scale(self.strides[a] as i64)
                .add(&Affine::constant(self.start_indices[a] as i64))
        };
        Ok(Lowering::View((0..inputs[0].rank()).map(axis).collect()))
    }

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        if inputs[0].aval.shape == outputs[0].shape {
            return Some(Simpler::Operand(0));
        }
        inputs[0].splat.map(Simpler::Splat)
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// A box of an array: `out[i] = operand[start + stride * i]` for indices from `start` up to but not
/// including `limit`.
///
/// There is one start, limit and stride (at least 1) per axis. A range outside of its axis is an
/// error; it is not clamped. The derivative is the sliced tangent; the transpose pads with zeros.
/// Panics where [`try_slice`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::slice(&array![0, 1, 2, 3, 4], &[1], &[5], &[2]).to_vec::<i32>(), [1, 3]);
/// ```
#[track_caller]
pub fn slice(operand: &Array, start: &[usize], limit: &[usize], strides: &[usize]) -> Array {
    expect(try_slice(operand, start, limit, strides))
}

/// Returns the error of [`slice()`] instead of panicking.
///
/// Fails if a range is not within its axis or a stride is 0.
#[track_caller]
pub fn try_slice(
    operand: &Array,
    start: &[usize],
    limit: &[usize],
    strides: &[usize],
) -> Result<Array, Error> {
    let whole = start.iter().all(|s| *s == 0)
        && limit == operand.shape()
        && strides.iter().all(|s| *s == 1)
        && start.len() == operand.ndim()
        && strides.len() == operand.ndim();
    if whole {
        return Ok(operand.clone());
    }
    let prim =
        Slice { start_indices: start.into(), limit_indices: limit.into(), strides: strides.into() };
    one(prim, &[operand])
}

/// The part `start..limit` along one axis. Panics where [`try_slice_in_dim`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::slice_in_dim(&array![0, 1, 2], 1, 3, 0).to_vec::<i32>(), [1, 2]);
/// ```
#[doc(alias = "narrow")]
#[track_caller]
pub fn slice_in_dim(operand: &Array, start: usize, limit: usize, axis: usize) -> Array {
    expect(try_slice_in_dim(operand, start, limit, axis))
}

/// Returns the error of [`slice_in_dim`] instead of panicking.
///
/// Fails if the range or the axis is out of range.
#[track_caller]
pub fn try_slice_in_dim(
    operand: &Array,
    start: usize,
    limit: usize,
    axis: usize,
) -> Result<Array, Error> {
    crate::prims::rules::apply::expect_axis("slice_in_dim", "axis", axis, &operand.aval())?;
    let mut starts = Shape::from_elem(0, operand.ndim());
    let mut limits = operand.to_shape();
    (starts[axis], limits[axis]) = (start, limit);
    try_slice(operand, &starts, &limits, &Shape::from_elem(1, operand.ndim()))
        .map_err(|e| e.told_by("slice_in_dim"))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "slice", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Slice {
        start_indices: args.sizes("start_indices")?.into(),
        limit_indices: args.sizes("limit_indices")?.into(),
        strides: args.sizes("strides")?.into(),
    }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (from, start, limit, strides) in [
            (&[5][..], &[1][..], &[4][..], &[1][..]),
            (&[7, 4], &[1, 0], &[7, 3], &[3, 2]),
            (&[3], &[2], &[2], &[1]),
        ] {
            let prim = Slice {
                start_indices: start.into(),
                limit_indices: limit.into(),
                strides: strides.into(),
            };
            cases.push(Case::new(Arc::new(prim), vec![sample(from, d, 0)]));
        }
    }
    cases
}
