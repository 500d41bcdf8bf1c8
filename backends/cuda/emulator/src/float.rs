//! Floating point as the device rounds it, on bits.
//!
//! Every operation rounds to nearest, ties to even, keeps subnormals, and returns one NaN per type.
//! Conversions to integers saturate.

use crate::types::{Kind, Type, mask};

pub const NAN_32: u64 = 0x7fff_ffff;
pub const NAN_64: u64 = 0x7fff_ffff_ffff_ffff;
/// The NaN of both types of 16 bits.
pub const NAN_16: u64 = 0x7fff;

pub fn f32_of(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

pub fn f64_of(bits: u64) -> f64 {
    f64::from_bits(bits)
}

pub fn bits_32(x: f32) -> u64 {
    if x.is_nan() { NAN_32 } else { x.to_bits().into() }
}

pub fn bits_64(x: f64) -> u64 {
    if x.is_nan() { NAN_64 } else { x.to_bits() }
}

/// The larger of two numbers, with -0 below +0. One NaN loses.
pub fn max(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, _) => b,
        (_, true) => a,
        _ if a == b => {
            if a.is_sign_negative() {
                b
            } else {
                a
            }
        }
        _ => {
            if a > b {
                a
            } else {
                b
            }
        }
    }
}

pub fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// An f32 without subnormals: what `red.global.add.f32` reads and writes.
pub fn flush(x: f32) -> f32 {
    if x.is_subnormal() { 0f32.copysign(x) } else { x }
}

pub fn widen_f16(bits: u64) -> f32 {
    let sign = if bits & 0x8000 != 0 { -1.0f32 } else { 1.0 };
    let (exponent, fraction) = ((bits >> 10 & 0x1f) as i32, (bits & 0x3ff) as f32);
    match exponent {
        0x1f if fraction != 0.0 => f32::NAN,
        0x1f => sign * f32::INFINITY,
        0 => sign * fraction * 2f32.powi(-24),
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

pub fn widen_bf16(bits: u64) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

pub fn widen_tf32(bits: u64) -> f32 {
    f32::from_bits(bits as u32 & !0x1fff)
}

/// Rounds an f32 to 10 bits of mantissa, away from zero where two are as near.
pub fn narrow_tf32(bits: u64) -> u64 {
    let x = f32_of(bits);
    match x.is_finite() {
        true => u64::from((bits as u32).wrapping_add(0x1000) & !0x1fff),
        false => bits_32(x),
    }
}

/// Rounds an f64 once to a type with `fraction` bits behind the point and `exponent` bits.
fn narrow(x: f64, fraction: u32, exponent: u32) -> u64 {
    let sign = u64::from(x.is_sign_negative()) << (fraction + exponent);
    let bias = (1 << (exponent - 1)) - 1;
    let infinity = mask(exponent) << fraction;
    let bits = x.abs().to_bits();
    if bits == 0 || x.is_infinite() {
        return sign | if bits == 0 { 0 } else { infinity };
    }
    let power = (bits >> 52) as i32 - 1023;
    // Subnormals of f64 lie far below the halves of the narrow types.
    let significand = (bits & mask(52)) | u64::from(bits >> 52 != 0) << 52;
    let least = 1 - bias;
    let dropped = 52 - fraction as i32 + (least - power).max(0);
    if dropped > 54 {
        return sign;
    }
    let (kept, rest) = (significand >> dropped, significand & mask(dropped as u32));
    let half = 1 << (dropped - 1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    // The hidden bit of a normal number adds one to the exponent; so does a carry.
    let biased = if power < least { 0 } else { (power - least) as u64 };
    let rounded = (biased << fraction) + kept + u64::from(up);
    sign | rounded.min(infinity)
}

pub fn narrow_f16(x: f64) -> u64 {
    if x.is_nan() { NAN_16 } else { narrow(x, 10, 5) }
}

pub fn narrow_bf16(x: f64) -> u64 {
    if x.is_nan() { NAN_16 } else { narrow(x, 7, 8) }
}

/// How a conversion rounds to an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    Nearest,
    Zero,
    Down,
    Up,
}

impl Rounding {
    fn apply(self, x: f64) -> f64 {
        match self {
            Rounding::Nearest => x.round_ties_even(),
            Rounding::Zero => x.trunc(),
            Rounding::Down => x.floor(),
            Rounding::Up => x.ceil(),
        }
    }
}

/// A conversion between types, into a register of `width` bits.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    pub from: Type,
    pub to: Type,
    /// To an integer, or to an integral float.
    pub integral: Option<Rounding>,
    pub saturate: bool,
    pub width: u32,
}

impl Conversion {
    pub fn apply(&self, bits: u64) -> u64 {
        let bits = bits & self.from.mask();
        match (self.from.is_float(), self.to.is_float()) {
            (false, false) => self.int_to_int(bits),
            (false, true) => self.int_to_float(bits),
            (true, false) => self.float_to_int(bits),
            (true, true) => self.float_to_float(bits),
        }
    }

    /// The value as an integer, whatever its sign.
    fn integer(&self, bits: u64) -> i128 {
        sign_extend(bits, self.from)
    }

    fn fill(&self, value: i128) -> u64 {
        let bits = value as u64 & self.to.mask();
        sign_extend(bits, self.to) as u64 & mask(self.width)
    }

    fn range(&self) -> (i128, i128) {
        match self.to.is_signed() {
            true => (-(1 << (self.to.bits - 1)), (1 << (self.to.bits - 1)) - 1),
            false => (0, mask(self.to.bits).into()),
        }
    }

    fn int_to_int(&self, bits: u64) -> u64 {
        let value = self.integer(bits);
        let (least, most) = self.range();
        self.fill(if self.saturate { value.clamp(least, most) } else { value })
    }

    fn int_to_float(&self, bits: u64) -> u64 {
        let value = self.integer(bits);
        match self.to.bits {
            16 => narrow_f16(value as f64),
            32 => (value as f32).to_bits().into(),
            _ => (value as f64).to_bits(),
        }
    }

    fn float_to_int(&self, bits: u64) -> u64 {
        let x = self.float(bits);
        if x.is_nan() {
            let zero = self.from.bits < 64 && self.to.bits < 64;
            return if zero { 0 } else { self.fill(1 << (self.to.bits - 1)) };
        }
        let (least, most) = self.range();
        let rounded = self.integral.unwrap_or(Rounding::Zero).apply(x);
        self.fill((rounded as i128).clamp(least, most))
    }

    fn float(&self, bits: u64) -> f64 {
        match (self.from.kind, self.from.bits) {
            (Kind::Brain, _) => widen_bf16(bits).into(),
            (_, 16) => widen_f16(bits).into(),
            (_, 32) => f32_of(bits).into(),
            _ => f64_of(bits),
        }
    }

    fn float_to_float(&self, bits: u64) -> u64 {
        let x = self.float(bits);
        let x = self.integral.map_or(x, |r| r.apply(x));
        match (self.to.kind, self.to.bits) {
            (Kind::Brain, _) => narrow_bf16(x),
            (_, 16) => narrow_f16(x),
            (_, 32) => bits_32(x as f32),
            _ => bits_64(x),
        }
    }
}

fn sign_extend(bits: u64, ty: Type) -> i128 {
    match ty.is_signed() {
        true => ((bits << (64 - ty.bits)) as i64 >> (64 - ty.bits)).into(),
        false => bits.into(),
    }
}
