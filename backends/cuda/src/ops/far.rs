//! sin, cos and tan of huge arguments by exact reduction: `cotangent_jit::math::far`, step by step.
//!
//! That is hundreds of instructions that hardly anybody needs. So they are functions of the module,
//! which entries call where an argument is huge: the code of an entry with many sines stays short.
//!
//! The method is explained there. Here a number of 320 bits is five words, the most significant
//! first.

use super::convert;
use super::forms::{bits, select};
use super::remainder::power_of_two;
use crate::ptx::{self, Class, Code, Value};
use cotangent_jit::math::far::{self, Function};
use cotangent_jit::{DType, Error};
use std::fmt::Display;

/// The name of the constant array of the bits of `2 / pi`.
const TABLE: &str = "two_over_pi";

/// The name of a function in the module.
fn name(function: Function) -> &'static str {
    match function {
        Function::Sin => "far_sin",
        Function::Cos => "far_cos",
        Function::Tan => "far_tan",
    }
}

/// What a module declares before entries of which `mentioned` tells whether one names a function.
pub fn declarations(mentioned: impl Fn(&str) -> bool) -> String {
    let all = [Function::Sin, Function::Cos, Function::Tan];
    let called: Vec<Function> = all.into_iter().filter(|f| mentioned(name(*f))).collect();
    if called.is_empty() {
        return String::new();
    }
    let words: Vec<String> = far::TWO_OVER_PI.iter().map(|w| format!("{w:#x}")).collect();
    let table =
        format!(".const .align 8 .b64 {TABLE}[{}] = {{{}}};\n", words.len(), words.join(", "));
    table + &called.into_iter().map(definition).collect::<String>()
}

/// A function of an f64 beyond reach.
fn definition(function: Function) -> String {
    let mut c = Code::default();
    let x = c.get(Class::B64, "mov.b64", format_args!("{}", ptx::ARGUMENT));
    let size = bits(&mut c, "and", Class::B64, x, Value::long(i64::MAX));
    let (high, low, quadrant) = reduce(&mut c, x, size);
    let value = evaluate(&mut c, function, high, low, quadrant);
    // An infinity gives NaN.
    let infinity = double(f64::INFINITY);
    let endless = test(&mut c, "setp.eq.f64", size, infinity.float());
    let value = select(&mut c, endless, double(f64::NAN), value);
    ptx::function(name(function), value, &c)
}

/// The function of `x` where `|x|` is beyond reach, elsewhere `near`.
pub fn value(
    c: &mut Code,
    function: Function,
    d: DType,
    x: Value,
    near: Value,
) -> Result<Value, Error> {
    let result = c.copy(near);
    let x = convert::convert(c, d, DType::F64, x)?;
    let x = c.held(x);
    let size = bits(c, "and", Class::B64, x, Value::long(i64::MAX));
    let reach = double(far::reach(d));
    let far = test(c, "setp.gt.f64", size, reach.float());
    let done = c.label();
    c.put(format_args!("@!{far} bra {done}"));
    let value = c.register(Class::B64);
    c.put(format_args!("call ({value}), {}, ({x})", name(function)));
    let value = convert::convert(c, DType::F64, d, value)?;
    c.set(result, value);
    c.place(done);
    Ok(result)
}

fn double(x: f64) -> Value {
    Value::Constant(Class::B64, x.to_bits())
}

fn long(c: &mut Code, mnemonic: &str, x: impl Display, y: impl Display) -> Value {
    c.get(Class::B64, mnemonic, format_args!("{x}, {y}"))
}

fn word(c: &mut Code, mnemonic: &str, x: impl Display, y: impl Display) -> Value {
    c.get(Class::B32, mnemonic, format_args!("{x}, {y}"))
}

fn test(c: &mut Code, mnemonic: &str, x: impl Display, y: impl Display) -> Value {
    c.get(Class::Pred, mnemonic, format_args!("{x}, {y}"))
}

type Words = [Value; 5];

