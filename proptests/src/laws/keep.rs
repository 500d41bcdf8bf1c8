//! What only rearranges work keeps values: simplification, dead-code elimination, partial
//! evaluation.

use crate::mapped::applied;
use crate::program::{Program, subsets};
use crate::values::{Near, compare_all};
use crate::violation::Violation;
use cotangent::Scalar;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::primitive::{Recur, Residual};
use cotangent::core::trace::{bind, trace};
use cotangent::prims::entry::Case;
use cotangent::prims::lax;
use cotangent::transforms::Transforms;
use cotangent::transforms::simplify::{Options, simplify};
use std::sync::Arc;

const NEAR: Near = Near::Roundings(16.0);

/// Simplification, of the primitive and its derivatives, and where operands are 0, 1, -1 or 2
/// everywhere or made by the primitive itself.
pub fn simplified(case: &Case) -> Result<(), Violation> {
    let p = Program::of(case)?;
    simplified_on(&p)?;
    if !p.forward_only() {
        simplified_on(&p.pullback(0)?).map_err(|e| e.within("pullback"))?;
    }
    if !p.reverse_only() {
        simplified_on(&p.jvp(0)?).map_err(|e| e.within("jvp"))?;
    }
    for i in 0..p.inputs.len() {
        for value in [0.0, 1.0, -1.0, 2.0] {
            for literal in [false, true] {
                let filled = with_operand_filled(case, i, value, literal);
                // A literal may stand where arrays stand only beside them, and not all values are
                // in every domain.
                if let Ok(filled) = filled {
                    simplified_on(&filled)
                        .map_err(|e| e.within(format!("operand {i} filled with {value}")))?;
                }
            }
        }
    }
    for i in 0..p.inputs.len() {
        if let Ok(again) = applied_again(case, i) {
            simplified_on(&again).map_err(|e| e.within("applied to its own result"))?;
        }
    }
    Ok(())
}

pub fn simplified_on(p: &Program) -> Result<(), Violation> {
    let expected = p.interpret()?;
    for inline in [false, true] {
        let simple = p.with(simplify(&p.jaxpr, Options { inline })?);
        compare_all("simplified", &simple.interpret()?, &expected, NEAR)
            .map_err(|e| e.within(format!("{}\nfrom\n{}", simple.jaxpr, p.jaxpr)))?;
    }
    Ok(())
}

fn with_operand_filled(
    case: &Case,
    i: usize,
    value: f64,
    literal: bool,
) -> Result<Program, Violation> {
    let x = case.inputs[i].aval().strong();
    let none = || Violation::new("not of this dtype");
    let value = Scalar::from_f64(x.dtype, value)
        .filter(|s| s.to_f64().or(s.to_i64().map(|i| i as f64)) == Some(value))
        .ok_or_else(none)?;
    let rest = |j: &usize| *j != i;
    let inputs: Vec<Array> =
        (0..case.inputs.len()).filter(rest).map(|j| case.inputs[j].clone()).collect();
    let avals: Vec<Aval> = inputs.iter().map(|a| a.aval().strong()).collect();
    let prim = applied(case)?;
    let traced = trace(&avals, |mut args| {
        let operand = match literal {
            true => Array::strong_literal(value),
            false => lax::full(&x.shape, value),
        };
        args.insert(i, operand);
        Ok(bind(prim.clone(), &args)?.into_vec())
    })?;
    Ok(Program { jaxpr: Arc::new(traced.jaxpr), inputs })
}

/// `p(p(x, y), y)`, where types allow it, and `p(x, x)`.
fn applied_again(case: &Case, i: usize) -> Result<Program, Violation> {
    let avals: Vec<Aval> = case.inputs.iter().map(|a| a.aval().strong()).collect();
    let prim = applied(case)?;
    let traced = trace(&avals, |mut args| {
        let first = bind(prim.clone(), &args)?;
        args[i] = first[0].clone();
        let mut outs = bind(prim.clone(), &args)?.into_vec();
        let x = args[i].clone();
        args.iter_mut().for_each(|a| *a = x.clone());
        if let Ok(squared) = bind(prim.clone(), &args) {
            outs.extend(squared);
        }
        Ok(outs)
    })?;
    Ok(Program { jaxpr: Arc::new(traced.jaxpr), inputs: case.inputs.clone() })
}

