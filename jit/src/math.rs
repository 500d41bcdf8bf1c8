//! The elementary functions, each defined once in machine ops: [`define`] builds a definition.
//!
//! Definitions have no branches (except for `far`) and stay within the width of their operand, so a
//! backend that runs machine ops on vectors runs definitions on vectors, too. NaNs, infinities,
//! signed zeros and subnormals are those of C. Definitions use integers only as bit patterns, and
//! shift by constants only. Each file holds a family of functions; `term.rs` lets them be written
//! as formulas.
//!
//! The largest errors, of f32 over all 2^32 inputs, are in the repository's `docs/accuracy.md`: at
//! most 2 units in the last place for every elementary function, in f32 and f64; of the special
//! functions 2.35 for erf_inv in f32, and in f64 2.4 for lgamma and 3.0 for digamma right of zero.
//! The number of machine ops of each definition (constants apart):
//!
//! | | f32 | f64 |
//! | --- | --- | --- |
//! | rsqrt | 2 | 2 |
//! | cbrt | 43 | 50 |
//! | exp | 22 | 28 |
//! | exp2 | 21 | 26 |
//! | expm1 | 25 | 30 |
//! | log | 31 | 35 |
//! | log2 | 36 | 40 |
//! | log1p | 42 | 46 |
//! | sin | 29 | 34 |
//! | cos | 28 | 33 |
//! | tan | 35 | 38 |
//! | asin | 28 | 35 |
//! | acos | 23 | 30 |
//! | atan | 24 | 28 |
//! | sinh | 37 | 45 |
//! | cosh | 22 | 27 |
//! | tanh | 36 | 46 |
//! | asinh | 60 | 64 |
//! | acosh | 55 | 59 |
//! | atanh | 60 | 64 |
//! | logistic | 36 | 41 |
//! | erf | 45 | 65 |
//! | erfc | 66 | 85 |
//! | erf_inv | 71 | 117 |
//! | pow | 126 | 137 |
//! | atan2 | 39 | 43 |
//!
//! - sin, cos and tan reduce their argument by three parts of pi/2, which is accurate for
//!   `|x| <= 2^18` in f32 and `|x| <= 1.4e14` in f64. Beyond, an op branches to [`far`], at little
//!   cost for the loops around it.
//! - lgamma and digamma are computed in f64 for either width: in f32 they are almost always
//!   correctly rounded, in f64 off by at most 2.4 and 3.0 units for positive numbers (as
//!   `scripts/accuracy` prints), and for negative numbers by about as much of the greater term of
//!   the reflection, so near their roots there they lose digits.
//! - `sign`, `is_finite` and `round_away` are exact.
//!
//! Derivatives do not live here, nor does the list of ops, which is the table in [`op`](crate::op).

use crate::DType;
use crate::affine::Affine;
use crate::build::KernelBuilder;
use crate::kernel::{Kernel, NodeId};
use crate::op::{Level, ScalarOp, scalar_ops};
use complex::Parts;
use smallvec::SmallVec;
use std::cell::RefCell;
use term::Term;

pub(crate) mod complex;
mod erf;
mod exp;
pub mod far;
mod gamma;
mod hyperbolic;
mod inverse_trig;
mod log;
mod pow;
mod root;
mod term;
mod trig;

#[cfg(test)]
mod eval;
#[cfg(test)]
mod points;
#[cfg(test)]
mod tests;

/// The op applied to the operands, in machine ops alone. A machine op stays as it is.
pub fn define(op: ScalarOp, b: &mut KernelBuilder, args: &[NodeId]) -> NodeId {
    let operand = b.dtype(args[0]);
    if op.level_on(operand) == Level::Machine {
        return b.op(op, args);
    }
    if operand.is_complex() {
        let part = |b: &mut KernelBuilder, op, z| b.op(op, &[z]);
        let parts = args.iter().map(|z| [part(b, ScalarOp::Real, *z), part(b, ScalarOp::Imag, *z)]);
        let parts: SmallVec<[[NodeId; 2]; 2]> = parts.collect();
        return match complex::define(op, b, &parts) {
            Parts::Real(x) => x,
            Parts::Complex(z) => b.op(ScalarOp::Complex, &z),
        };
    }
    let builder = RefCell::new(b);
    match definition(op, |n| Term::new(&builder, args[n])) {
        Some(value) => value.id(),
        None => panic!("{op:?}: its row names no definition on {operand}"),
    }
}

/// A bool and a value. Where the bool holds, the value has the bits of the op, at a lower cost.
/// `None` for ops whose row names no shorter definition. Scalar code can branch on the bool.
pub fn near(op: ScalarOp, b: &mut KernelBuilder, args: &[NodeId]) -> Option<(NodeId, NodeId)> {
    let builder = RefCell::new(b);
    let (holds, value) = near_definition(op, |n| Term::new(&builder, args[n]))?;
    Some((holds.id(), value.id()))
}

/// The value that the definition named in a row builds from its operands.
macro_rules! apply {
    (1 [elementary $f:path $(, $($mark:tt)*)?] $operand:ident) => {
        Some($f($operand(0)))
    };
    (2 [elementary $f:path $(, $($mark:tt)*)?] $operand:ident) => {
        Some($f($operand(0), $operand(1)))
    };
    ($arity:literal [machine $flops:literal] $operand:ident) => {
        None
    };
}

/// The values that the shorter definition named in a row builds from its operand.
macro_rules! apply_near {
    (1 [elementary $f:path, near $near:path] $operand:ident) => {
        Some($near($operand(0)))
    };
    ($arity:literal $form:tt $operand:ident) => {
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
        /// The definition of an elementary op on real operands.
        fn definition<'s>(
            op: ScalarOp,
            operand: impl Fn(usize) -> Term<'s>,
        ) -> Option<Term<'s>> {
            match op {
                $($(ScalarOp::$op { .. } => apply!($arity $real operand),)*)*
            }
        }

        /// The shorter definition of an op: the condition under which it holds, and its value.
        fn near_definition<'s>(
            op: ScalarOp,
            operand: impl Fn(usize) -> Term<'s>,
        ) -> Option<(Term<'s>, Term<'s>)> {
            match op {
                $($(ScalarOp::$op { .. } => apply_near!($arity $real operand),)*)*
            }
        }
    };
}

scalar_ops!(definitions);

/// A kernel of one point. It loads one element of type `d` for each of `arity` operands, each from
/// a buffer of its own, and stores the value that `build` makes of them to the last buffer.
pub fn point_kernel(
    name: &str,
    d: DType,
    arity: usize,
    build: impl FnOnce(&mut KernelBuilder, &[NodeId]) -> NodeId,
) -> Kernel {
    let mut b = KernelBuilder::new(name, []);
    let mut args: SmallVec<[NodeId; 3]> = SmallVec::new();
    for _ in 0..arity {
        let buffer = b.buffer(d, 1);
        args.push(b.load(buffer, Affine::default()));
    }
    let value = build(&mut b, &args);
    let out = b.buffer(b.dtype(value), 1);
    b.store_at(out, Affine::default(), value);
    b.finish()
}
