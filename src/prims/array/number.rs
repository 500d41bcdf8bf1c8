//! Numbers of Rust: what a bare number in a program means.
//!
//! Its Rust type tells its kind only (bool, int, float, complex). The dtype comes from the arrays
//! beside it, and alone it is `i32`, `f32` or `c64`.

use crate::core::array::Array;
use crate::prims::rules::numbers::holds;
use cotangent_jit::{Complex, DType, Error, Scalar, err};
use half::{bf16, f16};
use std::fmt;

/// A number written in the program.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    Bool(bool),
    Int(i128),
    Float(f64),
    /// A real and an imaginary part.
    Complex(f64, f64),
}

/// Calls a macro with every number type of Rust, the variant of [`Number`] that it becomes, and its
/// conversion.
macro_rules! each_number {
    ($macro:ident) => {
        $macro! {
            bool: Bool(bool::from);
            i8: Int(i128::from);
            i16: Int(i128::from);
            i32: Int(i128::from);
            i64: Int(i128::from);
            isize: Int(|i| i as i128);
            u8: Int(i128::from);
            u16: Int(i128::from);
            u32: Int(i128::from);
            u64: Int(i128::from);
            usize: Int(|i| i as i128);
            f16: Float(f64::from);
            bf16: Float(f64::from);
            f32: Float(f64::from);
            f64: Float(f64::from);
        }
    };
}

pub(super) use each_number;

macro_rules! conversions {
    ($($t:ty: $kind:ident($widen:expr);)*) => {$(
        impl From<$t> for Number {
            fn from(number: $t) -> Number {
                Number::$kind($widen(number))
            }
        }
    )*};
}

each_number!(conversions);

impl<T: Into<f64>> From<Complex<T>> for Number {
    fn from(z: Complex<T>) -> Number {
        Number::Complex(z.re.into(), z.im.into())
    }
}

impl Number {
    /// The dtype of the number alone. An int has the dtype i32, or i64 or u64 if i32 cannot hold
    /// it. The dtype is weak, unless it is that of an int beyond i32.
    pub fn dtype(self) -> DType {
        match self {
            Number::Bool(_) => DType::Bool,
            Number::Int(i) if holds(DType::I32, i) => DType::I32,
            Number::Int(i) if holds(DType::I64, i) => DType::I64,
            Number::Int(_) => DType::U64,
            Number::Float(_) => DType::F32,
            Number::Complex(..) => DType::C64,
        }
    }

    /// The value, if the number is an int.
    pub(crate) fn int(self) -> Option<i128> {
        if let Number::Int(i) = self { Some(i) } else { None }
    }

    /// The value in this dtype. Ints must fit; floats are rounded.
    pub(crate) fn scalar(self, name: &str, dtype: DType) -> Result<Scalar, Error> {
        let literal = self.literal(name, dtype)?;
        Ok(literal.as_literal().expect("a literal"))
    }

    /// The literal of the number's own dtype.
    pub(super) fn array(self) -> Result<Array, Error> {
        let literal = self.literal("array", self.dtype())?;
        let stands = match self {
            Number::Bool(_) => true,
            Number::Int(i) => !holds(DType::I32, i),
            Number::Float(_) | Number::Complex(..) => false,
        };
        Ok(literal.as_literal().filter(|_| stands).map_or(literal, Array::strong_literal))
    }

    /// The literal of this dtype, or an error if the dtype cannot hold the number. Ints must fit;
    /// floats are rounded.
    pub(super) fn literal(self, name: &str, dtype: DType) -> Result<Array, Error> {
        let scalar = match self {
            Number::Bool(b) => Scalar::from_i64(dtype, b.into()),
            Number::Int(i) if dtype.is_int() && !holds(dtype, i) => None,
            Number::Int(i) if dtype == DType::U64 => Some(Scalar::from_bits(dtype, i as u128)),
            Number::Int(i) => match i64::try_from(i) {
                Ok(i) => Scalar::from_i64(dtype, i),
                Err(_) if dtype.part().bits() == 64 => Scalar::from_f64(dtype, i as f64),
                // An odd last digit, where digits are lost, keeps a narrower dtype from rounding
                // twice.
                Err(_) => {
                    let lost = i & 0x7ff != 0;
                    Scalar::from_f64(dtype, (i >> 11 | i128::from(lost)) as f64 * 2048.0)
                }
            },
            // An int dtype takes the integral part, which must fit.
            Number::Float(f) if dtype.is_int() && (f.is_nan() || !holds(dtype, f as i128)) => None,
            Number::Float(f) => Scalar::from_f64(dtype, f),
            Number::Complex(re, im) => {
                let part = |x| Scalar::from_f64(dtype.part(), x);
                let parts = part(re).zip(part(im)).filter(|_| dtype.is_complex());
                parts.and_then(|(re, im)| Scalar::complex(re, im))
            }
        };
        match scalar {
            Some(s) => Ok(Array::literal(s)),
            None => Err(err!(Value, "{name}: {self} is not a value of {dtype}")),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Bool(b) => write!(f, "{b}"),
            Number::Int(i) => write!(f, "{i}"),
            Number::Float(x) => write!(f, "{x:?}"),
            Number::Complex(re, im) => write!(f, "{re:?}{im:+?}j"),
        }
    }
}
