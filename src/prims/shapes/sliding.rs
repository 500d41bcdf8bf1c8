//! `sliding_windows`: all windows of an array side by side.
//!
//! `out[o, w] = x[stride · o + dilation · w]`, axis by axis. The primitive is linear; its transpose
//! adds overlapping windows up. It is a view and costs nothing, so reductions over windows and
//! convolutions are composed of it.

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
use crate::prims::places::gather::GatherDims;
use crate::prims::places::scatter::{ScatterMode, try_scatter_add};
use crate::prims::points::binary::{try_add, try_mul};
use crate::prims::rules::apply::{expect, expect_inputs, one};
use crate::prims::rules::linear::{linear_unary_jvp, transpose_unary};
use crate::prims::rules::zeros::try_zeros;
use crate::prims::shapes::concatenate::try_concatenate;
use crate::prims::shapes::iota::try_iota;
use crate::prims::shapes::reshape::{try_expand_dims, try_reshape};
use crate::prims::shapes::transpose::moveaxis;
use crate::prims::shapes::transpose::try_transpose;
use cotangent_jit::affine::Affine;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`sliding_windows`].
#[derive(Clone, Debug)]
pub struct SlidingWindows {
    pub sizes: Shape,
    pub strides: Shape,
    pub dilation: Shape,
}

/// The number of windows that fit into an axis of size `n`.
pub(crate) fn fitting(n: usize, size: usize, stride: usize, dilation: usize) -> usize {
    let span = (size - 1).saturating_mul(dilation).saturating_add(1);
    if n < span { 0 } else { (n - span) / stride + 1 }
}

impl SlidingWindows {
    fn apply(&self, x: &Array) -> Result<Array, Error> {
        one(self.clone(), &[x])
    }

    /// Adds overlapping windows up at their positions in zeros of type `x`.
    fn overlap_add(&self, ct: &Array, x: &Aval) -> Result<Array, Error> {
        if ct.size() == 0 {
            // There is no window.
            return try_zeros(x);
        }
        let rank = x.rank();
        let is_windowed = |a: &usize| self.sizes[*a] != 1 || self.strides[*a] != 1;
        let windowed: Shape = (0..rank).filter(is_windowed).collect();
        let unwindowed: Shape = (0..rank).filter(|a| !is_windowed(a)).collect();
        if windowed.is_empty() {
            return try_reshape(ct, &x.shape);
        }
        // The scatter's batch axes are the window numbers and the offsets within a window. It takes
        // the unwindowed axes whole.
        let order = windowed.iter().copied().chain(windowed.iter().map(|a| rank + a));
        let order: Shape = order
            .chain(unwindowed.iter().copied())
            .chain(unwindowed.iter().map(|a| rank + a))
            .collect();
        let updates = try_transpose(ct, &order)?;
        let shape = Shape::from_slice(&updates.shape()[..2 * windowed.len()]);
        let whole: Shape =
            shape.iter().copied().chain(unwindowed.iter().map(|a| x.shape[*a])).collect();
        let updates = try_reshape(&updates, &whole)?;
        let scaled = |dimension: usize, by: usize| {
            let by = Array::strong_literal(Scalar::from(by as i64));
            try_mul(&try_iota(DType::I64, &shape, dimension)?, &by)
        };
        let component = |(n, a): (usize, &usize)| {
            let at = try_add(
                &scaled(n, self.strides[*a])?,
                &scaled(windowed.len() + n, self.dilation[*a])?,
            )?;
            try_expand_dims(&at, &[shape.len()])
        };
        let at: Result<Vec<Array>, Error> = windowed.iter().enumerate().map(component).collect();
        let dims = GatherDims {
            offset_dims: (shape.len()..whole.len()).collect(),
            collapsed_slice_dims: windowed.clone(),
            start_index_map: windowed,
            ..GatherDims::default()
        };
        let at = try_concatenate(&at?, shape.len())?;
        try_scatter_add(&try_zeros(x)?, &at, &updates, &dims, ScatterMode::Promise)
    }
}