/// `(high, low, n)`: `x = high + low + n pi/2` modulo whole turns.
fn reduce(c: &mut Code, x: Value, size: Value) -> (Value, Value, Value) {
    let exponent = long(c, "shr.u64", size, 52);
    let exponent = c.get(Class::B32, "cvt.u32.u64", format_args!("{exponent}"));
    // An infinity stays inside of the table; its result is not used.
    let exponent = word(c, "min.s32", exponent, 2046);
    let exponent = word(c, "sub.s32", exponent, 1075);
    let fraction = long(c, "and.b64", size, (1u64 << 52) - 1);
    let mantissa = long(c, "or.b64", fraction, 1u64 << 52);
    let first = word(c, "sub.s32", exponent, 2);
    let first = word(c, "max.s32", first, 0);
    let product = product(c, first, mantissa);
    let behind = word(c, "sub.s32", first, exponent);
    let behind = word(c, "add.s32", behind, 256);
    let up = word(c, "sub.s32", 320, behind);
    // The quadrant is the two bits before the point, once the bits behind it come first.
    let above = {
        let more = word(c, "sub.s32", up, 2);
        let whole = shifted(c, &product, more);
        long(c, "shr.u64", whole[0], 62)
    };
    let mut product = shifted(c, &product, up);
    let quadrant = c.get(Class::B32, "cvt.u32.u64", format_args!("{above}"));
    let over = test(c, "setp.lt.s64", product[0], 0);
    let one = word_of(c, over);
    let quadrant = word(c, "add.s32", quadrant, one);
    negate_if(c, &mut product, over);
    let (product, zeros) = normalized(c, product);
    let (high, low) = times_half_pi(c, product[0], product[1]);
    let below = word(c, "sub.s32", -127, zeros);
    let unit = power_of_two(c, below);
    let empty = test(c, "setp.ge.s32", zeros, 320);
    let unit = select(c, empty, Value::long(0), unit);
    let below_zero = test(c, "setp.lt.s64", x, 0);
    let negative = bits(c, "xor", Class::Pred, over, below_zero);
    let opposite = long(c, "xor.b64", unit, format_args!("{:#x}", 1u64 << 63));
    let sign = select(c, negative, opposite, unit);
    let mirrored = word(c, "sub.s32", 4, quadrant);
    let quadrant = select(c, below_zero, mirrored, quadrant);
    let quadrant = word(c, "and.b32", quadrant, 3);
    let [high, low] = [high, low].map(|v| long(c, "mul.rn.f64", v, sign));
    (high, low, quadrant)
}

/// 1 or 0.
fn word_of(c: &mut Code, p: Value) -> Value {
    c.get(Class::B32, "selp.b32", format_args!("1, 0, {p}"))
}

/// 256 bits of `2 / pi` from bit `first` on, times the mantissa.
fn product(c: &mut Code, first: Value, mantissa: Value) -> Words {
    let place = word(c, "shr.u32", first, 6);
    let bit = word(c, "and.b32", first, 63);
    let rest = word(c, "sub.s32", 64, bit);
    let base = c.get(Class::B64, "mov.u64", format_args!("{TABLE}"));
    let base = c.get(Class::B64, "mad.wide.u32", format_args!("{place}, 8, {base}"));
    let words: [Value; 5] = std::array::from_fn(|n| {
        c.get(Class::B64, "ld.const.b64", format_args!("[{base}+{}]", 8 * n))
    });
    let mut product = [Value::long(0); 5];
    let mut carry = Value::long(0);
    for n in (0..4).rev() {
        // A shift by 64 gives 0.
        let this = long(c, "shl.b64", words[n], bit);
        let next = long(c, "shr.u64", words[n + 1], rest);
        let window = long(c, "or.b64", this, next);
        let low = long(c, "mul.lo.u64", window, mantissa);
        let high = long(c, "mul.hi.u64", window, mantissa);
        (product[n + 1], carry) = if n == 3 {
            (low, high)
        } else {
            let sum = long(c, "add.u64", low, carry);
            let over = carried(c, sum, low);
            (sum, long(c, "add.u64", high, over))
        };
    }
    product[0] = carry;
    product
}

/// 1 if a sum is less than an operand.
fn carried(c: &mut Code, sum: Value, operand: Value) -> Value {
    let over = test(c, "setp.lt.u64", sum, operand);
    c.get(Class::B64, "selp.b64", format_args!("1, 0, {over}"))
}

