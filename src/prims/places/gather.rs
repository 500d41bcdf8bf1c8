//! `gather`: windows of an array at computed indices. Also `take_along_axis`.
//!
//! `out[b, w] = x[start(b) + w]`, where `start(b)` is index vector `b` spread over the operand's
//! axes. The primitive is linear in the operand; its transpose adds the windows up (`scatter_add`).

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::hazard::{Hazard, Hazardous};
use crate::core::lowering::{Lowering, LoweringKind, Point};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::cases::samples::{INTS, RUNNING, array, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::places::gather_dims::Windows;
use crate::prims::places::scatter::{Scatter, ScatterMode};
use crate::prims::rules::apply::{expect, expect_axis, expect_inputs, one};
use crate::prims::rules::zeros::try_zeros;
use crate::prims::shapes::broadcast::try_full;
use crate::prims::shapes::reshape::try_expand_dims;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::kernel::Combine;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

pub use crate::prims::places::gather_dims::GatherDims;

/// The treatment of windows that are not within the operand.
#[doc(alias = "GatherScatterMode")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The window is moved so that it fits.
    Clip,
    /// The window is filled with this value.
    Fill(Scalar),
    /// The caller promises that there is no such window. If there is one, it gives other elements
    /// of the operand.
    Promise,
}

impl Mode {
    /// Fills with NaN for inexact dtypes, the least value for signed ints, the greatest value for
    /// unsigned ints, and true for bools.
    pub fn fill(dtype: DType) -> Mode {
        Mode::Fill(match dtype {
            d if d.is_signed() => Scalar::from_bits(d, 1 << (d.bits() - 1)),
            d if d.is_inexact() => Scalar::from_f64(d, f64::NAN).expect("a number"),
            d => Scalar::from_bits(d, u128::MAX),
        })
    }
}

/// See [`gather`]. Inputs: the operand, the indices.
#[derive(Clone, Debug)]
pub struct Gather {
    pub dims: GatherDims,
    pub slice_sizes: Shape,
    pub mode: Mode,
}

impl Gather {
    fn apply(&self, x: &Array, indices: &Array) -> Result<Array, Error> {
        one(self.clone(), &[x, indices])
    }
}

impl Primitive for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    /// The dimension numbers are the lists of [`GatherDims`], in order.
    fn params(&self) -> Params {
        let mut params: Params = smallvec![
            ("dimension_numbers", self.dims.param()),
            ("slice_sizes", Param::ints(self.slice_sizes.iter().copied())),
        ];
        match self.mode {
            Mode::Clip => params.push(("mode", Param::Name("clip".into()))),
            Mode::Promise => params.push(("mode", Param::Name("promise_in_bounds".into()))),
            Mode::Fill(value) => {
                params.push(("mode", Param::Name("fill".into())));
                params.push(("fill_value", Param::Scalar(value)));
            }
        }
        params
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        let (x, indices) = (&inputs[0], &inputs[1]);
        if let Mode::Fill(value) = self.mode
            && value.dtype() != x.dtype
        {
            return Err(err!(
                DType,
                "gather: expected a fill value of type {}, got {}",
                x.dtype,
                value.dtype()
            ));
        }
        Ok(smallvec![x.with_shape(self.dims.output_shape(
            "gather",
            x,
            indices,
            &self.slice_sizes
        )?)])
    }

    /// `d gather(x, i) = gather(dx, i)`, with zeros where the output is filled.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let out = self.apply(&primals[0], &primals[1])?;
        let tangent = match tangents[0].value() {
            None => Tangent::Zero(out.aval()),
            Some(dx) => {
                let mode = match self.mode {
                    Mode::Clip | Mode::Promise => self.mode,
                    Mode::Fill(v) => Mode::Fill(Scalar::zero(v.dtype())),
                };
                Tangent::Value(Gather { mode, ..self.clone() }.apply(dx, &primals[1])?)
            }
        };
        Ok((smallvec![out], vec![tangent]))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.mode {
            Mode::Fill(v) if v != Scalar::zero(v.dtype()) => Taylor::ByDerivative,
            Mode::Fill(_) | Mode::Clip | Mode::Promise => Taylor::Linear,
        }
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let mut result: Vec<Tangent> = inputs.iter().map(|i| Tangent::Zero(i.aval())).collect();
        if let (Some(ct), Operand::Linear(x), Operand::Known(indices)) =
            (cotangents[0].value(), &inputs[0], &inputs[1])
        {
            let mode = match self.mode {
                Mode::Clip => ScatterMode::Clip,
                Mode::Fill(_) => ScatterMode::Drop,
                Mode::Promise => ScatterMode::Promise,
            };
            let (dims, combine) = (self.dims.clone(), Some(Combine::Sum));
            let add = Scatter { dims, how: mode.into(), combine };
            result[0] = Tangent::Value(one(add, &[&try_zeros(x)?, indices, ct])?);
        }
        Ok(result)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let front =
            |n: usize| axes[n].map_or(Ok(inputs[n].clone()), |a| moveaxis(&inputs[n], a, 0));
        let (x, indices) = (front(0)?, front(1)?);
        let mut batched = self.clone();
        match (axes[0], axes[1]) {
            (Some(_), None) => {
                batched.dims = self.dims.batch_operand();
                batched.slice_sizes.insert(0, ctx.batch_size);
            }
            (None, _) => batched.dims = self.dims.batch_indices(),
            (Some(_), Some(_)) => {
                batched.dims = self.dims.batch_both();
                batched.slice_sizes.insert(0, 1);
            }
        }
        Ok((smallvec![batched.apply(&x, &indices)?], vec![Some(0)]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Indexed
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let windows = Windows {
            dims: self.dims.clone(),
            operand: inputs[0].shape.clone(),
            sizes: self.slice_sizes.clone(),
            batch_rank: inputs[1].rank() - 1,
            clip: !matches!(self.mode, Mode::Fill(_)),
        };
        let mode = self.mode;
        Ok(Lowering::Indexed(Arc::new(move |p: &mut dyn Point| {
            let (at, in_range) = windows.locate(p, 1);
            let value = p.read(0, &at);
            match (mode, in_range) {
                (Mode::Fill(fill), Some(in_range)) => {
                    let b = p.builder();
                    let fill = b.constant(fill);
                    b.op(ScalarOp::Select, &[in_range, value, fill])
                }
                _ => value,
            }
        })))
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let value = inputs[0].splat?;
        let unfilled = !matches!(self.mode, Mode::Fill(fill) if fill != value);
        unfilled.then_some(Simpler::Splat(value))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE.hazardous(self)
    }
}

