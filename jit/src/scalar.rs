//! One typed value: a literal of a jaxpr, a constant of a kernel, or a value of the interpreter.
//! Arithmetic on scalars lives in the interpreter.

use crate::dtype::DType;
use half::{bf16, f16};
use num_complex::Complex;
use std::fmt;

/// A value with its type. Equality and hashing are by bits, so a NaN equals itself and 0.0 differs
/// from -0.0.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scalar {
    dtype: DType,
    /// The bit pattern, zero-extended; for complex numbers the real part is the lower half.
    bits: u128,
}

impl Scalar {
    /// The value of `dtype` with this bit pattern (higher bits are dropped; `bool` takes the
    /// lowest).
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

    /// The number `x` in `dtype`: floats round to nearest even, ints saturate (NaN gives 0), bool
    /// is `x != 0`. A complex number has no imaginary part.
    pub fn from_f64(dtype: DType, x: f64) -> Option<Scalar> {
        if dtype.is_complex() {
            return Scalar::complex(Scalar::from_f64(dtype.part(), x)?, Scalar::zero(dtype.part()));
        }
        Some(match dtype {
            DType::Bool => Scalar::from(x != 0.0),
            DType::I8 => Scalar::from(x as i8),
            DType::I16 => Scalar::from(x as i16),
            DType::I32 => Scalar::from(x as i32),
            DType::I64 => Scalar::from(x as i64),
            DType::U8 => Scalar::from(x as u8),
            DType::U16 => Scalar::from(x as u16),
            DType::U32 => Scalar::from(x as u32),
            DType::U64 => Scalar::from(x as u64),
            DType::F16 => Scalar::from(f16::from_f32(to_odd(x))),
            DType::BF16 => Scalar::from(bf16::from_f32(to_odd(x))),
            DType::F32 => Scalar::from(x as f32),
            DType::F64 => Scalar::from(x),
            DType::C64 | DType::C128 => return None,
        })
    }

    /// The integer `x` in `dtype`: ints wrap, floats round, bool is `x != 0`.
    pub fn from_i64(dtype: DType, x: i64) -> Option<Scalar> {
        if dtype.is_complex() {
            return Scalar::complex(Scalar::from_i64(dtype.part(), x)?, Scalar::zero(dtype.part()));
        }
        Some(match dtype {
            DType::Bool => Scalar::from(x != 0),
            DType::F16 | DType::BF16 => return Scalar::from_f64(dtype, with_sticky_bit(x.into())),
            DType::F32 => Scalar::from(x as f32),
            DType::F64 => Scalar::from(x as f64),
            d if d.is_int() => Scalar::from_bits(d, x as u128),
            _ => return None,
        })
    }

    /// The complex number of these parts, which are of one type, f32 or f64.
    pub fn complex(re: Scalar, im: Scalar) -> Option<Scalar> {
        let dtype = re.dtype.complex().filter(|_| re.dtype == im.dtype)?;
        Some(Scalar::from_bits(dtype, re.bits | im.bits << re.dtype.bits()))
    }

    /// The real and the imaginary part of a complex number.
    pub fn parts(self) -> Option<(Scalar, Scalar)> {
        let part = self.dtype.part();
        let half = |shift| Scalar::from_bits(part, self.bits >> shift);
        self.dtype.is_complex().then(|| (half(0), half(part.bits())))
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
            _ => Scalar::from_i64(dtype, 1).expect("a number"),
        }
    }

    /// As `f64`, rounding 64-bit ints; `None` for complex.
    pub fn to_f64(self) -> Option<f64> {
        Some(match self.dtype {
            DType::F16 => f16::from_bits(self.bits as u16).to_f32().into(),
            DType::BF16 => bf16::from_bits(self.bits as u16).to_f32().into(),
            DType::F32 => f32::from_bits(self.bits as u32) as f64,
            DType::F64 => f64::from_bits(self.bits as u64),
            d if d.is_signed() => self.to_i64()? as f64,
            d if d.is_unsigned() || d.is_bool() => self.bits as u64 as f64,
            _ => return None,
        })
    }

    /// The value as `f64`, for printing. For f16 and bf16 it is the number with the fewest decimal
    /// digits that rounds to the same value, such as 0.1 for the f16 next to it.
    pub fn shortest_f64(self) -> f64 {
        let x = self.to_f64().unwrap_or(f64::NAN);
        match self.dtype {
            DType::F16 | DType::BF16 => {
                shortest(x as f32, |d| Scalar::from_f64(self.dtype, d) == Some(self))
            }
            _ => x,
        }
    }

    /// The text for people: that of `Display`, except that every NaN is `nan`, whatever its bits.
    pub fn readable(self) -> String {
        let one = |part: Scalar| match part.to_f64() {
            Some(x) if part.dtype.is_float() && x.is_nan() => part.canonical_nan(),
            _ => part,
        };
        match self.parts() {
            Some((re, im)) => {
                let (re, im) = (one(re).to_string(), one(im).to_string());
                let sign = if im.starts_with('-') { "" } else { "+" };
                format!("{re}{sign}{im}j")
            }
            None => one(self).to_string(),
        }
    }

    fn canonical_nan(self) -> Scalar {
        Scalar::from_f64(self.dtype, f64::NAN).unwrap_or(self)
    }

    /// An int or bool as `i64`, sign-extended; u64 wraps.
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

    /// The value as [`DType::size`] little-endian bytes.
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

