//! Equations that stand alone: pieces, scatters, dots, sorts.

use super::toys::*;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::lowering::{Base, DotDims, Lowering, Piece};
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use cotangent_jit::program::Precision;
use smallvec::SmallVec;
use std::sync::Arc;

fn whole(input: usize, a: &Array, offset: &[i64]) -> Piece {
    Piece {
        input,
        take: a.shape().iter().map(|n| 0..*n).collect(),
        offset: offset.to_vec(),
        step: vec![1; a.ndim()],
        starts: None,
    }
}

fn assemble(inputs: &[&Array], shape: &[usize], base: Base, pieces: Vec<Piece>) -> Array {
    let shape = shape.to_vec();
    toy(
        "assemble",
        inputs,
        move |avals| one(avals[0].with_shape(shape.iter().copied())),
        move |_, _| Lowering::Assemble { base, pieces: pieces.clone() },
    )
    .remove(0)
}

/// `a` with `b` written over it from `at` on.
pub fn update(a: &Array, b: &Array, at: &[&Array]) -> Array {
    let inputs: Vec<&Array> = [a, b].into_iter().chain(at.iter().copied()).collect();
    let starts = Some((2..2 + at.len()).collect());
    let piece = Piece { starts, ..whole(1, b, &vec![0; a.ndim()]) };
    assemble(&inputs, &a.to_shape(), Base::Input(0), vec![piece])
}

/// Concatenation.
pub fn whole_of(parts: &[&Array], axis: usize) -> Array {
    let mut shape = parts[0].to_shape();
    shape[axis] = 0;
    let mut pieces = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let mut offset = vec![0; part.ndim()];
        offset[axis] = shape[axis] as i64;
        pieces.push(whole(n, part, &offset));
        shape[axis] += part.shape()[axis];
    }
    assemble(parts, &shape, Base::Nothing, pieces)
}

#[test]
fn concatenation() {
    let (_, out) = run(&[steps(&[2, 2]), steps(&[2, 1])], |x| {
        let y = add(&x[0], &number(1.0));
        let pieces = vec![whole(0, &y, &[0, 0]), whole(1, &x[1], &[0, 2])];
        vec![assemble(&[&y, &transpose(&transpose(&x[1]))], &[2, 3], Base::Nothing, pieces)]
    });
    assert_eq!(out[0], [1.5, 2.5, 0.5, 3.5, 4.5, 1.5]);
}

#[test]
fn pieces_are_written_by_their_groups() {
    let (text, out) = run(&[steps(&[2]), floats(&[], &[3.0])], |x| {
        let y = mul(&x[0], &number(2.0));
        let z = add(&x[0], &x[1]);
        let stacked = |a: &Array| reshape(a, &[2, 1]);
        let pieces = vec![whole(0, &stacked(&y), &[0, 0]), whole(1, &stacked(&z), &[0, 1])];
        let numbers: Vec<Array> = (0..3).map(|n| mul(&x[1], &number(n as f32))).collect();
        let numbers: Vec<Array> = numbers.iter().map(|a| reshape(a, &[1])).collect();
        let list = (0..3).map(|n| whole(n, &numbers[n], &[n as i64])).collect();
        vec![
            assemble(&[&stacked(&y), &stacked(&z)], &[2, 2], Base::Nothing, pieces),
            assemble(&numbers.iter().collect::<Vec<_>>(), &[3], Base::Nothing, list),
        ]
    });
    assert_eq!(text.matches("launch").count(), 2, "{text}");
    assert_eq!(out[0], [1.0, 3.5, 3.0, 4.5]);
    assert_eq!(out[1], [0.0, 3.0, 6.0]);
}

