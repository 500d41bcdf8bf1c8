//! Arrays from the program's own values: elements, nested arrays, vectors, scalars.
//!
//! Not here: arrays computed by an operation (`full`, `iota`, random numbers): those are
//! primitives.

use super::array::Array;
use super::aval::{Aval, Shape};
use super::eager;
use super::source::{self, raise};
use cotangent_jit::{Complex, DType, Error, Scalar, err, plural};
use half::{bf16, f16};

mod sealed {
    pub trait Sealed {}
}

/// A type of Rust that an array's elements can be: `bool`, an int from `i8` to `u64`, `f32`, `f64`,
/// a [`struct@f16`] or [`bf16`] of the crate half, `Complex<f32>` or `Complex<f64>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the element of an array",
    label = "expected `f32`, `f64`, an int from `i8` to `u64`, `bool`, `f16`, `bf16` or \
             `Complex<f32>`",
    note = "`usize` has no dtype, because its width depends on the machine: convert with \
            `as i64` or `as i32`"
)]
pub trait Element: sealed::Sealed + Copy + Default + Send + Sync + Into<Scalar> + 'static {
    const DTYPE: DType;

    /// The value of a scalar of this dtype.
    #[doc(hidden)]
    fn from_scalar(scalar: Scalar) -> Option<Self>;
}

macro_rules! element {
    ($($t:ty => $dtype:ident, $bits:ident => $value:expr;)*) => {$(
        impl sealed::Sealed for $t {}

        impl Element for $t {
            const DTYPE: DType = DType::$dtype;

            fn from_scalar(scalar: Scalar) -> Option<Self> {
                let $bits = scalar.bits();
                (scalar.dtype() == DType::$dtype).then(|| $value)
            }
        }
    )*};
}

element! {
    bool => Bool, bits => bits != 0;
    i8 => I8, bits => bits as i8;
    i16 => I16, bits => bits as i16;
    u8 => U8, bits => bits as u8;
    u16 => U16, bits => bits as u16;
    f16 => F16, bits => f16::from_bits(bits as u16);
    bf16 => BF16, bits => bf16::from_bits(bits as u16);
    i32 => I32, bits => bits as i32;
    i64 => I64, bits => bits as i64;
    u32 => U32, bits => bits as u32;
    u64 => U64, bits => bits as u64;
    f32 => F32, bits => f32::from_bits(bits as u32);
    f64 => F64, bits => f64::from_bits(bits as u64);
    Complex<f32> => C64, bits =>
        Complex::new(f32::from_bits(bits as u32), f32::from_bits((bits >> 32) as u32));
    Complex<f64> => C128, bits =>
        Complex::new(f64::from_bits(bits as u64), f64::from_bits((bits >> 64) as u64));
}

/// The bytes of elements, as devices store them.
fn bytes_of<T: Element>(elements: &[T]) -> &[u8] {
    // SAFETY: every `Element` (the trait is sealed) is a primitive number, a pair of them or a
    // bool: initialised bytes without padding, and u8 has no alignment of its own.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), std::mem::size_of_val(elements)) }
}

/// Scalars, and arrays and vectors of them to any depth, that have one rectangular shape.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number and no nested array of numbers",
    label = "expected numbers, or arrays, `Vec`s or slices of numbers, all of one type",
    note = "`usize` has no dtype: convert with `as i64` or `as i32`; arrays of the library are put \
            together with `stack(&[x, y], 0)` or `concatenate(&[x, y], 0)`"
)]
pub trait Nested {
    type Element: Element;

    /// Sizes from here inwards; what is ragged shows when the elements are counted.
    #[doc(hidden)]
    fn push_shape(&self, shape: &mut Shape);

    /// Appends the elements in row-major order, or says where the sizes differ from `shape`.
    #[doc(hidden)]
    fn push_elements(&self, shape: &[usize], to: &mut Vec<Self::Element>) -> Result<(), Error>;
}

macro_rules! nested_scalar {
    ($($t:ty)*) => {$(
        impl Nested for $t {
            type Element = $t;

            fn push_shape(&self, _: &mut Shape) {}

            fn push_elements(&self, _: &[usize], to: &mut Vec<$t>) -> Result<(), Error> {
                to.push(*self);
                Ok(())
            }
        }
    )*};
}

nested_scalar!(bool i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 Complex<f32> Complex<f64>);

impl<N: Nested> Nested for [N] {
    type Element = N::Element;

    fn push_shape(&self, shape: &mut Shape) {
        shape.push(self.len());
        if let Some(first) = self.first() {
            first.push_shape(shape);
        }
    }

