//! One typed value: literals of jaxprs, constants of kernels, the interpreter's currency.

use crate::DType;
use std::fmt;

/// A value with its type. Equality and hashing are by bits, so a NaN equals itself and 0.0 differs from -0.0.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scalar {
    dtype: DType,
    /// The bit pattern, zero-extended; for complex numbers the real part is the lower half.
    bits: u128,
}

impl Scalar {
    /// The value of `dtype` with this bit pattern (higher bits are dropped; `bool` takes the lowest).
    pub fn from_bits(dtype: DType, bits: u128) -> Scalar {
        let width = dtype.bits();
        let mask = if width == 128 { u128::MAX } else { (1 << width) - 1 };
        Scalar { dtype, bits: bits & mask }
    }

    pub fn dtype(self) -> DType {
        self.dtype
    }

    pub fn bits(self) -> u128 {
        self.bits
    }

    /// The number `x` in `dtype`: floats round to nearest even, ints saturate (NaN gives 0), bool is `x != 0`.
    /// f16, bf16 and complex types are not representable here yet and give `None`.
    pub fn from_f64(dtype: DType, x: f64) -> Option<Scalar> {
        Some(match dtype {
            DType::Bool => Scalar::from(x != 0.0),
            DType::I32 => Scalar::from(x as i32),
            DType::I64 => Scalar::from(x as i64),
            DType::U32 => Scalar::from(x as u32),
            DType::U64 => Scalar::from(x as u64),
            DType::F32 => Scalar::from(x as f32),
            DType::F64 => Scalar::from(x),
            _ => return None,
        })
    }

    /// The integer `x` in `dtype`: ints wrap, floats round, bool is `x != 0`.
    pub fn from_i64(dtype: DType, x: i64) -> Option<Scalar> {
        Some(match dtype {
            DType::Bool => Scalar::from(x != 0),
            DType::F32 => Scalar::from(x as f32),
            DType::F64 => Scalar::from(x as f64),
            d if d.is_int() => Scalar::from_bits(d, x as u128),
            _ => return None,
        })
    }

    /// The additive identity.
    pub fn zero(dtype: DType) -> Scalar {
        Scalar::from_bits(dtype, 0)
    }

    /// The multiplicative identity (`true` for bool).
    pub fn one(dtype: DType) -> Scalar {
        match dtype {
            DType::F16 => Scalar::from_bits(dtype, 0x3c00),
            DType::BF16 => Scalar::from_bits(dtype, 0x3f80),
            DType::C64 => Scalar::from_bits(dtype, 1f32.to_bits() as u128),
            DType::C128 => Scalar::from_bits(dtype, 1f64.to_bits() as u128),
            _ => Scalar::from_i64(dtype, 1).expect("a real number"),
        }
    }

    /// As `f64`, rounding 64-bit ints; `None` for f16, bf16 and complex.
    pub fn to_f64(self) -> Option<f64> {
        Some(match self.dtype {
            DType::F32 => f32::from_bits(self.bits as u32) as f64,
            DType::F64 => f64::from_bits(self.bits as u64),
            d if d.is_signed() => self.to_i64()? as f64,
            d if d.is_unsigned() || d.is_bool() => self.bits as u64 as f64,
            _ => return None,
        })
    }

    /// Of an int or bool, sign-extended; u64 wraps.
    pub fn to_i64(self) -> Option<i64> {
        let d = self.dtype;
        if d.is_signed() {
            let unused = 64 - d.bits();
            Some(((self.bits as i64) << unused) >> unused)
        } else if d.is_unsigned() || d.is_bool() {
            Some(self.bits as i64)
        } else {
            None
        }
    }

    /// Little-endian bytes, [`DType::size`] of them.
    pub fn to_bytes(self) -> Vec<u8> {
        self.bits.to_le_bytes()[..self.dtype.size()].to_vec()
    }

    /// Reads [`DType::size`] little-endian bytes; panics if there are fewer.
    pub fn from_bytes(dtype: DType, bytes: &[u8]) -> Scalar {
        let mut all = [0; 16];
        all[..dtype.size()].copy_from_slice(&bytes[..dtype.size()]);
        Scalar::from_bits(dtype, u128::from_le_bytes(all))
    }
}

