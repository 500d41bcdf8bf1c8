//! One machine op on scalars, exactly as its row in [`op`](crate::op) says. Ints are computed in
//! 128 bits and wrapped.
//!
//! Elementary ops do not live here: they are evaluated by their definitions (see
//! [`elementary`](super::elementary)).

use crate::math::far;
use crate::op::{MachineOp, ScalarOp};
use crate::scalar::with_sticky_bit;
use crate::{DType, Error, Scalar, err};
use smallvec::SmallVec;

/// The result of a machine op; an error if the op is elementary, does not take the operands' types,
/// or they do not run.
pub fn apply(op: ScalarOp, args: &[Scalar]) -> Result<Scalar, Error> {
    let unsupported = || err!(Unsupported, "{}: the interpreter does not run {args:?}", op.name());
    let machine = op.machine().filter(|_| args.len() == op.signature().0);
    let machine = machine.ok_or_else(unsupported)?;
    match machine {
        MachineOp::Select => return Ok(args[if args[0].bits() != 0 { 1 } else { 2 }]),
        MachineOp::Convert(to) => return convert(args[0], to),
        MachineOp::Bitcast(to) => return Ok(Scalar::from_bits(to, args[0].bits())),
        MachineOp::Complex => {
            return Scalar::complex(args[0], args[1]).ok_or_else(unsupported);
        }
        _ => {}
    }
    if args.iter().any(|a| a.dtype().is_complex()) {
        return complex_op(machine, args)?.ok_or_else(unsupported);
    }
    let result = match args[0].dtype() {
        d @ (DType::F16 | DType::BF16) => narrow_op(machine, d, args)?,
        DType::F32 => f32_op(machine, args),
        DType::F64 => f64_op(machine, args),
        _ => int_op(machine, args),
    };
    result.ok_or_else(unsupported)
}

/// An op on complex numbers, by the textbook formula on their parts; `None` if the op does not take
/// them, or has a definition for them.
fn complex_op(op: MachineOp, args: &[Scalar]) -> Result<Option<Scalar>, Error> {
    use MachineOp::*;
    let parts: Option<SmallVec<[(Scalar, Scalar); 2]>> = args.iter().map(|a| a.parts()).collect();
    let Some(parts) = parts else { return Ok(None) };
    let (x, y) = (parts[0], parts[parts.len() - 1]);
    let on = |op: MachineOp, args: &[Scalar]| apply(op.into(), args);
    Ok(match op {
        Real => Some(x.0),
        Imag => Some(x.1),
        Neg => Scalar::complex(on(Neg, &[x.0])?, on(Neg, &[x.1])?),
        Add | Sub => Scalar::complex(on(op, &[x.0, y.0])?, on(op, &[x.1, y.1])?),
        Mul => {
            let times = |a, b| on(Mul, &[a, b]);
            let re = on(Sub, &[times(x.0, y.0)?, times(x.1, y.1)?])?;
            Scalar::complex(re, on(Add, &[times(x.0, y.1)?, times(x.1, y.0)?])?)
        }
        Max | Min => {
            let beats = if op == Max { Gt } else { Lt };
            let same = on(Eq, &[x.0, y.0])?;
            let by_im = on(And, &[same, on(beats, &[x.1, y.1])?])?;
            let first = on(Or, &[on(beats, &[x.0, y.0])?, by_im])?;
            Some(args[if first.bits() != 0 { 0 } else { 1 }])
        }
        Eq => Some(on(And, &[on(Eq, &[x.0, y.0])?, on(Eq, &[x.1, y.1])?])?),
        Ne => Some(on(Or, &[on(Ne, &[x.0, y.0])?, on(Ne, &[x.1, y.1])?])?),
        Abs | Sqrt | Div => None,
        Not | Floor | Ceil | Trunc | RoundEven | PopCount | Clz | Rem | And | Or | Xor | Shl
        | ShrLogical | ShrArithmetic | MulHi | FarSin | FarCos | FarTan | Lt | Le | Gt | Ge
        | Select | Fma | Convert(_) | Bitcast(_) | Complex => None,
    })
}

