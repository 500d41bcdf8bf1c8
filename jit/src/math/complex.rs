//! Functions of complex numbers, each defined once from real ones; quotients and magnitudes too.
//!
//! All are computed in f64: for c64 that holds every product of two parts, so that nothing overflows on the way, what
//! cancels loses nothing that shows, and one rounding at the end is all of the error; for c128 the formulas scale.
//! Branch cuts, infinities and signed zeros are those of C99's annex G where it speaks (it lets `inf + nan i` count as
//! infinite, and so does this).
//!
//! | file | what it holds |
//! | --- | --- |
//! | here | quotients, magnitudes, signs |
//! | `exponential.rs` | exp, log and their kin, powers, roots |
//! | `hyperbolic.rs` | sinh, cosh, tanh, and through `i` the functions of angles |
//! | `inverse.rs` | the inverses of those |
//!
//! Errors are measured by `scripts/complex_accuracy.py`, whose table is `docs/accuracy_complex.md`.

use super::term::Term;
use crate::DType;
use crate::build::KernelBuilder;
use crate::kernel::NodeId;
use crate::op::ScalarOp;
use number::{Z, sign};
use std::cell::RefCell;

mod exponential;
mod hyperbolic;
mod inverse;
mod number;

/// The value of an op on complex numbers, in real parts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parts {
    Real(NodeId),
    Complex([NodeId; 2]),
}

/// The op on operands given by their real and imaginary parts, in real ops.
pub(crate) fn define(op: ScalarOp, b: &mut KernelBuilder, args: &[[NodeId; 2]]) -> Parts {
    let builder = RefCell::new(b);
    let part = Term::new(&builder, args[0][0]).dtype();
    let wide = |id| {
        let x = Term::new(&builder, id);
        if part == DType::F64 { x } else { x.unary(ScalarOp::Convert(DType::F64)) }
    };
    let operand =
        |n: usize| Z { re: wide(args[n][0]), im: wide(args[n][1]), narrow: part == DType::F32 };
    let back = |x: Term| {
        if part == DType::F64 { x.id() } else { x.unary(ScalarOp::Convert(part)).id() }
    };
    let z = operand(0);
    let value = match op {
        ScalarOp::Abs => return Parts::Real(back(z.abs())),
        ScalarOp::Div => z.over(operand(1)),
        ScalarOp::Sign => sign(z),
        ScalarOp::Sqrt => exponential::sqrt(z),
        ScalarOp::Rsqrt => z.real(1.0).over(exponential::sqrt(z)),
        ScalarOp::Exp => exponential::exp(z),
        ScalarOp::Exp2 => exponential::exp2(z),
        ScalarOp::Expm1 => exponential::expm1(z),
        ScalarOp::Logistic => exponential::logistic(z),
        ScalarOp::Log => exponential::log(z),
        ScalarOp::Log2 => exponential::log2(z),
        ScalarOp::Log1p => exponential::log1p(z),
        ScalarOp::Pow => exponential::pow(z, operand(1)),
        ScalarOp::Sinh => hyperbolic::sinh(z),
        ScalarOp::Cosh => hyperbolic::cosh(z),
        ScalarOp::Tanh => hyperbolic::tanh(z),
        ScalarOp::Sin => hyperbolic::sinh(z.turned()).turned_back(),
        ScalarOp::Cos => hyperbolic::cosh(z.turned()),
        ScalarOp::Tan => hyperbolic::tanh(z.turned()).turned_back(),
        ScalarOp::Asin => inverse::asin(z),
        ScalarOp::Acos => inverse::acos(z),
        ScalarOp::Acosh => inverse::acosh(z),
        ScalarOp::Atanh => inverse::atanh(z),
        ScalarOp::Asinh => inverse::asin(z.turned()).turned_back(),
        ScalarOp::Atan => inverse::atanh(z.turned()).turned_back(),
        op => panic!("{op:?}: not a function of complex numbers"),
    };
    Parts::Complex([back(value.re), back(value.im)])
}
