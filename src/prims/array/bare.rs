//! `Array::from` of a bare number, and of an array of bare numbers.
//!
//! Rust gives a float without a type the type `f64` where several fit, and arrays of it would make
//! whole programs `f64` in silence. `f64` is therefore not among the types here, so that such a
//! float is an `f32`, as in `array!`.

use crate::core::array::Array;
use crate::core::construct::Nested;
use crate::core::source::raise;
use crate::prims::array::literal::Operand;
use cotangent_jit::Complex;
use half::{bf16, f16};

/// Numbers of every type but `f64` and `Complex<f64>`, and arrays of them to any depth.
#[diagnostic::on_unimplemented(
    message = "`Array::from` does not take `{Self}`: a bare number is `f32` where nothing else \
               decides",
    label = "`f32` would lose its digits",
    note = "`Array::scalar(x)` is an array of the type that `x` has in Rust, and so is \
            `array![x, ..]`",
    note = "`Array::from(x as f32)` is a number that takes the dtype of the arrays beside it",
    note = "operators and methods take `x` as it is"
)]
pub trait Bare {
    #[doc(hidden)]
    fn build(&self) -> Array;
}

macro_rules! bare_numbers {
    ($($t:ty)*) => {$(
        impl Bare for $t {
            #[track_caller]
            fn build(&self) -> Array {
                self.to_array()
            }
        }
    )*};
}

bare_numbers!(bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize f16 bf16 f32 Complex<f32>);

impl<N: Bare + Nested, const K: usize> Bare for [N; K] {
    #[track_caller]
    fn build(&self) -> Array {
        raise(Array::try_from_nested(self))
    }
}

/// A number becomes what it is as an operand: a weak scalar, which takes the dtype of the arrays
/// beside it, and is `i32`, `f32` or `c64` alone. A bool has no weak dtype; an int beyond `i32` is
/// a strong `i64` or `u64`. [`Array::scalar`] keeps the type that the number has in Rust.
///
/// An array of numbers becomes what [`array!`](crate::array) makes of it.
///
/// ```
/// use cotangent::prelude::*;
/// assert_eq!(Array::from(0.2).dtype(), DType::F32);
/// assert_eq!((Array::from(0.2) * array![1.0f64]).dtype(), DType::F64);
/// assert_eq!(Array::scalar(0.2f64).dtype(), DType::F64);
/// assert_eq!(Array::from([0.2, 0.3]).dtype(), DType::F32);
/// ```
impl<N: Bare> From<N> for Array {
    #[track_caller]
    fn from(number: N) -> Array {
        number.build()
    }
}
