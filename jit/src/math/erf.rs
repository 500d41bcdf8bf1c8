//! erf, erfc and the inverse of erf.

use super::exp::{expm1_reduced, expm1_reduced_sum, power_of_two, scale_twice};
use super::log::log;
use super::term::Term;

/// `a + a R(a^2)` near 0; further out `1 - exp(-h(a))` with a polynomial `h`; then the sign of `x`.
pub(super) fn erf(x: Term) -> Term {
    let a = x.abs();
    let near = a.fma((a * a).poly(x.by_width(&ERF_32, &ERF_64)), a);
    let (most, centre) = x.by_width((4.0, 1.390625), (6.0, 1.578125));
    let h = (a.at_most(most) - centre).poly(x.by_width(&ERF_FAR_32, &ERF_FAR_64));
    let (p, t) = expm1_reduced(-h);
    let s = power_of_two(t.bits(), 0);
    let far = p.fma(-s, -s + 1.0);
    a.lt(0.9).select(near, far).signed_like(x)
}

/// `erfc(|x|)`, or 2 less that on the left.
pub(super) fn erfc(x: Term) -> Term {
    let value = erfc_right(x.abs().at_most(x.by_width(10.2, 27.5)));
    x.lt(0.0).select(-value + 2.0, value)
}

/// For `x >= 0`: `exp(-x^2) v Q(v)` with `v = 1 / (x + 2)` and a polynomial `Q`. The square and the
/// reciprocal are kept with their remainders; otherwise the exponential and the many roundings
/// would affect the last places.
fn erfc_right(x: Term) -> Term {
    let square = x * x;
    let lost_square = x.fma(x, -square);
    let under = x + 2.0;
    let lost_under = x - (under - 2.0);
    let v = x.like(1.0) / under;
    let rest = v * v.fma(-lost_under, v.fma(-under, 1.0));
    let centre = x.by_width(0.1708984375, 0.1611328125);
    let u = (v - centre) + rest;
    let (first, others) = x.by_width(&ERFC_32[..], &ERFC_64[..]).split_first().expect("not empty");
    let inner = u.poly(others);
    let q = u.fma(inner, *first);
    let lost_q = u.fma(inner, -q + *first);
    let (p, t) = expm1_reduced_sum(-square, Some(-lost_square));
    let grown = q.fma(p, lost_q);
    let sum = q + grown;
    let lost_sum = (q - sum) + grown;
    scale_twice(sum.fma(v, lost_sum.fma(v, sum * rest)), t)
}

/// The inverse of erf: infinite at -1 and 1, NaN outside.
pub(super) fn erf_inv(x: Term) -> Term {
    let value = if x.narrow() { erf_inv_32(x) } else { erf_inv_64(x) };
    x.abs().eq(1.0).select(x * f64::INFINITY, value)
}

/// `x` times a polynomial in `w = -log(1 - x^2)`, or in `sqrt(w)` for the tails, as M. Giles,
/// "Approximating the erfinv function" (GPU Computing Gems, 2012), with coefficients of our own and
/// `1 - x^2` rounded once.
fn erf_inv_32(x: Term) -> Term {
    let w = -log(x.fma(-x, 1.0));
    let near = (w - 1.25).poly(&NEAR_32);
    let far = (w.sqrt() - 3.0).poly(&FAR_32);
    w.lt(5.0).select(near, far) * x
}

/// The inverse of erf for f64, with three polynomials in `w`.
fn erf_inv_64(x: Term) -> Term {
    let w = -log(x.fma(-x, 1.0));
    let near = (w - 2.5791015625).poly(&NEAR_64);
    let mid = (w - 10.40234375).poly(&MID_64);
    let far = (w - 28.140625).poly(&FAR_64);
    w.lt(5.0).select(near, w.lt(16.0).select(mid, far)) * x
}

/// `erf_inv(x) / x` in powers of `w - 1.25`, `w <= 5`: minimax, relative error 2^-28.7. (Around 2.5
/// it would cancel more.)
const NEAR_32: [f64; 11] = [
    1.1895616,
    0.24951965,
    0.0025116508,
    -0.0022537988,
    0.00014367244,
    3.1155218e-05,
    -5.110715e-06,
    -2.8659153e-07,
    1.4032213e-07,
    -1.2966535e-08,
    3.3549158e-10,
];

/// In powers of `sqrt(w) - 3`, `5 <= w <= 15.96`: relative error 2^-27.4.
const FAR_32: [f64; 10] = [
    2.8329768,
    1.0016751,
    0.009445697,
    -0.007639526,
    0.0056830314,
    -0.003586395,
    0.0014962886,
    -7.77631e-05,
    -0.0003191116,
    0.00012972175,
];

/// `erf_inv(x) / x` in powers of `w - 2.5791015625`, `w <= 5`: minimax, relative error 2^-58.2.
/// (The centres are where the value is all but exact in an f64.)
const NEAR_64: [f64; 23] = [
    1.5208922331701402,
    0.24595632827608574,
    -0.004466424259638354,
    -0.0011839979302136394,
    0.00021596193160635906,
    -6.554416644130513e-06,
    -3.1496375482773395e-06,
    4.848243750392904e-07,
    5.9492228777490425e-09,
    -1.0105674871909605e-08,
    9.986794274774224e-10,
    9.062129357234773e-11,
    -2.987716308103749e-11,
    1.4539738298727591e-12,
    4.43598771213958e-13,
    -7.819113744628195e-14,
    -4.4160673158924346e-16,
    1.6727707415907518e-15,
    -1.747342506322948e-16,
    -1.86321707934723e-17,
    5.340150236901119e-18,
    4.2092469878436534e-20,
    -7.603957445932362e-20,
];

