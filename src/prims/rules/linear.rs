//! Rules of primitives that are linear in their one operand: they move, broadcast or sum elements.
//!
//! Not here: several linear operands (`linear_operands`), products (`bilinear`).

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::{JvpResult, Prim, Tangent, TransposeResult};
use crate::core::trace::bind;
use cotangent_jit::Error;

/// `d f(x) = f(dx)`
pub(crate) fn linear_unary_jvp(prim: Prim, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
    let outputs = bind(prim.clone(), primals)?;
    let tangents = match &tangents[0] {
        Tangent::Value(t) => {
            bind(prim, std::slice::from_ref(t))?.into_iter().map(Tangent::Value).collect()
        }
        Tangent::Zero(_) => outputs.iter().map(|o| Tangent::Zero(o.aval())).collect(),
    };
    Ok((outputs, tangents))
}

/// The transpose of a primitive that has one operand and one output.
pub(crate) fn transpose_unary(
    cotangents: &[Tangent],
    operand: Aval,
    rule: impl FnOnce(&Array) -> Result<Array, Error>,
) -> TransposeResult {
    let result = match cotangents[0].value() {
        Some(ct) => Tangent::Value(rule(ct)?),
        None => Tangent::Zero(operand),
    };
    Ok(vec![result])
}
