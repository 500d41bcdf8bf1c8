//! The logarithm of the gamma function and its derivative.
//!
//! Both functions have roots among positive numbers. Near a root the value is a polynomial
//! (Chebyshev's points, rounded coefficients) times the distance from the root. From 10 on it is
//! Stirling's series, and between the two it follows by steps of one, `gamma(x + 1) = x gamma(x)`.
//! Negative numbers use the reflection. All is computed in f64, to which f32 is widened, so results
//! in f32 are almost always correctly rounded.

use super::log::log;
use super::term::Term;
use super::trig::{sin_of_few, tan_of_few};
use crate::DType;
use crate::op::ScalarOp;
use std::f64::consts::PI;

/// Half of `ln(2 pi)`, less a half: the constant of Stirling's formula in terms of `ln(x) - 1`.
const HALF_LN_TAU_LESS: f64 = 0.4189385332046727;
/// The positive root of digamma and the rounding error of it.
const ROOT: (f64, f64) = (1.4616321449683622, 9.549995429965697e-17);
/// The least argument of Stirling's series.
const FAR: f64 = 10.0;

/// A function of f64 for either width.
fn widened<'s>(x: Term<'s>, f: impl FnOnce(Term<'s>) -> Term<'s>) -> Term<'s> {
    if !x.narrow() {
        return f(x);
    }
    let wide = f(x.unary(ScalarOp::Convert(DType::F64)));
    wide.unary(ScalarOp::Convert(x.dtype()))
}

/// `x` less the nearest integer, of an `x` that is not negative.
fn off_integer(x: Term) -> Term {
    x - x.unary(ScalarOp::RoundEven)
}

/// `ln |gamma(x)|`: infinite at 0, at negative integers and at the infinities.
pub(super) fn lgamma(x: Term) -> Term {
    widened(x, |x| {
        let a = x.abs();
        let small = a.lt(0.5);
        let mut y = small.select(x + 1.0, a.at_most(FAR));
        let mut product = x.like(1.0);
        for _ in 0..7 {
            let big = y.ge(3.0);
            y = big.select(y - 1.0, y);
            product = big.select(product * y, product);
        }
        let one = (y - 1.0).poly(&NEAR_ONE);
        let two = (y - 2.25).poly(&NEAR_TWO);
        let near = (y - 1.0) * (y - 2.0) * y.lt(1.5).select(one, two);
        let far = a.ge(FAR);
        let logarithm = log(small.select(a, far.select(a, product)));
        let near = near + small.select(-logarithm, logarithm);
        let w = x.like(1.0) / a;
        let rest = w.fma((w * w).poly(&STIRLING), x.like(HALF_LN_TAU_LESS));
        let right = far.select((a - 0.5).fma(logarithm - 1.0, rest), near);
        // gamma(x) gamma(-x) = -pi / (x sin(pi x))
        let sine = sin_of_few(off_integer(a) * PI).abs();
        let left = -log(a * (sine / PI)) - right;
        // Poles at which `right` overflows, too.
        let left = sine.eq(0.0).select(x.like(f64::INFINITY), left);
        let value = x.le(-0.5).select(left, right);
        a.eq(f64::INFINITY).select(a, value)
    })
}

/// The derivative of lgamma: NaN at 0, at negative integers and at minus infinity.
pub(super) fn digamma(x: Term) -> Term {
    widened(x, |x| {
        let left = x.le(0.0);
        let a = left.select(-x + 1.0, x);
        let low = a.lt(1.0);
        // The sum over steps of one, as a quotient.
        let (mut over, mut under) = (low.select(x.like(-1.0), 0.0), low.select(a, 1.0));
        let mut y = low.select(a + 1.0, a.at_most(FAR));
        for _ in 0..8 {
            let big = y.ge(2.0);
            y = big.select(y - 1.0, y);
            over = big.select(over.fma(y, under), over);
            under = big.select(under * y, under);
        }
        let near = ((y - ROOT.0) - ROOT.1) * (y - 1.5).poly(&NEAR_ROOT) + over / under;
        let w = x.like(1.0) / a;
        let square = w * w;
        let far = log(a) - w.fma(0.5, square * square.poly(&STIRLING_SLOPE));
        let right = a.ge(FAR).select(far, near);
        // digamma(1 - x) - digamma(x) = pi / tan(pi x)
        let off = off_integer(-x);
        let reflected = right + x.like(PI) / tan_of_few(off * PI);
        let reflected = off.eq(0.0).select(x.like(f64::NAN), reflected);
        left.select(reflected, right)
    })
}

