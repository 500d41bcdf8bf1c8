//! `setp`, `selp`, and the logic of predicates.

use super::arithmetic::Decoded;
use super::line::Line;
use crate::fault::FaultKind;
use crate::float::{f32_of, f64_of};
use crate::instruction::{Class, Comparison, Logic, Op};
use crate::syntax::Operand;
use crate::types::{Kind, Type};
use std::cmp::Ordering;

/// The function of a comparison by name, from the order of two values; a NaN has none.
macro_rules! comparison {
    ($name:expr, $($word:literal => |$o:ident| $holds:expr),* ; $order:expr) => {
        match $name {
            $($word => {
                let f: Comparison = |a, b| { let $o: Option<Ordering> = $order(a, b); $holds };
                Some(f)
            })*
            _ => None,
        }
    };
}

fn by_order(name: &str, ty: Type) -> Option<Comparison> {
    macro_rules! with {
        ($order:expr) => {
            comparison!(name,
                "eq" => |o| o.is_some_and(Ordering::is_eq),
                "ne" => |o| o.is_some_and(Ordering::is_ne),
                "lt" => |o| o.is_some_and(Ordering::is_lt),
                "le" => |o| o.is_some_and(Ordering::is_le),
                "gt" => |o| o.is_some_and(Ordering::is_gt),
                "ge" => |o| o.is_some_and(Ordering::is_ge),
                "equ" => |o| o.is_none_or(Ordering::is_eq),
                "neu" => |o| o.is_none_or(Ordering::is_ne),
                "ltu" => |o| o.is_none_or(Ordering::is_lt),
                "leu" => |o| o.is_none_or(Ordering::is_le),
                "gtu" => |o| o.is_none_or(Ordering::is_gt),
                "geu" => |o| o.is_none_or(Ordering::is_ge),
                "num" => |o| o.is_some(),
                "nan" => |o| o.is_none();
                $order)
        };
    }
    match (ty.kind, ty.bits) {
        (Kind::Float, 32) => with!(|a: u64, b: u64| f32_of(a).partial_cmp(&f32_of(b))),
        (Kind::Float, _) => with!(|a: u64, b: u64| f64_of(a).partial_cmp(&f64_of(b))),
        (Kind::Signed, 16) => with!(|a: u64, b: u64| Some((a as i16).cmp(&(b as i16)))),
        (Kind::Signed, 32) => with!(|a: u64, b: u64| Some((a as i32).cmp(&(b as i32)))),
        (Kind::Signed, _) => with!(|a: u64, b: u64| Some((a as i64).cmp(&(b as i64)))),
        _ => with!(|a: u64, b: u64| Some(a.cmp(&b))),
    }
}

pub fn setp(line: &mut Line<'_, '_, '_>) -> Decoded {
    let name = line.peek();
    line.take(name);
    let combine = line.choose(&[("and", Logic::And), ("or", Logic::Or), ("xor", Logic::Xor)]);
    let kinds = [Kind::Bits, Kind::Unsigned, Kind::Signed, Kind::Float];
    let ty = line.ty_of(&kinds, &[16, 32, 64])?;
    if ty.kind == Kind::Float && ty.bits == 16 {
        return Err(line.unsupported());
    }
    let plain = match (ty.kind, name) {
        (Kind::Unsigned, "lo") => "lt",
        (Kind::Unsigned, "ls") => "le",
        (Kind::Unsigned, "hi") => "gt",
        (Kind::Unsigned, "hs") => "ge",
        _ => name,
    };
    let known = match ty.kind {
        Kind::Float => true,
        Kind::Bits => matches!(plain, "eq" | "ne"),
        _ => matches!(plain, "eq" | "ne" | "lt" | "le" | "gt" | "ge"),
    };
    let Some(f) = by_order(plain, ty).filter(|_| known) else {
        return Err(line.fault(FaultKind::Type, format!("{ty} has no comparison `.{name}`")));
    };
    let operands = if combine.is_some() { 4 } else { 3 };
    line.end(operands..=operands)?;
    let (d, other) = match line.operand(0)? {
        Operand::Word(name, 0) => (line.predicate_target(name)?, None),
        Operand::Pair(p, q) => (line.predicate_target(p)?, line.predicate_target(q)?),
        _ => return Err(line.fault(FaultKind::Type, "gives one or two predicates")),
    };
    let (a, b) = (line.source(1, ty)?, line.source(2, ty)?);
    let combine = match combine {
        Some(logic) => Some((logic, line.predicate(3)?)),
        None => None,
    };
    Ok((Class::Move, Op::Compare { f, d, other, a, b, combine }))
}

pub fn selp(line: &mut Line<'_, '_, '_>) -> Decoded {
    let kinds = [Kind::Bits, Kind::Unsigned, Kind::Signed, Kind::Float];
    let ty = line.ty_of(&kinds, &[16, 32, 64])?;
    line.end(4..=4)?;
    let (d, a, b) = (line.d(ty)?, line.source(1, ty)?, line.source(2, ty)?);
    let p = line.predicate(3)?;
    if p.negated {
        return Err(line.fault(FaultKind::Type, "takes no negated predicate"));
    }
    Ok((Class::Move, Op::Select { d, a, b, p }))
}

/// `and.pred`, `or.pred`, `xor.pred`, `not.pred`, `mov.pred`
pub fn predicates(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.want("pred")?;
    let f = match line.base {
        "and" => Logic::And,
        "or" => Logic::Or,
        "xor" => Logic::Xor,
        _ => {
            line.end(2..=2)?;
            let (d, mut a) = (line.d(Type::PREDICATE)?, line.predicate(1)?);
            a.negated ^= line.base == "not";
            return Ok((Class::Move, Op::MovePredicate { d, a }));
        }
    };
    line.end(3..=3)?;
    let (d, a, b) = (line.d(Type::PREDICATE)?, line.predicate(1)?, line.predicate(2)?);
    Ok((Class::Move, Op::Logic { f, d, a, b }))
}
