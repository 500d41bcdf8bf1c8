//! Second and third derivatives: the laws of first derivatives, said of first and second
//! derivatives.

use super::{adjoint, jvp};
use crate::program::Program;
use crate::violation::Violation;
use cotangent::prims::entry::Case;

/// Forward over forward, forward over reverse, reverse over forward, reverse over reverse.
pub fn second(case: &Case) -> Result<(), Violation> {
    second_on(&Program::of(case)?)
}

pub fn second_on(p: &Program) -> Result<(), Violation> {
    if !p.forward_only() {
        let reverse = p.pullback(1)?;
        jvp::on(&reverse).map_err(|e| e.within("forward over reverse"))?;
        adjoint::on(&reverse).map_err(|e| e.within("reverse over reverse"))?;
    }
    if p.reverse_only() {
        return Ok(());
    }
    let forward = p.jvp(1)?;
    jvp::on(&forward).map_err(|e| e.within("forward over forward"))?;
    if p.forward_only() {
        return Ok(());
    }
    adjoint::on(&forward).map_err(|e| e.within("reverse over forward"))
}

/// Forward three times; reverse three times.
pub fn third(case: &Case) -> Result<(), Violation> {
    third_on(&Program::of(case)?)
}

pub fn third_on(p: &Program) -> Result<(), Violation> {
    if !p.reverse_only() {
        let forward = p.jvp(1)?.jvp(2)?;
        jvp::together(&forward).map_err(|e| e.within("forward three times"))?;
    }
    if p.forward_only() {
        return Ok(());
    }
    let reverse = p.pullback(1)?.pullback(2)?;
    adjoint::on(&reverse).map_err(|e| e.within("reverse three times"))
}
