//! `dynamic_update_slice`: an array with a box overwritten at computed indices.
//!
//! `out[clamp(start, 0, n - size) + i] = update[i]`, and `out = x` elsewhere. The primitive is
//! linear in operand and update together.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::hazard::{Hazard, Hazardous};
use crate::core::lowering::{Base, Lowering, LoweringKind, Piece};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::core::trace::bind;
use crate::prims::cases::samples::{INTS, RUNNING, index, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::places::dynamic_slice::{
    expect_fits, index_vectors, known_starts, starts, starts_at, try_slice_at, with_zero,
};
use crate::prims::places::gather_dims::GatherDims;
use crate::prims::places::index_arithmetic::{expect_starts, from_end};
use crate::prims::places::scatter::{Scatter, ScatterMode};
use crate::prims::rules::apply::{composed, expect, expect_inputs};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::linear_operands::linear_jvp;
use crate::prims::rules::zeros::try_zeros;
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`dynamic_update_slice`]. Inputs: operand, update, then one start index per axis.
#[derive(Clone, Debug)]
pub struct DynamicUpdateSlice;

impl Primitive for DynamicUpdateSlice {
    fn name(&self) -> &'static str {
        "dynamic_update_slice"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let [x, update, starts @ ..] = inputs else {
            return Err(expect_inputs(self.name(), inputs, 2).unwrap_err());
        };
        if x.dtype != update.dtype {
            return Err(err!(
                DType,
                "dynamic_update_slice: expected operand and update of one dtype, got {x} and \
                 {update}; convert one"
            ));
        }
        expect_fits(self.name(), x, &update.shape)?;
        expect_starts(self.name(), x, starts)?;
        Ok(smallvec![x.clone()])
    }

    /// `d dynamic_update_slice(x, u, s) = dynamic_update_slice(dx, du, s)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    /// The operand's cotangent is zero where the operand was overwritten. The update's cotangent is
    /// a slice.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let mut result: Vec<Tangent> = inputs.iter().map(|i| Tangent::Zero(i.aval())).collect();
        let Some(ct) = cotangents[0].value() else { return Ok(result) };
        let (update, starts) = (inputs[1].aval(), known_starts(&inputs[2..]));
        if inputs[0].is_linear() {
            let zeros = try_zeros(&update)?;
            result[0] = Tangent::Value(try_update_at(ct, &zeros, &starts)?);
        }
        if inputs[1].is_linear() {
            result[1] = Tangent::Value(try_slice_at(ct, &starts, &update.shape)?);
        }
        Ok(result)
    }

    /// If no start is batched, the update covers the whole batch axis; otherwise this is a scatter.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let starts = &inputs[2..];
        if axes[2..].iter().all(Option::is_none) {
            let x = batch_in_front(ctx, &inputs[0], axes[0])?;
            let update = batch_in_front(ctx, &inputs[1], axes[1])?;
            let out = try_update_at(&x, &update, &with_zero(starts, 0))?;
            return Ok((smallvec![out], vec![Some(0)]));
        }
        let (indices, at) = index_vectors(ctx, starts, &axes[2..])?;
        let rank = starts.len();
        let scatter = Scatter {
            dims: GatherDims {
                offset_dims: (0..rank).collect(),
                start_index_map: (0..rank).collect(),
                ..GatherDims::default()
            },
            how: ScatterMode::Clip.into(),
            combine: None,
        };
        let operands = [inputs[0].clone(), indices, inputs[1].clone()];
        scatter.batch(ctx, &operands, &[axes[0], at, axes[1]])
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Assemble
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let update = &inputs[1];
        let piece = Piece {
            input: 1,
            take: update.shape.iter().map(|n| 0..*n).collect(),
            offset: vec![0; update.rank()],
            step: vec![1; update.rank()],
            starts: Some((2..inputs.len()).collect()),
        };
        Ok(Lowering::Assemble { base: Base::Input(0), pieces: vec![piece] })
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        if inputs[0].aval == inputs[1].aval {
            return Some(Simpler::Operand(1));
        }
        let unchanged = inputs[0].splat.is_some() && inputs[0].splat == inputs[1].splat;
        (unchanged || inputs[1].aval.size() == 0).then_some(Simpler::Operand(0))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE.hazardous(self)
    }
}

