//! `scatter` and `scatter_add`: windows of an array overwritten or added to at computed places.
//!
//! `out = x` but `out[start(b) + w] = u[b, w]` (or `+=`), in row-major order of the updates, so of equal places the last one
//! stands. Linear in operand and updates together.

use super::apply::{expect, expect_inputs, one};
use super::batching::batch_in_front;
use super::broadcast::try_full;
use super::compare::try_eq;
use super::gather::{Gather, Mode, window_cases};
use super::indexing::flat;
use super::iota::try_iota;
use super::linear::{instantiate, linear_jvp, zeros_of};
use super::reshape::try_reshape;
use super::roll_call::{Args, Case, Entry};
use super::samples::{NUMBERS, RUNNING, array, sample};
use super::select::try_select_n;
use super::windows::{GatherDims, Windows};
use crate::core::array::Array;
use crate::core::aval::{Aval, Avals, Shape};
use crate::core::hazard::Hazard;
use crate::core::lowering::{Lowering, Point};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    Arrays, Carrier, Ctx, Effects, Known, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
};
use cotangent_jit::kernel::Combine;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// What becomes of updates whose window is not within the operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScatterMode {
    /// The window is moved so that it is.
    Clip,
    /// They are dropped, the whole window at once.
    Drop,
}

/// See [`scatter`] and [`scatter_add`]. Inputs: operand, indices, updates.
#[derive(Clone, Debug)]
pub struct Scatter {
    /// In terms of the gather that reads what this writes.
    pub dims: GatherDims,
    pub mode: ScatterMode,
    pub add: bool,
}

impl Scatter {
    /// Sizes of the windows along the operand's axes.
    fn slice_sizes(&self, x: &Aval, updates: &Aval) -> Shape {
        let mut sizes = Shape::from_elem(1, x.rank());
        for (axis, d) in self.dims.window_axes(x.rank()).iter().zip(&self.dims.offset_dims) {
            sizes[*axis] = updates.shape.get(*d).copied().unwrap_or(0);
        }
        sizes
    }

    /// The gather of the same windows.
    fn reading(&self, x: &Aval, updates: &Aval, fill: Scalar) -> Gather {
        let mode = match self.mode {
            ScatterMode::Clip => Mode::Clip,
            ScatterMode::Drop => Mode::Fill(fill),
        };
        Gather { dims: self.dims.clone(), slice_sizes: self.slice_sizes(x, updates), mode }
    }

    fn apply(&self, x: &Array, indices: &Array, updates: &Array) -> Result<Array, Error> {
        one(self.clone(), &[x, indices, updates])
    }
}