#[test]
fn padding() {
    let (_, out) = run(&[steps(&[2]), floats(&[], &[9.0])], |x| {
        let spread = Piece { step: vec![2], ..whole(0, &x[0], &[1]) };
        let cut = Piece { take: std::iter::once(1..2).collect(), ..whole(0, &x[0], &[0]) };
        vec![
            assemble(&[&x[0], &x[1]], &[5], Base::Fill(1), vec![spread.clone()]),
            assemble(&[&x[0], &number(0.0)], &[5], Base::Fill(1), vec![spread]),
            assemble(&[&x[0], &x[1]], &[1], Base::Fill(1), vec![cut]),
        ]
    });
    assert_eq!(out[0], [9.0, 0.5, 9.0, 1.5, 9.0]);
    assert_eq!(out[1], [0.0, 0.5, 0.0, 1.5, 0.0]);
    assert_eq!(out[2], [1.5]);
}

#[test]
fn updates_clamp_their_starts() {
    let inputs = [steps(&[3, 3]), floats(&[2, 2], &[-1.0, -2.0, -3.0, -4.0]), ints(&[], &[7])];
    let (_, out) = run(&inputs, |x| {
        let patch = add(&x[1], &number(0.0));
        vec![
            update(&x[0], &patch, &[&x[2], &int(-4)]),
            update(&x[0], &x[1], &[&int(0), &x[2]]),
            update(&x[0], &x[1], &[&int(1), &int(1)]),
        ]
    });
    assert_eq!(out[0], [0.5, 1.5, 2.5, -1.0, -2.0, 5.5, -3.0, -4.0, 8.5]);
    assert_eq!(out[1], [0.5, -1.0, -2.0, 3.5, -3.0, -4.0, 6.5, 7.5, 8.5]);
    assert_eq!(out[2], [0.5, 1.5, 2.5, 3.5, -1.0, -2.0, 6.5, -3.0, -4.0]);
}

#[test]
fn chains_of_updates_share_memory() {
    let inputs = [steps(&[4]), floats(&[1], &[9.0]), ints(&[], &[1]), ints(&[], &[3])];
    let (text, out) = run(&inputs, |x| {
        let y = add(&x[0], &number(1.0));
        let y = update(&y, &x[1], &[&x[2]]);
        vec![update(&y, &x[1], &[&x[3]])]
    });
    assert!(!text.contains("copy"), "{text}");
    assert_eq!(out[0], [1.5, 9.0, 3.5, 9.0]);
}

pub fn scatter(base: &Array, updates: &Array, at: &Array, combine: Option<Combine>) -> Array {
    toy(
        "scatter",
        &[base, updates, at],
        |avals| one(avals[0].clone()),
        move |_, _| Lowering::Scatter {
            base: 0,
            updates: 1,
            combine,
            position: Arc::new(|p| {
                let i = p.coordinate(0);
                let at = p.read(2, &[i]);
                p.builder().convert(at, DType::I64)
            }),
        },
    )
    .remove(0)
}

#[test]
fn scatters_drop_what_falls_outside() {
    let inputs = [steps(&[3]), floats(&[4], &[1.0, 2.0, 3.0, 4.0]), ints(&[4], &[2, 0, 2, 7])];
    let (_, out) = run(&inputs, |x| {
        vec![
            scatter(&x[0], &x[1], &x[2], None),
            scatter(&x[0], &x[1], &x[2], Some(Combine::Sum)),
            scatter(&repeat(&number(0.0), &[3]), &mul(&x[1], &x[1]), &x[2], Some(Combine::Sum)),
        ]
    });
    assert_eq!(out[0], [2.0, 1.5, 3.0]);
    assert_eq!(out[1], [2.5, 1.5, 6.5]);
    assert_eq!(out[2], [4.0, 0.0, 10.0]);
}

