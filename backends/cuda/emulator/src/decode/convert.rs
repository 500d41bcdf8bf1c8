//! `cvt`: between integers, floats, the narrow floats and those of `mma`.

use super::arithmetic::Decoded;
use super::line::{Line, Width};
use crate::fault::{Fault, FaultKind};
use crate::float::{Conversion, Rounding, f32_of, narrow_bf16, narrow_f16, narrow_tf32};
use crate::instruction::{Binary, Class, Op};
use crate::types::{Kind, Type};

pub fn cvt(line: &mut Line<'_, '_, '_>) -> Decoded {
    if line.take("rna") {
        return tensor(line);
    }
    let nearest = line.take("rn");
    let integral = line.choose(&[
        ("rni", Rounding::Nearest),
        ("rzi", Rounding::Zero),
        ("rmi", Rounding::Down),
        ("rpi", Rounding::Up),
    ]);
    if nearest && let Some(f) = pair(line) {
        return packed(line, f);
    }
    let saturate = line.take("sat");
    let (to, from) = (line.ty()?, line.ty()?);
    line.end(2..=2)?;
    rule(line, to, from, nearest, integral, saturate)?;
    // A register of 16 bits holds a narrow float.
    let plain = |ty: Type| match ty.kind {
        Kind::Brain => Type::bits(16),
        _ if ty.is_float() && ty.bits == 16 => Type::bits(16),
        _ => ty,
    };
    let exact = |ty: Type| if ty.is_float() { Width::Exact } else { Width::Wider };
    let (d, register) = line.target_of(0, plain(to), exact(to))?;
    let operand = line.operand(1)?;
    let a = line.value(operand, plain(from), exact(from))?;
    let how = Conversion { from, to, integral, saturate, width: register.bits };
    Ok((Class::Convert, Op::Convert { how, d, a }))
}

/// To the numbers of `mma`, of which 10 bits of mantissa count; to nearest, and away from zero
/// where two are as near.
fn tensor(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.since(80, 70)?;
    line.want("tf32")?;
    line.want("f32")?;
    line.end(2..=2)?;
    let (d, a) = (line.d(Type::bits(32))?, line.source(1, Type::F32)?);
    Ok((Class::Convert, Op::Unary { f: narrow_tf32, d, a }))
}

/// Refuses what PTX does not have, and roundings that are missing or superfluous.
fn rule(
    line: &Line<'_, '_, '_>,
    to: Type,
    from: Type,
    nearest: bool,
    integral: Option<Rounding>,
    saturate: bool,
) -> Result<(), Fault> {
    let number = |ty: Type| ty.is_int() || ty.is_float();
    if !number(to) || !number(from) || (saturate && to.is_float()) {
        return Err(line.unsupported());
    }
    let brain = [to, from].iter().any(|ty| ty.kind == Kind::Brain);
    let to_integral = to.is_int() || (to == from && to.bits >= 32);
    // Whether the value may not fit, so that `.rn` must be written.
    let rounds = to.is_float() && (from.is_int() || to.bits < from.bits);
    let fits = match (from.is_float(), integral) {
        (false, None) => nearest == rounds,
        (false, Some(_)) => false,
        (true, Some(_)) => to_integral && !nearest,
        (true, None) => to.is_float() && to != from && nearest == rounds,
    };
    // An integer of 64 bits would be rounded twice.
    let twice = from.is_int() && to.is_float() && to.bits == 16 && from.bits == 64;
    if !fits || twice || (brain && (from.is_int() || to.is_int())) {
        let text = "this rounding between these types is not known here";
        return Err(line.fault(FaultKind::Unsupported, text));
    }
    match (to.kind, from.kind, from.bits) {
        (Kind::Brain, Kind::Brain, _) | (Kind::Brain, _, 16) | (_, Kind::Brain, _)
            if to.bits == 16 =>
        {
            Err(line.unsupported())
        }
        (Kind::Brain, _, 32) => line.since(80, 70),
        (_, Kind::Brain, _) if to.bits == 32 => line.since(80, 71),
        (Kind::Brain, _, _) | (_, Kind::Brain, _) => line.since(90, 78),
        _ => Ok(()),
    }
}

/// The function that packs two values of f32, the first in the high half.
fn pair(line: &mut Line<'_, '_, '_>) -> Option<Binary> {
    let f16: Binary = |a, b| narrow_f16(f32_of(a).into()) << 16 | narrow_f16(f32_of(b).into());
    let bf16: Binary = |a, b| narrow_bf16(f32_of(a).into()) << 16 | narrow_bf16(f32_of(b).into());
    line.choose(&[("f16x2", f16), ("bf16x2", bf16)])
}

fn packed(line: &mut Line<'_, '_, '_>, f: Binary) -> Decoded {
    line.since(80, 70)?;
    line.want("f32")?;
    line.end(3..=3)?;
    let d = line.d(Type::bits(32))?;
    let (a, b) = (line.source(1, Type::F32)?, line.source(2, Type::F32)?);
    Ok((Class::Convert, Op::Binary { f, d, a, b }))
}
