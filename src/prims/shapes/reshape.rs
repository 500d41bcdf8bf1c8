//! `reshape`: the same elements in row-major order under another shape. Also `squeeze` and
//! `expand_dims`.
//!
//! The primitive is linear; its transpose reshapes back.

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
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::{Error, err, plural};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`reshape`].
#[derive(Clone, Debug)]
pub struct Reshape {
    pub new_sizes: Shape,
}

impl Primitive for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn params(&self) -> Params {
        smallvec![("new_sizes", Param::ints(self.new_sizes.iter().copied()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        let count = self.new_sizes.iter().try_fold(1usize, |n, s| n.checked_mul(*s));
        if count != Some(x.size()) {
            let got = count.map_or("more than usize::MAX".into(), |n| n.to_string());
            return Err(err!(
                Shape,
                "reshape: expected a shape of {elements} for {x}, got {:?} of {got}",
                self.new_sizes,
                elements = plural(x.size(), "element")
            ));
        }
        Ok(smallvec![x.with_shape(self.new_sizes.iter().copied())])
    }

    /// `d reshape(x) = reshape(dx)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_unary_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let x = inputs[0].aval();
        transpose_unary(cotangents, x.clone(), |ct| try_reshape(ct, &x.shape))
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let x = moveaxis(&inputs[0], axes[0].expect("the one operand is batched"), 0)?;
        let mut sizes = self.new_sizes.clone();
        sizes.insert(0, ctx.batch_size);
        Ok((smallvec![try_reshape(&x, &sizes)?], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Reshape
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Reshape)
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        if inputs[0].aval.shape == self.new_sizes {
            return Some(Simpler::Operand(0));
        }
        if let Some(value) = inputs[0].splat {
            return Some(Simpler::Splat(value));
        }
        // reshape(reshape(x)) = reshape(x)
        let (prim, atoms) = inputs[0].made_by.as_ref()?;
        (prim.name() == "reshape")
            .then(|| Simpler::Apply(Arc::new(self.clone()), smallvec![atoms[0]]))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The same elements, in row-major order, under another shape with as many elements.
///
/// The derivative is the reshaped tangent; the transpose reshapes back. Panics where
/// [`try_reshape`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::reshape(&array![[1, 2], [3, 4]], &[4]).shape(), [4]);
/// ```
#[doc(alias = "collapse")]
#[track_caller]
pub fn reshape(operand: &Array, new_sizes: &[usize]) -> Array {
    expect(try_reshape(operand, new_sizes))
}

/// Returns the error of [`reshape`] instead of panicking.
///
/// Fails if the numbers of elements differ.
#[track_caller]
pub fn try_reshape(operand: &Array, new_sizes: &[usize]) -> Result<Array, Error> {
    if operand.shape() == new_sizes {
        return Ok(operand.clone());
    }
    one(Reshape { new_sizes: new_sizes.into() }, &[operand])
}

/// Removes these axes, which must have size 1. Panics where [`try_squeeze`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::squeeze(&array![[1, 2]], &[0]).shape(), [2]);
/// ```
#[track_caller]
pub fn squeeze(operand: &Array, axes: &[usize]) -> Array {
    expect(try_squeeze(operand, axes))
}

/// Returns the error of [`squeeze`] instead of panicking.
///
/// Fails if an axis is out of range or its size is not 1.
#[track_caller]
pub fn try_squeeze(operand: &Array, axes: &[usize]) -> Result<Array, Error> {
    for &axis in axes {
        match operand.shape().get(axis) {
            Some(1) => {}
            Some(n) => {
                return Err(err!(
                    Shape,
                    "squeeze: expected axis {axis} of {} to have size 1, got {n}",
                    operand.aval()
                ));
            }
            None => {
                return Err(err!(
                    Axis,
                    "squeeze: axis {axis} is out of range for {}",
                    operand.aval()
                ));
            }
        }
    }
    let kept = operand.shape().iter().enumerate().filter(|(a, _)| !axes.contains(a));
    let sizes: Shape = kept.map(|(_, n)| *n).collect();
    try_reshape(operand, &sizes).map_err(|e| e.told_by("squeeze"))
}

/// Inserts axes of size 1 at the positions `axes` of the result. Panics where [`try_expand_dims`]
/// gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// assert_eq!(lax::expand_dims(&array![1, 2], &[1]).shape(), [2, 1]);
/// ```
#[track_caller]
pub fn expand_dims(operand: &Array, axes: &[usize]) -> Array {
    expect(try_expand_dims(operand, axes))
}

/// Returns the error of [`expand_dims`] instead of panicking.
///
/// Fails if an axis is out of range of the result or given twice.
#[track_caller]
pub fn try_expand_dims(operand: &Array, axes: &[usize]) -> Result<Array, Error> {
    let mut axes: Shape = axes.into();
    axes.sort_unstable();
    let rank = operand.ndim() + axes.len();
    if axes.windows(2).any(|w| w[0] == w[1]) || axes.last().is_some_and(|a| *a >= rank) {
        return Err(err!(
            Axis,
            "expand_dims: expected distinct axes below {rank} for {}, got {axes:?}",
            operand.aval()
        ));
    }
    let mut sizes = operand.to_shape();
    for &axis in &axes {
        sizes.insert(axis, 1);
    }
    try_reshape(operand, &sizes).map_err(|e| e.told_by("expand_dims"))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "reshape", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Reshape { new_sizes: args.sizes("new_sizes")?.into() }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (from, to) in
            [(&[2, 3][..], &[3, 2][..]), (&[6], &[1, 2, 3]), (&[1, 1], &[]), (&[0, 3], &[2, 0])]
        {
            let prim = Reshape { new_sizes: to.into() };
            cases.push(Case::new(Arc::new(prim), vec![sample(from, d, 0)]));
        }
    }
    cases
}
