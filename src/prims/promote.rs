//! Promotion: the dtype in which operands of different dtypes meet, and their NumPy shape.
//!
//! The dtype is the least upper bound in JAX's lattice, in which weak numbers (those written in a program) have places of
//! their own below the strong dtypes of their kind:
//!
//! ```text
//! bool -> i* -> u8 -> u16 -> u32 -> u64 ->  f* -> bf16 -> f32 -> f64
//!         i* -> i8 -> i16 -> i32 -> i64 ->  f* -> f16  -> f32 -> c64 -> c128
//!         u8 -> i16, u16 -> i32, u32 -> i64 f* -> c* -> c64,  f64 -> c128
//! ```
//! Where the bound itself is weak, ints are i32 and floats are f32, unless a dtype among the operands says more.

use super::apply::expect;
use super::broadcast::try_broadcast_in_dim;
use super::convert::try_convert_element_type;
use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::SmallVec;

/// A place in the lattice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Strong(DType),
    WeakInt,
    WeakFloat,
    WeakComplex,
}

impl Place {
    fn of(dtype: DType, weak: bool) -> Place {
        match dtype {
            d if !weak || d.is_bool() => Place::Strong(d),
            d if d.is_int() => Place::WeakInt,
            d if d.is_float() => Place::WeakFloat,
            _ => Place::WeakComplex,
        }
    }

    /// The next places up.
    fn next(self) -> &'static [Place] {
        use DType::*;
        use Place::{Strong as S, WeakComplex, WeakFloat, WeakInt};
        match self {
            S(Bool) => &[WeakInt],
            WeakInt => &[S(U8), S(I8)],
            S(U8) => &[S(I16), S(U16)],
            S(U16) => &[S(I32), S(U32)],
            S(U32) => &[S(I64), S(U64)],
            S(I8) => &[S(I16)],
            S(I16) => &[S(I32)],
            S(I32) => &[S(I64)],
            S(U64) | S(I64) => &[WeakFloat],
            WeakFloat => &[S(BF16), S(F16), WeakComplex],
            S(BF16) | S(F16) => &[S(F32)],
            S(F32) => &[S(F64), S(C64)],
            S(F64) => &[S(C128)],
            WeakComplex => &[S(C64)],
            S(C64) => &[S(C128)],
            S(C128) => &[],
        }
    }

    /// One bit for each place.
    fn bit(self) -> u32 {
        match self {
            Place::Strong(d) => 1 << d as u32,
            Place::WeakInt => 1 << 29,
            Place::WeakFloat => 1 << 30,
            Place::WeakComplex => 1 << 31,
        }
    }

    /// This place and all above it.
    fn above(self) -> u32 {
        self.next().iter().fold(self.bit(), |set, place| set | place.above())
    }

    /// The least place above both. The lattice has one.
    fn join(self, other: Place) -> Place {
        let common = self.above() & other.above();
        let mut place = self;
        while place.above() != common {
            let up = place.next().iter().find(|p| p.above() & common == common);
            place = *up.expect("any two places have a least upper bound");
        }
        place
    }
}

/// The dtype in which two strong dtypes meet.
///
/// ```
/// use cotangent::{DType, prims::promote::promote_types};
/// assert_eq!(promote_types(DType::I32, DType::U32), DType::I64);
/// assert_eq!(promote_types(DType::I64, DType::F32), DType::F32);
/// assert_eq!(promote_types(DType::I64, DType::U64), DType::F32);
/// ```
pub fn promote_types(a: DType, b: DType) -> DType {
    promote(&[(a, false), (b, false)]).0
}

/// The dtype in which arrays meet; weak ones give way to strong ones of their kind or a higher one.
pub fn result_type(arrays: &[&Array]) -> DType {
    let all: SmallVec<[(DType, bool); 4]> =
        arrays.iter().map(|a| (a.dtype(), a.is_weak())).collect();
    promote(&all).0
}

/// The dtype in which dtypes meet, each with whether it is weak; and whether the result is.
pub(crate) fn promote(dtypes: &[(DType, bool)]) -> (DType, bool) {
    let all_weak = dtypes.iter().all(|(_, weak)| *weak);
    let first = dtypes[0].0;
    if dtypes.iter().all(|(d, _)| *d == first) {
        return (first, all_weak);
    }
    // Among weak dtypes only, the strong lattice decides: a weak f64 stays one beside a weak f32.
    let places = dtypes.iter().map(|(d, weak)| Place::of(*d, *weak && !all_weak));
    match places.reduce(Place::join).expect("at least one dtype") {
        Place::Strong(d) => (d, all_weak),
        Place::WeakInt => (DType::I32, true),
        Place::WeakFloat => (DType::F32, true),
        Place::WeakComplex => (DType::C64, true),
    }
}

