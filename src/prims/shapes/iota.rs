//! `iota`: the coordinate along one axis.
//!
//! `out[i] = i[dimension]`. It has no inputs, so it has no derivative.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::lowering::{Lowering, LoweringKind, Point};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::cases::samples::NUMBERS;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::apply::{expect, expect_inputs, one};
use crate::prims::rules::numbers::holds;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`iota`].
#[derive(Clone, Debug)]
pub struct Iota {
    pub dtype: DType,
    pub shape: Shape,
    pub dimension: usize,
}

impl Primitive for Iota {
    fn name(&self) -> &'static str {
        "iota"
    }

    fn params(&self) -> Params {
        smallvec![
            ("dtype", Param::DType(self.dtype)),
            ("shape", Param::ints(self.shape.iter().copied())),
            ("dimension", Param::Int(self.dimension as i64)),
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 0)?;
        if self.dimension >= self.shape.len() {
            return Err(err!(
                Axis,
                "iota: dimension {} is out of range for shape {:?}",
                self.dimension,
                self.shape
            ));
        }
        if self.dtype.is_bool() {
            return Err(err!(DType, "iota: expected a dtype of numbers, got bool"));
        }
        // The check of the output's size refuses a size beyond isize, so this check counts no
        // further.
        let n = self.shape[self.dimension].min(isize::MAX as usize);
        if self.dtype.is_int() && n > 0 && !holds(self.dtype, n as i128 - 1) {
            return Err(err!(
                DType,
                "iota: expected a dtype that holds the ints below {n}, got {}; take a wider one",
                self.dtype
            ));
        }
        Ok(smallvec![Aval::new(self.shape.iter().copied(), self.dtype)])
    }

    fn jvp(&self, _: &Ctx, _: &[Array], _: &[Tangent]) -> JvpResult {
        let out = one(self.clone(), &[])?;
        let zero = Tangent::Zero(out.aval());
        Ok((smallvec![out], vec![zero]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Still
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        Ok(Vec::new())
    }

    fn batch(&self, _: &Ctx, _: &[Array], _: &[Option<usize>]) -> BatchResult {
        Ok((smallvec![one(self.clone(), &[])?], vec![None]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Indexed
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let (dtype, dimension) = (self.dtype, self.dimension);
        Ok(Lowering::Indexed(Arc::new(move |p: &mut dyn Point| {
            let i = p.coordinate(dimension);
            p.builder().convert(i, dtype)
        })))
    }

    /// Along an axis of size 1 every element is 0.
    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        (self.shape[self.dimension] == 1).then(|| Simpler::Splat(Scalar::zero(self.dtype)))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The coordinate along `dimension`: `out[i] = i[dimension]`. The dtype is any dtype of numbers; an
/// int dtype must hold every coordinate.
///
/// Panics where [`try_iota`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::iota(DType::I32, &[2, 3], 1).to_vec::<i32>(), [0, 1, 2, 0, 1, 2]);
/// ```
#[track_caller]
pub fn iota(dtype: DType, shape: &[usize], dimension: usize) -> Array {
    expect(try_iota(dtype, shape, dimension))
}

/// Returns the error of [`iota`] instead of panicking.
///
/// Fails if `dimension` is no axis of `shape`, the dtype is bool, or an int dtype cannot hold every
/// coordinate.
#[track_caller]
pub fn try_iota(dtype: DType, shape: &[usize], dimension: usize) -> Result<Array, Error> {
    one(Iota { dtype, shape: shape.into(), dimension }, &[])
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "iota", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let shape: Shape = args.sizes("shape")?.into();
    Ok(Arc::new(Iota { dtype: args.dtype("dtype")?, shape, dimension: args.size("dimension")? }))
}

fn cases() -> Vec<Case> {
    let shapes = [(&[5][..], 0), (&[2, 3], 1), (&[2, 3], 0)];
    let case = |dtype, (shape, dimension): (&[usize], usize)| {
        Case::new(Arc::new(Iota { dtype, shape: shape.into(), dimension }), vec![])
    };
    NUMBERS.into_iter().flat_map(|d| shapes.map(|s| case(d, s))).collect()
}
