//! Scalar ops to PTX: one exhaustive match.
//!
//! Floats are rounded as the instruction says: without `.rn` an assembler may contract a product
//! and a sum. Elementary ops never arrive here, because `cotangent_jit::prepare` has replaced them.

use super::forms::{bits, name, select};
use super::{convert, far, ints, remainder};
use crate::ptx::{Class, Code, Value};
use cotangent_jit::math::far::Function;
use cotangent_jit::op::{MachineOp, ScalarOp};
use cotangent_jit::{DType, Error, err};

/// The op on operands of type `d` (for `Select` the type of its branches).
pub fn emit(c: &mut Code, op: ScalarOp, d: DType, args: &[Value]) -> Result<Value, Error> {
    use MachineOp::*;
    if widens(op, d) {
        let wide = args.iter().map(|v| convert::convert(c, d, d.widened(), *v));
        let wide = wide.collect::<Result<Vec<Value>, Error>>()?;
        let result = emit(c, op, d.widened(), &wide)?;
        return convert::convert(c, d.widened(), d, result);
    }
    let machine = op.machine();
    let op = machine.ok_or_else(|| err!(Compile, "cuda: {} was not expanded", op.name()))?;
    let x = if matches!(op, Select) { args[0] } else { c.held(args[0]) };
    let y = args.get(1).copied().unwrap_or(x);
    let (float, class) = (d.is_float(), Class::of(d));
    Ok(match op {
        Neg if float => bits(c, "xor", class, x, Value::Constant(class, sign(d))),
        Neg => c.get(class, &format!("neg.s{}", d.bits()), format_args!("{x}")),
        Abs if float => bits(c, "and", class, x, Value::Constant(class, sign(d) - 1)),
        Abs if d.is_unsigned() => x,
        Abs => c.get(class, &format!("abs.s{}", d.bits()), format_args!("{x}")),
        Not => c.get(class, &format!("not.{}", class.bits()), format_args!("{x}")),
        Floor => round(c, "rmi", d, x),
        Ceil => round(c, "rpi", d, x),
        Trunc => round(c, "rzi", d, x),
        RoundEven => round(c, "rni", d, x),
        Sqrt => c.get(class, &format!("sqrt.rn.{}", name(d)), format_args!("{x}")),
        PopCount => ints::count(c, "popc", class, x),
        Clz => ints::count(c, "clz", class, x),
        Add => arithmetic(c, "add", "add", d, x, y),
        Sub => arithmetic(c, "sub", "sub", d, x, y),
        Mul => arithmetic(c, "mul", "mul.lo", d, x, y),
        Div if float => arithmetic(c, "div", "div", d, x, y),
        Div => ints::divide(c, d, x, y),
        Rem if float => remainder::remainder(c, d, x, y),
        Rem => ints::remainder(c, d, x, y),
        Max | Min => extreme(c, op == Max, d, x, y),
        And => bits(c, "and", class, x, y),
        Or => bits(c, "or", class, x, y),
        Xor => bits(c, "xor", class, x, y),
        Shl => ints::shift(c, "shl.b", d, x, y),
        ShrLogical => ints::shift(c, "shr.u", d, x, y),
        ShrArithmetic => ints::shift(c, "shr.s", d, x, y),
        MulHi => c.get(class, &format!("mul.hi.{}", name(d)), format_args!("{x}, {y}")),
        FarSin => far::value(c, Function::Sin, d, x, y)?,
        FarCos => far::value(c, Function::Cos, d, x, y)?,
        FarTan => far::value(c, Function::Tan, d, x, y)?,
        Eq | Ne | Lt | Le | Gt | Ge => compare(c, op, d, x, y),
        Select => select(c, x, y, args[2]),
        Fma => {
            let (y, z) = (y.float(), args[2].float());
            c.get(class, &format!("fma.rn.{}", name(d)), format_args!("{x}, {y}, {z}"))
        }
        Convert(to) => convert::convert(c, d, to, x)?,
        Bitcast(to) => convert::bitcast(c, d, to, x),
        Complex | Real | Imag => return Err(err!(Compile, "cuda: {op:?} was not split")),
    })
}

/// Returns whether the op on operands of this type is computed in the widened type. Only folds
/// compute on narrow types here; all other arithmetic on them is rewritten before.
fn widens(op: ScalarOp, d: DType) -> bool {
    use ScalarOp::*;
    d.is_narrow() && matches!(op, Max | Min | Add | Mul)
}

/// The sign bit of a float.
fn sign(d: DType) -> u64 {
    1 << (d.bits() - 1)
}

fn round(c: &mut Code, how: &str, d: DType, x: Value) -> Value {
    let t = name(d);
    c.get(Class::of(d), &format!("cvt.{how}.{t}.{t}"), format_args!("{x}"))
}

fn arithmetic(c: &mut Code, float: &str, int: &str, d: DType, x: Value, y: Value) -> Value {
    let t = name(d);
    match d.is_float() {
        true => c.get(Class::of(d), &format!("{float}.rn.{t}"), format_args!("{x}, {}", y.float())),
        false => c.get(Class::of(d), &format!("{int}.{t}"), format_args!("{x}, {y}")),
    }
}

/// The greater or the lesser operand. A NaN wins among floats.
fn extreme(c: &mut Code, greater: bool, d: DType, x: Value, y: Value) -> Value {
    let word = if greater { "max" } else { "min" };
    match d {
        DType::Bool => bits(c, if greater { "or" } else { "and" }, Class::Pred, x, y),
        DType::F32 => {
            c.get(Class::B32, &format!("{word}.NaN.f32"), format_args!("{x}, {}", y.float()))
        }
        DType::F64 => {
            let y = c.held(y);
            let m = c.get(Class::B64, &format!("{word}.f64"), format_args!("{x}, {y}"));
            let odd = c.get(Class::Pred, "setp.nan.f64", format_args!("{x}, {y}"));
            c.get(Class::B64, "selp.b64", format_args!("{:#x}, {m}, {odd}", f64::NAN.to_bits()))
        }
        _ => c.get(Class::of(d), &format!("{word}.{}", name(d)), format_args!("{x}, {y}")),
    }
}

fn compare(c: &mut Code, op: MachineOp, d: DType, x: Value, y: Value) -> Value {
    use MachineOp::*;
    if d.is_bool() {
        let y = c.held(y);
        let not = |c: &mut Code, v: Value| c.get(Class::Pred, "not.pred", format_args!("{v}"));
        return match op {
            Ne => bits(c, "xor", Class::Pred, x, y),
            Eq => {
                let differ = bits(c, "xor", Class::Pred, x, y);
                not(c, differ)
            }
            Lt | Ge => {
                let no = not(c, x);
                let less = bits(c, "and", Class::Pred, no, y);
                if op == Lt { less } else { not(c, less) }
            }
            _ => {
                let no = not(c, y);
                let greater = bits(c, "and", Class::Pred, x, no);
                if op == Gt { greater } else { not(c, greater) }
            }
        };
    }
    let word = match op {
        Eq => "eq",
        Ne if d.is_float() => "neu",
        Ne => "ne",
        Lt => "lt",
        Le => "le",
        Gt => "gt",
        _ => "ge",
    };
    let wide = if d.is_float() && d.is_narrow() { DType::F32 } else { d };
    let mnemonic = format!("setp.{word}.{}", name(wide));
    match d.is_float() {
        true => c.get(Class::Pred, &mnemonic, format_args!("{x}, {}", y.float())),
        false => c.get(Class::Pred, &mnemonic, format_args!("{x}, {y}")),
    }
}
