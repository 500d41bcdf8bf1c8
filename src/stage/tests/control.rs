//! Loops and branches, nested and empty.

use super::toys::*;
use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{Lowering, ScanParts, WhileParts};
use crate::stage::tests::alone::update;
use cotangent_jit::DType;
use cotangent_jit::op::ScalarOp;
use std::sync::Arc;

pub struct Scan {
    pub consts: usize,
    pub carry: usize,
    pub length: usize,
    pub reverse: bool,
}

/// A scan of a body given as a function of consts, carry and rows of xs; the body's captures must
/// be among them.
pub fn scan(s: Scan, inputs: &[&Array], body: impl FnOnce(&[Array]) -> Vec<Array>) -> Vec<Array> {
    let Scan { consts, carry, length, reverse } = s;
    let types: Vec<Aval> = (inputs.iter().enumerate())
        .map(|(n, a)| if n < consts + carry { a.aval() } else { a.aval().unbatched(0) })
        .collect();
    let body = Arc::new(traced(&types, body));
    let stacked = move |(n, a): (usize, Aval)| if n < carry { a } else { a.batched(0, length) };
    let avals: Avals = body.out_avals().into_iter().enumerate().map(stacked).collect();
    let lower = move |_: &[Aval], _: &[Aval]| {
        Lowering::Scan(ScanParts { body: body.clone(), consts, carry, length, reverse, unroll: 1 })
    };
    toy("scan", inputs, move |_| avals.clone(), lower).into_vec()
}

fn while_loop(
    inputs: &[&Array],
    test_consts: usize,
    body_consts: usize,
    test: impl FnOnce(&[Array]) -> Array,
    body: impl FnOnce(&[Array]) -> Vec<Array>,
) -> Vec<Array> {
    while_limited(inputs, (test_consts, body_consts), None, test, body)
}

/// A loop of at most `limit` rounds; inputs are the test's constants, the body's, the carry.
pub fn while_limited(
    inputs: &[&Array],
    (test_consts, body_consts): (usize, usize),
    limit: Option<usize>,
    test: impl FnOnce(&[Array]) -> Array,
    body: impl FnOnce(&[Array]) -> Vec<Array>,
) -> Vec<Array> {
    let types: Vec<Aval> = inputs.iter().map(|a| a.aval()).collect();
    let carry = types[test_consts + body_consts..].to_vec();
    let of = |consts: &[Aval]| -> Vec<Aval> { consts.iter().chain(&carry).cloned().collect() };
    let test = Arc::new(traced(&of(&types[..test_consts]), |x| vec![test(x)]));
    let body = Arc::new(traced(&of(&types[test_consts..test_consts + body_consts]), body));
    let out: Avals = carry.into_iter().collect();
    let parts = WhileParts { test, body, test_consts, body_consts, limit };
    let lower = move |_: &[Aval], _: &[Aval]| Lowering::While(parts.clone());
    toy("while", inputs, move |_| out.clone(), lower).into_vec()
}

pub fn cond(inputs: &[&Array], arms: Vec<Jaxpr>) -> Vec<Array> {
    let out: Avals = arms[0].out_avals().into_iter().collect();
    let arms: Vec<Arc<Jaxpr>> = arms.into_iter().map(Arc::new).collect();
    let lower = move |_: &[Aval], _: &[Aval]| Lowering::Cond { arms: arms.clone() };
    toy("cond", inputs, move |_| out.clone(), lower).into_vec()
}

fn forward(consts: usize, carry: usize, length: usize) -> Scan {
    Scan { consts, carry, length, reverse: false }
}

fn copies(text: &str) -> usize {
    text.lines().filter(|l| l.trim_start().starts_with("copy")).count()
}

#[test]
fn running_sums() {
    for reverse in [false, true] {
        let (text, out) = run(&[floats(&[2], &[0.0, 100.0]), steps(&[3, 2])], |x| {
            let s = Scan { reverse, ..forward(0, 1, 3) };
            scan(s, &[&x[0], &x[1]], |x| {
                let sum = add(&x[0], &x[1]);
                vec![sum.clone(), sum]
            })
        });
        assert_eq!(out[0], [7.5, 110.5]);
        let rows: Vec<f64> = match reverse {
            false => vec![0.5, 101.5, 3.0, 105.0, 7.5, 110.5],
            true => vec![7.5, 110.5, 7.0, 109.0, 4.5, 105.5],
        };
        assert_eq!(out[1], rows);
        // Only the start.
        assert_eq!(copies(&text), 1, "{text}");
    }
}

#[test]
fn fibonacci_swaps_in_place() {
    let (text, out) = run(&[ints(&[], &[0]), ints(&[], &[1])], |x| {
        scan(forward(0, 2, 10), &[&x[0], &x[1]], |x| {
            vec![x[1].clone(), add(&x[0], &x[1]), x[0].clone()]
        })
    });
    assert_eq!((out[0][0], out[1][0]), (55.0, 89.0));
    assert_eq!(out[2], [0.0, 1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0]);
    assert_eq!(copies(&text), 2, "{text}");
}

#[test]
fn carries_that_are_still_read_wait() {
    let (_, out) = run(&[steps(&[2, 2]), floats(&[], &[1.0])], |x| {
        scan(forward(0, 2, 3), &[&x[0], &x[1]], |x| {
            // The transposed carry is read at other points than the new one is written; the scalar
            // by all of them.
            let m = add(&transpose(&x[0]), &x[1]);
            vec![m, add(&x[1], &number(1.0))]
        })
    });
    assert_eq!(out[0], [6.5, 8.5, 7.5, 9.5]);
    assert_eq!(out[1], [4.0]);
}

