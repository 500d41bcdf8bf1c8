//! Functions of the module: `.func (.reg .b64 r) name(.reg .b64 x) { .. }`.
//!
//! Parameters and results are registers; `.param` variables of functions are not known here.

use super::body::body;
use super::reader::Reader;
use crate::fault::{Fault, FaultKind};
use crate::syntax::{Function, Registers, Scope};
use crate::types::Type;

/// Reads from the result to the end of the body.
pub fn function<'a>(reader: &mut Reader<'a>) -> Result<Function<'a>, Fault> {
    let mut scope = Scope::default();
    reader.expect("(")?;
    let result = declared(reader, &mut scope)?;
    reader.expect(")")?;
    let mut function = Function { result, ..Function::default() };
    function.body.name = reader.name()?;
    reader.expect("(")?;
    loop {
        function.params.push(declared(reader, &mut scope)?);
        if !reader.take(",") {
            break;
        }
    }
    reader.expect(")")?;
    function.body.scopes.push(scope);
    body(reader, &mut function.body)?;
    match function.body.scopes.iter().all(|s| s.variables.is_empty()) {
        true => Ok(function),
        false => Err(reader.fault(FaultKind::Unsupported, "variables of functions")),
    }
}

/// `.reg .b64 x`
fn declared<'a>(reader: &mut Reader<'a>, scope: &mut Scope<'a>) -> Result<&'a str, Fault> {
    reader.expect(".reg")?;
    let ty = reader.peek().strip_prefix('.').and_then(Type::parse);
    let Some(ty) = ty.filter(|t| matches!(t.bits, 32 | 64)) else {
        return Err(reader.unexpected("a type of 32 or 64 bits"));
    };
    reader.next();
    let name = reader.name()?;
    match scope.registers.insert(name, Registers { ty, count: None }) {
        None => Ok(name),
        Some(_) => Err(reader.fault(FaultKind::Name, format!("`{name}` is declared twice"))),
    }
}
