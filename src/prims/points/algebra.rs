//! Algebraic simplifications of functions of two numbers. All identities hold bit for bit, so
//! simplification never changes a result.
//!
//! Signed zeros, infinities and rounding break these identities, which are therefore not here:
//! `x + 0`, `0 - x`, `0 x`, `x - x`, `x / x`, any regrouping.

use crate::core::aval::Aval;
use crate::core::jaxpr::Atom;
use crate::core::primitive::{Known, Simpler};
use crate::prims::points::binary::prim;
use crate::prims::points::power;
use crate::prims::points::unary;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar};
use smallvec::smallvec;

/// A simpler computation that equals `op(x, y)`, if there is one.
pub(in crate::prims) fn simplify(
    op: ScalarOp,
    x: &Known,
    y: &Known,
    out: &Aval,
) -> Option<Simpler> {
    use ScalarOp::*;
    let d = out.dtype;
    let is = |k: &Known, value: f64| k.splat.is_some_and(|s| equals(s, value));
    // An operand can stand for the output only if it has the shape of the output. A literal
    // combined with an array does not have it.
    let operand = |i: usize| ([x, y][i].aval.shape == out.shape).then_some(Simpler::Operand(i));
    let apply = |name, a, b| Some(Simpler::Apply(prim(name), smallvec![a, b]));
    let minus = |k: &Known| Some(Simpler::Apply(unary::prim("neg"), smallvec![k.atom]));
    match op {
        // x + -0 = x, and ints have only one zero; x + (-y) = x - y.
        Add if is_additive_identity(y, d) => operand(0),
        Add if is_additive_identity(x, d) => operand(1),
        Add => match (negated(x), negated(y)) {
            (_, Some(b)) => apply("sub", x.atom, b),
            (Some(a), None) => apply("sub", y.atom, a),
            _ => None,
        },
        // x - 0 = x; x - (-y) = x + y.
        Sub if y.splat == Some(Scalar::zero(d)) => operand(0),
        Sub => negated(y).and_then(|b| apply("add", x.atom, b)),
        Mul if is(y, 1.0) => operand(0),
        Mul if is(x, 1.0) => operand(1),
        Mul if is(y, -1.0) && x.aval.shape == out.shape => minus(x),
        Mul if is(x, -1.0) && y.aval.shape == out.shape => minus(y),
        Mul => match (negated(x), negated(y)) {
            (Some(a), Some(b)) => apply("mul", a, b),
            _ => None,
        },
        Div if is(y, 1.0) => operand(0),
        Div if is(y, -1.0) && d.is_float() && x.aval.shape == out.shape => minus(x),
        // Division by a power of two is multiplication by its reciprocal, which is exact.
        Div if x.aval.shape == out.shape => {
            let reciprocal = exact_reciprocal(y.splat?)?;
            apply("mul", x.atom, Atom::Literal(reciprocal))
        }
        Pow if is(y, 1.0) => operand(0),
        Pow if is(y, 2.0) && x.aval.shape == out.shape => {
            Some(Simpler::Apply(power::prim(2), smallvec![x.atom]))
        }
        Pow if is(y, 0.0) => Some(Simpler::Splat(Scalar::one(d))),
        Max | Min | And | Or if x.atom == y.atom => operand(0),
        And if y.splat == Some(ones(d)) => operand(0),
        And if x.splat == Some(ones(d)) => operand(1),
        Or | Xor | Shl | ShrLogical | ShrArithmetic if is(y, 0.0) => operand(0),
        Or | Xor if is(x, 0.0) => operand(1),
        _ => None,
    }
}

/// Whether adding this operand changes nothing: it is 0 for ints, -0 for floats.
fn is_additive_identity(k: &Known, d: DType) -> bool {
    k.splat.is_some_and(|s| match s.to_f64() {
        Some(v) => v == 0.0 && (d.is_int() || v.is_sign_negative()),
        None => false,
    })
}

/// Returns `a` if the operand is `-a`.
fn negated(k: &Known) -> Option<Atom> {
    k.made_by.as_ref().filter(|(p, _)| p.name() == "neg").map(|(_, from)| from[0])
}

fn equals(s: Scalar, value: f64) -> bool {
    s.to_f64() == Some(value)
}

fn ones(d: DType) -> Scalar {
    Scalar::from_bits(d, u128::MAX)
}

/// `1 / s` if `s` is a power of two whose reciprocal is a normal number.
fn exact_reciprocal(s: Scalar) -> Option<Scalar> {
    let (mantissa, exponent, bias) = match s.dtype() {
        DType::F16 => (10, 5, 15),
        DType::BF16 => (7, 8, 127),
        DType::F32 => (23, 8, 127),
        DType::F64 => (52, 11, 1023),
        _ => return None,
    };
    let power = (s.bits() >> mantissa) & ((1 << exponent) - 1);
    let exact = s.bits() & ((1 << mantissa) - 1) == 0 && (1..2 * bias).contains(&power);
    exact.then(|| Scalar::from_f64(s.dtype(), 1.0 / s.to_f64()?)).flatten()
}

#[cfg(test)]
mod tests {
    use super::exact_reciprocal;
    use cotangent_jit::Scalar;

    #[test]
    fn only_powers_of_two_have_exact_reciprocals() {
        assert_eq!(exact_reciprocal(Scalar::from(4f32)), Some(Scalar::from(0.25f32)));
        assert_eq!(exact_reciprocal(Scalar::from(-0.5f64)), Some(Scalar::from(-2f64)));
        assert_eq!(exact_reciprocal(Scalar::from(3f32)), None);
        assert_eq!(exact_reciprocal(Scalar::from(0f32)), None);
        assert_eq!(exact_reciprocal(Scalar::from(f32::INFINITY)), None);
        assert_eq!(
            exact_reciprocal(Scalar::from(f32::MIN_POSITIVE)),
            Some(Scalar::from(2f32.powi(126)))
        );
        assert_eq!(exact_reciprocal(Scalar::from(2f32.powi(127))), None);
    }
}