/// A `Scalar` as a number wide enough for any int or bool.
fn wide(x: Scalar) -> i128 {
    if x.dtype().is_signed() { i128::from(signed(x)) } else { x.bits() as i128 }
}

/// The bits read as a two's complement number, whatever the type.
fn signed(x: Scalar) -> i64 {
    let unused = 64 - x.dtype().bits();
    ((x.bits() as i64) << unused) >> unused
}

/// An op on ints or bools; `None` if the op does not take them.
fn int_op(op: MachineOp, args: &[Scalar]) -> Option<Scalar> {
    use MachineOp::*;
    let (a, b) = (args[0], args[args.len() - 1]);
    let (d, x, y) = (a.dtype(), wide(a), wide(b));
    let width = d.bits();
    // An amount of the width or more, read as unsigned, shifts everything out.
    let amount = b.bits().min(width.into()) as u32;
    let result = match op {
        Neg => -x,
        Abs => x.abs(),
        Not => !x,
        PopCount => a.bits().count_ones().into(),
        Clz => (a.bits().leading_zeros() + width).wrapping_sub(128).into(),
        Add => x + y,
        Sub => x - y,
        Mul => x.wrapping_mul(y),
        Div if y == 0 => -1,
        Div => x / y,
        Rem if y == 0 => x,
        Rem => x % y,
        Max => x.max(y),
        Min => x.min(y),
        And => x & y,
        Or => x | y,
        Xor => x ^ y,
        Shl => (a.bits() << amount) as i128,
        ShrLogical => (a.bits() >> amount) as i128,
        ShrArithmetic => i128::from(signed(a)) >> amount,
        MulHi if d.is_signed() => (x * y) >> width,
        MulHi => ((x as u128).wrapping_mul(y as u128) >> width) as i128,
        Eq => return Some((x == y).into()),
        Ne => return Some((x != y).into()),
        Lt => return Some((x < y).into()),
        Le => return Some((x <= y).into()),
        Gt => return Some((x > y).into()),
        Ge => return Some((x >= y).into()),
        Floor | Ceil | Trunc | RoundEven | Sqrt | FarSin | FarCos | FarTan | Select | Fma
        | Convert(_) | Bitcast(_) | Complex | Real | Imag => return None,
    };
    Some(Scalar::from_bits(d, result as u128))
}

macro_rules! float_op {
    ($name:ident, $float:ident, $bits:ident) => {
        /// An op on floats of one type; `None` if the op does not take them.
        fn $name(op: MachineOp, args: &[Scalar]) -> Option<Scalar> {
            use MachineOp::*;
            let x = |n: usize| $float::from_bits(args[n].bits() as $bits);
            // The sign decides between two zeros: the bits are or-ed for the least, and and-ed for
            // the greatest.
            let zeros =
                |f: fn($bits, $bits) -> $bits| $float::from_bits(f(x(0).to_bits(), x(1).to_bits()));
            let far = |function: far::Function| {
                let (wide, reach) = (f64::from(x(0)), far::reach(args[0].dtype()));
                if wide.abs() > reach { far::value(function, wide) as $float } else { x(1) }
            };
            let result = match op {
                Neg => -x(0),
                Abs => x(0).abs(),
                Floor => x(0).floor(),
                Ceil => x(0).ceil(),
                Trunc => x(0).trunc(),
                RoundEven => x(0).round_ties_even(),
                Sqrt => x(0).sqrt(),
                Add => x(0) + x(1),
                Sub => x(0) - x(1),
                Mul => x(0) * x(1),
                Div => x(0) / x(1),
                Rem => x(0) % x(1),
                Max | Min if x(0).is_nan() => x(0),
                Max | Min if x(1).is_nan() => x(1),
                Max if x(0) == x(1) => zeros(|a, b| a & b),
                Min if x(0) == x(1) => zeros(|a, b| a | b),
                Max => x(if x(0) > x(1) { 0 } else { 1 }),
                Min => x(if x(0) < x(1) { 0 } else { 1 }),
                FarSin => far(far::Function::Sin),
                FarCos => far(far::Function::Cos),
                FarTan => far(far::Function::Tan),
                Fma => x(0).mul_add(x(1), x(2)),
                Eq => return Some((x(0) == x(1)).into()),
                Ne => return Some((x(0) != x(1)).into()),
                Lt => return Some((x(0) < x(1)).into()),
                Le => return Some((x(0) <= x(1)).into()),
                Gt => return Some((x(0) > x(1)).into()),
                Ge => return Some((x(0) >= x(1)).into()),
                Not | PopCount | Clz | And | Or | Xor | Shl | ShrLogical | ShrArithmetic
                | MulHi | Select | Convert(_) | Bitcast(_) | Complex | Real | Imag => return None,
            };
            Some(result.into())
        }
    };
}