    fn push_elements(&self, shape: &[usize], to: &mut Vec<N::Element>) -> Result<(), Error> {
        let (expected, inner) = shape.split_first().expect("as deep as the shape");
        if self.len() != *expected {
            return Err(err!(
                Shape,
                "array: rows of different lengths: expected {entries}, got {}",
                self.len(),
                entries = plural(expected, "entry")
            ));
        }
        self.iter().try_for_each(|n| n.push_elements(inner, to))
    }
}

macro_rules! nested_by_slice {
    ($([$($generics:tt)*] $t:ty;)*) => {$(
        impl<$($generics)*> Nested for $t {
            type Element = N::Element;

            fn push_shape(&self, shape: &mut Shape) {
                self[..].push_shape(shape);
            }

            fn push_elements(
                &self,
                shape: &[usize],
                to: &mut Vec<N::Element>,
            ) -> Result<(), Error> {
                self[..].push_elements(shape, to)
            }
        }

    )*};
}

macro_rules! data {
    ($([$($generics:tt)*] $t:ty;)*) => {$(
        /// The elements are data, which keep their type.
        impl<$($generics)*> From<$t> for Array {
            #[track_caller]
            fn from(values: $t) -> Array {
                raise(Array::try_from_nested(&values))
            }
        }
    )*};
}

nested_by_slice! {
    [N: Nested, const K: usize] [N; K];
    [N: Nested, const K: usize] &[N; K];
    [N: Nested] Vec<N>;
    [N: Nested] &Vec<N>;
    [N: Nested] &[N];
}

data! {
    [N: Nested, const K: usize] &[N; K];
    [N: Nested] Vec<N>;
    [N: Nested] &Vec<N>;
    [N: Nested] &[N];
}

/// # Make from elements
impl Array {
    /// A vector of these elements: `T[n]`.
    ///
    /// ```
    /// use cotangent::Array;
    /// assert_eq!(Array::from_vec(vec![1.0f32, 2.0]).shape(), [2]);
    /// ```
    #[doc(alias = "fromiter")]
    #[track_caller]
    pub fn from_vec<T: Element>(elements: Vec<T>) -> Array {
        Array::from_slice(&elements)
    }

    /// A vector of these elements: `T[n]`.
    #[doc(alias = "from_numpy")]
    #[track_caller]
    pub fn from_slice<T: Element>(elements: &[T]) -> Array {
        Array::new(elements, [elements.len()])
    }

    /// An array of this shape from its elements in row-major order.
    ///
    /// Panics if there are not as many elements as the shape says ([`Array::try_new`] returns the
    /// error instead).
    ///
    /// ```
    /// use cotangent::Array;
    /// let x = Array::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]);
    /// assert_eq!(x.shape(), [2, 3]);
    /// ```
    #[doc(alias = "asarray")]
    #[track_caller]
    pub fn new<T: Element>(elements: &[T], shape: impl IntoIterator<Item = usize>) -> Array {
        raise(Array::try_new(elements, shape))
    }

    /// Returns the error of [`Array::new`] instead of panicking.
    pub fn try_new<T: Element>(
        elements: &[T],
        shape: impl IntoIterator<Item = usize>,
    ) -> Result<Array, Error> {
        let aval = Aval::new(shape, T::DTYPE).countable("array")?;
        if aval.size() != elements.len() {
            return Err(err!(
                Shape,
                "array: {aval} takes {elements}, got {}",
                elements.len(),
                elements = plural(aval.size(), "element")
            ));
        }
        // Tables that the library makes for itself move to the arrays that they are used with.
        match source::in_function() {
            true => eager::upload_free(aval, bytes_of(elements)),
            false => eager::upload(aval, bytes_of(elements)),
        }
    }

    /// An array from the bytes of its elements, little-endian and in row-major order: the inverse
    /// of [`Array::to_bytes`].
    ///
    /// Errors: another number of bytes than the shape takes; a bool that is neither 0 nor 1; a
    /// dtype that no backend runs.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = Array::try_from_bytes(&[1, 0, 0, 0, 2, 0, 0, 0], [2], DType::I32)?;
    /// assert_eq!(x.to_vec::<i32>(), [1, 2]);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "frombuffer")]
    pub fn try_from_bytes(
        bytes: &[u8],
        shape: impl IntoIterator<Item = usize>,
        dtype: DType,
    ) -> Result<Array, Error> {
        let aval = Aval::new(shape, dtype).countable("try_from_bytes")?;
        if aval.bytes() != bytes.len() {
            return Err(err!(
                Shape,
                "try_from_bytes: expected {expected} for {aval}, got {}",
                bytes.len(),
                expected = plural(aval.bytes(), "byte")
            ));
        }
        if !dtype.runs() {
            return Err(err!(
                Unsupported,
                "try_from_bytes: no backend runs {dtype}, so {aval} cannot be held"
            ));
        }
        if dtype.is_bool()
            && let Some(byte) = bytes.iter().find(|b| **b > 1)
        {
            return Err(err!(Value, "try_from_bytes: a bool is 0 or 1, got {byte}"));
        }
        eager::upload(aval, bytes)
    }

