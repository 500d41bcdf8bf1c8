//! `parse(print(j)) = j`, for the primitive and its transforms; and parameters rebuild the
//! primitive.

use crate::mapped::WithMapped;
use crate::program::Program;
use crate::violation::Violation;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::params::Param;
use cotangent::core::parse::parse;
use cotangent::core::primitive::{Registry, same_prim};
use cotangent::prims::entry::Case;
use cotangent::prims::roll_call::Roll;

pub fn law(case: &Case) -> Result<(), Violation> {
    law_with(case, &Roll::default())
}

/// The law for primitives of one's own, with a registry that knows them.
pub fn law_with(case: &Case, registry: &dyn Registry) -> Result<(), Violation> {
    let params = case.prim.params();
    let named: Vec<(String, Param)> =
        params.iter().map(|(k, p)| ((*k).to_owned(), p.clone())).collect();
    let rebuilt = registry.build(case.prim.name(), &named)?;
    if !same_prim(&rebuilt, &case.prim) {
        return Err(Violation::new(format!(
            "rebuilt from its parameters it is another: {:?} instead of {params:?}",
            rebuilt.params()
        )));
    }
    let p = Program::of(case)?;
    on_with(registry, &p)?;
    on_with(registry, &p.jvp(0)?).map_err(|e| e.within("jvp"))?;
    if !p.forward_only() {
        on_with(registry, &p.pullback(0)?).map_err(|e| e.within("pullback"))?;
    }
    let all = vec![true; p.inputs.len()];
    if all.is_empty() {
        return Ok(());
    }
    on_with(registry, &p.batched(&all, &p.inputs, 2)?).map_err(|e| e.within("batch"))
}

pub fn on(p: &Program) -> Result<(), Violation> {
    on_with(&Roll::default(), p)
}

fn on_with(registry: &dyn Registry, p: &Program) -> Result<(), Violation> {
    let jaxpr: Jaxpr = p.jaxpr.compact();
    let text = jaxpr.to_string();
    let read = parse(&text, &WithMapped(registry)).map_err(|e| Violation::from(e).within(&text))?;
    if read != jaxpr {
        return Err(Violation::new(format!("printed\n{text}\nand read back\n{read}")));
    }
    if read.to_string() != text {
        return Err(Violation::new(format!("printed\n{text}\nthen\n{read}")));
    }
    Ok(())
}
