//! sin, cos and tan of arguments so large that the reduction of the definitions in `trig` loses all
//! digits. The reduction here is exact: it uses as many bits of `2 / pi` as an `f64` needs.
//!
//! This is plain Rust, which the interpreter and generated code both call, and call rarely. A
//! backend that cannot call Rust follows it step by step, with the constants below. The
//! method is that of M. Payne and R. Hanek, "Radian reduction for trigonometric functions", SIGNUM
//! Newsletter 18 (1983). The definitions for ordinary arguments do not live here.

use super::trig;
use crate::DType;

/// The largest argument for which the short reduction is accurate. In f32 the number of turns is a
/// product of 24 bits; beyond this argument it is off by a hundredth of a turn, and tan by more
/// than 2 units in the last place.
pub const fn reach(dtype: DType) -> f64 {
    if dtype.size() == 4 { 262_144.0 } else { 1.4e14 }
}

/// A function that has values at huge arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    Sin,
    Cos,
    Tan,
}

/// `sin x`, `cos x` or `tan x`, whatever the size of `x`; NaN for an infinity. Within a unit in the
/// last place.
pub fn value(function: Function, x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (high, low, quadrant) = reduce(x);
    let odd = quadrant % 2 == 1;
    let (value, negative) = match function {
        Function::Tan => {
            let tan = tan(high, low);
            return if odd { -1.0 / tan } else { tan };
        }
        Function::Sin => (if odd { cos(high, low) } else { sin(high, low) }, quadrant >= 2),
        Function::Cos => {
            (if odd { sin(high, low) } else { cos(high, low) }, quadrant == 1 || quadrant == 2)
        }
    };
    if negative { -value } else { value }
}

/// The coefficients in powers of the square: of `(sin r - r) / r^3`, of `cos r`, and of the
/// quotient that is `(tan r - r) / r^3`.
pub const SIN: [f64; trig::SIN_64.len()] = trig::SIN_64;
pub const COS: [f64; trig::COS_64.len()] = trig::COS_64;
pub const TAN: [f64; trig::TAN_64.len()] = trig::TAN_64;
pub const TAN_UNDER: [f64; trig::TAN_64_UNDER.len()] = trig::TAN_64_UNDER;

fn poly(z: f64, c: &[f64]) -> f64 {
    c.iter().rev().fold(0.0, |sum, c| sum.mul_add(z, *c))
}

fn sin(high: f64, low: f64) -> f64 {
    let z = high * high;
    high + (high * z).mul_add(poly(z, &SIN), low * (1.0 - 0.5 * z))
}

fn cos(high: f64, low: f64) -> f64 {
    poly(high * high, &COS) - high * low
}

fn tan(high: f64, low: f64) -> f64 {
    let z = high * high;
    let ratio = poly(z, &TAN) / poly(z, &TAN_UNDER);
    // As `trig::tan`: to first order `low` grows by `1 + tan^2`.
    high + (high * z).mul_add(ratio, low.mul_add(z * 1.5, low))
}

/// The bits of `2 / pi` behind the point.
pub const TWO_OVER_PI: [u64; 22] = [
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
    0xf0cfbc209af4361d,
    0xa9e391615ee61b08,
    0x6599855f14a06840,
];

/// `pi / 2` in units of `2^-127`.
pub const HALF_PI: u128 = 0xc90fdaa22168c234c4c6628b80dc1cd1;

