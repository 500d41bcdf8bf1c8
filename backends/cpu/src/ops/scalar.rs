//! Scalar ops to Cranelift: one exhaustive match. Every op is total, as its row in
//! `cotangent_jit::op` says.
//!
//! Bools are 0 or 1 in an `i8`; numbers of 8 and 16 bits are their bits (see `narrow`). The vector
//! forms live in `vector`. Elementary ops never arrive here, because `cotangent_jit::prepare` has
//! replaced them or `elementary` has generated them.

use crate::code::declare;
use crate::ops::values::{constant, register, repeat};
use crate::ops::{far, narrow};
use crate::run::runtime;
use cotangent_jit::math::far::Function;
use cotangent_jit::op::{MachineOp, ScalarOp};
use cotangent_jit::{DType, Error, Scalar, err};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    AbiParam, InstBuilder, InstructionData, MemFlagsData, Opcode, Signature, Value, types,
};
use cranelift_frontend::FunctionBuilder;

/// The op on scalars of operand type `d` (for `Select` the type of its branches).
pub fn emit(
    b: &mut FunctionBuilder,
    op: ScalarOp,
    d: DType,
    args: &[Value],
) -> Result<Value, Error> {
    use MachineOp::*;
    if widens(op, d) {
        let wide = args.iter().map(|v| convert(b, d, d.widened(), *v));
        let wide = wide.collect::<Result<Vec<Value>, Error>>()?;
        let result = emit(b, op, d.widened(), &wide)?;
        return convert(b, d.widened(), d, result);
    }
    let machine = op.machine();
    let op = machine.ok_or_else(|| err!(Compile, "cpu: {} was not expanded", op.name()))?;
    let x = args[0];
    let y = args.get(1).copied().unwrap_or(x);
    Ok(match op {
        Neg if d.is_float() => b.ins().fneg(x),
        Neg => b.ins().ineg(x),
        Abs if d.is_float() => b.ins().fabs(x),
        Abs if d.is_unsigned() => x,
        Abs => b.ins().iabs(x),
        Not if d.is_bool() => b.ins().bxor_imm_u(x, 1),
        Not => b.ins().bnot(x),
        Floor => b.ins().floor(x),
        Ceil => b.ins().ceil(x),
        Trunc => b.ins().trunc(x),
        RoundEven => b.ins().nearest(x),
        Sqrt => b.ins().sqrt(x),
        PopCount => b.ins().popcnt(x),
        Clz => b.ins().clz(x),
        Add if d.is_float() => b.ins().fadd(x, y),
        Add => b.ins().iadd(x, y),
        Sub if d.is_float() => b.ins().fsub(x, y),
        Sub => b.ins().isub(x, y),
        Mul if d.is_float() => b.ins().fmul(x, y),
        Mul => b.ins().imul(x, y),
        Div if d.is_float() => b.ins().fdiv(x, y),
        Div => divide(b, d, x, y),
        Rem if d.is_float() => float_remainder(b, d, x, y)?,
        Rem => remainder(b, d, x, y),
        Max if d.is_float() => b.ins().fmax(x, y),
        Min if d.is_float() => b.ins().fmin(x, y),
        Max if d.is_signed() => b.ins().smax(x, y),
        Max => b.ins().umax(x, y),
        Min if d.is_signed() => b.ins().smin(x, y),
        Min => b.ins().umin(x, y),
        And => b.ins().band(x, y),
        Or => b.ins().bor(x, y),
        Xor => b.ins().bxor(x, y),
        Shl | ShrLogical | ShrArithmetic => shift(b, op, d, x, y),
        MulHi if d.is_signed() => b.ins().smulhi(x, y),
        MulHi => b.ins().umulhi(x, y),
        FarSin => far::scalar(b, Function::Sin, d, x, y)?,
        FarCos => far::scalar(b, Function::Cos, d, x, y)?,
        FarTan => far::scalar(b, Function::Tan, d, x, y)?,
        Eq | Ne | Lt | Le | Gt | Ge => compare(b, op, d, x, y),
        Select => b.ins().select(x, y, args[2]),
        Fma => b.ins().fma(x, y, args[2]),
        Convert(to) => convert(b, d, to, x)?,
        Bitcast(to) => {
            let to = register(to)?;
            if to == register(d)? { x } else { b.ins().bitcast(to, MemFlagsData::new(), x) }
        }
        Complex | Real | Imag => return Err(err!(Compile, "cpu: {op:?} was not split")),
    })
}

