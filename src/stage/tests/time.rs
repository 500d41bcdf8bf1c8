//! Scans that work lane by lane: one kernel with time inside, and those that only look like it.

use super::control::{Scan, scan, while_limited};
use super::toys::*;
use crate::core::array::Array;
use crate::core::lowering::{Base, Lowering, Piece};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use cotangent_jit::op::ScalarOp;

fn forward(consts: usize, carry: usize, length: usize) -> Scan {
    Scan { consts, carry, length, reverse: false }
}

/// Component `n` of `[lanes, m]`.
fn component(x: &Array, n: i64) -> Array {
    view(x, &[x.shape()[0]], vec![Affine::counter(0), Affine::constant(n)])
}

/// Components side by side.
fn stack(parts: &[&Array]) -> Array {
    let (lanes, m) = (parts[0].shape()[0], parts.len());
    let parts: Vec<Array> = parts.iter().map(|p| reshape(p, &[lanes, 1])).collect();
    let pieces: Vec<Piece> = (0..m)
        .map(|n| Piece {
            input: n,
            take: vec![0..lanes, 0..1],
            offset: vec![0, n as i64],
            step: vec![1, 1],
            starts: None,
        })
        .collect();
    let inputs: Vec<&Array> = parts.iter().collect();
    toy(
        "stack",
        &inputs,
        move |avals| one(avals[0].with_shape([lanes, m])),
        move |_, _| Lowering::Assemble { base: Base::Nothing, pieces: pieces.clone() },
    )
    .remove(0)
}

/// Whether all of a program's work is one kernel.
fn is_one_kernel(text: &str) -> bool {
    text.matches("launch").count() == 1 && !text.contains("loop")
}

#[test]
fn components_of_a_lane_stay_in_one_kernel() {
    const N: usize = 21;
    for reverse in [false, true] {
        let (text, out) = run(&[steps(&[N, 3]), steps(&[4, N]), steps(&[3])], |x| {
            let s = Scan { reverse, ..forward(1, 1, 4) };
            scan(s, &[&x[2], &x[0], &x[1]], |x| {
                let (a, b, c) = (component(&x[1], 0), component(&x[1], 1), component(&x[1], 2));
                // A turn, a sum over the short axis, something from outside.
                let turned = stack(&[&b, &c, &mul(&a, &x[2])]);
                let halved = mul(&turned, &number(0.5));
                let new = add(&halved, &repeat(&x[0], &[N]));
                let total = reduce(&new, Combine::Sum, &[1]);
                vec![new.clone(), total, new]
            })
        });
        assert!(is_one_kernel(&text), "{text}");
        let mut carry: Vec<[f64; 3]> =
            (0..N).map(|i| [0, 1, 2].map(|c| (3 * i + c) as f64 + 0.5)).collect();
        let (mut sums, mut all) = (vec![0.0; 4 * N], vec![0.0; 12 * N]);
        for step in 0..4 {
            let t = if reverse { 3 - step } else { step };
            for (i, s) in carry.iter_mut().enumerate() {
                let [a, b, c] = *s;
                *s = [b * 0.5 + 0.5, c * 0.5 + 1.5, a * ((t * N + i) as f64 + 0.5) * 0.5 + 2.5];
                sums[t * N + i] = s.iter().sum();
                all[3 * (t * N + i)..][..3].copy_from_slice(s);
            }
        }
        let close = |got: &[f64], expected: &[f64]| {
            got.iter().zip(expected).all(|(g, e)| (g - e).abs() <= 1e-5 * e.abs())
        };
        assert!(close(&out[0], &carry.concat()));
        assert!(close(&out[1], &sums) && close(&out[2], &all));
    }
}

