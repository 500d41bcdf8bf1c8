//! Terms: nodes under construction that can be written as formulas, `x * x + 1.0`, and the
//! polynomial helper.
//!
//! Algebra does not live here: every operator builds exactly the op that it names.

use crate::build::KernelBuilder;
use crate::kernel::NodeId;
use crate::op::ScalarOp;
use crate::{DType, Scalar};
use std::cell::RefCell;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Sub};

/// A node with its type and its builder. Copies of a term refer to the same node.
#[derive(Clone, Copy)]
pub(super) struct Term<'s> {
    builder: &'s RefCell<&'s mut KernelBuilder>,
    id: NodeId,
    dtype: DType,
}

/// An operand beside a term: another term, or a number that becomes a constant of the term's type.
pub(super) trait Operand<'s> {
    fn term(self, like: Term<'s>) -> Term<'s>;
}

impl<'s> Operand<'s> for Term<'s> {
    fn term(self, _: Term<'s>) -> Term<'s> {
        self
    }
}

impl<'s> Operand<'s> for f64 {
    fn term(self, like: Term<'s>) -> Term<'s> {
        like.constant(Scalar::from_f64(like.dtype, self).expect("a type that runs"))
    }
}

impl<'s> Operand<'s> for i64 {
    fn term(self, like: Term<'s>) -> Term<'s> {
        like.constant(Scalar::from_i64(like.dtype, self).expect("a type that runs"))
    }
}

impl<'s> Term<'s> {
    pub(super) fn new(builder: &'s RefCell<&'s mut KernelBuilder>, id: NodeId) -> Term<'s> {
        let dtype = builder.borrow().dtype(id);
        Term { builder, id, dtype }
    }

    pub(super) fn id(self) -> NodeId {
        self.id
    }

    pub(super) fn dtype(self) -> DType {
        self.dtype
    }

    /// Returns whether this is the 32-bit of the two float types.
    pub(super) fn narrow(self) -> bool {
        self.dtype.size() == 4
    }

    /// The first for 32-bit terms, the second for 64-bit ones.
    pub(super) fn by_width<T>(self, narrow: T, wide: T) -> T {
        if self.narrow() { narrow } else { wide }
    }

    fn constant(self, value: Scalar) -> Term<'s> {
        let id = self.builder.borrow_mut().constant(value);
        Term { id, dtype: value.dtype(), ..self }
    }

    /// A constant of this term's type.
    pub(super) fn like(self, value: impl Operand<'s>) -> Term<'s> {
        value.term(self)
    }

    fn op(self, op: ScalarOp, args: &[NodeId]) -> Term<'s> {
        let id = self.builder.borrow_mut().op(op, args);
        Term::new(self.builder, id)
    }

    pub(super) fn unary(self, op: ScalarOp) -> Term<'s> {
        self.op(op, &[self.id])
    }

    pub(super) fn binary(self, op: ScalarOp, other: impl Operand<'s>) -> Term<'s> {
        self.op(op, &[self.id, other.term(self).id])
    }

    pub(super) fn abs(self) -> Term<'s> {
        self.unary(ScalarOp::Abs)
    }

    pub(super) fn sqrt(self) -> Term<'s> {
        self.unary(ScalarOp::Sqrt)
    }

    /// `self * by + plus`, rounded once.
    pub(super) fn fma(self, by: impl Operand<'s>, plus: impl Operand<'s>) -> Term<'s> {
        self.op(ScalarOp::Fma, &[self.id, by.term(self).id, plus.term(self).id])
    }

    pub(super) fn lt(self, other: impl Operand<'s>) -> Term<'s> {
        self.binary(ScalarOp::Lt, other)
    }

    pub(super) fn le(self, other: impl Operand<'s>) -> Term<'s> {
        self.binary(ScalarOp::Le, other)
    }

    pub(super) fn gt(self, other: impl Operand<'s>) -> Term<'s> {
        self.binary(ScalarOp::Gt, other)
    }

    pub(super) fn ge(self, other: impl Operand<'s>) -> Term<'s> {
        self.binary(ScalarOp::Ge, other)
    }

    pub(super) fn eq(self, other: impl Operand<'s>) -> Term<'s> {
        self.binary(ScalarOp::Eq, other)
    }

    pub(super) fn ne(self, other: impl Operand<'s>) -> Term<'s> {
        self.binary(ScalarOp::Ne, other)
    }

    pub(super) fn not(self) -> Term<'s> {
        self.unary(ScalarOp::Not)
    }

    /// `yes` where this bool is true, else `no`. A number beside a term takes the term's type.
    pub(super) fn select(self, yes: Term<'s>, no: impl Operand<'s>) -> Term<'s> {
        self.op(ScalarOp::Select, &[self.id, yes.id, no.term(yes).id])
    }

    /// `most` where this exceeds it; a NaN stays. (A comparison and a selection cost less than
    /// `Min`, which treats NaNs and signed zeros.)
    pub(super) fn at_most(self, most: f64) -> Term<'s> {
        self.gt(most).select(self.like(most), self)
    }

    pub(super) fn at_least(self, least: f64) -> Term<'s> {
        self.lt(least).select(self.like(least), self)
    }

    /// The bit pattern as a signed integer of the same width.
    pub(super) fn bits(self) -> Term<'s> {
        self.unary(ScalarOp::Bitcast(self.by_width(DType::I32, DType::I64)))
    }

    /// The float with this bit pattern.
    pub(super) fn float(self) -> Term<'s> {
        self.unary(ScalarOp::Bitcast(self.by_width(DType::F32, DType::F64)))
    }

    pub(super) fn shl(self, by: i64) -> Term<'s> {
        self.binary(ScalarOp::Shl, by)
    }

    pub(super) fn shr(self, by: i64) -> Term<'s> {
        self.binary(ScalarOp::ShrLogical, by)
    }

    /// The sign bit of a float alone, as an integer.
    pub(super) fn sign_bit(self) -> Term<'s> {
        self.bits() & self.by_width(i32::MIN as i64, i64::MIN)
    }

    /// A float that is not negative, with the sign of another.
    pub(super) fn signed_like(self, other: Term<'s>) -> Term<'s> {
        (self.bits() | other.sign_bit()).float()
    }

    /// The same, except that a NaN counts as positive: the sign of one that arose from numbers
    /// depends on the machine.
    pub(super) fn signed_as(self, other: Term<'s>) -> Term<'s> {
        let signed = self.signed_like(other);
        other.eq(other).select(signed, self)
    }

    /// `c[0] + c[1] x + c[2] x^2 + ...` by Horner's rule in fused steps.
    pub(super) fn poly(self, c: &[f64]) -> Term<'s> {
        let (last, rest) = c.split_last().expect("a polynomial has coefficients");
        rest.iter().rev().fold(self.like(*last), |sum, c| sum.fma(self, *c))
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl<'s, T: Operand<'s>> $trait<T> for Term<'s> {
            type Output = Term<'s>;
            fn $method(self, other: T) -> Term<'s> {
                self.binary(ScalarOp::$op, other)
            }
        }
    )*};
}

operators! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
    BitAnd bitand And;
    BitOr bitor Or;
    BitXor bitxor Xor;
}

impl<'s> Neg for Term<'s> {
    type Output = Term<'s>;
    fn neg(self) -> Term<'s> {
        self.unary(ScalarOp::Neg)
    }
}
