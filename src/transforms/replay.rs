//! Traces the closure that a transform writes for a jaxpr, and closes the result.
//!
//! All transforms build their new jaxpr with [`replay`]. Not here: the transforms' memory
//! (`recur`).

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::{Eqn, Jaxpr};
use crate::core::primitive::Effects;
use crate::core::source;
use crate::core::trace::{Traced, trace};
use crate::prims::shapes::constant::Constant;
use cotangent_jit::{Error, err};
use std::sync::Arc;

/// Builds the jaxpr of the operations that `f` applies to arguments of these types. Concrete arrays
/// that a user's rule closes over become `constant` equations. Tracers that it closes over are an
/// error, since a body cannot reach outside.
pub fn replay(
    inputs: &[Aval],
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>, Error>,
) -> Result<Jaxpr, Error> {
    let Traced { jaxpr, captured } = trace(inputs, |args| f(&args))?;
    if captured.is_empty() {
        return Ok(jaxpr);
    }
    let mut closed = jaxpr;
    let arguments = closed.inputs.split_off(captured.len());
    let mut constants = Vec::new();
    for (array, var) in captured.iter().zip(std::mem::replace(&mut closed.inputs, arguments)) {
        if array.is_tracer() {
            return Err(err!(
                Tracer,
                "a custom rule closes over a traced value ({}); pass it to the function as an \
                 argument instead",
                array.aval()
            ));
        }
        let prim = Arc::new(Constant::new(array.clone()));
        constants.push(Eqn {
            effects: Effects::NONE,
            prim,
            inputs: Default::default(),
            outputs: [var].into_iter().collect(),
            source: source::here(),
        });
    }
    closed.eqns.splice(0..0, constants);
    Ok(closed.compact())
}