impl Hazardous for Gather {
    fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard> {
        self.dims.hazards(&inputs[0], &self.slice_sizes)
    }
}

/// Windows of an array at computed indices.
///
/// `out[b, w] = operand[start(b) + w]`. `indices` holds one index vector per `b` along its last
/// axis, and `dims.start_index_map` spreads this vector over the operand's axes. `w` runs over a
/// window of `slice_sizes`. `mode` decides whether a window out of range is moved or filled. The
/// dtype of the indices is any int dtype.
///
/// The derivative gathers the tangent (zero where filled). The transpose is
/// [`scatter_add`](crate::prims::places::scatter::scatter_add). Panics where [`try_gather`] gives
/// an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// use cotangent::lax::{GatherDims, Mode};
/// // Rows 2 and 0 of a matrix.
/// let dims = GatherDims {
///     offset_dims: [1].into_iter().collect(),
///     collapsed_slice_dims: [0].into_iter().collect(),
///     start_index_map: [0].into_iter().collect(),
///     ..GatherDims::default()
/// };
/// let x = array![[1, 2], [3, 4], [5, 6]];
/// let rows = lax::gather(&x, &array![[2], [0]], &dims, &[1, 2], Mode::Clip);
/// assert_eq!(rows.to_vec::<i32>(), [5, 6, 1, 2]);
/// ```
#[track_caller]
pub fn gather(
    operand: &Array,
    indices: &Array,
    dims: &GatherDims,
    slice_sizes: &[usize],
    mode: Mode,
) -> Array {
    expect(try_gather(operand, indices, dims, slice_sizes, mode))
}

/// Returns the error of [`gather`] instead of panicking.
///
/// Fails if the dimension numbers do not fit the operands.
#[track_caller]
pub fn try_gather(
    operand: &Array,
    indices: &Array,
    dims: &GatherDims,
    slice_sizes: &[usize],
    mode: Mode,
) -> Result<Array, Error> {
    Gather { dims: dims.clone(), slice_sizes: slice_sizes.into(), mode }.apply(operand, indices)
}

/// Takes elements along one axis: `out[.., i, ..] = x[.., indices[.., i, ..], ..]`.
///
/// `indices` has the shape of `x` except along `axis`. Panics where [`try_take_along_axis`] gives
/// an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::lax;
/// let (x, i) = (array![[1, 2], [3, 4]], array![[1], [0]]);
/// assert_eq!(lax::take_along_axis(&x, &i, 1, lax::Mode::Clip).to_vec::<i32>(), [2, 3]);
/// ```
#[track_caller]
pub fn take_along_axis(x: &Array, indices: &Array, axis: usize, mode: Mode) -> Array {
    expect(try_take_along_axis(x, indices, axis, mode))
}