/// Returns whether the op on operands of this type is computed in the widened type. Only folds
/// compute on narrow types here; all other arithmetic on them is rewritten before.
pub fn widens(op: ScalarOp, d: DType) -> bool {
    use ScalarOp::*;
    let extreme = matches!(op, Max | Min) && d.is_float();
    d.is_narrow() && (extreme || matches!(op, Add | Mul))
}

/// An integer constant of the type of another value.
fn int_like(b: &mut FunctionBuilder, like: Value, n: i64) -> Value {
    let t = b.func.dfg.value_type(like);
    b.ins().iconst(t, n)
}

/// Quotient toward zero; the divisor is replaced where the machine would trap.
fn divide(b: &mut FunctionBuilder, d: DType, x: Value, y: Value) -> Value {
    let ones = int_like(b, x, -1);
    let zero = b.ins().icmp_imm_u(IntCC::Equal, y, 0);
    if d.is_unsigned() {
        let one = int_like(b, x, 1);
        let safe = b.ins().select(zero, one, y);
        let q = b.ins().udiv(x, safe);
        return b.ins().select(zero, ones, q);
    }
    let (safe, minus) = safe_divisor(b, zero, y);
    let q = b.ins().sdiv(x, safe);
    let negated = b.ins().ineg(x);
    let q = b.ins().select(minus, negated, q);
    b.ins().select(zero, ones, q)
}

fn remainder(b: &mut FunctionBuilder, d: DType, x: Value, y: Value) -> Value {
    let zero = b.ins().icmp_imm_u(IntCC::Equal, y, 0);
    let r = if d.is_unsigned() {
        let one = int_like(b, x, 1);
        let safe = b.ins().select(zero, one, y);
        b.ins().urem(x, safe)
    } else {
        let (safe, _) = safe_divisor(b, zero, y);
        b.ins().srem(x, safe)
    };
    b.ins().select(zero, x, r)
}

/// The divisor with 0 and -1 replaced by 1, and whether it was -1.
fn safe_divisor(b: &mut FunctionBuilder, zero: Value, y: Value) -> (Value, Value) {
    let one = int_like(b, y, 1);
    let minus = b.ins().icmp_imm_s(IntCC::Equal, y, -1);
    let either = b.ins().bor(zero, minus);
    (b.ins().select(either, one, y), minus)
}

/// A call of the exact remainder, which is a loop on every machine.
fn float_remainder(b: &mut FunctionBuilder, d: DType, x: Value, y: Value) -> Result<Value, Error> {
    let t = register(d)?;
    let address =
        if d == DType::F32 { runtime::fmod32 as *const () } else { runtime::fmod64 as *const () };
    let mut s = Signature::new(declare::signature(0)?.call_conv);
    s.params.extend([AbiParam::new(t), AbiParam::new(t)]);
    s.returns.push(AbiParam::new(t));
    let s = b.import_signature(s);
    let address = b.ins().iconst(types::I64, address as usize as i64);
    let call = b.ins().call_indirect(s, address, &[x, y]);
    Ok(b.inst_results(call)[0])
}

/// The value of an integer constant.
pub fn known(b: &FunctionBuilder, v: Value) -> Option<i64> {
    let inst = b.func.dfg.value_def(v).inst()?;
    match b.func.dfg.insts[inst] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
        _ => None,
    }
}

/// Shifts a scalar or a vector register by a known amount.
pub fn shift_by(
    b: &mut FunctionBuilder,
    op: MachineOp,
    x: Value,
    amount: i64,
    width: i64,
) -> Value {
    let inside = (0..width).contains(&amount);
    let arithmetic = op == MachineOp::ShrArithmetic;
    let by = b.ins().iconst(types::I32, if inside { amount } else { width - 1 });
    match op {
        _ if arithmetic => b.ins().sshr(x, by),
        MachineOp::Shl if inside => b.ins().ishl(x, by),
        _ if inside => b.ins().ushr(x, by),
        _ => {
            let t = b.func.dfg.value_type(x);
            if t.is_vector() { repeat(b, t, 0) } else { b.ins().iconst(t, 0) }
        }
    }
}

