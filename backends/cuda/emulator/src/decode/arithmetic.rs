//! Arithmetic of integers and bits: each opcode and type as a function of one lane's operands.

use super::line::Line;
use crate::fault::{Fault, FaultKind};
use crate::instruction::{Binary, Class, Op, Ternary, Unary, Value};
use crate::types::{Kind, Type, mask};

pub type Decoded = Result<(Class, Op), Fault>;

/// A function of integers as a function of bits.
macro_rules! bits {
    ($t:ty, $u:ty, $x:ident, $body:expr) => {
        |$x: u64| {
            let $x = $x as $t;
            ($body) as $u as u64
        }
    };
    ($t:ty, $u:ty, $x:ident $y:ident, $body:expr) => {
        |$x: u64, $y: u64| {
            let ($x, $y) = ($x as $t, $y as $t);
            ($body) as $u as u64
        }
    };
    ($t:ty, $u:ty, $x:ident $y:ident $z:ident, $body:expr) => {
        |$x: u64, $y: u64, $z: u64| {
            let ($x, $y, $z) = ($x as $t, $y as $t, $z as $t);
            ($body) as $u as u64
        }
    };
}

/// The function at an integer type.
macro_rules! by_type {
    ($ty:expr, $f:ty, |$($x:ident),*| $body:expr) => {
        match ($ty.is_signed(), $ty.bits) {
            (false, 16) => bits!(u16, u16, $($x)*, $body) as $f,
            (false, 32) => bits!(u32, u32, $($x)*, $body) as $f,
            (false, _) => bits!(u64, u64, $($x)*, $body) as $f,
            (true, 16) => bits!(i16, u16, $($x)*, $body) as $f,
            (true, 32) => bits!(i32, u32, $($x)*, $body) as $f,
            (true, _) => bits!(i64, u64, $($x)*, $body) as $f,
        }
    };
}

/// The function at two widths of a type of bits.
macro_rules! by_width {
    ($ty:expr, $f:ty, |$($x:ident),*| $body:expr) => {
        match $ty.bits {
            32 => bits!(u32, u32, $($x)*, $body) as $f,
            _ => bits!(u64, u64, $($x)*, $body) as $f,
        }
    };
}

impl Line<'_, '_, '_> {
    /// The last modifier: a type of one of these kinds and widths.
    pub fn ty_of(&mut self, kinds: &[Kind], widths: &[u32]) -> Result<Type, Fault> {
        let ty = self.ty()?;
        match kinds.contains(&ty.kind) && widths.contains(&ty.bits) {
            true => Ok(ty),
            false => Err(self.fault(FaultKind::Type, format!("has no type {ty}"))),
        }
    }

    fn integer(&mut self) -> Result<Type, Fault> {
        self.ty_of(&[Kind::Unsigned, Kind::Signed], &[16, 32, 64])
    }

    pub fn unary(&mut self, class: Class, ty: Type, f: Unary) -> Decoded {
        self.end(2..=2)?;
        Ok((class, Op::Unary { f, d: self.d(ty)?, a: self.source(1, ty)? }))
    }

    pub fn binary(&mut self, class: Class, ty: Type, f: Binary) -> Decoded {
        self.end(3..=3)?;
        let (d, a, b) = (self.d(ty)?, self.source(1, ty)?, self.source(2, ty)?);
        Ok((class, Op::Binary { f, d, a, b }))
    }

    pub fn ternary(&mut self, class: Class, types: [Type; 4], f: Ternary) -> Decoded {
        self.end(4..=4)?;
        let d = self.d(types[0])?;
        let (a, b) = (self.source(1, types[1])?, self.source(2, types[2])?);
        Ok((class, Op::Ternary { f, d, a, b, c: self.source(3, types[3])? }))
    }
}

/// `add`, `sub`, `min`, `max`, `neg`, `abs` of integers.
pub fn simple(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.integer()?;
    let f: Binary = match line.base {
        "add" => by_type!(ty, Binary, |a, b| a.wrapping_add(b)),
        "sub" => by_type!(ty, Binary, |a, b| a.wrapping_sub(b)),
        "min" => by_type!(ty, Binary, |a, b| a.min(b)),
        "max" => by_type!(ty, Binary, |a, b| a.max(b)),
        "neg" if ty.is_signed() => {
            return line.unary(Class::Integer, ty, by_type!(ty, Unary, |a| a.wrapping_neg()));
        }
        "abs" if ty.is_signed() => {
            let f: Unary = match ty.bits {
                16 => bits!(i16, u16, a, a.wrapping_abs()),
                32 => bits!(i32, u32, a, a.wrapping_abs()),
                _ => bits!(i64, u64, a, a.wrapping_abs()),
            };
            return line.unary(Class::Integer, ty, f);
        }
        _ => return Err(line.unsupported()),
    };
    line.binary(Class::Integer, ty, f)
}

