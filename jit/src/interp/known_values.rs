//! One table of known values, with a row for every op: the interpreter, and through it the
//! definitions, must agree.
//!
//! Values of elementary ops are correctly rounded ones of mpmath at 400 bits. The edges of machine
//! ops are tested beside `scalar.rs`; the accuracy of definitions is measured in `math/tests.rs`
//! and `math/points.rs`.

use super::op_value;
use crate::op::{Level, Narrowing, ScalarOp};
use crate::{Complex, DType, Scalar};

/// An op, its operands and its value.
type Row = (ScalarOp, Vec<Scalar>, Scalar);

const Z: Complex<f64> = Complex::new(0.75, -1.25);
const W: Complex<f64> = Complex::new(-0.5, 2.0);

fn c(re: f64, im: f64) -> Complex<f64> {
    Complex::new(re, im)
}

macro_rules! rows {
    ($($op:expr, ($($operand:expr),+) => $value:expr;)*) => {
        vec![$(($op, vec![$(Scalar::from($operand)),+], Scalar::from($value))),*]
    };
}

fn machine() -> Vec<Row> {
    use ScalarOp::*;
    rows! {
        Neg, (2.5f64) => -2.5f64;
        Abs, (-7i32) => 7i32;
        Not, (0xf0u8) => 0x0fu8;
        Floor, (-1.5f64) => -2.0f64;
        Ceil, (-1.5f64) => -1.0f64;
        Trunc, (-1.75f32) => -1.0f32;
        RoundEven, (2.5f64) => 2.0f64;
        RoundEven, (3.5f64) => 4.0f64;
        Sqrt, (2.25f64) => 1.5f64;
        PopCount, (0b1011u32) => 3u32;
        Clz, (1u16) => 15u16;
        Add, (1.5f64, 2.25f64) => 3.75f64;
        Sub, (3i64, 5i64) => -2i64;
        Mul, (-1.5f32, 2.5f32) => -3.75f32;
        Div, (-7i32, 2i32) => -3i32;
        Div, (1.0f64, 3.0f64) => 0.3333333333333333f64;
        Rem, (-7i32, 4i32) => -3i32;
        Rem, (7.5f64, 2.0f64) => 1.5f64;
        Max, (3u8, 200u8) => 200u8;
        Min, (-1.0f64, 2.0f64) => -1.0f64;
        And, (0b1100u8, 0b1010u8) => 0b1000u8;
        Or, (0b1100u8, 0b1010u8) => 0b1110u8;
        Xor, (0b1100u8, 0b1010u8) => 0b0110u8;
        Shl, (3i32, 4i32) => 48i32;
        ShrLogical, (-1i32, 28i32) => 15i32;
        ShrArithmetic, (-48i32, 4i32) => -3i32;
        MulHi, (1u32 << 31, 6u32) => 3u32;
        FarSin, (1e22f64, 0.0f64) => -0.8522008497671888f64;
        FarSin, (1.0f64, 0.25f64) => 0.25f64;
        FarCos, (1e22f64, 0.0f64) => 0.523214785395139f64;
        FarCos, (1.0f64, 0.25f64) => 0.25f64;
        FarTan, (1e22f64, 0.0f64) => -1.6287782256068988f64;
        FarTan, (1.0f64, 0.25f64) => 0.25f64;
        Eq, (2i32, 2i32) => true;
        Ne, (2i32, 2i32) => false;
        Lt, (2u64, 3u64) => true;
        Le, (3.0f64, 3.0f64) => true;
        Gt, (2i8, 3i8) => false;
        Ge, (false, true) => false;
        Select, (true, 1i32, 2i32) => 1i32;
        Select, (false, 1i32, 2i32) => 2i32;
        Fma, (2.0f64, 3.0f64, 0.5f64) => 6.5f64;
        Convert(DType::I32), (-2.75f64) => -2i32;
        Bitcast(DType::U32), (1.0f32) => 0x3f80_0000u32;
        Complex, (0.75f64, -1.25f64) => Z;
    }
}

