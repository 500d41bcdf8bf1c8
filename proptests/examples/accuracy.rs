//! Measures the elementary functions and prints the rows of `docs/accuracy.md`; `scripts/accuracy`
//! runs it.
//!
//! - `accuracy f32 STRIDE [FUNCTION ..]`: every `STRIDE`-th of the 2^32 bit patterns (1: all)
//!   against the function in f64;
//! - `accuracy f64 [FUNCTION ..]`: points from stdin, a line each, `function x high low` as bit
//!   patterns, where `high + low` is the value to twice the digits (`scripts/accuracy_points.py`
//!   makes them).
//!
//! Errors are in units in the last place of the correctly rounded result (of the least normal
//! number below that). Left of zero `lgamma` and `digamma` have roots between their poles, beside
//! which no digit of a result is sure: there (`lgamma_left`, `digamma_left`) the unit is that of 1
//! where the result is smaller.

use cotangent::prelude::*;
use std::io::BufRead;

/// A function, and what it should be in f64 (`None`: itself in f64, for those that the standard
/// library lacks).
type Row = (&'static str, fn(&Array) -> Array, Option<fn(f64) -> f64>);

const ROWS: &[Row] = &[
    ("sqrt", Array::sqrt, Some(f64::sqrt)),
    ("rsqrt", Array::rsqrt, Some(|x| 1.0 / x.sqrt())),
    ("cbrt", Array::cbrt, Some(f64::cbrt)),
    ("exp", Array::exp, Some(f64::exp)),
    ("exp2", Array::exp2, Some(f64::exp2)),
    ("expm1", Array::expm1, Some(f64::exp_m1)),
    ("log", Array::log, Some(f64::ln)),
    ("log2", Array::log2, Some(f64::log2)),
    ("log1p", Array::log1p, Some(f64::ln_1p)),
    ("sin", Array::sin, Some(f64::sin)),
    ("cos", Array::cos, Some(f64::cos)),
    ("tan", Array::tan, Some(f64::tan)),
    ("asin", Array::asin, Some(f64::asin)),
    ("acos", Array::acos, Some(f64::acos)),
    ("atan", Array::atan, Some(f64::atan)),
    ("sinh", Array::sinh, Some(f64::sinh)),
    ("cosh", Array::cosh, Some(f64::cosh)),
    ("tanh", Array::tanh, Some(f64::tanh)),
    ("asinh", Array::asinh, Some(asinh)),
    ("acosh", Array::acosh, Some(f64::acosh)),
    ("atanh", Array::atanh, Some(atanh)),
    ("logistic", Array::sigmoid, Some(logistic)),
    ("erf", Array::erf, None),
    ("erfc", Array::erfc, None),
    ("erf_inv", Array::erf_inv, None),
    ("lgamma", |x| right(x).lgamma(), None),
    ("digamma", |x| right(x).digamma(), None),
    ("lgamma_left", |x| left(x).lgamma(), None),
    ("digamma_left", |x| left(x).digamma(), None),
];

fn right(x: &Array) -> Array {
    x.gt(0.0).select(x, f64::NAN)
}

fn left(x: &Array) -> Array {
    x.lt(0.0).select(x, f64::NAN)
}

/// Results below this are measured as if they were it.
fn floor(row: &Row) -> f64 {
    if row.0.ends_with("_left") { 1.0 } else { 0.0 }
}

/// The library's loses digits near zero.
fn asinh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 1e-4 {
        a - a * a * a / 6.0
    } else if a > 1e10 {
        a.ln() + std::f64::consts::LN_2
    } else {
        (a + a * a / ((a * a + 1.0).sqrt() + 1.0)).ln_1p()
    };
    y.copysign(x)
}

fn atanh(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x)
}

fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// The largest error and where it is.
#[derive(Clone, Copy)]
struct Worst {
    ulps: f64,
    at: f64,
    points: u64,
}

impl Worst {
    const NONE: Worst = Worst { ulps: 0.0, at: 0.0, points: 0 };

    fn see(&mut self, at: f64, ulps: f64) {
        self.points += 1;
        if ulps > self.ulps {
            (self.ulps, self.at) = (ulps, at);
        }
    }

    fn meet(self, other: Worst) -> Worst {
        let more = if other.ulps > self.ulps { other } else { self };
        Worst { points: self.points + other.points, ..more }
    }
}

