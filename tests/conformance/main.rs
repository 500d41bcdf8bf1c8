//! Values of JAX and NumPy, and what is asked of each operation: outputs, jvp, vjp, vmap over every
//! axis.
//!
//! The cases are lines of text that `scripts/conformance.py` wrote; their form is described there.
//! What a name means is said in the modules, one per set.

mod arrays;
mod complex;
mod elementwise;
mod families;
mod functions;
mod indexing;
mod limits;
#[cfg(feature = "linalg")]
mod linalg;
mod methods;
mod numbers;
mod special;
mod tuples;

use cotangent::api::vmap::vmap_axes;
use cotangent::core::eager::upload;
use cotangent::prelude::*;
use std::collections::HashMap;
use std::io::Read;

/// What an operation is told beside its operands.
pub struct Params<'a>(HashMap<&'a str, &'a str>);

impl Params<'_> {
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).copied().unwrap_or_else(|| panic!("no parameter {key}"))
    }

    pub fn ints(&self, key: &str) -> Vec<i64> {
        let text = self.text(key).trim_matches(['(', ')']);
        let parts = text.split(',').filter(|t| !t.is_empty());
        parts.map(|t| t.parse().unwrap_or_else(|_| panic!("{key}: {text}"))).collect()
    }

    pub fn sizes(&self, key: &str) -> Vec<usize> {
        self.ints(key).into_iter().map(|i| usize::try_from(i).expect("a size")).collect()
    }

    pub fn int(&self, key: &str) -> usize {
        self.sizes(key)[0]
    }
}

/// An operation of any set.
pub type Operation = fn(&Params, &[Array]) -> Vec<Array>;

fn dtype(name: &str) -> DType {
    DType::ALL
        .into_iter()
        .find(|d| d.to_string() == name)
        .unwrap_or_else(|| panic!("no dtype {name}"))
}

fn array(text: &str) -> Array {
    let (aval, hex) = text.split_once(':').expect("a type and bytes");
    let (name, sizes) = aval.split_once('[').expect("a shape");
    let sizes = sizes.trim_end_matches(']').split(',').filter(|t| !t.is_empty());
    let shape: Vec<usize> = sizes.map(|t| t.parse().expect("a size")).collect();
    let byte = |n: usize| u8::from_str_radix(&hex[n..n + 2], 16).expect("hex");
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    upload(Aval::new(shape, dtype(name)), &bytes).expect("a device")
}

fn arrays(text: &str) -> Vec<Array> {
    text.split_whitespace().map(array).collect()
}

fn real(x: &Array) -> bool {
    x.dtype().is_inexact()
}

/// The tangents of inexact outputs.
fn tangents(f: &(dyn Fn(&[Array]) -> Vec<Array> + Send + Sync), inputs: &[Array]) -> Vec<Array> {
    let count = inputs.len() - (inputs.len() - tail(inputs));
    let (primals, given) = inputs.split_at(count);
    let places: Vec<usize> = (0..count).filter(|i| real(&primals[*i])).collect();
    let of_real = |xs: Vec<Array>| -> Vec<Array> {
        let mut all = primals.to_vec();
        places.iter().zip(xs).for_each(|(i, x)| all[*i] = x);
        f(&all).into_iter().filter(real).collect()
    };
    let at: Vec<Array> = places.iter().map(|i| primals[*i].clone()).collect();
    jvp(of_real, (at,), (given.to_vec(),)).1
}

/// How many of the inputs are primals: as many inexact ones as there are tangents behind them.
fn tail(inputs: &[Array]) -> usize {
    let primals = |n: &usize| inputs[..*n].iter().filter(|x| real(x)).count() == inputs.len() - n;
    (0..=inputs.len()).find(primals).expect("tangents behind the primals")
}

/// The cotangents of inexact inputs.
fn cotangents(
    f: &(dyn Fn(&[Array]) -> Vec<Array> + Send + Sync),
    inputs: &[Array],
    count: usize,
) -> Vec<Array> {
    let (primals, given) = inputs.split_at(count);
    let places: Vec<usize> = (0..count).filter(|i| real(&primals[*i])).collect();
    let of_real = |xs: Vec<Array>| -> Vec<Array> {
        let mut all = primals.to_vec();
        places.iter().zip(xs).for_each(|(i, x)| all[*i] = x);
        f(&all).into_iter().filter(real).collect()
    };
    let at: Vec<Array> = places.iter().map(|i| primals[*i].clone()).collect();
    let (_, pull) = vjp(of_real, (at,));
    pull(given.to_vec()).0
}

