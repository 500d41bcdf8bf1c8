//! Operands: arrays and numbers, and their conversion to arrays of a common dtype and shape.
//!
//! Not here: the choice of the common dtype (`promotion`) and of the common shape
//! (`broadcast_shapes`).

use crate::core::array::Array;
use crate::prims::array::broadcast_shapes::broadcast_arrays;
use crate::prims::array::promotion::{inexact, promote};
use crate::prims::points::convert::try_convert_weakly;
use crate::prims::rules::apply::expect;
use crate::prims::rules::numbers::holds;
use cotangent_jit::{Complex, DType, Error, Scalar, err};
use smallvec::SmallVec;
use std::fmt;

/// A number written in the program.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    Bool(bool),
    Int(i64),
    Unsigned(u32),
    Float(f64),
    /// A real and an imaginary part.
    Complex(f64, f64),
}

impl From<bool> for Number {
    fn from(b: bool) -> Number {
        Number::Bool(b)
    }
}

impl From<i32> for Number {
    fn from(i: i32) -> Number {
        Number::Int(i.into())
    }
}

impl From<i64> for Number {
    fn from(i: i64) -> Number {
        Number::Int(i)
    }
}

impl From<u32> for Number {
    fn from(i: u32) -> Number {
        Number::Unsigned(i)
    }
}

impl From<f64> for Number {
    fn from(x: f64) -> Number {
        Number::Float(x)
    }
}

impl Number {
    /// The dtype of the number alone. An int has the dtype i32, or that of its Rust type if i32
    /// cannot hold it. The dtype is weak, unless it is that of an int beyond i32.
    pub fn dtype(self) -> DType {
        match self {
            Number::Bool(_) => DType::Bool,
            Number::Int(i) if i32::try_from(i).is_ok() => DType::I32,
            Number::Int(_) => DType::I64,
            Number::Unsigned(i) if i32::try_from(i).is_ok() => DType::I32,
            Number::Unsigned(_) => DType::U32,
            Number::Float(_) => DType::F32,
            Number::Complex(..) => DType::C64,
        }
    }

    /// The value, if the number is an int.
    pub(crate) fn int(self) -> Option<i64> {
        match self {
            Number::Int(i) => Some(i),
            Number::Unsigned(i) => Some(i.into()),
            Number::Bool(_) | Number::Float(_) | Number::Complex(..) => None,
        }
    }

    /// The value in this dtype. Ints must fit; floats are rounded.
    pub(crate) fn scalar(self, name: &str, dtype: DType) -> Result<Scalar, Error> {
        let literal = self.literal(name, dtype)?;
        Ok(literal.as_literal().expect("a literal"))
    }

    /// The literal of the number's own dtype.
    fn array(self) -> Result<Array, Error> {
        let literal = self.literal("array", self.dtype())?;
        let beyond = self.int().is_some_and(|i| !holds(DType::I32, i.into()));
        Ok(literal.as_literal().filter(|_| beyond).map_or(literal, Array::strong_literal))
    }

    /// The literal of this dtype, or an error if the dtype cannot hold the number. Ints must fit;
    /// floats are rounded.
    fn literal(self, name: &str, dtype: DType) -> Result<Array, Error> {
        let scalar = match self {
            Number::Bool(b) => Scalar::from_i64(dtype, b.into()),
            Number::Int(i) if dtype.is_int() && !holds(dtype, i.into()) => None,
            Number::Int(i) => Scalar::from_i64(dtype, i),
            Number::Unsigned(i) => return Number::Int(i.into()).literal(name, dtype),
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
            Number::Unsigned(i) => write!(f, "{i}"),
            Number::Float(x) => write!(f, "{x:?}"),
            Number::Complex(re, im) => write!(f, "{re:?}{im:+?}j"),
        }
    }
}

/// An operand: an array, a reference to an array, or a number.
///
/// Numbers are weak: they take the dtype of the array operands, at full precision.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no operand: expected an `Array`, a `&Array` or a number",
    label = "expected an array or a number",
    note = "a `Vec`, a slice or nested ones become an array by `Array::from_nested(&values)`; \
            `array![1.0, 2.0]` writes one"
)]
pub trait Operand {
    /// The number, if the operand is one.
    fn number(&self) -> Option<Number> {
        None
    }

    /// The array, if the operand is one.
    fn array(&self) -> Option<&Array> {
        None
    }

