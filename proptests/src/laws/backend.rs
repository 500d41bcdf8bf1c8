//! Compiled code gives what the interpreter gives: every bit where elements are moved or computed
//! one by one, a few roundings of the sum of absolute values where floats are summed.

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
    let got = p.run()?;
    match rounding(&p.jaxpr) {
        Rounding::Fixed => bits(&got, &expected)?,
        Rounding::OfSums => within_sums(&p, &got, &expected)?,
        Rounding::OfDivisors => {
            compare_all("compiled", &got, &expected, Near::Roundings(64.0))?;
        }
    }
    donated(&p, &expected)
}

/// Of any program: floats within some roundings if sums are involved.
pub fn on(p: &Program) -> Result<(), Violation> {
    let near = if sums_floats(&p.jaxpr) { Near::Roundings(1024.0) } else { Near::Bits };
    let expected = p.interpret()?;
    compare_all("compiled", &p.run()?, &expected, near)
        .map_err(|e| e.within(format!("in\n{}", p.jaxpr)))?;
    donated(p, &expected)
}

/// Of a program on any numbers: the interpreter, compiled code and one operation after the other
/// give the same bits. Where floats are summed the order shows as soon as one of them is huge, and
/// where bits are looked at it shows which NaN there is: such programs are run, but not compared.
/// Returns what was done.
pub fn anywhere(p: &Program) -> Result<&'static str, Violation> {
    let told = |e: Violation| e.within(format!("in\n{}", p.jaxpr));
    let expected = p.interpret()?;
    let text = p.jaxpr.to_string();
    // Updates that are added to zeros may be added to what the zeros are added to: that keeps -0,
    // which 0 does not.
    let why = if sums_floats(&p.jaxpr) || text.contains("scatter_add") {
        "sums floats: run, bits not compared"
    } else if text.contains("bitcast_convert_type") {
        "looks at bits, of NaN too: run, bits not compared"
    } else {
        "bits compared"
    };
    let compared = why == "bits compared";
    for (how, got) in [("compiled", p.run()?), ("one by one", p.eager()?)] {
        if compared {
            compare_all(how, &got, &expected, Near::Bits).map_err(told)?;
        }
    }
    Ok(why)
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

/// Whether the order of additions can show.
pub fn sums_floats(j: &Jaxpr) -> bool {
    rounding(j) > Rounding::Fixed
}

fn rounding(j: &Jaxpr) -> Rounding {
    let of_eqn = |e: &Eqn| {
        let ins: Vec<_> = e.inputs.iter().map(|a| j.atom_aval(*a)).collect();
        let outs: Vec<_> = e.outputs.iter().map(|v| j.aval(*v).clone()).collect();
        let inexact = |kind| if outs[0].dtype.is_inexact() { kind } else { Rounding::Fixed };
        let own = match e.prim.lower(&ins, &outs) {
            Ok(Lowering::Reduce { .. } | Lowering::Dot(_)) => inexact(Rounding::OfSums),
            Ok(Lowering::Routine(_)) => inexact(Rounding::OfDivisors),
            // What a map over lanes does shows when it is batched.
            Ok(Lowering::Call(body)) => rounding(&body),
            _ => Rounding::Fixed,
        };
        let params = e.prim.params();
        let inside = params.iter().flat_map(|(_, p)| p.jaxprs()).map(|j| rounding(j));
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
