//! The contents of buffers: moderate numbers, odd ones, any bits at all, and positions.

use crate::support::Random;
use cotangent_jit::{DType, Scalar};

/// The kind of numbers in a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    Moderate,
    /// Moderate numbers, and odd ones among them.
    Odd,
    /// Any bits.
    Raw,
    /// Small ints on both sides of 0, and a few far away.
    Places,
}

const FLOATS: [f64; 43] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    1e-310,
    -1e-40,
    1.5e-45,
    f32::MIN_POSITIVE as f64,
    6e-8,
    6.1e-5,
    65504.0,
    65519.0,
    1e5,
    1e10,
    -1e22,
    3.4e38,
    1e300,
    f64::MAX,
    127.5,
    -128.6,
    255.9,
    32767.6,
    65535.5,
    2147483647.0,
    -2147483904.0,
    4294967040.0,
    4294967296.0,
    9.223372036854776e18,
    -9.3e18,
    1.8446744073709552e19,
    16777217.0,
    9007199254740993.0,
    9223372036854774784.0,
    1e-300,
];

const INTS: [i64; 30] = [
    0,
    1,
    -1,
    2,
    -2,
    3,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    127,
    -128,
    i16::MIN as i64,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    1 << 32,
    (1 << 53) + 1,
    -(1 << 54) - (1 << 30) - 1,
    1000003,
    i64::MAX - 1024,
    i64::MIN + 1,
];

pub fn scalar(r: &mut Random, d: DType, style: Style) -> Scalar {
    match style {
        Style::Odd if r.below(3) == 0 => odd(r, d),
        Style::Raw => raw(r, d),
        Style::Places if r.below(40) == 0 => odd(r, d),
        Style::Places => number(d, r.below(45) as f64 - 4.0),
        Style::Moderate | Style::Odd => {
            let x = (r.bits() >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 2.0;
            number(d, if d.is_float() { x } else { x * 20.0 })
        }
    }
}

fn number(d: DType, x: f64) -> Scalar {
    let number = match d.is_float() {
        true => Scalar::from_f64(d, x),
        false => Scalar::from_i64(d, x as i64),
    };
    number.unwrap()
}

fn odd(r: &mut Random, d: DType) -> Scalar {
    match d.is_float() {
        true => Scalar::from_f64(d, FLOATS[r.below(FLOATS.len())]).unwrap(),
        false => Scalar::from_i64(d, INTS[r.below(INTS.len())]).unwrap(),
    }
}

/// Any bits; all NaNs are the same one, since results do not tell which of them an op gives.
fn raw(r: &mut Random, d: DType) -> Scalar {
    if d.is_bool() {
        return Scalar::from(r.below(2) == 1);
    }
    let x = Scalar::from_bits(d, u128::from(r.bits()));
    let nan = d.is_float() && x.to_f64().unwrap().is_nan();
    if nan { Scalar::from_f64(d, f64::NAN).unwrap() } else { x }
}

/// The bytes of a buffer.
pub fn bytes(r: &mut Random, d: DType, len: usize, style: Style) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len * d.size());
    for _ in 0..len {
        bytes.extend_from_slice(&scalar(r, d, style).bits().to_le_bytes()[..d.size()]);
    }
    bytes
}
