//! Limits of float dtypes, as NumPy's `finfo` tells them.

use cotangent_jit::DType;

/// The distance from 1 to the next number of a float dtype; 0 for other dtypes.
///
/// ```
/// use cotangent::{numpy::finfo::epsilon, prelude::*};
/// assert_eq!(epsilon(DType::F32), f32::EPSILON as f64);
/// ```
pub fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::EPSILON,
        DType::F32 => f32::EPSILON.into(),
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        _ => 0.0,
    }
}
