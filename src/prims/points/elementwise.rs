//! What all elementwise primitives share: which shapes meet, how a scalar function lowers, batching.
//!
//! Rank-0 operands stand beside operands of any shape. In a jaxpr they are literals (and predicates of `select_n`): the
//! `lax` functions repeat every other scalar explicitly, so that its cotangent is summed by one rule, that of
//! `broadcast_in_dim`.
//!
//! Not here: any row. Promotion of dtypes and NumPy's broadcasting are matters of the operators.

use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use crate::core::lowering::Lowering;
use crate::core::primitive::{Arrays, BatchResult, Ctx, Prim};
use crate::core::source::{here, replaying};
use crate::core::trace::{bind, is_tracing};
use crate::prims::folds::reduce::try_reduce_sum;
use crate::prims::rules::batching::broadcast_batch;
use crate::prims::rules::numbers::scalar_as;
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::NodeId;
use cotangent_jit::op::{Class, ScalarOp};
use cotangent_jit::{DType, Error, err};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// The shape that all operands have, but for those of rank 0.
pub(crate) fn common_shape(name: &str, inputs: &[Aval]) -> Result<Shape, Error> {
    let Some(first) = inputs.iter().find(|a| a.rank() > 0) else {
        return Ok(Shape::new());
    };
    match inputs.iter().find(|a| a.rank() > 0 && a.shape != first.shape) {
        None => Ok(first.shape.clone()),
        Some(other) => {
            Err(err!(Shape, "{name}: shapes differ: {first} and {other}; broadcast one of them"))
        }
    }
}

/// The dtype that all operands have.
pub(crate) fn common_dtype(name: &str, inputs: &[Aval]) -> Result<DType, Error> {
    let first = &inputs[0];
    match inputs.iter().find(|a| a.dtype != first.dtype) {
        None => Ok(first.dtype),
        Some(other) => {
            Err(err!(DType, "{name}: dtypes differ: {first} and {other}; convert one of them"))
        }
    }
}

/// Whether an op of this class takes `aval`.
pub(crate) fn expect_class(name: &str, class: Class, aval: &Aval) -> Result<(), Error> {
    if class.contains(aval.dtype) {
        return Ok(());
    }
    let expected = match class {
        Class::Float => "a float",
        Class::Number => "an int or a float",
        Class::Bits => "an int or a bool",
        Class::Int => "an int",
        Class::Any => "a real number or a bool",
        Class::Complex => "a complex number",
    };
    Err(err!(DType, "{name}: expected {expected}, got {aval}; convert it"))
}

/// Whether an op takes `aval`.
pub(crate) fn expect_operand(name: &str, op: ScalarOp, aval: &Aval) -> Result<(), Error> {
    let (_, class) = op.signature();
    if op.takes(aval.dtype) {
        return Ok(());
    }
    if aval.dtype.is_complex() {
        // Complex numbers have no order.
        let cure = match class {
            Class::Any => "compare real(x), imag(x) or abs(x)",
            _ => "take real(x), imag(x) or abs(x)",
        };
        return Err(err!(DType, "{name}: expected real numbers, got {aval}; {cure}"));
    }
    expect_class(name, class, aval)
}

/// The operands of a `lax` function as its primitive takes them: a weak literal assumes the dtype of the others, and
/// while tracing a scalar that is no literal is repeated. What does not fit is left for `abstract_eval` to refuse.
#[track_caller]
pub(crate) fn meet(operands: &[&Array]) -> Result<Operands, Error> {
    let shape = operands.iter().map(|a| a.shape()).find(|s| !s.is_empty());
    meet_in(shape.unwrap_or(&[]), operands)
}

/// [`meet`], with a shape that is known already.
#[track_caller]
pub(crate) fn meet_in(shape: &[usize], operands: &[&Array]) -> Result<Operands, Error> {
    let weak_literal = |a: &Array| a.is_weak() && a.as_literal().is_some();
    let strong = operands.iter().find(|a| !weak_literal(a));
    let dtype = strong.unwrap_or(&operands[0]).dtype();
    let source = here();
    let meeting = operands.iter().map(|x| match x.as_literal() {
        Some(value) if x.is_weak() && value.dtype() != dtype => {
            Ok(scalar_as(value, dtype).map_or_else(|| (*x).clone(), Array::literal))
        }
        None if x.ndim() == 0 && !shape.is_empty() && is_tracing() => {
            replaying(source, || try_broadcast_in_dim(x, shape, &[]))
        }
        _ => Ok((*x).clone()),
    });
    meeting.collect()
}

/// Operands of an elementwise primitive.
pub(crate) type Operands = SmallVec<[Array; 3]>;

/// A contribution in the shape of what it contributes to: repeated, or summed if it is to go to a scalar.
pub(crate) fn fit(x: Array, shape: &[usize]) -> Result<Array, Error> {
    if x.shape() == shape {
        Ok(x)
    } else if shape.is_empty() {
        try_reduce_sum(&x, &Vec::from_iter(0..x.ndim()))
    } else {
        try_broadcast_in_dim(&x, shape, &[])
    }
}

/// One scalar op at every point.
pub(crate) fn scalar_op(op: ScalarOp) -> Lowering {
    scalar_code(move |b, x| b.op(op, x))
}

/// A function of scalars at every point.
pub(crate) fn scalar_code(
    code: impl Fn(&mut KernelBuilder, &[NodeId]) -> NodeId + Send + Sync + 'static,
) -> Lowering {
    Lowering::Elementwise(Arc::new(move |b, x| smallvec![code(b, x)]))
}

/// The batching rule: the same primitive, once the batch axes of its operands stand at one place.
pub(crate) fn batch(
    prim: Prim,
    ctx: &Ctx,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> BatchResult {
    let rank = |(x, axis): (&Array, &Option<usize>)| x.ndim() - usize::from(axis.is_some());
    let full = inputs.iter().zip(axes).map(rank).max().unwrap_or(0);
    let place = |(x, axis): (&Array, &Option<usize>)| axis.filter(|_| rank((x, axis)) == full);
    let at = inputs.iter().zip(axes).find_map(place).unwrap_or(0);
    let aligned = inputs.iter().zip(axes).map(|(x, axis)| match axis {
        Some(axis) if rank((x, &Some(*axis))) == full => moveaxis(x, *axis, at),
        // A batch of scalars beside arrays: repeated along all axes but the batch's.
        Some(_) => {
            let (beside, axis) = inputs.iter().zip(axes).find(|o| rank(*o) == full).expect("some");
            let kept = (0..beside.ndim()).filter(|a| Some(*a) != *axis);
            let mut shape: Shape = kept.map(|a| beside.shape()[a]).collect();
            shape.insert(at, ctx.batch_size);
            try_broadcast_in_dim(x, &shape, &[at])
        }
        None if x.as_literal().is_some() || x.ndim() < full => Ok(x.clone()),
        None => broadcast_batch(x, ctx.batch_size, at),
    });
    let aligned: Result<Arrays, Error> = aligned.collect();
    let outputs = bind(prim, &aligned?)?;
    let places = vec![Some(at); outputs.len()];
    Ok((outputs, places))
}