#[test]
fn carries_swap_and_stay() {
    let start = [steps(&[3, 8]), mul_by(&steps(&[3, 8]), 100.0), steps(&[3, 8])];
    let (text, out) = run(&start, |x| {
        scan(forward(0, 3, 5), &[&x[0], &x[1], &x[2]], |x| {
            vec![x[1].clone(), x[0].clone(), x[2].clone(), add(&x[0], &x[2])]
        })
    });
    // [3, 8] has the short axis of eight: lanes would be too few, so this is a plain loop.
    assert!(text.contains("loop"), "{text}");
    assert_eq!(out[0], values(&start[1]));
    let start = [steps(&[40]), mul_by(&steps(&[40]), 100.0), steps(&[40])];
    let (text, out) = run(&start, |x| {
        scan(forward(0, 3, 5), &[&x[0], &x[1], &x[2]], |x| {
            vec![x[1].clone(), x[0].clone(), x[2].clone(), add(&x[0], &x[2])]
        })
    });
    assert!(is_one_kernel(&text), "{text}");
    assert_eq!(out[0], values(&start[1]));
    assert_eq!(out[1], values(&start[0]));
    assert_eq!(out[2], values(&start[2]));
    assert_eq!(out[3][40..43], [50.5, 151.5, 252.5]);
}

fn mul_by(a: &Array, by: f32) -> Array {
    let values: Vec<f32> = values(a).iter().map(|x| *x as f32 * by).collect();
    floats(a.shape(), &values)
}

#[test]
fn types_of_all_widths_are_carried() {
    let narrow = [floats(&[19], &[1.5; 19]), ints(&[19], &[3; 19])];
    let (text, out) = run(&narrow, |x| {
        let wide = op(ScalarOp::Convert(cotangent_jit::DType::F64), &[&x[0]]);
        let odd = op(ScalarOp::Lt, &[&x[1], &int(0)]);
        scan(forward(0, 4, 3), &[&x[0], &x[1], &wide, &odd], |x| {
            let not = op(ScalarOp::Not, &[&x[3]]);
            let step = op(ScalarOp::Select, &[&x[3], &int(10), &int(1)]);
            let step = op(ScalarOp::Add, &[&x[1], &step]);
            let wide = add(&x[2], &op(ScalarOp::Convert(cotangent_jit::DType::F64), &[&x[0]]));
            vec![mul(&x[0], &number(2.0)), step, wide, not]
        })
    });
    assert!(text.contains("sequential"), "{text}");
    assert_eq!(out[0], [12.0; 19]);
    assert_eq!(out[1], [15.0; 19]);
    assert_eq!(out[2], [1.5 + 1.5 + 3.0 + 6.0; 19]);
    assert_eq!(out[3], [1.0; 19]);
}

#[test]
fn lanes_that_see_each_other_wait_for_each_other() {
    let shifted = |x: &Array| view(x, &[20], vec![Affine::new(19, [-1])]);
    let (text, out) = run(&[steps(&[20])], |x| {
        scan(forward(0, 1, 3), &[&x[0]], |x| vec![add(&x[0], &shifted(&x[0]))])
    });
    assert!(text.contains("loop 3 times"), "{text}");
    assert_eq!(out[0], [80.0; 20]);
    // A sum over all lanes.
    let (text, out) = run(&[floats(&[20], &[1.0; 20])], |x| {
        scan(forward(0, 1, 2), &[&x[0]], |x| vec![add(&x[0], &sum(&x[0], &[0]))])
    });
    assert!(text.contains("loop 2 times"), "{text}");
    assert_eq!(out[0], [1.0 + 20.0 + 21.0 * 20.0; 20]);
}

/// `while any(active) { x = active ? f(x) : x; active = x < bound }`, and how many rounds each lane
/// took.
fn growth(x: &[Array], limit: Option<usize>, f: impl Fn(&Array) -> Array) -> Vec<Array> {
    let (start, bound) = (&x[0], &x[1]);
    let below = |x: &Array, bound: &Array| op(ScalarOp::Lt, &[x, bound]);
    let zero = mul(start, &number(0.0));
    let inputs = [bound, &below(start, bound), start, &zero];
    while_limited(&inputs, (0, 1), limit, any, |x| {
        let (bound, active) = (&x[0], &x[1]);
        let choose = |new: &Array, old: &Array| op(ScalarOp::Select, &[active, new, old]);
        let new = choose(&f(&x[2]), &x[2]);
        vec![below(&new, bound), new, choose(&add(&x[3], &number(1.0)), &x[3])]
    })
}

