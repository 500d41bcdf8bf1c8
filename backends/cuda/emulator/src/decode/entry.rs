//! An entry as a whole: the table of opcodes, and the kernel that comes out.

use super::arithmetic::{self, Decoded};
use super::layout::{Variables, place_entry};
use super::line::Line;
use super::names::Names;
use super::{compare, control, convert, floats, functions, lanes, memory, moves, tensor};
use crate::fault::{Fault, FaultKind};
use crate::flow::meetings;
use crate::instruction::{Instruction, Kernel, Op, Predicate};
use crate::syntax::{Entry, Statement, Text};

/// The row of an opcode.
fn decode(line: &mut Line<'_, '_, '_>) -> Decoded {
    let last = line.statement.opcode.rsplit('.').next().unwrap_or_default();
    let float = matches!(last, "f16" | "f32" | "f64" | "bf16" | "f16x2" | "bf16x2");
    let predicate = last == "pred";
    match line.base {
        "add" | "sub" | "mul" | "div" if float => floats::binary(line),
        "fma" | "mad" if float => floats::fma(line),
        "neg" | "abs" if float => floats::sign(line),
        "min" | "max" if float => floats::extreme(line),
        "sqrt" | "rcp" => floats::root(line),
        "copysign" => floats::copysign(line),
        "add" | "sub" | "min" | "max" | "neg" | "abs" => arithmetic::simple(line),
        "mul" | "mad" => arithmetic::multiply(line),
        "div" | "rem" => arithmetic::divide(line),
        "and" | "or" | "xor" | "not" if predicate => compare::predicates(line),
        "and" | "or" | "xor" | "not" => arithmetic::logic(line),
        "shl" | "shr" => arithmetic::shift(line),
        "shf" => arithmetic::funnel(line),
        "popc" | "clz" | "brev" => arithmetic::count(line),
        "bfe" => arithmetic::extract(line),
        "bfi" => arithmetic::insert(line),
        "prmt" => arithmetic::permute(line),
        "lop3" => arithmetic::lop3(line),
        "setp" => compare::setp(line),
        "selp" => compare::selp(line),
        "mov" => moves::mov(line),
        "cvta" => moves::cvta(line),
        "cvt" => convert::cvt(line),
        "ld" => memory::load(line),
        "st" => memory::store(line),
        "atom" | "red" => memory::atomic(line),
        "fence" | "membar" => memory::fence(line),
        "cp" => memory::copy(line),
        "ldmatrix" => memory::matrix(line),
        "bra" => control::branch(line),
        "exit" | "ret" => control::exit(line),
        "call" => control::call(line),
        "bar" | "barrier" => control::barrier(line),
        "nanosleep" => control::sleep(line),
        "shfl" => lanes::shuffle(line),
        "vote" => lanes::vote(line),
        "match" => lanes::match_any(line),
        "redux" => lanes::reduce(line),
        "activemask" => lanes::active_mask(line),
        "mma" => tensor::multiply(line),
        _ => Err(line.unsupported()),
    }
}

/// What a body is that of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Entry,
    Function,
}

/// The instructions of a statement: one, or a few of a call.
fn instructions<'a>(
    text: &Text<'a>,
    names: &mut Names<'_, 'a>,
    statement: &Statement<'a>,
) -> Result<Vec<Instruction>, Fault> {
    let mut line = Line::new(names, statement, (text.version, text.target));
    let guard = match statement.guard {
        Some((name, negated)) => {
            let (register, ty) = line.lookup(name)?;
            if ty != crate::types::Type::PREDICATE {
                return Err(line.fault(FaultKind::Type, format!("`{name}` is no predicate")));
            }
            Some(Predicate { register, negated })
        }
        None => None,
    };
    let all = match (line.base, statement.operands.len()) {
        ("call", 3) => functions::call(text, &mut line)?,
        _ => vec![decode(&mut line)?],
    };
    let made = |(class, op)| Instruction { line: statement.line, class, guard, op, meet: 0 };
    Ok(all.into_iter().map(made).collect())
}

/// The instructions of a body.
pub fn body<'a>(
    text: &Text<'a>,
    names: &mut Names<'_, 'a>,
    of: Body,
) -> Result<Vec<Instruction>, Fault> {
    let statements = &names.entry.statements;
    let mut code = Vec::with_capacity(statements.len());
    // Where the instructions of each statement begin: labels name statements.
    let mut starts = Vec::with_capacity(statements.len() + 1);
    for statement in statements {
        let with_line = |fault: Fault| Fault { line: fault.line.or(Some(statement.line)), ..fault };
        starts.push(code.len());
        code.extend(instructions(text, names, statement).map_err(with_line)?);
        if let (Body::Function, "ret", Some(last)) = (of, statement.opcode, code.last_mut()) {
            // The lanes go on behind the call.
            last.op = Op::Branch { target: statements.len(), uniform: false };
        }
    }
    starts.push(code.len());
    for instruction in &mut code {
        if let Op::Branch { target, .. } = &mut instruction.op {
            *target = starts[*target];
        }
    }
    Ok(code)
}

/// Decodes an entry.
pub fn entry<'a>(
    text: &Text<'a>,
    variables: &Variables<'a>,
    entry: &Entry<'a>,
) -> Result<Kernel, Fault> {
    let memory = place_entry(variables, text, entry)?;
    let mut names = Names::new(entry, variables, memory);
    let mut code = body(text, &mut names, Body::Entry)?;
    let meet = meetings(&code);
    code.iter_mut().zip(meet).for_each(|(instruction, meet)| instruction.meet = meet);
    let function = |names: &mut Names<'_, 'a>| body(text, names, Body::Function);
    functions::link(text, variables, &mut names, &mut code, function)?;
    let synchronises = code.iter().any(|i| match &i.op {
        Op::Fence => true,
        Op::Load { order, .. } | Op::Store { order, .. } | Op::Atomic { order, .. } => {
            order.acquire || order.release
        }
        _ => false,
    });
    let Names { memory, registers, predicates, .. } = names;
    Ok(Kernel {
        name: entry.name.to_owned(),
        params: memory.params.iter().map(|(_, offset, bytes)| (*offset, *bytes)).collect(),
        param_bytes: memory.param_bytes,
        max_threads: entry.max_threads,
        exact_threads: entry.exact_threads,
        shared_bytes: memory.shared_bytes,
        dynamic_align: memory.dynamic_align,
        local_bytes: memory.local_bytes,
        code,
        registers,
        predicates,
        synchronises,
    })
}
