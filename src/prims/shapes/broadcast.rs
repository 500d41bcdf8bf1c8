//! `broadcast_in_dim` repeats an array along new axes and along axes of size 1. `full` is a
//! broadcast scalar.
//!
//! `out[i] = x[j]` with `j[k] = i[dims[k]]`, or `j[k] = 0` where axis `k` of `x` has size 1. The
//! primitive is linear; its transpose sums.

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
use crate::prims::folds::reduce::try_reduce_sum;
use crate::prims::rules::apply::{expect, expect_inputs, one};
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use crate::prims::shapes::reshape::try_reshape;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::affine::Affine;
use cotangent_jit::{Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`broadcast_in_dim`].
#[derive(Clone, Debug)]
pub struct BroadcastInDim {
    pub shape: Shape,
    /// The output axis of each operand axis.
    pub broadcast_dimensions: Shape,
}

impl Primitive for BroadcastInDim {
    fn name(&self) -> &'static str {
        "broadcast_in_dim"
    }

    fn params(&self) -> Params {
        smallvec![
            ("shape", Param::ints(self.shape.iter().copied())),
            ("broadcast_dimensions", Param::ints(self.broadcast_dimensions.iter().copied())),
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let (x, dims, shape) = (&inputs[0], &self.broadcast_dimensions, &self.shape);
        if dims.len() != x.rank() {
            return Err(err!(
                Shape,
                "broadcast_in_dim: expected one broadcast dimension per axis of {x}, got {dims:?}"
            ));
        }
        if dims.windows(2).any(|w| w[0] >= w[1]) {
            return Err(err!(
                Axis,
                "broadcast_in_dim: expected increasing broadcast dimensions, got {dims:?}; \
                 transpose first"
            ));
        }
        for (axis, &d) in dims.iter().enumerate() {
            let Some(&to) = shape.get(d) else {
                return Err(err!(
                    Axis,
                    "broadcast_in_dim: broadcast dimension {d} is out of range for shape {shape:?}"
                ));
            };
            if x.shape[axis] != 1 && x.shape[axis] != to {
                return Err(err!(
                    Shape,
                    "broadcast_in_dim: expected axis {axis} of {x} to have size 1 or {to} (axis \
                     {d} of {shape:?}), got {}",
                    x.shape[axis]
                ));
            }
        }
        Ok(smallvec![x.with_shape(shape.iter().copied())])
    }

    /// `d broadcast(x) = broadcast(dx)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_unary_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    /// Sums over the axes along which elements were repeated.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let x = inputs[0].aval();
        transpose_unary(cotangents, x.clone(), |ct| {
            let kept = |d: &usize| {
                let axis = self.broadcast_dimensions.iter().position(|b| b == d);
                axis.is_some_and(|a| x.shape[a] == self.shape[*d])
            };
            let axes: Vec<usize> = (0..self.shape.len()).filter(|d| !kept(d)).collect();
            let sum = try_reduce_sum(ct, &axes)?;
            // The reshape restores the axes of size 1 that were repeated.
            try_reshape(&sum, &x.shape)
        })
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let x = moveaxis(&inputs[0], axes[0].expect("the one operand is batched"), 0)?;
        let mut shape = self.shape.clone();
        shape.insert(0, ctx.batch_size);
        let dims: Shape =
            [0].into_iter().chain(self.broadcast_dimensions.iter().map(|d| d + 1)).collect();
        Ok((smallvec![try_broadcast_in_dim(&x, &shape, &dims)?], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::View
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let sizes = &inputs[0].shape;
        let axis = |(&d, &n): (&usize, &usize)| {
            if n == 1 { Affine::constant(0) } else { Affine::counter(d) }
        };
        Ok(Lowering::View(self.broadcast_dimensions.iter().zip(sizes).map(axis).collect()))
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        if inputs[0].aval.shape == self.shape {
            return Some(Simpler::Operand(0));
        }
        inputs[0].splat.map(Simpler::Splat)
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// Repeats an array along new axes and along axes of size 1.
///
/// `out[i] = operand[j]` with `j[k] = i[broadcast_dimensions[k]]`, or `j[k] = 0` where axis `k` of
/// the operand has size 1. `broadcast_dimensions` are increasing, one per axis of the operand. The
/// transpose sums over the repeated axes.
///
/// Panics where [`try_broadcast_in_dim`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let x = array![1, 2];
/// assert_eq!(lax::broadcast_in_dim(&x, &[2, 3], &[0]).to_vec::<i32>(), [1, 1, 1, 2, 2, 2]);
/// ```
#[doc(alias = "broadcast")]
#[track_caller]
pub fn broadcast_in_dim(operand: &Array, shape: &[usize], broadcast_dimensions: &[usize]) -> Array {
    expect(try_broadcast_in_dim(operand, shape, broadcast_dimensions))
}

/// Returns the error of [`broadcast_in_dim`] instead of panicking.
///
/// Fails if an axis does not fit or the dimensions are not increasing.
#[track_caller]
pub fn try_broadcast_in_dim(
    operand: &Array,
    shape: &[usize],
    broadcast_dimensions: &[usize],
) -> Result<Array, Error> {
    if operand.shape() == shape && broadcast_dimensions.iter().copied().eq(0..shape.len()) {
        return Ok(operand.clone());
    }
    let prim =
        BroadcastInDim { shape: shape.into(), broadcast_dimensions: broadcast_dimensions.into() };
    one(prim, &[operand])
}

/// An array filled with one value: `out[i] = value`.
#[track_caller]
pub fn full(shape: &[usize], value: Scalar) -> Array {
    expect(try_full(shape, value))
}

/// Returns the error of [`full`] instead of panicking.
///
/// Fails if the device does.
#[track_caller]
pub fn try_full(shape: &[usize], value: Scalar) -> Result<Array, Error> {
    try_broadcast_in_dim(&Array::strong_literal(value), shape, &[]).map_err(|e| e.told_by("full"))
}

/// Repeats the result of a fold over `axes` along these axes, to the shape that was folded.
pub(in crate::prims) fn try_repeat(
    y: &Array,
    axes: &[usize],
    shape: &[usize],
) -> Result<Array, Error> {
    let kept: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).collect();
    try_broadcast_in_dim(y, shape, &kept)
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "broadcast_in_dim", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(BroadcastInDim {
        shape: args.sizes("shape")?.into(),
        broadcast_dimensions: args.sizes("broadcast_dimensions")?.into(),
    }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (from, to, dims) in [
            (&[3][..], &[2, 3][..], &[1][..]),
            (&[2, 1], &[2, 4, 3], &[0, 2]),
            (&[], &[2, 2], &[]),
            (&[2], &[2, 0], &[0]),
        ] {
            let prim = BroadcastInDim { shape: to.into(), broadcast_dimensions: dims.into() };
            cases.push(Case::new(Arc::new(prim), vec![sample(from, d, 0)]));
        }
    }
    cases
}