fn any(x: &[Array]) -> Array {
    reduce(&x[x.len() - 3], Combine::Or, &[0])
}

#[test]
fn lanes_of_a_while_end_by_themselves() {
    const N: usize = 23;
    let start = [floats(&[N], &[1.0; N]), mul_by(&steps(&[N]), 40.0)];
    for limit in [None, Some(4), Some(7)] {
        let (text, out) = run(&start, |x| growth(x, limit, |x| mul(x, &number(3.0))));
        assert!(text.contains("goes on while") && text.contains("sequential"), "{text}");
        for (i, (got, took)) in out[1].iter().zip(&out[2]).enumerate() {
            let (mut x, mut rounds) = (1.0, 0);
            while x < 40.0 * (i as f64 + 0.5) && limit.is_none_or(|n| rounds < n) {
                (x, rounds) = (3.0 * x, rounds + 1);
            }
            assert_eq!((*got, *took), (x, rounds as f64), "lane {i} of {limit:?}");
        }
    }
    // More rounds than one launch has, and lanes that never start, NaN among them.
    let mut bounds = [0.0; N];
    (bounds[3], bounds[20]) = (3000.5, f32::NAN);
    let start = [floats(&[N], &[1.0; N]), floats(&[N], &bounds)];
    let (_, out) = run(&start, |x| growth(x, None, |x| add(x, &number(1.0))));
    assert_eq!((out[1][3], out[2][3]), (3001.0, 3000.0));
    assert_eq!((out[1][20], out[2][20], out[1][5]), (1.0, 0.0, 1.0));
}

#[test]
fn lanes_that_would_wake_up_again_run_to_the_end() {
    const N: usize = 20;
    // Which lanes are active changes places as long as there are any.
    let flags = op(ScalarOp::Lt, &[&steps(&[N]), &number(3.0)]);
    let (text, out) = run(&[flags, floats(&[N], &[0.0; N])], |x| {
        while_limited(
            &[&x[0], &x[1]],
            (0, 0),
            Some(6),
            |x| reduce(&x[0], Combine::Or, &[0]),
            |x| {
                let one_more = op(ScalarOp::Select, &[&x[0], &add(&x[1], &number(1.0)), &x[1]]);
                vec![op(ScalarOp::Not, &[&x[0]]), one_more]
            },
        )
    });
    assert!(!text.contains("goes on"), "{text}");
    assert_eq!(out[1], [3.0; N]);
}

/// Products and elementary functions of constants leave a loop; what is cheap, or in the arm of a
/// branch, stays.
#[test]
fn constant_work_is_done_before_the_loop() {
    let (text, out) = run(&[steps(&[3]), floats(&[], &[1.0])], |x| {
        scan(forward(1, 1, 4), &[&x[0], &x[1]], |x| {
            let total = sum(&sin(&mul(&x[0], &number(2.0))), &[0]);
            let shifted = add(&x[0], &number(1.0));
            vec![mul(&x[1], &total), shifted]
        })
    });
    let (before, within) = text.split_once("loop 4 times").expect("a loop");
    let steps = within.split_once("\n}").map_or(within, |(steps, _)| steps);
    assert!(before.contains("launch") && !steps.contains("sum"), "{text}");
    let total: f64 = [0.5f64, 1.5, 2.5].iter().map(|x| (2.0 * x).sin()).sum();
    assert!((out[0][0] - total.powi(4)).abs() < 1e-4);
    assert_eq!(out[1][..3], [1.5, 2.5, 3.5]);
}
