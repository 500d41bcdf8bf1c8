//! Identities that affect transforms: `stop_gradient` passes no tangent, and no simplification
//! merges values across `optimization_barrier`.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::Params;
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::cases::samples::RUNNING;
use crate::prims::entry::{Case, Entry};
use crate::prims::rules::apply::{expect, expect_inputs, one};
use cotangent_jit::Error;
use smallvec::smallvec;
use std::sync::Arc;

/// See [`stop_gradient`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopGradient;

impl Primitive for StopGradient {
    fn name(&self) -> &'static str {
        "stop_gradient"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        Ok(inputs.into())
    }

    fn jvp(&self, _: &Ctx, primals: &[Array], _: &[Tangent]) -> JvpResult {
        // An outer differentiation sees `stop_gradient` too, so a second derivative also stops
        // here.
        let y = one(*self, &[&primals[0]])?;
        let zero = Tangent::Zero(y.aval());
        Ok((smallvec![y], vec![zero]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Still
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        Ok((smallvec![one(*self, &[&inputs[0]])?], axes.to_vec()))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Forward
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Forward)
    }

    /// Never simplified: the simplified jaxpr may still be differentiated.
    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The operand itself, as a constant for derivatives: `y = x`, `dy = 0`. Any dtype.
///
/// Panics where [`try_stop_gradient`] gives an error.
#[doc(alias("detach", "no_grad"))]
#[track_caller]
pub fn stop_gradient(x: &Array) -> Array {
    expect(try_stop_gradient(x))
}

/// Returns the error of [`stop_gradient`] instead of panicking.
///
/// Fails if the operand is a tracer that cannot be used here.
#[track_caller]
pub fn try_stop_gradient(x: &Array) -> Result<Array, Error> {
    if x.dtype().is_inexact() && x.as_literal().is_none() {
        one(StopGradient, &[x])
    } else {
        Ok(x.clone())
    }
}

/// See [`optimization_barrier`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptimizationBarrier;

impl Primitive for OptimizationBarrier {
    fn name(&self) -> &'static str {
        "optimization_barrier"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        Ok(inputs.into())
    }

    /// The tangents pass through a barrier of their own.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        Ok((bind(Arc::new(*self), primals)?, self.pass(tangents)?))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        let linear = inputs.iter().zip(cotangents).map(|(input, ct)| match input {
            Operand::Linear(_) => ct.clone(),
            Operand::Known(x) => Tangent::Zero(x.aval()),
        });
        self.pass(&linear.collect::<Vec<_>>())
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        Ok((bind(Arc::new(*self), inputs)?, axes.to_vec()))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Forward
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Forward)
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

impl OptimizationBarrier {
    /// Passes the nonzero tangents through one barrier.
    fn pass(&self, tangents: &[Tangent]) -> Result<Vec<Tangent>, Error> {
        let nonzero: Vec<Array> = tangents.iter().filter_map(|t| t.value().cloned()).collect();
        if nonzero.is_empty() {
            return Ok(tangents.to_vec());
        }
        let mut passed = bind(Arc::new(*self), &nonzero)?.into_iter();
        let replace = |t: &Tangent| match t {
            Tangent::Value(_) => Tangent::Value(passed.next().expect("as many as went in")),
            zero => zero.clone(),
        };
        Ok(tangents.iter().map(replace).collect())
    }
}

/// The operands themselves, behind a line that no simplification crosses: values computed from the
/// results are not merged with values computed from the operands. Linear. Panics where
/// [`try_optimization_barrier`] gives an error.
#[track_caller]
pub fn optimization_barrier(operands: &[Array]) -> Vec<Array> {
    expect(try_optimization_barrier(operands))
}

/// Returns the error of [`optimization_barrier`] instead of panicking.
///
/// Fails if an operand is a tracer that cannot be used here.
#[track_caller]
pub fn try_optimization_barrier(operands: &[Array]) -> Result<Vec<Array>, Error> {
    if operands.is_empty() {
        return Ok(Vec::new());
    }
    Ok(bind(Arc::new(OptimizationBarrier), operands)?.into_vec())
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "stop_gradient",
            build: |_| Ok(Arc::new(StopGradient)),
            cases: stop_gradient_cases,
        },
        Entry {
            name: "optimization_barrier",
            build: |_| Ok(Arc::new(OptimizationBarrier)),
            cases: barrier_cases,
        },
    ]
}

fn stop_gradient_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING.into_iter().filter(|d| d.is_float()) {
        for shape in SHAPES {
            let case =
                Case::new(Arc::new(StopGradient), vec![spread(shape, d, &(-2.0..2.0), 0.37)]);
            let zero = |c: Case, law| c.exempt(law, "the derivative is zero by decree");
            cases.push(["jvp", "second", "third"].into_iter().fold(case, zero));
        }
    }
    cases
}

fn barrier_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for shape in SHAPES {
            let inputs = [0.37, 0.61].map(|phase| spread(shape, d, &(-2.0..2.0), phase));
            cases.push(Case::new(Arc::new(OptimizationBarrier), inputs.to_vec()));
        }
    }
    cases
}
