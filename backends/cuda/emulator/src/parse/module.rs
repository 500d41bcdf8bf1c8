//! A whole module: version, target, variables, functions, entries.

use super::body::{body, unknown};
use super::declare::variable;
use super::function::function;
use super::reader::Reader;
use crate::fault::{Fault, FaultKind};
use crate::syntax::{Entry, SET_CONDITION, Space, Text};
use crate::text::tokens;

/// Reads a module.
pub fn parse(text: &str) -> Result<Text<'_>, Fault> {
    let mut reader = Reader::new(tokens(text)?);
    let mut module = Text::default();
    header(&mut reader, &mut module)?;
    while !reader.peek().is_empty() {
        let name = reader.next();
        match name {
            ".visible" | ".weak" | ".extern" => {
                let next = reader.peek();
                if (name, next) == (".extern", ".func") {
                    reader.next();
                    module.sets_conditions = provided(&mut reader)?;
                    continue;
                }
                if !matches!(next, ".entry" | ".shared" | ".global" | ".const") {
                    return Err(unknown(&reader, next));
                }
            }
            ".func" => {
                let function = function(&mut reader)?;
                module.functions.push(function);
            }
            ".entry" => {
                let entry = entry(&mut reader)?;
                if module.entries.iter().any(|e| e.name == entry.name) {
                    let twice = format!("`{}` is declared twice", entry.name);
                    return Err(reader.fault(FaultKind::Name, twice));
                }
                module.entries.push(entry);
            }
            ".shared" => global(&mut reader, &mut module, Space::Shared)?,
            ".global" => global(&mut reader, &mut module, Space::Global)?,
            ".const" => global(&mut reader, &mut module, Space::Const)?,
            ".file" => {
                reader.count()?;
                reader.next();
            }
            _ => return Err(unknown(&reader, name)),
        }
    }
    Ok(module)
}

fn header(reader: &mut Reader<'_>, module: &mut Text<'_>) -> Result<(), Fault> {
    reader.expect(".version")?;
    let version = reader.next().split_once('.');
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n < 100);
    let version = version.and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
    let Some((major, minor)) = version else { return Err(reader.unexpected("a version")) };
    module.version = 10 * major + minor;
    reader.expect(".target")?;
    let target = reader.next();
    let digits = target.strip_prefix("sm_").map(|t| t.trim_end_matches(['a', 'f']));
    let number = digits.and_then(|d| d.parse().ok()).filter(|n| (50..200).contains(n));
    let Some(target) = number else { return Err(reader.unexpected("a target `sm_..`")) };
    module.target = target;
    reader.expect(".address_size")?;
    match reader.count()? {
        64 => Ok(()),
        _ => Err(reader.fault(FaultKind::Unsupported, "addresses must have 64 bits")),
    }
}

fn global<'a>(reader: &mut Reader<'a>, module: &mut Text<'a>, space: Space) -> Result<(), Fault> {
    let (name, declared) = variable(reader, space)?;
    reader.expect(";")?;
    let dynamic = declared.bytes.is_none();
    if dynamic && space != Space::Shared {
        return Err(reader.fault(FaultKind::Syntax, format!("`{name}` has no size")));
    }
    if space == Space::Shared && !declared.initial.is_empty() {
        return Err(reader.fault(FaultKind::Syntax, "shared memory has no initialisers"));
    }
    if module.variables.iter().any(|(other, _)| *other == name) {
        return Err(reader.fault(FaultKind::Name, format!("`{name}` is declared twice")));
    }
    module.variables.push((name, declared));
    Ok(())
}

/// The one function that the driver provides.
fn provided(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    let name = reader.name()?;
    if name != SET_CONDITION {
        let text = format!("the function `{name}` is not known here");
        return Err(reader.fault(FaultKind::Unsupported, text));
    }
    reader.expect("(")?;
    for (n, ty) in [".b64", ".b32"].into_iter().enumerate() {
        if n > 0 {
            reader.expect(",")?;
        }
        reader.expect(".param")?;
        reader.expect(ty)?;
        reader.name()?;
    }
    reader.expect(")")?;
    reader.expect(";")?;
    Ok(true)
}

fn entry<'a>(reader: &mut Reader<'a>) -> Result<Entry<'a>, Fault> {
    let mut entry = Entry { name: reader.name()?, ..Entry::default() };
    if reader.take("(") && !reader.take(")") {
        loop {
            reader.expect(".param")?;
            let (name, declared) = variable(reader, Space::Param)?;
            if declared.bytes.is_none() || !declared.initial.is_empty() {
                return Err(reader.fault(FaultKind::Syntax, format!("`{name}` is no parameter")));
            }
            if entry.params.iter().any(|(other, _)| *other == name) {
                return Err(reader.fault(FaultKind::Name, format!("`{name}` is declared twice")));
            }
            entry.params.push((name, declared));
            if !reader.take(",") {
                break;
            }
        }
        reader.expect(")")?;
    }
    loop {
        let name = reader.peek();
        match name {
            ".maxntid" => entry.max_threads = Some(limit(reader)?),
            ".reqntid" => entry.exact_threads = Some(limit(reader)?),
            ".minnctapersm" | ".maxnreg" => {
                limit(reader)?;
            }
            "{" => break,
            _ => return Err(unknown(reader, name)),
        }
    }
    body(reader, &mut entry)?;
    Ok(entry)
}

/// `.maxntid 16, 16`: missing extents are one.
fn limit(reader: &mut Reader<'_>) -> Result<[u32; 3], Fault> {
    reader.next();
    let mut extents = [1; 3];
    for (n, extent) in extents.iter_mut().enumerate() {
        if n > 0 && !reader.take(",") {
            break;
        }
        *extent = reader.count()?;
    }
    Ok(extents)
}
