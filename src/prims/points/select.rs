//! Choices at every point: `select_n`, and `clamp`, which chooses the nearest value of an interval.
//!
//! `select_n(which, c0, c1, ..)[i] = c_k[i]` with `k = which[i]`, clamped to the valid range.
//! Linear in the cases together. `clamp(low, x, high)[i] = min(max(x[i], low), high)`.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::Lowering;
use crate::core::params::Params;
use crate::core::primitive::{Known, Operand, Simpler, not_linear};
use crate::core::trace::bind;
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::cases::samples::{REAL, RUNNING, array};
use crate::prims::entry::{Case, Entry};
use crate::prims::points::binary::and;
use crate::prims::points::compare::{gt, lt};
use crate::prims::points::elementwise::{
    common_dtype, common_shape, expect_operand, scalar_code, unify, unify_in,
};
use crate::prims::points::pointwise::{Derivative, Function, Pointwise};
use crate::prims::rules::apply::{expect, expect_inputs};
use crate::prims::rules::numbers::number;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error, Scalar, err, plural};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`select_n`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SelectN;

impl Function for SelectN {
    fn name(&self) -> &'static str {
        "select_n"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let name = self.name();
        let Some((which, cases)) = inputs.split_first().filter(|(_, cases)| !cases.is_empty())
        else {
            return Err(err!(Shape, "{name}: expected a predicate and cases, got {inputs:?}"));
        };
        match which.dtype {
            DType::I32 => {}
            DType::Bool if cases.len() <= 2 => {}
            DType::Bool => {
                return Err(err!(
                    DType,
                    "{name}: expected an i32 to choose among {cases}, got {which}",
                    cases = plural(cases.len(), "case")
                ));
            }
            _ => return Err(err!(DType, "{name}: expected a bool or i32 predicate, got {which}")),
        }
        let dtype = common_dtype(name, cases)?;
        let shape = common_shape(name, inputs)?;
        Ok(smallvec![Aval { shape, dtype, weak: cases.iter().all(|c| c.weak) }])
    }

    /// Chooses among the tangents as among the values. Transpose: each case gets the cotangent
    /// where it was chosen, and 0 elsewhere.
    fn derivative(&self) -> Derivative<Self> {
        Derivative::Linear(|_, i, ct, operands| {
            let mut chosen: Vec<Array> = vec![number(0.0, ct.dtype()); operands.len()];
            match &operands[0] {
                Operand::Known(which) => chosen[0] = which.clone(),
                Operand::Linear(_) => return not_linear(&Pointwise(SelectN)),
            }
            chosen[i] = ct.clone();
            select(&chosen)
        })
    }

    fn code(&self, inputs: &[Aval]) -> Lowering {
        let bool = inputs[0].dtype.is_bool();
        scalar_code(move |b, x| {
            let (which, cases) = (x[0], &x[1..]);
            if let (true, [on_false, on_true]) = (bool, cases) {
                return b.op(ScalarOp::Select, &[which, *on_true, *on_false]);
            }
            let mut chosen = cases[0];
            for (k, case) in cases.iter().enumerate().skip(1) {
                let k = b.constant(Scalar::from(k as i32));
                let reached = b.op(ScalarOp::Ge, &[which, k]);
                chosen = b.op(ScalarOp::Select, &[reached, *case, chosen]);
            }
            chosen
        })
    }

    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler> {
        let cases = &inputs[1..];
        let same = cases.iter().all(|c| c.atom == cases[0].atom);
        let chosen = if same {
            1
        } else {
            let which = inputs[0].splat?.to_i64()?;
            1 + which.clamp(0, cases.len() as i64 - 1) as usize
        };
        match inputs[chosen].splat {
            Some(value) => Some(Simpler::Splat(value)),
            None => {
                (inputs[chosen].aval.shape == outputs[0].shape).then_some(Simpler::Operand(chosen))
            }
        }
    }
}

/// Applies `select_n` to the operands as they are.
fn select(operands: &[Array]) -> Result<Array, Error> {
    Ok(bind(Arc::new(Pointwise(SelectN)), operands)?.swap_remove(0))
}

/// The case that `which` selects, at every point: `out[i] = cases[which[i]][i]`.
///
/// `which` is a bool, which chooses the second of two cases where it is true, or an i32, which is
/// clamped to the valid range. It has the shape of the cases or is a scalar. Some cases may be
/// scalars while others have a shape. Derivative: chooses among the tangents in the same way.
/// Panics where [`try_select_n`] gives an error.
#[doc(alias = "select")]
#[track_caller]
pub fn select_n(which: &Array, cases: &[&Array]) -> Array {
    expect(try_select_n(which, cases))
}