/// An f32 that rounds to narrower floats as `x` itself does. Digits that do not fit are truncated,
/// and an odd last bit marks the truncation, so a truncated number never looks like a tie of a
/// narrower float.
fn to_odd(x: f64) -> f32 {
    let near = x as f32;
    if near as f64 == x || x.is_nan() {
        return near;
    }
    // Round toward zero. The bits of floats of one sign are ordered as their magnitudes.
    let bits = near.to_bits() - u32::from((near as f64).abs() > x.abs());
    f32::from_bits(bits | 1)
}

/// An f64 that rounds to narrower floats as the int does. In a large int the lowest twelve bits
/// become one bit, which is set if any of them was.
pub(crate) fn with_sticky_bit(x: i128) -> f64 {
    if x.unsigned_abs() < 1 << 53 {
        return x as f64;
    }
    let low = x & 0x7ff;
    ((x - low) | (i128::from(low != 0) << 11)) as f64
}

/// The f64 with the fewest decimal digits that reads back as the narrow float.
fn shortest(x: f32, reads_back: impl Fn(f64) -> bool) -> f64 {
    let digits = (0..9).map(|n| format!("{x:.n$e}").parse::<f64>().unwrap_or(x.into()));
    digits.into_iter().find(|d| reads_back(*d)).unwrap_or(x.into())
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
    f16 => F16, |x| x.to_bits() as u128;
    bf16 => BF16, |x| x.to_bits() as u128;
    f32 => F32, |x| x.to_bits() as u128;
    f64 => F64, |x| x.to_bits() as u128;
    Complex<f32> => C64, |z| z.re.to_bits() as u128 | (z.im.to_bits() as u128) << 32;
    Complex<f64> => C128, |z| z.re.to_bits() as u128 | (z.im.to_bits() as u128) << 64;
}

