//! What a transform gives is well typed: jvp, batch, split, transpose, dce, simplify.

use crate::program::{Program, subsets};
use crate::values::zeros;
use crate::violation::Violation;
use cotangent::core::aval::Aval;
use cotangent::core::axis::BatchAxis;
use cotangent::core::check::check;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::primitive::Recur;
use cotangent::prims::entry::Case;
use cotangent::transforms::Transforms;
use cotangent::transforms::simplify::{Options, simplify};
use cotangent::transforms::vjp::linearize;

pub fn law(case: &Case) -> Result<(), Violation> {
    on(&Program::of(case)?)
}

pub fn on(p: &Program) -> Result<(), Violation> {
    let j = &p.jaxpr;
    let (ins, outs) = (p.inputs.len(), p.outs());
    let t = Transforms::new();
    typed("the program", j)?;
    for inline in [false, true] {
        typed("simplified", &simplify(j, Options { inline })?)?;
    }
    for used in subsets(&vec![true; outs]) {
        let (small, kept) = t.dce(j, &used)?;
        let want: Vec<_> = j.in_avals().into_iter().zip(&kept).filter(|(_, k)| **k).collect();
        typed(&format!("dce to {used:?}"), &small)?;
        same_len("dce, inputs", small.inputs.len(), want.len())?;
        same_len("dce, outputs", small.outputs.len(), used.iter().filter(|u| **u).count())?;
    }
    for mask in subsets(&vec![true; ins]) {
        let (batched, axes) = t.batch(j, &BatchAxis::unnamed(3), &mask, &vec![false; outs])?;
        typed(&format!("batch of {mask:?}"), &batched)?;
        let expected = j.out_avals().into_iter().zip(&axes);
        let expected: Vec<_> =
            expected.map(|(a, b)| if *b { a.batched(0, 3) } else { a }).collect();
        if batched.out_avals() != expected {
            return Err(Violation::new(format!(
                "batch of {mask:?}: outputs {:?} instead of {expected:?}",
                batched.out_avals()
            )));
        }
        let split = t.split(j, &mask, &vec![false; outs])?;
        typed(&format!("split at {mask:?}, known part"), &split.known)?;
        typed(&format!("split at {mask:?}, unknown part"), &split.unknown)?;
    }
    if ins > 0 {
        // There may be no lanes at all.
        let (none, axes) =
            t.batch(j, &BatchAxis::unnamed(0), &vec![true; ins], &vec![true; outs])?;
        typed("batch of no lanes", &none)?;
        same_len("batch of no lanes, outputs", axes.len(), outs)?;
        let empty = |a: Aval| a.batched(0, 0);
        let expected: Vec<_> = j.out_avals().into_iter().map(empty).collect();
        if none.out_avals() != expected {
            return Err(Violation::new(format!("batch of no lanes: {none}")));
        }
        let inputs = j.in_avals().into_iter().map(|a| zeros(&a.batched(0, 0))).collect();
        Program { jaxpr: none, inputs }.run().map_err(|e| e.within("no lanes"))?;
    }
    let forward_only = p.forward_only();
    for mask in subsets(&p.wrt()) {
        let (moved, given) = t.jvp(j, &mask, &vec![false; outs])?;
        typed(&format!("jvp in {mask:?}"), &moved)?;
        let tangents = j.out_avals().into_iter().zip(&given).filter(|(_, g)| **g).map(|(a, _)| a);
        let expected: Vec<_> = j.out_avals().into_iter().chain(tangents).collect();
        if moved.out_avals() != expected {
            return Err(Violation::new(format!(
                "jvp in {mask:?}: outputs {:?} instead of {expected:?}",
                moved.out_avals()
            )));
        }
        let lin = linearize(&t, j, &mask)?;
        typed("forward part", &lin.forward)?;
        typed("linear part", &lin.linear)?;
        if forward_only {
            continue;
        }
        let linear: Vec<bool> =
            (0..lin.linear.inputs.len()).map(|i| i >= lin.num_residuals).collect();
        let force = vec![false; linear.len() - lin.num_residuals];
        let (back, _) = t.transpose(&lin.linear, &linear, &vec![true; outs], &force)?;
        typed(&format!("transposed in {mask:?}"), &back)?;
    }
    Ok(())
}

fn typed(what: &str, j: &Jaxpr) -> Result<(), Violation> {
    check(j).map_err(|e| Violation::from(e).within(what))
}

fn same_len(what: &str, got: usize, expected: usize) -> Result<(), Violation> {
    if got == expected {
        return Ok(());
    }
    Err(Violation::new(format!("{what}: expected {expected}, got {got}")))
}
