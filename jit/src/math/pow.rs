//! pow: `2^(y log2(x))` with the logarithm to some ten bits more than a float holds.

use super::exp::{magic, scale_twice};
use super::log::split_any;
use super::term::Term;
use crate::op::ScalarOp;
use std::f64::consts::{LN_2, LOG2_E};

/// A sum of two floats, the second below the last place of the first.
type Double<'s> = (Term<'s>, Term<'s>);

/// `log2` of a positive finite number. With `s = f / (2 + f)` it is `k + s (2 + z R(z)) / ln 2`,
/// `z = s^2`; everything but the tail of `R` is carried as a sum of two floats.
fn log2_double(x: Term) -> Double {
    let (k, f) = split_any(x);
    let under = f + 2.0;
    let lost_under = f - (under - 2.0);
    let s = f / under;
    let s_low = s.fma(-lost_under, s.fma(-under, f)) / under;
    let z = s * s;
    let z_low = s.fma(s, -z) + s * s_low * 2.0;

    // r + r_low = 2/3 + the tail
    let tail = z * z.poly(x.by_width(&ATANH_32, &ATANH_64));
    let third = x.like(2.0 / 3.0);
    let r = third + tail;
    let r_low = (third - r) + (tail + two_thirds_rest(x));
    // w + w_low = 2 + z r
    let product = z * r;
    let product_low = z.fma(r, -product) + z.fma(r_low, z_low * r);
    let w = product + 2.0;
    let w_low = (-w + 2.0) + product + product_low;
    // l + l_low = s w
    let l = s * w;
    let l_low = s.fma(w, -l) + s.fma(w_low, s_low * w);

    let bits = l * LOG2_E;
    let rest = x.by_width(LOG2_E - LOG2_E as f32 as f64, 2.0355273740931033e-17);
    let bits_low = l.fma(LOG2_E, -bits) + l.fma(rest, l_low * LOG2_E);
    let sum = k + bits;
    (sum, ((k - sum) + bits) + bits_low)
}

/// `2/3` less its nearest neighbour among the floats of this width.
fn two_thirds_rest(x: Term) -> f64 {
    x.by_width(2.0 / 3.0 - (2.0f32 / 3.0) as f64, 3.700743415417188e-17)
}

pub(super) fn pow<'s>(x: Term<'s>, y: Term<'s>) -> Term<'s> {
    let a = x.abs();
    let (log, log_low) = log2_double(a);
    // The logarithms of 0, infinity and NaN.
    let log = a.lt(f64::INFINITY).select(log, a);
    let log = a.eq(0.0).select(x.like(f64::NEG_INFINITY), log);
    // No larger exponent changes anything, and of these the product with log2(1) = 0 is 0.
    let (most, beyond) = x.by_width((1e30, 200.0), (1e300, 1200.0));
    let bounded = y.at_most(most).at_least(-most);
    let product = bounded * log;
    let low = bounded.fma(log, -product) + bounded * log_low;
    let low = product.abs().lt(beyond).select(low, 0.0);
    let product = product.at_most(beyond).at_least(-beyond);

    let t = product + magic(x);
    let r = (product - (t - magic(x))) + low;
    let power = scale_twice(r.poly(x.by_width(&EXP2_32, &EXP2_64)), t);

    let whole = y.unary(ScalarOp::Trunc).eq(y);
    let half = y * 0.5;
    let odd = whole & half.unary(ScalarOp::Trunc).ne(half);
    let sign = odd.select(x.sign_bit(), 0);
    let signed = (power.bits() ^ sign).float();
    // A negative finite number has no power that is not whole.
    let undefined = x.lt(0.0) & x.gt(f64::NEG_INFINITY) & whole.not();
    let value = undefined.select(x.like(f64::NAN), signed);
    (x.eq(1.0) | y.eq(0.0)).select(x.like(1.0), value)
}

/// Of `2 atanh(s) = 2s + 2/3 s^3 + s^5 (...)`, the coefficients in brackets in powers of `s^2`; of
/// `log` relative error 2^-36.8.
const ATANH_32: [f64; 3] = [4.0000153e-01, 2.8547087e-01, 2.3419762e-01];

/// The coefficients for f64, with relative error 2^-66.7.
const ATANH_64: [f64; 8] = [
    0.3999999999999998,
    0.2857142857144387,
    0.2222222221772793,
    0.1818181886245802,
    0.15384556212382847,
    0.13336393295484736,
    0.11672162855156314,
    0.12021161154077334,
];

/// Relative error 2^-28.3 on [-1/2, 1/2].
const EXP2_32: [f64; 7] =
    [1.0, LN_2, 2.4022648e-01, 5.5503592e-02, 9.618497e-03, 1.3391192e-03, 1.5330625e-04];

/// Relative error 2^-57.7 on [-1/2, 1/2].
const EXP2_64: [f64; 12] = [
    1.0,
    LN_2,
    0.2402265069591011,
    0.05550410866482172,
    0.00961812910760047,
    0.0013333558146543631,
    0.00015403530450501415,
    1.5252733639399118e-05,
    1.3215438085393561e-06,
    1.017815661626317e-07,
    7.073365630415169e-09,
    4.439549756946953e-10,
];
