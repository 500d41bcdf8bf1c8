//! Declarations of registers and variables.

use super::reader::Reader;
use crate::fault::{Fault, FaultKind};
use crate::syntax::{Registers, Scope, Space, Variable};
use crate::types::{Kind, Type};

/// The most bytes that a declaration may ask for.
const MOST_BYTES: u64 = 1 << 32;

/// A type written with its dot.
fn ty(reader: &mut Reader<'_>) -> Result<Type, Fault> {
    let found = reader.peek().strip_prefix('.').and_then(Type::parse);
    let Some(ty) = found else { return Err(reader.unexpected("a type")) };
    reader.next();
    Ok(ty)
}

/// `.reg .b32 %r<8>, %a;`, behind its first word.
pub fn registers<'a>(reader: &mut Reader<'a>, scope: &mut Scope<'a>) -> Result<(), Fault> {
    let ty = ty(reader)?;
    if ty.bits == 8 || matches!(ty.kind, Kind::Brain | Kind::Tensor32) {
        return Err(reader.fault(FaultKind::Type, format!("there are no registers of type {ty}")));
    }
    loop {
        let name = reader.name()?;
        let count = match reader.take("<") {
            true => {
                let count = reader.count()?;
                reader.expect(">")?;
                Some(count)
            }
            false => None,
        };
        if scope.registers.insert(name, Registers { ty, count }).is_some() {
            return Err(reader.fault(FaultKind::Name, format!("`{name}` is declared twice")));
        }
        if !reader.take(",") {
            return reader.expect(";");
        }
    }
}

/// `.align 16 .b8 name[64] = {1, 2}`, behind its space and without its end.
pub fn variable<'a>(reader: &mut Reader<'a>, space: Space) -> Result<(&'a str, Variable), Fault> {
    let line = reader.line();
    let align = match reader.take(".align") {
        true => Some(reader.count()?),
        false => None,
    };
    let ty = ty(reader)?;
    if ty.kind == Kind::Predicate {
        return Err(reader.fault(FaultKind::Type, "memory holds no predicates"));
    }
    let align = align.unwrap_or(ty.bytes());
    if !align.is_power_of_two() || align > 4096 {
        return Err(reader.fault(FaultKind::Syntax, "an alignment is no power of two up to 4096"));
    }
    let name = reader.name()?;
    let mut elements = Some(1u64);
    while reader.take("[") {
        if reader.take("]") {
            elements = None;
            continue;
        }
        let count = u64::from(reader.count()?);
        elements = elements.map(|n| n.saturating_mul(count));
        reader.expect("]")?;
    }
    let initial = match reader.take("=") {
        true => initialiser(reader, ty)?,
        false => Vec::new(),
    };
    if elements.is_none() && !initial.is_empty() {
        elements = Some(initial.len() as u64 / u64::from(ty.bytes()));
    }
    let bytes = elements.map(|n| n.saturating_mul(ty.bytes().into()));
    if bytes.is_some_and(|b| b > MOST_BYTES || b < initial.len() as u64) {
        return Err(reader.fault(FaultKind::Syntax, format!("the size of `{name}` does not fit")));
    }
    Ok((name, Variable { space, align, bytes, initial, line }))
}

fn initialiser(reader: &mut Reader<'_>, ty: Type) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    if !reader.take("{") {
        element(reader, ty, &mut bytes)?;
        return Ok(bytes);
    }
    if reader.take("}") {
        return Ok(bytes);
    }
    loop {
        element(reader, ty, &mut bytes)?;
        if !reader.take(",") {
            reader.expect("}")?;
            return Ok(bytes);
        }
    }
}

fn element(reader: &mut Reader<'_>, ty: Type, bytes: &mut Vec<u8>) -> Result<(), Fault> {
    let literal = reader.literal()?;
    let bits = literal
        .bits(ty)
        .ok_or_else(|| reader.fault(FaultKind::Type, format!("a literal does not fit {ty}")))?;
    bytes.extend_from_slice(&bits.to_le_bytes()[..ty.bytes() as usize]);
    Ok(())
}
