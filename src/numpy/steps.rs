//! Ranges with a step.
//!
//! Not here: ranges whose step is 1 (`create`).

use super::create::{Arange, Ends, int_dtype, int_literal};
use super::fallible::functions;
use crate::core::array::Array;
use crate::prims::array::number::Number;
use crate::prims::lax;
use crate::prims::rules::numbers::{holds, number};
use cotangent_jit::{DType, Error, err};

functions! {
    /// Every `step`-th number of a range, from its start on: `start + i * step`, the end of the
    /// range not included. A negative step counts down, from a start above the end; such a range is
    /// written as a pair, because Rust's `5..0` is empty.
    ///
    /// There are `⌈(stop - start) / step⌉` numbers, or none. They are i32 where range and step are
    /// ints (i64 or u64 where i32 does not hold them), else f32. A float that is meant to be the
    /// end may be included by rounding; [`linspace`](super::create::linspace) counts instead.
    ///
    /// It is an error if the step is 0, or if a float is infinite or NaN.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(arange_step(1..10, 3).to_vec::<i32>(), [1, 4, 7]);
    /// assert_eq!(arange_step((5, 0), -2).to_vec::<i32>(), [5, 3, 1]);
    /// assert_eq!(arange_step(0.0..1.0, 0.25).to_vec::<f32>(), [0.0, 0.25, 0.5, 0.75]);
    /// ```
    #[doc(alias = "arange")]
    #[doc(alias = "range")]
    fn arange_step, try_arange_step(range: impl Arange, step: impl Into<Number>) -> Array {
        match Steps::new(range.ends(), step.into())? {
            Steps::Ints { start, step, count } => {
                let ends = [start, last(start, step, count)];
                let dtype = int_dtype(ends[0].min(ends[1]), ends[0].max(ends[1]) + 1);
                ints(start, step, count, dtype)
            }
            Steps::Floats { start, step, count } => floats(start, step, count, DType::F32),
        }
    }

    /// [`arange_step`] in a dtype, in which each number is rounded once. In an int dtype all
    /// numbers must be ints that it holds.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(arange_step_dtype(0..256, 85, DType::U8).to_vec::<u8>(), [0, 85, 170, 255]);
    /// ```
    fn arange_step_dtype, try_arange_step_dtype(
        range: impl Arange, step: impl Into<Number>, dtype: DType,
    ) -> Array {
        if dtype.is_bool() {
            return Err(err!(DType, "arange_step_dtype: expected a dtype of numbers, got bool"));
        }
        match Steps::new(range.ends(), step.into())? {
            Steps::Ints { start, step, count } if dtype.is_int() => ints(start, step, count, dtype),
            Steps::Ints { start, step, count } => {
                floats(start as f64, step as f64, count, dtype)
            }
            Steps::Floats { start, step, count } if dtype.is_int() => {
                if start.fract() != 0.0 || step.fract() != 0.0 {
                    return Err(err!(
                        Value,
                        "arange_step: expected an int start and step for {dtype}, got {start:?} \
                         and {step:?}; take a float dtype and convert with astype"
                    ));
                }
                ints(start as i128, step as i128, count, dtype)
            }
            Steps::Floats { start, step, count } => floats(start, step, count, dtype),
        }
    }
}

/// Numbers `start + i * step` for `i < count`.
enum Steps {
    Ints { start: i128, step: i128, count: usize },
    Floats { start: f64, step: f64, count: usize },
}

impl Steps {
    fn new(ends: Ends, step: Number) -> Result<Steps, Error> {
        let zero = || err!(Value, "arange_step: expected a step that is not 0, got {step}");
        let whole = step.int();
        if let (Ends::Ints(start, stop), Some(step)) = (ends, whole) {
            if step == 0 {
                return Err(zero());
            }
            let (way, by) = if step > 0 { (stop - start, step) } else { (start - stop, -step) };
            let count = (way.max(0) + by - 1) / by;
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            return Ok(Steps::Ints { start, step, count });
        }
        let by = match (step, whole) {
            (_, Some(i)) => i as f64,
            (Number::Float(f), _) => f,
            _ => {
                return Err(err!(
                    Value,
                    "arange_step: expected an int or a float as step, got \
                                        {step}"
                ));
            }
        };
        let (start, stop) = match ends {
            Ends::Ints(start, stop) => (start as f64, stop as f64),
            Ends::Floats(start, stop) => (start, stop),
        };
        if by == 0.0 {
            return Err(zero());
        }
        if ![start, stop, by].iter().all(|x| x.is_finite()) {
            return Err(err!(
                Value,
                "arange_step: expected finite ends and a finite step, got {start:?}..{stop:?} and \
                 {by:?}"
            ));
        }
        let count = ((stop - start) / by).ceil().max(0.0) as usize;
        Ok(Steps::Floats { start, step: by, count })
    }
}

/// The last number, or `start` if there is none.
fn last(start: i128, step: i128, count: usize) -> i128 {
    start.saturating_add(step.saturating_mul(count.saturating_sub(1) as i128))
}

fn ints(start: i128, step: i128, count: usize, dtype: DType) -> Result<Array, Error> {
    let ends = [start, last(start, step, count)];
    if let Some(n) = ends.into_iter().find(|n| count > 0 && !holds(dtype, *n)) {
        return Err(err!(Value, "arange_step: {n} is not a value of {dtype}"));
    }
    // Products and sums that wrap on the way come back, as all results are values of the dtype. The
    // places themselves need a dtype that counts them.
    let counts = holds(dtype, count as i128);
    let within = if counts { dtype } else { DType::I64 };
    let i = lax::try_iota(within, &[count], 0)?;
    let moved = lax::try_mul(&i, &int_literal(step, within))?;
    let numbers = lax::try_add(&moved, &int_literal(start, within))?;
    if counts { Ok(numbers) } else { lax::try_convert_element_type(&numbers, dtype) }
}

fn floats(start: f64, step: f64, count: usize, dtype: DType) -> Result<Array, Error> {
    let i = lax::try_iota(DType::F64, &[count], 0)?;
    let moved = lax::try_mul(&i, &number(step, DType::F64))?;
    let numbers = lax::try_add(&moved, &number(start, DType::F64))?;
    lax::try_convert_element_type(&numbers, dtype)
}