impl Primitive for SlidingWindows {
    fn name(&self) -> &'static str {
        "sliding_windows"
    }

    fn params(&self) -> Params {
        let ints = |s: &Shape| Param::ints(s.iter().copied());
        smallvec![
            ("window_dimensions", ints(&self.sizes)),
            ("window_strides", ints(&self.strides)),
            ("window_dilation", ints(&self.dilation))
        ]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        for (what, list) in [
            ("window sizes", &self.sizes),
            ("strides", &self.strides),
            ("dilations", &self.dilation),
        ] {
            if list.len() != x.rank() || list.contains(&0) {
                return Err(err!(
                    Shape,
                    "sliding_windows: expected positive {what}, one per axis of {x}, got {list:?}"
                ));
            }
        }
        let outs = (0..x.rank())
            .map(|a| fitting(x.shape[a], self.sizes[a], self.strides[a], self.dilation[a]));
        Ok(smallvec![x.with_shape(outs.chain(self.sizes.iter().copied()))])
    }

    /// `d windows(x) = windows(dx)`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        linear_unary_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let x = inputs[0].aval();
        transpose_unary(cotangents, x.clone(), |ct| self.overlap_add(ct, &x))
    }

    /// Moves the batch axis to the front and gives it windows of one element, then drops the axis
    /// of these windows.
    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let x = moveaxis(&inputs[0], axes[0].expect("the one operand is batched"), 0)?;
        let with_one = |s: &Shape| [1].into_iter().chain(s.iter().copied()).collect();
        let batched = SlidingWindows {
            sizes: with_one(&self.sizes),
            strides: with_one(&self.strides),
            dilation: with_one(&self.dilation),
        };
        let out = batched.apply(&x)?;
        let mut shape = out.to_shape();
        shape.remove(x.ndim());
        Ok((smallvec![try_reshape(&out, &shape)?], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::View
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let rank = inputs[0].rank();
        let map = |a: usize| {
            let windows = Affine::counter(a).scale(self.strides[a] as i64);
            windows.add(&Affine::counter(rank + a).scale(self.dilation[a] as i64))
        };
        Ok(Lowering::View((0..rank).map(map).collect()))
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        Some(Simpler::Splat(inputs[0].splat?))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// All windows of an array: `out[o, w] = operand[strides · o + dilation · w]`. The first axes of
/// the result count the windows `o`, as many as fit. As many further axes count the offsets `w`
/// within a window.
///
/// The dtype is any. The derivative takes windows of the tangent; the transpose adds overlapping
/// windows up. Panics where [`try_sliding_windows`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let pairs = lax::sliding_windows(&array![1, 2, 3], &[2], &[1], &[1]);
/// assert_eq!((pairs.shape(), pairs.to_vec::<i32>()), (&[2, 2][..], vec![1, 2, 2, 3]));
/// ```
#[doc(alias("im2col", "unfold", "sliding_window_view", "conv_general_dilated_patches"))]
#[track_caller]
pub fn sliding_windows(
    operand: &Array,
    sizes: &[usize],
    strides: &[usize],
    dilation: &[usize],
) -> Array {
    expect(try_sliding_windows(operand, sizes, strides, dilation))
}

/// Returns the error of [`sliding_windows`] instead of panicking.
///
/// Fails unless there is one positive size, stride and dilation per axis.
#[track_caller]
pub fn try_sliding_windows(
    operand: &Array,
    sizes: &[usize],
    strides: &[usize],
    dilation: &[usize],
) -> Result<Array, Error> {
    let (sizes, strides, dilation) = (sizes.into(), strides.into(), dilation.into());
    SlidingWindows { sizes, strides, dilation }.apply(operand)
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "sliding_windows", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(SlidingWindows {
        sizes: args.sizes("window_dimensions")?.into(),
        strides: args.sizes("window_strides")?.into(),
        dilation: args.sizes("window_dilation")?.into(),
    }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for (from, sizes, strides, dilation) in [
            (&[6][..], &[3][..], &[1][..], &[1][..]),
            (&[7], &[2], &[2], &[3]),
            (&[3, 5], &[1, 2], &[1, 2], &[1, 1]),
            (&[4, 3], &[2, 2], &[2, 1], &[1, 1]),
            (&[3], &[1], &[1], &[1]),
            (&[2], &[3], &[1], &[1]),
            (&[0], &[3], &[1], &[1]),
            (&[2, 0], &[2, 1], &[1, 1], &[1, 1]),
        ] {
            let prim = SlidingWindows {
                sizes: sizes.into(),
                strides: strides.into(),
                dilation: dilation.into(),
            };
            cases.push(Case::new(Arc::new(prim), vec![sample(from, d, 0)]));
        }
    }
    cases
}
