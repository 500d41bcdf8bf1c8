//! Groups: elementwise equations, views and reductions.

use super::toys::*;
use crate::core::array::Array;
use crate::core::lowering::Lowering;
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use cotangent_jit::op::ScalarOp;
use std::sync::Arc;

fn launches(text: &str) -> usize {
    text.lines().filter(|l| l.trim_start().starts_with("launch")).count()
}

#[test]
fn a_chain_is_one_kernel() {
    let (text, out) = run(&[steps(&[2, 3]), steps(&[2, 3])], |x| {
        let s = add(&x[0], &x[1]);
        vec![mul(&sin(&s), &number(2.0))]
    });
    assert_eq!(launches(&text), 1, "{text}");
    assert!((out[0][0] - 2.0 * 1f64.sin()).abs() < 1e-6);
}

#[test]
fn independent_scalars_are_one_kernel() {
    let inputs: Vec<Array> = (0..100).map(|n| floats(&[], &[n as f32])).collect();
    let (text, out) = run(&inputs, |x| x.iter().map(|a| add(a, &number(1.0))).collect());
    assert_eq!(launches(&text), 1, "{text}");
    assert_eq!(out[99], [100.0]);
}

#[test]
fn views_are_loaded_through() {
    let (text, out) = run(&[steps(&[2, 3]), steps(&[2])], |x| {
        let t = transpose(&x[0]);
        vec![add(&t, &repeat(&x[1], &[3]))]
    });
    assert_eq!(launches(&text), 1, "{text}");
    assert_eq!(out[0], [1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
}

#[test]
fn a_view_of_a_member_cuts() {
    let (text, out) = run(&[steps(&[2, 2])], |x| {
        let y = add(&x[0], &number(1.0));
        vec![add(&y, &transpose(&y))]
    });
    assert_eq!(launches(&text), 2, "{text}");
    assert_eq!(out[0], [3.0, 6.0, 6.0, 9.0]);
}

#[test]
fn axes_of_one_element_do_not_matter() {
    let (text, out) = run(&[steps(&[3])], |x| {
        let y = add(&x[0], &number(1.0));
        let z = mul(&reshape(&y, &[3, 1]), &number(2.0));
        vec![reshape(&z, &[1, 3])]
    });
    assert_eq!(launches(&text), 1, "{text}");
    assert_eq!(out[0], [3.0, 5.0, 7.0]);
}

#[test]
fn reshapes_of_views_copy_only_if_they_must() {
    let (_, out) = run(&[steps(&[2, 3])], |x| vec![reshape(&transpose(&x[0]), &[6])]);
    assert_eq!(out[0], [0.5, 3.5, 1.5, 4.5, 2.5, 5.5]);
    let (text, out) = run(&[steps(&[2, 3])], |x| {
        let r = reshape(&add(&x[0], &number(1.0)), &[3, 2]);
        vec![transpose(&r), r]
    });
    assert_eq!(launches(&text), 2, "{text}");
    assert_eq!(out[0], [1.5, 3.5, 5.5, 2.5, 4.5, 6.5]);
}

#[test]
fn reductions_are_sinks() {
    let (text, out) = run(&[steps(&[2, 3])], |x| {
        let y = mul(&x[0], &x[0]);
        vec![sum(&y, &[1]), reduce(&y, Combine::Max, &[1]), y]
    });
    assert_eq!(launches(&text), 1, "{text}");
    assert_eq!(out[0], [0.25 + 2.25 + 6.25, 12.25 + 20.25 + 30.25]);
    assert_eq!(out[1], [6.25, 30.25]);
    let (_, out) = run(&[steps(&[2, 3])], |x| vec![sum(&x[0], &[0]), sum(&x[0], &[0, 1])]);
    assert_eq!(out[0], [4.0, 6.0, 8.0]);
    assert_eq!(out[1], [18.0]);
}

#[test]
fn softmax() {
    let (text, out) = run(&[steps(&[2, 3])], |x| {
        let max = repeat_last(&reduce(&x[0], Combine::Max, &[1]), 3);
        let e = op(ScalarOp::Exp, &[&op(ScalarOp::Sub, &[&x[0], &max])]);
        let total = repeat_last(&sum(&e, &[1]), 3);
        vec![op(ScalarOp::Div, &[&e, &total])]
    });
    assert_eq!(launches(&text), 3, "{text}");
    assert!((out[0][2] - 0.665_240_96).abs() < 1e-6);
}

fn repeat_last(a: &Array, n: usize) -> Array {
    let shape: Vec<usize> = a.shape().iter().copied().chain([n]).collect();
    view(a, &shape, (0..a.ndim()).map(Affine::counter).collect())
}

#[test]
fn empty_arrays() {
    let (_, out) = run(&[steps(&[0, 3]), steps(&[3, 0])], |x| {
        let t = add(&transpose(&x[0]), &x[1]);
        vec![sum(&t, &[1]), sum(&t, &[0]), t.clone(), reduce(&t, Combine::Max, &[0, 1])]
    });
    assert_eq!(out[0], [0.0; 3]);
    assert!(out[1].is_empty() && out[2].is_empty());
    assert_eq!(out[3], [f64::NEG_INFINITY]);
}

#[test]
fn inputs_and_literals_as_outputs() {
    let (_, out) = run(&[steps(&[3])], |x| {
        let y = add(&x[0], &number(1.0));
        vec![x[0].clone(), number(4.0), y.clone(), y, x[0].clone(), repeat(&number(7.0), &[2])]
    });
    assert_eq!(out[0], [0.5, 1.5, 2.5]);
    assert_eq!(out[1], [4.0]);
    assert_eq!(out[2], out[3]);
    assert_eq!(out[5], [7.0, 7.0]);
}

fn iota(shape: &[usize], axis: usize) -> Array {
    let aval = crate::core::aval::Aval::new(shape.iter().copied(), DType::I32);
    let lower = move |_: &[_], _: &[_]| {
        Lowering::Indexed(Arc::new(move |p| {
            let i = p.coordinate(axis);
            p.builder().convert(i, DType::I32)
        }))
    };
    toy("iota", &[], move |_| one(aval.clone()), lower).remove(0)
}

#[test]
fn coordinates_are_computed_in_place() {
    let (text, out) = run(&[ints(&[2, 3], &[0; 6])], |x| {
        let i = iota(&[3, 2], 0);
        vec![
            add(&x[0], &transpose(&i)),
            transpose(&iota(&[3, 2], 1)),
            reshape(&iota(&[4], 0), &[2, 2]),
        ]
    });
    assert_eq!(launches(&text), 2, "{text}");
    assert_eq!(out[0], [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
    assert_eq!(out[1], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!(out[2], [0.0, 1.0, 2.0, 3.0]);
}

/// Rows of input 0 at the indices in input 1.
pub fn rows(a: &Array, at: &Array) -> Array {
    let (n, m) = (at.size(), a.shape()[1]);
    toy(
        "rows",
        &[a, at],
        move |avals| one(avals[0].with_shape([n, m])),
        |_, _| {
            Lowering::Indexed(Arc::new(|p| {
                let (i, j) = (p.coordinate(0), p.coordinate(1));
                let row = p.read(1, &[i]);
                let row = p.builder().convert(row, DType::I64);
                p.read(0, &[row, j])
            }))
        },
    )
    .remove(0)
}

#[test]
fn gathers_clamp() {
    let (_, out) = run(&[steps(&[3, 2]), ints(&[4], &[2, -5, 9, 1])], |x| {
        vec![rows(&x[0], &x[1]), rows(&transpose(&reshape(&x[0], &[2, 3])), &x[1])]
    });
    assert_eq!(out[0], [4.5, 5.5, 0.5, 1.5, 4.5, 5.5, 2.5, 3.5]);
    assert_eq!(out[1], [2.5, 5.5, 0.5, 3.5, 2.5, 5.5, 1.5, 4.5]);
    let (_, out) = run(&[ints(&[2], &[1, 0])], |x| {
        let table = repeat(&number(3.0), &[2, 2]);
        vec![rows(&table, &x[0]), rows(&add(&table, &number(1.0)), &x[0])]
    });
    assert_eq!(out, [[3.0; 4], [4.0; 4]]);
}

#[test]
fn long_programs_are_cut() {
    let (text, out) = run(&[floats(&[], &[0.0])], |x| {
        let mut y = x[0].clone();
        for _ in 0..1000 {
            y = add(&y, &number(1.0));
        }
        vec![y]
    });
    assert_eq!(launches(&text), 4, "{text}");
    assert_eq!(out[0], [1000.0]);
}

#[test]
fn equal_work_is_one_kernel() {
    let jaxpr = traced(&[steps(&[2, 2]).aval()], |x| {
        let mut y = x[0].clone();
        for _ in 0..4 {
            y = transpose(&add(&y, &number(1.0)));
        }
        vec![y]
    });
    let executable = compiled(&jaxpr);
    assert!(executable.program().kernels.len() <= 3, "{}", executable.program().get());
}

#[test]
fn eager_fills_and_reshapes() {
    use crate::prims::lax;
    let a = lax::broadcast_in_dim(&number(2.0), &[3], &[]);
    let b = lax::broadcast_in_dim(&number(5.0), &[3], &[]);
    assert_eq!(values(&a), [2.0; 3]);
    assert_eq!(values(&b), [5.0; 3]);
    let c = lax::reshape(&b, &[3, 1]);
    assert_eq!((c.shape(), values(&c)), (&[3, 1][..], vec![5.0; 3]));
}

#[test]
fn inspection_shows_every_floor() {
    use crate::stage::executable::Executable;
    let jaxpr = traced(&[steps(&[8]).aval()], |x| vec![mul(&x[0], &number(2.0))]);
    let e = Executable::inspectable(&jaxpr, "double").expect("compiles");
    let place = e.site().place();
    assert!(e.program_text().starts_with(&format!("program double on {place}")));
    assert!(e.kernels_text().starts_with("kernel fused_0"));
    assert!(e.code_text("clif").is_some_and(|t| t.contains("fmul")));
    let costs = e.costs().expect("counts");
    assert_eq!((costs.flops, costs.bytes_read, costs.bytes_written), (8.0, 32.0, 32.0));
    assert!(costs.code_size > 0 && costs.arena == 0 && costs.kernels == 1);
}

#[test]
fn equal_jaxprs_share_an_executable() {
    use crate::stage::cache::{cache_size, cached};
    use crate::stage::device;
    let scaled =
        || traced(&[steps(&[2]).aval()], |x| vec![crate::prims::lax::mul(&x[0], &number(0.125))]);
    let place = device::default_place().expect("a device");
    let first = cached(&scaled(), "a", place).expect("compiles");
    assert!(std::sync::Arc::ptr_eq(&first, &cached(&scaled(), "b", place).expect("is there")));
    assert!(cache_size() > 0);
    let out = first.run("a", vec![steps(&[2])]).expect("runs");
    assert_eq!(values(&out[0]), [0.0625, 0.1875]);
    let wrong = first.run("a", vec![steps(&[3])]).expect_err("a type that does not fit");
    assert_eq!(wrong.message(), "a: input 0: expected f32[2], got f32[3]");
}

#[test]
fn slices_at_numbers_are_read_without_clamps() {
    use crate::prims::lax;
    let jaxpr = traced(&[steps(&[4, 5]).aval(), int(0).aval(), int(0).aval()], |x| {
        vec![lax::dynamic_slice(&x[0], &x[1..3], &[2, 3])]
    });
    let text = compiled(&jaxpr).kernels_text();
    // Two for the starts.
    assert_eq!(text.matches("min").count(), 2, "{text}");
}

#[test]
fn equations_sink_to_where_they_are_needed() {
    let (text, out) = run(&[steps(&[2, 3]), steps(&[2])], |x| {
        // Needs nothing of the row numbers, but stands before them.
        let early = mul(&x[0], &number(3.0));
        let row = add(&x[1], &number(1.0));
        vec![add(&early, &repeat_last(&row, 3))]
    });
    assert_eq!(launches(&text), 2, "{text}");
    assert!(text.contains("add") && !text.contains("t2: f32[6]"), "{text}");
    assert_eq!(out[0], [3.0, 6.0, 9.0, 13.0, 16.0, 19.0]);
}

#[test]
fn cheap_equations_are_done_again_rather_than_stored() {
    let (text, out) = run(&[steps(&[2, 3])], |x| {
        let s = sin(&x[0]);
        let half = mul(&s, &number(0.5));
        let total = sum(&add(&half, &number(1.0)), &[0]);
        // Both need the half; it costs less than the sine, which is stored for it.
        vec![add(&half, &repeat(&total, &[2])), mul(&half, &repeat(&total, &[2]))]
    });
    let temps = text.lines().filter(|l| l.contains(": f32[6]") && l.trim_start().starts_with('t'));
    assert_eq!(temps.count(), 1, "{text}");
    assert!(
        (out[0][0] - 0.5 * 0.5f64.sin() - 2.0 - 0.5 * (0.5f64.sin() + 3.5f64.sin())).abs() < 1e-6
    );
}