impl Hazardous for DynamicUpdateSlice {
    fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard> {
        starts(&inputs[0], &inputs[1].shape, 2)
    }
}

/// The operand with a box overwritten by `update`. The first element of `update` goes to computed
/// indices; the box is moved so that it fits.
///
/// `out[clamp(start, 0, n - size) + i] = update[i]`, and `out = operand` elsewhere; a negative
/// start first counts from the end of its axis. There is one rank-0 int start per axis, all of one
/// dtype. The derivative applies the same update to the tangents. Panics where
/// [`try_dynamic_update_slice`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let x = array![0, 0, 0];
/// let y = lax::dynamic_update_slice(&x, &array![7], &[Array::scalar(1)]);
/// assert_eq!(y.to_vec::<i32>(), [0, 7, 0]);
/// ```
#[track_caller]
pub fn dynamic_update_slice(operand: &Array, update: &Array, starts: &[Array]) -> Array {
    expect(try_dynamic_update_slice(operand, update, starts))
}

/// Returns the error of [`dynamic_update_slice`] instead of panicking.
///
/// Fails if dtypes differ, the update is larger than the operand or the starts are not scalar ints.
#[track_caller]
pub fn try_dynamic_update_slice(
    operand: &Array,
    update: &Array,
    starts: &[Array],
) -> Result<Array, Error> {
    composed("dynamic_update_slice", || try_update_at(operand, update, &from_end(operand, starts)?))
}

/// [`dynamic_update_slice`] without counting from the end: a negative start is clamped to 0.
#[track_caller]
pub(crate) fn try_update_at(
    operand: &Array,
    update: &Array,
    starts: &[Array],
) -> Result<Array, Error> {
    let inputs: Vec<Array> = [operand, update].into_iter().chain(starts).cloned().collect();
    Ok(bind(Arc::new(DynamicUpdateSlice), &inputs)?.swap_remove(0))
}

/// [`dynamic_update_slice`] that starts at 0 along all axes but one. Panics where
/// [`try_dynamic_update_slice_in_dim`] gives an error.
#[doc(alias = "dynamic_update_index_in_dim")]
#[track_caller]
pub fn dynamic_update_slice_in_dim(
    operand: &Array,
    update: &Array,
    start: &Array,
    axis: usize,
) -> Array {
    expect(try_dynamic_update_slice_in_dim(operand, update, start, axis))
}

/// Returns the error of [`dynamic_update_slice_in_dim`] instead of panicking.
///
/// Fails as [`try_dynamic_update_slice`].
#[track_caller]
pub fn try_dynamic_update_slice_in_dim(
    operand: &Array,
    update: &Array,
    start: &Array,
    axis: usize,
) -> Result<Array, Error> {
    crate::prims::rules::apply::expect_axis(
        "dynamic_update_slice_in_dim",
        "axis",
        axis,
        &operand.aval(),
    )?;
    try_dynamic_update_slice(operand, update, &starts_at(operand, start, axis))
        .map_err(|e| e.told_by("dynamic_update_slice_in_dim"))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "dynamic_update_slice", build, cases }]
}

fn build(_: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(DynamicUpdateSlice))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, d) in RUNNING.into_iter().enumerate() {
        let int = INTS[n % INTS.len()];
        for (from, update, starts) in [
            (&[5][..], &[3][..], &[1][..]),
            (&[4, 3], &[2, 2], &[2, 0]),
            (&[4, 3], &[3, 2], &[9, 2]),
        ] {
            let mut inputs = vec![sample(from, d, 0), sample(update, d, 1)];
            inputs.extend(starts.iter().map(|s| index(*s, int)));
            cases.push(Case::new(Arc::new(DynamicUpdateSlice), inputs));
        }
    }
    cases
}