/// The number shifted left by up to 127 bits.
fn shifted(c: &mut Code, words: &Words, by: Value) -> Words {
    let whole = test(c, "setp.ge.s32", by, 64);
    let bit = word(c, "and.b32", by, 63);
    let rest = word(c, "sub.s32", 64, bit);
    let at = |n: usize| words.get(n).copied().unwrap_or(Value::long(0));
    let moved: Vec<Value> = (0..6).map(|n| select(c, whole, at(n + 1), at(n))).collect();
    std::array::from_fn(|n| {
        let this = long(c, "shl.b64", moved[n], bit);
        let next = long(c, "shr.u64", moved[n + 1], rest);
        long(c, "or.b64", this, next)
    })
}

fn negate_if(c: &mut Code, words: &mut Words, p: Value) {
    let mask = c.get(Class::B64, "selp.b64", format_args!("-1, 0, {p}"));
    let mut carry = c.get(Class::B64, "selp.b64", format_args!("1, 0, {p}"));
    for word in words.iter_mut().rev() {
        let flipped = long(c, "xor.b64", *word, mask);
        let sum = long(c, "add.u64", flipped, carry);
        carry = carried(c, sum, flipped);
        *word = sum;
    }
}

/// The number without leading zeros, and their number; 320 of zero.
fn normalized(c: &mut Code, mut words: Words) -> (Words, Value) {
    let mut zeros = c.copy(Value::int(0));
    for _ in 0..5 {
        let empty = test(c, "setp.eq.u64", words[0], 0);
        let at = |n: usize| words.get(n).copied().unwrap_or(Value::long(0));
        let next: Vec<Value> = (0..5).map(|n| select(c, empty, at(n + 1), at(n))).collect();
        words = std::array::from_fn(|n| next[n]);
        let more = c.get(Class::B32, "selp.b32", format_args!("64, 0, {empty}"));
        zeros = word(c, "add.s32", zeros, more);
    }
    let bit = c.get(Class::B32, "clz.b64", format_args!("{}", words[0]));
    let bit = word(c, "and.b32", bit, 63);
    let zeros = word(c, "add.s32", zeros, bit);
    (shifted(c, &words, bit), zeros)
}

/// The upper half of the number of two words times `pi / 2`, as two floats.
fn times_half_pi(c: &mut Code, a1: Value, a0: Value) -> (Value, Value) {
    let [b1, b0] = [(far::HALF_PI >> 64) as u64, far::HALF_PI as u64].map(|w| format!("{w:#x}"));
    let below = long(c, "mul.hi.u64", a0, &b0);
    let (m1, n1) = (long(c, "mul.lo.u64", a1, &b0), long(c, "mul.lo.u64", a0, &b1));
    let (m2, n2) = (long(c, "mul.hi.u64", a1, &b0), long(c, "mul.hi.u64", a0, &b1));
    let (low, high) = (long(c, "mul.lo.u64", a1, &b1), long(c, "mul.hi.u64", a1, &b1));
    // The word under the result gives its carries.
    let s = long(c, "add.u64", below, m1);
    let first = carried(c, s, m1);
    let t = long(c, "add.u64", s, n1);
    let second = carried(c, t, n1);
    let mut sum = (high, low);
    for term in [m2, n2, first, second] {
        let low = long(c, "add.u64", sum.1, term);
        let over = carried(c, low, term);
        sum = (long(c, "add.u64", sum.0, over), low);
    }
    let (s1, s0) = sum;
    // To nearest: what lies below the upper word only breaks ties.
    let sticky = sticky(c, s0);
    let top = long(c, "or.b64", s1, sticky);
    let top = c.get(Class::B64, "cvt.rn.f64.u64", format_args!("{top}"));
    let whole = c.get(Class::B64, "cvt.rzi.u64.f64", format_args!("{top}"));
    let scale = 2f64.powi(64);
    let high = long(c, "mul.rn.f64", top, double(scale).float());
    let rest = long(c, "sub.s64", s1, whole);
    (high, difference(c, rest, s0))
}

/// 1 if any bit is set.
fn sticky(c: &mut Code, v: Value) -> Value {
    let any = test(c, "setp.ne.u64", v, 0);
    c.get(Class::B64, "selp.b64", format_args!("1, 0, {any}"))
}

