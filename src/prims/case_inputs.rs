//! Inputs of elementwise cases: floats inside a function's domain, ints that include the extremes.

use super::samples::array;
use crate::core::array::Array;
use cotangent_jit::DType;
use std::ops::Range;

/// A matrix, a scalar, nothing.
pub(crate) const SHAPES: [&[usize]; 3] = [&[2, 3], &[], &[0]];

/// Floats spread over `domain`, the first `phase` steps from its lower end (with a phase of 0.37 no half-integers meet
/// simple ends), complex numbers beside it; ints small and extreme; bools in turn.
pub(crate) fn spread(shape: &[usize], dtype: DType, domain: &Range<f64>, phase: f64) -> Array {
    let n = shape.iter().product::<usize>();
    let step = (domain.end - domain.start) / n as f64;
    let turn = (phase * 10.0) as usize;
    let pick = |values: &[f64], i: usize| values[(i + turn) % values.len()];
    let value = |i: usize| match dtype {
        DType::Bool => pick(&[0.0, 1.0, 1.0], i),
        DType::I8 => pick(&[-7.0, 3.0, 0.0, -128.0, -1.0, 127.0, 2.0], i),
        DType::I16 => pick(&[-7.0, 3.0, 0.0, -32768.0, -1.0, 32767.0, 2.0], i),
        DType::U8 => pick(&[7.0, 3.0, 0.0, 255.0, 1.0, 128.0, 2.0], i),
        DType::U16 => pick(&[7.0, 3.0, 0.0, 65535.0, 1.0, 32768.0, 2.0], i),
        DType::I32 => pick(&[-7.0, 3.0, 0.0, i32::MIN as f64, -1.0, i32::MAX as f64, 2.0], i),
        DType::I64 => pick(&[-7.0, 3.0, 0.0, i64::MIN as f64, -1.0, 5e9, 2.0], i),
        DType::U32 => pick(&[7.0, 3.0, 0.0, u32::MAX as f64, 1.0, 2147483648.0, 2.0], i),
        DType::U64 => pick(&[7.0, 3.0, 0.0, u64::MAX as f64, 1.0, 5e9, 2.0], i),
        _ => domain.start + step * (i as f64 + phase),
    };
    if dtype.is_complex() {
        // Off the real axis, on either side: so off every branch cut, too.
        let imaginary = |i: usize| pick(&[0.3, -0.7, 0.5, -0.2, 0.9], i);
        return array(shape, dtype, (0..n).flat_map(|i| [value(i), imaginary(i)]));
    }
    array(shape, dtype, (0..n).map(value))
}