/// In powers of `w - 10.40234375`, `5 <= w <= 16`: relative error 2^-56.1.
const MID_64: [f64; 25] = [
    3.0590253428267022,
    0.1557989483590164,
    -0.0036083283191386496,
    0.0001585042619505566,
    -7.779117578496233e-06,
    3.0892627084605417e-07,
    1.7268005512874765e-09,
    -2.372216340419596e-09,
    3.4633420733665665e-10,
    -3.465099771723154e-11,
    2.6297450470063467e-12,
    -1.389355813767412e-13,
    1.9240526034103815e-15,
    6.471435542915536e-16,
    -1.0188750633405521e-16,
    9.887662183183052e-18,
    -6.919347882091522e-19,
    2.7454444223633514e-20,
    3.105702405947234e-22,
    -9.424067914665774e-23,
    2.259026586053636e-23,
    -5.082883111956321e-24,
    3.21919456323885e-25,
    1.9248061394677388e-26,
    -2.0699668134336555e-27,
];

/// In powers of `w - 28.140625`, `16 <= w <= 36.1`: relative error 2^-56.4.
const FAR_64: [f64; 22] = [
    5.157801141339103,
    0.09521271314821056,
    -0.0008485127951048881,
    1.4960428214601338e-05,
    -3.276944108886183e-07,
    8.005660561138686e-09,
    -2.0890011193499266e-10,
    5.696599477826054e-12,
    -1.603042456534831e-13,
    4.617405014869431e-15,
    -1.352996802210881e-16,
    4.005905988105937e-18,
    -1.1970072256589535e-19,
    3.641269976326869e-21,
    -9.248287198892995e-23,
    1.4238114492543309e-24,
    -2.2123377642043505e-25,
    7.321468031141282e-27,
    1.4295360304383518e-27,
    1.1240659349887185e-29,
    -4.693038911117361e-30,
    -2.204499368066123e-31,
];

/// `erf(a) / a - 1` in powers of `a^2`; of `erf` relative error 2^-28.4 for `a <= 0.9`.
const ERF_32: [f64; 7] = [
    1.2837917e-01,
    -3.761263e-01,
    1.1283624e-01,
    -2.6855586e-02,
    5.1918323e-03,
    -8.0407434e-04,
    7.947553e-05,
];

/// The coefficients for f64, with relative error 2^-56.3.
const ERF_64: [f64; 12] = [
    0.1283791670955126,
    -0.3761263890318411,
    0.11283791670972038,
    -0.02686617064826014,
    0.005223977655072493,
    -0.0008548328651976508,
    0.00012055388213007814,
    -1.4926829702017334e-05,
    1.6477630837771963e-06,
    -1.6479660566431284e-07,
    1.5098087427730643e-08,
    -1.0824556910108013e-09,
];

/// `-log(erfc(a))` in powers of `a - 1.390625`; of `erf` relative error 2^-30.1 for
/// `0.9 <= a <= 4`.
const ERF_FAR_32: [f64; 8] = [
    3.011361e+00,
    3.3144948e+00,
    8.837191e-01,
    2.8609365e-02,
    -6.7360676e-03,
    1.399844e-03,
    -2.2697187e-04,
    2.1740057e-05,
];

/// The coefficients for f64, in powers of `a - 1.578125`, with relative error 2^-55.7 for `a <= 6`.
const ERF_FAR_64: [f64; 18] = [
    3.6640774901473647,
    3.6487374810559627,
    0.8984787655399333,
    0.024021736908141075,
    -0.00553503701074374,
    0.0011589245587981666,
    -0.00020330945467240838,
    2.365155919769591e-05,
    1.1899860526826828e-06,
    -1.7928430474179508e-06,
    6.647390176340362e-07,
    -1.6650609400121734e-07,
    2.7645946726587464e-08,
    -7.076197907854369e-10,
    -1.4554880055180965e-09,
    5.45021702167039e-10,
    -9.56722961749314e-11,
    6.973302769596149e-12,
];

/// `exp(x^2) erfc(x) / v` in powers of `v - 0.1708984375`, relative error 2^-30.5 for `x <= 10.1`.
const ERFC_32: [f64; 12] = [
    8.307929e-01,
    2.094407e+00,
    3.7504508e+00,
    3.5599914e+00,
    -2.0392194e+00,
    -9.8082285e+00,
    -8.7888026e-01,
    3.010008e+01,
    6.7375464e+00,
    -1.4432379e+02,
    2.2424182e+02,
    -1.1783971e+02,
];

/// In powers of `v - 0.1611328125`, relative error 2^-56.5 for `x <= 27.3`.
const ERFC_64: [f64; 26] = [
    0.8106940478702958,
    2.0221817612743163,
    3.645078443588243,
    3.6303284400308344,
    -1.5627050347879723,
    -9.698808835455393,
    -2.843411725821221,
    28.77455998524098,
    16.236155760503493,
    -111.13141308830558,
    -44.136079784673285,
    521.5324092216454,
    -98.67200139150228,
    -2599.5638775541343,
    2977.5090522461232,
    11479.902636508064,
    -32271.52827768074,
    -23782.15028302612,
    245127.73968294438,
    -327200.5931370268,
    -798674.4253273746,
    4051279.0801874488,
    -7950699.984403216,
    8765010.540013267,
    -5328860.918426499,
    1389840.2483895333,
];
