//! `dynamic_slice`: a box of fixed size whose start indices are computed.
//!
//! `out[i] = x[clamp(start, 0, n - size) + i]`. The primitive is linear in the operand; its
//! transpose updates a slice of zeros.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::hazard::{Hazard, Hazardous};
use crate::core::lowering::{Lowering, LoweringKind, Point};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::core::trace::bind;
use crate::prims::cases::samples::{INTS, RUNNING, index, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::places::dynamic_update_slice::try_update_at;
use crate::prims::places::gather::{Gather, GatherDims, Mode};
use crate::prims::places::index_arithmetic::{as_index, clamped, expect_starts, from_end};
use crate::prims::rules::apply::{composed, expect, expect_inputs};
use crate::prims::rules::linear_operands::linear_jvp;
use crate::prims::rules::zeros::try_zeros;
use crate::prims::shapes::concatenate::try_concatenate;
use crate::prims::shapes::reshape::try_reshape;
use crate::prims::shapes::slice::Slice;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::kernel::NodeId;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`dynamic_slice`]. Inputs: the operand, then one start index per axis.
#[derive(Clone, Debug)]
pub struct DynamicSlice {
    pub slice_sizes: Shape,
}

/// Errors unless a box of these sizes fits into `x`.
pub(crate) fn expect_fits(name: &str, x: &Aval, sizes: &[usize]) -> Result<(), Error> {
    if sizes.len() == x.rank() && sizes.iter().zip(&x.shape).all(|(s, n)| s <= n) {
        return Ok(());
    }
    Err(err!(Shape, "{name}: expected sizes of at most those of {x}, got {sizes:?}"))
}

/// The hazards of the start indices of a box of these sizes. The start indices are the inputs from
/// `first` on.
pub(crate) fn starts(x: &Aval, sizes: &[usize], first: usize) -> Vec<Hazard> {
    let axes = x.shape.iter().zip(sizes).enumerate();
    let index = |(i, (n, size)): (usize, (&usize, &usize))| Hazard::Index {
        input: first + i,
        limits: smallvec![n - size],
        sizes: smallvec![*n],
    };
    axes.map(index).collect()
}

impl Primitive for DynamicSlice {
    fn name(&self) -> &'static str {
        "dynamic_slice"
    }

    fn params(&self) -> Params {
        smallvec![("slice_sizes", Param::ints(self.slice_sizes.iter().copied()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let Some((x, starts)) = inputs.split_first() else {
            return Err(expect_inputs(self.name(), inputs, 1).unwrap_err());
        };
        expect_fits(self.name(), x, &self.slice_sizes)?;
        expect_starts(self.name(), x, starts)?;
        Ok(smallvec![x.with_shape(self.slice_sizes.iter().copied())])
    }

    /// `d dynamic_slice(x, s) = dynamic_slice(dx, s)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let mut result: Vec<Tangent> = inputs.iter().map(|i| Tangent::Zero(i.aval())).collect();
        if let (Some(ct), true) = (cotangents[0].value(), inputs[0].is_linear()) {
            let starts = known_starts(&inputs[1..]);
            let zeros = try_zeros(&inputs[0].aval())?;
            result[0] = Tangent::Value(try_update_at(&zeros, ct, &starts)?);
        }
        Ok(result)
    }

    /// If no start is batched, the slice takes the whole batch axis; otherwise it becomes a gather.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (x, starts) = (&inputs[0], &inputs[1..]);
        if axes[1..].iter().all(Option::is_none) {
            let batch = axes[0].expect("the operand is batched if no start is");
            let mut sizes = self.slice_sizes.clone();
            sizes.insert(batch, ctx.batch_size);
            let starts = with_zero(starts, batch);
            return Ok((smallvec![try_slice_at(x, &starts, &sizes)?], vec![Some(batch)]));
        }
        let (indices, at) = index_vectors(ctx, starts, &axes[1..])?;
        let rank = self.slice_sizes.len();
        let gather = Gather {
            dims: GatherDims {
                offset_dims: (0..rank).collect(),
                start_index_map: (0..rank).collect(),
                ..GatherDims::default()
            },
            slice_sizes: self.slice_sizes.clone(),
            mode: Mode::Clip,
        };
        gather.batch(ctx, &[x.clone(), indices], &[axes[0], at])
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Indexed
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let x = &inputs[0];
        let last: Vec<i64> =
            x.shape.iter().zip(&self.slice_sizes).map(|(n, s)| (n - s) as i64).collect();
        Ok(Lowering::Indexed(Arc::new(move |p: &mut dyn Point| {
            let at: Vec<NodeId> = last
                .iter()
                .enumerate()
                .map(|(axis, &last)| {
                    let offset = p.coordinate(axis);
                    let start = p.read(axis + 1, &[]);
                    let b = p.builder();
                    let start = as_index(b, start);
                    let start = clamped(b, start, last);
                    b.op(ScalarOp::Add, &[start, offset])
                })
                .collect();
            p.read(0, &at)
        })))
    }

    /// If all starts are literals, this is a static slice.
    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        let x = &inputs[0];
        if x.aval.shape == outputs[0].shape {
            return Some(Simpler::Operand(0));
        }
        if let Some(value) = x.splat {
            return Some(Simpler::Splat(value));
        }
        let mut start_indices = Shape::new();
        for (axis, start) in inputs[1..].iter().enumerate() {
            let last = (x.aval.shape[axis] - self.slice_sizes[axis]) as i64;
            start_indices.push(index_value(start.splat?)?.clamp(0, last) as usize);
        }
        let ends = start_indices.iter().zip(&self.slice_sizes);
        let limit_indices = ends.map(|(s, n)| s + n).collect();
        let strides = Shape::from_elem(1, start_indices.len());
        let slice = Slice { start_indices, limit_indices, strides };
        Some(Simpler::Apply(Arc::new(slice), smallvec![x.atom]))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE.hazardous(self)
    }
}

