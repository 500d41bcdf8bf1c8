//! `jet`: the coefficients of `f` along a polynomial curve are those that `jvp`, nested once per
//! order, gives for `t -> f(x(t))` at 0.
//!
//! For each input alone and all together, along curves of full degree and along straight ones,
//! whose higher coefficients are symbolic zeros; coefficients that are left out, because they are
//! zero, are. Of programs in floats of 16 bits it is their twin in f64 of which this is said, and
//! their coefficients are the twin's, rounded.

use crate::program::{Program, subsets};
use crate::values::{
    Near, array, compare, compare_all, compare_with_twin, epsilon, largest, numbers,
};
use crate::violation::Violation;
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::primitive::Recur;
use cotangent::core::trace::{eval, trace};
use cotangent::prims::entry::Case;
use cotangent::prims::lax;
use cotangent::transforms::Transforms;
use std::sync::Arc;

const ORDER: usize = 3;

pub fn law(case: &Case) -> Result<(), Violation> {
    on(&Program::of(case)?)
}

pub fn on(p: &Program) -> Result<(), Violation> {
    for mask in subsets(&p.wrt()) {
        for degree in [ORDER, 1] {
            along(p, &mask, degree).map_err(|e| {
                e.within(format!("inputs in {mask:?} move along curves of degree {degree}"))
            })?;
        }
    }
    Ok(())
}

/// The law for all inputs together only.
pub fn together(p: &Program) -> Result<(), Violation> {
    along(p, &p.wrt(), ORDER)
}

fn along(p: &Program, mask: &[bool], degree: usize) -> Result<(), Violation> {
    if let Some(twin) = p.twin()? {
        along(&twin, mask, degree).map_err(|e| e.within("the twin in f64"))?;
        let own = curve(p, mask, degree)?.0;
        let (values, other) = (own.interpret()?, curve(&twin, mask, degree)?.0.interpret()?);
        return compare_with_twin("values and coefficients", &values, &other, p.epsilon())
            .map_err(|e| e.within(format!("by\n{}", own.jaxpr)));
    }
    let outs = p.outs();
    let (jet, coefficients) = curve(p, mask, degree)?;
    let nonzero = moving(mask, degree);
    let t = Transforms::new();
    let told = |e: Violation| e.within(format!("by\n{}", jet.jaxpr));
    let mut values = jet.interpret()?;
    let found = values.split_off(outs);
    compare_all(
        "outputs beside their coefficients",
        &values,
        &p.interpret()?,
        Near::Roundings(16.0),
    )
    .map_err(told)?;

    let derivatives = nested(p, mask, &coefficients)?;
    let mut factorial = 1.0;
    for (k, expected) in (1..=ORDER).zip(derivatives) {
        factorial *= k as f64;
        let got: Vec<Array> = (0..outs).map(|o| found[o * ORDER + k - 1].clone()).collect();
        let got: Result<Vec<Array>, Violation> = got
            .iter()
            .map(|a| {
                let scaled = numbers(a)?.into_iter().map(|x| x * factorial);
                Ok(array(&a.aval(), scaled))
            })
            .collect();
        let what = format!("derivative {k} along the curve");
        for (got, expected) in got?.iter().zip(&expected) {
            // Roundings of the coarsest float inside.
            let own = epsilon(got.dtype()).max(f64::MIN_POSITIVE);
            let near = Near::Roundings(4096.0 * p.epsilon().max(own) / own);
            compare(&what, got, expected, near).map_err(told)?;
        }
    }
    let (_, given) = t.jet(&p.jaxpr, ORDER, &nonzero, &vec![false; outs * ORDER])?;
    for (i, (given, found)) in given.iter().zip(&found).enumerate() {
        if !given && largest(&numbers(found)?) > 0.0 {
            let (o, k) = (i / ORDER, i % ORDER + 1);
            return Err(told(Violation::new(format!(
                "coefficient {k} of output {o} is left out as zero, but is not"
            ))));
        }
    }
    Ok(())
}

/// Which coefficients of the inputs are not zero.
fn moving(mask: &[bool], degree: usize) -> Vec<bool> {
    mask.iter().flat_map(|m| (1..=ORDER).map(move |k| *m && k <= degree)).collect()
}

/// The jet along a curve, and the curve's coefficients per order, then per input.
fn curve(
    p: &Program,
    mask: &[bool],
    degree: usize,
) -> Result<(Program, Vec<Vec<Array>>), Violation> {
    let coefficients: Vec<Vec<Array>> =
        (1..=degree).map(|k| p.tangents(mask, 10 * k as u64)).collect();
    let count = mask.iter().filter(|m| **m).count();
    let flat = (0..count).flat_map(|i| coefficients.iter().map(move |c| c[i].clone()));
    let force = vec![true; p.outs() * ORDER];
    let (jaxpr, _) = Transforms::new().jet(&p.jaxpr, ORDER, &moving(mask, degree), &force)?;
    let inputs = p.inputs.iter().cloned().chain(flat).collect();
    Ok((Program { jaxpr, inputs }, coefficients))
}

/// Derivatives 1, 2, .. of all outputs at 0 along the curve.
fn nested(
    p: &Program,
    mask: &[bool],
    coefficients: &[Vec<Array>],
) -> Result<Vec<Vec<Array>>, Violation> {
    let dtype = p.jaxpr.in_avals().iter().map(|a| a.dtype).find(|d| d.is_inexact());
    let time = Aval::scalar(dtype.unwrap_or(DType::F32).part());
    let traced = trace(std::slice::from_ref(&time), |args| {
        let mut at = 0;
        let mut inputs = Vec::new();
        for (x, moves) in p.inputs.iter().zip(mask) {
            let mut value = x.clone();
            if *moves {
                let t = lax::convert_element_type(&args[0], x.dtype());
                // Horner's scheme: x + t (c1 + t (c2 + ..)).
                let t = lax::broadcast_in_dim(&t, x.shape(), &[]);
                let mut tail: Option<Array> = None;
                for c in coefficients.iter().rev() {
                    let inner = tail.map_or(c[at].clone(), |s| lax::add(&c[at], &lax::mul(&t, &s)));
                    tail = Some(inner);
                }
                value = tail.map_or(value.clone(), |s| lax::add(&value, &lax::mul(&t, &s)));
                at += 1;
            }
            inputs.push(value);
        }
        eval(&p.jaxpr, &inputs)
    })?;
    let [zero, one] = [0.0, 1.0].map(|x| array(&time, [x]));
    let inputs = traced.captured.clone();
    // The captured arrays come first; time is the last input.
    let mut program =
        Program { jaxpr: Arc::new(traced.jaxpr), inputs: [inputs, vec![zero]].concat() };
    let n = program.inputs.len();
    let mut all = Vec::new();
    for _ in 0..ORDER {
        let outs = program.outs();
        let moves: Vec<bool> = (0..program.inputs.len()).map(|i| i + 1 == n).collect();
        let (jaxpr, _) = Transforms::new().jvp(&program.jaxpr, &moves, &vec![true; outs])?;
        // d/dt of the last derivative alone: time moves at speed 1.
        let mut jaxpr = (*jaxpr).clone();
        jaxpr.outputs.drain(..outs);
        let with_speed = Program {
            jaxpr: Arc::new(jaxpr),
            inputs: program.inputs.iter().cloned().chain([one.clone()]).collect(),
        };
        all.push(with_speed.interpret()?);
        program = with_speed;
    }
    Ok(all)
}
