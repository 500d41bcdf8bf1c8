//! One step of the method of Dormand and Prince, 5(4), with its error and its interpolant of fourth
//! order.
//!
//! J. R. Dormand, P. J. Prince, "A family of embedded Runge-Kutta formulae", J. Comp. Appl. Math. 6
//! (1980). The interpolant is that of E. Hairer, S. P. Nørsett, G. Wanner, "Solving Ordinary
//! Differential Equations I", second edition, section II.6 and the code DOPRI5.

use super::field::Field;
use crate::core::array::Array;
use cotangent_derive::Pytree;

/// Rows of the tableau: what `k_2 .. k_7` are evaluated from. The last row is the solution of order
/// 5.
const A: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
const C: [f64; 6] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];

/// The solution of order 5 less that of order 4.
const E: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// What the interpolant takes beyond the values and velocities at both ends.
const D: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

/// A step that was tried.
pub(super) struct Step {
    pub y: Array,
    /// The velocity at the end, the first of the next step.
    pub k: Array,
    pub error: Array,
    pub segment: Segment,
}

/// A step's solution in between: `y(t + θ h) = y + θ (r₁ + (1-θ) (r₂ + θ (r₃ + (1-θ) r₄)))`, 0 ≤ θ
/// ≤ 1.
#[derive(Pytree, Clone)]
pub(super) struct Segment {
    t: Array,
    h: Array,
    y: Array,
    r: [Array; 4],
}

/// A step of length `h` from `y`, whose velocity is `k`.
pub(super) fn step(field: &Field, y: &Array, k: &Array, t: &Array, h: &Array, p: &Array) -> Step {
    let mut ks = vec![k.clone()];
    let mut end = y.clone();
    for (row, c) in A.iter().zip(C) {
        end = y + h * combined(row, &ks);
        ks.push(field(&end, &(t + c * h), p));
    }
    let change = &end - y;
    let bend = h * k - &change;
    let last = &change - h * &ks[6] - &bend;
    let r = [change, bend, last, h * combined(&D, &ks)];
    Step {
        error: h * combined(&E, &ks),
        k: ks.pop().expect("seven velocities"),
        segment: Segment { t: t.clone(), h: h.clone(), y: y.clone(), r },
        y: end,
    }
}

/// `∑ a_i k_i`
fn combined(a: &[f64], ks: &[Array]) -> Array {
    let terms = a.iter().zip(ks).filter(|(a, _)| **a != 0.0).map(|(a, k)| *a * k);
    terms.reduce(|sum, term| sum + term).expect("a row of the tableau")
}

impl Segment {
    /// Before the first step: the state at its time.
    pub fn start(t: &Array, y: &Array) -> Segment {
        let zero = 0.0 * y;
        Segment { t: t.clone(), h: 0.0 * t + 1.0, y: y.clone(), r: [(); 4].map(|()| zero.clone()) }
    }

    pub fn at(&self, t: &Array) -> Array {
        let [r1, r2, r3, r4] = &self.r;
        let theta = (t - &self.t) / &self.h;
        let rest = 1.0 - &theta;
        let inner = r2 + &theta * &(r3 + &rest * r4);
        &self.y + &theta * &(r1 + &rest * &inner)
    }
}
