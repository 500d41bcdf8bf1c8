//! Clamps operands to where the formula of a derivative is finite, so that the derivative has its
//! limit at infinity.
//!
//! `1 / (1 + x²)` tends to 0, but the derivative of this formula at infinity is a product of 0 and
//! infinity. If `x` is clamped to an interval at whose ends the derivative is 0 to working
//! precision, every further derivative there is 0.

use crate::core::array::Array;
use crate::prims::points::binary::max;
use crate::prims::points::compare::eq;
use crate::prims::points::complex::{complex, imag, real};
use crate::prims::points::convert::convert_element_type;
use crate::prims::points::identity::stop_gradient;
use crate::prims::points::select::{clamp, select_n};
use crate::prims::points::unary::{abs, sign};
use crate::prims::rules::numbers::number;
use cotangent_jit::DType;

/// `x` clamped to the interval from `-bound` to `bound`; complex numbers are unchanged.
pub(in crate::prims) fn clamped(x: &Array, bound: f64) -> Array {
    let n = |value| number(value, x.dtype());
    if x.dtype().is_complex() { x.clone() } else { clamp(&n(-bound), x, &n(bound)) }
}

/// `x` clamped to finite numbers.
pub(in crate::prims) fn finite(x: &Array) -> Array {
    clamped(x, greatest(x.dtype()))
}

/// `x` clamped to the numbers for which `1 + x²` is finite.
pub(in crate::prims) fn squarable(x: &Array) -> Array {
    let bound = match x.dtype() {
        DType::F16 => 255.0,
        DType::BF16 | DType::F32 => 2f64.powi(63),
        _ => 2f64.powi(511),
    };
    clamped(x, bound)
}

/// `a / (x² + y²)`, without overflow or underflow in the computation; `a` is `x`, `y`, `-x` or
/// `-y`.
pub(in crate::prims) fn over_square_of_length(a: &Array, x: &Array, y: &Array) -> Array {
    let dtype = a.dtype();
    if matches!(dtype, DType::F16 | DType::BF16) {
        // In these dtypes each step would round to two or three digits.
        let [a, x, y] = [a, x, y].map(|x| convert_element_type(x, DType::F32));
        return convert_element_type(&over_square_of_length(&a, &x, &y), dtype);
    }
    let (a, x, y) = (finite(a), finite(x), finite(y));
    // The formula does not depend on the scale, and neither do its derivatives.
    let scale = stop_gradient(&max(&abs(&x), &abs(&y)));
    let (u, v) = (&x / &scale, &y / &scale);
    (a / &scale) / (&u * &u + &v * &v) / scale
}

/// The greatest finite number of a float dtype.
pub(crate) fn greatest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 65504.0,
        DType::BF16 => f64::from(f32::from_bits(0x7f7f_0000)),
        DType::F32 => f64::from(f32::MAX),
        _ => f64::MAX,
    }
}

/// `x / |x|` of a complex number. If a part is infinite, finite parts count as 0.
pub(in crate::prims) fn direction(x: &Array) -> Array {
    let infinity = number(f64::INFINITY, x.dtype().part());
    let infinite = eq(&abs(x), &infinity);
    let side = |part: &Array| {
        let zero = number(0.0, part.dtype());
        select_n(&eq(&abs(part), &infinity), &[&zero, &sign(part)])
    };
    let at_infinity = complex(&side(&stop_gradient(&real(x))), &side(&stop_gradient(&imag(x))));
    sign(&select_n(&infinite, &[x, &at_infinity]))
}
