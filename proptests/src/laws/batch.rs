//! `vmap f (xs)[i] = f (xs[i])`: for each input batched alone and all together, the batch axis in
//! front and elsewhere.

use crate::mapped::Mapped;
use crate::program::{Program, subsets};
use crate::values::{Near, axis_moved, compare, neighbour, stack, unstack};
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::axis::BatchAxis;
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::primitive::Recur;
use cotangent::core::trace::{bind, trace};
use cotangent::prims::entry::Case;
use cotangent::prims::shapes::transpose::moveaxis;
use cotangent::transforms::Transforms;
use cotangent::transforms::replay::replay;
use std::sync::Arc;

pub fn law(case: &Case) -> Result<(), Violation> {
    let p = Program::of(case)?;
    on(&p)?;
    if let Some(axis) = &case.axis {
        own_axis(case, axis).map_err(|e| e.within("over its own axis"))?;
    }
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
    // Of a case inside of a mapped axis it is the rule in a lane that is asked; lanes stay in
    // front.
    let lanes = case.axis.is_some() as usize;
    let mut inputs = batch.inputs.clone();
    let mut axes: Vec<Option<usize>> = Vec::new();
    for (i, (x, m)) in inputs.iter_mut().zip(mask).enumerate() {
        let rank = x.ndim() - lanes;
        let axis = m.then(|| if from_end { rank - 1 } else { i % rank });
        if let Some(to) = axis {
            *x = axis_moved(x, to + lanes)?;
        }
        axes.push(axis);
    }
    let lane = |a: &Array| if lanes > 0 { a.aval().unbatched(0) } else { a.aval() };
    let avals: Vec<Aval> = inputs.iter().map(|a| lane(a).strong()).collect();
    let (jaxpr, batched) = ruled(case, &BatchAxis::unnamed(batch.size), &avals, &axes)?;
    let (jaxpr, out_axes) = match &case.axis {
        None => (jaxpr, batched),
        Some(axis) => {
            let mapped = Mapped { axis: axis.clone(), jaxpr };
            let whole: Vec<Aval> = inputs.iter().map(Array::aval).collect();
            let traced = trace(&whole, |args| {
                let outs = bind(Arc::new(mapped), &args)?;
                let front = outs.iter().zip(&batched);
                front
                    .map(|(o, b)| if b.is_some() { moveaxis(o, 1, 0) } else { Ok(o.clone()) })
                    .collect()
            })?;
            (Arc::new(traced.jaxpr), batched)
        }
    };
    let outs = Program { jaxpr, inputs };
    batch.agrees(&outs.interpret()?, &out_axes).map_err(|e| e.within(format!("by\n{}", outs.jaxpr)))
}

/// What the rule gives for operands of these types, batch axes moved to the front.
fn ruled(
    case: &Case,
    axis: &BatchAxis,
    avals: &[Aval],
    axes: &[Option<usize>],
) -> Result<(Arc<Jaxpr>, Vec<Option<usize>>), Violation> {
    let mut out_axes = Vec::new();
    let transforms = Transforms::new();
    let jaxpr = replay(avals, |args| {
        let (outs, found) = case.prim.batch(&transforms.over(axis), args, axes)?;
        let front = outs.iter().zip(&found).map(|(o, axis)| match axis {
            Some(axis) => moveaxis(o, *axis, 0),
            None => Ok(o.clone()),
        });
        out_axes = found.iter().map(|a| a.map(|_| 0)).collect();
        front.collect()
    })?;
    Ok((Arc::new(jaxpr), out_axes))
}

/// The rule of a collective over its own axis: wherever the lanes are in the operand it is the
/// same; and what no lane differs in is an operand like others.
fn own_axis(case: &Case, axis: &BatchAxis) -> Result<(), Violation> {
    let p = Program::of(case)?;
    let agree =
        |p: &Program, inputs: Vec<Array>, axes: &[Option<usize>]| -> Result<(), Violation> {
            let avals: Vec<Aval> = inputs.iter().map(|a| a.aval().strong()).collect();
            let (jaxpr, out_axes) = ruled(case, axis, &avals, axes)?;
            let got = Program { jaxpr, inputs }.interpret()?;
            for (o, ((got, at), expected)) in
                got.iter().zip(&out_axes).zip(p.interpret()?).enumerate()
            {
                for n in 0..axis.size {
                    let got = if at.is_some() { unstack(got, n)? } else { got.clone() };
                    let what = format!("output {o} in lane {n}");
                    compare(&what, &got, &unstack(&expected, n)?, Near::Roundings(16.0))?;
                }
            }
            Ok(())
        };
    let last: Vec<usize> = p.inputs.iter().map(|x| x.ndim() - 1).collect();
    let moved: Result<Vec<Array>, Violation> =
        p.inputs.iter().zip(&last).map(|(x, to)| axis_moved(x, *to)).collect();
    let axes: Vec<Option<usize>> = last.iter().map(|to| Some(*to)).collect();
    agree(&p, moved?, &axes).map_err(|e| e.within("lanes in the last axis"))?;
    if axis.size == 0 {
        return Ok(());
    }
    let first: Result<Vec<Array>, Violation> = p.inputs.iter().map(|x| unstack(x, 0)).collect();
    let first = first?;
    let alike = first.iter().map(|x| stack(&vec![x.clone(); axis.size], &x.aval()));
    let alike = p.at(alike.collect::<Result<_, Violation>>()?);
    agree(&alike, first, &vec![None; p.inputs.len()]).map_err(|e| e.within("all lanes alike"))
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