/// Returns the error of [`select_n`] instead of panicking.
///
/// Fails if shapes or dtypes do not fit.
#[track_caller]
pub fn try_select_n(which: &Array, cases: &[&Array]) -> Result<Array, Error> {
    if cases.is_empty() {
        return Err(err!(Shape, "select_n: expected at least one case, got none"));
    }
    let shape = cases.iter().copied().chain([which]).map(Array::shape).find(|s| !s.is_empty());
    let mut operands = unify_in(shape.unwrap_or(&[]), cases)?;
    // Kernels read a scalar bool at every point. A scalar int is broadcast, like other scalars.
    let which = match which.dtype() {
        DType::Bool => which.clone(),
        _ => unify_in(shape.unwrap_or(&[]), &[which])?.remove(0),
    };
    operands.insert(0, which);
    select(&operands)
}

/// See [`clamp`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clamp;

impl Function for Clamp {
    fn name(&self) -> &'static str {
        "clamp"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 3)?;
        let dtype = common_dtype(self.name(), inputs)?;
        // Complex numbers have no order.
        expect_operand(self.name(), ScalarOp::Lt, &inputs[0])?;
        let shape = common_shape(self.name(), inputs)?;
        Ok(smallvec![Aval { shape, dtype, weak: inputs.iter().all(|i| i.weak) }])
    }

    /// The tangent of the operand that is the result, and 0 where `x` equals a bound.
    fn derivative(&self) -> Derivative<Self> {
        Derivative::Partials(|_, i, t, operands| {
            let [low, x, high] = operands else { unreachable!("clamp has three operands") };
            let passes = match i {
                0 => gt(low, x),
                1 => and(&lt(low, x), &lt(x, high)),
                _ => lt(high, x),
            };
            try_select_n(&passes, &[&number(0.0, x.dtype()), t])
        })
    }

    fn code(&self, _: &[Aval]) -> Lowering {
        scalar_code(|b, x| {
            let raised = b.op(ScalarOp::Max, &[x[1], x[0]]);
            b.op(ScalarOp::Min, &[raised, x[2]])
        })
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }
}

/// The value nearest to `x` in the interval from `low` to `high`: `min(max(x, low), high)`; NaN
/// stays NaN. Any real dtype.
///
/// The operands have one dtype and one shape; `low` and `high` may be scalars. Derivative: the
/// tangent of the operand that is the result; 0 where `x` equals a bound. Panics where
/// [`try_clamp`] gives an error.
#[doc(alias = "clip")]
#[track_caller]
pub fn clamp(low: &Array, x: &Array, high: &Array) -> Array {
    expect(try_clamp(low, x, high))
}

/// Returns the error of [`clamp`] instead of panicking.
///
/// Fails if shapes or dtypes do not fit.
#[track_caller]
pub fn try_clamp(low: &Array, x: &Array, high: &Array) -> Result<Array, Error> {
    let operands = unify(&[low, x, high])?;
    Ok(bind(Arc::new(Pointwise(Clamp)), &operands)?.swap_remove(0))
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        Entry {
            name: "select_n",
            build: |_| Ok(Arc::new(Pointwise(SelectN))),
            cases: select_cases,
        },
        Entry { name: "clamp", build: |_| Ok(Arc::new(Pointwise(Clamp))), cases: clamp_cases },
    ]
}

fn select_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let case = |shape: &[usize], d, phase| spread(shape, d, &(-2.0..2.0), phase);
    for d in RUNNING {
        for shape in SHAPES {
            let which = case(shape, DType::Bool, 0.1);
            let pair = vec![which, case(shape, d, 0.37), case(shape, d, 0.61)];
            cases.push(Case::new(Arc::new(Pointwise(SelectN)), pair));
        }
        let scalar = array(&[], DType::Bool, [1.0]);
        let pair = vec![scalar, case(&[3], d, 0.37), case(&[3], d, 0.61)];
        cases.push(Case::new(Arc::new(Pointwise(SelectN)), pair));
        let which = array(&[5], DType::I32, [-1.0, 0.0, 1.0, 2.0, 7.0]);
        let three = [0.37, 0.61, 0.83].map(|phase| case(&[5], d, phase));
        cases.push(Case::new(Arc::new(Pointwise(SelectN)), [vec![which], three.to_vec()].concat()));
    }
    cases
}

fn clamp_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in REAL.into_iter().filter(|d| !d.is_bool()) {
        for shape in SHAPES {
            let bounds = [array(&[], d, [1.0]), array(&[], d, [2.0])];
            let x = spread(shape, d, &(-1.0..3.0), 0.37);
            let [low, high] = bounds.map(|b| fit_case(b, shape));
            cases.push(Case::new(Arc::new(Pointwise(Clamp)), vec![low, x, high]));
        }
    }
    cases
}

/// The value of a scalar in every element of a shape.
fn fit_case(x: Array, shape: &[usize]) -> Array {
    let value = x.to_f64();
    array(shape, x.dtype(), std::iter::repeat_n(value, shape.iter().product()))
}