    /// The operand as an array. A number becomes a literal of its own dtype ([`Number::dtype`]),
    /// which is strong for an int beyond i32 and weak otherwise.
    fn to_array(&self) -> Array;
}

impl Operand for Array {
    fn array(&self) -> Option<&Array> {
        Some(self)
    }

    fn to_array(&self) -> Array {
        self.clone()
    }
}

impl Operand for &Array {
    fn array(&self) -> Option<&Array> {
        Some(self)
    }

    fn to_array(&self) -> Array {
        (*self).clone()
    }
}

macro_rules! numbers {
    ($($t:ty: $kind:ident as $wide:ty;)*) => {$(
        impl Operand for $t {
            fn number(&self) -> Option<Number> {
                Some(Number::$kind(*self as $wide))
            }

            #[track_caller]
            fn to_array(&self) -> Array {
                expect(Number::$kind(*self as $wide).array())
            }
        }
    )*};
}

numbers! {
    bool: Bool as bool;
    i32: Int as i64;
    i64: Int as i64;
    u32: Unsigned as u32;
    f32: Float as f64;
    f64: Float as f64;
}

macro_rules! complex_numbers {
    ($($t:ty)*) => {$(
        impl Operand for Complex<$t> {
            fn number(&self) -> Option<Number> {
                Some(Number::Complex(self.re.into(), self.im.into()))
            }

            #[track_caller]
            fn to_array(&self) -> Array {
                let number = Number::Complex(self.re.into(), self.im.into());
                expect(number.literal("array", number.dtype()))
            }
        }
    )*};
}

complex_numbers!(f32 f64);

/// The value of an int that is written in the program: a number, or a weak literal such as
/// `full((), 7)`.
pub(crate) fn written_int(o: &dyn Operand) -> Option<i128> {
    if let Some(n) = o.number() {
        return n.int().map(i128::from);
    }
    let value = o.array().filter(|x| x.is_weak())?.as_literal().filter(|s| s.dtype().is_int())?;
    match value.dtype() {
        DType::U64 => Some(i128::from(value.bits() as u64)),
        _ => value.to_i64().map(i128::from),
    }
}

/// Converts operands to their common dtype. With `floats`, an int or bool dtype becomes the float
/// dtype that [`inexact`] gives. If the common dtype is weak, the arrays are weak. Ints beyond i32
/// are the exception: they become strong, because a weak int could become an i32, which cannot hold
/// them.
pub(crate) fn promoted(
    name: &str,
    operands: &[&dyn Operand],
    floats: bool,
) -> Result<SmallVec<[Array; 3]>, Error> {
    let dtypes: SmallVec<[(DType, bool); 3]> = operands
        .iter()
        .map(|o| match (o.number(), o.array()) {
            (Some(n), _) => (n.dtype(), true),
            (None, Some(array)) => (array.dtype(), array.is_weak()),
            (None, None) => (o.to_array().dtype(), o.to_array().is_weak()),
        })
        .collect();
    let (mut dtype, weak) = promote(&dtypes);
    let all_in = |d: DType| operands.iter().filter_map(|o| written_int(*o)).all(|i| holds(d, i));
    let beyond = weak && !floats && dtype.is_int() && !all_in(DType::I32);
    if floats {
        dtype = inexact(dtype, weak);
    } else if beyond && dtype == DType::U32 {
        // Another operand may be a negative int, or an array with negative entries.
        let known = operands.iter().all(|o| written_int(*o).is_some());
        dtype = if known && all_in(dtype) { dtype } else { DType::I64 };
    }
    let convert = |o: &&dyn Operand| {
        if let Some(i) = written_int(*o).filter(|i| dtype.is_int() && !holds(dtype, *i)) {
            return Err(err!(Value, "{name}: {i} is not a value of {dtype}"));
        }
        let array = match o.number() {
            Some(n) => n.literal(name, dtype)?,
            None => o.to_array(),
        };
        if array.dtype() == dtype && !beyond {
            return Ok(array);
        }
        try_convert_weakly(&array, dtype, weak && !beyond)
    };
    operands.iter().map(convert).collect()
}

/// Converts operands to arrays of one dtype and shape, by promotion and broadcasting. Scalars stay
/// scalars.
pub(crate) fn together(
    name: &str,
    operands: &[&dyn Operand],
    floats: bool,
) -> Result<SmallVec<[Array; 3]>, Error> {
    let mut arrays = promoted(name, operands, floats)?;
    broadcast_arrays(name, &mut arrays)?;
    Ok(arrays)
}
