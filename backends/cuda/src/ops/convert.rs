//! Conversions, as `ScalarOp::Convert` says, and the same bits as another type.

use super::forms::{bits, name, select};
use crate::ptx::{Class, Code, Value};
use cotangent_jit::{DType, Error, Scalar, err};

/// A value in another type.
pub fn convert(c: &mut Code, from: DType, to: DType, x: Value) -> Result<Value, Error> {
    if from == to {
        return Ok(x);
    }
    if from.is_complex() || to.is_complex() {
        return Err(err!(Compile, "cuda: a conversion of complex numbers was not split"));
    }
    if from.is_float() && from.is_narrow() {
        let single = extended(c, from, x);
        return convert(c, DType::F32, to, single);
    }
    let x = c.held(x);
    Ok(if to.is_bool() {
        let test = if from.is_float() { "neu" } else { "ne" };
        let zero = Value::scalar(Scalar::zero(from));
        let mnemonic = format!("setp.{test}.{}", name(from));
        match from.is_float() {
            true => c.get(Class::Pred, &mnemonic, format_args!("{x}, {}", zero.float())),
            false => c.get(Class::Pred, &mnemonic, format_args!("{x}, {zero}")),
        }
    } else if from.is_bool() {
        let (one, zero) = (Value::scalar(Scalar::one(to)), Value::scalar(Scalar::zero(to)));
        select(c, x, one, zero)
    } else if from.is_float() && to.is_float() {
        let (s, t) = (name(from), name(to));
        match (from, to) {
            (DType::F32, DType::F64) => c.get(Class::B64, "cvt.f64.f32", format_args!("{x}")),
            (DType::F64, DType::F16 | DType::BF16) => {
                return Err(err!(Compile, "cuda: {from} to {to} was not widened"));
            }
            _ => c.get(Class::of(to), &format!("cvt.rn.{t}.{s}"), format_args!("{x}")),
        }
    } else if from.is_float() {
        float_to_int(c, from, to, x)
    } else if to.is_float() {
        if to.is_narrow() {
            return Err(err!(Compile, "cuda: {from} to {to} was not widened"));
        }
        let mnemonic = format!("cvt.rn.{}.{}", name(to), name(from));
        c.get(Class::of(to), &mnemonic, format_args!("{x}"))
    } else {
        int_to_int(c, from, to, x)
    })
}

/// The f32 of a narrow float.
fn extended(c: &mut Code, from: DType, x: Value) -> Value {
    let x = c.held(x);
    if from == DType::F16 {
        return c.get(Class::B32, "cvt.f32.f16", format_args!("{x}"));
    }
    let low = c.get(Class::B32, "cvt.u32.u16", format_args!("{x}"));
    c.get(Class::B32, "shl.b32", format_args!("{low}, 16"))
}

/// Truncates and saturates; a NaN gives 0, for which only some pairs of types have an instruction.
fn float_to_int(c: &mut Code, from: DType, to: DType, x: Value) -> Value {
    let (s, t) = (name(from), name(to));
    let class = Class::of(to);
    let n = c.get(class, &format!("cvt.rzi.{t}.{s}"), format_args!("{x}"));
    if from == DType::F32 && class == Class::B32 {
        return wrapped(c, to, n);
    }
    let odd = c.get(Class::Pred, &format!("setp.nan.{s}"), format_args!("{x}, {x}"));
    let n = c.get(class, &format!("selp.{}", class.bits()), format_args!("0, {n}, {odd}"));
    wrapped(c, to, n)
}

fn int_to_int(c: &mut Code, from: DType, to: DType, x: Value) -> Value {
    match (Class::of(from), Class::of(to)) {
        (Class::B32, Class::B64) => {
            let sign = if from.is_signed() { 's' } else { 'u' };
            c.get(Class::B64, &format!("cvt.{sign}64.{sign}32"), format_args!("{x}"))
        }
        (Class::B64, Class::B32) => {
            let low = c.get(Class::B32, "cvt.u32.u64", format_args!("{x}"));
            wrapped(c, to, low)
        }
        _ => wrapped(c, to, x),
    }
}

/// A number of 32 bits as a narrow integer lies in its register.
pub fn wrapped(c: &mut Code, to: DType, x: Value) -> Value {
    match to {
        DType::I8 => c.get(Class::B32, "cvt.s32.s8", format_args!("{x}")),
        DType::I16 => c.get(Class::B32, "cvt.s32.s16", format_args!("{x}")),
        DType::U8 => bits(c, "and", Class::B32, x, Value::int(0xff)),
        DType::U16 => bits(c, "and", Class::B32, x, Value::int(0xffff)),
        _ => x,
    }
}

/// The same bits.
pub fn bitcast(c: &mut Code, from: DType, to: DType, x: Value) -> Value {
    match (Class::of(from), Class::of(to)) {
        (Class::B16, Class::B32) => {
            let low = c.get(Class::B32, "cvt.u32.u16", format_args!("{x}"));
            wrapped(c, to, low)
        }
        (Class::B32, Class::B16) => c.get(Class::B16, "cvt.u16.u32", format_args!("{x}")),
        _ => wrapped(c, to, x),
    }
}
