//! Calls of the module's functions, and the functions' code behind that of the entry.
//!
//! Every entry has the functions that it calls once, with registers of their own: a function calls
//! no other, so that none runs twice at a time.

use super::layout::{Memory, Variables};
use super::line::Line;
use super::names::{Called, Names};
use crate::fault::{Fault, FaultKind};
use crate::flow::meetings;
use crate::instruction::{Class, Instruction, Op, Reg, Value};
use crate::syntax::{Operand, Text};
use crate::types::Type;

/// The instructions of `call (d), name, (a, b);`: arguments move, the code runs, the result moves.
/// The call names the function by its place among those that the entry calls.
pub fn call<'a>(text: &Text<'a>, line: &mut Line<'_, '_, 'a>) -> Result<Vec<(Class, Op)>, Fault> {
    line.take("uni");
    line.end(3..=3)?;
    let (results, name, arguments) = (line.operand(0)?, line.operand(1)?, line.operand(2)?);
    let (Operand::Arguments(results), Operand::Word(name, 0), Operand::Arguments(arguments)) =
        (results, name, arguments)
    else {
        return Err(line.fault(FaultKind::Syntax, "wants `(d), name, (arguments)`"));
    };
    let Some(function) = text.functions.iter().position(|f| f.body.name == *name) else {
        return Err(line.fault(FaultKind::Name, format!("`{name}` is no function before it")));
    };
    let n = called(text, line.names, function)?;
    let (params, result) = (line.names.called[n].params.clone(), line.names.called[n].result);
    let [target] = results[..] else {
        return Err(line.fault(FaultKind::Syntax, "wants one result"));
    };
    if params.len() != arguments.len() {
        let text = format!("takes {} arguments, not {}", params.len(), arguments.len());
        return Err(line.fault(FaultKind::Syntax, text));
    }
    let mut all = Vec::with_capacity(arguments.len() + 2);
    for (name, (d, ty)) in arguments.iter().zip(params) {
        let a = register(line, name, ty)?;
        all.push(moved(d, a));
    }
    all.push((Class::Control, Op::Call { start: n, end: n }));
    let d = register(line, target, result.1)?;
    all.push(moved(d, result.0));
    Ok(all)
}

fn moved(d: Reg, a: Reg) -> (Class, Op) {
    (Class::Move, Op::Unary { f: |a| a, d, a: Value::Register(a) })
}

fn register<'a>(line: &mut Line<'_, '_, 'a>, name: &'a str, ty: Type) -> Result<Reg, Fault> {
    let (register, found) = line.lookup(name)?;
    match ty.accepts(found) {
        true => Ok(register),
        false => {
            let text = format!("`{name}` is {found}, which does not fit {ty}");
            Err(line.fault(FaultKind::Type, text))
        }
    }
}

/// The place of a function among those that the entry calls.
fn called(text: &Text<'_>, names: &mut Names<'_, '_>, function: usize) -> Result<usize, Fault> {
    if let Some(n) = names.called.iter().position(|c| c.function == function) {
        return Ok(n);
    }
    let of = &text.functions[function];
    let registers = &of.body.scopes[0].registers;
    let mut new = |name: &&str| Ok((names.add(name, registers[name].ty)?, registers[name].ty));
    let params = of.params.iter().map(&mut new).collect::<Result<_, Fault>>()?;
    let result = new(&of.result)?;
    names.called.push(Called { function, params, result });
    Ok(names.called.len() - 1)
}

/// Puts the functions behind the code of the entry that calls them; `body` decodes one of them.
pub fn link<'a>(
    text: &Text<'a>,
    variables: &Variables<'a>,
    names: &mut Names<'_, 'a>,
    code: &mut Vec<Instruction>,
    body: impl Fn(&mut Names<'_, 'a>) -> Result<Vec<Instruction>, Fault>,
) -> Result<(), Fault> {
    if names.called.is_empty() {
        return Ok(());
    }
    // The end of the entry is no longer the end of the code.
    code.push(Instruction { line: 0, class: Class::Control, guard: None, op: Op::Exit, meet: 0 });
    let mut places = Vec::with_capacity(names.called.len());
    for called in std::mem::take(&mut names.called) {
        let function = &text.functions[called.function];
        let memory =
            Memory { places: vec![Vec::new(); function.body.scopes.len()], ..Memory::default() };
        let mut inner = Names::new(&function.body, variables, memory);
        inner.registers = std::mem::take(&mut names.registers);
        inner.predicates = std::mem::take(&mut names.predicates);
        for (name, register) in function.params.iter().zip(&called.params) {
            inner.bind(name, *register);
        }
        inner.bind(function.result, called.result);
        let part = body(&mut inner)?;
        if !inner.called.is_empty() {
            let text = format!("`{}` calls a function", function.body.name);
            return Err(Fault::new(FaultKind::Unsupported, text));
        }
        (names.registers, names.predicates) = (inner.registers, inner.predicates);
        let start = code.len();
        let meet = meetings(&part);
        for (instruction, meet) in part.into_iter().zip(meet) {
            let op = match instruction.op {
                Op::Branch { target, uniform } => Op::Branch { target: start + target, uniform },
                op => op,
            };
            code.push(Instruction { op, meet: start + meet, ..instruction });
        }
        places.push((start, code.len()));
    }
    for instruction in code {
        if let Op::Call { start, end } = &mut instruction.op {
            (*start, *end) = places[*start];
        }
    }
    Ok(())
}
