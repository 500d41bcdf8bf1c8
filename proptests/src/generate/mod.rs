//! Random programs: a recipe is a list of choices that is always a well-typed program, so that it shrinks well.
//!
//! Values stay between -4 and 4 and functions smooth (but for sorts, folds and selects, whose kinks are rarely met), so
//! that finite differences tell derivatives. Bodies of `call`, `cond`, `scan`, `checkpoint` and `custom_jvp` are random,
//! too; lanes of a batch talk to each other. Not here: what is claimed of programs (`laws`).

mod bench;
mod bodies;
mod loops;
mod ops;
mod recipe;

pub use recipe::{Kind, Op, Recipe, Step, recipes};

use crate::program::Program;
use crate::values::{array, direction};
use crate::violation::Violation;
use bench::Bench;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::trace::trace;
use cotangent::{DType, Scalar};
use std::sync::Arc;

/// Shapes of inputs: scalars, odd sizes, nothing at all.
const SHAPES: [&[usize]; 7] = [&[], &[3], &[2, 3], &[1], &[5], &[0], &[3, 1, 2]];

/// The program of a recipe, with inputs between -1 and 1.
pub fn program(recipe: &Recipe) -> Result<Program, Violation> {
    let avals = recipe.inputs();
    let traced = trace(&avals, |args| {
        let mut outs = Bench::new(recipe.dtype, &args).outputs(&recipe.steps);
        if recipe.odd & 1 == 1 {
            outs.push(outs[0].clone());
        }
        if recipe.odd & 2 == 2 {
            outs.push(args[0].clone());
        }
        if recipe.odd & 4 == 4 {
            let value = Scalar::from_f64(recipe.dtype, 0.25).expect("a float");
            outs.push(Array::strong_literal(value));
        }
        Ok(outs)
    })?;
    let inputs = avals.iter().enumerate().map(|(i, a)| input(a, i as u64));
    Ok(Program { jaxpr: Arc::new(traced.jaxpr), inputs: inputs.collect() })
}

fn input(aval: &Aval, seed: u64) -> Array {
    match aval.dtype {
        DType::I32 => array(aval, (0..aval.size()).map(|i| ((i * 5 + 2) % 4) as f64)),
        DType::Bool => array(aval, (0..aval.size()).map(|i| (i % 3 == 1) as u8 as f64)),
        _ => direction(aval, 1000 + seed),
    }
}