/// A number written in the program.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl Number {
    /// The dtype it has where nothing else decides. All numbers are weak.
    pub fn dtype(self) -> DType {
        match self {
            Number::Bool(_) => DType::Bool,
            Number::Int(_) => DType::I32,
            Number::Float(_) => DType::F32,
        }
    }

    /// The literal of this dtype, if it can hold the number: ints must fit, floats are rounded.
    fn literal(self, name: &str, dtype: DType) -> Result<Array, Error> {
        let scalar = match self {
            Number::Bool(b) => Scalar::from_i64(dtype, b.into()),
            Number::Int(i) => Scalar::from_i64(dtype, i).filter(|s| {
                !dtype.is_int() || s.to_i64() == Some(i) && (i >= 0 || dtype.is_signed())
            }),
            Number::Float(f) => Scalar::from_f64(dtype, f),
        };
        match scalar {
            Some(s) => Ok(Array::literal(s)),
            None => Err(err!(Value, "{name}: {self:?} is not a value of {dtype}")),
        }
    }
}

/// What stands where an operand is expected: an array, a reference to one, or a number.
///
/// Numbers are weak: they assume the dtype of the arrays they meet, at full precision.
pub trait Operand {
    /// The number, if it is one.
    fn number(&self) -> Option<Number> {
        None
    }

    /// As an array; a number is a literal of its own dtype (i32 or f32).
    fn to_array(&self) -> Array;
}

impl Operand for Array {
    fn to_array(&self) -> Array {
        self.clone()
    }
}

impl Operand for &Array {
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
                let number = Number::$kind(*self as $wide);
                expect(number.literal("array", number.dtype()))
            }
        }
    )*};
}

numbers! {
    bool: Bool as bool;
    i32: Int as i64;
    i64: Int as i64;
    u32: Int as i64;
    f32: Float as f64;
    f64: Float as f64;
}

/// Operands of one dtype, that in which they meet, or `at_least` if that is a float and they meet in an int or bool.
pub(crate) fn promoted(
    name: &str,
    operands: &[&dyn Operand],
    at_least: Option<DType>,
) -> Result<SmallVec<[Array; 3]>, Error> {
    let dtypes: SmallVec<[(DType, bool); 3]> = operands
        .iter()
        .map(|o| match o.number() {
            Some(n) => (n.dtype(), true),
            None => {
                let array = o.to_array();
                (array.dtype(), array.is_weak())
            }
        })
        .collect();
    let (mut dtype, _) = promote(&dtypes);
    if let Some(float) = at_least.filter(|_| !dtype.is_inexact()) {
        dtype = float;
    }
    let convert = |o: &&dyn Operand| match o.number() {
        Some(n) => n.literal(name, dtype),
        None => {
            let array = o.to_array();
            if array.dtype() == dtype { Ok(array) } else { try_convert_element_type(&array, dtype) }
        }
    };
    operands.iter().map(convert).collect()
}

/// Operands of one dtype and shape, by promotion and NumPy's broadcasting. Scalars are left as they are.
pub(crate) fn together(
    name: &str,
    operands: &[&dyn Operand],
    at_least: Option<DType>,
) -> Result<SmallVec<[Array; 3]>, Error> {
    let mut arrays = promoted(name, operands, at_least)?;
    broadcast_arrays(name, &mut arrays)?;
    Ok(arrays)
}

/// Arrays of one shape, by NumPy's broadcasting. Scalars are left as they are.
pub(crate) fn broadcast_arrays(name: &str, arrays: &mut [Array]) -> Result<(), Error> {
    let avals: SmallVec<[Aval; 3]> = arrays.iter().map(Array::aval).collect();
    let shape = broadcast_shapes(name, &avals)?;
    for x in arrays.iter_mut().filter(|x| x.ndim() > 0) {
        *x = broadcast_to(x, &shape)?;
    }
    Ok(())
}

/// The shape to which arrays broadcast: aligned at their last axes, axes of size 1 give way.
pub(crate) fn broadcast_shapes(name: &str, avals: &[Aval]) -> Result<Shape, Error> {
    let rank = avals.iter().map(Aval::rank).max().unwrap_or(0);
    let mut shape = Shape::from_elem(1, rank);
    for aval in avals {
        let lead = rank - aval.rank();
        for (axis, &n) in aval.shape.iter().enumerate() {
            let size = &mut shape[lead + axis];
            if *size == 1 {
                *size = n;
            } else if n != 1 && n != *size {
                let list: Vec<String> = avals.iter().map(Aval::to_string).collect();
                return Err(err!(
                    Shape,
                    "{name}: shapes do not broadcast: {}; counted from the last, axis {} has sizes {size} and {n}",
                    list.join(" and "),
                    aval.rank() - axis
                ));
            }
        }
    }
    Ok(shape)
}

/// The array repeated to a shape to which it broadcasts.
pub(crate) fn broadcast_to(x: &Array, shape: &[usize]) -> Result<Array, Error> {
    if x.shape() == shape {
        return Ok(x.clone());
    }
    let dims: Shape = (shape.len() - x.ndim()..shape.len()).collect();
    try_broadcast_in_dim(x, shape, &dims)
}
