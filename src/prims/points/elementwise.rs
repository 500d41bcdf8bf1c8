//! Rules that all elementwise primitives share: which shapes combine, lowering of a scalar
//! function, batching.
//!
//! Rank-0 operands combine with operands of any shape. In a jaxpr they are literals (or predicates
//! of `select_n`): the `lax` functions broadcast every other scalar explicitly, so that one rule,
//! that of `broadcast_in_dim`, sums its cotangent.
//!
//! Not here: any row of a table. Promotion of dtypes and NumPy's broadcasting belong to the
//! operators.

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

/// The shape of all operands except those of rank 0, or an error if they differ.
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

/// The dtype of all operands, or an error if they differ.
pub(crate) fn common_dtype(name: &str, inputs: &[Aval]) -> Result<DType, Error> {
    let first = &inputs[0];
    match inputs.iter().find(|a| a.dtype != first.dtype) {
        None => Ok(first.dtype),
        Some(other) => {
            Err(err!(DType, "{name}: dtypes differ: {first} and {other}; convert one of them"))
        }
    }
}

/// Gives an error unless an op of this class takes `aval`.
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

/// Gives an error unless the op takes `aval`.
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

/// The operands of a `lax` function as its primitive takes them: a weak literal gets the dtype of
/// the others, and while tracing, a scalar that is not a literal is broadcast. If operands do not
/// fit, `abstract_eval` gives the error.
#[track_caller]
pub(crate) fn unify(operands: &[&Array]) -> Result<Operands, Error> {
    let shape = operands.iter().map(|a| a.shape()).find(|s| !s.is_empty());
    unify_in(shape.unwrap_or(&[]), operands)
}

/// [`unify`], with a shape that is already known.
#[track_caller]
pub(crate) fn unify_in(shape: &[usize], operands: &[&Array]) -> Result<Operands, Error> {
    let weak_literal = |a: &Array| a.is_weak() && a.as_literal().is_some();
    let strong = operands.iter().find(|a| !weak_literal(a));
    let dtype = strong.unwrap_or(&operands[0]).dtype();
    let source = here();
    let unified = operands.iter().map(|x| match x.as_literal() {
        Some(value) if x.is_weak() && value.dtype() != dtype => {
            Ok(scalar_as(value, dtype).map_or_else(|| (*x).clone(), Array::literal))
        }
        None if x.ndim() == 0 && !shape.is_empty() && is_tracing() => {
            replaying(source, || try_broadcast_in_dim(x, shape, &[]))
        }
        _ => Ok((*x).clone()),
    });
    unified.collect()
}

/// The operands of an elementwise primitive.
pub(crate) type Operands = SmallVec<[Array; 3]>;

/// A contribution to a tangent or cotangent of this shape: `x` broadcast, or summed if the shape is
/// that of a scalar.
pub(crate) fn fit(x: Array, shape: &[usize]) -> Result<Array, Error> {
    if x.shape() == shape {
        Ok(x)
    } else if shape.is_empty() {
        try_reduce_sum(&x, &Vec::from_iter(0..x.ndim()))
    } else {
        try_broadcast_in_dim(&x, shape, &[])
    }
}

/// Applies one scalar op at every point.
pub(crate) fn scalar_op(op: ScalarOp) -> Lowering {
    scalar_code(move |b, x| b.op(op, x))
}

/// Applies a function of scalars at every point.
pub(crate) fn scalar_code(
    code: impl Fn(&mut KernelBuilder, &[NodeId]) -> NodeId + Send + Sync + 'static,
) -> Lowering {
    Lowering::Elementwise(Arc::new(move |b, x| smallvec![code(b, x)]))
}

/// The batching rule: moves the batch axes of the operands to one position, then applies the same
/// primitive.
pub(crate) fn batch(
    prim: Prim,
    ctx: &Ctx,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> BatchResult {
    let rank = |(x, axis): (&Array, &Option<usize>)| x.ndim() - usize::from(axis.is_some());
    let full = inputs.iter().zip(axes).map(rank).max().unwrap_or(0);
    let batch_axis = |(x, axis): (&Array, &Option<usize>)| axis.filter(|_| rank((x, axis)) == full);
    let at = inputs.iter().zip(axes).find_map(batch_axis).unwrap_or(0);
    let aligned = inputs.iter().zip(axes).map(|(x, axis)| match axis {
        Some(axis) if rank((x, &Some(*axis))) == full => moveaxis(x, *axis, at),
        // A batch of scalars combined with arrays: broadcast along all axes but the batch axis.
        Some(_) => {
            let (full_rank, axis) =
                inputs.iter().zip(axes).find(|o| rank(*o) == full).expect("some");
            let kept = (0..full_rank.ndim()).filter(|a| Some(*a) != *axis);
            let mut shape: Shape = kept.map(|a| full_rank.shape()[a]).collect();
            shape.insert(at, ctx.batch_size);
            try_broadcast_in_dim(x, &shape, &[at])
        }
        None if x.as_literal().is_some() || x.ndim() < full => Ok(x.clone()),
        None => broadcast_batch(x, ctx.batch_size, at),
    });
    let aligned: Result<Arrays, Error> = aligned.collect();
    let outputs = bind(prim, &aligned?)?;
    let out_axes = vec![Some(at); outputs.len()];
    Ok((outputs, out_axes))
}