impl Hazardous for DynamicSlice {
    fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard> {
        starts(&inputs[0], &self.slice_sizes, 1)
    }
}

/// The value of a literal index; a u64 beyond i64 saturates.
fn index_value(s: Scalar) -> Option<i64> {
    match s.dtype() {
        DType::U64 => Some(i64::try_from(s.bits() as u64).unwrap_or(i64::MAX)),
        _ => s.to_i64(),
    }
}

/// The start indices, which are known during transposition.
pub(crate) fn known_starts(starts: &[Operand]) -> Vec<Array> {
    starts.iter().map(|s| s.known().expect("indices are known").clone()).collect()
}

/// The start indices with a zero inserted for a new axis.
pub(crate) fn with_zero(starts: &[Array], axis: usize) -> Vec<Array> {
    let dtype = starts.first().map_or(DType::I32, Array::dtype);
    let mut starts = starts.to_vec();
    starts.insert(axis, Array::strong_literal(Scalar::zero(dtype)));
    starts
}

/// Joins scalar start indices, batched or not, into vectors along a last axis. Also returns the
/// position of the batch axis in the result.
pub(crate) fn index_vectors(
    ctx: &Ctx,
    starts: &[Array],
    axes: &[Option<usize>],
) -> Result<(Array, Option<usize>), Error> {
    let batched = axes.iter().any(Option::is_some);
    let column = |(s, axis): (&Array, &Option<usize>)| match axis {
        _ if !batched => try_reshape(s, &[1]),
        Some(axis) => try_reshape(&moveaxis(s, *axis, 0)?, &[ctx.batch_size, 1]),
        None => crate::prims::shapes::broadcast::try_broadcast_in_dim(s, &[ctx.batch_size, 1], &[]),
    };
    let columns: Result<Vec<Array>, Error> = starts.iter().zip(axes).map(column).collect();
    let at = batched.then_some(0);
    Ok((try_concatenate(&columns?, usize::from(batched))?, at))
}

