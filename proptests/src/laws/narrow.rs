//! The derivative of a program in floats of 16 bits, read in f64, is the derivative of the program
//! read in f64: rules do not depend on the dtype. But for the numbers in rules, which are rounded
//! to 16 bits.
//!
//! So no rounding of the program's own values blurs the law, and its steps cannot fall to another
//! side.

use crate::program::Program;
use crate::values::compare_with_twin;
use crate::violation::Violation;

/// Of a program and its twin: forward and reverse.
pub fn on(p: &Program, twin: &Program) -> Result<(), Violation> {
    if !p.reverse_only() {
        alike("jvp", &p.jvp(3)?, &twin.jvp(3)?, p.epsilon())?;
    }
    if !p.forward_only() {
        alike("pullback", &p.pullback(3)?, &twin.pullback(3)?, p.epsilon())?;
    }
    Ok(())
}

fn alike(what: &str, of_own: &Program, of_twin: &Program, epsilon: f64) -> Result<(), Violation> {
    let Some(read) = of_own.twin()? else { return Ok(()) };
    let other = of_twin.at(read.inputs.clone());
    compare_with_twin(what, &read.interpret()?, &other.interpret()?, epsilon)
        .map_err(|e| e.within(format!("{}\nagainst\n{}", read.jaxpr, other.jaxpr)))
}
