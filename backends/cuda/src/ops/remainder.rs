//! The exact remainder of floats, `x - y trunc(x / y)` without any rounding: a loop that divides
//! mantissas as integers, eleven bits of the quotient at a time. An f32 goes through f64, which
//! holds its remainder exactly.

use super::forms::bits;
use crate::ptx::{Class, Code, Value};
use cotangent_jit::DType;

const MANTISSA: u64 = (1 << 52) - 1;
const ONE: u64 = 1 << 52;

pub fn remainder(c: &mut Code, d: DType, x: Value, y: Value) -> Value {
    let y = c.held(y);
    if d == DType::F64 {
        return double(c, x, y);
    }
    let [x, y] = [x, y].map(|v| c.get(Class::B64, "cvt.f64.f32", format_args!("{v}")));
    let r = double(c, x, y);
    c.get(Class::B32, "cvt.rn.f32.f64", format_args!("{r}"))
}

fn long(c: &mut Code, mnemonic: &str, x: Value, y: impl std::fmt::Display) -> Value {
    c.get(Class::B64, mnemonic, format_args!("{x}, {y}"))
}

fn double(c: &mut Code, x: Value, y: Value) -> Value {
    let done = c.label();
    let size = |c: &mut Code, v: Value| bits(c, "and", Class::B64, v, Value::long(i64::MAX));
    let (a, b) = (size(c, x), size(c, y));
    // A NaN, an infinite dividend or a zero divisor give NaN: x y / (x y).
    let product = long(c, "mul.rn.f64", x, y);
    let nan = long(c, "div.rn.f64", product, product);
    let result = c.copy(nan);
    let zero = c.get(Class::Pred, "setp.eq.u64", format_args!("{b}, 0"));
    c.put(format_args!("@{zero} bra {done}"));
    let infinity = Value::Constant(Class::B64, f64::INFINITY.to_bits());
    let endless = c.get(Class::Pred, "setp.ge.u64", format_args!("{a}, {infinity}"));
    c.put(format_args!("@{endless} bra {done}"));
    let odd = c.get(Class::Pred, "setp.gt.u64", format_args!("{b}, {infinity}"));
    c.put(format_args!("@{odd} bra {done}"));
    c.set(result, x);
    let less = c.get(Class::Pred, "setp.lt.u64", format_args!("{a}, {b}"));
    c.put(format_args!("@{less} bra {done}"));
    let (m, exponent) = parts(c, a);
    let (n, last) = parts(c, b);
    let r = long(c, "rem.u64", m, n);
    let left = c.get(Class::B32, "sub.s32", format_args!("{exponent}, {last}"));
    let (again, ready) = (c.label(), c.label());
    c.place(again);
    let end = c.get(Class::Pred, "setp.le.s32", format_args!("{left}, 0"));
    c.put(format_args!("@{end} bra {ready}"));
    let step = c.get(Class::B32, "min.s32", format_args!("{left}, 11"));
    let more = long(c, "shl.b64", r, step);
    c.put(format_args!("rem.u64 {r}, {more}, {n}"));
    c.put(format_args!("sub.s32 {left}, {left}, {step}"));
    c.put(format_args!("bra {again}"));
    c.place(ready);
    // The remainder is r 2^(last - 1075), in two exact steps.
    let whole = c.get(Class::B64, "cvt.rn.f64.u64", format_args!("{r}"));
    let scale = c.get(Class::B32, "sub.s32", format_args!("{last}, 1075"));
    let half = c.get(Class::B32, "shr.s32", format_args!("{scale}, 1"));
    let rest = c.get(Class::B32, "sub.s32", format_args!("{scale}, {half}"));
    let mut value = whole;
    for by in [half, rest] {
        let power = power_of_two(c, by);
        value = long(c, "mul.rn.f64", value, power);
    }
    let sign = bits(c, "and", Class::B64, x, Value::long(i64::MIN));
    let signed = bits(c, "or", Class::B64, value, sign);
    c.set(result, signed);
    c.place(done);
    result
}

/// The mantissa of 53 bits and the exponent of a positive number; that of a subnormal number goes
/// below 1.
fn parts(c: &mut Code, v: Value) -> (Value, Value) {
    let biased = long(c, "shr.u64", v, 52);
    let biased = c.get(Class::B32, "cvt.u32.u64", format_args!("{biased}"));
    let small = c.get(Class::Pred, "setp.eq.s32", format_args!("{biased}, 0"));
    let fraction = bits(c, "and", Class::B64, v, Value::long(MANTISSA as i64));
    let normal = bits(c, "or", Class::B64, fraction, Value::long(ONE as i64));
    let zeros = c.get(Class::B32, "clz.b64", format_args!("{v}"));
    let up = c.get(Class::B32, "sub.s32", format_args!("{zeros}, 11"));
    let shifted = long(c, "shl.b64", v, up);
    let down = c.get(Class::B32, "sub.s32", format_args!("1, {up}"));
    let m = c.get(Class::B64, "selp.b64", format_args!("{shifted}, {normal}, {small}"));
    (m, c.get(Class::B32, "selp.b32", format_args!("{down}, {biased}, {small}")))
}

/// `2^n` for a normal power.
pub fn power_of_two(c: &mut Code, n: Value) -> Value {
    let biased = c.get(Class::B32, "add.s32", format_args!("{n}, 1023"));
    let biased = c.get(Class::B64, "cvt.s64.s32", format_args!("{biased}"));
    c.get(Class::B64, "shl.b64", format_args!("{biased}, 52"))
}
