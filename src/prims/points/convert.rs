//! Changes of dtype: `convert_element_type` keeps the value as exactly as the dtype allows, and
//! `bitcast_convert_type` keeps the bits.
//!
//! A conversion between floats and complex numbers is linear; its transpose converts back. All
//! other conversions pass no tangent.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::cases::samples::RUNNING;
use crate::prims::entry::{Case, Entry};
use crate::prims::folds::reduce::try_reduce_or;
use crate::prims::points::binary::{try_mul, try_shift_left, try_shift_right_logical};
use crate::prims::points::elementwise::{batch, scalar_op};
use crate::prims::points::pointwise::{Derivative, Function, Pointwise};
use crate::prims::rules::apply::{expect, expect_inputs, one};
use crate::prims::rules::numbers::scalar_as;
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::iota::try_iota;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`convert_element_type`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvertElementType {
    new_dtype: DType,
    /// Whether the result is weak in promotion.
    weak: bool,
}

impl Primitive for ConvertElementType {
    fn name(&self) -> &'static str {
        "convert_element_type"
    }

    /// `weak_type` is present only if it is true.
    fn params(&self) -> Params {
        let mut params: Params = smallvec![("new_dtype", Param::DType(self.new_dtype))];
        if self.weak {
            params.push(("weak_type", Param::Bool(true)));
        }
        params
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        Ok(smallvec![Aval { weak: self.weak, ..inputs[0].with_dtype(self.new_dtype) }])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let y = one(*self, &[&primals[0]])?;
        let dy = match tangents[0].value() {
            Some(t) if self.new_dtype.is_inexact() => {
                Tangent::Value(try_convert_element_type(t, self.new_dtype)?)
            }
            _ => Tangent::Zero(y.aval()),
        };
        Ok((smallvec![y], vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        if self.new_dtype.is_inexact() { Taylor::Linear } else { Taylor::Still }
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let x = inputs[0].aval();
        match cotangents[0].value() {
            Some(ct) if x.dtype.is_inexact() && self.new_dtype.is_inexact() => {
                Ok(vec![Tangent::Value(try_convert_element_type(ct, x.dtype)?)])
            }
            Some(_) => not_linear(self),
            None => Ok(vec![Tangent::Zero(x)]),
        }
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch(Arc::new(*self), ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Elementwise
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        if inputs[0].dtype == self.new_dtype {
            return Ok(Lowering::Forward);
        }
        Ok(scalar_op(ScalarOp::Convert(self.new_dtype)))
    }

    /// A conversion to the same dtype is the operand. The conversion of a literal is a literal.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let x = &inputs[0];
        if x.aval.dtype == self.new_dtype {
            return Some(Simpler::Operand(0));
        }
        x.splat.and_then(|value| scalar_as(value, self.new_dtype)).map(Simpler::Splat)
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The same values in another dtype. Conversions of floats and ints to floats round to nearest;
/// floats to ints round toward zero and saturate, and NaN gives 0; ints to narrower ints wrap; a
/// conversion to bool is `x ≠ 0`; complex numbers to real ones lose their imaginary part.
///
/// Derivative: between floats and complex numbers the converted tangent, otherwise none. The result
/// is strong; the conversion of a literal is a literal. Panics where [`try_convert_element_type`]
/// gives an error.
#[doc(alias = "astype")]
#[track_caller]
pub fn convert_element_type(x: &Array, new_dtype: DType) -> Array {
    expect(try_convert_element_type(x, new_dtype))
}

/// Returns the error of [`convert_element_type`] instead of panicking.
///
/// Fails if the dtype is not supported.
#[track_caller]
pub fn try_convert_element_type(x: &Array, new_dtype: DType) -> Result<Array, Error> {
    try_convert_weakly(x, new_dtype, false)
}

/// [`try_convert_element_type`] to a dtype that is weak in promotion if `weak`.
#[track_caller]
pub(crate) fn try_convert_weakly(x: &Array, new_dtype: DType, weak: bool) -> Result<Array, Error> {
    if let Some(value) = x.as_literal().and_then(|v| scalar_as(v, new_dtype)) {
        return Ok(if weak { Array::literal(value) } else { Array::strong_literal(value) });
    }
    if x.dtype() == new_dtype && x.is_weak() == weak {
        return Ok(x.clone());
    }
    one(ConvertElementType { new_dtype, weak }, &[x])
}

/// See [`bitcast_convert_type`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitcastConvertType {
    new_dtype: DType,
}

impl Function for BitcastConvertType {
    fn name(&self) -> &'static str {
        "bitcast_convert_type"
    }

    fn params(&self) -> Params {
        smallvec![("new_dtype", Param::DType(self.new_dtype))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        match ScalarOp::Bitcast(self.new_dtype).result(&[x.dtype]) {
            Some(_) => Ok(smallvec![x.with_dtype(self.new_dtype).strong()]),
            None => Err(err!(
                DType,
                "bitcast_convert_type: expected numbers of the width of {}, got {x}",
                self.new_dtype
            )),
        }
    }

    fn derivative(&self) -> Derivative<Self> {
        Derivative::Zero
    }

    fn code(&self, _: &[Aval]) -> Lowering {
        scalar_op(ScalarOp::Bitcast(self.new_dtype))
    }

    /// A bitcast to the same dtype is the operand. Two bitcasts in a row are one.
    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        if inputs[0].aval.dtype == self.new_dtype {
            return Some(Simpler::Operand(0));
        }
        let (_, from) = inputs[0].made_by.as_ref().filter(|(p, _)| p.name() == self.name())?;
        Some(Simpler::Apply(Arc::new(Pointwise(*self)), smallvec![from[0]]))
    }
}

/// The same bits as another dtype. Ints and floats; no derivative.
///
/// A narrower dtype gives several elements for each element, along a new last axis, the lowest bits
/// first. For a wider dtype, the last axis must have as many elements as one wide element needs;
/// that axis is removed. Panics where [`try_bitcast_convert_type`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax::bitcast_convert_type;
/// let bytes = bitcast_convert_type(&array![0x01020304u32], DType::U8);
/// assert_eq!(bytes.to_string(), "[[4 3 2 1]]");
/// assert_eq!(bitcast_convert_type(&bytes, DType::U32).to_vec::<u32>(), [0x01020304]);
/// ```
#[doc(alias = "bitcast")]
#[track_caller]
pub fn bitcast_convert_type(x: &Array, new_dtype: DType) -> Array {
    expect(try_bitcast_convert_type(x, new_dtype))
}

/// Returns the error of [`bitcast_convert_type`] instead of panicking.
///
/// Fails if a dtype is not a number or the last axis does not have the size that is needed.
#[track_caller]
pub fn try_bitcast_convert_type(x: &Array, new_dtype: DType) -> Result<Array, Error> {
    let same_width = |x: &Array, new_dtype| one(Pointwise(BitcastConvertType { new_dtype }), &[x]);
    match (x.dtype().bit_pattern(), new_dtype.bit_pattern()) {
        (Some(wide), Some(narrow)) if wide.size() > narrow.size() => {
            let bits = same_width(x, wide)?;
            let mut shape = x.to_shape();
            shape.push(wide.size() / narrow.size());
            let all = try_broadcast_in_dim(&bits, &shape, &Vec::from_iter(0..x.ndim()))?;
            let parts = try_shift_right_logical(&all, &bit_offsets(wide, &shape, narrow)?)?;
            same_width(&try_convert_element_type(&parts, narrow)?, new_dtype)
        }
        (Some(narrow), Some(wide)) if wide.size() > narrow.size() => {
            let count = wide.size() / narrow.size();
            if x.shape().last() != Some(&count) {
                return Err(err!(
                    Shape,
                    "bitcast_convert_type: expected a last axis of size {count} to make \
                     {new_dtype} of, got {}",
                    x.aval()
                ));
            }
            let parts = try_convert_element_type(&same_width(x, narrow)?, wide)?;
            let shifted = try_shift_left(&parts, &bit_offsets(wide, x.shape(), narrow)?)?;
            same_width(&try_reduce_or(&shifted, &[x.ndim() - 1])?, new_dtype)
        }
        _ => same_width(x, new_dtype),
    }
}

/// The offsets in bits of the parts along the last axis.
fn bit_offsets(wide: DType, shape: &[usize], part: DType) -> Result<Array, Error> {
    let each = Scalar::from_i64(wide, part.bits().into()).expect("an int");
    try_mul(&try_iota(wide, shape, shape.len() - 1)?, &Array::strong_literal(each))
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "convert_element_type",
            build: |args| {
                let weak = args.has("weak_type") && args.bool("weak_type")?;
                Ok(Arc::new(ConvertElementType { new_dtype: args.dtype("new_dtype")?, weak }))
            },
            cases: || cases(convert_to, |from, to| ScalarOp::Convert(to).result(&[from])),
        },
        Entry {
            name: "bitcast_convert_type",
            build: |args| Ok(bitcast_to(args.dtype("new_dtype")?)),
            cases: || {
                let cases = cases(bitcast_to, |from, to| ScalarOp::Bitcast(to).result(&[from]));
                let zero = |c: Case, law| c.exempt(law, "the derivative is zero by decree");
                let derived = ["jvp", "second", "third"];
                cases.into_iter().map(|c| derived.into_iter().fold(c, zero)).collect()
            },
        },
    ]
}

fn convert_to(new_dtype: DType) -> Prim {
    Arc::new(ConvertElementType { new_dtype, weak: false })
}

fn bitcast_to(new_dtype: DType) -> Prim {
    Arc::new(Pointwise(BitcastConvertType { new_dtype }))
}

fn cases(prim: fn(DType) -> Prim, fits: fn(DType, DType) -> Option<DType>) -> Vec<Case> {
    let mut cases = Vec::new();
    for from in RUNNING {
        for to in RUNNING.into_iter().filter(|to| fits(from, *to).is_some()) {
            for shape in SHAPES {
                cases.push(Case::new(prim(to), vec![spread(shape, from, &(-3.0..3.0), 0.37)]));
            }
        }
    }
    cases
}
