//! Arithmetic of f32 and f64. Only rounding to nearest is known, and it must be written.

use super::arithmetic::Decoded;
use super::line::Line;
use crate::fault::{Fault, FaultKind};
use crate::float::{self, bits_32, bits_64, f32_of, f64_of};
use crate::instruction::{Binary, Class, Ternary, Unary};
use crate::types::{Kind, Type};

fn ty(line: &mut Line<'_, '_, '_>) -> Result<Type, Fault> {
    line.ty_of(&[Kind::Float], &[32, 64])
}

/// A function of f32 and the same of f64, by the type.
macro_rules! float {
    ($ty:expr, $f:ty, |$($x:ident),*| $body:expr) => {
        match $ty.bits {
            32 => (|$($x: u64),*| {
                $(let $x = f32_of($x);)*
                bits_32($body)
            }) as $f,
            _ => (|$($x: u64),*| {
                $(let $x = f64_of($x);)*
                bits_64($body)
            }) as $f,
        }
    };
}

/// `add.rn`, `sub.rn`, `mul.rn`, `div.rn`
pub fn binary(line: &mut Line<'_, '_, '_>) -> Decoded {
    let rounds = line.take("rn");
    if !rounds && line.base != "div" && matches!(line.peek(), "f32" | "f64") {
        let text = "without `.rn` an assembler may contract it into `fma`: write `.rn`";
        return Err(line.fault(FaultKind::Contraction, text));
    }
    if !rounds {
        return Err(line.fault(FaultKind::Unsupported, "only the rounding `.rn` is known here"));
    }
    let ty = ty(line)?;
    let f: Binary = match line.base {
        "add" => float!(ty, Binary, |a, b| a + b),
        "sub" => float!(ty, Binary, |a, b| a - b),
        "mul" => float!(ty, Binary, |a, b| a * b),
        _ => float!(ty, Binary, |a, b| a / b),
    };
    line.binary(Class::Float, ty, f)
}

/// `fma.rn`; `mad.rn` of floats is the same.
pub fn fma(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.want("rn")?;
    let ty = ty(line)?;
    let f = float!(ty, Ternary, |a, b, c| a.mul_add(b, c));
    line.ternary(Class::Float, [ty; 4], f)
}

/// `sqrt.rn`, `rcp.rn`
pub fn root(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.want("rn")?;
    let ty = ty(line)?;
    let f: Unary = match line.base {
        "sqrt" => float!(ty, Unary, |a| a.sqrt()),
        _ => float!(ty, Unary, |a| 1.0 / a),
    };
    line.unary(Class::Float, ty, f)
}

/// `neg`, `abs`: the bits of a NaN are not kept.
pub fn sign(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = ty(line)?;
    let f: Unary = match line.base {
        "neg" => float!(ty, Unary, |a| -a),
        _ => float!(ty, Unary, |a| a.abs()),
    };
    line.unary(Class::Float, ty, f)
}

/// `min`, `max`: a NaN loses, except with `.NaN`.
pub fn extreme(line: &mut Line<'_, '_, '_>) -> Decoded {
    let keeps_nan = line.take("NaN");
    let ty = ty(line)?;
    if keeps_nan {
        line.since(80, 70)?;
        if ty.bits == 64 {
            return Err(line.fault(FaultKind::Unsupported, "f64 has no `.NaN`"));
        }
    }
    let f: Binary = match (line.base, ty.bits, keeps_nan) {
        ("max", 32, false) => |a, b| bits_32(float::max(f32_of(a).into(), f32_of(b).into()) as f32),
        (_, 32, false) => |a, b| bits_32(float::min(f32_of(a).into(), f32_of(b).into()) as f32),
        ("max", 32, true) => |a, b| match f32_of(a).is_nan() || f32_of(b).is_nan() {
            true => float::NAN_32,
            false => bits_32(float::max(f32_of(a).into(), f32_of(b).into()) as f32),
        },
        (_, 32, true) => |a, b| match f32_of(a).is_nan() || f32_of(b).is_nan() {
            true => float::NAN_32,
            false => bits_32(float::min(f32_of(a).into(), f32_of(b).into()) as f32),
        },
        ("max", _, _) => |a, b| bits_64(float::max(f64_of(a), f64_of(b))),
        _ => |a, b| bits_64(float::min(f64_of(a), f64_of(b))),
    };
    line.binary(Class::Float, ty, f)
}

/// The sign of the first operand and the magnitude of the second.
pub fn copysign(line: &mut Line<'_, '_, '_>) -> Decoded {
    let ty = ty(line)?;
    let f: Binary = match ty.bits {
        32 => |a, b| (a & 1 << 31) | (b & 0x7fff_ffff),
        _ => |a, b| (a & 1 << 63) | (b & !(1 << 63)),
    };
    line.binary(Class::Float, ty, f)
}
