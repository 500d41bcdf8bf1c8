//! Limits of dtypes, as NumPy's `finfo` and `iinfo` tell them.

use cotangent_jit::DType;

/// What there is to know of a float dtype.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FloatInfo {
    pub bits: u32,
    /// The distance from 1 to the next number above.
    pub eps: f64,
    /// The distance from 1 to the next number below.
    pub epsneg: f64,
    /// The greatest finite number; the least is its negative.
    pub max: f64,
    /// The smallest positive number of full precision.
    pub tiny: f64,
    /// The smallest positive number.
    pub smallest_subnormal: f64,
    /// Bits of the fraction, the leading one not counted.
    pub mantissa_bits: u32,
    pub exponent_bits: u32,
}

/// What there is to know of an int dtype.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntInfo {
    pub bits: u32,
    pub min: i64,
    pub max: u64,
}

/// Limits of a float dtype, of a complex one those of its parts; `None` for others.
///
/// ```
/// use cotangent::{numpy::finfo::finfo, prelude::*};
/// assert_eq!(finfo(DType::F16).unwrap().max, 65504.0);
/// assert_eq!(finfo(DType::BF16).unwrap().eps, 0.0078125);
/// ```
pub fn finfo(dtype: DType) -> Option<FloatInfo> {
    let (mantissa_bits, exponent_bits) = match dtype {
        DType::F16 => (10, 5),
        DType::BF16 => (7, 8),
        DType::F32 | DType::C64 => (23, 8),
        DType::F64 | DType::C128 => (52, 11),
        _ => return None,
    };
    let bias = (1 << (exponent_bits - 1)) - 1;
    let eps = 2f64.powi(-(mantissa_bits as i32));
    let tiny = 2f64.powi(1 - bias);
    Some(FloatInfo {
        bits: 1 + mantissa_bits + exponent_bits,
        eps,
        epsneg: eps / 2.0,
        max: (2.0 - eps) * 2f64.powi(bias),
        tiny,
        smallest_subnormal: tiny * eps,
        mantissa_bits,
        exponent_bits,
    })
}

/// Limits of an int dtype; `None` for others.
///
/// ```
/// use cotangent::{numpy::finfo::iinfo, prelude::*};
/// assert_eq!(iinfo(DType::I8).unwrap().min, -128);
/// assert_eq!(iinfo(DType::U64).unwrap().max, u64::MAX);
/// ```
pub fn iinfo(dtype: DType) -> Option<IntInfo> {
    let bits = dtype.bits();
    dtype.is_int().then(|| match dtype.is_signed() {
        true => IntInfo { bits, min: i64::MIN >> (64 - bits), max: i64::MAX as u64 >> (64 - bits) },
        false => IntInfo { bits, min: 0, max: u64::MAX >> (64 - bits) },
    })
}

/// The distance from 1 to the next number of a float dtype; 0 for dtypes that are exact.
///
/// ```
/// use cotangent::{numpy::finfo::epsilon, prelude::*};
/// assert_eq!(epsilon(DType::F32), f32::EPSILON as f64);
/// ```
pub fn epsilon(dtype: DType) -> f64 {
    finfo(dtype).map_or(0.0, |info| info.eps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_types() {
        let f = finfo(DType::F32).unwrap();
        assert_eq!((f.max, f.tiny), (f32::MAX.into(), f32::MIN_POSITIVE.into()));
        assert_eq!(f.smallest_subnormal, f32::from_bits(1).into());
        let f = finfo(DType::F64).unwrap();
        assert_eq!((f.max, f.tiny, f.eps), (f64::MAX, f64::MIN_POSITIVE, f64::EPSILON));
        assert_eq!(f.smallest_subnormal, f64::from_bits(1));
        assert_eq!(finfo(DType::BF16).unwrap().max, half::bf16::MAX.into());
        assert_eq!(finfo(DType::F16).unwrap().smallest_subnormal, 2f64.powi(-24));
        assert_eq!(finfo(DType::I32), None);
        let i = iinfo(DType::I64).unwrap();
        assert_eq!((i.min, i.max), (i64::MIN, i64::MAX as u64));
        assert_eq!(iinfo(DType::U16).unwrap().max, 65535);
        assert_eq!(iinfo(DType::Bool), None);
    }
}
