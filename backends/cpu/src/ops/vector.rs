//! Scalar ops on 128-bit registers: the counterpart of `scalar` for vector loops.
//!
//! `emit` computes an op on all lanes: with native instructions where there are good ones, else
//! lane by lane through `scalar`. Both forms give the same bits. `plan::lanes::native` says which
//! form an op takes. Loads and stores of lanes live in `lanes`.

use crate::ops::lanes::Lanes;
use crate::ops::values::{Regs, bitcast, even_words, int_vector, repeat, shuffle, vector_type};
use crate::ops::{far, narrow, scalar};
use crate::plan::lanes::{Bits, converts, native};
use cotangent_jit::math::far::Function;
use cotangent_jit::op::{MachineOp, ScalarOp};
use cotangent_jit::{DType, Error, err};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;

/// An operand: its lanes, and if it does not vary between lanes, its scalar.
pub struct Operand {
    pub lanes: Lanes,
    pub scalar: Option<Value>,
}

/// The op on lanes of operand type `d`.
pub fn emit(
    b: &mut FunctionBuilder,
    op: ScalarOp,
    d: DType,
    args: &[Operand],
    width: usize,
) -> Result<Lanes, Error> {
    if scalar::widens(op, d) {
        let mut wide = Vec::with_capacity(args.len());
        for a in args {
            let lanes = convert(b, d, d.widened(), &a.lanes, width);
            wide.push(Operand { lanes, scalar: None });
        }
        let result = emit(b, op, d.widened(), &wide, width)?;
        return Ok(convert(b, d.widened(), d, &result, width));
    }
    let result = op.result_of(d).unwrap_or(d);
    let uniform = args.get(1).is_some_and(|a| a.scalar.is_some());
    if !native(op, d, uniform) {
        let mut lanes = Vec::with_capacity(width);
        for n in 0..width {
            let scalars: Vec<Value> = args.iter().map(|a| a.lanes.lane(b, n)).collect();
            lanes.push(scalar::emit(b, op, d, &scalars)?);
        }
        return Ok(Lanes::gather(b, result, &lanes));
    }
    let machine = op.machine();
    let op = machine.ok_or_else(|| err!(Compile, "cpu: {} was not expanded", op.name()))?;
    match op {
        MachineOp::Convert(to) => return Ok(convert(b, d, to, &args[0].lanes, width)),
        MachineOp::Bitcast(to) => return Ok(reinterpret(b, to, &args[0].lanes)),
        MachineOp::Select => return Ok(select(b, args, width)),
        _ => {}
    }
    let lanes = unify(b, args, width);
    let bits = lanes[0].bits;
    let far = match op {
        MachineOp::FarSin => Some(Function::Sin),
        MachineOp::FarCos => Some(Function::Cos),
        MachineOp::FarTan => Some(Function::Tan),
        _ => None,
    };
    if let Some(function) = far {
        let regs = far::lanes(b, function, d, bits, &lanes[0].regs, &lanes[1].regs)?;
        return Ok(Lanes { dtype: result, bits, regs });
    }
    let shifts = matches!(op, MachineOp::Shl | MachineOp::ShrLogical | MachineOp::ShrArithmetic);
    let shift = args.get(1).filter(|_| shifts).and_then(|amount| amount.scalar);
    let mut regs = Regs::new();
    for r in 0..lanes[0].regs.len() {
        let x = lanes[0].regs[r];
        regs.push(if let Some(amount) = shift {
            shift_register(b, op, d, x, amount)
        } else {
            let y = lanes.get(1).map_or(x, |l| l.regs[r]);
            let z = lanes.get(2).map_or(x, |l| l.regs[r]);
            register(b, op, d, bits, [x, y, z])
        });
    }
    Ok(Lanes { dtype: result, bits, regs })
}

/// Operands with masks of one width.
fn unify(b: &mut FunctionBuilder, args: &[Operand], width: usize) -> Vec<Lanes> {
    let bits = args[0].lanes.bits;
    args.iter().map(|a| a.lanes.clone().with_bits(b, bits, width)).collect()
}

