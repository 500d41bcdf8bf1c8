//! Rules of primitives that are linear in several operands together: they join, pad or update
//! arrays.
//!
//! Not here: products (`bilinear`), which are linear in each operand alone; primitives that are
//! linear in one operand (`linear`).

use crate::core::array::Array;
use crate::core::primitive::{Arrays, JvpResult, Prim, Tangent};
use crate::core::trace::bind;
use crate::prims::rules::zeros::try_instantiate;
use cotangent_jit::Error;

/// `d f(x, i) = f(dx, i)`: tangents replace the inexact operands, ints and bools stay. Symbolic
/// zeros are materialized only if some tangent is nonzero.
pub(crate) fn linear_jvp(prim: Prim, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
    let outputs = bind(prim.clone(), primals)?;
    if tangents.iter().all(Tangent::is_zero) {
        let zeros = outputs.iter().map(|o| Tangent::Zero(o.aval())).collect();
        return Ok((outputs, zeros));
    }
    let operands: Result<Arrays, Error> = primals
        .iter()
        .zip(tangents)
        .map(|(p, t)| if p.dtype().is_inexact() { try_instantiate(t) } else { Ok(p.clone()) })
        .collect();
    let tangents = bind(prim, &operands?)?.into_iter().map(Tangent::Value).collect();
    Ok((outputs, tangents))
}
