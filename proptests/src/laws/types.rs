//! What runs has the types that `abstract_eval` gives, interpreted and compiled; inputs it cannot
//! take are errors, not panics.

use crate::mapped::{applied, lane_avals};
use crate::program::Program;
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::prims::entry::Case;

pub fn law(case: &Case) -> Result<(), Violation> {
    let avals: Vec<Aval> = case.inputs.iter().map(|a| a.aval().strong()).collect();
    let said = applied(case)?.abstract_eval(&avals)?;
    let p = Program::of(case)?;
    for (how, outs) in [("interpreted", p.interpret()?), ("compiled", p.run()?)] {
        if outs.len() != said.len() {
            let (e, g) = (said.len(), outs.len());
            return Err(Violation::new(format!("{how}: expected {e} outputs, got {g}")));
        }
        for (i, (out, said)) in outs.iter().zip(&said).enumerate() {
            holds(out, said).map_err(|e| e.within(format!("{how}, output {i}")))?;
        }
    }
    refuses(case, &lane_avals(case))
}

fn holds(out: &Array, said: &Aval) -> Result<(), Violation> {
    let bytes = out.to_bytes()?.len();
    if out.aval() != *said || bytes != said.bytes() {
        return Err(Violation::new(format!(
            "abstract_eval says {said} ({} bytes), it is {} ({bytes} bytes)",
            said.bytes(),
            out.aval()
        )));
    }
    Ok(())
}

/// One input too few is an error; so is another rank or dtype, or it is an application that is
/// typed like any other.
fn refuses(case: &Case, avals: &[Aval]) -> Result<(), Violation> {
    let name = case.prim.name();
    if let Some((_, fewer)) = avals.split_last()
        && case.prim.abstract_eval(fewer).is_ok_and(|outs| fewer.is_empty() && !outs.is_empty())
    {
        return Err(Violation::new(format!("{name} takes no inputs where it has some")));
    }
    for i in 0..avals.len() {
        let mut other = avals.to_vec();
        other[i] = other[i].batched(0, 2);
        let _ = case.prim.abstract_eval(&other);
        other[i] = other[i].with_dtype(cotangent::DType::U32);
        let _ = case.prim.abstract_eval(&other);
    }
    Ok(())
}
