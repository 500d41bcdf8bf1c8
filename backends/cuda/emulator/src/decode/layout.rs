//! Where variables lie: offsets in shared, constant, local and parameter memory.

use crate::fault::{Fault, FaultKind};
use crate::syntax::{Entry, Space, Text, Variable};

/// The most static shared memory of an entry.
const MOST_STATIC: u64 = 48 << 10;
/// The most constant memory of a module.
const MOST_CONSTANT: u64 = 64 << 10;
/// The most bytes of the variables of a module in global memory.
const MOST_GLOBAL: u64 = 64 << 20;
/// The most local memory of a thread.
const MOST_LOCAL: u64 = 512 << 10;

/// A place in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    At(Space, u64),
    /// Behind the static shared memory.
    Dynamic,
    /// A variable of the module in global memory, by its number.
    Global(usize),
    /// An argument of a call: where it lies in local memory, and its bytes.
    Argument(u64, u64),
}

/// The variables of a module in memory.
#[derive(Debug, Default)]
pub struct Variables<'a> {
    pub places: Vec<(&'a str, Place)>,
    pub constant: Vec<u8>,
    /// Name and bytes of the variables in global memory.
    pub global: Vec<(String, Vec<u8>)>,
    /// Whether the function that sets conditions is declared.
    pub sets_conditions: bool,
    shared: u64,
    dynamic_align: u32,
}

/// The memory of an entry.
#[derive(Debug, Default)]
pub struct Memory<'a> {
    /// By scope: the variables that it declares.
    pub places: Vec<Vec<(&'a str, Place)>>,
    pub params: Vec<(&'a str, u32, u32)>,
    pub param_bytes: u32,
    pub shared_bytes: u32,
    pub dynamic_align: u32,
    pub local_bytes: u32,
}

fn next(at: u64, variable: &Variable) -> u64 {
    at.next_multiple_of(variable.align.into())
}

fn too_large(name: &str, line: u32, what: &str) -> Fault {
    let kind = if what == "shared" { FaultKind::SharedSize } else { FaultKind::Unsupported };
    Fault::at_line(kind, line, format!("`{name}` does not fit in {what} memory"))
}

/// Places the variables of a module.
pub fn place<'a>(text: &Text<'a>) -> Result<Variables<'a>, Fault> {
    let mut total = 0;
    let sets_conditions = text.sets_conditions;
    let mut variables = Variables { dynamic_align: 1, sets_conditions, ..Variables::default() };
    for (name, variable) in &text.variables {
        let place = match (variable.space, variable.bytes) {
            (Space::Shared, None) => {
                variables.dynamic_align = variables.dynamic_align.max(variable.align);
                Place::Dynamic
            }
            (Space::Shared, Some(bytes)) => {
                let at = next(variables.shared, variable);
                variables.shared = at + bytes;
                if variables.shared > MOST_STATIC {
                    return Err(too_large(name, variable.line, "shared"));
                }
                Place::At(Space::Shared, at)
            }
            (Space::Const, Some(bytes)) => {
                let at = next(variables.constant.len() as u64, variable);
                if at + bytes > MOST_CONSTANT {
                    return Err(too_large(name, variable.line, "constant"));
                }
                variables.constant.resize(at as usize, 0);
                variables.constant.extend_from_slice(&variable.initial);
                variables.constant.resize((at + bytes) as usize, 0);
                Place::At(Space::Const, at)
            }
            (_, Some(bytes)) => {
                total += bytes;
                if total > MOST_GLOBAL {
                    return Err(too_large(name, variable.line, "global"));
                }
                let mut initial = variable.initial.clone();
                initial.resize(bytes as usize, 0);
                variables.global.push(((*name).to_owned(), initial));
                Place::Global(variables.global.len() - 1)
            }
            (_, None) => return Err(too_large(name, variable.line, "global")),
        };
        variables.places.push((name, place));
    }
    Ok(variables)
}

/// Places the variables and parameters of an entry.
pub fn place_entry<'a>(
    variables: &Variables<'a>,
    text: &Text<'a>,
    entry: &Entry<'a>,
) -> Result<Memory<'a>, Fault> {
    let mut memory = Memory { dynamic_align: variables.dynamic_align, ..Memory::default() };
    let mut at = 0;
    for (name, variable) in &entry.params {
        at = next(at, variable);
        let bytes = variable.bytes.unwrap_or_default();
        let most = if text.version < 81 || text.target < 70 { 4352 } else { 32764 };
        if at + bytes > most {
            return Err(too_large(name, variable.line, "parameter"));
        }
        memory.params.push((name, at as u32, bytes as u32));
        at += bytes;
    }
    memory.param_bytes = at as u32;
    let (mut shared, mut local) = (variables.shared, 0);
    for scope in &entry.scopes {
        let mut places = Vec::new();
        for (name, variable) in &scope.variables {
            let Some(bytes) = variable.bytes else {
                let text = format!("`{name}` has no size: declare it as extern before the entry");
                return Err(Fault::at_line(FaultKind::Syntax, variable.line, text));
            };
            let (end, most, what) = match variable.space {
                Space::Shared => (&mut shared, MOST_STATIC, "shared"),
                _ => (&mut local, MOST_LOCAL, "local"),
            };
            let at = next(*end, variable);
            *end = at + bytes;
            if *end > most {
                return Err(too_large(name, variable.line, what));
            }
            let place = match variable.space {
                Space::Param => Place::Argument(at, bytes),
                space => Place::At(space, at),
            };
            places.push((*name, place));
        }
        memory.places.push(places);
    }
    (memory.shared_bytes, memory.local_bytes) = (shared as u32, local as u32);
    Ok(memory)
}