fn elementary() -> Vec<Row> {
    use ScalarOp::*;
    rows! {
        Sign, (-2.5f64) => -1.0f64;
        Sign, (7i32) => 1i32;
        IsFinite, (1.0f64) => true;
        IsFinite, (f64::INFINITY) => false;
        RoundAway, (2.5f64) => 3.0f64;
        RoundAway, (-0.5f64) => -1.0f64;
        Rsqrt, (0.3f64) => 1.8257418583505538f64;
        Rsqrt, (20000000000.0f64) => 7.0710678118654756e-06f64;
        Cbrt, (2.5f64) => 1.3572088082974534f64;
        Cbrt, (-1e-05f64) => -0.02154434690031884f64;
        Exp, (0.7f64) => 2.0137527074704766f64;
        Exp, (-30.25f64) => 7.287724095819692e-14f64;
        Exp2, (0.3f64) => 1.2311444133449163f64;
        Exp2, (-9.75f64) => 0.0011613350732448448f64;
        Expm1, (1e-05f64) => 1.0000050000166668e-05f64;
        Expm1, (2.5f64) => 11.182493960703473f64;
        Log, (0.37f64) => -0.9942522733438669f64;
        Log, (1e+20f64) => 46.051701859880914f64;
        Log2, (0.37f64) => -1.434402824145775f64;
        Log2, (1e+20f64) => 66.43856189774725f64;
        Log1p, (1e-07f64) => 9.999999500000033e-08f64;
        Log1p, (-0.6f64) => -0.916290731874155f64;
        Sin, (0.5f64) => 0.479425538604203f64;
        Sin, (100.0f64) => -0.5063656411097588f64;
        Sin, (1e+22f64) => -0.8522008497671888f64;
        Cos, (0.5f64) => 0.8775825618903728f64;
        Cos, (100.0f64) => 0.8623188722876839f64;
        Cos, (1e+22f64) => 0.523214785395139f64;
        Tan, (0.5f64) => 0.5463024898437905f64;
        Tan, (100.0f64) => -0.5872139151569291f64;
        Tan, (1e+22f64) => -1.6287782256068988f64;
        Asin, (0.3f64) => 0.3046926540153975f64;
        Asin, (-0.9f64) => -1.1197695149986342f64;
        Acos, (0.3f64) => 1.2661036727794992f64;
        Acos, (-0.9f64) => 2.6905658417935308f64;
        Atan, (0.3f64) => 0.2914567944778671f64;
        Atan, (-9.0f64) => -1.460139105621001f64;
        Sinh, (0.3f64) => 0.3045202934471426f64;
        Sinh, (-9.0f64) => -4051.54190208279f64;
        Cosh, (0.3f64) => 1.0453385141288605f64;
        Cosh, (-9.0f64) => 4051.542025492594f64;
        Tanh, (0.3f64) => 0.2913126124515909f64;
        Tanh, (-2.0f64) => -0.9640275800758169f64;
        Asinh, (0.3f64) => 0.29567304756342244f64;
        Asinh, (-9.0f64) => -2.8934439858858716f64;
        Acosh, (1.5f64) => 0.9624236501192069f64;
        Acosh, (9000000000.0f64) => 23.613637594842576f64;
        Atanh, (0.3f64) => 0.3095196042031117f64;
        Atanh, (-0.99f64) => -2.6466524123622457f64;
        Logistic, (0.3f64) => 0.574442516811659f64;
        Logistic, (-9.0f64) => 0.00012339457598623172f64;
        Erf, (0.3f64) => 0.3286267594591274f64;
        Erf, (-1.5f64) => -0.9661051464753108f64;
        Erfc, (0.3f64) => 0.6713732405408726f64;
        Erfc, (5.0f64) => 1.537459794428035e-12f64;
        ErfInv, (0.3f64) => 0.2724627147267543f64;
        ErfInv, (-0.99f64) => -1.8213863677184494f64;
        Lgamma, (0.3f64) => 1.0957979948180756f64;
        Lgamma, (12.5f64) => 18.734347511936445f64;
        Digamma, (0.3f64) => -3.502524222200133f64;
        Digamma, (12.5f64) => 2.4851956512749123f64;
        Digamma, (-2.5f64) => 1.103156640645243f64;
        Pow, (2.5f64, -3.25f64) => 0.05089732664109124f64;
        Pow, (0.3f64, 40.0f64) => 1.2157665459056911e-21f64;
        Atan2, (1.5f64, -2.5f64) => 2.601173153319209f64;
        Atan2, (-0.1f64, 3.0f64) => -0.033320995878247196f64;
    }
}

