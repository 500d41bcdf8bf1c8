//! Rules shared by primitives that are linear in all their inexact operands together: moving, padding, joining.
//!
//! Not here: products (see `bilinear`), which are linear in each operand alone.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::{Arrays, JvpResult, Prim, Tangent, TransposeResult};
use crate::core::trace::bind;
use crate::prims::shapes::broadcast::try_full;
use cotangent_jit::{Error, Scalar};

/// `d f(x, i) = f(dx, i)`: inexact operands give way to their tangents, ints and bools stay. Symbolic zeros are written
/// out only beside a tangent that is not zero.
pub(crate) fn linear_jvp(prim: Prim, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
    let outputs = bind(prim.clone(), primals)?;
    if tangents.iter().all(Tangent::is_zero) {
        let zeros = outputs.iter().map(|o| Tangent::Zero(o.aval())).collect();
        return Ok((outputs, zeros));
    }
    let operands: Result<Arrays, Error> = primals
        .iter()
        .zip(tangents)
        .map(|(p, t)| if p.dtype().is_inexact() { instantiate(t) } else { Ok(p.clone()) })
        .collect();
    let tangents = bind(prim, &operands?)?.into_iter().map(Tangent::Value).collect();
    Ok((outputs, tangents))
}

/// The tangent as an array.
pub(crate) fn instantiate(tangent: &Tangent) -> Result<Array, Error> {
    match tangent {
        Tangent::Value(a) => Ok(a.clone()),
        Tangent::Zero(aval) => zeros_of(aval),
    }
}

/// Zeros of this type.
pub(crate) fn zeros_of(aval: &Aval) -> Result<Array, Error> {
    try_full(&aval.shape, Scalar::zero(aval.dtype))
}

/// The cotangent of the one operand of a primitive of one output.
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