/// A shift by any amount. Machine shifts take the amount modulo the width, so amounts from the
/// width on are treated apart.
fn shift(b: &mut FunctionBuilder, op: MachineOp, d: DType, x: Value, amount: Value) -> Value {
    let width = i64::from(d.bits());
    if let Some(amount) = known(b, amount) {
        return shift_by(b, op, x, amount, width);
    }
    if op == MachineOp::ShrArithmetic {
        let most = int_like(b, amount, width - 1);
        let amount = b.ins().umin(amount, most);
        return b.ins().sshr(x, amount);
    }
    let shifted =
        if op == MachineOp::Shl { b.ins().ishl(x, amount) } else { b.ins().ushr(x, amount) };
    let inside = b.ins().icmp_imm_u(IntCC::UnsignedLessThan, amount, width);
    let zero = int_like(b, x, 0);
    b.ins().select(inside, shifted, zero)
}

fn compare(b: &mut FunctionBuilder, op: MachineOp, d: DType, x: Value, y: Value) -> Value {
    if d.is_float() {
        b.ins().fcmp(float_order(op), x, y)
    } else {
        b.ins().icmp(order(op, d), x, y)
    }
}

/// The condition code of a comparison of floats: false of a NaN, except for `Ne`.
pub fn float_order(op: MachineOp) -> FloatCC {
    match op {
        MachineOp::Eq => FloatCC::Equal,
        MachineOp::Ne => FloatCC::NotEqual,
        MachineOp::Lt => FloatCC::LessThan,
        MachineOp::Le => FloatCC::LessThanOrEqual,
        MachineOp::Gt => FloatCC::GreaterThan,
        MachineOp::Ge => FloatCC::GreaterThanOrEqual,
        other => unreachable!("{other:?} is not a comparison"),
    }
}

/// The condition code of a comparison of ints or bools.
pub fn order(op: MachineOp, d: DType) -> IntCC {
    let signed = match op {
        MachineOp::Eq => IntCC::Equal,
        MachineOp::Ne => IntCC::NotEqual,
        MachineOp::Lt => IntCC::SignedLessThan,
        MachineOp::Le => IntCC::SignedLessThanOrEqual,
        MachineOp::Gt => IntCC::SignedGreaterThan,
        MachineOp::Ge => IntCC::SignedGreaterThanOrEqual,
        other => unreachable!("{other:?} is not a comparison"),
    };
    if d.is_signed() { signed } else { signed.unsigned() }
}

/// A value in another type, as `ScalarOp::Convert` says.
pub fn convert(b: &mut FunctionBuilder, from: DType, to: DType, x: Value) -> Result<Value, Error> {
    let (source, target) = (register(from)?, register(to)?);
    if from == to {
        return Ok(x);
    }
    Ok(if from.is_float() && from.is_narrow() {
        let bits = narrow::extended(b, from, x);
        narrow::to_single(b, from, bits)
    } else if to.is_float() && to.is_narrow() {
        let bits = narrow::from_single(b, to, x);
        b.ins().ireduce(target, bits)
    } else if to.is_bool() {
        if from.is_float() {
            let zero = constant(b, Scalar::zero(from))?;
            b.ins().fcmp(FloatCC::NotEqual, x, zero)
        } else {
            b.ins().icmp_imm_u(IntCC::NotEqual, x, 0)
        }
    } else if from.is_bool() {
        if to.is_float() {
            let wide = b.ins().uextend(types::I32, x);
            b.ins().fcvt_from_sint(target, wide)
        } else {
            b.ins().uextend(target, x)
        }
    } else if from.is_float() && to.is_float() {
        if to == DType::F64 { b.ins().fpromote(target, x) } else { b.ins().fdemote(target, x) }
    } else if from.is_float() {
        if to.is_signed() {
            b.ins().fcvt_to_sint_sat(target, x)
        } else {
            b.ins().fcvt_to_uint_sat(target, x)
        }
    } else if to.is_float() {
        if from.is_signed() {
            b.ins().fcvt_from_sint(target, x)
        } else {
            b.ins().fcvt_from_uint(target, x)
        }
    } else if source.bits() < target.bits() {
        if from.is_signed() { b.ins().sextend(target, x) } else { b.ins().uextend(target, x) }
    } else if source.bits() > target.bits() {
        b.ins().ireduce(target, x)
    } else {
        x
    })
}
