//! Branches, exits, barriers.

use super::arithmetic::Decoded;
use super::line::Line;
use crate::fault::FaultKind;
use crate::instruction::{Class, Op, Value};
use crate::syntax::{Operand, SET_CONDITION};
use crate::types::Type;

pub fn branch(line: &mut Line<'_, '_, '_>) -> Decoded {
    let uniform = line.take("uni");
    line.end(1..=1)?;
    let Operand::Word(name, 0) = line.operand(0)? else {
        return Err(line.fault(FaultKind::Syntax, "wants a label"));
    };
    match line.names.label(line.statement.scope, name) {
        Some(target) => Ok((Class::Control, Op::Branch { target, uniform })),
        None => Err(line.fault(FaultKind::Name, format!("`{name}` is no label in scope"))),
    }
}

/// `exit`, and `ret` of an entry.
pub fn exit(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.end(0..=0)?;
    Ok((Class::Control, Op::Exit))
}

/// `call.uni cudaGraphSetConditional, (handle, value)`: the one call of what the module does not
/// define.
pub fn call(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.take("uni");
    line.end(2..=2)?;
    let known = matches!(line.operand(0)?, Operand::Word(SET_CONDITION, 0));
    if !known || !line.names.sets_conditions {
        let text = format!("only `{SET_CONDITION}` can be called, where it is declared");
        return Err(line.fault(FaultKind::Unsupported, text));
    }
    let Operand::Arguments(names) = line.operand(1)? else {
        return Err(line.fault(FaultKind::Syntax, "wants arguments in parentheses"));
    };
    let [handle, value] = names[..] else {
        return Err(line.fault(FaultKind::Syntax, "wants two arguments"));
    };
    let (handle, value) = (line.argument(handle, 8)?, line.argument(value, 4)?);
    Ok((Class::Control, Op::SetCondition { handle, value }))
}

/// `bar.sync`, `barrier.sync`, `bar.warp.sync`
pub fn barrier(line: &mut Line<'_, '_, '_>) -> Decoded {
    if line.base == "bar" && line.take("warp") {
        line.want("sync")?;
        line.end(1..=1)?;
        let mask = line.source(0, Type::bits(32))?;
        return Ok((Class::Lanes, Op::WarpBarrier { mask }));
    }
    if line.take("cta") {
        line.since(30, 78)?;
    }
    line.want("sync")?;
    line.take("aligned");
    line.end(1..=2)?;
    let id = line.source(0, Type::unsigned(32))?;
    if matches!(id, Value::Literal(16..)) {
        return Err(line.fault(FaultKind::Type, "barriers have the numbers 0 to 15"));
    }
    let threads = match line.statement.operands.len() {
        2 => Some(line.source(1, Type::unsigned(32))?),
        _ => None,
    };
    if let Some(Value::Literal(threads)) = threads
        && threads % 32 != 0
    {
        return Err(line.fault(FaultKind::Type, "the threads must be a multiple of 32"));
    }
    Ok((Class::Control, Op::Barrier { id, threads }))
}

pub fn sleep(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.since(70, 63)?;
    line.want("u32")?;
    line.end(1..=1)?;
    line.source(0, Type::unsigned(32))?;
    Ok((Class::Control, Op::Sleep))
}