float_op!(f32_op, f32, u32);
float_op!(f64_op, f64, u64);

/// An op on narrow floats: computed in f32 and then rounded. For one op of `+ - * /` and square
/// roots that is the same as rounding once. A NaN becomes quiet.
fn narrow_op(op: MachineOp, d: DType, args: &[Scalar]) -> Result<Option<Scalar>, Error> {
    if op == MachineOp::Fma {
        let [x, y, z] = [0, 1, 2].map(|n| args[n].to_f64().unwrap_or(f64::NAN));
        return Ok(Scalar::from_f64(d, sum_to_odd(x * y, z)));
    }
    let wide: Result<Vec<Scalar>, Error> = args.iter().map(|a| convert(*a, DType::F32)).collect();
    let result = f32_op(op, &wide?);
    let narrowed = result.map(|r| if r.dtype().is_bool() { Ok(r) } else { convert(r, d) });
    narrowed.transpose()
}

/// `x + y`, truncated with an odd last bit if f64 does not hold the sum. Rounding it to fewer
/// digits is rounding once.
fn sum_to_odd(x: f64, y: f64) -> f64 {
    let sum = x + y;
    let part = sum - x;
    // The rounding error of the sum, which is exact.
    let rest = (x - (sum - part)) + (y - part);
    let bits = sum.to_bits();
    if bits & 1 == 1 || rest == 0.0 || rest.is_nan() {
        return sum;
    }
    f64::from_bits(if (rest > 0.0) == (sum > 0.0) { bits + 1 } else { bits - 1 })
}

/// The value in another type. Float to int truncates, saturates and takes NaN to 0; int to float
/// rounds to nearest even; int to int wraps.
pub fn convert(x: Scalar, to: DType) -> Result<Scalar, Error> {
    let from = x.dtype();
    let unsupported = || err!(Unsupported, "convert: the interpreter does not run {from} to {to}");
    if from == to {
        return Ok(x);
    }
    if let Some((re, im)) = x.parts() {
        return match to {
            DType::Bool => apply(ScalarOp::Or, &[convert(re, to)?, convert(im, to)?]),
            _ if to.is_complex() => {
                let (re, im) = (convert(re, to.part())?, convert(im, to.part())?);
                Scalar::complex(re, im).ok_or_else(unsupported)
            }
            _ => convert(re, to),
        };
    }
    if to.is_complex() {
        let re = convert(x, to.part())?;
        return Scalar::complex(re, Scalar::zero(to.part())).ok_or_else(unsupported);
    }
    if from.is_float() {
        // Exact: f64 holds every float.
        let v = x.to_f64().ok_or_else(unsupported)?;
        return Ok(match to {
            DType::Bool => (v != 0.0).into(),
            DType::F16 | DType::BF16 => Scalar::from_f64(to, v).ok_or_else(unsupported)?,
            DType::F32 => (v as f32).into(),
            DType::F64 => v.into(),
            d if d.is_int() => {
                let (low, high) = int_range(d);
                Scalar::from_bits(d, (v as i128).clamp(low, high) as u128)
            }
            _ => return Err(unsupported()),
        });
    }
    if !from.is_int() && !from.is_bool() {
        return Err(unsupported());
    }
    let v = wide(x);
    Ok(match to {
        DType::Bool => (v != 0).into(),
        DType::F16 | DType::BF16 => {
            Scalar::from_f64(to, with_sticky_bit(v)).ok_or_else(unsupported)?
        }
        DType::F32 => (v as f32).into(),
        DType::F64 => (v as f64).into(),
        d if d.is_int() => Scalar::from_bits(d, v as u128),
        _ => return Err(unsupported()),
    })
}