/// Of complex arrays the real parts, then the imaginary ones.
fn numbers(x: &Array) -> Vec<f64> {
    if x.dtype().is_complex() {
        return [x.real(), x.imag()].iter().flat_map(numbers).collect();
    }
    x.astype(DType::F64).to_vec()
}

/// Distance of 1 to the next number, and the least normal number.
fn format_of(d: DType) -> (f64, f64) {
    match d.part() {
        DType::F16 => (2f64.powi(-10), 0.0),
        DType::BF16 => (2f64.powi(-7), f32::MIN_POSITIVE.into()),
        DType::F32 => (f32::EPSILON.into(), f32::MIN_POSITIVE.into()),
        _ => (f64::EPSILON, f64::MIN_POSITIVE),
    }
}

/// Equal, or for floats within some roundings: so many of each other, if they are said, else of the
/// largest neighbour. Where JAX keeps absolute digits only, what counts as small is at least
/// `floor`.
fn compare(
    got: &Array,
    expected: &Array,
    roundings: Option<f64>,
    floor: f64,
) -> Result<(), String> {
    if got.shape() != expected.shape() || got.dtype() != expected.dtype() {
        return Err(format!("expected {}, got {}", expected.aval(), got.aval()));
    }
    if !real(expected) {
        let same = got.to_bytes().expect("bytes") == expected.to_bytes().expect("bytes");
        return if same { Ok(()) } else { Err(format!("expected {expected}, got {got}")) };
    }
    let (eps, least) = format_of(expected.dtype());
    let (alone, roundings) = (roundings.is_some(), roundings.unwrap_or(16.0));
    let (g, e) = (numbers(got), numbers(expected));
    let largest = e.iter().filter(|v| v.is_finite()).fold(floor, |m: f64, v| m.max(v.abs()));
    let near = |(g, e): (&f64, &f64)| {
        if g == e || g.is_nan() && e.is_nan() {
            return !alone || *e != 0.0 || g.is_sign_negative() == e.is_sign_negative();
        }
        // XLA takes subnormal numbers for zero.
        let flushed = e.abs() <= least && g.abs() <= least;
        // What is computed in f32 and rounded is one off at most.
        let within = match (alone, eps > 1e-4) {
            (true, true) => {
                roundings.max(32.0) / 31.0 * eps * e.abs().max(2f64.powi(-14)).max(floor)
            }
            (true, false) => roundings * eps * e.abs().max(floor),
            (false, true) => 4.0 * eps * largest,
            // So far off are JAX's functions of complex numbers.
            (false, false) if expected.dtype().is_complex() => 64.0 * eps * largest,
            (false, false) => 16.0 * eps * largest,
        };
        flushed || (g - e).abs() <= within
    };
    match g.iter().zip(&e).position(|pair| !near(pair)) {
        None => Ok(()),
        Some(n) if alone => Err(format!("element {n}: expected {:?}, got {:?}", e[n], g[n])),
        Some(_) => Err(format!("expected {expected}, got {got}")),
    }
}