fn dot(a: &Array, b: &Array, dims: DotDims) -> Array {
    let d = dims.clone();
    let out = move |avals: &[Aval]| {
        let free = |aval: &Aval, batch: &[usize], contract: &[usize]| -> Vec<usize> {
            let own = (0..aval.rank()).filter(|n| !batch.contains(n) && !contract.contains(n));
            own.map(|n| aval.shape[n]).collect()
        };
        let batch = d.lhs_batch.iter().map(|n| avals[0].shape[*n]);
        let lhs = free(&avals[0], &d.lhs_batch, &d.lhs_contract);
        let rhs = free(&avals[1], &d.rhs_batch, &d.rhs_contract);
        one(Aval::new(batch.chain(lhs).chain(rhs), avals[0].dtype))
    };
    toy("dot", &[a, b], out, move |_, _| Lowering::Dot {
        dims: dims.clone(),
        precision: Precision::Full,
    })
    .remove(0)
}

fn dims(contract: (&[usize], &[usize]), batch: (&[usize], &[usize])) -> DotDims {
    let list = |l: &[usize]| SmallVec::from_slice(l);
    DotDims {
        lhs_contract: list(contract.0),
        rhs_contract: list(contract.1),
        lhs_batch: list(batch.0),
        rhs_batch: list(batch.1),
    }
}

#[test]
fn dots_read_transposes_in_place() {
    let (text, out) = run(&[steps(&[2, 3]), steps(&[2, 3])], |x| {
        vec![
            dot(&x[0], &transpose(&x[1]), dims((&[1], &[0]), (&[], &[]))),
            dot(&x[0], &x[1], dims((&[0, 1], &[0, 1]), (&[], &[]))),
            dot(&transpose(&x[0]), &x[1], dims((&[0, 1], &[1, 0]), (&[], &[]))),
            dot(&x[0], &x[1], dims((&[1], &[1]), (&[0], &[0]))),
        ]
    });
    assert_eq!(text.matches("launch").count(), 0, "{text}");
    assert_eq!(out[0], [8.75, 22.25, 22.25, 62.75]);
    assert_eq!(out[1], [71.5]);
    assert_eq!(out[2], [71.5]);
    assert_eq!(out[3], [8.75, 62.75]);
}

#[test]
fn dots_pack_what_no_stride_walks() {
    let (text, out) = run(&[steps(&[2, 3, 2]), steps(&[2, 2])], |x| {
        vec![dot(&x[0], &x[1], dims((&[0, 2], &[1, 0]), (&[], &[])))]
    });
    assert!(text.contains("launch"), "{text}");
    let x = |i: usize, j: usize, k: usize| (6 * i + 2 * j + k) as f64 + 0.5;
    let y = |k: usize, i: usize| (2 * k + i) as f64 + 0.5;
    let expected =
        [0, 1, 2].map(|j| (0..4).map(|n| x(n / 2, j, n % 2) * y(n % 2, n / 2)).sum::<f64>());
    assert_eq!(out[0], expected);
}

#[test]
fn transposed_dots_are_written_transposed() {
    let (text, out) = run(&[steps(&[2, 3]), steps(&[2, 2])], |x| {
        let d = dot(&x[0], &x[1], dims((&[0], &[0]), (&[], &[])));
        vec![add(&transpose(&d), &number(0.0))]
    });
    assert!(text.contains("m=2 n=3 k=2") && text.contains("load a[i0]"), "{text}");
    let x = |i: usize, j: usize| (3 * i + j) as f64 + 0.5;
    let y = |i: usize, j: usize| (2 * i + j) as f64 + 0.5;
    let at = |n: usize| (0..2).map(|k| x(k, n % 3) * y(k, n / 3)).sum::<f64>();
    assert_eq!(out[0], (0..6).map(at).collect::<Vec<_>>());
}

