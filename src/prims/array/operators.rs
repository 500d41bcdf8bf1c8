//! The operators of Rust on arrays: `+ - * / % -x & | ^ !x << >>`. They take arrays by value and by
//! reference, and numbers on either side.
//!
//! Operands broadcast as in NumPy, and promotion gives their common dtype. `/` of ints is a float.
//! `%` has the sign of the dividend, as in Rust. `+` and `*` of bools are `|` and `&`; bools become
//! i32 in `%` and shifts. `>>` of signed ints is arithmetic.
//!
//! On the right a number may have any type. On the left it has the type `f64`, `i32` or
//! `Complex<f64>`: one type per kind, so that Rust infers the types of literals, as in
//! `(0.1 * x).sum()`. All numbers are weak.

use crate::core::array::Array;
use crate::prims::array::literal::{IntOperand, Operand, together};
use crate::prims::points::binary::{
    try_add, try_and, try_div, try_mul, try_or, try_rem, try_shift_left,
    try_shift_right_arithmetic, try_shift_right_logical, try_sub, try_xor,
};
use crate::prims::points::convert::try_convert_element_type;
use crate::prims::points::unary::{try_neg, try_not};
use crate::prims::rules::apply::{composed, expect};
use cotangent_jit::{Complex, DType, Error};
use std::iter::{Product, Sum};
use std::ops::{
    Add, AddAssign, BitAnd, BitOr, BitXor, Div, DivAssign, Mul, MulAssign, Neg, Not, Rem, Shl, Shr,
    Sub, SubAssign,
};

/// Applies a function of two arrays to operands, after promotion and broadcasting.
#[track_caller]
pub(crate) fn apply(
    name: &str,
    x: &dyn Operand,
    y: &dyn Operand,
    f: fn(&Array, &Array) -> Result<Array, Error>,
) -> Array {
    apply_in(name, x, y, false, f)
}

/// [`apply`], with operands of an int or bool dtype converted to a float dtype.
#[track_caller]
pub(crate) fn apply_float(
    name: &str,
    x: &dyn Operand,
    y: &dyn Operand,
    f: fn(&Array, &Array) -> Result<Array, Error>,
) -> Array {
    apply_in(name, x, y, true, f)
}

#[track_caller]
fn apply_in(
    name: &str,
    x: &dyn Operand,
    y: &dyn Operand,
    floats: bool,
    f: fn(&Array, &Array) -> Result<Array, Error>,
) -> Array {
    expect(composed(name, || {
        // The most frequent case: both operands are arrays of the same dtype and shape.
        if let (Some(a), Some(b)) = (x.array(), y.array())
            && a.dtype() == b.dtype()
            && a.shape() == b.shape()
            && (!floats || a.dtype().is_inexact())
        {
            return f(a, b);
        }
        let operands = together(name, &[x, y], floats)?;
        f(&operands[0], &operands[1])
    }))
}

/// The array, with bools converted to i32.
pub(crate) fn counted(x: &Array) -> Result<Array, Error> {
    if x.dtype().is_bool() { try_convert_element_type(x, DType::I32) } else { Ok(x.clone()) }
}

#[track_caller]
fn add(x: &dyn Operand, y: &dyn Operand) -> Array {
    // The sum of bools is `or`, as in NumPy.
    apply("add", x, y, |x, y| if x.dtype().is_bool() { try_or(x, y) } else { try_add(x, y) })
}

#[track_caller]
fn sub(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("sub", x, y, try_sub)
}

#[track_caller]
fn mul(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("mul", x, y, |x, y| if x.dtype().is_bool() { try_and(x, y) } else { try_mul(x, y) })
}

#[track_caller]
fn div(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply_float("div", x, y, try_div)
}

#[track_caller]
fn rem(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("rem", x, y, |x, y| try_rem(&counted(x)?, &counted(y)?))
}

#[track_caller]
fn and(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("and", x, y, try_and)
}

