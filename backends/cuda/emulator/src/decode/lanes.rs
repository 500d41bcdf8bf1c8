//! Exchanges between the lanes of a warp.

use super::arithmetic::Decoded;
use super::line::Line;
use crate::fault::FaultKind;
use crate::instruction::{Binary, Class, Op, Shuffle, Vote};
use crate::syntax::Operand;
use crate::types::{Kind, Type};

const WORD: Type = Type::bits(32);

pub fn shuffle(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.want("sync")?;
    let modes = [
        ("up", Shuffle::Up),
        ("down", Shuffle::Down),
        ("bfly", Shuffle::Butterfly),
        ("idx", Shuffle::Index),
    ];
    let Some(mode) = line.choose(&modes) else { return Err(line.unsupported()) };
    line.want("b32")?;
    line.end(5..=5)?;
    let (d, p) = match line.operand(0)? {
        Operand::Pair(d, p) => {
            let (register, ty) = line.lookup(d)?;
            if !WORD.accepts(ty) {
                return Err(line.fault(FaultKind::Type, format!("`{d}` is {ty}, not .b32")));
            }
            (register, line.predicate_target(p)?)
        }
        _ => (line.d(WORD)?, None),
    };
    let (a, b) = (line.source(1, WORD)?, line.source(2, WORD)?);
    let (clamp, mask) = (line.source(3, WORD)?, line.source(4, WORD)?);
    Ok((Class::Lanes, Op::Shuffle { mode, d, p, a, b, clamp, mask }))
}

pub fn vote(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.want("sync")?;
    let modes = [
        ("all", Some(Vote::All)),
        ("any", Some(Vote::Any)),
        ("uni", Some(Vote::Uniform)),
        ("ballot", None),
    ];
    let Some(mode) = line.choose(&modes) else { return Err(line.unsupported()) };
    line.want(if mode.is_some() { "pred" } else { "b32" })?;
    line.end(3..=3)?;
    let (p, mask) = (line.predicate(1)?, line.source(2, WORD)?);
    Ok((
        Class::Lanes,
        match mode {
            Some(mode) => Op::Vote { mode, d: line.d(Type::PREDICATE)?, p, mask },
            None => Op::Ballot { d: line.d(WORD)?, p, mask },
        },
    ))
}

pub fn match_any(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.since(70, 60)?;
    line.want("any")?;
    line.want("sync")?;
    let ty = line.ty_of(&[Kind::Bits], &[32, 64])?;
    line.end(3..=3)?;
    let (d, a, mask) = (line.d(WORD)?, line.source(1, ty)?, line.source(2, WORD)?);
    Ok((Class::Lanes, Op::MatchAny { d, a, mask }))
}

/// `redux.sync` of integers.
pub fn reduce(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.since(80, 70)?;
    line.want("sync")?;
    let name = line.peek();
    line.take(name);
    let ty = line.ty_of(&[Kind::Bits, Kind::Unsigned, Kind::Signed], &[32])?;
    let f: Binary = match (name, ty.kind) {
        ("and", Kind::Bits) => |a, b| a & b,
        ("or", Kind::Bits) => |a, b| a | b,
        ("xor", Kind::Bits) => |a, b| a ^ b,
        ("add", Kind::Unsigned | Kind::Signed) => |a, b| a.wrapping_add(b) & 0xffff_ffff,
        ("min", Kind::Unsigned) => |a, b| a.min(b),
        ("max", Kind::Unsigned) => |a, b| a.max(b),
        ("min", Kind::Signed) => |a, b| (a as i32).min(b as i32) as u32 as u64,
        ("max", Kind::Signed) => |a, b| (a as i32).max(b as i32) as u32 as u64,
        _ => return Err(line.unsupported()),
    };
    line.end(3..=3)?;
    let (d, a, mask) = (line.d(ty)?, line.source(1, ty)?, line.source(2, WORD)?);
    Ok((Class::Lanes, Op::Reduce { f, d, a, mask }))
}

pub fn active_mask(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.want("b32")?;
    line.end(1..=1)?;
    Ok((Class::Lanes, Op::ActiveMask { d: line.d(WORD)? }))
}