impl Primitive for Scatter {
    fn name(&self) -> &'static str {
        if self.add { "scatter_add" } else { "scatter" }
    }

    /// Dimension numbers: the lists of [`GatherDims`] in order.
    fn params(&self) -> Params {
        let mode = match self.mode {
            ScatterMode::Clip => "clip",
            ScatterMode::Drop => "drop",
        };
        smallvec![("dimension_numbers", self.dims.param()), ("mode", Param::Name(mode.into()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let name = self.name();
        expect_inputs(name, inputs, 3)?;
        let (x, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
        if x.dtype != updates.dtype {
            return Err(err!(
                DType,
                "{name}: expected operand and updates of one dtype, got {x} and {updates}; convert one"
            ));
        }
        if self.add && x.dtype.is_bool() {
            return Err(err!(DType, "{name}: expected numbers, got {x}"));
        }
        let sizes = self.slice_sizes(x, updates);
        let shape = self.dims.output_shape(name, x, indices, &sizes)?;
        if shape != updates.shape {
            return Err(err!(
                Shape,
                "{name}: expected updates of shape {shape:?} for {x} at {indices}, got {updates}"
            ));
        }
        Ok(smallvec![x.clone()])
    }

    /// `d scatter(x, i, u) = scatter(dx, i, du)`
    fn jvp(
        &self,
        _: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> Result<(Arrays, Vec<Tangent>), Error> {
        if self.add && !tangents[0].is_zero() && tangents[2].is_zero() {
            let out = self.apply(&primals[0], &primals[1], &primals[2])?;
            return Ok((smallvec![out], vec![Tangent::Value(instantiate(&tangents[0])?)]));
        }
        linear_jvp(Arc::new(self.clone()), primals, tangents)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    /// The updates' is read from where they went; the operand's is the cotangent, less what was overwritten.
    fn transpose(
        &self,
        _: &Ctx,
        cotangents: &[Tangent],
        inputs: &[Operand],
    ) -> Result<Vec<Tangent>, Error> {
        let mut result: Vec<Tangent> = inputs.iter().map(|i| Tangent::Zero(i.aval())).collect();
        let Some(ct) = cotangents[0].value() else { return Ok(result) };
        let indices = inputs[1].known().expect("indices are known");
        let updates = inputs[2].aval();
        if inputs[0].is_linear() {
            result[0] = Tangent::Value(if self.add {
                ct.clone()
            } else {
                self.apply(ct, indices, &zeros_of(&updates)?)?
            });
        }
        if inputs[2].is_linear() {
            let zero = Scalar::zero(updates.dtype);
            let read = one(self.reading(&ct.aval(), &updates, zero), &[ct, indices])?;
            result[2] = Tangent::Value(if self.add {
                read
            } else {
                let lost = zeros_of(&updates)?;
                try_select_n(&self.standing(&ct.aval(), indices, &updates)?, &[&lost, &read])?
            });
        }
        Ok(result)
    }

    fn batch(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<(Arrays, Vec<Option<usize>>), Error> {
        let x = batch_in_front(ctx, &inputs[0], axes[0])?;
        let updates = batch_in_front(ctx, &inputs[2], axes[2])?;
        let (indices, dims) = match axes[1] {
            None => (inputs[1].clone(), self.dims.batch_operand()),
            Some(_) => (batch_in_front(ctx, &inputs[1], axes[1])?, self.dims.batch_both()),
        };
        let wide = Scatter { dims, ..self.clone() };
        Ok((smallvec![wide.apply(&x, &indices, &updates)?], vec![Some(0)]))
    }

    fn lower(&self, inputs: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        let shape = inputs[0].shape.clone();
        let windows = Windows {
            dims: self.dims.clone(),
            operand: shape.clone(),
            sizes: self.slice_sizes(&inputs[0], &inputs[2]),
            batch_rank: inputs[1].rank() - 1,
            clip: self.mode == ScatterMode::Clip,
        };
        let position = Arc::new(move |p: &mut dyn Point| {
            let (at, in_range) = windows.locate(p, 1);
            let b = p.builder();
            let at = flat(b, &shape, &at);
            match in_range {
                Some(in_range) => {
                    let nowhere = b.constant(Scalar::from(-1i64));
                    b.op(ScalarOp::Select, &[in_range, at, nowhere])
                }
                None => at,
            }
        });
        let combine = self.add.then_some(Combine::Sum);
        Ok(Lowering::Scatter { base: 0, updates: 2, combine, position })
    }

    fn simplify(&self, inputs: &[Known], _: &[Aval]) -> Option<Simpler> {
        let updates = &inputs[2];
        let nothing = updates.aval.size() == 0
            || (self.add
                && updates.aval.dtype.is_int()
                && updates.splat.is_some_and(|s| s.bits() == 0));
        nothing.then_some(Simpler::Operand(0))
    }

    fn effects(&self) -> Effects {
        Effects::NONE
    }

    fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard> {
        let sizes = self.slice_sizes(&inputs[0], &inputs[2]);
        vec![Hazard::Index { input: 1, limits: self.dims.limits(&inputs[0], &sizes) }]
    }

    fn carrier(&self) -> Option<&dyn Carrier> {
        None
    }
}

impl Scatter {
    /// Which updates stand, that is, are neither dropped nor overwritten by later ones: each writes its number, and looks
    /// whether it is still there.
    fn standing(&self, x: &Aval, indices: &Array, updates: &Aval) -> Result<Array, Error> {
        let wide = updates.size() > i32::MAX as usize;
        let dtype = if wide { DType::I64 } else { DType::I32 };
        let numbers = try_reshape(&try_iota(dtype, &[updates.size()], 0)?, &updates.shape)?;
        let nobody = Scalar::from_i64(dtype, -1).expect("an int");
        let written = self.apply(&try_full(&x.shape, nobody)?, indices, &numbers)?;
        let reading = self.reading(x, updates, nobody);
        try_eq(&one(reading, &[&written, indices])?, &numbers)
    }
}

/// Overwrites windows of the operand at computed places.
///
/// `out[start(b) + w] = updates[b, w]`, and `operand` elsewhere; `dims` are those of the
/// [`gather`](super::gather::gather) that reads the same windows. Of updates at one place the last in row-major order
/// stands. Windows out of range are moved or dropped, by `mode`.
///
/// Linear in operand and updates together. Panics where [`try_scatter`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::prims::lax;
/// use cotangent::prims::lax::{GatherDims, ScatterMode};
/// let dims = GatherDims {
///     collapsed_slice_dims: [0].into_iter().collect(),
///     start_index_map: [0].into_iter().collect(),
///     ..GatherDims::default()
/// };
/// let (x, at, updates) = (array![0, 0, 0], array![[2], [0]], array![7, 8]);
/// assert_eq!(lax::scatter(&x, &at, &updates, &dims, ScatterMode::Drop).to_vec::<i32>(), [8, 0, 7]);
/// ```
#[track_caller]
pub fn scatter(
    operand: &Array,
    indices: &Array,
    updates: &Array,
    dims: &GatherDims,
    mode: ScatterMode,
) -> Array {
    expect(try_scatter(operand, indices, updates, dims, mode))
}

/// [`scatter`], or an error if the dimension numbers or dtypes do not fit.
#[track_caller]
pub fn try_scatter(
    operand: &Array,
    indices: &Array,
    updates: &Array,
    dims: &GatherDims,
    mode: ScatterMode,
) -> Result<Array, Error> {
    Scatter { dims: dims.clone(), mode, add: false }.apply(operand, indices, updates)
}

/// Adds to windows of the operand at computed places: `out[start(b) + w] += updates[b, w]`, in row-major order of the
/// updates. Otherwise as [`scatter`]; the transpose is a gather. Panics where [`try_scatter_add`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::prims::lax;
/// use cotangent::prims::lax::{GatherDims, ScatterMode};
/// let dims = GatherDims {
///     collapsed_slice_dims: [0].into_iter().collect(),
///     start_index_map: [0].into_iter().collect(),
///     ..GatherDims::default()
/// };
/// let (x, at, updates) = (array![0, 0, 0], array![[2], [2]], array![7, 8]);
/// assert_eq!(lax::scatter_add(&x, &at, &updates, &dims, ScatterMode::Drop).to_vec::<i32>(), [0, 0, 15]);
/// ```
#[track_caller]
pub fn scatter_add(
    operand: &Array,
    indices: &Array,
    updates: &Array,
    dims: &GatherDims,
    mode: ScatterMode,
) -> Array {
    expect(try_scatter_add(operand, indices, updates, dims, mode))
}

/// [`scatter_add`], or an error if the dimension numbers or dtypes do not fit.
#[track_caller]
pub fn try_scatter_add(
    operand: &Array,
    indices: &Array,
    updates: &Array,
    dims: &GatherDims,
    mode: ScatterMode,
) -> Result<Array, Error> {
    Scatter { dims: dims.clone(), mode, add: true }.apply(operand, indices, updates)
}

pub fn entries() -> Vec<Entry> {
    vec![
        Entry { name: "scatter", build: |args| build(args, false), cases: || cases(false) },
        Entry { name: "scatter_add", build: |args| build(args, true), cases: || cases(true) },
    ]
}

fn build(args: &Args, add: bool) -> Result<Prim, Error> {
    let dims = GatherDims::from_lists(args.axis_lists("dimension_numbers")?);
    let mode = match args.name("mode")? {
        "clip" => ScatterMode::Clip,
        "drop" => ScatterMode::Drop,
        _ => return Err(args.wrong("mode", "clip or drop", args.get("mode")?)),
    };
    Ok(Arc::new(Scatter { dims, mode, add }))
}

fn cases(add: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    let dtypes: &[DType] = if add { &NUMBERS } else { &RUNNING };
    for (n, &d) in dtypes.iter().enumerate() {
        let int = [DType::I32, DType::I64, DType::U32, DType::U64][n % 4];
        for w in window_cases() {
            for mode in [ScatterMode::Clip, ScatterMode::Drop] {
                let x = Aval::new(w.operand.iter().copied(), d);
                let indices = Aval::new(w.indices.iter().copied(), int);
                let updates = w.dims.output_shape("scatter", &x, &indices, &w.sizes);
                let updates = sample(&updates.expect("cases fit"), d, 1);
                let indices = array(&w.indices, int, w.at.iter().copied());
                let prim = Scatter { dims: w.dims.clone(), mode, add };
                let inputs = vec![sample(&w.operand, d, 0), indices, updates];
                cases.push(Case::new(Arc::new(prim), inputs));
            }
        }
    }
    cases
}
