//! The elementary functions, each defined once in machine ops: [`define`] builds a definition.
//!
//! Definitions are branch-free (but for `far`) and stay within the width of their operand, so that whatever runs machine ops on vectors
//! runs these; NaNs, infinities, signed zeros and subnormals are C's. They use integers only as bit patterns, and shifts
//! by constants only. The files are families; `term.rs` lets them be written as formulas.
//!
//! The largest errors, of f32 over all 2^32 inputs, are in the repository's `docs/accuracy.md`: at most 2 units in the last
//! place for every elementary function, in f32 and f64; of special ones erf_inv in f32 2.35, lgamma and digamma in f64 2.4 and
//! 3.0 right of zero. The number of machine ops of each definition (constants apart):
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
//! - sin, cos and tan reduce their argument by three parts of pi/2, which has digits for `|x| <= 2^18` in f32 and
//!   `|x| <= 1.4e14` in f64; beyond, an op takes over that calls [`far`] (a branch that loops hardly feel).
//! - lgamma and digamma are computed in f64 for either width: in f32 all but correctly rounded, in f64 off by at most 2.5 and
//!   3.2 units for positive numbers (6,500 points), on the left by about as much of the greater term of the reflection,
//!   so that digits are lost near their roots there.
//! - `sign`, `is_finite` and `round_away` are exact.
//!
//! What does not live here: derivatives, and which ops there are.

use crate::build::KernelBuilder;
use crate::kernel::NodeId;
use crate::op::{Level, ScalarOp};
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

/// The op applied to the operands, in machine ops alone; an op that is one already stays as it is.
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
    let x = Term::new(&builder, args[0]);
    let result = match op {
        ScalarOp::Sign => root::sign(x),
        ScalarOp::IsFinite => root::is_finite(x),
        ScalarOp::RoundAway => root::round_away(x),
        ScalarOp::Rsqrt => root::rsqrt(x),
        ScalarOp::Exp => exp::exp(x),
        ScalarOp::Exp2 => exp::exp2(x),
        ScalarOp::Expm1 => exp::expm1(x),
        ScalarOp::Logistic => exp::logistic(x),
        ScalarOp::Log => log::log(x),
        ScalarOp::Log2 => log::log2(x),
        ScalarOp::Log1p => log::log1p(x),
        ScalarOp::Sin => trig::sin(x),
        ScalarOp::Cos => trig::cos(x),
        ScalarOp::Cbrt => root::cbrt(x),
        ScalarOp::Tan => trig::tan(x),
        ScalarOp::Asin => inverse_trig::asin(x),
        ScalarOp::Acos => inverse_trig::acos(x),
        ScalarOp::Atan => inverse_trig::atan(x),
        ScalarOp::Atan2 => inverse_trig::atan2(x, Term::new(&builder, args[1])),
        ScalarOp::Sinh => hyperbolic::sinh(x),
        ScalarOp::Cosh => hyperbolic::cosh(x),
        ScalarOp::Tanh => hyperbolic::tanh(x),
        ScalarOp::Asinh => hyperbolic::asinh(x),
        ScalarOp::Acosh => hyperbolic::acosh(x),
        ScalarOp::Atanh => hyperbolic::atanh(x),
        ScalarOp::Erf => erf::erf(x),
        ScalarOp::Erfc => erf::erfc(x),
        ScalarOp::Pow => pow::pow(x, Term::new(&builder, args[1])),
        ScalarOp::ErfInv => erf::erf_inv(x),
        ScalarOp::Lgamma => gamma::lgamma(x),
        ScalarOp::Digamma => gamma::digamma(x),
        op => panic!("{op:?}: not an elementary function"),
    };
    result.id()
}

/// A test of the operands (a bool), and the op's value where it holds, by a shorter way to the same bits; `None` for ops
/// without one. For scalar code, which can branch.
pub fn near(op: ScalarOp, b: &mut KernelBuilder, args: &[NodeId]) -> Option<(NodeId, NodeId)> {
    let rule: fn(Term) -> (Term, Term) = match op {
        ScalarOp::Sin => trig::sin_near,
        ScalarOp::Cos => trig::cos_near,
        _ => return None,
    };
    let builder = RefCell::new(b);
    let (holds, value) = rule(Term::new(&builder, args[0]));
    Some((holds.id(), value.id()))
}
