//! Loops: values against plain Rust, derivatives against closed forms.

mod audit;
mod implicit;
mod maps;
mod scans;
mod while_loops;

use cotangent::api::function::Function;
use cotangent::prelude::*;

fn numbers(a: &Array) -> Vec<f64> {
    let scalars = a.try_to_scalars().unwrap();
    scalars.iter().map(|s| s.to_f64().or(s.to_i64().map(|i| i as f64)).unwrap()).collect()
}

#[track_caller]
fn close(got: &Array, expected: &[f64], tolerance: f64) {
    let got = numbers(got);
    assert_eq!(got.len(), expected.len(), "{got:?} {expected:?}");
    for (x, y) in got.iter().zip(expected) {
        let same = (x - y).abs() <= tolerance * y.abs().max(1.0);
        assert!(same, "{got:?} is not {expected:?}");
    }
}

/// The derivative along ones.
fn along<'f>(f: impl Function<'f, (Own<Array>,), Array>, x: Array) -> Array {
    let one = ones_like(&x);
    jvp(f, (x,), (one,)).1
}
