//! Inputs of elementwise cases: floats inside a function's domain, ints that include the extremes,
//! and special points.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::primitive::Prim;
use crate::core::trace::bind;
use crate::prims::cases::samples::array;
use crate::prims::entry::Case;
use cotangent_jit::{DType, Scalar};
use std::ops::Range;

/// A matrix, a scalar, an empty vector.
pub(crate) const SHAPES: [&[usize]; 3] = [&[2, 3], &[], &[0]];

/// Floats spread over `domain`. The first is `phase` steps from the lower end; a phase of 0.37
/// avoids half-integers if the ends are simple numbers. Complex numbers have these real parts and
/// other imaginary parts. Ints are small and extreme, bools are true and false.
pub(crate) fn spread(shape: &[usize], dtype: DType, domain: &Range<f64>, phase: f64) -> Array {
    let n = shape.iter().product::<usize>();
    let step = (domain.end - domain.start) / n as f64;
    let offset = (phase * 10.0) as usize;
    let pick = |values: &[f64], i: usize| values[(i + offset) % values.len()];
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
        // On both sides of the real axis but not on it, so the numbers avoid every branch cut.
        let imaginary = |i: usize| pick(&[0.3, -0.7, 0.5, -0.2, 0.9], i);
        return array(shape, dtype, (0..n).flat_map(|i| [value(i), imaginary(i)]));
    }
    array(shape, dtype, (0..n).map(value))
}

/// Zeros of factors, equal operands, ints, branch points: rules for ordinary numbers go wrong
/// there.
const SPECIAL: [f64; 7] = [0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5];

/// Cases at those special points around which the function is finite and not steep, so that finite
/// differences can check its derivatives.
pub(crate) fn special(prim: &Prim, operands: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F64, DType::C128] {
        let outs = prim.abstract_eval(&vec![Aval::scalar(dtype); operands]);
        if !outs.is_ok_and(|o| o[0].dtype.is_inexact()) {
            continue;
        }
        let inside = |p: &Vec<f64>| (0..operands).all(|n| smooth_at(prim, dtype, p, n));
        let points: Vec<Vec<f64>> = points(operands).into_iter().filter(inside).collect();
        if !points.is_empty() {
            let operand = |n: usize| real(dtype, points.iter().map(|p| p[n]).collect());
            cases.push(Case::new(prim.clone(), (0..operands).map(operand).collect()));
        }
    }
    cases
}

fn points(operands: usize) -> Vec<Vec<f64>> {
    match operands {
        1 => SPECIAL.map(|x| vec![x]).into(),
        _ => SPECIAL.iter().flat_map(|x| SPECIAL.map(|y| vec![*x, y])).collect(),
    }
}

/// A vector of these numbers; they are the real parts if the dtype is complex.
fn real(dtype: DType, values: Vec<f64>) -> Array {
    let step = if dtype.is_complex() { 1 } else { 2 };
    let n = values.len();
    array(&[n], dtype, values.into_iter().flat_map(|x| [x, 0.0]).step_by(step))
}

/// Whether the function is finite around the point along operand `n`, and not steep there.
fn smooth_at(prim: &Prim, dtype: DType, point: &[f64], n: usize) -> bool {
    let (wide, narrow, steepest) = (0.03, 1e-4, 60.0);
    let steps = [0.0, wide, -wide, narrow, -narrow];
    let operand = |i: usize| {
        let shifted = steps.iter().map(|by| point[i] + if i == n { *by } else { 0.0 });
        real(dtype, shifted.collect())
    };
    let inputs: Vec<Array> = (0..point.len()).map(operand).collect();
    let Ok(outs) = bind(prim.clone(), &inputs) else { return false };
    let scalars = outs[0].try_to_scalars().unwrap_or_default();
    let parts = |s: &Scalar| match s.parts() {
        Some((re, im)) => [re.to_f64(), im.to_f64()],
        None => [s.to_f64(); 2],
    };
    let values: Vec<f64> = scalars.iter().flat_map(parts).flatten().collect();
    let near = |k: usize| (values[k] - values[k % 2]).abs() <= steepest * narrow;
    values.len() == 2 * steps.len() && values.iter().all(|v| v.is_finite()) && (6..10).all(near)
}