fn check(line: &str, operation: fn(&str) -> Operation) -> Result<(), String> {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let &[name, params, inputs, outputs] = &fields[..] else { return Err("four fields".into()) };
    let pairs = params.split_whitespace().map(|p| p.split_once('=').expect("key=value"));
    let params = Params(pairs.collect());
    let (inputs, expected) = (arrays(inputs), arrays(outputs));
    let (name, asked) = name.split_once('/').unwrap_or((name, ""));
    let in_parts = inputs[0].dtype().is_complex();
    let op = operation(name);
    let f = |xs: &[Array]| op(&params, xs);
    let got = match asked {
        "" => f(&inputs),
        "jvp" => tangents(&f, &inputs),
        "vjp" => cotangents(&f, &inputs, primals_of(&inputs, &expected, &f)),
        _ => {
            let axis: isize = asked.trim_start_matches("vmap").parse().expect("an axis");
            vmap_axes(|xs: Vec<Array>| f(&xs), (axis,))(inputs)
        }
    };
    if got.len() != expected.len() {
        return Err(format!("expected {} outputs, got {}", expected.len(), got.len()));
    }
    let alone = matches!(name, "unary" | "binary" | "convert") && asked.is_empty();
    // Parts of complex numbers are right beside each other only.
    let alone = alone && !in_parts || matches!(name, "special" | "two");
    let f = params.0.get("f").copied().unwrap_or_default();
    let roundings = alone.then(|| elementwise::roundings(f));
    let floor = elementwise::floor(f);
    got.iter().zip(&expected).try_for_each(|(g, e)| compare(g, e, roundings, floor))
}

/// How many of the inputs are primals, if cotangents of the outputs follow: as many of them are
/// inexact as there are results, and the outputs have as many inexact ones as there are cotangents.
fn primals_of(inputs: &[Array], results: &[Array], f: &dyn Fn(&[Array]) -> Vec<Array>) -> usize {
    let fits = |n: &usize| {
        let of_type = |n: usize| inputs[..n].iter().filter(|x| real(x)).count() == results.len();
        let shapes = inputs[..*n]
            .iter()
            .filter(|x| real(x))
            .zip(results)
            .all(|(x, r)| x.shape() == r.shape());
        of_type(*n)
            && shapes
            && (*n == inputs.len() - 1
                || f(&inputs[..*n]).into_iter().filter(real).count() == inputs.len() - n)
    };
    (1..inputs.len()).rev().find(fits).expect("cotangents behind the primals")
}

/// `CASE=cumsum/vjp` narrows a set down while something is being mended.
fn check_set(compressed: &[u8], operation: fn(&str) -> Operation) {
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).expect("lines of text");
    let only = std::env::var("CASE").ok();
    let (mut count, mut wrong) = (0, Vec::new());
    for (n, line) in text.lines().enumerate() {
        if only.as_deref().is_some_and(|o| !line.starts_with(o)) {
            continue;
        }
        count += 1;
        if arrays::excused(line) {
            continue;
        }
        let result = std::panic::catch_unwind(|| check(line, operation));
        let result = result.unwrap_or_else(|_| Err("panicked".into()));
        if let Err(e) = result {
            let shown: String = line.chars().take(160).collect();
            wrong.push(format!("line {}: {shown}\n  {e}", n + 1));
        }
    }
    assert!(count > 0, "no cases");
    let total = wrong.len();
    wrong.truncate(30);
    assert!(wrong.is_empty(), "{total} of {count} cases differ\n{}", wrong.join("\n"));
}

#[test]
fn numbers_apart() {
    check_set(include_bytes!("numbers.txt.gz"), numbers::operation);
}

#[test]
fn families() {
    check_set(include_bytes!("families.txt.gz"), families::operation);
}

#[test]
fn indexing() {
    check_set(include_bytes!("indexing.txt.gz"), indexing::operation);
}

#[test]
fn index_tuples() {
    check_set(include_bytes!("tuples.txt.gz"), tuples::operation);
}

#[test]
fn ints_at_their_limits() {
    check_set(include_bytes!("limits.txt.gz"), limits::operation);
}

#[test]
fn elementwise() {
    check_set(include_bytes!("elementwise.txt.gz"), elementwise::operation);
}

#[test]
fn complex_numbers() {
    check_set(include_bytes!("complex.txt.gz"), complex::operation);
}

#[test]
fn functions() {
    check_set(include_bytes!("functions.txt.gz"), functions::operation);
}

#[test]
fn methods_of_every_dtype() {
    check_set(include_bytes!("methods.txt.gz"), methods::operation);
}

#[test]
fn arrays_of_every_dtype() {
    check_set(include_bytes!("arrays.txt.gz"), arrays::operation);
}

#[cfg(feature = "linalg")]
#[test]
fn triangular_factors_and_systems() {
    check_set(include_bytes!("linalg.txt.gz"), linalg::operation);
}