/// `(high, low, n)`: `x = high + low + n pi/2` modulo whole turns, `|high + low| <= pi/4`, for a
/// normal `|x| >= 1`.
///
/// With `x = m 2^e`, the bits of `2/pi` before number `e - 1` add whole turns to `x 2/pi`. The 256
/// bits from there on suffice: a number close to a multiple of `pi / 2` gives a product that begins
/// with zeros, and more than 128 bits follow these.
fn reduce(x: f64) -> (f64, f64, u32) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1075;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let first = (exponent - 2).max(0) as usize;
    // The number of bits of the product behind the binary point.
    let fraction = 256 + first as i64 - exponent;
    let mut product = times(window(first), mantissa);
    let mut quadrant = (shifted_right(&product, fraction as u32) & 3) as u32;
    shift_left(&mut product, 320 - fraction as u32);
    // Round to the nearest multiple.
    let over = product[0] >> 63 == 1;
    if over {
        quadrant += 1;
        negate(&mut product);
    }
    let zeros = leading_zeros(&product);
    if zeros >= 320 {
        return (0.0, 0.0, quadrant % 4);
    }
    shift_left(&mut product, zeros);
    let top = ((product[0] as u128) << 64) | product[1] as u128;
    let scaled = upper_half(top, HALF_PI);
    let high = scaled as f64;
    let low = scaled.wrapping_sub(high as u128) as i128 as f64;
    let unit = f64::from_bits((1023 - 127 - zeros as u64) << 52);
    let negative = over != x.is_sign_negative();
    let sign = if negative { -unit } else { unit };
    if x.is_sign_negative() {
        quadrant = 4 - quadrant % 4;
    }
    (high * sign, low * sign, quadrant % 4)
}

/// 256 bits of `2 / pi` from bit number `first` on.
fn window(first: usize) -> [u64; 4] {
    let (word, bit) = (first / 64, first % 64);
    std::array::from_fn(|n| {
        let (this, next) = (TWO_OVER_PI[word + n], TWO_OVER_PI[word + n + 1]);
        if bit == 0 { this } else { (this << bit) | (next >> (64 - bit)) }
    })
}

/// The product, most significant word first.
fn times(window: [u64; 4], by: u64) -> [u64; 5] {
    let mut product = [0; 5];
    let mut carry = 0u128;
    for n in (0..4).rev() {
        carry += window[n] as u128 * by as u128;
        product[n + 1] = carry as u64;
        carry >>= 64;
    }
    product[0] = carry as u64;
    product
}

/// The low word of the number shifted right.
fn shifted_right(words: &[u64; 5], by: u32) -> u64 {
    let (word, bit) = (4 - by as usize / 64, by % 64);
    let above = if word > 0 && bit > 0 { words[word - 1] << (64 - bit) } else { 0 };
    (words[word] >> bit) | above
}

fn shift_left(words: &mut [u64; 5], by: u32) {
    let (whole, bit) = (by as usize / 64, by % 64);
    let at = |n: usize| words.get(n).copied().unwrap_or(0);
    *words = std::array::from_fn(|n| {
        let (this, next) = (at(n + whole), at(n + whole + 1));
        if bit == 0 { this } else { (this << bit) | (next >> (64 - bit)) }
    });
}

fn negate(words: &mut [u64; 5]) {
    let mut carry = true;
    for word in words.iter_mut().rev() {
        (*word, carry) = (!*word).overflowing_add(u64::from(carry));
    }
}

fn leading_zeros(words: &[u64; 5]) -> u32 {
    match words.iter().position(|w| *w != 0) {
        Some(n) => 64 * n as u32 + words[n].leading_zeros(),
        None => 320,
    }
}

