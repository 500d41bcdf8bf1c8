//! What all ops share: the types as instructions name them, bits, choices.

use crate::ptx::{Class, Code, Value};
use cotangent_jit::DType;

/// The type as instructions name it: `f32`, `s64`, `u32`.
pub fn name(d: DType) -> &'static str {
    match d {
        DType::F32 => "f32",
        DType::F64 => "f64",
        DType::I64 => "s64",
        DType::U64 => "u64",
        DType::I8 | DType::I16 | DType::I32 => "s32",
        DType::U8 | DType::U16 | DType::U32 => "u32",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        DType::Bool => "pred",
        DType::C64 | DType::C128 => unreachable!("complex numbers are split"),
    }
}

/// An instruction that takes bits of any class.
pub fn bits(c: &mut Code, mnemonic: &str, class: Class, x: Value, y: Value) -> Value {
    let y = if class == Class::Pred { c.held(y) } else { y };
    c.get(class, &format!("{mnemonic}.{}", class.bits()), format_args!("{x}, {y}"))
}

/// `p ? a : b`
pub fn select(c: &mut Code, p: Value, a: Value, b: Value) -> Value {
    if let Some(bits) = p.known() {
        return if bits != 0 { a } else { b };
    }
    let class = a.class();
    if class != Class::Pred {
        return c.get(class, &format!("selp.{}", class.bits()), format_args!("{a}, {b}, {p}"));
    }
    let (a, b) = (c.held(a), c.held(b));
    let no = c.get(Class::Pred, "not.pred", format_args!("{p}"));
    let first = bits(c, "and", Class::Pred, p, a);
    let second = bits(c, "and", Class::Pred, no, b);
    bits(c, "or", Class::Pred, first, second)
}
