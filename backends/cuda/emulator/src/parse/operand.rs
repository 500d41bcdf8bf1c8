//! Operands of instructions.

use super::reader::Reader;
use crate::fault::{Fault, FaultKind};
use crate::syntax::{Literal, Operand};

pub fn operand<'a>(reader: &mut Reader<'a>) -> Result<Operand<'a>, Fault> {
    if reader.at_literal() {
        return Ok(Operand::Literal(reader.literal()?));
    }
    match reader.peek() {
        "[" => address(reader),
        "{" => vector(reader),
        "(" => arguments(reader),
        "!" => {
            reader.next();
            Ok(Operand::Negated(reader.name()?))
        }
        _ => {
            let name = reader.name()?;
            if reader.take("|") {
                return Ok(Operand::Pair(name, reader.name()?));
            }
            Ok(Operand::Word(name, offset(reader)?))
        }
    }
}

fn vector<'a>(reader: &mut Reader<'a>) -> Result<Operand<'a>, Fault> {
    reader.expect("{")?;
    let mut parts = Vec::new();
    loop {
        parts.push(match reader.at_literal() {
            true => Operand::Literal(reader.literal()?),
            false => Operand::Word(reader.name()?, 0),
        });
        if !reader.take(",") {
            break;
        }
    }
    reader.expect("}")?;
    Ok(Operand::Vector(parts))
}

fn arguments<'a>(reader: &mut Reader<'a>) -> Result<Operand<'a>, Fault> {
    reader.expect("(")?;
    let mut names = Vec::new();
    loop {
        names.push(reader.name()?);
        if !reader.take(",") {
            break;
        }
    }
    reader.expect(")")?;
    Ok(Operand::Arguments(names))
}

fn address<'a>(reader: &mut Reader<'a>) -> Result<Operand<'a>, Fault> {
    reader.expect("[")?;
    let (base, offset) = match reader.at_literal() {
        true => (None, distance(reader)?),
        false => (Some(reader.name()?), offset(reader)?),
    };
    reader.expect("]")?;
    Ok(Operand::Address(base, offset))
}

/// The distance behind a plus, or none. A negative one is written `+-4`.
fn offset(reader: &mut Reader<'_>) -> Result<i64, Fault> {
    if reader.take("+") { distance(reader) } else { Ok(0) }
}

fn distance(reader: &mut Reader<'_>) -> Result<i64, Fault> {
    match reader.literal()? {
        Literal::Integer(n) => i64::try_from(n)
            .map_err(|_| reader.fault(FaultKind::Syntax, "an offset does not fit in 64 bits")),
        _ => Err(reader.fault(FaultKind::Syntax, "an offset is no integer")),
    }
}
