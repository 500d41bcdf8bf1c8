//! `sort`: sorts operands along one axis by the first of them, stably. Also here: `argsort`.
//!
//! Floats sort as numbers, with NaN last and -0 equal to 0. The functions sort complex numbers by
//! their real parts, then by their imaginary parts, as two operands. The derivative permutes the
//! tangents like the elements.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    Arrays, BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent,
    Taylor, TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::cases::samples::{REAL, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::places::gather::{Mode, try_take_along_axis};
use crate::prims::points::complex::{try_complex, try_imag, try_real};
use crate::prims::rules::apply::{composed, expect, expect_axis};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::numbers::place_dtype;
use crate::prims::shapes::iota::try_iota;
use cotangent_jit::{DType, Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`sort_by`].
#[derive(Clone, Debug)]
pub struct Sort {
    pub dimension: usize,
    pub num_keys: usize,
}

impl Primitive for Sort {
    fn name(&self) -> &'static str {
        "sort"
    }

    fn params(&self) -> Params {
        smallvec![
            ("dimension", Param::Int(self.dimension as i64)),
            ("num_keys", Param::Int(self.num_keys as i64)),
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        if self.num_keys == 0 || self.num_keys > inputs.len() {
            return Err(err!(
                Value,
                "sort: expected a number of keys from 1 to {}, got {}",
                inputs.len(),
                self.num_keys
            ));
        }
        if let Some(x) = inputs.iter().find(|x| x.dtype.is_complex()) {
            return Err(err!(
                DType,
                "sort: expected real numbers, got {x}; lax::sort_by takes complex ones, as their \
                 parts"
            ));
        }
        expect_axis("sort", "dimension", self.dimension, &inputs[0])?;
        if let Some(x) = inputs.iter().find(|x| x.shape != inputs[0].shape) {
            return Err(err!(
                Shape,
                "sort: expected operands of one shape, got {} and {x}",
                inputs[0]
            ));
        }
        Ok(inputs.iter().cloned().collect())
    }

    /// Each tangent goes where its element goes: an iota that is sorted with the operands gives the
    /// permutation.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        if primals[0].size() == 0 || tangents.iter().all(Tangent::is_zero) {
            let outputs = bind(Arc::new(self.clone()), primals)?;
            let zeros = outputs.iter().map(|o| Tangent::Zero(o.aval())).collect();
            return Ok((outputs, zeros));
        }
        let mut operands: Arrays = primals.iter().cloned().collect();
        operands.push(positions(&primals[0], self.dimension)?);
        let mut outputs = bind(Arc::new(self.clone()), &operands)?;
        let order = outputs.pop().expect("as many outputs as operands");
        let permute = |t: &Tangent| match t {
            Tangent::Zero(aval) => Ok(Tangent::Zero(aval.clone())),
            Tangent::Value(t) => {
                Ok(Tangent::Value(try_take_along_axis(t, &order, self.dimension, Mode::Clip)?))
            }
        };
        let tangents = tangents.iter().map(permute).collect::<Result<_, Error>>()?;
        Ok((outputs, tangents))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let operands: Result<Arrays, Error> =
            inputs.iter().zip(axes).map(|(x, a)| batch_in_front(ctx, x, *a)).collect();
        let wide = Sort { dimension: self.dimension + 1, num_keys: self.num_keys };
        Ok((bind(Arc::new(wide), &operands?)?, vec![Some(0); inputs.len()]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Sort
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Sort { axis: self.dimension, keys: self.num_keys })
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let single = inputs.len() == 1;
        let sorted = inputs[0].splat.is_some() || inputs[0].aval.shape[self.dimension] <= 1;
        (single && sorted).then_some(Simpler::Operand(0))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The index along `axis`: i32, or i64 if i32 cannot count the elements.
fn positions(x: &Array, axis: usize) -> Result<Array, Error> {
    expect_axis("sort", "dimension", axis, &x.aval())?;
    try_iota(place_dtype(x.shape()[axis]), x.shape(), axis)
}

/// Sorts all operands along `dimension` by the first `num_keys` of them, compared in order; equal
/// elements keep their order.
///
/// NaN comes last; -0 and 0 are equal; complex numbers compare by their real parts, then by their
/// imaginary parts. The operands have one shape and any dtypes. The derivative permutes the
/// tangents like the elements. Panics where [`try_sort_by`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let sorted = lax::sort_by(&[array![2, 1, 2], array![0, 1, 2]], 0, 1);
/// assert_eq!(sorted[1].to_vec::<i32>(), [1, 0, 2]);
/// ```
#[doc(alias("sort_key_val", "lexsort"))]
#[track_caller]
pub fn sort_by(operands: &[Array], dimension: usize, num_keys: usize) -> Vec<Array> {
    expect(try_sort_by(operands, dimension, num_keys))
}

/// Returns the error of [`sort_by`] instead of panicking.
///
/// Fails if shapes differ, the dimension is out of range, or `num_keys` is 0 or greater than the
/// number of operands.
#[track_caller]
pub fn try_sort_by(
    operands: &[Array],
    dimension: usize,
    num_keys: usize,
) -> Result<Vec<Array>, Error> {
    composed("sort_by", || {
        if operands.is_empty() {
            return Err(err!(Shape, "sort_by: expected at least one operand, got none"));
        }
        let complex = |n: usize| operands[n].dtype().is_complex();
        if (0..operands.len()).any(complex) {
            return sort_parts(operands, dimension, num_keys);
        }
        Ok(bind(Arc::new(Sort { dimension, num_keys }), operands)?.into_vec())
    })
}

/// Sorts each complex operand as two real ones. Keys compare by the real part, then by the
/// imaginary part.
fn sort_parts(operands: &[Array], dimension: usize, num_keys: usize) -> Result<Vec<Array>, Error> {
    let mut parts = Vec::with_capacity(2 * operands.len());
    let mut keys = num_keys;
    for (n, x) in operands.iter().enumerate() {
        if x.dtype().is_complex() {
            parts.extend([try_real(x)?, try_imag(x)?]);
            keys += usize::from(n < num_keys);
        } else {
            parts.push(x.clone());
        }
    }
    let mut sorted = try_sort_by(&parts, dimension, keys)?.into_iter();
    let mut next = || sorted.next().expect("one for each part");
    let joined = operands.iter().map(|x| match x.dtype().is_complex() {
        true => try_complex(&next(), &next()),
        false => Ok(next()),
    });
    joined.collect()
}

/// The operand sorted along `dimension`, NaN last. Panics where [`try_sort`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::sort(&array![f32::NAN, 1.0, -1.0], 0).to_vec::<f32>()[..2], [-1.0, 1.0]);
/// ```
#[track_caller]
pub fn sort(operand: &Array, dimension: usize) -> Array {
    expect(try_sort(operand, dimension))
}

/// Returns the error of [`sort`] instead of panicking.
///
/// Fails if the dimension is out of range.
#[track_caller]
pub fn try_sort(operand: &Array, dimension: usize) -> Result<Array, Error> {
    composed(
        "sort",
        || Ok(try_sort_by(std::slice::from_ref(operand), dimension, 1)?.swap_remove(0)),
    )
}

/// The indices (i32, or i64 if i32 cannot count the elements) that sort the operand along
/// `dimension`, stably, NaN last. Panics where [`try_argsort`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::argsort(&array![3, 1, 2], 0).to_vec::<i32>(), [1, 2, 0]);
/// ```
#[track_caller]
pub fn argsort(operand: &Array, dimension: usize) -> Array {
    expect(try_argsort(operand, dimension))
}

/// Returns the error of [`argsort`] instead of panicking.
///
/// Fails if the dimension is out of range.
#[track_caller]
pub fn try_argsort(operand: &Array, dimension: usize) -> Result<Array, Error> {
    composed("argsort", || {
        let order = positions(operand, dimension)?;
        Ok(try_sort_by(&[operand.clone(), order], dimension, 1)?.swap_remove(1))
    })
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "sort", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Sort { dimension: args.size("dimension")?, num_keys: args.size("num_keys")? }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in REAL {
        let sort = |dimension, num_keys| Arc::new(Sort { dimension, num_keys });
        cases.push(Case::new(sort(0, 1), vec![sample(&[7], d, 0)]));
        cases.push(Case::new(sort(1, 1), vec![sample(&[2, 0], d, 0)]));
        cases.push(Case::new(sort(1, 1), vec![sample(&[2, 5], d, 0), sample(&[2, 5], d, 1)]));
        let keys = [sample(&[5, 2], DType::Bool, 2), sample(&[5, 2], d, 3)];
        cases.push(Case::new(sort(0, 2), vec![keys[0].clone(), keys[1].clone()]));
    }
    cases
}
