//! Compiled code gives what the interpreter gives, to the bit: reductions combine in an order that
//! is a part of their meaning. Only matrix products and other routines, which have orders of their
//! own, get a few roundings of the sum of absolute values.

use crate::program::Program;
use crate::values::{Near, array, compare_all, epsilon, numbers};
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::core::eager::upload;
use cotangent::core::jaxpr::{Eqn, Jaxpr};
use cotangent::core::lowering::Lowering;
use cotangent::prims::entry::Case;
use cotangent::stage;

pub fn law(case: &Case) -> Result<(), Violation> {
    let p = Program::of(case)?;
    let expected = p.interpret()?;
    agree(&p, &p.run()?, &expected)?;
    donated(&p, &expected)
}

/// What compiled code gives is what the interpreter gives.
pub fn agree(p: &Program, got: &[Array], expected: &[Array]) -> Result<(), Violation> {
    match rounding(&p.jaxpr) {
        Rounding::Fixed => bits(got, expected),
        Rounding::OfSums => within_sums(p, got, expected),
        Rounding::OfDivisors => compare_all("compiled", got, expected, Near::Roundings(64.0)),
    }
}

/// Of any program: floats within some roundings if routines are involved.
pub fn on(p: &Program) -> Result<(), Violation> {
    let near = match rounding(&p.jaxpr) {
        Rounding::Fixed => Near::Bits,
        _ => Near::Roundings(1024.0),
    };
    let expected = p.interpret()?;
    compare_all("compiled", &p.run()?, &expected, near)
        .map_err(|e| e.within(format!("in\n{}", p.jaxpr)))?;
    donated(p, &expected)
}

/// Of a program on any numbers: the interpreter, compiled code and one operation after the other
/// give the same bits. One operation after the other may sum floats in another order than a kernel
/// of many operations, matrix products always do, and where bits are looked at it shows which NaN
/// there is: such programs are run, but not compared. Returns what was done.
pub fn anywhere(p: &Program) -> Result<&'static str, Violation> {
    let told = |e: Violation| e.within(format!("in\n{}", p.jaxpr));
    let expected = p.interpret()?;
    let text = p.jaxpr.to_string();
    let (compiled, eager) = (p.run()?, p.eager()?);
    if text.contains("bitcast_convert_type") {
        return Ok("looks at bits, of NaN too: run, bits not compared");
    }
    if rounding(&p.jaxpr) > Rounding::Fixed {
        return Ok("multiplies matrices: run, bits not compared");
    }
    compare_all("compiled", &compiled, &expected, Near::Bits).map_err(told)?;
    // Updates that are added to zeros may be added to what the zeros are added to: that keeps -0,
    // which 0 does not.
    if sums_floats(&p.jaxpr) || text.contains("scatter_add") {
        return Ok("sums floats: bits of the whole compared");
    }
    compare_all("one by one", &eager, &expected, Near::Bits).map_err(told)?;
    Ok("bits compared")
}

fn bits(got: &[Array], expected: &[Array]) -> Result<(), Violation> {
    compare_all("compiled", got, expected, Near::Bits)
}

/// With the inputs' memory given up, results are the same bits: the interpreter's, and those of
/// machine code.
fn donated(p: &Program, expected: &[Array]) -> Result<(), Violation> {
    let got = stage::run::interpret_donating(&p.jaxpr, &p.inputs)?;
    compare_all("with inputs given up, interpreted", &got, expected, Near::Bits)?;
    let copies: Result<Vec<Array>, Violation> =
        p.inputs.iter().map(|x| Ok(upload(x.aval(), &x.to_bytes()?)?)).collect();
    let given = stage::run_jaxpr(&p.jaxpr, copies?)?;
    compare_all("with inputs given up", &given, &p.run()?, Near::Bits)
}

/// Where it shows in which order floats were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rounding {
    Fixed,
    /// Absolute values of the inputs bound it.
    OfSums,
    /// They do not, where sums are divided by.
    OfDivisors,
}

/// What code of its own rounds, which does not follow the interpreter's order.
fn rounding(j: &Jaxpr) -> Rounding {
    worst(j, &|lowering| match lowering {
        Lowering::Dot { .. } => Rounding::OfSums,
        Lowering::Routine(_) => Rounding::OfDivisors,
        _ => Rounding::Fixed,
    })
}

/// Whether floats are summed in an order that depends on the operations in one kernel.
fn sums_floats(j: &Jaxpr) -> bool {
    let sums = |lowering: &Lowering| match lowering {
        Lowering::Reduce { .. } => Rounding::OfSums,
        _ => Rounding::Fixed,
    };
    worst(j, &sums) > Rounding::Fixed
}

fn worst(j: &Jaxpr, of: &dyn Fn(&Lowering) -> Rounding) -> Rounding {
    let of_eqn = |e: &Eqn| {
        let ins: Vec<_> = e.inputs.iter().map(|a| j.atom_aval(*a)).collect();
        let outs: Vec<_> = e.outputs.iter().map(|v| j.aval(*v).clone()).collect();
        let own = match e.prim.lower(&ins, &outs) {
            // What a map over lanes does shows when it is batched.
            Ok(Lowering::Call(body)) => worst(&body, of),
            Ok(lowering) if outs.iter().any(|o| o.dtype.is_inexact()) => of(&lowering),
            _ => Rounding::Fixed,
        };
        let params = e.prim.params();
        let inside = params.iter().flat_map(|(_, p)| p.jaxprs()).map(|j| worst(j, of));
        inside.fold(own, Rounding::max)
    };
    j.eqns.iter().map(of_eqn).max().unwrap_or(Rounding::Fixed)
}

/// `|got - expected| <= 8 eps sum |terms|`, the sum being the program's own on absolute values.
fn within_sums(p: &Program, got: &[Array], expected: &[Array]) -> Result<(), Violation> {
    let absolute: Result<Vec<Array>, Violation> = p
        .inputs
        .iter()
        .map(|x| match x.dtype().is_inexact() {
            // As real numbers that no part exceeds.
            true if x.dtype().is_complex() => {
                let size = |z: &[f64]| [z[0].abs() + z[1].abs(), 0.0];
                Ok(array(&x.aval(), numbers(x)?.chunks(2).flat_map(size)))
            }
            true => Ok(array(&x.aval(), numbers(x)?.into_iter().map(f64::abs))),
            false => Ok(x.clone()),
        })
        .collect();
    let sizes = p.at(absolute?).interpret()?;
    compare_all("compiled", got, expected, Near::Roundings(1024.0))?;
    for (o, ((g, e), s)) in got.iter().zip(expected).zip(&sizes).enumerate() {
        let eps = epsilon(g.dtype());
        let (g, e, s) = (numbers(g)?, numbers(e)?, numbers(s)?);
        for (i, (g, e)) in g.iter().zip(&e).enumerate() {
            let s = if expected[o].dtype().is_complex() { s[i / 2 * 2] } else { s[i] };
            if (g - e).abs() > 8.0 * eps * (s.abs() + e.abs()) {
                return Err(Violation::new(format!(
                    "compiled, element {i} of output {o}: expected {e:?}, got {g:?}; the terms' \
                     sizes add up to {s:?}"
                )));
            }
        }
    }
    Ok(())
}