/// A box of `sizes` whose first element is at computed indices. The box is moved so that it fits.
///
/// `out[i] = operand[clamp(start, 0, n - size) + i]`; a negative start first counts from the end of
/// its axis. There is one rank-0 int start per axis, all of one dtype. The derivative slices the
/// operand's tangent; the transpose updates a slice of zeros. Panics where [`try_dynamic_slice`]
/// gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let x = array![0, 1, 2, 3];
/// assert_eq!(lax::dynamic_slice(&x, &[Array::scalar(9)], &[2]).to_vec::<i32>(), [2, 3]);
/// assert_eq!(lax::dynamic_slice(&x, &[Array::scalar(-3)], &[2]).to_vec::<i32>(), [1, 2]);
/// ```
#[track_caller]
pub fn dynamic_slice(operand: &Array, starts: &[Array], sizes: &[usize]) -> Array {
    expect(try_dynamic_slice(operand, starts, sizes))
}

/// Returns the error of [`dynamic_slice`] instead of panicking.
///
/// Fails if the box is larger than the operand or the starts are not scalar ints.
#[track_caller]
pub fn try_dynamic_slice(
    operand: &Array,
    starts: &[Array],
    sizes: &[usize],
) -> Result<Array, Error> {
    composed("dynamic_slice", || try_slice_at(operand, &from_end(operand, starts)?, sizes))
}

/// [`dynamic_slice`] without counting from the end: a negative start is clamped to 0.
#[track_caller]
pub(crate) fn try_slice_at(
    operand: &Array,
    starts: &[Array],
    sizes: &[usize],
) -> Result<Array, Error> {
    let inputs: Vec<Array> = [operand].into_iter().chain(starts).cloned().collect();
    Ok(bind(Arc::new(DynamicSlice { slice_sizes: sizes.into() }), &inputs)?.swap_remove(0))
}

/// The `size` elements from computed index `start` on along one axis. Panics where
/// [`try_dynamic_slice_in_dim`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let x = array![0, 1, 2, 3];
/// assert_eq!(lax::dynamic_slice_in_dim(&x, &Array::scalar(1), 2, 0).to_vec::<i32>(), [1, 2]);
/// ```
#[doc(alias("dynamic_index_in_dim", "index_in_dim"))]
#[track_caller]
pub fn dynamic_slice_in_dim(operand: &Array, start: &Array, size: usize, axis: usize) -> Array {
    expect(try_dynamic_slice_in_dim(operand, start, size, axis))
}

/// Returns the error of [`dynamic_slice_in_dim`] instead of panicking.
///
/// Fails if the axis is out of range or too short.
#[track_caller]
pub fn try_dynamic_slice_in_dim(
    operand: &Array,
    start: &Array,
    size: usize,
    axis: usize,
) -> Result<Array, Error> {
    crate::prims::rules::apply::expect_axis("dynamic_slice_in_dim", "axis", axis, &operand.aval())?;
    let mut sizes = operand.to_shape();
    sizes[axis] = size;
    try_dynamic_slice(operand, &starts_at(operand, start, axis), &sizes)
        .map_err(|e| e.told_by("dynamic_slice_in_dim"))
}

/// Start indices that are `start` along one axis and 0 along the others.
pub(crate) fn starts_at(x: &Array, start: &Array, axis: usize) -> Vec<Array> {
    let zero = Array::strong_literal(Scalar::zero(start.dtype()));
    (0..x.ndim()).map(|a| if a == axis { start.clone() } else { zero.clone() }).collect()
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "dynamic_slice", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(DynamicSlice { slice_sizes: args.sizes("slice_sizes")?.into() }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, d) in RUNNING.into_iter().enumerate() {
        let int = INTS[n % INTS.len()];
        for (from, starts, sizes) in [
            (&[5][..], &[1][..], &[3][..]),
            (&[4, 3], &[2, 1], &[2, 2]),
            // The start is out of range: the box is moved so that it fits.
            (&[4, 3], &[9, 2], &[3, 2]),
        ] {
            let prim = DynamicSlice { slice_sizes: sizes.into() };
            let mut inputs = vec![sample(from, d, 0)];
            inputs.extend(starts.iter().map(|s| index(*s, int)));
            cases.push(Case::new(Arc::new(prim), inputs));
        }
    }
    cases
}