/// How far a result is off, in units of the format with `digits` bits and least exponent `least`.
fn ulps(got: f64, high: f64, low: f64, digits: i32, least: i32, floor: f64) -> f64 {
    let unit = |x: f64| unit(x.abs().max(floor), digits, least);
    if got == high || got.is_nan() && high.is_nan() {
        return if high.is_finite() { (low / unit(high)).abs().min(0.5) } else { 0.0 };
    }
    if !got.is_finite() && !high.is_finite() || got.is_nan() || high.is_nan() {
        return f64::INFINITY;
    }
    // An overflow is as far off as the distance to what the next exponent would have held.
    let largest = (2.0 - 2f64.powi(1 - digits)) * 2f64.powi(-least + 1);
    let clamped = |x: f64| {
        if digits == 24 {
            x.clamp(-largest * 1.000_000_06, largest * 1.000_000_06)
        } else {
            x.clamp(-f64::MAX, f64::MAX)
        }
    };
    let (got, high) = (clamped(got), clamped(high));
    (((got - high) - low) / unit(high)).abs()
}

fn unit(x: f64, digits: i32, least: i32) -> f64 {
    let exponent = (x.abs().to_bits() >> 52) as i32 - 1023;
    match exponent.max(least) + 1 - digits {
        power @ ..-1022 => f64::from_bits(1 << (power + 1074)),
        power => 2f64.powi(power),
    }
}

const CHUNK: u64 = 1 << 18;

fn narrow(row: &Row, stride: u64) -> Worst {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()) as u64;
    let parts = (1u64 << 32).div_ceil(CHUNK * stride);
    let run = |thread: u64| {
        let f = jit(row.1);
        let mut worst = Worst::NONE;
        for part in (thread..parts).step_by(threads as usize) {
            let first = part * CHUNK * stride;
            let x: Vec<f32> = (0..CHUNK)
                .map(|n| first + n * stride)
                .take_while(|n| *n < 1 << 32)
                .map(|n| f32::from_bits(n as u32))
                .collect();
            let a = Array::from(x.clone());
            let y = f(&a).to_vec::<f32>();
            let want: Vec<f64> = match row.2 {
                Some(reference) => x.iter().map(|x| reference(f64::from(*x))).collect(),
                None => f(&a.astype(DType::F64)).to_vec::<f64>(),
            };
            for ((x, y), want) in x.iter().zip(&y).zip(want) {
                let high = f64::from(want as f32);
                worst.see(
                    f64::from(*x),
                    ulps(f64::from(*y), high, want - high, 24, -126, floor(row)),
                );
            }
        }
        worst
    };
    let run = &run;
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|t| scope.spawn(move || run(t))).collect();
        all.into_iter().map(|t| t.join().expect("a thread")).fold(Worst::NONE, Worst::meet)
    })
}

/// The points of stdin, by function.
fn points() -> std::collections::BTreeMap<String, Vec<[f64; 3]>> {
    let mut all = std::collections::BTreeMap::<String, Vec<[f64; 3]>>::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let numbers: Vec<f64> =
            words.map(|w| f64::from_bits(u64::from_str_radix(w, 16).expect("bits"))).collect();
        all.entry(name.to_owned()).or_default().push(numbers.try_into().expect("three numbers"));
    }
    all
}

fn wide(row: &Row, points: &[[f64; 3]]) -> Worst {
    let x: Vec<f64> = points.iter().map(|p| p[0]).collect();
    let y = jit(row.1)(&Array::from(x)).to_vec::<f64>();
    let mut worst = Worst::NONE;
    for ([x, high, low], y) in points.iter().zip(y) {
        worst.see(*x, ulps(y, *high, *low, 53, -1022, floor(row)));
    }
    worst
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let kind = args.first().map_or("", String::as_str);
    let rows = |from: usize| {
        let named = args.get(from..).unwrap_or_default().to_vec();
        ROWS.iter().filter(move |row| named.is_empty() || named.iter().any(|n| n == row.0))
    };
    let print = |name: &str, w: Worst| println!("{name} {:.3} {:e} {}", w.ulps, w.at, w.points);
    match kind {
        "f32" => {
            let stride = args.get(1).and_then(|s| s.parse().ok()).expect("f32 STRIDE");
            rows(2).for_each(|row| print(row.0, narrow(row, stride)));
        }
        "f64" => {
            let points = points();
            rows(1)
                .filter_map(|row| Some((row, points.get(row.0)?)))
                .for_each(|(row, p)| print(row.0, wide(row, p)));
        }
        _ => panic!("accuracy f32 STRIDE [FUNCTION ..], or accuracy f64 [FUNCTION ..] < POINTS"),
    }
}