    /// A scalar, `T[]`, whose dtype stands in promotion (a bare number in an expression gives way
    /// instead).
    ///
    /// ```
    /// use cotangent::Array;
    /// assert_eq!(Array::scalar(0.5f64).item::<f64>(), 0.5);
    /// ```
    #[doc(alias = "scalar_tensor")]
    #[track_caller]
    pub fn scalar<T: Element>(value: T) -> Array {
        Array::new(&[value], [])
    }

    /// An array from nested arrays or vectors; rows of different lengths are an error.
    pub fn try_from_nested<N: Nested + ?Sized>(values: &N) -> Result<Array, Error> {
        let mut shape = Shape::new();
        values.push_shape(&mut shape);
        let aval = Aval::new(shape.iter().copied(), N::Element::DTYPE).countable("array")?;
        let mut elements = Vec::with_capacity(aval.size());
        values.push_elements(&shape, &mut elements)?;
        Array::try_new(&elements, shape)
    }
}

/// What [`array!`](crate::array) wraps its argument in, so that number literals without a suffix
/// become `f32` and `i32`.
#[doc(hidden)]
pub struct Literals<N>(pub N);

/// Nested values whose elements are `f32`, `i32`, `bool` or complex of `f32`: what a bare number
/// literal becomes.
#[doc(hidden)]
pub trait Preferred {}

impl Preferred for f32 {}
impl Preferred for i32 {}
impl Preferred for bool {}
impl Preferred for Complex<f32> {}
impl<N: Preferred, const K: usize> Preferred for [N; K] {}
impl<N: Preferred> Preferred for Vec<N> {}

#[doc(hidden)]
pub trait BuildPreferred {
    fn build_array(&self) -> Array;
}

impl<N: Nested + Preferred> BuildPreferred for &Literals<N> {
    #[track_caller]
    fn build_array(&self) -> Array {
        raise(Array::try_from_nested(&self.0))
    }
}

/// Tried by the compiler after [`BuildPreferred`], because it needs one more reference than the
/// macro writes.
#[doc(hidden)]
pub trait BuildAny {
    fn build_array(&self) -> Array;
}

impl<N: Nested> BuildAny for &&Literals<N> {
    #[track_caller]
    fn build_array(&self) -> Array {
        raise(Array::try_from_nested(&self.0))
    }
}

/// Tried last, one reference less. It fails where it is called, with the message of [`Nested`].
#[doc(hidden)]
pub trait BuildNested<N> {
    fn build_array(&self) -> Array
    where
        N: Nested;
}

impl<N> BuildNested<N> for Literals<N> {
    #[track_caller]
    fn build_array(&self) -> Array
    where
        N: Nested,
    {
        raise(Array::try_from_nested(&self.0))
    }
}

/// An array from its elements: `array![1.0, 2.0]` is `f32[2]`, `array![[1, 2], [3, 4]]` is
/// `i32[2,2]`.
///
/// Number literals without a suffix are `f32` and `i32`; typed values keep their type, so that
/// `array![1.0f64, 2.0]` and `array![x, y]` of two `f64` variables are `f64[2]`. `array![0.5; 3]`
/// repeats. [`Array::from`] makes a scalar of one number.
///
/// ```
/// use cotangent::array;
/// assert_eq!(array![[1.0, 2.0], [3.0, 4.0]].aval().to_string(), "f32[2,2]");
/// assert_eq!(array![1, 2, 3].aval().to_string(), "i32[3]");
/// assert_eq!(array![1.0f64, 2.0].aval().to_string(), "f64[2]");
/// assert_eq!(array![].aval().to_string(), "f32[0]");
/// ```
#[doc(alias("asarray", "tensor", "as_tensor", "asanyarray", "ascontiguousarray"))]
#[macro_export]
macro_rules! array {
    () => {
        $crate::core::array::Array::from_slice::<f32>(&[])
    };
    ($value:expr; $count:expr) => {{
        #[allow(unused_imports)]
        use $crate::core::construct::{BuildAny as _, BuildNested as _, BuildPreferred as _};
        (&&$crate::core::construct::Literals([$value; $count])).build_array()
    }};
    ($($value:expr),+ $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::core::construct::{BuildAny as _, BuildNested as _, BuildPreferred as _};
        (&&$crate::core::construct::Literals([$($value),+])).build_array()
    }};
}