pub fn divide(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.integer()?;
    let f: Binary = match line.base {
        "div" => by_type!(ty, Binary, |a, b| if b == 0 { 0 } else { a.wrapping_div(b) }),
        _ => by_type!(ty, Binary, |a, b| if b == 0 { 0 } else { a.wrapping_rem(b) }),
    };
    line.end(3..=3)?;
    let (d, a, b) = (line.d(ty)?, line.source(1, ty)?, line.source(2, ty)?);
    Ok((Class::Integer, Op::Divide { f, d, a, b }))
}

/// `mul` and `mad` of integers: `.lo`, `.hi`, `.wide`.
pub fn multiply(line: &mut Line<'_, '_, '_>) -> Decoded {
    let adds = line.base == "mad";
    if line.take("wide") {
        let ty = line.ty_of(&[Kind::Unsigned, Kind::Signed], &[16, 32])?;
        let wide = Type { bits: 2 * ty.bits, ..ty };
        let f: Ternary = match (ty.is_signed(), ty.bits) {
            (false, 16) => |a, b, c| (a as u32 * b as u32).wrapping_add(c as u32).into(),
            (false, _) => |a, b, c| (a * b).wrapping_add(c),
            (true, 16) => |a, b, c| {
                let product = i32::from(a as i16) * i32::from(b as i16);
                product.wrapping_add(c as i32) as u32 as u64
            },
            (true, _) => |a, b, c| {
                let product = i64::from(a as i32) * i64::from(b as i32);
                product.wrapping_add(c as i64) as u64
            },
        };
        return match adds {
            true => line.ternary(Class::Integer, [wide, ty, ty, wide], f),
            false => product(line, wide, ty, f),
        };
    }
    let Some(high) = line.choose(&[("lo", false), ("hi", true)]) else {
        return Err(line.unsupported());
    };
    let ty = line.integer()?;
    let f: Ternary = match high {
        false => by_type!(ty, Ternary, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        true => by_type!(ty, Ternary, |a, b, c| high_half(a, b, c)),
    };
    match adds {
        true => line.ternary(Class::Integer, [ty; 4], f),
        false => product(line, ty, ty, f),
    }
}

/// A product is a sum with zero.
fn product(line: &mut Line<'_, '_, '_>, to: Type, ty: Type, f: Ternary) -> Decoded {
    line.end(3..=3)?;
    let (d, a, b) = (line.d(to)?, line.source(1, ty)?, line.source(2, ty)?);
    Ok((Class::Integer, Op::Ternary { f, d, a, b, c: Value::Literal(0) }))
}

/// The high half of a product, plus a number.
trait High: Sized {
    fn high_half(self, b: Self, c: Self) -> Self;
}

macro_rules! high {
    ($($t:ty)*) => {$(
        impl High for $t {
            fn high_half(self, b: $t, c: $t) -> $t {
                let product = i128::from(self).wrapping_mul(i128::from(b));
                ((product >> <$t>::BITS) as $t).wrapping_add(c)
            }
        }
    )*};
}

high!(u16 u32 u64 i16 i32 i64);

fn high_half<T: High>(a: T, b: T, c: T) -> T {
    a.high_half(b, c)
}

/// `and`, `or`, `xor`, `not` of bits.
pub fn logic(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.ty_of(&[Kind::Bits], &[16, 32, 64])?;
    let f: Binary = match line.base {
        "and" => |a, b| a & b,
        "or" => |a, b| a | b,
        "xor" => |a, b| a ^ b,
        _ => {
            let f: Unary = match ty.bits {
                16 => |a| !a & 0xffff,
                32 => |a| !a & 0xffff_ffff,
                _ => |a| !a,
            };
            return line.unary(Class::Integer, ty, f);
        }
    };
    line.binary(Class::Integer, ty, f)
}

/// `shl` and `shr`, whose amounts are of 32 bits and clamp to the width.
pub fn shift(line: &mut Line<'_, '_, '_>) -> Decoded {
    let left = line.base == "shl";
    let kinds: &[Kind] =
        if left { &[Kind::Bits] } else { &[Kind::Bits, Kind::Unsigned, Kind::Signed] };
    let ty = line.ty_of(kinds, &[16, 32, 64])?;
    let f: Binary = match (left, ty.is_signed(), ty.bits) {
        (true, _, 16) => |a, n| if n > 15 { 0 } else { (a as u16).wrapping_shl(n as u32).into() },
        (true, _, 32) => |a, n| if n > 31 { 0 } else { (a as u32).wrapping_shl(n as u32).into() },
        (true, _, _) => |a, n| if n > 63 { 0 } else { a << n },
        (_, false, _) => |a, n| if n > 63 { 0 } else { a >> n },
        (_, true, 16) => |a, n| ((a as i16) >> n.min(15)) as u16 as u64,
        (_, true, 32) => |a, n| ((a as i32) >> n.min(31)) as u32 as u64,
        (_, true, _) => |a, n| ((a as i64) >> n.min(63)) as u64,
    };
    line.end(3..=3)?;
    let (d, a, b) = (line.d(ty)?, line.source(1, ty)?, line.source(2, Type::unsigned(32))?);
    Ok((Class::Integer, Op::Binary { f, d, a, b }))
}

pub fn funnel(line: &mut Line<'_, '_, '_>) -> Decoded {
    let left = line.choose(&[("l", true), ("r", false)]);
    let wraps = line.choose(&[("wrap", true), ("clamp", false)]);
    let ty = line.ty_of(&[Kind::Bits], &[32])?;
    let f: Ternary = match (left, wraps) {
        (Some(true), Some(true)) => |a, b, n| ((b << 32 | a) << (n & 31)) >> 32,
        (Some(true), Some(false)) => {
            |a, b, n| (u128::from(b << 32 | a) << n.min(32) >> 32) as u32 as u64
        }
        (Some(false), Some(true)) => |a, b, n| (b << 32 | a) >> (n & 31) & 0xffff_ffff,
        (Some(false), Some(false)) => |a, b, n| (b << 32 | a) >> n.min(32) & 0xffff_ffff,
        _ => return Err(line.unsupported()),
    };
    line.ternary(Class::Integer, [ty, ty, ty, Type::unsigned(32)], f)
}

/// `popc`, `clz`, whose results are of 32 bits, and `brev`.
pub fn count(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.ty_of(&[Kind::Bits], &[32, 64])?;
    let f: Unary = match line.base {
        "popc" => |a| a.count_ones().into(),
        "clz" => by_width!(ty, Unary, |a| a.leading_zeros()),
        _ => {
            return line.unary(Class::Integer, ty, by_width!(ty, Unary, |a| a.reverse_bits()));
        }
    };
    line.end(2..=2)?;
    let (d, a) = (line.d(Type::unsigned(32))?, line.source(1, ty)?);
    Ok((Class::Integer, Op::Unary { f, d, a }))
}

/// `bfe`
pub fn extract(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.ty_of(&[Kind::Unsigned, Kind::Signed], &[32, 64])?;
    let f: Ternary = match (ty.is_signed(), ty.bits) {
        (false, 32) => |a, at, len| field(a, at, len, 32, false),
        (false, _) => |a, at, len| field(a, at, len, 64, false),
        (true, 32) => |a, at, len| field(a, at, len, 32, true),
        (true, _) => |a, at, len| field(a, at, len, 64, true),
    };
    let amount = Type::unsigned(32);
    line.ternary(Class::Integer, [ty, ty, amount, amount], f)
}

fn field(a: u64, at: u64, len: u64, bits: u32, signed: bool) -> u64 {
    let (at, len) = ((at & 0xff) as u32, (len & 0xff) as u32);
    let whole = mask(bits);
    let found = if at >= bits { 0 } else { a >> at };
    let kept = mask(len.min(bits.saturating_sub(at))) & whole;
    let last = (at + len).saturating_sub(1).min(bits - 1);
    let sign = signed && len > 0 && a >> last & 1 == 1;
    (found & kept) | if sign { whole & !kept } else { 0 }
}

/// `bfi`
pub fn insert(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.ty_of(&[Kind::Bits], &[32, 64])?;
    line.end(5..=5)?;
    let amount = Type::unsigned(32);
    let (d, a, b) = (line.d(ty)?, line.source(1, ty)?, line.source(2, ty)?);
    let from = [a, b, line.source(3, amount)?, line.source(4, amount)?];
    Ok((Class::Integer, Op::Insert { bits: ty.bits, d, from }))
}

/// `prmt`, without modes.
pub fn permute(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.ty_of(&[Kind::Bits], &[32])?;
    let f: Ternary = |a, b, selector| {
        let bytes = (b << 32 | a).to_le_bytes();
        let byte = |n: u64| {
            let chosen = selector >> (4 * n);
            let found = bytes[(chosen & 7) as usize];
            let sign = if found & 0x80 != 0 { 0xff } else { 0 };
            u64::from(if chosen & 8 != 0 { sign } else { found }) << (8 * n)
        };
        (0..4).map(byte).sum()
    };
    line.ternary(Class::Integer, [ty; 4], f)
}

pub fn lop3(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = line.ty_of(&[Kind::Bits], &[32])?;
    line.end(5..=5)?;
    let from = [line.source(1, ty)?, line.source(2, ty)?, line.source(3, ty)?];
    let d = line.d(ty)?;
    match line.source(4, Type::unsigned(32))? {
        Value::Literal(table @ 0..=255) => {
            Ok((Class::Integer, Op::Lop3 { table: table as u8, d, from }))
        }
        _ => Err(line.fault(FaultKind::Type, "the table must be a literal byte")),
    }
}