/// `lgamma(x) / ((x - 1)(x - 2))` in powers of `x - 1`, `0.5 <= x <= 1.5`: relative error 2^-55.1.
const NEAR_ONE: [f64; 28] = [
    0.5772156649015329,
    -0.24525136852258037,
    0.1554342658639556,
    -0.11514654256383787,
    0.09223900846366932,
    -0.07731816853143067,
    0.06673172835553974,
    -0.05877794140424497,
    0.05255631826261005,
    -0.04754312679769891,
    0.043411084045754875,
    -0.039943150324446376,
    0.03698548306742434,
    -0.03443942843923471,
    0.03228147253279034,
    -0.03033014421461396,
    0.028013319311536597,
    -0.026488089711827638,
    0.02917794270102698,
    -0.027825057395512564,
    0.0069437273107903555,
    -0.006392049327941565,
    0.07123157860759115,
    -0.06888571735061609,
    -0.07533096837257305,
    0.07324164062349006,
    0.11052782198365534,
    -0.10710035441656564,
];

/// The same in powers of `x - 2.25`, `1.5 <= x <= 3`: relative error 2^-55.4.
const NEAR_TWO: [f64; 22] = [
    0.3995894876556691,
    -0.08588084755126099,
    0.025268354959288596,
    -0.00846402499357528,
    0.0030411186579069323,
    -0.001140986590005892,
    0.0004406567320300957,
    -0.00017370931765654704,
    6.952279516229163e-05,
    -2.8149289639083216e-05,
    1.1501953265681634e-05,
    -4.734544076564375e-06,
    1.9610309298135665e-06,
    -8.162885225940421e-07,
    3.403303586159362e-07,
    -1.4280824653864626e-07,
    6.211268218830923e-08,
    -2.6237256986129076e-08,
    8.474513322443875e-09,
    -3.5873906270594855e-09,
    3.4958112706149023e-09,
    -1.4922144283217354e-09,
];

/// `digamma(x) / (x - root)` in powers of `x - 1.5`, `1 <= x <= 2`: relative error 2^-53.6.
const NEAR_ROOT: [f64; 22] = [
    0.951055876031833,
    -0.4236274212814605,
    0.2405424842407742,
    -0.14840492305390884,
    0.09498872445494122,
    -0.061922133273064534,
    0.04076083381242074,
    -0.02697579675613825,
    0.0179072524394512,
    -0.011908218001568644,
    0.007926944646403797,
    -0.005279964873257405,
    0.003519006401502276,
    -0.002345267632540769,
    0.0015566317474486838,
    -0.0010376374098418604,
    0.0007233266279287554,
    -0.0004821990530566789,
    0.0002272331660987376,
    -0.00015148586836773365,
    0.00025968482126430747,
    -0.00017312261802727394,
];

/// `B(2n) / (2n (2n - 1))` from `n = 1` on, `B` being Bernoulli's numbers: the terms of Stirling's
/// series.
const STIRLING: [f64; 10] = [
    0.08333333333333333,
    -0.002777777777777778,
    0.0007936507936507937,
    -0.0005952380952380953,
    0.0008417508417508417,
    -0.0019175269175269176,
    0.00641025641025641,
    -0.029550653594771242,
    0.17964437236883057,
    -1.3924322169059011,
];

/// `B(2n) / 2n` from `n = 1` on: the terms of the derivative of Stirling's series.
const STIRLING_SLOPE: [f64; 10] = [
    0.08333333333333333,
    -0.008333333333333333,
    0.003968253968253968,
    -0.004166666666666667,
    0.007575757575757576,
    -0.021092796092796094,
    0.08333333333333333,
    -0.4432598039215686,
    3.0539543302701198,
    -26.456212121212122,
];

