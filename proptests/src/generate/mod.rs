//! Random programs: a recipe is a list of choices that is always a well-typed program, so that it
//! shrinks well.
//!
//! A program computes with one inexact dtype, a float or a complex one, with ints of any dtype and
//! with bools. Inexact values stay below 4 in size and functions smooth (but for sorts, folds and
//! selects, whose kinks are rarely met), so that finite differences tell derivatives; a recipe says
//! whether steps may round, too. Ints are of any size. Bodies of `call`, `cond`, `scan`,
//! `checkpoint` and `custom_jvp` are random, too; lanes of a batch talk to each other. Not here:
//! what is claimed of programs (`laws`).

mod bench;
mod bodies;
mod cases;
mod contract;
mod floats;
mod folds;
mod loops;
mod ops;
mod places;
mod recipe;
mod wholes;
mod wild;

pub use recipe::{Kind, Op, Recipe, Step, recipes};

use crate::program::Program;
use crate::values::{array, direction, mix};
use crate::violation::Violation;
use bench::Bench;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::trace::trace;
use cotangent::{DType, Scalar};
use std::sync::Arc;

/// The program of a recipe, with inputs between -1 and 1, or special ones if the recipe is wild.
pub fn program(recipe: &Recipe) -> Result<Program, Violation> {
    let avals = recipe.inputs();
    let traced = trace(&avals, |args| {
        let how = (recipe.rough, recipe.wild.is_some());
        let mut outs = Bench::new(recipe.dtype, how, &args).outputs(&recipe.steps);
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
    let number = |i: usize, a: &Aval| match recipe.wild {
        Some(salt) if a.dtype.is_inexact() => special(a, i as u64 + 8 * u64::from(salt)),
        _ => input(a, i as u64),
    };
    let inputs = avals.iter().enumerate().map(|(i, a)| number(i, a));
    Ok(Program { jaxpr: Arc::new(traced.jaxpr), inputs: inputs.collect() })
}

fn input(aval: &Aval, seed: u64) -> Array {
    match aval.dtype {
        DType::I32 => array(aval, (0..aval.size()).map(|i| ((i * 5 + 2) % 4) as f64)),
        DType::Bool => array(aval, (0..aval.size()).map(|i| (i % 3 == 1) as u8 as f64)),
        d if d.is_int() => {
            // Small ones, and what wraps.
            let values = [3.0, -1.0, 7.0, 0.0, f64::MAX, 2.0, f64::MIN, 100.0];
            array(aval, (0..aval.size()).map(|i| values[(i * 3 + seed as usize) % values.len()]))
        }
        _ => direction(aval, 1000 + seed),
    }
}

/// Zeros, ones, infinities, NaN, the largest and the smallest numbers, ints.
fn special(aval: &Aval, seed: u64) -> Array {
    let (largest, smallest, least) = match aval.dtype.part() {
        DType::F16 => (65504.0, 2f64.powi(-24), 2f64.powi(-14)),
        DType::BF16 => (f32::from_bits(0x7f7f_0000).into(), 2f64.powi(-133), 2f64.powi(-126)),
        DType::F32 => (f32::MAX.into(), f32::from_bits(1).into(), f32::MIN_POSITIVE.into()),
        _ => (f64::MAX, f64::from_bits(1), f64::MIN_POSITIVE),
    };
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let values = [
        0.0, -0.0, 1.0, -1.0, inf, -inf, nan, largest, -largest, smallest, -smallest, least, 2.0,
        -3.0, 0.5, 1000.0, // Ordinary ones beside them.
        0.7, -0.3, 1.6, 2.5,
    ];
    let at = |i: usize| values[(mix(seed.wrapping_mul(0x9e37_79b9) + i as u64) % 20) as usize];
    array(aval, (0..crate::values::count(aval)).map(at))
}
