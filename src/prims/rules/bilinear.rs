//! The product rule, written once for all primitives that are linear in each of two operands.
//!
//! Not here: primitives that are linear in all operands together (`linear_operands`).

use crate::core::array::Array;
use crate::core::primitive::{JvpResult, Operand, Tangent};
use crate::prims::points::binary::try_add_any;
use cotangent_jit::Error;
use smallvec::smallvec;

/// `d f(x, y) = f(dx, y) + f(x, dy)`; a symbolic zero contributes nothing.
pub(crate) fn bilinear_jvp(
    f: impl Fn(&Array, &Array) -> Result<Array, Error>,
    primals: &[Array],
    tangents: &[Tangent],
) -> JvpResult {
    let (x, y) = (&primals[0], &primals[1]);
    let output = f(x, y)?;
    let left = tangents[0].value().map(|dx| f(dx, y)).transpose()?;
    let right = tangents[1].value().map(|dy| f(x, dy)).transpose()?;
    let tangent = sum_of(left, right, &output)?;
    Ok((smallvec![output], vec![tangent]))
}

/// The tangent of an output: the sum of the contributions of both operands.
pub(crate) fn sum_of(
    left: Option<Array>,
    right: Option<Array>,
    output: &Array,
) -> Result<Tangent, Error> {
    Ok(match (left, right) {
        (None, None) => Tangent::Zero(output.aval()),
        (Some(t), None) | (None, Some(t)) => Tangent::Value(t),
        (Some(a), Some(b)) => Tangent::Value(try_add_any(&a, &b)?),
    })
}

/// The cotangents of the operands: `left(ct, y)` and `right(ct, x)`, computed for the linear
/// operand only.
pub(crate) fn bilinear_transpose(
    name: &str,
    cotangents: &[Tangent],
    inputs: &[Operand],
    left: impl FnOnce(&Array, &Array) -> Result<Array, Error>,
    right: impl FnOnce(&Array, &Array) -> Result<Array, Error>,
) -> Result<Vec<Tangent>, Error> {
    let zero = |i: usize| Tangent::Zero(inputs[i].aval());
    Ok(match (cotangents[0].value(), &inputs[0], &inputs[1]) {
        (Some(ct), Operand::Linear(_), Operand::Known(y)) => {
            vec![Tangent::Value(left(ct, y)?), zero(1)]
        }
        (Some(ct), Operand::Known(x), Operand::Linear(_)) => {
            vec![zero(0), Tangent::Value(right(ct, x)?)]
        }
        (Some(_), Operand::Linear(_), Operand::Linear(_)) => {
            return Err(cotangent_jit::err!(
                Transform,
                "{name}: a product of two linear operands, {} and {}, cannot be transposed; it is \
                 not linear in both",
                inputs[0].aval(),
                inputs[1].aval()
            ));
        }
        _ => vec![zero(0), zero(1)],
    })
}
