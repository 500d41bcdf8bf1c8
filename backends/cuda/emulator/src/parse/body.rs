//! The body of an entry or a function: scopes, labels, statements.

use super::declare::{registers, variable};
use super::operand::operand;
use super::reader::Reader;
use crate::fault::{Fault, FaultKind};
use crate::syntax::{Entry, Scope, Space, Statement};

/// Scopes inside of scopes beyond which a text is refused.
const DEEPEST: usize = 64;

/// Reads from the first brace to the brace that closes it.
pub fn body<'a>(reader: &mut Reader<'a>, entry: &mut Entry<'a>) -> Result<(), Fault> {
    reader.expect("{")?;
    // The scope of a function's parameters is there already, and is that of the body.
    if entry.scopes.is_empty() {
        entry.scopes.push(Scope::default());
    }
    let mut open = vec![0];
    while let Some(scope) = open.last().copied() {
        match reader.peek() {
            "}" => {
                reader.next();
                open.pop();
            }
            "{" => {
                reader.next();
                if open.len() > DEEPEST {
                    return Err(reader.fault(FaultKind::Syntax, "scopes are nested too deep"));
                }
                open.push(entry.scopes.len());
                entry.scopes.push(Scope { parent: Some(scope), ..Scope::default() });
            }
            text if text.starts_with('.') => directive(reader, entry, scope)?,
            _ if reader.peek_at(1) == ":" => label(reader, entry, scope)?,
            _ => {
                let statement = statement(reader, scope)?;
                entry.statements.push(statement);
            }
        }
    }
    Ok(())
}

fn directive<'a>(
    reader: &mut Reader<'a>,
    entry: &mut Entry<'a>,
    scope: usize,
) -> Result<(), Fault> {
    let name = reader.next();
    let space = match name {
        ".reg" => return registers(reader, &mut entry.scopes[scope]),
        ".shared" => Space::Shared,
        ".local" => Space::Local,
        ".param" => Space::Param,
        ".pragma" => return skip(reader),
        ".loc" => {
            (0..3).try_for_each(|_| reader.count().map(drop))?;
            return Ok(());
        }
        _ => return Err(unknown(reader, name)),
    };
    let declared = variable(reader, space)?;
    reader.expect(";")?;
    if !declared.1.initial.is_empty() {
        return Err(reader.fault(FaultKind::Syntax, "only .global and .const have initialisers"));
    }
    entry.scopes[scope].variables.push(declared);
    Ok(())
}

/// Skips to behind the next semicolon.
fn skip(reader: &mut Reader<'_>) -> Result<(), Fault> {
    while !matches!(reader.peek(), "" | ";") {
        reader.next();
    }
    reader.expect(";")
}

pub fn unknown(reader: &Reader<'_>, name: &str) -> Fault {
    let kind = if name.starts_with('.') { FaultKind::Unsupported } else { FaultKind::Syntax };
    reader.fault(kind, format!("the directive `{name}` is not known here"))
}

fn label<'a>(reader: &mut Reader<'a>, entry: &mut Entry<'a>, scope: usize) -> Result<(), Fault> {
    let name = reader.name()?;
    reader.expect(":")?;
    let labels = &mut entry.scopes[scope].labels;
    match labels.insert(name, entry.statements.len()) {
        Some(_) => Err(reader.fault(FaultKind::Name, format!("`{name}` is declared twice"))),
        None => Ok(()),
    }
}

fn statement<'a>(reader: &mut Reader<'a>, scope: usize) -> Result<Statement<'a>, Fault> {
    let line = reader.line();
    let guard = match reader.take("@") {
        true => {
            let negated = reader.take("!");
            Some((reader.name()?, negated))
        }
        false => None,
    };
    let opcode = reader.name()?;
    let mut operands = Vec::new();
    if !reader.take(";") {
        loop {
            operands.push(operand(reader)?);
            if !reader.take(",") {
                break;
            }
        }
        reader.expect(";")?;
    }
    Ok(Statement { line, scope, guard, opcode, operands })
}
