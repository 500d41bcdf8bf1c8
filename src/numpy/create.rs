//! Arrays from nothing: zeros, ones, full, arange, linspace, eye.
//!
//! Each has a form of the usual dtype (`f32`, ints `i32`) and one that ends in `_dtype` and is
//! told. Ranges with a step are in `steps`.

use super::axes::{Ints, sizes_of};
use super::fallible::functions;
use crate::core::array::Array;
use crate::core::home::beside;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax;
use crate::prims::rules::numbers::{holds, place_dtype};
use cotangent_jit::{DType, Error, Scalar, err};

functions! {
    /// Zeros, f32.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(zeros([2, 3]).aval().to_string(), "f32[2,3]");
    /// ```
    #[doc(alias = "empty")]
    fn zeros, try_zeros(shape: impl Ints) -> Array { // `zeros([2, 3])`
        try_zeros_dtype(shape, DType::F32)
    }

    /// Zeros of a dtype.
    #[doc(alias = "new_zeros")]
    fn zeros_dtype, try_zeros_dtype(shape: impl Ints, dtype: DType) -> Array {
        lax::try_full(&sizes_of("zeros", shape)?, Scalar::zero(dtype))
    }

    /// Ones, f32.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(ones(2).to_vec::<f32>(), [1.0, 1.0]);
    /// ```
    fn ones, try_ones(shape: impl Ints) -> Array { // `ones([2, 3])`
        try_ones_dtype(shape, DType::F32)
    }

    /// Ones of a dtype.
    #[doc(alias = "new_ones")]
    fn ones_dtype, try_ones_dtype(shape: impl Ints, dtype: DType) -> Array {
        lax::try_full(&sizes_of("ones", shape)?, Scalar::one(dtype))
    }

    /// One value everywhere: a scalar array, or a number (f32, i32 or bool; an int beyond i32 is
    /// i64 or u64).
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
    #[doc(alias = "new_full")]
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
    #[doc(alias = "empty_like")]
    fn zeros_like, try_zeros_like(x: impl Operand) -> Array {
        let x = &x.to_array();
        beside(x, || lax::try_full(x.shape(), Scalar::zero(x.dtype())))
    }

    /// Ones of the shape and dtype of another array.
    fn ones_like, try_ones_like(x: impl Operand) -> Array {
        let x = &x.to_array();
        beside(x, || lax::try_full(x.shape(), Scalar::one(x.dtype())))
    }

    /// One value in the shape and dtype of another array.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(full_like(&array![1.0, 2.0], 3).to_vec::<f32>(), [3.0, 3.0]);
    /// ```
    fn full_like, try_full_like(x: impl Operand, value: impl Operand) -> Array {
        let x = &x.to_array();
        beside(x, || try_full_dtype(x.shape(), value, x.dtype()))
    }

    /// The numbers of a range: `arange(3)` is `0, 1, 2`, `arange(2..5)` starts at 2; i32, or f32
    /// for `0.0..3.0`. Ints that i32 does not have are i64, those that i64 does not have u64.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(arange(3).to_vec::<i32>(), [0, 1, 2]);
    /// assert_eq!(arange(2..5).to_vec::<i32>(), [2, 3, 4]);
    /// ```
    #[doc(alias = "range")]
    fn arange, try_arange(range: impl Arange) -> Array { // `arange(a..b)`
        let dtype = match range.ends() {
            Ends::Ints(start, stop) => int_dtype(start, stop),
            Ends::Floats(..) => DType::F32,
        };
        try_arange_dtype(range, dtype)
    }

    /// The numbers of a range in a dtype. Ints must be values of an int dtype; in a float dtype
    /// they are rounded, each once.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(arange_dtype(254..256, DType::U8).to_vec::<u8>(), [254, 255]);
    /// ```
    fn arange_dtype, try_arange_dtype(range: impl Arange, dtype: DType) -> Array {
        match range.ends() {
            Ends::Ints(start, stop) if exact(start, stop, dtype) => counted_from(start, stop,
                dtype),
            Ends::Ints(start, stop) => {
                let ints = counted_from(start, stop, int_dtype(start, stop))?;
                lax::try_convert_element_type(&ints, dtype)
            }
            Ends::Floats(start, stop) => steps_from(start, stop, dtype),
        }
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

    /// [`linspace`] in a dtype; ints are the next ones below.
    fn linspace_dtype, try_linspace_dtype(
        start: f64, stop: f64, count: usize, dtype: DType,
    ) -> Array {
        spaced(start, stop, count, count.saturating_sub(1).max(1), dtype)
    }

    /// `count` numbers from `start` toward `stop`, which is not included, f32: the points of a
    /// periodic grid.
    ///
    /// `out[i] = start + i * (stop - start) / count`
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(linspace_exclusive(0.0, 1.0, 4).to_vec::<f32>(), [0.0, 0.25, 0.5, 0.75]);
    /// ```
    #[doc(alias = "endpoint")]
    fn linspace_exclusive, try_linspace_exclusive(start: f64, stop: f64, count: usize) -> Array {
        try_linspace_exclusive_dtype(start, stop, count, DType::F32)
    }

    /// [`linspace_exclusive`] in a dtype; ints are the next ones below.
    fn linspace_exclusive_dtype, try_linspace_exclusive_dtype(
        start: f64, stop: f64, count: usize, dtype: DType,
    ) -> Array {
        spaced(start, stop, count, count.max(1), dtype)
    }

    /// The identity matrix of `n` rows, f32.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(eye(2).to_vec::<f32>(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    #[doc(alias = "identity")]
    fn eye, try_eye(n: usize) -> Array {
        try_eye_dtype(n, DType::F32)
    }

    /// The identity matrix of `n` rows in a dtype.
    fn eye_dtype, try_eye_dtype(n: usize, dtype: DType) -> Array {
        let rows = lax::try_iota(place_dtype(n), &[n, n], 0)?;
        let columns = lax::try_iota(place_dtype(n), &[n, n], 1)?;
        lax::try_convert_element_type(&lax::try_eq(&rows, &columns)?, dtype)
    }
}

/// `count` numbers `start + i * (stop - start) / steps`.
fn spaced(start: f64, stop: f64, count: usize, steps: usize, dtype: DType) -> Result<Array, Error> {
    if let Some(wide) = counting_dtype(count, dtype) {
        let numbers = spaced(start, stop, count, steps, wide)?;
        let whole = if dtype.is_int() { lax::try_floor(&numbers)? } else { numbers };
        let beyond = |end: &f64| dtype.is_int() && !holds(dtype, end.floor() as i128);
        if let Some(end) = [start, stop].into_iter().find(beyond) {
            return Err(err!(Value, "linspace: {end:?} is not a value of {dtype}"));
        }
        return lax::try_convert_element_type(&whole, dtype);
    }
    let i = lax::try_iota(dtype, &[count], 0)?;
    let part = lax::try_div(&i, &literal("linspace", steps as f64, dtype)?)?;
    // Exact at both ends, unlike start + i * step.
    let rest = lax::try_sub(&literal("linspace", 1.0, dtype)?, &part)?;
    lax::try_add(
        &lax::try_mul(&rest, &literal("linspace", start, dtype)?)?,
        &lax::try_mul(&part, &literal("linspace", stop, dtype)?)?,
    )
}

/// The value in this dtype; numbers at full precision, and of floats in an int dtype the integral
/// part.
fn in_dtype(op: &str, value: &dyn Operand, dtype: DType) -> Result<Array, Error> {
    match value.number() {
        Some(number) => number.scalar(op, dtype).map(Array::strong_literal),
        None => lax::try_convert_element_type(&value.to_array(), dtype),
    }
}

/// A literal of this dtype.
fn literal(op: &str, value: f64, dtype: DType) -> Result<Array, Error> {
    let scalar = Scalar::from_f64(dtype, value);
    scalar
        .map(Array::strong_literal)
        .ok_or_else(|| err!(Unsupported, "{op}: numbers of {dtype} are not supported yet"))
}

/// The narrowest of i32, i64 and u64 that holds the ints of a range.
pub(super) fn int_dtype(start: i128, stop: i128) -> DType {
    let all = |d: &DType| start >= stop || holds(*d, start) && holds(*d, stop - 1);
    [DType::I32, DType::I64].into_iter().find(all).unwrap_or(DType::U64)
}

/// Whether sums of a dtype give the ints of a range as they are, or round them in one step.
fn exact(start: i128, stop: i128, dtype: DType) -> bool {
    let digits = match dtype.part() {
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F32 => 24,
        DType::F64 => 53,
        _ => return true,
    };
    start == 0 || start.abs().max(stop.abs()) <= 1 << digits
}

/// `start`, `start + 1` and so on below `stop`.
fn counted_from(start: i128, stop: i128, dtype: DType) -> Result<Array, Error> {
    let count = usize::try_from((stop - start).max(0)).unwrap_or(usize::MAX);
    let ends = if count > 0 { [start, stop - 1] } else { [0, 0] };
    if let Some(n) = ends.into_iter().find(|n| dtype.is_int() && !holds(dtype, *n)) {
        return Err(err!(Value, "arange: {n} is not a value of {dtype}"));
    }
    if dtype.is_int() && !holds(dtype, ends[1] - ends[0]) {
        // From below 0 a narrow dtype counts further than from 0. One of 64 bits has more ints than
        // an array has elements.
        let wide = lax::try_iota(DType::I64, &[count], 0)?;
        let wide = lax::try_add(&wide, &int_literal(start, DType::I64))?;
        return lax::try_convert_element_type(&wide, dtype);
    }
    let numbers = lax::try_iota(dtype, &[count], 0)?;
    match ends[0] {
        0 => Ok(numbers),
        start if dtype.is_int() => lax::try_add(&numbers, &int_literal(start, dtype)),
        start => lax::try_add(&numbers, &literal("arange", start as f64, dtype)?),
    }
}

/// A literal of an int dtype that has this int.
pub(super) fn int_literal(n: i128, dtype: DType) -> Array {
    Array::strong_literal(Scalar::from_bits(dtype, n as u128))
}

/// `start`, `start + 1` and so on below `stop`, of floats.
fn steps_from(start: f64, stop: f64, dtype: DType) -> Result<Array, Error> {
    let count = (stop - start).ceil().max(0.0);
    if !start.is_finite() || !stop.is_finite() {
        return Err(err!(Value, "arange: expected finite ends, got {start:?}..{stop:?}"));
    }
    if dtype.is_int() {
        // Both are exact, or far beyond any int dtype.
        return counted_from(start as i128, (start as i128).saturating_add(count as i128), dtype);
    }
    let numbers = lax::try_iota(dtype, &[count as usize], 0)?;
    if start == 0.0 {
        return Ok(numbers);
    }
    lax::try_add(&numbers, &literal("arange", start, dtype)?)
}

/// The dtype in which so many places are counted for a dtype that does not count them: ints cannot
/// be divided, and floats round large ones.
fn counting_dtype(count: usize, dtype: DType) -> Option<DType> {
    match dtype {
        d if d.is_int() => Some(DType::F64),
        DType::F16 | DType::BF16 => Some(DType::F32),
        DType::F32 if count > 1 << 24 => Some(DType::F64),
        DType::C64 if count > 1 << 24 => Some(DType::C128),
        _ => None,
    }
}

/// What [`arange`] takes: a number of elements, a range, or the two ends of one as a pair.
#[diagnostic::on_unimplemented(
    message = "`arange` takes a count or a range, got `{Self}`",
    label = "expected `5`, `2..5` or `0.0..1.0`",
    note = "ints are `i32`, `i64` or `usize`, floats are `f64`; NumPy's `arange(a, b)` is \
            `arange(a..b)`"
)]
pub trait Arange {
    fn ends(&self) -> Ends;
}

/// The first number of a range, and what is no longer in it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Ends {
    Ints(i128, i128),
    Floats(f64, f64),
}

macro_rules! arange {
    ($($t:ty)*) => {$(
        impl Arange for $t {
            fn ends(&self) -> Ends {
                Ends::Ints(0, *self as i128)
            }
        }

        impl Arange for std::ops::Range<$t> {
            fn ends(&self) -> Ends {
                Ends::Ints(self.start as i128, self.end as i128)
            }
        }

        impl Arange for ($t, $t) {
            fn ends(&self) -> Ends {
                Ends::Ints(self.0 as i128, self.1 as i128)
            }
        }
    )*};
}

arange!(i32 i64 usize);

impl Arange for std::ops::Range<f64> {
    fn ends(&self) -> Ends {
        Ends::Floats(self.start, self.end)
    }
}

impl Arange for (f64, f64) {
    fn ends(&self) -> Ends {
        Ends::Floats(self.0, self.1)
    }
}
