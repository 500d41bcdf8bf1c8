//! How `lax` functions apply a primitive: they bind it, take its one output, and panic at the
//! user's line.
//!
//! Not here: any rule.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::{Arrays, Prim, Primitive};
pub(crate) use crate::core::source::{composed, raise as expect};
use crate::core::trace::bind;
use cotangent_jit::{Error, err, plural};
use std::sync::Arc;

/// Applies a primitive that has one output.
#[track_caller]
pub(crate) fn one(prim: impl Primitive, inputs: &[&Array]) -> Result<Array, Error> {
    one_of(Arc::new(prim), inputs)
}

/// Applies a shared primitive that has one output.
#[track_caller]
pub(crate) fn one_of(prim: Prim, inputs: &[&Array]) -> Result<Array, Error> {
    let inputs: Arrays = inputs.iter().map(|a| (*a).clone()).collect();
    one_to(prim, &inputs)
}

/// Applies a shared primitive that has one output to a slice of operands.
#[track_caller]
pub(crate) fn one_to(prim: Prim, inputs: &[Array]) -> Result<Array, Error> {
    Ok(bind(prim, inputs)?.swap_remove(0))
}

/// Gives an error unless the primitive got the number of operands that it takes.
pub(crate) fn expect_inputs(name: &str, inputs: &[Aval], expected: usize) -> Result<(), Error> {
    if inputs.len() == expected {
        return Ok(());
    }
    let s = if expected == 1 { "" } else { "s" };
    Err(err!(Shape, "{name}: expected {expected} operand{s}, got {}", inputs.len()))
}

/// Gives an error unless `axis` is an axis of `aval`.
pub(crate) fn expect_axis(name: &str, what: &str, axis: usize, aval: &Aval) -> Result<(), Error> {
    if axis < aval.rank() {
        return Ok(());
    }
    let rank = aval.rank();
    Err(err!(
        Axis,
        "{name}: {what} {axis} is out of range for {aval}, which has {axes}",
        axes = plural(rank, "axis")
    ))
}