/// Returns the error of [`take_along_axis`] instead of panicking.
///
/// Fails if the other axes differ or the indices are not ints.
#[track_caller]
pub fn try_take_along_axis(
    x: &Array,
    indices: &Array,
    axis: usize,
    mode: Mode,
) -> Result<Array, Error> {
    expect_axis("take_along_axis", "axis", axis, &x.aval())?;
    if x.ndim() != indices.ndim() {
        return Err(err!(
            Shape,
            "take_along_axis: expected indices with the axes of {}, got {}",
            x.aval(),
            indices.aval()
        ));
    }
    if !indices.dtype().is_int() {
        let indices = indices.aval();
        return Err(err!(
            DType,
            "take_along_axis: expected indices of an int dtype, got {indices}"
        ));
    }
    let agree = (0..x.ndim()).all(|a| a == axis || x.shape()[a] == indices.shape()[a]);
    if !agree {
        return Err(err!(
            Shape,
            "take_along_axis: expected indices of the sizes of {} but along axis {axis}, got {}",
            x.aval(),
            indices.aval()
        ));
    }
    if indices.size() == 0 {
        // Nothing is taken. A window of size 1 would not fit into an axis of size 0.
        return try_full(indices.shape(), Scalar::zero(x.dtype()));
    }
    let others: Shape = (0..x.ndim()).filter(|a| *a != axis).collect();
    let dims = GatherDims {
        collapsed_slice_dims: smallvec![axis],
        start_index_map: smallvec![axis],
        operand_batching_dims: others.clone(),
        start_indices_batching_dims: others,
        ..GatherDims::default()
    };
    let vectors = try_expand_dims(indices, &[indices.ndim()])?;
    try_gather(x, &vectors, &dims, &Shape::from_elem(1, x.ndim()), mode)
        .map_err(|e| e.told_by("take_along_axis"))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "gather", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let dims = GatherDims::from_lists(args.axis_lists("dimension_numbers")?);
    let mode = match args.name("mode")? {
        "clip" => Mode::Clip,
        "promise_in_bounds" => Mode::Promise,
        "fill" => match args.get("fill_value")? {
            Param::Scalar(value) => Mode::Fill(*value),
            p => return Err(args.wrong("fill_value", "a scalar", p)),
        },
        _ => return Err(args.wrong("mode", "clip, fill or promise_in_bounds", args.get("mode")?)),
    };
    Ok(Arc::new(Gather { dims, slice_sizes: args.sizes("slice_sizes")?.into(), mode }))
}

/// A test case of a gather or a scatter.
pub(crate) struct WindowCase {
    pub operand: Shape,
    pub indices: Shape,
    pub at: Vec<f64>,
    pub dims: GatherDims,
    pub sizes: Shape,
}

/// Cases of single rows, boxes out of range, shared batch axes, and several windows over one
/// element.
pub(crate) fn window_cases() -> Vec<WindowCase> {
    let case = |operand: &[usize],
                indices: &[usize],
                at: &[f64],
                lists: [&[usize]; 5],
                sizes: &[usize]| {
        WindowCase {
            operand: operand.into(),
            indices: indices.into(),
            at: at.to_vec(),
            dims: GatherDims::from_lists(lists.map(<[usize]>::to_vec)),
            sizes: sizes.into(),
        }
    };
    vec![
        case(&[4, 3], &[5, 1], &[2.0, 0.0, 2.0, 3.0, 9.0], [&[1], &[0], &[0], &[], &[]], &[1, 3]),
        case(&[4, 3], &[2, 2], &[1.0, 2.0, 0.0, 1.0], [&[0, 2], &[], &[1, 0], &[], &[]], &[2, 2]),
        case(
            &[2, 4],
            &[2, 3, 1],
            &[1.0, 3.0, 0.0, 2.0, 2.0, 7.0],
            [&[], &[1], &[1], &[0], &[0]],
            &[1, 1],
        ),
        case(&[5], &[1], &[3.0], [&[0], &[], &[0], &[], &[]], &[2]),
    ]
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, d) in RUNNING.into_iter().enumerate() {
        let int = INTS[n % INTS.len()];
        for w in window_cases() {
            for mode in [Mode::Clip, Mode::fill(d), Mode::Promise] {
                let prim = Gather { dims: w.dims.clone(), slice_sizes: w.sizes.clone(), mode };
                let indices = array(&w.indices, int, w.at.iter().copied());
                cases.push(Case::new(Arc::new(prim), vec![sample(&w.operand, d, 0), indices]));
            }
        }
    }
    cases
}