#[test]
fn heads_of_attention_are_read_where_they_lie() {
    // [b, t, h, d] seen as [b, h, t, d].
    let (b, t, h, d) = (2, 16, 3, 8);
    let heads = |x: &Array| {
        let order = [0, 2, 1, 3].map(Affine::counter).to_vec();
        view(x, &[b, h, t, d], order)
    };
    let inputs = [steps(&[b, t, h, d]), steps(&[b, t, h, d])].map(|x| mul(&x, &number(1e-3)));
    let (text, out) = run(&inputs, |x| {
        vec![dot(&heads(&x[0]), &heads(&x[1]), dims((&[3], &[3]), (&[0, 1], &[0, 1])))]
    });
    assert!(text.contains("loop 2 times") && !text.contains("launch"), "{text}");
    let x = |b: usize, t: usize, h: usize, d: usize| {
        ((((b * 16 + t) * 3 + h) * 8 + d) as f64 + 0.5) * 1e-3
    };
    let at = |b, h, i, j| (0..8).map(|d| x(b, i, h, d) * x(b, j, h, d)).sum::<f64>();
    for (n, got) in out[0].iter().enumerate() {
        let expected = at(n / 768, n / 256 % 3, n / 16 % 16, n % 16);
        assert!((got - expected).abs() < 1e-4, "{n}: {got} {expected}");
    }
}

#[test]
fn dots_of_ints_and_of_nothing() {
    let inputs =
        [ints(&[2, 2], &[1, 2, 3, 4]), ints(&[2], &[5, 6]), steps(&[2, 0]), steps(&[0, 2])];
    let (_, out) = run(&inputs, |x| {
        let plain = || dims((&[1], &[0]), (&[], &[]));
        vec![
            dot(&x[0], &x[1], plain()),
            dot(&x[2], &x[3], plain()),
            dot(&x[3], &x[2], plain()),
            dot(&x[1], &x[1], dims((&[], &[]), (&[], &[]))),
        ]
    });
    assert_eq!(out[0], [17.0, 39.0]);
    assert_eq!(out[1], [0.0; 4]);
    assert!(out[2].is_empty());
    assert_eq!(out[3], [25.0, 30.0, 30.0, 36.0]);
}

#[test]
fn sorts_carry_operands_along() {
    let keys = floats(&[2, 3], &[3.0, 1.0, 2.0, 0.0, f32::NAN, -1.0]);
    let (_, out) = run(&[keys, ints(&[2, 3], &[0, 1, 2, 3, 4, 5])], |x| {
        let sort = |axis: usize, a: &Array, b: &Array| {
            toy(
                "sort",
                &[a, b],
                |avals| avals.iter().cloned().collect(),
                move |_, _| Lowering::Sort { axis, keys: 1 },
            )
            .into_vec()
        };
        let mut out = sort(1, &x[0], &x[1]);
        out.extend(sort(0, &transpose(&x[0]), &transpose(&x[1])));
        out
    });
    assert_eq!(out[1], [1.0, 2.0, 0.0, 5.0, 3.0, 4.0]);
    assert_eq!(out[3], [1.0, 5.0, 2.0, 3.0, 0.0, 4.0]);
}

#[test]
fn sums_of_pads_are_assembled() {
    let (text, out) = run(&[steps(&[2, 2]), steps(&[2, 1])], |x| {
        let pad = |a: &Array, at: i64, width: usize| {
            let pieces = vec![whole(0, a, &[0, at])];
            assemble(&[a, &number(0.0)], &[2, width], Base::Fill(1), pieces)
        };
        let y = mul(&x[0], &number(2.0));
        vec![
            add(&pad(&y, 1, 3), &pad(&x[1], 0, 3)),
            add(&add(&pad(&x[1], 0, 4), &pad(&x[1], 3, 4)), &pad(&x[1], 1, 4)),
            add(&pad(&x[0], 0, 3), &pad(&x[0], 1, 3)),
        ]
    });
    assert_eq!(out[0], [0.5, 1.0, 3.0, 1.5, 5.0, 7.0]);
    assert_eq!(out[1], [0.5, 0.5, 0.0, 0.5, 1.5, 1.5, 0.0, 1.5]);
    assert_eq!(out[2], [0.5, 2.0, 1.5, 2.5, 6.0, 3.5]);
    assert_eq!(text.matches("fill_").count(), 2 * 3 - 1, "{text}");
}
