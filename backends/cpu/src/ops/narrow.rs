//! Types of 8 and 16 bits: loads and stores of lanes, and conversions between them and the 32-bit
//! types that `cotangent_jit::prepare::narrow` has put in their place.
//!
//! A narrow scalar is its bits in an `i8` or `i16` register. Narrow lanes are 32 bits wide and hold
//! the number itself: signed ints with their sign above, unsigned ones and the bits of floats with
//! zeros. So widening an int costs nothing, and the instructions that narrow and saturate change
//! nothing.
//!
//! Conversions of floats are integer operations, the same for scalars and for vectors; a NaN
//! becomes quiet. Arithmetic on narrow types does not live here: a pass has widened it.

use crate::ops::values::{Regs, bitcast, memory, repeat};
use cotangent_jit::DType;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

/// A scalar of a narrow type as the i32 that a lane holds.
pub fn extended(b: &mut FunctionBuilder, d: DType, v: Value) -> Value {
    if d.is_signed() { b.ins().sextend(types::I32, v) } else { b.ins().uextend(types::I32, v) }
}

/// An i32 scalar or register cut to what a lane of the type holds.
pub fn wrapped(b: &mut FunctionBuilder, d: DType, v: Value) -> Value {
    if d.is_signed() {
        let by = b.ins().iconst(types::I32, i64::from(32 - d.bits()));
        let v = b.ins().ishl(v, by);
        return b.ins().sshr(v, by);
    }
    let mask = constant(b, v, (1 << d.bits()) - 1);
    b.ins().band(v, mask)
}

/// Consecutive elements of a narrow type from an address.
pub fn load(b: &mut FunctionBuilder, d: DType, address: Value, offset: i32, count: usize) -> Regs {
    let mut regs = Regs::new();
    let signed = d.is_signed();
    if d.size() == 2 {
        for r in 0..count as i32 {
            regs.push(if signed {
                b.ins().sload16x4(memory(), address, offset + 8 * r)
            } else {
                b.ins().uload16x4(memory(), address, offset + 8 * r)
            });
        }
        return regs;
    }
    for r in (0..count - count % 2).step_by(2) {
        let at = offset + 4 * r as i32;
        if signed {
            let v = b.ins().sload8x8(memory(), address, at);
            regs.push(b.ins().swiden_low(v));
            regs.push(b.ins().swiden_high(v));
        } else {
            let v = b.ins().uload8x8(memory(), address, at);
            regs.push(b.ins().uwiden_low(v));
            regs.push(b.ins().uwiden_high(v));
        }
    }
    if count % 2 == 1 {
        let four = b.ins().load(types::I32, memory(), address, offset + 4 * (count as i32 - 1));
        let v = b.ins().scalar_to_vector(types::I32X4, four);
        let v = bitcast(b, types::I8X16, v);
        regs.push(if signed {
            let v = b.ins().swiden_low(v);
            b.ins().swiden_low(v)
        } else {
            let v = b.ins().uwiden_low(v);
            b.ins().uwiden_low(v)
        });
    }
    regs
}

/// Lanes of a narrow type to consecutive elements.
pub fn store(b: &mut FunctionBuilder, d: DType, regs: &[Value], address: Value, offset: i32) {
    // Registers of lanes in one of memory.
    let per = 4 / d.size();
    for (n, part) in regs.chunks(per).enumerate() {
        let at = |r: usize| part[r.min(part.len() - 1)];
        let first = halves(b, d, at(0), at(1));
        let v = if d.size() == 2 {
            first
        } else {
            let second = halves(b, d, at(2), at(3));
            if d.is_signed() {
                b.ins().snarrow(first, second)
            } else {
                b.ins().unarrow(first, second)
            }
        };
        let offset = offset + (n * per * 4 * d.size()) as i32;
        // Bytes that one register of lanes takes in memory.
        let each = 4 * d.size() as i32;
        if part.len() == per {
            b.ins().store(memory(), v, address, offset);
            continue;
        }
        for r in 0..part.len() {
            let t = if each == 8 { types::I64X2 } else { types::I32X4 };
            let lanes = bitcast(b, t, v);
            let piece = b.ins().extractlane(lanes, r as u8);
            b.ins().store(memory(), piece, address, offset + each * r as i32);
        }
    }
}

/// Two registers of lanes as one of 16-bit lanes.
fn halves(b: &mut FunctionBuilder, d: DType, low: Value, high: Value) -> Value {
    // Bytes fit into signed 16 bits, with or without a sign.
    if d.size() == 2 && !d.is_signed() {
        b.ins().unarrow(low, high)
    } else {
        b.ins().snarrow(low, high)
    }
}

/// Lanes of a narrow type in the one that it is widened to, or back.
pub fn convert(b: &mut FunctionBuilder, from: DType, to: DType, x: &[Value]) -> Regs {
    let mut regs = Regs::new();
    for &v in x {
        regs.push(match (from.is_narrow(), from.is_float()) {
            (true, true) => to_single(b, from, v),
            (true, false) => v,
            (false, true) => from_single(b, to, v),
            (false, false) => wrapped(b, to, v),
        });
    }
    regs
}

/// The same bits as another narrow type of the same width.
pub fn reinterpret(b: &mut FunctionBuilder, from: DType, to: DType, v: Value) -> Value {
    if from.is_signed() == to.is_signed() { v } else { wrapped(b, to, v) }
}

/// An int constant of the type of another value, scalar or vector.
fn constant(b: &mut FunctionBuilder, like: Value, bits: u32) -> Value {
    let t = b.func.dfg.value_type(like);
    if t.is_vector() {
        repeat(b, t, bits.into())
    } else {
        b.ins().iconst(t, i64::from(bits as i32))
    }
}

