//! Checks look on: a checked jaxpr is well-typed and gives what it gave before, batched and
//! differentiated too.

use crate::program::Program;
use crate::values::{Near, compare_all};
use crate::violation::Violation;
use cotangent::core::axis::BatchAxis;
use cotangent::core::check::check;
use cotangent::core::primitive::Recur;
use cotangent::prims::entry::Case;
use cotangent::transforms::Transforms;
use cotangent::transforms::checkify::{Checks, checkify};
use std::sync::Arc;

const NEAR: Near = Near::Roundings(16.0);

/// The primitive and its derivatives, checked; and the checked primitive over a batch of two equal
/// lanes.
pub fn law(case: &Case) -> Result<(), Violation> {
    let p = Program::of(case)?;
    on(&p)?;
    if !p.forward_only() {
        on(&p.pullback(0)?).map_err(|e| e.within("pullback"))?;
    }
    if !p.reverse_only() {
        on(&p.jvp(0)?).map_err(|e| e.within("jvp"))?;
    }
    Ok(())
}

/// Lanes of a named axis run together, so no state can pass through all of them.
pub fn lanes(case: &Case) -> Option<&'static str> {
    let mapped = Program::of(case).ok()?.jaxpr.eqns.iter().any(|e| e.prim.name() == "mapped");
    mapped.then_some("lanes run together: no state passes through them")
}

/// Of any program.
pub fn on(p: &Program) -> Result<(), Violation> {
    let expected = p.interpret()?;
    let checked = checkify(&p.jaxpr, Checks::ALL)?;
    let within = |e: Violation| e.within(format!("{}\nfrom\n{}", checked.jaxpr, p.jaxpr));
    check(&checked.jaxpr).map_err(|e| within(e.into()))?;
    let values = p.with(checked.jaxpr.clone()).interpret().map_err(within)?;
    compare_all("checked", &values[checked.state..], &expected, NEAR).map_err(within)?;
    let none = vec![false; p.inputs.len()];
    let force = vec![true; checked.jaxpr.outputs.len()];
    let body = Arc::new(checked.jaxpr.clone());
    let (lanes, _) = Transforms::new().batch(&body, &BatchAxis::unnamed(2), &none, &force)?;
    check(&lanes).map_err(|e| within(e.into()))
}