#[track_caller]
fn or(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("or", x, y, try_or)
}

#[track_caller]
fn xor(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("xor", x, y, try_xor)
}

#[track_caller]
fn shift_left(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("shift_left", x, y, |x, y| try_shift_left(&counted(x)?, &counted(y)?))
}

#[track_caller]
fn shift_right(x: &dyn Operand, y: &dyn Operand) -> Array {
    apply("shift_right", x, y, |x, y| {
        let (x, y) = (&counted(x)?, &counted(y)?);
        if x.dtype().is_signed() {
            try_shift_right_arithmetic(x, y)
        } else {
            try_shift_right_logical(x, y)
        }
    })
}

/// Implements one operator for arrays on the left and any operand on the right, and for these
/// number types on the left.
macro_rules! operator {
    ($trait:ident, $method:ident, $f:ident, $operand:ident; $($number:ty),*) => {
        impl<T: $operand> $trait<T> for Array {
            type Output = Array;

            #[track_caller]
            fn $method(self, other: T) -> Array {
                $f(&self, &other)
            }
        }

        impl<T: $operand> $trait<T> for &Array {
            type Output = Array;

            #[track_caller]
            fn $method(self, other: T) -> Array {
                $f(self, &other)
            }
        }

        $(
            impl $trait<Array> for $number {
                type Output = Array;

                #[track_caller]
                fn $method(self, other: Array) -> Array {
                    $f(&self, &other)
                }
            }

            impl $trait<&Array> for $number {
                type Output = Array;

                #[track_caller]
                fn $method(self, other: &Array) -> Array {
                    $f(&self, &other)
                }
            }
        )*
    };
}

operator!(Add, add, add, Operand; f64, i32, Complex<f64>);
operator!(Sub, sub, sub, Operand; f64, i32, Complex<f64>);
operator!(Mul, mul, mul, Operand; f64, i32, Complex<f64>);
operator!(Div, div, div, Operand; f64, i32, Complex<f64>);
operator!(Rem, rem, rem, Operand; f64, i32);
operator!(BitAnd, bitand, and, IntOperand; i32);
operator!(BitOr, bitor, or, IntOperand; i32);
operator!(BitXor, bitxor, xor, IntOperand; i32);
operator!(Shl, shl, shift_left, IntOperand; i32);
operator!(Shr, shr, shift_right, IntOperand; i32);

/// `x += y` is `x = x + y`. Other handles of the old array keep its value.
macro_rules! assign {
    ($trait:ident, $method:ident, $f:ident) => {
        impl<T: Operand> $trait<T> for Array {
            #[track_caller]
            fn $method(&mut self, other: T) {
                *self = $f(self, &other);
            }
        }
    };
}

assign!(AddAssign, add_assign, add);
assign!(SubAssign, sub_assign, sub);
assign!(MulAssign, mul_assign, mul);
assign!(DivAssign, div_assign, div);

macro_rules! prefix {
    ($trait:ident, $method:ident, $f:ident) => {
        impl $trait for Array {
            type Output = Array;

            #[track_caller]
            fn $method(self) -> Array {
                expect($f(&self))
            }
        }

        impl $trait for &Array {
            type Output = Array;

            #[track_caller]
            fn $method(self) -> Array {
                expect($f(self))
            }
        }
    };
}

prefix!(Neg, neg, try_neg);
prefix!(Not, not, try_not);

/// The sum of the arrays of an iterator, and their product; of none the weak number 0, and 1.
macro_rules! total {
    ($trait:ident, $method:ident, $f:ident, $none:literal) => {
        impl<T: Operand> $trait<T> for Array {
            #[track_caller]
            fn $method<I: Iterator<Item = T>>(mut iter: I) -> Array {
                let first = iter.next().map_or_else(|| Array::from($none), |x| x.to_array());
                iter.fold(first, |total, x| $f(&total, &x))
            }
        }
    };
}

total!(Sum, sum, add, 0);
total!(Product, product, mul, 1);
