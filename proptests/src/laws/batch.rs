//! `vmap f (xs)[i] = f (xs[i])`: for each input batched alone and all together, the batch axis in front and elsewhere.

use crate::program::{Program, subsets};
use crate::values::{Near, axis_moved, compare, neighbour, stack, unstack};
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::axis::BatchAxis;
use cotangent::core::primitive::Recur;
use cotangent::core::trace::trace;
use cotangent::prims::batching::moveaxis;
use cotangent::prims::roll_call::Case;
use cotangent::transforms::Transforms;
use std::sync::Arc;

pub fn law(case: &Case) -> Result<(), Violation> {
    let p = Program::of(case)?;
    on(&p)?;
    for mask in masks(&p) {
        for from_end in [false, true] {
            rule(case, &p, &mask, from_end).map_err(|e| {
                let place = if from_end { "last" } else { "at different places" };
                e.within(format!("inputs in {mask:?} batched, the axis {place}"))
            })?;
        }
    }
    Ok(())
}

/// The law of the transform, which keeps batch axes in front.
pub fn on(p: &Program) -> Result<(), Violation> {
    for mask in masks(p) {
        let batch = Batch::of(p, &mask)?;
        let none = vec![false; p.outs()];
        let (jaxpr, batched) =
            Transforms::new().batch(&p.jaxpr, &BatchAxis::unnamed(batch.size), &mask, &none)?;
        let outs = Program { jaxpr, inputs: batch.inputs.clone() };
        let axes: Vec<Option<usize>> = batched.iter().map(|b| b.then_some(0)).collect();
        batch
            .agrees(&outs.interpret()?, &axes)
            .map_err(|e| e.within(format!("inputs in {mask:?} batched, by\n{}", outs.jaxpr)))?;
    }
    Ok(())
}

fn masks(p: &Program) -> Vec<Vec<bool>> {
    subsets(&vec![true; p.inputs.len()])
}

/// The primitive's own rule, with batch axes anywhere.
fn rule(case: &Case, p: &Program, mask: &[bool], from_end: bool) -> Result<(), Violation> {
    let batch = Batch::of(p, mask)?;
    let mut inputs = batch.inputs.clone();
    let mut axes: Vec<Option<usize>> = Vec::new();
    for (i, (x, m)) in inputs.iter_mut().zip(mask).enumerate() {
        let rank = x.ndim();
        let axis = m.then(|| if from_end { rank - 1 } else { i % rank });
        if let Some(to) = axis {
            *x = axis_moved(x, to)?;
        }
        axes.push(axis);
    }
    let avals: Vec<Aval> = inputs.iter().map(|a| a.aval().strong()).collect();
    let mut out_axes = Vec::new();
    let (transforms, axis) = (Transforms::new(), BatchAxis::unnamed(batch.size));
    let traced = trace(&avals, |args| {
        let (outs, found) = case.prim.batch(&transforms.over(&axis), &args, &axes)?;
        let front = outs.iter().zip(&found).map(|(o, axis)| match axis {
            Some(axis) => moveaxis(o, *axis, 0),
            None => Ok(o.clone()),
        });
        let front = front.collect();
        out_axes = found.iter().map(|a| a.map(|_| 0)).collect();
        front
    })?;
    let outs = Program { jaxpr: Arc::new(traced.jaxpr), inputs };
    batch.agrees(&outs.interpret()?, &out_axes).map_err(|e| e.within(format!("by\n{}", outs.jaxpr)))
}

/// A batch of neighbours of a program's inputs, and what the program makes of each.
struct Batch {
    size: usize,
    /// Those batched have the batch axis in front.
    inputs: Vec<Array>,
    /// Outputs of every slice.
    slices: Vec<Vec<Array>>,
}

impl Batch {
    fn of(p: &Program, mask: &[bool]) -> Result<Batch, Violation> {
        // A size that no axis has, so that a batch axis mistaken for another shows.
        let taken = |n: &usize| p.jaxpr.avals.iter().any(|a| a.shape.contains(n));
        let size = [2, 3, 5, 7].into_iter().find(|n| !taken(n)).unwrap_or(11);
        let mut inputs = Vec::new();
        for ((x, m), v) in p.inputs.iter().zip(mask).zip(&p.jaxpr.inputs) {
            let neighbours: Result<Vec<Array>, Violation> =
                (0..size).map(|n| neighbour(x, n)).collect();
            inputs.push(if *m { stack(&neighbours?, p.jaxpr.aval(*v))? } else { x.clone() });
        }
        let mut slices = Vec::new();
        for n in 0..size {
            let one = inputs.iter().zip(mask).map(|(x, m)| match m {
                true => unstack(x, n),
                false => Ok(x.clone()),
            });
            slices.push(p.at(one.collect::<Result<_, Violation>>()?).interpret()?);
        }
        Ok(Batch { size, inputs, slices })
    }

    fn agrees(&self, outs: &[Array], axes: &[Option<usize>]) -> Result<(), Violation> {
        if outs.len() != self.slices[0].len() || axes.len() != outs.len() {
            return Err(Violation::new(format!("{} outputs, {} axes", outs.len(), axes.len())));
        }
        for (n, slice) in self.slices.iter().enumerate() {
            for (o, (expected, axis)) in slice.iter().zip(axes).enumerate() {
                let what = format!("output {o} of slice {n}");
                let expected_aval = expected.aval().batched(0, self.size);
                let got = match axis {
                    Some(_) if outs[o].aval() != expected_aval => {
                        return Err(Violation::new(format!(
                            "{what}: expected a batch {expected_aval}, got {}",
                            outs[o].aval()
                        )));
                    }
                    Some(_) => unstack(&outs[o], n)?,
                    None => outs[o].clone(),
                };
                compare(&what, &got, expected, Near::Roundings(16.0))?;
            }
        }
        Ok(())
    }
}

/// An array and a neighbour of it, as a batch of two.
pub fn rows(x: &Array) -> Result<Array, Violation> {
    stack(&[x.clone(), neighbour(x, 1)?], &x.aval())
}
