//! `pad` puts an array into a larger one, with gaps between its elements. Negative edges cut
//! elements off.
//!
//! `out[lo + (interior + 1) * i] = x[i]`; `out` is the padding value elsewhere. The primitive is
//! linear in both operands together; its transpose slices.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::lowering::{Base, Lowering, LoweringKind, Piece};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::cases::samples::{RUNNING, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::folds::reduce::try_reduce_sum;
use crate::prims::points::binary::try_sub;
use crate::prims::points::select::try_select_n;
use crate::prims::rules::apply::{expect, expect_inputs, one};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::linear_operands::linear_jvp;
use crate::prims::rules::zeros::try_zeros;
use crate::prims::shapes::broadcast::{try_broadcast_in_dim, try_full};
use crate::prims::shapes::slice::try_slice;
use cotangent_jit::{Error, err};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Padding of one axis: before, after, and between neighbours. Negative edges cut elements off.
pub type Padding = (i64, i64, i64);

/// See [`pad`].
#[derive(Clone, Debug)]
pub struct Pad {
    pub padding_config: SmallVec<[Padding; 4]>,
}

/// The size of an axis of `n` elements after padding.
fn padded(n: usize, (lo, hi, interior): Padding) -> i128 {
    let [lo, hi, interior] = [lo, hi, interior].map(i128::from);
    lo + hi + n as i128 + (n as i128 - 1).max(0) * interior
}

impl Pad {
    /// The part of the operand that is not cut off, and the position of its first element in the
    /// output. `None` if nothing remains.
    fn remaining(&self, x: &Aval) -> Option<(Vec<std::ops::Range<usize>>, Vec<i64>)> {
        let mut take = Vec::new();
        let mut offset = Vec::new();
        for (&n, &config) in x.shape.iter().zip(&self.padding_config) {
            let (lo, _, interior) = config;
            let step = interior + 1;
            let first = (-lo).max(0).div_ceil_by(step);
            let end = (padded(n, config) as i64 - lo).max(0).div_ceil_by(step).min(n as i64);
            if first >= end {
                return None;
            }
            take.push(first as usize..end as usize);
            offset.push(lo + first * step);
        }
        Some((take, offset))
    }
}

/// Division that rounds up, for numbers that are not negative.
trait DivCeil {
    fn div_ceil_by(self, by: i64) -> i64;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, by: i64) -> i64 {
        self / by + i64::from(self % by != 0)
    }
}

