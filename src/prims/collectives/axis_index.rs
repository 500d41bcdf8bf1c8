//! `axis_index`: the index of the lane on a mapped axis.
//!
//! `yᵢ = i`, an `i32[]`. The primitive has no inputs, so it has no derivative.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::axis::{AxisName, BatchAxis};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::collectives::lane_fold::in_batch;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::apply::{expect_inputs, one};
use crate::prims::shapes::iota::try_iota;
use cotangent_jit::{DType, Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// `axis_index[axis_name] -> i:i32[]`: the index of the lane.
#[derive(Clone, Debug)]
pub struct AxisIndex {
    axis: AxisName,
}

impl Primitive for AxisIndex {
    fn name(&self) -> &'static str {
        "axis_index"
    }

    fn params(&self) -> Params {
        smallvec![("axis_name", Param::Axes(smallvec![self.axis.clone()]))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 0)?;
        Ok(smallvec![Aval::scalar(DType::I32)])
    }

    fn jvp(&self, _: &Ctx, _: &[Array], _: &[Tangent]) -> JvpResult {
        let index = one(self.clone(), &[])?;
        let zero = Tangent::Zero(index.aval());
        Ok((smallvec![index], vec![zero]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Still
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        Ok(Vec::new())
    }

    fn batch(&self, ctx: &Ctx, _: &[Array], _: &[Option<usize>]) -> BatchResult {
        if ctx.axis.is(&self.axis) {
            let lanes = try_iota(DType::I32, &[ctx.batch_size], 0)?;
            return Ok((smallvec![lanes], vec![Some(0)]));
        }
        Ok((smallvec![one(self.clone(), &[])?], vec![None]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::InBatch
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(in_batch(self.name(), std::slice::from_ref(&self.axis)))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The index of the lane on this axis, an `i32[]`.
#[track_caller]
pub fn try_axis_index(axis: &AxisName) -> Result<Array, Error> {
    one(AxisIndex { axis: axis.clone() }, &[])
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "axis_index", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let [axis] = args.axes("axis_name")? else {
        return Err(err!(Parse, "axis_index: expected the name of one axis"));
    };
    Ok(Arc::new(AxisIndex { axis: axis.clone() }))
}

fn cases() -> Vec<Case> {
    let case = |n| {
        let prim = Arc::new(AxisIndex { axis: "i".into() });
        Case::new(prim, Vec::new()).inside(BatchAxis::named("i", n))
    };
    [3, 0].map(case).into()
}