/// One register of an op whose operands all have the same type.
fn register(
    b: &mut FunctionBuilder,
    op: MachineOp,
    d: DType,
    bits: Bits,
    [x, y, z]: [Value; 3],
) -> Value {
    use MachineOp::*;
    let float = d.is_float();
    if d.is_bool() {
        return boolean(b, op, x, y);
    }
    match op {
        Neg if float => b.ins().fneg(x),
        Neg => b.ins().ineg(x),
        Abs if float => b.ins().fabs(x),
        Abs if d.is_unsigned() => x,
        Abs => b.ins().iabs(x),
        Not => b.ins().bnot(x),
        Floor => b.ins().floor(x),
        Ceil => b.ins().ceil(x),
        Trunc => b.ins().trunc(x),
        RoundEven => b.ins().nearest(x),
        Sqrt => b.ins().sqrt(x),
        Add if float => b.ins().fadd(x, y),
        Add => b.ins().iadd(x, y),
        Sub if float => b.ins().fsub(x, y),
        Sub => b.ins().isub(x, y),
        Mul if float => b.ins().fmul(x, y),
        Mul => b.ins().imul(x, y),
        Div => b.ins().fdiv(x, y),
        Max if float => b.ins().fmax(x, y),
        Min if float => b.ins().fmin(x, y),
        Max if bits == Bits::B64 => wide_extremum(b, Gt, d, x, y),
        Min if bits == Bits::B64 => wide_extremum(b, Lt, d, x, y),
        Max if d.is_signed() => b.ins().smax(x, y),
        Max => b.ins().umax(x, y),
        Min if d.is_signed() => b.ins().smin(x, y),
        Min => b.ins().umin(x, y),
        And => b.ins().band(x, y),
        Or => b.ins().bor(x, y),
        Xor => b.ins().bxor(x, y),
        Eq | Ne | Lt | Le | Gt | Ge if float => {
            let mask = b.ins().fcmp(scalar::float_order(op), x, y);
            bitcast(b, int_vector(bits), mask)
        }
        Eq | Ne | Lt | Le | Gt | Ge => b.ins().icmp(scalar::order(op, d), x, y),
        Fma => b.ins().fma(x, y, z),
        Rem | PopCount | Clz | MulHi | Shl | ShrLogical | ShrArithmetic | FarSin | FarCos
        | FarTan | Select | Convert(_) | Bitcast(_) | Complex | Real | Imag => {
            unreachable!("{op:?} is not native, or `emit` has handled it")
        }
    }
}

/// The extremum of 64-bit integers, for which there is no instruction: a comparison and a
/// selection.
fn wide_extremum(b: &mut FunctionBuilder, op: MachineOp, d: DType, x: Value, y: Value) -> Value {
    let first = b.ins().icmp(scalar::order(op, d), x, y);
    b.ins().bitselect(first, x, y)
}

/// An op on bools, which are masks.
fn boolean(b: &mut FunctionBuilder, op: MachineOp, x: Value, y: Value) -> Value {
    use MachineOp::*;
    match op {
        Not => b.ins().bnot(x),
        And | Min => b.ins().band(x, y),
        Or | Max => b.ins().bor(x, y),
        Xor | Ne => b.ins().bxor(x, y),
        Eq => {
            let differ = b.ins().bxor(x, y);
            b.ins().bnot(differ)
        }
        Lt => b.ins().band_not(y, x),
        Gt => b.ins().band_not(x, y),
        Le => {
            let not = b.ins().bnot(x);
            b.ins().bor(not, y)
        }
        Ge => {
            let not = b.ins().bnot(y);
            b.ins().bor(x, not)
        }
        other => unreachable!("{other:?} does not take bools, or `emit` has handled it"),
    }
}

/// A shift of all lanes by one amount. Vector shifts also take the amount modulo the width, so
/// amounts from the width on select a fixed result.
fn shift_register(
    b: &mut FunctionBuilder,
    op: MachineOp,
    d: DType,
    x: Value,
    amount: Value,
) -> Value {
    let width = i64::from(d.bits());
    if let Some(amount) = scalar::known(b, amount) {
        return scalar::shift_by(b, op, x, amount, width);
    }
    let t = b.func.dfg.value_type(amount);
    let most = b.ins().iconst(t, width - 1);
    let clamped = b.ins().umin(amount, most);
    if op == MachineOp::ShrArithmetic {
        return b.ins().sshr(x, clamped);
    }
    let shifted =
        if op == MachineOp::Shl { b.ins().ishl(x, clamped) } else { b.ins().ushr(x, clamped) };
    let inside = b.ins().icmp(
        cranelift_codegen::ir::condcodes::IntCC::UnsignedLessThanOrEqual,
        amount,
        most,
    );
    let t = b.func.dfg.value_type(x);
    let inside = b.ins().uextend(t.lane_type(), inside);
    let mask = b.ins().ineg(inside);
    let mask = b.ins().splat(t, mask);
    b.ins().band(shifted, mask)
}

fn select(b: &mut FunctionBuilder, args: &[Operand], width: usize) -> Lanes {
    let (x, y) = (&args[1].lanes, &args[2].lanes);
    let y = y.clone().with_bits(b, x.bits, width);
    let mask = args[0].lanes.clone().with_bits(b, x.bits, width);
    let mut regs = Regs::new();
    for r in 0..x.regs.len() {
        let t = b.func.dfg.value_type(x.regs[r]);
        let mask = bitcast(b, t, mask.regs[r]);
        regs.push(b.ins().bitselect(mask, x.regs[r], y.regs[r]));
    }
    Lanes { dtype: x.dtype, bits: x.bits, regs }
}