fn int_range(d: DType) -> (i128, i128) {
    if d.is_signed() {
        (-(1 << (d.bits() - 1)), (1 << (d.bits() - 1)) - 1)
    } else {
        (0, (1 << d.bits()) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ScalarOp::*;

    /// `op(args)` in the type of `expected`'s Rust type.
    fn check(op: ScalarOp, args: &[Scalar], expected: impl Into<Scalar>) {
        assert_eq!(apply(op, args).unwrap(), expected.into(), "{}{args:?}", op.name());
    }

    macro_rules! checks {
        ($($op:expr, ($($arg:expr),+) => $expected:expr;)*) => {
            $(check($op, &[$(Scalar::from($arg)),+], $expected);)*
        };
    }

    #[test]
    fn division_is_total() {
        checks! {
            Div, (7i32, 0i32) => -1i32;
            Div, (-7i64, 0i64) => -1i64;
            Div, (7u32, 0u32) => u32::MAX;
            Div, (7u64, 0u64) => u64::MAX;
            Div, (i32::MIN, -1i32) => i32::MIN;
            Div, (i64::MIN, -1i64) => i64::MIN;
            Div, (-7i32, 2i32) => -3i32;
            Div, (u64::MAX, 2u64) => u64::MAX / 2;
            Rem, (7i32, 0i32) => 7i32;
            Rem, (7u64, 0u64) => 7u64;
            Rem, (i32::MIN, -1i32) => 0i32;
            Rem, (i64::MIN, -1i64) => 0i64;
            Rem, (-7i32, 2i32) => -1i32;
            Rem, (-7.5f64, 2.0f64) => -1.5f64;
            Rem, (1e300f64, 3.0f64) => 1e300f64 % 3.0;
            Rem, (5.0f32, f32::INFINITY) => 5.0f32;
            Div, (1.0f32, -0.0f32) => f32::NEG_INFINITY;
        }
        let nan = apply(Rem, &[1.0f32.into(), 0.0f32.into()]).unwrap();
        assert!(nan.to_f64().unwrap().is_nan());
    }

    #[test]
    fn ints_wrap() {
        checks! {
            Neg, (i32::MIN) => i32::MIN;
            Neg, (1u32) => u32::MAX;
            Abs, (i64::MIN) => i64::MIN;
            Abs, (-3i32) => 3i32;
            Abs, (u64::MAX) => u64::MAX;
            Add, (i64::MAX, 1i64) => i64::MIN;
            Sub, (0u64, 1u64) => u64::MAX;
            Mul, (u64::MAX, u64::MAX) => 1u64;
            Mul, (i64::MIN, -1i64) => i64::MIN;
            MulHi, (i64::MIN, i64::MIN) => 1i64 << 62;
            MulHi, (-1i32, 1i32) => -1i32;
            MulHi, (u64::MAX, u64::MAX) => u64::MAX - 1;
            MulHi, (u32::MAX, 2u32) => 1u32;
            Not, (0u32) => u32::MAX;
            Not, (true) => false;
            Max, (-1i32, 1i32) => 1i32;
            Max, (u32::MAX, 1u32) => u32::MAX;
            Lt, (-1i64, 1i64) => true;
            Lt, (u64::MAX, 1u64) => false;
            Max, (false, true) => true;
            Lt, (false, true) => true;
        }
    }

    #[test]
    fn shifts_and_counts() {
        checks! {
            Shl, (1u32, 31u32) => 1u32 << 31;
            Shl, (1u32, 32u32) => 0u32;
            Shl, (1i64, -1i64) => 0i64;
            ShrLogical, (-1i32, 1i32) => i32::MAX;
            ShrLogical, (-1i32, 32i32) => 0i32;
            ShrArithmetic, (-8i32, 1i32) => -4i32;
            ShrArithmetic, (-8i32, 32i32) => -1i32;
            ShrArithmetic, (8i64, i64::MAX) => 0i64;
            ShrArithmetic, (1u32 << 31, 40u32) => u32::MAX;
            ShrArithmetic, (1u64 << 63, 1u64) => 3u64 << 62;
            Clz, (0i32) => 32i32;
            Clz, (-1i64) => 0i64;
            Clz, (1u64) => 63u64;
            PopCount, (-1i32) => 32i32;
            PopCount, (0u64) => 0u64;
        }
    }

    #[test]
    fn conversions_saturate() {
        checks! {
            Convert(DType::I32), (f32::NAN) => 0i32;
            Convert(DType::U64), (f64::NAN) => 0u64;
            Convert(DType::I32), (3e9f32) => i32::MAX;
            Convert(DType::I32), (f64::NEG_INFINITY) => i32::MIN;
            Convert(DType::U32), (-1.5f32) => 0u32;
            Convert(DType::I64), (1e300f64) => i64::MAX;
            Convert(DType::U64), (f32::INFINITY) => u64::MAX;
            Convert(DType::I64), (-1.9f64) => -1i64;
            Convert(DType::Bool), (f32::NAN) => true;
            Convert(DType::Bool), (-0.0f64) => false;
            Convert(DType::Bool), (2i32) => true;
            Convert(DType::F32), (true) => 1f32;
            Convert(DType::U32), (-1i64) => u32::MAX;
            Convert(DType::I64), (u32::MAX) => i64::from(u32::MAX);
            Convert(DType::U64), (-1i32) => u64::MAX;
            Convert(DType::F32), (u64::MAX) => 2f32.powi(64);
            Convert(DType::F32), (16_777_217i32) => 16_777_216f32;
            Convert(DType::F32), ((1i64 << 54) + (1 << 30) + 1) => 2f32.powi(54) + 2f32.powi(31);
            Convert(DType::F64), (i64::MAX) => 2f64.powi(63);
            Convert(DType::F32), (1e-45f64) => 1e-45f32;
            Bitcast(DType::I32), (-0.0f32) => i32::MIN;
            Bitcast(DType::F64), (0x7ff0_0000_0000_0000u64) => f64::INFINITY;
        }
    }

    #[test]
    fn float_edges() {
        checks! {
            Max, (-0.0f32, 0.0f32) => 0.0f32;
            Max, (0.0f64, -0.0f64) => 0.0f64;
            Min, (0.0f32, -0.0f32) => -0.0f32;
            Min, (-0.0f64, -0.0f64) => -0.0f64;
            Max, (1.0f32, 2.0f32) => 2.0f32;
            Min, (f64::NEG_INFINITY, 2.0f64) => f64::NEG_INFINITY;
            Neg, (0.0f32) => -0.0f32;
            Abs, (-f64::INFINITY) => f64::INFINITY;
            RoundEven, (2.5f32) => 2.0f32;
            RoundEven, (-0.5f64) => -0.0f64;
            Trunc, (-0.9f32) => -0.0f32;
            Sqrt, (-0.0f32) => -0.0f32;
            Eq, (f32::NAN, f32::NAN) => false;
            Ne, (f64::NAN, f64::NAN) => true;
            Ge, (f64::NAN, 0.0f64) => false;
            Eq, (-0.0f32, 0.0f32) => true;
            Fma, (1.0f64 + f64::EPSILON, 1.0f64 - f64::EPSILON, -1.0f64) =>
                -f64::EPSILON * f64::EPSILON;
            Mul, (1e-40f32, 0.5f32) => 1e-40f32 * 0.5;
        }
        for op in [Max, Min] {
            for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN)] {
                assert!(apply(op, &[a.into(), b.into()]).unwrap().to_f64().unwrap().is_nan());
            }
        }
        let quiet = Scalar::from_bits(DType::F32, 0x7fc0_0001);
        check(Neg, &[quiet], Scalar::from_bits(DType::F32, 0xffc0_0001));
        check(Select, &[true.into(), quiet, 0f32.into()], quiet);
    }

    #[test]
    fn narrow_types() {
        let [h, b] = [DType::F16, DType::BF16].map(|d| move |x| Scalar::from_f64(d, x).unwrap());
        checks! {
            Add, (127i8, 1i8) => -128i8;
            Mul, (u16::MAX, u16::MAX) => 1u16;
            Neg, (i8::MIN) => i8::MIN;
            Abs, (i16::MIN) => i16::MIN;
            Div, (i8::MIN, -1i8) => i8::MIN;
            Div, (7u8, 0u8) => 255u8;
            Rem, (-7i16, 0i16) => -7i16;
            Shl, (1u8, 8u8) => 0u8;
            Shl, (1i8, -1i8) => 0i8;
            ShrLogical, (-1i8, 1i8) => 127i8;
            ShrArithmetic, (128u8, 1u8) => 192u8;
            ShrArithmetic, (128u8, 100u8) => 255u8;
            Clz, (1i8) => 7i8;
            Clz, (0u16) => 16u16;
            PopCount, (-1i8) => 8i8;
            MulHi, (i8::MIN, i8::MIN) => 64i8;
            MulHi, (255u8, 255u8) => 254u8;
            Convert(DType::I8), (300f32) => 127i8;
            Convert(DType::U8), (f64::NAN) => 0u8;
            Convert(DType::I8), (200i32) => -56i8;
            Convert(DType::I16), (-1.5f64) => -1i16;
            Add, (h(2048.0), h(1.0)) => h(2048.0);
            Add, (b(256.0), b(1.0)) => b(256.0);
            Mul, (h(300.0), h(300.0)) => h(f64::INFINITY);
            Mul, (h(2f64.powi(-20)), h(2f64.powi(-5))) => h(0.0);
            Sqrt, (h(2.0)) => h(1.4140625);
            Min, (h(0.0), h(-0.0)) => h(-0.0);
            Lt, (b(-1.0), b(1.0)) => true;
            Convert(DType::I32), (h(-2.75)) => -2i32;
            Convert(DType::BF16), (16_842_753i32) => b(16_908_288.0);
            Convert(DType::F16), (1e300f64) => h(f64::INFINITY);
            Fma, (b(1.0 + 2f64.powi(-7)), b(1.0 + 2f64.powi(-7)), b(2f64.powi(-100))) =>
                b(1.0 + 2f64.powi(-6));
            Fma, (b(1.0 + 2f64.powi(-7)), b(1.5), b(2f64.powi(-100))) =>
                b(1.5 + 2f64.powi(-6));
            Fma, (b(1.0 + 2f64.powi(-7)), b(1.5), b(-2f64.powi(-100))) =>
                b(1.5 + 2f64.powi(-7));
        }
        let nan = apply(Neg, &[Scalar::from_bits(DType::F16, 0x7c01)]).unwrap();
        assert_eq!(nan, Scalar::from_bits(DType::F16, 0xfe01));
    }

    #[test]
    fn every_machine_row_runs() {
        for op in ScalarOp::ALL {
            let machine = |d: &DType| op.level_on(*d) == crate::op::Level::Machine;
            for d in DType::ALL.into_iter().filter(|d| d.runs()).filter(machine) {
                let mut types = vec![d; op.signature().0];
                if op == Select {
                    types[0] = DType::Bool;
                }
                let Some(result) = op.result(&types) else { continue };
                let args: Vec<Scalar> = types.iter().map(|d| Scalar::one(*d)).collect();
                assert_eq!(apply(op, &args).unwrap().dtype(), result, "{op:?} of {d}");
            }
        }
        assert!(apply(Exp, &[1f32.into()]).is_err());
    }
}
