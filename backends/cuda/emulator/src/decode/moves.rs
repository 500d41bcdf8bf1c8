//! `mov` with its special registers, addresses, packing and unpacking; `cvta`.

use super::arithmetic::Decoded;
use super::layout::Place;
use super::line::{Line, Width};
use crate::fault::{Fault, FaultKind};
use crate::instruction::{Class, Op, Special, Value};
use crate::syntax::{Operand, Space};
use crate::types::{Kind, Type};

const AXES: [&str; 3] = ["x", "y", "z"];

/// The special register of a name.
fn special(name: &str) -> Option<Special> {
    let (base, axis) = match name.split_once('.') {
        Some((base, axis)) => (base, AXES.iter().position(|a| *a == axis)),
        None => (name, None),
    };
    Some(match (base, axis) {
        ("%tid", Some(axis)) => Special::Thread(axis),
        ("%ntid", Some(axis)) => Special::Threads(axis),
        ("%ctaid", Some(axis)) => Special::Block(axis),
        ("%nctaid", Some(axis)) => Special::Blocks(axis),
        _ => match name {
            "%laneid" => Special::Lane,
            "%warpid" => Special::Warp,
            "%nwarpid" => Special::Warps,
            "%lanemask_eq" => Special::LaneMask(|lane| 1 << lane),
            "%lanemask_lt" => Special::LaneMask(|lane| (1 << lane) - 1),
            "%lanemask_le" => Special::LaneMask(|lane| u32::MAX >> (31 - lane)),
            "%lanemask_gt" => Special::LaneMask(|lane| !(u32::MAX >> (31 - lane))),
            "%lanemask_ge" => Special::LaneMask(|lane| !((1 << lane) - 1)),
            "%dynamic_smem_size" => Special::DynamicShared,
            _ => return None,
        },
    })
}

pub fn mov(line: &mut Line<'_, '_, '_>) -> Decoded {
    if line.peek() == "pred" {
        return super::compare::predicates(line);
    }
    let kinds = [Kind::Bits, Kind::Unsigned, Kind::Signed, Kind::Float];
    let ty = line.ty_of(&kinds, &[16, 32, 64])?;
    if ty.is_float() && ty.bits == 16 {
        return Err(line.unsupported());
    }
    line.end(2..=2)?;
    match (line.operand(0)?, line.operand(1)?) {
        (Operand::Vector(parts), _) => {
            let part = part(line, ty, parts.len())?;
            let d = line.targets(0, part, Width::Exact)?.0;
            Ok((Class::Move, Op::Unpack { d, bits: part.bits, a: line.source(1, ty)? }))
        }
        (_, Operand::Vector(parts)) => {
            let part = part(line, ty, parts.len())?;
            let from = line.sources(1, part, Width::Exact)?;
            Ok((Class::Move, Op::Pack { d: line.d(ty)?, bits: part.bits, from }))
        }
        (_, Operand::Word(name, offset)) => named(line, ty, name, *offset),
        _ => line.unary_move(ty),
    }
}

/// The type of the parts of a packed value.
fn part(line: &Line<'_, '_, '_>, ty: Type, parts: usize) -> Result<Type, Fault> {
    match (ty.kind, ty.bits, parts) {
        (Kind::Bits, 32 | 64, 2) => Ok(Type::bits(ty.bits / 2)),
        (Kind::Bits, 64, 4) => Ok(Type::bits(16)),
        _ => Err(line.fault(FaultKind::Type, format!("{ty} is not packed of {parts} parts"))),
    }
}

fn named<'a>(line: &mut Line<'_, '_, 'a>, ty: Type, name: &'a str, offset: i64) -> Decoded {
    if name.starts_with('%')
        && let Some(of) = special(name)
    {
        if ty.bits != 32 || ty.is_float() || offset != 0 {
            return Err(line.fault(FaultKind::Type, format!("`{name}` has 32 bits")));
        }
        return Ok((Class::Move, Op::Special { d: line.d(ty)?, of }));
    }
    if line.names.register(line.statement.scope, name)?.is_some() {
        return line.unary_move(ty);
    }
    let Some(place) = line.names.variable(line.statement.scope, name) else {
        return Err(line.fault(FaultKind::Name, format!("`{name}` is not declared")));
    };
    if ty.is_float() || ty.bits < 32 {
        return Err(line.fault(FaultKind::Type, format!("{ty} holds no address")));
    }
    let d = line.d(ty)?;
    let offset = offset as u64;
    match place {
        Place::Dynamic => Ok((Class::Move, Op::DynamicAddress { d, offset })),
        Place::Global(variable) if ty.bits == 64 => {
            Ok((Class::Move, Op::GlobalAddress { d, variable, offset }))
        }
        Place::Global(_) => Err(line.fault(FaultKind::Type, "global addresses have 64 bits")),
        Place::Argument(..) => Err(line.fault(FaultKind::Type, "an argument has no address")),
        Place::At(_, at) => {
            let a = Value::Literal(at.wrapping_add(offset) & ty.mask());
            Ok((Class::Move, Op::Unary { f: |a| a, d, a }))
        }
    }
}

/// `cvta.to.global`, `cvta.global`: addresses in global memory are the same in both forms. Generic
/// addresses of other spaces are not known here.
pub fn cvta(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.take("to");
    let space = line.choose(&[("global", Space::Global)]);
    if space.is_none() {
        return Err(line.fault(FaultKind::Unsupported, "only global addresses may be generic here"));
    }
    let ty = line.ty_of(&[Kind::Unsigned], &[64])?;
    line.end(2..=2)?;
    if let Operand::Word(name, offset) = line.operand(1)?
        && line.names.register(line.statement.scope, name)?.is_none()
    {
        return named(line, ty, name, *offset);
    }
    line.unary_move(ty)
}

impl Line<'_, '_, '_> {
    fn unary_move(&mut self, ty: Type) -> Decoded {
        Ok((Class::Move, Op::Unary { f: |a| a, d: self.d(ty)?, a: self.source(1, ty)? }))
    }
}
