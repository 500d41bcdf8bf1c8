//! Roots, and what needs no more than looking at the bits: sign, is_finite, round_away.

use super::term::Term;
use crate::op::ScalarOp;

/// -1, 0 or 1; of floats, zeros and NaNs stay what they are.
pub(super) fn sign(x: Term) -> Term {
    if x.dtype().is_float() {
        return x.abs().gt(0.0).select(x.like(1.0).signed_like(x), x);
    }
    let positive = x.gt(0).select(x.like(1), 0);
    if x.dtype().is_signed() { x.lt(0).select(x.like(-1), positive) } else { positive }
}

pub(super) fn is_finite(x: Term) -> Term {
    x.abs().lt(f64::INFINITY)
}

/// To nearest, ties away from zero. The fraction is exact; of an infinity it is NaN, which is no reason to move.
pub(super) fn round_away(x: Term) -> Term {
    let whole = x.unary(ScalarOp::Trunc);
    let moved = whole + x.like(1.0).signed_like(x);
    (x - whole).abs().ge(0.5).select(moved, whole)
}

pub(super) fn rsqrt(x: Term) -> Term {
    x.like(1.0) / x.sqrt()
}
