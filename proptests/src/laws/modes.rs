//! Forward and reverse mode on any numbers, special ones too: where both are finite they agree, as
//! in `adjoint`. Where one is not, because a rule multiplies 0 by an infinity, nothing is promised;
//! that is counted by the primitive at which the first NaN arises.

use crate::program::Program;
use crate::values::{count, largest, numbers};
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::core::jaxpr::{Atom, Jaxpr};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How forward and reverse mode compare, and how often.
static SEEN: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn see(what: String) {
    *SEEN.lock().expect("no panic holds it").entry(what).or_default() += 1;
}

/// Counts a program whose bits were compared, or why not.
pub fn bits(what: &str) {
    see(what.to_owned());
}

/// What was seen in this process, a line each, the most frequent first.
pub fn seen() -> String {
    let seen = SEEN.lock().expect("no panic holds it");
    let mut lines: Vec<(&String, &usize)> = seen.iter().collect();
    lines.sort_by_key(|(what, n)| (std::cmp::Reverse(**n), *what));
    lines.iter().map(|(what, n)| format!("{n:6}  {what}\n")).collect()
}

/// Compares the modes on a program, and counts.
pub fn on(p: &Program) -> Result<(), Violation> {
    if !p.wrt().contains(&true) || p.forward_only() || p.reverse_only() {
        return Ok(());
    }
    let values = p.interpret()?;
    let (forward, back) = (p.jvp(3)?, p.pullback(3)?);
    let tangents = forward.interpret()?.split_off(p.outs());
    let cotangents = back.interpret()?;
    let finite = |arrays: &[Array]| -> Result<bool, Violation> {
        let all: Result<Vec<Vec<f64>>, Violation> = arrays.iter().map(numbers).collect();
        Ok(all?.concat().iter().all(|x| x.is_finite()))
    };
    let origin = |p: &Program| Ok::<String, Violation>(first_nan(p)?.unwrap_or("none".into()));
    let what = match (finite(&values)?, finite(&tangents)?, finite(&cotangents)?) {
        // Its derivative rounds tangents to the format, each mode at other places.
        (_, true, true) if p.jaxpr.to_string().contains("reduce_precision") => {
            "both finite, rounded to another format inside".to_owned()
        }
        (_, true, true) => {
            agree(p, &tangents, &cotangents)?;
            "both finite".to_owned()
        }
        (true, false, false) => format!("values finite, neither mode: NaN from {}", origin(&back)?),
        (false, false, false) => "neither values nor derivatives finite".to_owned(),
        (_, true, false) => format!("only forward finite: NaN from {}", origin(&back)?),
        (_, false, true) => format!("only reverse finite: NaN from {}", origin(&forward)?),
    };
    see(what);
    Ok(())
}

/// `<ct, J v> = <J^T ct, v>`, but for what rounding and overflow of the terms may do.
fn agree(p: &Program, tangents: &[Array], cotangents: &[Array]) -> Result<(), Violation> {
    let cts: Vec<Array> = p.cotangents(3);
    let (left, a) = inner(&cts, tangents)?;
    let (right, b) = inner(cotangents, &p.tangents(&p.wrt(), 3))?;
    // Terms inside that are larger than the results may have cancelled.
    let inside = largest_inside(&p.jvp(3)?)?.max(largest_inside(&p.pullback(3)?)?);
    let slack = 1e4 * p.epsilon() * (1.0 + a + b + inside);
    if slack.is_finite() && (left - right).abs() > slack {
        return Err(Violation::new(format!("<ct, J v> is {left:e}, <J^T ct, v> is {right:e}")));
    }
    Ok(())
}

/// The real part of the inner product over inexact arrays, and the sum of its terms' sizes.
fn inner(a: &[Array], b: &[Array]) -> Result<(f64, f64), Violation> {
    let inexact = |x: &&Array| x.dtype().is_inexact();
    let (mut sum, mut size) = (0.0, 0.0);
    for (a, b) in a.iter().filter(inexact).zip(b.iter().filter(inexact)) {
        let complex = a.dtype().is_complex();
        for (i, (x, y)) in numbers(a)?.iter().zip(numbers(b)?).enumerate() {
            sum += if complex && i % 2 == 1 { -x * y } else { x * y };
            size += (x * y).abs();
        }
    }
    Ok((sum, size))
}

/// The results of all equations.
fn intermediates(p: &Program) -> Result<Vec<Array>, Violation> {
    let all = p.jaxpr.eqns.iter().flat_map(|e| e.outputs.iter().copied());
    let outputs = all.map(Atom::Var).collect();
    p.with(Arc::new(Jaxpr { outputs, ..(*p.jaxpr).clone() })).interpret()
}

/// The largest finite number among them.
fn largest_inside(p: &Program) -> Result<f64, Violation> {
    let sizes: Result<Vec<f64>, Violation> =
        intermediates(p)?.iter().map(|x| Ok(largest(&numbers(x)?))).collect();
    Ok(sizes?.into_iter().fold(0.0, f64::max))
}

/// The primitive that gives the first NaN though none of its operands has one.
fn first_nan(p: &Program) -> Result<Option<String>, Violation> {
    let values = intermediates(p)?;
    let nan = |x: &Array| Ok::<bool, Violation>(numbers(x)?.iter().any(|x| x.is_nan()));
    let mut bad = vec![false; p.jaxpr.avals.len()];
    for (v, x) in p.jaxpr.inputs.iter().zip(&p.inputs) {
        bad[v.index()] = count(&x.aval()) > 0 && nan(x)?;
    }
    let mut values = values.iter();
    for eqn in &p.jaxpr.eqns {
        let from = eqn.inputs.iter().any(|a| matches!(a, Atom::Var(v) if bad[v.index()]));
        for v in &eqn.outputs {
            let x = values.next().expect("one per variable");
            if nan(x)? {
                if !from {
                    return Ok(Some(eqn.prim.name().to_owned()));
                }
                bad[v.index()] = true;
            }
        }
    }
    Ok(None)
}
