//! Well-conditioned arrays for the cases of primitives.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::eager::upload;
use cotangent_jit::{DType, Scalar};

/// The supported dtypes.
pub const RUNNING: [DType; 15] = DType::ALL;

/// The supported dtypes that have an order.
pub const REAL: [DType; 13] = [
    DType::Bool,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
];

/// The supported int dtypes.
pub const INTS: [DType; 8] =
    [DType::I32, DType::I64, DType::U32, DType::U64, DType::I8, DType::I16, DType::U8, DType::U16];

/// The supported dtypes that have arithmetic.
pub const NUMBERS: [DType; 14] = [
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::F16,
    DType::BF16,
    DType::F32,
    DType::F64,
    DType::C64,
    DType::C128,
];

/// Scattered values, which differ for every `seed`: floats and parts of complex numbers in (-2, 2)
/// away from 0, signed ints in -5..=5, unsigned ints in 0..=10. Neighbours differ.
pub fn sample(shape: &[usize], dtype: DType, seed: u64) -> Array {
    let parts = if dtype.is_complex() { 2 } else { 1 };
    let n = (shape.iter().product::<usize>() * parts) as u64;
    array(shape, dtype, (0..n).map(|i| value(dtype, i.wrapping_add(seed.wrapping_mul(1013)))))
}

fn value(dtype: DType, i: u64) -> f64 {
    // A multiplicative hash: cheap, and the same on every machine.
    let h = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    match dtype {
        DType::Bool => (h & 1) as f64,
        d if d.is_signed() => (h % 11) as f64 - 5.0,
        d if d.is_unsigned() => (h % 11) as f64,
        _ => {
            let magnitude = 0.25 + 1.75 * (h as f64 / (1u64 << 24) as f64);
            if h & 1 == 0 { magnitude } else { -magnitude }
        }
    }
}

/// An array of these numbers, converted to `dtype`. For a complex dtype, real and imaginary parts
/// alternate.
pub fn array(shape: &[usize], dtype: DType, values: impl IntoIterator<Item = f64>) -> Array {
    let scalar = |v| Scalar::from_f64(dtype.part(), v).expect("a dtype that runs");
    let bytes: Vec<u8> = values.into_iter().flat_map(|v| scalar(v).to_bytes()).collect();
    upload(Aval::new(shape.iter().copied(), dtype), &bytes).expect("a device for the cases")
}

/// A scalar index.
pub fn index(i: i64, dtype: DType) -> Array {
    array(&[], dtype, [i as f64])
}