/// Dead-code elimination keeps the outputs that are used, whichever they are.
pub fn dced(case: &Case) -> Result<(), Violation> {
    let p = Program::of(case)?;
    dced_on(&p)?;
    if p.reverse_only() {
        return Ok(());
    }
    dced_on(&p.jvp(0)?).map_err(|e| e.within("jvp"))
}

pub fn dced_on(p: &Program) -> Result<(), Violation> {
    let all = p.interpret()?;
    for used in subsets(&vec![true; p.outs()]) {
        let (small, kept) = Transforms::new().dce(&p.jaxpr, &used)?;
        let pick = |of: &[Array], mask: &[bool]| -> Vec<Array> {
            of.iter().zip(mask).filter(|(_, m)| **m).map(|(x, _)| x.clone()).collect()
        };
        let small = Program { jaxpr: small, inputs: pick(&p.inputs, &kept) };
        compare_all("the outputs used", &small.interpret()?, &pick(&all, &used), NEAR)
            .map_err(|e| e.within(format!("used {used:?}, by\n{}", small.jaxpr)))?;
    }
    Ok(())
}

/// Partial evaluation: the known part, then the unknown part, give all outputs.
pub fn split(case: &Case) -> Result<(), Violation> {
    let p = Program::of(case)?;
    split_on(&p)?;
    if p.reverse_only() {
        return Ok(());
    }
    split_on(&p.jvp(0)?).map_err(|e| e.within("jvp"))
}

pub fn split_on(p: &Program) -> Result<(), Violation> {
    let expected = p.interpret()?;
    let (n, outs) = (p.inputs.len(), p.outs());
    let alone = (0..n).map(|i| (0..n).map(|j| i == j).collect::<Vec<_>>());
    let others = (0..n).map(|i| (0..n).map(|j| i != j).collect::<Vec<_>>());
    let masks: Vec<Vec<bool>> =
        alone.chain(others).chain([vec![true; n], vec![false; n]]).collect();
    for unknown in masks {
        for force in [vec![false; outs], vec![true; outs]] {
            let got = recombined(p, &unknown, &force)?;
            compare_all("known and unknown part together", &got, &expected, NEAR)
                .map_err(|e| e.within(format!("unknown inputs {unknown:?}")))?;
        }
    }
    Ok(())
}

fn recombined(p: &Program, unknown: &[bool], force: &[bool]) -> Result<Vec<Array>, Violation> {
    let split = Transforms::new().split(&p.jaxpr, unknown, force)?;
    let pick = |want: bool| {
        let with = p.inputs.iter().zip(unknown).filter(move |(_, u)| **u == want);
        with.map(|(x, _)| x.clone()).collect::<Vec<Array>>()
    };
    if let Some(o) = (0..force.len()).find(|o| force[*o] && !split.unknown_out[*o]) {
        return Err(Violation::new(format!("output {o} is not unknown although it must be")));
    }
    let known_outs = split.unknown_out.iter().filter(|u| !**u).count();
    let mut known = Program { jaxpr: split.known.clone(), inputs: pick(false) }.interpret()?;
    let computed_wanted =
        split.residuals.iter().filter(|r| matches!(r, Residual::Computed(_))).count();
    if known.len() != known_outs + computed_wanted {
        return Err(Violation::new(format!(
            "the known part gives {} outputs, expected {known_outs} and {computed_wanted} \
             residuals",
            known.len()
        )));
    }
    let mut computed = known.split_off(known_outs).into_iter();
    let mut inputs: Vec<Array> = Vec::new();
    for r in &split.residuals {
        inputs.push(match r {
            Residual::Input(i) if unknown[*i] => {
                return Err(Violation::new(format!("residual input {i} is unknown")));
            }
            Residual::Input(i) => p.inputs[*i].clone(),
            Residual::Computed(_) => computed.next().expect("counted above"),
        });
    }
    inputs.extend(pick(true));
    let mut late = Program { jaxpr: split.unknown.clone(), inputs }.interpret()?.into_iter();
    let mut known = known.into_iter();
    let outs = split.unknown_out.iter().map(|u| if *u { late.next() } else { known.next() });
    outs.collect::<Option<Vec<Array>>>().ok_or_else(|| Violation::new("an output is lost"))
}
