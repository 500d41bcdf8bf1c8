//! sinh, cosh, tanh and their inverses, on the parts of exp and log.

use super::exp::{expm1_reduced, power_of_two};
use super::term::Term;

/// A polynomial near 0; elsewhere `e / (e + 2)` with `e = exp(2a) - 1` and `a = |x|`; then the sign of `x`.
pub(super) fn tanh(x: Term) -> Term {
    let a = x.abs();
    let z = a * a;
    let near = (z * a).fma(z.poly(x.by_width(&TANH_32, &TANH_64)), a);
    let (p, t) = expm1_reduced((a + a).at_most(x.by_width(20.0, 40.0)));
    let s = power_of_two(t.bits(), 0);
    let e = s.fma(p, s - 1.0);
    a.lt(0.36).select(near, e / (e + 2.0)).signed_like(x)
}

/// `(tanh(x) - x) / x^3` in powers of `x^2`; of `tanh` relative error 2^-30.4 for `|x| < 0.36`.
const TANH_32: [f64; 4] = [-3.3333316e-01, 1.333209e-01, -5.3681813e-02, 1.9230712e-02];

/// The same with relative error 2^-62.0.
const TANH_64: [f64; 9] = [
    -0.33333333333333315,
    0.1333333333332738,
    -0.053968253961779906,
    0.02186948819331473,
    -0.008863225281340183,
    0.0035919428895238564,
    -0.0014537663132885789,
    0.0005759802197673222,
    -0.00018510176015751914,
];
