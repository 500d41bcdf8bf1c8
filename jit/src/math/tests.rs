//! Accuracy of every definition against the standard library in twice the width, and the values at the edges.

use super::eval::{COLUMN, Definition};
use crate::op::ScalarOp;
use crate::{DType, Scalar};

/// An op of one operand, what it should compute, and how many units in the last place of f32 and f64 it may be off.
type Row = (ScalarOp, fn(f64) -> f64, f64);

const ROWS: [Row; 12] = [
    (ScalarOp::RoundAway, f64::round, 0.0),
    (ScalarOp::Rsqrt, rsqrt, 1.5),
    (ScalarOp::Exp, f64::exp, 1.4),
    (ScalarOp::Exp2, f64::exp2, 1.2),
    (ScalarOp::Expm1, f64::exp_m1, 1.8),
    (ScalarOp::Log, f64::ln, 1.2),
    (ScalarOp::Log2, f64::log2, 1.2),
    (ScalarOp::Log1p, f64::ln_1p, 1.8),
    (ScalarOp::Sin, f64::sin, 1.7),
    (ScalarOp::Cos, f64::cos, 1.7),
    (ScalarOp::Tanh, f64::tanh, 1.9),
    (ScalarOp::Logistic, logistic, 2.0),
];

fn rsqrt(x: f64) -> f64 {
    1.0 / x.sqrt()
}

fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// The distance from `want` in units in the last place of an f32 there; a wrong class of result is infinitely far.
fn ulps(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    if got.to_bits() == rounded.to_bits() || got.is_nan() && want.is_nan() {
        return 0.0;
    }
    if got == 0.0 && rounded == 0.0 || got.is_nan() || rounded.is_nan() {
        return f64::INFINITY;
    }
    let exponent = (want.abs().to_bits() >> 52) as i32 - 1023;
    (got as f64 - want).abs() / 2f64.powi(exponent.clamp(-126, 127) - 23)
}

/// Calls `check` with every `stride`-th bit pattern of f32 and the result there.
fn sweep(op: ScalarOp, stride: usize, mut check: impl FnMut(f32, f32)) {
    let mut definition = Definition::new(op, DType::F32);
    let mut patterns = (0..1u64 << 32).step_by(stride);
    loop {
        let mut x = [0; COLUMN];
        let mut full = 0;
        for (slot, bits) in x.iter_mut().zip(&mut patterns) {
            *slot = bits;
            full += 1;
        }
        let y = definition.run(&[&x, &x]);
        for (x, y) in x.iter().zip(y).take(full) {
            check(f32::from_bits(*x as u32), f32::from_bits(*y as u32));
        }
        if full < COLUMN {
            return;
        }
    }
}

#[test]
fn narrow_results_are_within_their_bounds() {
    for (op, reference, bound) in ROWS {
        let mut worst = (0.0, 0.0);
        sweep(op, 20_011, |x, y| {
            let far = ulps(y, reference(x as f64));
            if far > worst.0 && !out_of_reach(op, x) {
                worst = (far, x);
            }
        });
        assert!(worst.0 <= bound, "{}: {} ulp at {:e}", op.name(), worst.0, worst.1);
    }
}

/// Where the reduction of sin, cos and tan has no digits left.
fn out_of_reach(op: ScalarOp, x: f32) -> bool {
    matches!(op, ScalarOp::Sin | ScalarOp::Cos | ScalarOp::Tan) && x.abs() > 1e6
}

#[test]
fn edges_are_those_of_c() {
    let inf = f64::INFINITY;
    for (op, reference, _) in ROWS {
        for d in [DType::F32, DType::F64] {
            let mut definition = Definition::new(op, d);
            for x in [0.0, -0.0, 1.0, -1.0, inf, -inf, f64::NAN] {
                let number = |x| Scalar::from_f64(d, x).expect("a float");
                let (got, want) = (definition.at(number(x)), number(reference(x)));
                let (g, w) = (got.to_f64().expect("a float"), want.to_f64().expect("a float"));
                let special = w == 0.0 || !w.is_finite();
                if special && !(g.is_nan() && w.is_nan()) {
                    assert_eq!(got, want, "{} of {x} in {d}", op.name());
                }
                assert!(special || (g - w).abs() < 1e-6, "{} of {x} in {d}: {g}", op.name());
            }
        }
    }
}

/// Every op costs compile time in every kernel that uses the function.
#[test]
fn the_common_definitions_are_short() {
    for (op, most) in [
        (ScalarOp::Exp, 22),
        (ScalarOp::Log, 31),
        (ScalarOp::Sin, 25),
        (ScalarOp::Cos, 24),
        (ScalarOp::Tanh, 36),
        (ScalarOp::Logistic, 35),
    ] {
        let ops = Definition::new(op, DType::F32).ops();
        assert!(ops <= most, "{}: {ops} ops", op.name());
    }
}

#[test]
fn signs_are_those_of_the_number() {
    let mut floats = Definition::new(ScalarOp::Sign, DType::F32);
    for (x, want) in [(0.0, 0f32), (-0.0, -0.0), (1e-45f32, 1.0), (f32::NEG_INFINITY, -1.0)] {
        assert_eq!(floats.at(Scalar::from(x)), Scalar::from(want));
    }
    let nan = Scalar::from(f32::NAN);
    assert_eq!(floats.at(nan), nan);
    let mut ints = Definition::new(ScalarOp::Sign, DType::I64);
    for (x, want) in [(i64::MIN, -1i64), (0, 0), (7, 1)] {
        assert_eq!(ints.at(Scalar::from(x)), Scalar::from(want));
    }
    let mut unsigned = Definition::new(ScalarOp::Sign, DType::U32);
    assert_eq!(unsigned.at(Scalar::from(u32::MAX)), Scalar::from(1u32));
    let mut finite = Definition::new(ScalarOp::IsFinite, DType::F64);
    assert_eq!(finite.at(Scalar::from(f64::NAN)), Scalar::from(false));
    assert_eq!(finite.at(Scalar::from(f64::MAX)), Scalar::from(true));
}