fn reinterpret(b: &mut FunctionBuilder, to: DType, x: &Lanes) -> Lanes {
    if to.is_narrow() {
        let regs = x.regs.iter().map(|v| narrow::reinterpret(b, x.dtype, to, *v)).collect();
        return Lanes { dtype: to, bits: x.bits, regs };
    }
    let t = vector_type(to, x.bits);
    let regs = x.regs.iter().map(|v| bitcast(b, t, *v)).collect();
    Lanes { dtype: to, bits: x.bits, regs }
}

/// The conversions that `native` admits.
pub fn convert(b: &mut FunctionBuilder, from: DType, to: DType, x: &Lanes, width: usize) -> Lanes {
    let bits = if to.is_bool() { x.bits } else { Lanes::bits_for(to, width) };
    if from == to {
        return x.clone();
    }
    if from.is_bool() {
        return from_bool(b, to, x, width);
    }
    if converts(from, to) {
        return Lanes { dtype: to, bits, regs: narrow::convert(b, from, to, &x.regs) };
    }
    let mut regs = Regs::new();
    match (from, to) {
        (_, DType::Bool) => {
            for v in &x.regs {
                let zero = repeat(b, b.func.dfg.value_type(*v), 0);
                let mask = if from.is_float() {
                    b.ins().fcmp(scalar::float_order(MachineOp::Ne), *v, zero)
                } else {
                    b.ins().icmp(scalar::order(MachineOp::Ne, from), *v, zero)
                };
                regs.push(bitcast(b, int_vector(bits), mask));
            }
        }
        (DType::F32, DType::F64) => {
            for v in &x.regs {
                regs.push(b.ins().fvpromote_low(*v));
                let high = shuffle(b, *v, *v, [8, 9, 10, 11, 12, 13, 14, 15].repeat(2));
                regs.push(b.ins().fvpromote_low(high));
            }
        }
        (DType::F64, DType::F32) => {
            for pair in x.regs.chunks(2) {
                let low = b.ins().fvdemote(pair[0]);
                let high = b.ins().fvdemote(pair[1]);
                regs.push(low_halves(b, low, high));
            }
        }
        (DType::F32, DType::I32) => {
            regs.extend(x.regs.iter().map(|v| b.ins().fcvt_to_sint_sat(types::I32X4, *v)));
        }
        (DType::F32, DType::U32) => {
            regs.extend(x.regs.iter().map(|v| b.ins().fcvt_to_uint_sat(types::I32X4, *v)));
        }
        (DType::I32, DType::F32) => {
            regs.extend(x.regs.iter().map(|v| b.ins().fcvt_from_sint(types::F32X4, *v)));
        }
        (DType::U32, DType::F32) => {
            regs.extend(x.regs.iter().map(|v| b.ins().fcvt_from_uint(types::F32X4, *v)));
        }
        (DType::I32, DType::F64) => {
            for v in &x.regs {
                let low = b.ins().swiden_low(*v);
                regs.push(b.ins().fcvt_from_sint(types::F64X2, low));
                let high = b.ins().swiden_high(*v);
                // Only the low half has an instruction, so the high half is moved there.
                let high = even_words(b, high, high);
                let high = b.ins().swiden_low(high);
                regs.push(b.ins().fcvt_from_sint(types::F64X2, high));
            }
        }
        (DType::I32, _) if to.size() == 8 => {
            for v in &x.regs {
                regs.push(b.ins().swiden_low(*v));
                regs.push(b.ins().swiden_high(*v));
            }
        }
        (DType::U32, _) if to.size() == 8 => {
            for v in &x.regs {
                regs.push(b.ins().uwiden_low(*v));
                regs.push(b.ins().uwiden_high(*v));
            }
        }
        _ if from.size() == 8 && to.size() == 4 => {
            regs.extend(x.regs.chunks(2).map(|pair| even_words(b, pair[0], pair[1])));
        }
        // Ints of one width.
        _ => regs.extend(x.regs.iter().copied()),
    }
    Lanes { dtype: to, bits, regs }
}

/// The low 64 bits of two registers side by side.
fn low_halves(b: &mut FunctionBuilder, low: Value, high: Value) -> Value {
    shuffle(b, low, high, (0..8).chain(16..24).collect())
}

/// The bits of the number one where the mask is set.
fn from_bool(b: &mut FunctionBuilder, to: DType, x: &Lanes, width: usize) -> Lanes {
    let bits = Lanes::bits_for(to, width);
    let x = x.clone().with_bits(b, bits, width);
    let one = repeat(b, int_vector(bits), cotangent_jit::Scalar::one(to).bits() as u64);
    let t = vector_type(to, bits);
    let mut regs = Regs::new();
    for v in &x.regs {
        let v = b.ins().band(*v, one);
        regs.push(bitcast(b, t, v));
    }
    Lanes { dtype: to, bits, regs }
}