#[test]
fn unchanged_carries_and_constants() {
    let (_, out) = run(&[steps(&[2]), steps(&[2, 3])], |x| {
        let t = transpose(&x[1]);
        scan(forward(2, 2, 3), &[&x[0], &number(2.0), &x[0], &number(1.0), &t], |x| {
            let carry = add(&x[3], &mul(&x[1], &number(1.0)));
            vec![x[2].clone(), carry.clone(), mul(&x[4], &x[0]), x[1].clone()]
        })
    });
    assert_eq!(out[0], [0.5, 1.5]);
    assert_eq!(out[1], [7.0]);
    assert_eq!(out[2], [0.25, 5.25, 0.75, 6.75, 1.25, 8.25]);
    assert_eq!(out[3], [2.0; 3]);
}

#[test]
fn loops_of_no_rounds() {
    let (_, out) = run(&[steps(&[2]), steps(&[0, 2])], |x| {
        scan(forward(0, 1, 0), &[&x[0], &x[1]], |x| {
            let y = add(&x[0], &x[1]);
            vec![y.clone(), y]
        })
    });
    assert_eq!(out[0], [0.5, 1.5]);
    assert!(out[1].is_empty());
}

#[test]
fn scans_in_scans() {
    // Row sums of a matrix's prefix sums, with the outer row as the inner xs.
    let (_, out) = run(&[floats(&[], &[0.0]), steps(&[2, 3])], |x| {
        scan(forward(0, 1, 2), &[&x[0], &x[1]], |x| {
            let inner =
                scan(Scan { reverse: true, ..forward(1, 1, 3) }, &[&x[0], &x[0], &x[1]], |x| {
                    let s = add(&x[1], &x[2]);
                    vec![s.clone(), add(&s, &x[0])]
                });
            vec![inner[0].clone(), inner[1].clone(), x[1].clone()]
        })
    });
    assert_eq!(out[0], [18.0]);
    assert_eq!(out[1], [4.5, 4.0, 2.5, 22.5, 19.0, 14.5]);
    assert_eq!(out[2], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]);
}

#[test]
fn updates_of_carries_are_in_place() {
    let (text, out) = run(&[steps(&[4]), ints(&[], &[0])], |x| {
        scan(forward(0, 2, 3), &[&x[0], &x[1]], |x| {
            let value = op(ScalarOp::Convert(DType::F32), &[&x[1]]);
            let new = update(&x[0], &reshape(&value, &[1]), &[&x[1]]);
            vec![new, add(&x[1], &int(1))]
        })
    });
    assert_eq!(out[0], [0.0, 1.0, 2.0, 3.5]);
    assert_eq!(text.matches("len 4").count(), 1, "{text}");
}

#[test]
fn while_loops() {
    let (_, out) = run(&[floats(&[], &[100.0]), ints(&[], &[0]), floats(&[], &[3.0])], |x| {
        while_loop(
            &[&x[0], &x[2], &x[2], &x[1]],
            1,
            1,
            |x| op(ScalarOp::Lt, &[&x[1], &x[0]]),
            |x| vec![mul(&x[1], &x[0]), add(&x[2], &int(1))],
        )
    });
    assert_eq!(out, [[243.0], [4.0]]);
    // Never true, and no body worth a step.
    let (_, out) = run(&[floats(&[2], &[1.0, 2.0])], |x| {
        let never = |x: &[Array]| op(ScalarOp::Lt, &[&sum(&x[0], &[0]), &number(0.0)]);
        while_loop(&[&x[0]], 0, 0, never, |x| vec![x[0].clone()])
    });
    assert_eq!(out[0], [1.0, 2.0]);
}

#[test]
fn branches() {
    let arms = |aval: &Aval| -> Vec<Jaxpr> {
        let types = [aval.clone(), aval.clone()];
        vec![
            traced(&types, |x| vec![x[0].clone(), number(1.0)]),
            traced(&types, |x| vec![add(&x[0], &x[1]), sum(&x[1], &[0])]),
            traced(&types, |_x| vec![repeat(&number(5.0), &[2]), number(2.0)]),
        ]
    };
    for (index, expected) in [(-3, [0.5, 1.5, 1.0]), (1, [1.5, 4.5, 4.0]), (9, [5.0, 5.0, 2.0])] {
        let (_, out) = run(&[ints(&[], &[index]), steps(&[2]), floats(&[2], &[1.0, 3.0])], |x| {
            let arms = arms(&x[1].aval());
            let mut out = cond(&[&x[0], &x[1], &x[2]], arms.clone());
            out.extend(cond(&[&int(index), &x[1], &x[2]], arms));
            out
        });
        assert_eq!(out[0], expected[..2]);
        assert_eq!(out[1], expected[2..]);
        assert_eq!((&out[0], &out[1]), (&out[2], &out[3]));
    }
}

#[test]
fn branches_in_loops_work_in_place() {
    let (text, out) = run(&[floats(&[2], &[1.0, 2.0]), ints(&[5], &[0, 1, 1, 0, 1])], |x| {
        scan(forward(0, 1, 5), &[&x[0], &x[1]], |x| {
            let types = [x[0].aval()];
            let flip = |x: &[Array]| {
                let map = cotangent_jit::affine::Affine::new(1, [-1]);
                vec![view(&x[0], &[2], vec![map])]
            };
            let arms =
                vec![traced(&types, |x| vec![mul(&x[0], &number(10.0))]), traced(&types, flip)];
            cond(&[&x[1], &x[0]], arms)
        })
    });
    assert_eq!(out[0], [200.0, 100.0], "{text}");
}