#[cfg(test)]
mod tests {
    use crate::math::eval::Definition;
    use crate::op::ScalarOp;
    use crate::{DType, Scalar};

    /// Points of f64 with correctly rounded values computed by mpmath, and how many last places
    /// they may be off.
    type Row = (f64, f64, u64);

    const LGAMMA: [Row; 11] = [
        (1.0000001, -5.772155829918507e-08, 3),
        (2.0000000001, 4.2278437011204657e-11, 3),
        (0.3, 1.0957979948180756, 3),
        (2.9999999, 0.693147088281514, 3),
        (7.25, 7.0521854507385395, 3),
        (1e-300, 690.7755278982137, 3),
        (1e+300, 6.897755278982137e+302, 3),
        (123.456, 469.6055471299295, 3),
        (-0.75, 1.5757045971498584, 4),
        (-3.3, -0.8243558050174264, 8),
        (-100.25, -363.4009232278215, 3),
    ];

    const DIGAMMA: [Row; 11] = [
        (1.4616321449683622, -9.241265521729427e-17, 3),
        (1.46, -0.0015805619870834522, 3),
        (0.3, -3.502524222200133, 3),
        (1e-300, -9.999999999999999e+299, 3),
        (7.25, 1.910453526883736, 3),
        (1e+300, 690.7755278982137, 3),
        (9.999, 2.2516474172057355, 3),
        (123.456, 4.811829323828985, 3),
        (-0.75, -2.894120200042932, 4),
        (-3.3, 3.620353460592126, 6),
        (-100.25, 7.754238959208646, 4),
    ];

    #[test]
    fn wide_results_are_within_a_few_units() {
        for (op, rows) in [(ScalarOp::Lgamma, LGAMMA), (ScalarOp::Digamma, DIGAMMA)] {
            let mut definition = Definition::new(op, DType::F64);
            for (x, want, most) in rows {
                let got = definition.at(&[Scalar::from(x)]);
                let far = (got.bits() as u64).abs_diff(want.to_bits());
                assert!(far <= most, "{} of {x:?}: got {got}, expected {want:?}", op.name());
            }
        }
    }

    #[test]
    fn narrow_results_are_those_of_the_wide_ones() {
        for op in [ScalarOp::Lgamma, ScalarOp::Digamma] {
            let [mut narrow, mut wide] = [DType::F32, DType::F64].map(|d| Definition::new(op, d));
            for bits in (0..1u64 << 32).step_by(9_999_991) {
                let x = f32::from_bits(bits as u32);
                let want = wide.at(&[Scalar::from(f64::from(x))]).to_f64().expect("a float") as f32;
                let got = f32::from_bits(narrow.at(&[Scalar::from(x)]).bits() as u32);
                let same = got == want || (got.is_nan() && want.is_nan());
                assert!(same, "{} of {x:e}: {got:e} and {want:e}", op.name());
            }
        }
    }

    #[test]
    fn poles_and_infinities() {
        let inf = f64::INFINITY;
        let lgamma = [(0.0, inf), (-0.0, inf), (-1.0, inf), (-170.0, inf), (inf, inf), (-inf, inf)];
        let nan = f64::NAN;
        let digamma =
            [(0.0, nan), (-0.0, nan), (-1.0, nan), (-170.0, nan), (inf, inf), (-inf, nan)];
        for (op, rows) in [(ScalarOp::Lgamma, lgamma), (ScalarOp::Digamma, digamma)] {
            let mut definition = Definition::new(op, DType::F64);
            for (x, want) in rows.into_iter().chain([(nan, nan)]) {
                let got = definition.at(&[Scalar::from(x)]).to_f64().expect("a float");
                assert!(
                    got == want || (got.is_nan() && want.is_nan()),
                    "{} of {x}: {got}",
                    op.name()
                );
            }
        }
    }
}
