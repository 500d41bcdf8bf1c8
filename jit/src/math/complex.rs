//! Functions of complex numbers, each defined once in terms of real functions; quotients and
//! magnitudes, too.
//!
//! All are computed in f64. For c64 an f64 holds every product of two parts, so no intermediate
//! result overflows, cancellation loses no visible digits, and the one rounding at the end is the
//! whole error. For c128 the formulas scale their operands. Branch cuts, infinities and signed
//! zeros are those of annex G of C99 where it specifies them; `inf + nan i` counts as infinite
//! there and here.
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
use crate::op::{ScalarOp, scalar_ops};
use number::Z;
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

/// The value of a definition in f64.
enum Value<'s> {
    Real(Term<'s>),
    Complex(Z<'s>),
}

impl<'s> From<Term<'s>> for Value<'s> {
    fn from(x: Term<'s>) -> Value<'s> {
        Value::Real(x)
    }
}

impl<'s> From<Z<'s>> for Value<'s> {
    fn from(z: Z<'s>) -> Value<'s> {
        Value::Complex(z)
    }
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
    match definition(op, operand) {
        Some(Value::Real(x)) => Parts::Real(back(x)),
        Some(Value::Complex(z)) => Parts::Complex([back(z.re), back(z.im)]),
        None => panic!("{op:?}: its row names no definition on complex numbers"),
    }
}

/// The value that the definition named in a row builds from its operands.
macro_rules! apply {
    (1 [elementary $f:path] $operand:ident) => {
        Some($f($operand(0)).into())
    };
    (2 [elementary $f:path] $operand:ident) => {
        Some($f($operand(0), $operand(1)).into())
    };
    ($arity:literal [machine $flops:literal] $operand:ident) => {
        None
    };
    ($arity:literal [none] $operand:ident) => {
        None
    };
}

macro_rules! definitions {
    ($(
        $section:ident {$(
            $(#[$doc:meta])*
            $op:ident $(($to:ident: $payload:ident))? $name:literal:
            $arity:tt $class:ident -> $result:ident, $nan:ident, $narrowing:ident,
            $real:tt, $complex:tt;
        )*}
    )*) => {
        /// The definition of an op on complex operands.
        fn definition<'s>(
            op: ScalarOp,
            operand: impl Fn(usize) -> Z<'s>,
        ) -> Option<Value<'s>> {
            match op {
                $($(ScalarOp::$op { .. } => apply!($arity $complex operand),)*)*
            }
        }
    };
}

scalar_ops!(definitions);