impl Primitive for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    /// `(before, after, between)` per axis.
    fn params(&self) -> Params {
        let lists = self.padding_config.iter().map(|(l, h, i)| smallvec![*l, *h, *i]).collect();
        smallvec![("padding_config", Param::Lists(lists))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        let (x, value) = (&inputs[0], &inputs[1]);
        if value.rank() != 0 || value.dtype != x.dtype {
            return Err(err!(
                Shape,
                "pad: expected a padding value of type {}[], got {value}",
                x.dtype
            ));
        }
        if self.padding_config.len() != x.rank() {
            return Err(err!(
                Shape,
                "pad: expected one (before, after, between) per axis of {x}, got {:?}",
                self.padding_config
            ));
        }
        let mut shape = Shape::new();
        for (axis, (&n, &config)) in x.shape.iter().zip(&self.padding_config).enumerate() {
            // Half of the range of i64, so that the sum of two widths stays in the range.
            let too_wide = |n: i64| n.unsigned_abs() > 1 << 62;
            if [config.0, config.1, config.2].into_iter().any(too_wide) {
                return Err(err!(
                    Value,
                    "pad: expected widths from -2^62 to 2^62, got {config:?} for axis {axis} of {x}"
                ));
            }
            if config.2 < 0 {
                return Err(err!(
                    Value,
                    "pad: expected no negative padding between elements, got {config:?} for axis \
                     {axis}"
                ));
            }
            let size = padded(n, config);
            if size < 0 {
                return Err(err!(
                    Shape,
                    "pad: {config:?} cuts more from axis {axis} of {x} than it has: the size would \
                     be {size}"
                ));
            }
            // The check of the output's size refuses a size beyond usize.
            shape.push(usize::try_from(size).unwrap_or(usize::MAX));
        }
        Ok(smallvec![x.with_shape(shape)])
    }

    /// `d pad(x, v) = pad(dx, dv)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    /// The operand's cotangent is the part of `ct` where the operand was put. The padding value's
    /// cotangent is the sum of all other elements.
    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let mut result: Vec<Tangent> = inputs.iter().map(|i| Tangent::Zero(i.aval())).collect();
        let Some(ct) = cotangents[0].value() else { return Ok(result) };
        let x = inputs[0].aval();
        let edges: Vec<Padding> =
            self.padding_config.iter().map(|(lo, hi, _)| (-lo, -hi, 0)).collect();
        let zero = try_zeros(&inputs[1].aval())?;
        let unpadded = try_pad(ct, &zero, &edges)?;
        let strides: Shape = self.padding_config.iter().map(|c| c.2 as usize + 1).collect();
        let start = Shape::from_elem(0, x.rank());
        let own = try_slice(&unpadded, &start, unpadded.shape(), &strides)?;
        if inputs[1].is_linear() {
            let all = |a: &Array| try_reduce_sum(a, &(0..a.ndim()).collect::<Shape>());
            result[1] = Tangent::Value(try_sub(&all(ct)?, &all(&own)?)?);
        }
        if inputs[0].is_linear() {
            result[0] = Tangent::Value(own);
        }
        Ok(result)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch_pad(self, ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Assemble
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let step = self.padding_config.iter().map(|c| c.2 + 1).collect();
        let piece = self.remaining(&inputs[0]).map(|(take, offset)| Piece {
            input: 0,
            take,
            offset,
            step,
            starts: None,
        });
        Ok(Lowering::Assemble { base: Base::Fill(1), pieces: piece.into_iter().collect() })
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        if self.padding_config.iter().all(|c| *c == (0, 0, 0)) {
            return Some(Simpler::Operand(0));
        }
        let value = inputs[1].splat?;
        let same = inputs[0].splat == Some(value) || self.remaining(&inputs[0].aval).is_none();
        same.then_some(Simpler::Splat(value))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// A batched operand gets no padding along the batch axis. A batched padding value is selected
/// wherever the operand is not.
fn batch_pad(prim: &Pad, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
    let mut batched = prim.clone();
    let (Some(batch), None) = (axes[0], axes[1]) else {
        let x = batch_in_front(ctx, &inputs[0], axes[0])?;
        let values = batch_in_front(ctx, &inputs[1], axes[1])?;
        batched.padding_config.insert(0, (0, 0, 0));
        let padded = one(batched.clone(), &[&x, &try_zeros(&Aval::scalar(x.dtype()))?])?;
        let inside = try_full(x.shape(), true.into())?;
        let inside = one(batched, &[&inside, &Array::strong_literal(false.into())])?;
        let values = try_broadcast_in_dim(&values, padded.shape(), &[0])?;
        return Ok((smallvec![try_select_n(&inside, &[&values, &padded])?], vec![Some(0)]));
    };
    batched.padding_config.insert(batch, (0, 0, 0));
    Ok((smallvec![one(batched, &[&inputs[0], &inputs[1]])?], vec![Some(batch)]))
}

/// Puts an array into a larger one that holds `value` elsewhere. `config` has three widths per
/// axis: the number of elements to add before the array, after it, and between neighbours.
///
/// `out[before + (between + 1) * i] = operand[i]`. Negative `before` and `after` cut elements off.
/// The derivative pads the tangent with the value's tangent; the transpose slices. Panics where
/// [`try_pad`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let zero = Array::scalar(0);
/// assert_eq!(lax::pad(&array![1, 2], &zero, &[(1, 0, 2)]).to_vec::<i32>(), [0, 1, 0, 0, 2]);
/// ```
#[track_caller]
pub fn pad(operand: &Array, value: &Array, config: &[Padding]) -> Array {
    expect(try_pad(operand, value, config))
}

/// Returns the error of [`pad`] instead of panicking.
///
/// Fails if `value` is no scalar of the operand's dtype or an axis has too few elements to cut off.
#[track_caller]
pub fn try_pad(operand: &Array, value: &Array, config: &[Padding]) -> Result<Array, Error> {
    if config.len() == operand.ndim() && config.iter().all(|c| *c == (0, 0, 0)) {
        return Ok(operand.clone());
    }
    one(Pad { padding_config: config.into() }, &[operand, value])
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "pad", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let wrong = |p: &Param| args.wrong("padding_config", "triples of ints", p);
    let p = args.get("padding_config")?;
    let Param::Lists(lists) = p else { return Err(wrong(p)) };
    let triple = |l: &SmallVec<[i64; 4]>| match l[..] {
        [lo, hi, interior] => Ok((lo, hi, interior)),
        _ => Err(wrong(p)),
    };
    let padding_config = lists.iter().map(triple).collect::<Result<_, Error>>()?;
    Ok(Arc::new(Pad { padding_config }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (from, config) in [
            (&[3][..], &[(1, 2, 0)][..]),
            (&[2, 3], &[(0, 1, 2), (2, 0, 1)]),
            (&[5, 4], &[(-1, 2, 0), (1, -3, 1)]),
            (&[0], &[(1, 2, 3)]),
            (&[2], &[(-2, 1, 0)]),
        ] {
            let prim = Pad { padding_config: config.into() };
            cases.push(Case::new(Arc::new(prim), vec![sample(from, d, 0), sample(&[], d, 7)]));
        }
    }
    cases
}
