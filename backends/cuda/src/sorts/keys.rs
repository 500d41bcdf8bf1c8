//! Elements as unsigned numbers in the order of a sort.

use super::body::Body;
use crate::ptx::{Class, Value};
use cotangent_jit::DType;

/// The order of elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rank {
    /// -0 equals 0, NaN comes last, all NaN are equal, false before true.
    Sort,
    /// From the greatest down. Floats are ordered by their bits, so -NaN is the least.
    Descending,
}

/// The width of keys.
pub fn bits(d: DType) -> u32 {
    d.bits()
}

/// The class of registers and memory that hold keys of so many bits.
pub fn class(bits: u32) -> Class {
    if bits <= 32 { Class::B32 } else { Class::B64 }
}

/// The bits of positive infinity.
fn infinity(d: DType) -> u64 {
    match d {
        DType::F16 => 0x7c00,
        DType::BF16 => 0x7f80,
        DType::F32 => f32::INFINITY.to_bits().into(),
        _ => f64::INFINITY.to_bits(),
    }
}

/// The key of an element, whose bits are extended by zeros.
pub fn key(b: &mut Body, d: DType, rank: Rank, x: Value) -> Value {
    let class = x.class();
    let t = class.bits();
    let ones = u64::MAX >> (64 - bits(d));
    let sign = ones ^ ones >> 1;
    let constant = |bits: u64| Value::Constant(class, bits);
    let xor = |b: &mut Body, x: Value, y: Value| {
        b.c.get(class, &format!("xor.{t}"), format_args!("{x}, {y}"))
    };
    if !d.is_float() {
        let flip =
            if d.is_signed() { sign } else { 0 } ^ if rank == Rank::Descending { ones } else { 0 };
        return if flip == 0 { x } else { xor(b, x, constant(flip)) };
    }
    // The bits of negative numbers count down.
    let (positive, negative) = match rank {
        Rank::Sort => (sign, ones),
        Rank::Descending => (ones ^ sign, 0),
    };
    let magnitude =
        b.c.get(class, &format!("and.{t}"), format_args!("{x}, {}", constant(sign - 1)));
    let u = class.unsigned();
    let below_zero = match rank {
        // Equal zeros.
        Rank::Sort => {
            let least = b.test(&format!("setp.ne.{u}"), format_args!("{magnitude}, 0"));
            let below =
                b.test(&format!("setp.ne.and.{u}"), format_args!("{x}, {magnitude}, {least}"));
            let kept = format_args!("{x}, 0, {least}");
            let x = b.c.get(class, &format!("selp.{t}"), kept);
            let flip = format_args!("{}, {}, {below}", constant(negative), constant(positive));
            let flip = b.c.get(class, &format!("selp.{t}"), flip);
            let k = xor(b, x, flip);
            let greatest = constant(infinity(d));
            let nan = b.test(&format!("setp.gt.{u}"), format_args!("{magnitude}, {greatest}"));
            let k = format_args!("{}, {k}, {nan}", constant(ones));
            return b.c.get(class, &format!("selp.{t}"), k);
        }
        Rank::Descending => b.test(&format!("setp.ne.{u}"), format_args!("{x}, {magnitude}")),
    };
    let flip = format_args!("{}, {}, {below_zero}", constant(negative), constant(positive));
    let flip = b.c.get(class, &format!("selp.{t}"), flip);
    xor(b, x, flip)
}