/// The signed number of two words, rounded to nearest.
fn difference(c: &mut Code, high: Value, low: Value) -> Value {
    let negative = test(c, "setp.lt.s64", high, 0);
    let mut words = [Value::long(0), Value::long(0), Value::long(0), high, low];
    let mask = c.get(Class::B64, "selp.b64", format_args!("-1, 0, {negative}"));
    let mut carry = c.get(Class::B64, "selp.b64", format_args!("1, 0, {negative}"));
    for word in words[3..].iter_mut().rev() {
        let flipped = long(c, "xor.b64", *word, mask);
        let sum = long(c, "add.u64", flipped, carry);
        carry = carried(c, sum, flipped);
        *word = sum;
    }
    let (a1, a0) = (words[3], words[4]);
    let zeros = c.get(Class::B32, "clz.b64", format_args!("{a1}"));
    let used = word(c, "sub.s32", 64, zeros);
    let up = long(c, "shl.b64", a1, zeros);
    let down = long(c, "shr.u64", a0, used);
    let lost = long(c, "shl.b64", a0, zeros);
    // All of the lower word is kept if the upper one is empty.
    let all = test(c, "setp.eq.s32", used, 0);
    let lost = select(c, all, Value::long(0), lost);
    let sticky = sticky(c, lost);
    let v = long(c, "or.b64", up, down);
    let v = long(c, "or.b64", v, sticky);
    let v = c.get(Class::B64, "cvt.rn.f64.u64", format_args!("{v}"));
    let power = power_of_two(c, used);
    let v = long(c, "mul.rn.f64", v, power);
    let sign = c.get(Class::B64, "selp.b64", format_args!("{:#x}, 0, {negative}", 1u64 << 63));
    long(c, "or.b64", v, sign)
}

fn evaluate(c: &mut Code, function: Function, high: Value, low: Value, quadrant: Value) -> Value {
    let odd = word(c, "and.b32", quadrant, 1);
    let odd = test(c, "setp.ne.s32", odd, 0);
    let z = long(c, "mul.rn.f64", high, high);
    if function == Function::Tan {
        let tan = tan(c, high, low, z);
        let inverse = long(c, "div.rn.f64", double(-1.0).float(), tan);
        return select(c, odd, inverse, tan);
    }
    let (sin, cos) = (sin(c, high, low, z), cos(c, high, low, z));
    let (value, negative) = match function {
        Function::Sin => (select(c, odd, cos, sin), test(c, "setp.ge.s32", quadrant, 2)),
        _ => {
            let other = word(c, "add.s32", quadrant, 1);
            let other = word(c, "and.b32", other, 2);
            (select(c, odd, sin, cos), test(c, "setp.ne.s32", other, 0))
        }
    };
    let opposite = long(c, "xor.b64", value, format_args!("{:#x}", 1u64 << 63));
    select(c, negative, opposite, value)
}

fn fma(c: &mut Code, x: Value, y: impl Display, z: impl Display) -> Value {
    c.get(Class::B64, "fma.rn.f64", format_args!("{x}, {y}, {z}"))
}

fn poly(c: &mut Code, z: Value, of: &[f64]) -> Value {
    let Some((last, rest)) = of.split_last() else { return Value::long(0) };
    let mut sum = c.copy(double(*last));
    for k in rest.iter().rev() {
        sum = fma(c, sum, z, double(*k).float());
    }
    sum
}

fn sin(c: &mut Code, high: Value, low: Value, z: Value) -> Value {
    let p = poly(c, z, &far::SIN);
    let half = long(c, "mul.rn.f64", z, double(0.5).float());
    let half = long(c, "sub.rn.f64", double(1.0).float(), half);
    let rest = long(c, "mul.rn.f64", low, half);
    let cube = long(c, "mul.rn.f64", high, z);
    let tail = fma(c, cube, p, rest);
    long(c, "add.rn.f64", high, tail)
}

fn cos(c: &mut Code, high: Value, low: Value, z: Value) -> Value {
    let p = poly(c, z, &far::COS);
    let rest = long(c, "mul.rn.f64", high, low);
    long(c, "sub.rn.f64", p, rest)
}

fn tan(c: &mut Code, high: Value, low: Value, z: Value) -> Value {
    let (over, under) = (poly(c, z, &far::TAN), poly(c, z, &far::TAN_UNDER));
    let ratio = long(c, "div.rn.f64", over, under);
    let steep = long(c, "mul.rn.f64", z, double(1.5).float());
    let rest = fma(c, low, steep, low);
    let cube = long(c, "mul.rn.f64", high, z);
    let tail = fma(c, cube, ratio, rest);
    long(c, "add.rn.f64", high, tail)
}
