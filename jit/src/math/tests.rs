//! Accuracy of every definition against the standard library in twice the width, and the values at
//! the edges.

use super::eval::{COLUMN, Definition};
use crate::op::ScalarOp;
use crate::{DType, Scalar};

/// An op of one operand, the function that it computes, and the largest error in units in the last
/// place of f32.
type Row = (ScalarOp, fn(f64) -> f64, f64);

const ROWS: [Row; 22] = [
    (ScalarOp::RoundAway, f64::round, 0.0),
    (ScalarOp::Rsqrt, rsqrt, 1.5),
    (ScalarOp::Cbrt, f64::cbrt, 0.8),
    (ScalarOp::Exp, f64::exp, 1.4),
    (ScalarOp::Exp2, f64::exp2, 1.2),
    (ScalarOp::Expm1, f64::exp_m1, 1.4),
    (ScalarOp::Log, f64::ln, 0.9),
    (ScalarOp::Log2, f64::log2, 0.9),
    (ScalarOp::Log1p, f64::ln_1p, 1.4),
    (ScalarOp::Sin, f64::sin, 1.7),
    (ScalarOp::Cos, f64::cos, 1.6),
    (ScalarOp::Tan, f64::tan, 2.0),
    (ScalarOp::Asin, f64::asin, 1.9),
    (ScalarOp::Acos, f64::acos, 1.2),
    (ScalarOp::Atan, f64::atan, 1.5),
    (ScalarOp::Sinh, f64::sinh, 1.5),
    (ScalarOp::Cosh, f64::cosh, 1.5),
    (ScalarOp::Tanh, f64::tanh, 1.6),
    (ScalarOp::Asinh, f64::asinh, 1.7),
    (ScalarOp::Acosh, f64::acosh, 1.8),
    (ScalarOp::Atanh, f64::atanh, 1.6),
    (ScalarOp::Logistic, logistic, 1.9),
];

fn rsqrt(x: f64) -> f64 {
    1.0 / x.sqrt()
}

fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// The distance from `want` in units in the last place of an f32 there; a wrong class of result is
/// infinitely far.
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

#[test]
fn shorter_ways_give_the_same_bits() {
    for op in [ScalarOp::Sin, ScalarOp::Cos] {
        let mut taken = 0;
        for dtype in [DType::F32, DType::F64] {
            let (mut near, mut far) = (Definition::near(op, dtype), Definition::new(op, dtype));
            // Patterns of f32, as they are and as the high halves of f64.
            let wide = dtype == DType::F64;
            let low =
                |n: u64| if wide { n << 32 | n.wrapping_mul(0x9e37_79b9) & 0xffff_ffff } else { n };
            for first in (0..1u64 << 32).step_by(COLUMN * 9973) {
                let x = std::array::from_fn(|n| low(first + 9973 * n as u64));
                let (a, b) = (*near.run(&[&x]), *far.run(&[&x]));
                assert_eq!(a, b, "{op:?} of {dtype} near {:x}", x[0]);
                taken += 1;
            }
        }
        assert!(taken > 3_000);
    }
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
            if far > worst.0 {
                worst = (far, x);
            }
        });
        assert!(worst.0 <= bound, "{}: {} ulp at {:e}", op.name(), worst.0, worst.1);
    }
}

/// The standard library has no error functions, so the narrow definitions are compared with the
/// wide ones.
#[test]
fn narrow_error_functions_agree_with_the_wide_ones() {
    for (op, bound) in [(ScalarOp::Erf, 1.0), (ScalarOp::Erfc, 1.8), (ScalarOp::ErfInv, 2.0)] {
        let mut wide = Definition::new(op, DType::F64);
        let mut worst = (0.0, 0.0);
        sweep(op, 900_001, |x, y| {
            let want = wide.at(&[Scalar::from(x as f64)]).to_f64().expect("a float");
            let far = ulps(y, want);
            if far > worst.0 {
                worst = (far, x);
            }
        });
        assert!(worst.0 <= bound, "{}: {} ulp at {:e}", op.name(), worst.0, worst.1);
    }
}

#[test]
fn edges_are_those_of_c() {
    let inf = f64::INFINITY;
    for (op, reference, _) in ROWS {
        for d in [DType::F32, DType::F64] {
            let mut definition = Definition::new(op, d);
            for x in [0.0, -0.0, 1.0, -1.0, inf, -inf, f64::NAN] {
                let number = |x| Scalar::from_f64(d, x).expect("a float");
                let (got, want) = (definition.at(&[number(x)]), number(reference(x)));
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

#[test]
fn functions_of_two_operands_agree_with_the_library() {
    let edge = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 1e-45, 1e-20, 7e4, 1e30, 8_388_607.0, f32::MAX];
    let mut values: Vec<f32> = edge.iter().flat_map(|x| [*x, -x]).collect();
    values.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.999_999_94, 1.000_000_1]);
    for op in [ScalarOp::Pow, ScalarOp::Atan2] {
        let reference = if op == ScalarOp::Pow { f64::powf } else { f64::atan2 };
        let mut definition = Definition::new(op, DType::F32);
        for (x, y) in values.iter().flat_map(|x| values.iter().map(move |y| (*x, *y))) {
            let got = definition.at(&[Scalar::from(x), Scalar::from(y)]);
            let got = f32::from_bits(got.bits() as u32);
            let far = ulps(got, reference(x as f64, y as f64));
            assert!(far <= 1.6, "{} of {x:e} and {y:e}: {got:e}, {far} ulp off", op.name());
        }
    }
}

/// Every op costs compile time in every kernel that uses the function.
#[test]
fn the_common_definitions_are_short() {
    for (op, most) in [
        (ScalarOp::Exp, 22),
        (ScalarOp::Log, 31),
        (ScalarOp::Sin, 29),
        (ScalarOp::Cos, 28),
        (ScalarOp::Erf, 45),
        (ScalarOp::Tanh, 36),
        (ScalarOp::Logistic, 36),
    ] {
        let ops = Definition::new(op, DType::F32).ops();
        assert!(ops <= most, "{}: {ops} ops", op.name());
    }
}

#[test]
fn signs_are_those_of_the_number() {
    let mut floats = Definition::new(ScalarOp::Sign, DType::F32);
    for (x, want) in [(0.0, 0f32), (-0.0, -0.0), (1e-45f32, 1.0), (f32::NEG_INFINITY, -1.0)] {
        assert_eq!(floats.at(&[Scalar::from(x)]), Scalar::from(want));
    }
    let nan = Scalar::from(f32::NAN);
    assert_eq!(floats.at(&[nan]), nan);
    let mut ints = Definition::new(ScalarOp::Sign, DType::I64);
    for (x, want) in [(i64::MIN, -1i64), (0, 0), (7, 1)] {
        assert_eq!(ints.at(&[Scalar::from(x)]), Scalar::from(want));
    }
    let mut unsigned = Definition::new(ScalarOp::Sign, DType::U32);
    assert_eq!(unsigned.at(&[Scalar::from(u32::MAX)]), Scalar::from(1u32));
    let mut finite = Definition::new(ScalarOp::IsFinite, DType::F64);
    assert_eq!(finite.at(&[Scalar::from(f64::NAN)]), Scalar::from(false));
    assert_eq!(finite.at(&[Scalar::from(f64::MAX)]), Scalar::from(true));
}
