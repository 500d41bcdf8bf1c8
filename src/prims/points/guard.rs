//! `guard`: the identity, with a derivative only where a predicate is true.
//!
//! `y = x`, `dy = taken ? dx : 0`, and the same for cotangents. A branch that runs in all lanes of
//! a batch but is chosen only in some takes its operands through a guard. In the other lanes the
//! branch may be evaluated where its derivative is infinite, and a zero cotangent times infinity
//! would be NaN. The caller must discard what the branch computes in those lanes; otherwise the
//! derivative is not that of the value.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::cases::points::spread;
use crate::prims::cases::samples::array;
use crate::prims::entry::{Case, Entry};
use crate::prims::points::elementwise::{batch, common_shape, fit, scalar_code};
use crate::prims::points::select::select_n;
use crate::prims::rules::apply::{expect_inputs, one};
use crate::prims::rules::numbers::number;
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::smallvec;
use std::sync::Arc;

/// `guard x taken:bool -> x`, of one shape.
#[derive(Clone, Copy, Debug)]
pub struct Guard;

impl Primitive for Guard {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 2)?;
        let (x, taken) = (&inputs[0], &inputs[1]);
        if !x.dtype.is_inexact() || !taken.dtype.is_bool() {
            return Err(err!(DType, "guard: expected floats and bools, got {x} and {taken}"));
        }
        Ok(smallvec![x.with_shape(common_shape(self.name(), inputs)?)])
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let y = one(*self, &[&primals[0], &primals[1]])?;
        let dy = match &tangents[0] {
            Tangent::Value(t) => Tangent::Value(fit(where_taken(t, &primals[1]), y.shape())?),
            Tangent::Zero(_) => Tangent::Zero(y.aval()),
        };
        Ok((smallvec![y], vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let taken = inputs[1].known().ok_or_else(|| err!(Transform, "guard: bools are known"))?;
        let dx = match cotangents[0].value() {
            Some(ct) => Tangent::Value(fit(where_taken(ct, taken), &inputs[0].aval().shape)?),
            None => Tangent::Zero(inputs[0].aval()),
        };
        Ok(vec![dx, Tangent::Zero(taken.aval())])
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch(Arc::new(*self), ctx, inputs, axes)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Elementwise
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(scalar_code(|_, x| x[0]))
    }

    /// A constant has no derivative to guard. If every element is taken, the result is the operand.
    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        if let Some(number) = inputs[0].splat {
            return Some(Simpler::Splat(number));
        }
        let all = inputs[1].splat == Some(Scalar::from(true));
        (all && inputs[0].aval.shape == outputs[0].shape).then_some(Simpler::Operand(0))
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

fn where_taken(x: &Array, taken: &Array) -> Array {
    select_n(taken, &[&number(0.0, x.dtype()), x])
}

/// `x`, with a derivative only where `taken` is true.
#[track_caller]
pub fn try_guard(x: &Array, taken: &Array) -> Result<Array, Error> {
    one(Guard, &[x, taken])
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "guard", build: |_| Ok(Arc::new(Guard)), cases }]
}

/// If every element is taken, `guard` is the identity. If some are not, finite differences cannot
/// check the derivative.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in [DType::F32, DType::F64] {
        for shape in [&[2, 3][..], &[], &[0]] {
            let n = shape.iter().product::<usize>();
            for some in [false, true] {
                let taken = (0..n).map(|i| f64::from(!some || i % 2 == 0));
                let x = spread(shape, d, &(-2.0..2.0), 0.37);
                let case = Case::new(Arc::new(Guard), vec![x, array(shape, DType::Bool, taken)]);
                let exempt = |c: Case, law| c.exempt(law, "the derivative is zero by decree");
                cases.push(match some {
                    true => ["jvp", "second", "third"].into_iter().fold(case, exempt),
                    false => case,
                });
            }
        }
    }
    cases
}
