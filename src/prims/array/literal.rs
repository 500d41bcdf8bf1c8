//! Operands: arrays and numbers, and their conversion to arrays of a common dtype and shape.
//!
//! Not here: the choice of the common dtype (`promotion`) and of the common shape
//! (`broadcast_shapes`).

use crate::core::array::Array;
use crate::prims::array::broadcast_shapes::broadcast_arrays;
use crate::prims::array::number::{Number, each_number};
use crate::prims::array::promotion::{inexact, promote};
use crate::prims::points::convert::try_convert_weakly;
use crate::prims::rules::apply::expect;
use crate::prims::rules::numbers::holds;
use cotangent_jit::{Complex, DType, Error, err};
use half::{bf16, f16};
use smallvec::SmallVec;

/// An operand: an array, a reference to an array, or a number.
///
/// Numbers are weak: they take the dtype of the array operands, at full precision.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no operand: expected an `Array`, a `&Array` or a number",
    label = "expected an array or a number",
    note = "a `Vec`, a slice or nested ones become an array by `Array::from(values)`; \
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
    ///
    /// Implementations are not `track_caller`. Behind `dyn Operand`, such a method needs a small
    /// function around it, which the compiler makes where the table of methods is made; if that is
    /// in a crate that uses this one as a shared library (`notebook`), the linker does not find the
    /// method itself.
    fn to_array(&self) -> Array;
}

/// An operand of an operator on ints and bools: an array, an int or a bool.
#[diagnostic::on_unimplemented(
    message = "`&`, `|`, `^`, `<<` and `>>` take an `Array`, an int or a bool, got `{Self}`",
    label = "expected an array, an int or a bool",
    note = "arrays of bools come of comparisons: `x.gt(0.0) & y.lt(1.0)`"
)]
pub trait IntOperand: Operand {}

impl IntOperand for Array {}
impl<T: IntOperand> IntOperand for &T {}

macro_rules! int_operands {
    ($($t:ty)*) => {$(
        impl IntOperand for $t {}
    )*};
}

int_operands!(bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

impl Operand for Array {
    fn array(&self) -> Option<&Array> {
        Some(self)
    }

    fn to_array(&self) -> Array {
        self.clone()
    }
}

impl<T: Operand> Operand for &T {
    fn number(&self) -> Option<Number> {
        T::number(self)
    }

    fn array(&self) -> Option<&Array> {
        T::array(self)
    }

    fn to_array(&self) -> Array {
        T::to_array(self)
    }
}

macro_rules! numbers {
    ($($t:ty: $kind:ident($widen:expr);)*) => {$(
        impl Operand for $t {
            fn number(&self) -> Option<Number> {
                Some(Number::from(*self))
            }

            fn to_array(&self) -> Array {
                expect(Number::from(*self).array())
            }
        }
    )*};
}

each_number!(numbers);
numbers! {
    Complex<f32>: Complex(Number::from);
    Complex<f64>: Complex(Number::from);
}

/// The value of an int that is written in the program: a number, or a weak literal such as
/// `full((), 7)`.
pub(crate) fn written_int(o: &dyn Operand) -> Option<i128> {
    if let Some(n) = o.number() {
        return n.int();
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
    let all_small =
        || operands.iter().filter_map(|o| written_int(*o)).all(|i| holds(DType::I32, i));
    let beyond = weak && !floats && dtype.is_int() && !all_small();
    if floats {
        dtype = inexact(dtype, weak);
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