fn complex() -> Vec<Row> {
    use ScalarOp::*;
    rows! {
        Neg, (Z) => c(-0.75, 1.25);
        Abs, (Z) => 1.4577379737113252f64;
        Add, (Z, W) => c(0.25, 0.75);
        Sub, (Z, W) => c(1.25, -3.25);
        Mul, (Z, W) => c(2.125, 2.125);
        Max, (Z, W) => Z;
        Min, (Z, W) => W;
        Eq, (Z, W) => false;
        Ne, (Z, W) => true;
        Select, (false, Z, W) => W;
        Convert(DType::F64), (Z) => 0.75f64;
        Real, (Z) => 0.75f64;
        Imag, (Z) => -1.25f64;
        Div, (Z, W) => c(-0.6764705882352942, -0.20588235294117646);
        Sqrt, (Z) => c(1.050651696260784, -0.594868882070379);
        Sign, (Z) => c(0.5144957554275265, -0.8574929257125442);
        Rsqrt, (Z) => c(0.7207411175452055, 0.4080766864815038);
        Exp, (Z) => c(0.6675374464291316, -2.009000454940949);
        Exp2, (Z) => c(1.0890416797598363, -1.2815675341128394);
        Expm1, (Z) => c(-0.3324625535708684, -2.009000454940949);
        Log, (Z) => c(0.3768859011881901, -1.0303768265243125);
        Log2, (Z) => c(0.5437314206251697, -1.4865195378735334);
        Log1p, (Z) => c(0.7657381854821943, -0.6202494859828215);
        Sin, (Z) => c(1.2872229100264918, -1.1721063598927026);
        Cos, (Z) => c(1.3817387306342588, 1.0919301355539746);
        Tan, (Z) => c(0.16080778591620642, -0.9753632850312356);
        Asin, (Z) => c(0.4532761776387939, -1.1323936316053083);
        Acos, (Z) => c(1.1175201491561026, 1.1323936316053083);
        Atan, (Z) => c(1.1071487177940904, -0.5493061443340549);
        Sinh, (Z) => c(0.2592948545511628, -1.2286345240950955);
        Cosh, (Z) => c(0.4082425918779688, -0.7803659308458533);
        Tanh, (Z) => c(1.3726075705337832, -0.3857959526097507);
        Asinh, (Z) => c(1.0317185344477802, -0.9117382909684877);
        Acosh, (Z) => c(1.1323936316053083, -1.1175201491561026);
        Atanh, (Z) => c(0.2614921387956719, -0.9968251264639186);
        Logistic, (Z) => c(0.7553769713265477, -0.2947146865855311);
        Pow, (Z, W) => c(1.933262638388371, 6.209306550589686);
    }
}

/// The distance of a value from the known one: for real numbers in units in the last place, for
/// complex numbers in units of the magnitude's.
fn distance(got: Scalar, known: Scalar) -> f64 {
    let number = |x: Scalar| match x.parts() {
        Some((re, im)) => c(re.to_f64().unwrap(), im.to_f64().unwrap()),
        None => c(x.to_f64().unwrap(), 0.0),
    };
    let (got, known) = (number(got), number(known));
    let size = known.norm();
    (got - known).norm() / (size.next_up() - size)
}

fn agrees(rows: Vec<Row>, units: f64) {
    for (op, operands, known) in rows {
        let got = op_value(op, &operands).unwrap();
        assert_eq!(got.dtype(), known.dtype(), "{} of {operands:?}", op.name());
        let far = if got == known { 0.0 } else { distance(got, known) };
        assert!(far <= units, "{} of {operands:?}: {got:?}, known {known:?}", op.name());
    }
}

#[test]
fn machine_ops_have_the_known_values() {
    // The reduction of huge arguments is the one machine op that is not correctly rounded.
    let far = |op| matches!(op, ScalarOp::FarSin | ScalarOp::FarCos | ScalarOp::FarTan);
    let (rounded, exact) = machine().into_iter().partition(|(op, ..)| far(*op));
    agrees(exact, 0.0);
    agrees(rounded, 1.0);
}

#[test]
fn elementary_ops_have_the_known_values() {
    let exact = |op: ScalarOp| op.narrowing() == Narrowing::Exact;
    let (exact, rounded) = elementary().into_iter().partition(|(op, ..)| exact(*op));
    agrees(exact, 0.0);
    agrees(rounded, 3.0);
}

#[test]
fn complex_ops_have_the_known_values() {
    agrees(complex(), 4.0);
}

/// Other tests compare a backend with the definition of an op. The rows here check the definition
/// itself.
#[test]
fn every_op_has_a_known_value() {
    let names = |rows: Vec<Row>| rows.into_iter().map(|(op, ..)| op.name()).collect::<Vec<_>>();
    let (machine, elementary, complex) = (names(machine()), names(elementary()), names(complex()));
    for op in ScalarOp::ALL {
        let rows = if op.level() == Level::Machine { &machine } else { &elementary };
        let real = DType::ALL.into_iter().any(|d| !d.is_complex() && op.takes(d));
        assert!(!real || rows.contains(&op.name()), "{}: no known value", op.name());
        let on_complex = op.takes(DType::C128);
        assert!(!on_complex || complex.contains(&op.name()), "{}: no complex value", op.name());
    }
}
