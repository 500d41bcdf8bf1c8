//! Transforms commute: the derivative of a batch is the batch of derivatives.

use crate::program::Program;
use crate::values::{Near, compare_all, neighbour, stack};
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::prims::entry::Case;

pub fn law(case: &Case) -> Result<(), Violation> {
    on(&Program::of(case)?)
}

pub fn on(p: &Program) -> Result<(), Violation> {
    const SIZE: usize = 3;
    let mut wrt = p.wrt();
    wrt.resize(p.inputs.len(), false);
    let batch = |inputs: &[Array], p: &Program| -> Result<Vec<Array>, Violation> {
        let one = |(i, x): (usize, &Array)| {
            let slices: Result<Vec<Array>, Violation> =
                (0..SIZE).map(|n| neighbour(x, n)).collect();
            stack(&slices?, &p.jaxpr.in_avals()[i])
        };
        inputs.iter().enumerate().map(one).collect()
    };
    let moved = p.jvp(0)?;
    let inputs = batch(&moved.inputs, &moved)?;
    let all = vec![true; moved.inputs.len()];
    let batch_of_jvp = moved.batched(&all, &inputs, SIZE)?;
    let batched = p.batched(&vec![true; p.inputs.len()], &inputs[..p.inputs.len()], SIZE)?;
    let jvp_of_batch = batched.jvp_in(&wrt, 0)?.at(inputs);
    compare_all(
        "jvp of batch",
        &jvp_of_batch.interpret()?,
        &batch_of_jvp.interpret()?,
        Near::Roundings(64.0),
    )
    .map_err(|e| e.within(format!("{}\nagainst\n{}", jvp_of_batch.jaxpr, batch_of_jvp.jaxpr)))
}
