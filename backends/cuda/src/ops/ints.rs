//! Division, shifts and counts of integers.

use super::forms::{name, select};
use crate::ptx::{Class, Code, Value};
use cotangent_jit::DType;

/// The quotient toward zero; of a zero divisor all ones, as the op says. The machine's own result
/// is left open by its specification, so the divisor is replaced.
pub fn divide(c: &mut Code, d: DType, x: Value, y: Value) -> Value {
    let class = Class::of(d);
    let Some(zero) = zero(c, d, y) else {
        return c.get(class, &format!("div.{}", name(d)), format_args!("{x}, {y}"));
    };
    let safe = select(c, zero, Value::Constant(class, 1), y);
    let q = c.get(class, &format!("div.{}", name(d)), format_args!("{x}, {safe}"));
    let ones = Value::Constant(class, if class == Class::B64 { u64::MAX } else { 0xffff_ffff });
    select(c, zero, ones, q)
}

/// The remainder with the sign of the dividend, which a zero divisor leaves as it is.
pub fn remainder(c: &mut Code, d: DType, x: Value, y: Value) -> Value {
    let class = Class::of(d);
    let Some(zero) = zero(c, d, y) else {
        return c.get(class, &format!("rem.{}", name(d)), format_args!("{x}, {y}"));
    };
    let safe = select(c, zero, Value::Constant(class, 1), y);
    let r = c.get(class, &format!("rem.{}", name(d)), format_args!("{x}, {safe}"));
    select(c, zero, x, r)
}

/// Whether the divisor is zero; `None` if it is known not to be.
fn zero(c: &mut Code, d: DType, y: Value) -> Option<Value> {
    if y.known().is_some_and(|bits| bits != 0) {
        return None;
    }
    let y = c.held(y);
    Some(c.get(Class::Pred, &format!("setp.eq.{}", name(d)), format_args!("{y}, 0")))
}

/// The quotient and the remainder of a number of 32 bits below 2^31 by a constant.
pub fn divide_by(c: &mut Code, x: Value, by: usize) -> (Value, Value) {
    let class = Class::B32;
    if by <= 1 {
        return (x, Value::int(0));
    }
    if by.is_power_of_two() {
        let q = c.get(class, "shr.u32", format_args!("{x}, {}", by.trailing_zeros()));
        return (q, c.get(class, "and.b32", format_args!("{x}, {}", Value::int((by - 1) as i32))));
    }
    // Exact below 2^31: the factor has an error of less than one in 2^31.
    let bits = usize::BITS - (by - 1).leading_zeros();
    let factor = (1u64 << (31 + bits)) / by as u64 + 1;
    let high = c.get(class, "mul.hi.u32", format_args!("{x}, {factor:#x}"));
    let q = c.get(class, "shr.u32", format_args!("{high}, {}", bits - 1));
    let whole = Value::int((by as i32).wrapping_neg());
    (q, c.get(class, "mad.lo.s32", format_args!("{q}, {whole}, {x}")))
}

/// A shift, whose machine form takes 32 bits of the amount and clamps it to the width.
pub fn shift(c: &mut Code, mnemonic: &str, d: DType, x: Value, amount: Value) -> Value {
    let class = Class::of(d);
    let mnemonic = format!("{mnemonic}{}", d.bits());
    if class != Class::B64 {
        return c.get(class, &mnemonic, format_args!("{x}, {amount}"));
    }
    let amount = match amount.known() {
        Some(n) => Value::int(n.min(64) as i32),
        None => {
            let most = c.get(Class::B64, "min.u64", format_args!("{amount}, 64"));
            c.get(Class::B32, "cvt.u32.u64", format_args!("{most}"))
        }
    };
    c.get(class, &mnemonic, format_args!("{x}, {amount}"))
}

/// `popc` or `clz`, whose results have 32 bits.
pub fn count(c: &mut Code, mnemonic: &str, class: Class, x: Value) -> Value {
    let n = c.get(Class::B32, &format!("{mnemonic}.{}", class.bits()), format_args!("{x}"));
    match class {
        Class::B64 => c.get(Class::B64, "cvt.u64.u32", format_args!("{n}")),
        _ => n,
    }
}
