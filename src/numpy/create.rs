//! Arrays from nothing: zeros, ones, full, arange, linspace, eye.
//!
//! Each has a form of the usual dtype (`f32`, ints `i32`) and one that ends in `_dtype` and is told.

use super::axes::{Ints, sizes_of};
use super::fallible::functions;
use crate::core::array::Array;
use crate::prims::lax;
use crate::prims::operand::{Operand, promoted};
use cotangent_jit::{DType, Error, Scalar, err};

functions! {
    /// Zeros, f32.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(zeros([2, 3]).aval().to_string(), "f32[2,3]");
    /// ```
    fn zeros, try_zeros(shape: impl Ints) -> Array {
        try_zeros_dtype(shape, DType::F32)
    }

    /// Zeros of a dtype.
    fn zeros_dtype, try_zeros_dtype(shape: impl Ints, dtype: DType) -> Array {
        lax::try_full(&sizes_of("zeros", shape)?, Scalar::zero(dtype))
    }

    /// Ones, f32.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(ones(2).to_vec::<f32>(), [1.0, 1.0]);
    /// ```
    fn ones, try_ones(shape: impl Ints) -> Array {
        try_ones_dtype(shape, DType::F32)
    }

    /// Ones of a dtype.
    fn ones_dtype, try_ones_dtype(shape: impl Ints, dtype: DType) -> Array {
        lax::try_full(&sizes_of("ones", shape)?, Scalar::one(dtype))
    }

    /// One value everywhere: a scalar array, or a number (f32, i32 or bool).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(full(2, 0.5).to_vec::<f32>(), [0.5, 0.5]);
    /// assert_eq!(full(2, 7).to_vec::<i32>(), [7, 7]);
    /// ```
    fn full, try_full(shape: impl Ints, value: impl Operand) -> Array {
        let value = promoted("full", &[&value], false)?.swap_remove(0);
        value.try_broadcast_to(&sizes_of("full", shape)?)
    }

    /// One value everywhere, in a dtype.
    fn full_dtype, try_full_dtype(shape: impl Ints, value: impl Operand, dtype: DType) -> Array {
        let value = in_dtype("full", &value, dtype)?;
        value.try_broadcast_to(&sizes_of("full", shape)?)
    }

    /// Zeros of the shape and dtype of another array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(zeros_like(&array![1, 2]).to_vec::<i32>(), [0, 0]);
    /// ```
    fn zeros_like, try_zeros_like(x: &Array) -> Array {
        lax::try_full(x.shape(), Scalar::zero(x.dtype()))
    }

    /// Ones of the shape and dtype of another array.
    fn ones_like, try_ones_like(x: &Array) -> Array {
        lax::try_full(x.shape(), Scalar::one(x.dtype()))
    }

    /// One value in the shape and dtype of another array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(full_like(&array![1.0, 2.0], 3).to_vec::<f32>(), [3.0, 3.0]);
    /// ```
    fn full_like, try_full_like(x: &Array, value: impl Operand) -> Array {
        try_full_dtype(x.shape(), value, x.dtype())
    }

    /// The numbers of a range: `arange(3)` is `0, 1, 2`, `arange(2..5)` starts at 2; i32, or f32 for `0.0..3.0`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(arange(3).to_vec::<i32>(), [0, 1, 2]);
    /// assert_eq!(arange(2..5).to_vec::<i32>(), [2, 3, 4]);
    /// ```
    fn arange, try_arange(range: impl Arange) -> Array {
        let dtype = if range.is_float() { DType::F32 } else { DType::I32 };
        try_arange_dtype(range, dtype)
    }

    /// The numbers of a range in a dtype.
    fn arange_dtype, try_arange_dtype(range: impl Arange, dtype: DType) -> Array {
        let (start, stop) = range.bounds();
        let count = (stop - start).ceil().max(0.0) as usize;
        let numbers = lax::try_iota(dtype, &[count], 0)?;
        if start == 0.0 {
            return Ok(numbers);
        }
        lax::try_add(&numbers, &literal("arange", start, dtype)?)
    }

    /// `count` numbers from `start` to `stop`, both included, f32.
    ///
    /// `out[i] = start + i * (stop - start) / (count - 1)`
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(linspace(0.0, 1.0, 3).to_vec::<f32>(), [0.0, 0.5, 1.0]);
    /// ```
    fn linspace, try_linspace(start: f64, stop: f64, count: usize) -> Array {
        try_linspace_dtype(start, stop, count, DType::F32)
    }

    /// [`linspace`] in a float dtype.
    fn linspace_dtype, try_linspace_dtype(
        start: f64, stop: f64, count: usize, dtype: DType,
    ) -> Array {
        let steps = count.saturating_sub(1).max(1);
        let i = lax::try_iota(dtype, &[count], 0)?;
        let part = lax::try_div(&i, &literal("linspace", steps as f64, dtype)?)?;
        // Exact at both ends, unlike start + i * step.
        let rest = lax::try_sub(&literal("linspace", 1.0, dtype)?, &part)?;
        lax::try_add(
            &lax::try_mul(&rest, &literal("linspace", start, dtype)?)?,
            &lax::try_mul(&part, &literal("linspace", stop, dtype)?)?,
        )
    }

    /// The identity matrix of `n` rows, f32.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(eye(2).to_vec::<f32>(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    fn eye, try_eye(n: usize) -> Array {
        try_eye_dtype(n, DType::F32)
    }

    /// The identity matrix of `n` rows in a dtype.
    fn eye_dtype, try_eye_dtype(n: usize, dtype: DType) -> Array {
        let rows = lax::try_iota(DType::I32, &[n, n], 0)?;
        let columns = lax::try_iota(DType::I32, &[n, n], 1)?;
        lax::try_convert_element_type(&lax::try_eq(&rows, &columns)?, dtype)
    }
}

/// The value in this dtype; numbers at full precision.
fn in_dtype(op: &str, value: &dyn Operand, dtype: DType) -> Result<Array, Error> {
    let like = Array::strong_literal(Scalar::zero(dtype));
    let value = promoted(op, &[&like, value], false)?.swap_remove(1);
    lax::try_convert_element_type(&value, dtype)
}

/// A literal of this dtype.
fn literal(op: &str, value: f64, dtype: DType) -> Result<Array, Error> {
    let scalar = Scalar::from_f64(dtype, value);
    scalar
        .map(Array::strong_literal)
        .ok_or_else(|| err!(Unsupported, "{op}: numbers of {dtype} are not supported yet"))
}

/// What [`arange`] takes: a number of elements or a range.
pub trait Arange {
    fn bounds(&self) -> (f64, f64);

    fn is_float(&self) -> bool {
        false
    }
}

macro_rules! arange {
    ($($t:ty)*) => {$(
        impl Arange for $t {
            fn bounds(&self) -> (f64, f64) {
                (0.0, *self as f64)
            }
        }

        impl Arange for std::ops::Range<$t> {
            fn bounds(&self) -> (f64, f64) {
                (self.start as f64, self.end as f64)
            }
        }
    )*};
}

arange!(i32 i64 usize);

impl Arange for std::ops::Range<f64> {
    fn bounds(&self) -> (f64, f64) {
        (self.start, self.end)
    }

    fn is_float(&self) -> bool {
        true
    }
}