/// The upper 128 bits of a product.
fn upper_half(a: u128, b: u128) -> u128 {
    let low = |x: u128| x & u128::from(u64::MAX);
    let (a1, a0, b1, b0) = (a >> 64, low(a), b >> 64, low(b));
    let middle = ((a0 * b0) >> 64) + low(a1 * b0) + low(a0 * b1);
    a1 * b1 + ((a1 * b0) >> 64) + ((a0 * b1) >> 64) + (middle >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Huge and awkward arguments with correctly rounded values by mpmath at 2000 bits.
    const POINTS: [(f64, f64, f64, f64); 33] = [
        (140000000010000.0, -0.6057400958158604, 0.795662576926295, -0.7613027348299833),
        (1e+22, -0.8522008497671888, 0.523214785395139, -1.6287782256068988),
        (1e+300, -0.8178819121159085, -0.5753861119575491, 1.4214488238747245),
        (1.7976931348623157e+308, 0.004961954789184062, -0.9999876894265599, -0.004962015874444895),
        (5.319372648326541e+255, 1.0, -4.687165924254628e-19, -2.133485385753704e+18),
        (8.98846567431158e+307, 0.563127779850884, -0.826369834614148, -0.6814476476066215),
        (3000000000000000.0, 0.045892919104717815, 0.9989463649145773, 0.04594132449607767),
        (1e+18, -0.9929693207404051, 0.11837199021871073, -8.388549680593687),
        (5.319372648326541e+255, 1.0, -4.687165924254628e-19, -2.133485385753704e+18),
        (1229782.3, -0.4145361452749226, 0.910032847901991, -0.4555177829356413),
        (1.7014116317805963e+38, -0.9398238516730211, 0.3416593739771929, -2.7507626696516687),
        (7100000.0, 0.567022916344245, 0.8237020167150663, 0.6883835474939581),
        (7.729178919452902e+28, 1.0, -1.6147697982476211e-09, -619283318.9506139),
        (2.1329217590253207e+197, 0.8977096735173576, 0.44058749650138634, 2.0375287102922424),
        (1.9512407525979444e+232, 0.5741886510953669, 0.8187230257866717, 0.7013222213258953),
        (9.90635803663398e+247, 0.6882902785620321, -0.7254353812966392, -0.9487961247930669),
        (1.9980692832321885e+291, 0.3682129050888731, 0.9297414998406882, 0.3960379365145759),
        (5.432166667578845e+231, 0.5883312524962878, 0.8086200203656531, 0.7275744325873208),
        (2.411251606625669e+285, -0.2266113860763703, -0.9739852564081996, 0.23266408252631385),
        (4.766034592191153e+22, 0.6903321349229182, -0.723492600855576, -0.9541661298354075),
        (1.1938559182754591e+151, -0.9998152890890395, 0.019219461589764324, -52.02098323199176),
        (3.691228948249294e+291, -0.8759983213400321, 0.48231415178226517, -1.8162401374768093),
        (9.917040190063804e+204, 0.07062920972407098, -0.9975026389607965, -0.07080603796462419),
        (1.2072729738613698e+279, -0.8671825677190047, -0.4979903555735531, 1.7413641810798521),
        (2.7516298473108046e+47, 0.15073576047275591, 0.9885740895424581, 0.15247795999035438),
        (1.2315561071323043e+152, -0.3732798395681169, -0.927718794340182, 0.40236313185139616),
        (4.5668013192993856e+86, 0.9991290404955346, -0.0417272146023705, -23.944302298068433),
        (1.1364190154797975e+174, -0.988340087036413, 0.15226251133110733, -6.491027097846733),
        (8.528152387288474e+182, 0.9759312504416687, -0.21807841344654208, -4.475139171355446),
        (1.0115349033473997e+18, -0.7952380879181712, 0.6062972732284477, -1.3116306522106558),
        (7.646919924361658e+77, 0.03937300501477624, 0.9992245826019827, 0.03940355922013934),
        (2.1753178937883764e+96, -0.9974775556283886, 0.07098257545070498, -14.052428350125213),
        (4.20510803755752e+283, 0.8898403346933078, -0.4562720446760922, -1.9502407501757113),
    ];

    #[test]
    fn huge_arguments_keep_their_digits() {
        for (x, sin, cos, tan) in POINTS {
            for (function, want) in
                [(Function::Sin, sin), (Function::Cos, cos), (Function::Tan, tan)]
            {
                let got = value(function, x);
                let far = got.to_bits().abs_diff(want.to_bits());
                assert!(far <= 1, "{function:?} of {x:e}: {got:e}, expected {want:e}");
                let odd = if function == Function::Cos { got } else { -got };
                assert_eq!(value(function, -x).to_bits(), odd.to_bits());
            }
        }
        assert!(value(Function::Sin, f64::INFINITY).is_nan());
    }

    /// The two reductions agree where both are accurate.
    #[test]
    fn near_arguments_agree_with_the_library() {
        let mut x = 1.1f64;
        while x < 1e5 {
            assert!((value(Function::Sin, x) - x.sin()).abs() < 2e-16, "{x}");
            assert!((value(Function::Cos, x) - x.cos()).abs() < 2e-16, "{x}");
            x *= 1.37;
        }
    }
}