/// A float constant beside a float value.
fn float(b: &mut FunctionBuilder, like: Value, bits: u32) -> Value {
    let t = b.func.dfg.value_type(like);
    if t.is_vector() {
        repeat(b, t, bits.into())
    } else {
        b.ins().f32const(cranelift_codegen::ir::immediates::Ieee32::with_bits(bits))
    }
}

fn int_type(b: &FunctionBuilder, v: Value) -> Type {
    if b.func.dfg.value_type(v).is_vector() { types::I32X4 } else { types::I32 }
}

fn float_type(b: &FunctionBuilder, v: Value) -> Type {
    if b.func.dfg.value_type(v).is_vector() { types::F32X4 } else { types::F32 }
}

/// `x` where the comparison with a constant holds, else `y`. The sign bit of the compared value is
/// clear.
fn choose(
    b: &mut FunctionBuilder,
    (order, a, bits): (IntCC, Value, u32),
    x: Value,
    y: Value,
) -> Value {
    let bound = constant(b, a, bits);
    let holds = b.ins().icmp(order, a, bound);
    if b.func.dfg.value_type(a).is_vector() {
        b.ins().bitselect(holds, x, y)
    } else {
        b.ins().select(holds, x, y)
    }
}

fn by(b: &mut FunctionBuilder, amount: i64) -> Value {
    b.ins().iconst(types::I32, amount)
}

/// A narrow float, given as the i32s that lanes hold, as f32.
pub fn to_single(b: &mut FunctionBuilder, d: DType, x: Value) -> Value {
    let (t, zero, quiet) = (float_type(b, x), constant(b, x, 0), constant(b, x, 0x0040_0000));
    let sign_mask = constant(b, x, 0x8000);
    let size_mask = constant(b, x, 0x7fff);
    let size = b.ins().band(x, size_mask);
    if d == DType::BF16 {
        let sixteen = by(b, 16);
        let bits = b.ins().ishl(x, sixteen);
        let nan = choose(b, (IntCC::SignedGreaterThan, size, 0x7f80), quiet, zero);
        let bits = b.ins().bor(bits, nan);
        return bitcast(b, t, bits);
    }
    let sixteen = by(b, 16);
    let thirteen = by(b, 13);
    let sign = b.ins().band(x, sign_mask);
    let sign = b.ins().ishl(sign, sixteen);
    let size = b.ins().ishl(size, thirteen);
    // A multiplication adds the exponent's bias; it is exact and covers subnormals.
    let small = bitcast(b, t, size);
    let power = float(b, small, 0x7780_0000);
    let scaled = b.ins().fmul(small, power);
    let t_int = int_type(b, x);
    let bits = bitcast(b, t_int, scaled);
    let most = constant(b, x, 0x7f80_0000);
    let infinite = choose(b, (IntCC::SignedGreaterThanOrEqual, size, 0x0f80_0000), most, zero);
    let nan = choose(b, (IntCC::SignedGreaterThan, size, 0x0f80_0000), quiet, zero);
    let bits = b.ins().bor(bits, infinite);
    let bits = b.ins().bor(bits, nan);
    let bits = b.ins().bor(bits, sign);
    bitcast(b, t, bits)
}

/// An f32 rounded to nearest even, as the i32s that lanes of the narrow float hold.
pub fn from_single(b: &mut FunctionBuilder, d: DType, x: Value) -> Value {
    let t = int_type(b, x);
    let bits = bitcast(b, t, x);
    let mask = constant(b, bits, 0x7fff_ffff);
    let size = b.ins().band(bits, mask);
    let one = constant(b, bits, 1);
    let sixteen = by(b, 16);
    let high = b.ins().ushr(bits, sixteen);
    if d == DType::BF16 {
        let odd = b.ins().band(high, one);
        let half = constant(b, bits, 0x7fff);
        let up = b.ins().iadd(bits, half);
        let up = b.ins().iadd(up, odd);
        let rounded = b.ins().ushr(up, sixteen);
        let quiet = constant(b, bits, 0x40);
        let nan = b.ins().bor(high, quiet);
        return choose(b, (IntCC::SignedGreaterThan, size, 0x7f80_0000), nan, rounded);
    }
    let sign_mask = constant(b, bits, 0x8000);
    let sign = b.ins().band(high, sign_mask);
    let thirteen = by(b, 13);
    let cut = b.ins().ushr(size, thirteen);
    // For subnormals, adding 1/2 leaves the rounded number in the last bits.
    let positive = float_type(b, x);
    let positive = bitcast(b, positive, size);
    let half = float(b, positive, 0x3f00_0000);
    let added = b.ins().fadd(positive, half);
    let added = bitcast(b, t, added);
    let base = constant(b, bits, 0x3f00_0000);
    let subnormal = b.ins().isub(added, base);
    // For other numbers, add the exponent's bias and half of the last place, less one if the last
    // digit is even.
    let odd = b.ins().band(cut, one);
    let bias = constant(b, bits, 0xc800_0fff);
    let up = b.ins().iadd(size, bias);
    let up = b.ins().iadd(up, odd);
    let normal = b.ins().ushr(up, thirteen);
    let result = choose(b, (IntCC::SignedLessThan, size, 0x3880_0000), subnormal, normal);
    let infinity = constant(b, bits, 0x7c00);
    let result = choose(b, (IntCC::SignedGreaterThanOrEqual, size, 0x4780_0000), infinity, result);
    let payload = constant(b, bits, 0x3ff);
    let nan = b.ins().band(cut, payload);
    let quiet = constant(b, bits, 0x7e00);
    let nan = b.ins().bor(nan, quiet);
    let result = choose(b, (IntCC::SignedGreaterThan, size, 0x7f80_0000), nan, result);
    b.ins().bor(result, sign)
}