/// The number without its type. Parsing it as the scalar's dtype gives the same bits: `2.0`, `-7`,
/// `true`, `nan`, `-inf`, `1.0-2.0j`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((re, im)) = self.parts() {
            let im = im.to_string();
            let sign = if im.starts_with('-') { "" } else { "+" };
            return write!(f, "{re}{sign}{im}j");
        }
        match self.dtype {
            DType::Bool => write!(f, "{}", self.bits != 0),
            DType::F16 => float_text(f, self.shortest_f64(), 0x7e00, self.bits),
            DType::BF16 => float_text(f, self.shortest_f64(), 0x7fc0, self.bits),
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

/// `{:?}` of a float prints the shortest text that reads back; a NaN that is not the canonical one
/// shows its bits.
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
        if dtype.is_complex() {
            let text = text.strip_suffix('j')?;
            // The sign of the imaginary part is the last sign that does not belong to an exponent.
            let signs = text.rmatch_indices(['+', '-']);
            let at = signs.map(|(at, _)| at).find(|at| *at > 0 && !text[..*at].ends_with('e'))?;
            let (re, im) = text.split_at(at);
            let part = |text| Scalar::parse(dtype.part(), text);
            return Scalar::complex(part(re)?, part(im.strip_prefix('+').unwrap_or(im))?);
        }
        if let Some(hex) = text.strip_prefix("nan(0x").and_then(|t| t.strip_suffix(')')) {
            return Some(Scalar::from_bits(dtype, u128::from_str_radix(hex, 16).ok()?));
        }
        if let Some(hex) = text.strip_prefix("0x") {
            return Some(Scalar::from_bits(dtype, u128::from_str_radix(hex, 16).ok()?));
        }
        Some(match dtype {
            DType::Bool => Scalar::from(text.parse::<bool>().ok()?),
            DType::F16 if text == "nan" => Scalar::from_bits(dtype, 0x7e00),
            DType::BF16 if text == "nan" => Scalar::from_bits(dtype, 0x7fc0),
            DType::F16 | DType::BF16 => Scalar::from_f64(dtype, text.parse::<f64>().ok()?)?,
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
            Scalar::from(Complex::new(1e-30f32, -0.0)),
            Scalar::from(Complex::new(-1e300, 2e-300)),
            Scalar::from(Complex::new(f64::NAN, f64::NEG_INFINITY)),
            Scalar::from(Complex::new(-0.0f32, f32::NAN)),
        ];
        for v in values {
            assert_eq!(Scalar::parse(v.dtype(), &v.to_string()), Some(v), "{v:?}");
            assert_eq!(Scalar::from_bytes(v.dtype(), &v.to_bytes()), v);
        }
    }

    #[test]
    fn narrow_floats_round_once() {
        let half = |x: f64| Scalar::from_f64(DType::F16, x).unwrap();
        let brain = |x: f64| Scalar::from_f64(DType::BF16, x).unwrap();
        // Above half of the last place by less than an f32 can tell.
        assert_eq!(half(1.0 + 2f64.powi(-11) + 2f64.powi(-40)), half(1.0 + 2f64.powi(-10)));
        assert_eq!(half(1.0 + 2f64.powi(-11)), half(1.0));
        assert_eq!(half(1.0 + 3.0 * 2f64.powi(-11) - 2f64.powi(-40)), half(1.0 + 2f64.powi(-10)));
        assert_eq!(brain(-1.0 - 2f64.powi(-8) - 2f64.powi(-50)), brain(-1.0 - 2f64.powi(-7)));
        assert_eq!(half(65519.99).to_f64(), Some(65504.0));
        assert_eq!(half(65520.0).to_f64(), Some(f64::INFINITY));
        assert_eq!(half(-1e300).to_f64(), Some(f64::NEG_INFINITY));
        assert_eq!(half(2f64.powi(-25)).to_f64(), Some(0.0));
        assert_eq!(half(2f64.powi(-25) * (1.0 + f64::EPSILON)).bits(), 1);
        assert_eq!(brain(f64::MIN_POSITIVE).bits(), 0);
        for (i, up) in [((1i64 << 62) + (1 << 54), false), ((1 << 62) + (1 << 54) + 1, true)] {
            let expected = 2f64.powi(62) * if up { 1.0 + 2f64.powi(-7) } else { 1.0 };
            assert_eq!(Scalar::from_i64(DType::BF16, i), Some(brain(expected)), "{i}");
            assert_eq!(Scalar::from_i64(DType::BF16, -i), Some(brain(-expected)), "-{i}");
        }
    }

    #[test]
    fn every_narrow_float_reads_back() {
        for d in [DType::F16, DType::BF16] {
            for bits in 0..=u16::MAX {
                let x = Scalar::from_bits(d, bits.into());
                assert_eq!(Scalar::parse(d, &x.to_string()), Some(x), "{x:?}");
            }
        }
        let text = |d, x| Scalar::from_f64(d, x).unwrap().to_string();
        assert_eq!(text(DType::F16, 0.1), "0.1");
        assert_eq!(text(DType::F16, 65504.0), "65500.0");
        assert_eq!(text(DType::BF16, 3.140625), "3.14");
    }

    #[test]
    fn ints_sign_extend() {
        assert_eq!(Scalar::from(-7i32).to_i64(), Some(-7));
        assert_eq!(Scalar::from_i64(DType::U32, -1), Some(Scalar::from(u32::MAX)));
        assert_eq!(Scalar::from_f64(DType::I32, f64::NAN), Some(Scalar::from(0i32)));
    }
}