macro_rules! from_native {
    ($($t:ty => $d:ident, $bits:expr;)*) => {$(
        impl From<$t> for Scalar {
            fn from(x: $t) -> Scalar {
                let bits: fn($t) -> u128 = $bits;
                Scalar::from_bits(DType::$d, bits(x))
            }
        }
    )*};
}

from_native! {
    bool => Bool, |x| x as u128;
    i8 => I8, |x| x as u128;
    i16 => I16, |x| x as u128;
    i32 => I32, |x| x as u128;
    i64 => I64, |x| x as u128;
    u8 => U8, |x| x as u128;
    u16 => U16, |x| x as u128;
    u32 => U32, |x| x as u128;
    u64 => U64, |x| x as u128;
    f32 => F32, |x| x.to_bits() as u128;
    f64 => F64, |x| x.to_bits() as u128;
}

/// The number alone, so that parsing it as the scalar's dtype gives the same bits: `2.0`, `-7`, `true`, `nan`, `-inf`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dtype {
            DType::Bool => write!(f, "{}", self.bits != 0),
            DType::F32 => float_text(f, f32::from_bits(self.bits as u32), 0x7fc0_0000, self.bits),
            DType::F64 => {
                float_text(f, f64::from_bits(self.bits as u64), 0x7ff8_0000_0000_0000, self.bits)
            }
            d if d.is_signed() => write!(f, "{}", self.to_i64().unwrap_or(0)),
            d if d.is_unsigned() => write!(f, "{}", self.bits),
            _ => write!(f, "0x{:x}", self.bits),
        }
    }
}

/// `{:?}` of a float prints the shortest text that reads back; a NaN that is not the canonical one shows its bits.
fn float_text<T: Into<f64> + Copy + fmt::Debug>(
    f: &mut fmt::Formatter<'_>,
    x: T,
    canonical_nan: u128,
    bits: u128,
) -> fmt::Result {
    let wide: f64 = x.into();
    if wide.is_nan() {
        if bits == canonical_nan { f.write_str("nan") } else { write!(f, "nan(0x{bits:x})") }
    } else {
        write!(f, "{x:?}")
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}:{}", self.dtype)
    }
}

impl Scalar {
    /// The inverse of `Display`, given the dtype.
    pub fn parse(dtype: DType, text: &str) -> Option<Scalar> {
        if let Some(hex) = text.strip_prefix("nan(0x").and_then(|t| t.strip_suffix(')')) {
            return Some(Scalar::from_bits(dtype, u128::from_str_radix(hex, 16).ok()?));
        }
        if let Some(hex) = text.strip_prefix("0x") {
            return Some(Scalar::from_bits(dtype, u128::from_str_radix(hex, 16).ok()?));
        }
        Some(match dtype {
            DType::Bool => Scalar::from(text.parse::<bool>().ok()?),
            DType::F32 if text == "nan" => Scalar::from_bits(dtype, 0x7fc0_0000),
            DType::F64 if text == "nan" => Scalar::from_bits(dtype, 0x7ff8_0000_0000_0000),
            DType::F32 => Scalar::from(text.parse::<f32>().ok()?),
            DType::F64 => Scalar::from(text.parse::<f64>().ok()?),
            d if d.is_signed() => Scalar::from_bits(d, text.parse::<i64>().ok()? as u128),
            d if d.is_unsigned() => Scalar::from_bits(d, text.parse::<u64>().ok()? as u128),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back() {
        let values = [
            Scalar::from(2.0f32),
            Scalar::from(-0.0f64),
            Scalar::from(f32::NAN),
            Scalar::from_bits(DType::F32, 0xffc0_0001),
            Scalar::from(f64::NEG_INFINITY),
            Scalar::from(1e-45f32),
            Scalar::from(i64::MIN),
            Scalar::from(u64::MAX),
            Scalar::from(true),
            Scalar::from_bits(DType::C64, 0x3f80_0000),
        ];
        for v in values {
            assert_eq!(Scalar::parse(v.dtype(), &v.to_string()), Some(v), "{v:?}");
            assert_eq!(Scalar::from_bytes(v.dtype(), &v.to_bytes()), v);
        }
    }

    #[test]
    fn ints_sign_extend() {
        assert_eq!(Scalar::from(-7i32).to_i64(), Some(-7));
        assert_eq!(Scalar::from_i64(DType::U32, -1), Some(Scalar::from(u32::MAX)));
        assert_eq!(Scalar::from_f64(DType::I32, f64::NAN), Some(Scalar::from(0i32)));
    }
}
