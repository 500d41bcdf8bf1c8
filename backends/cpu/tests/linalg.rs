//! Factorisations and triangular systems against the interpreter's.

#![cfg(feature = "linalg")]

mod support;

use cotangent_jit::program::{Program, Routine, Slot, SlotId, SlotKind, Step, Triangle, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Scalar, interp};
use support::{CPU, Random, compare, compile, output_sizes, run};

fn check(p: Program, inputs: &[Vec<u8>], tolerance: f64) {
    let expected = interp::program::run(&verify(p.clone()).unwrap(), inputs).unwrap();
    let dtype = p.slot(p.outputs()[0]).dtype;
    let sizes = output_sizes(&p);
    let what = format!("{p}");
    let got = run(&*compile(p), inputs, &sizes);
    compare(dtype, &got[0], &expected[0], tolerance, &what);
}

/// A routine on whole slots, of which the last is the output.
fn alone(routine: Routine) -> Program {
    let args = routine.args();
    let slots: Vec<Slot> = args
        .iter()
        .enumerate()
        .map(|(n, (d, len, written))| {
            let kind = if *written { SlotKind::Output(0) } else { SlotKind::Input(n) };
            Slot { dtype: *d, len: *len, kind }
        })
        .collect();
    let views = (0..slots.len() as u32).map(|n| View::whole(SlotId(n))).collect();
    Program {
        name: "test".into(),
        place: CPU,
        slots,
        kernels: Vec::new(),
        steps: vec![Step::Routine { routine, args: views }],
        donations: Vec::new(),
        arena: 0,
    }
}

/// Numbers of `dtype`, or pairs of them, in which the diagonals of `n` by `n` matrices outweigh the
/// rest.
fn heavy_diagonals(dtype: DType, paired: bool, batch: usize, n: usize) -> Vec<u8> {
    let mut r = Random(11);
    let mut number = |diagonal: bool, part: usize| {
        let small = (r.bits() % 2001) as f64 / 1000.0 - 1.0;
        if diagonal && part == 0 { 2.0 * n as f64 + small } else { small }
    };
    let mut bytes = Vec::new();
    for at in 0..batch * n * n {
        let diagonal = at / n % n == at % n;
        for part in 0..if paired { 2 } else { 1 } {
            let x = number(diagonal, part);
            bytes.extend(Scalar::from_f64(dtype, x).expect("a float").to_bytes());
        }
    }
    bytes
}

#[test]
fn factors_are_the_interpreters() {
    for (dtype, slack) in [(DType::F32, 1e-4), (DType::F64, 1e-12)] {
        for paired in [false, true] {
            for (batch, n) in [(1, 0), (0, 3), (1, 1), (3, 2), (2, 7), (1, 40), (1, 150)] {
                let x = heavy_diagonals(dtype, paired, batch, n);
                let routine = Routine::Cholesky { dtype, paired, batch, n };
                check(alone(routine), &[x], slack);
            }
        }
    }
}

#[test]
fn what_has_no_factor_gives_nan_below_and_zeros_above() {
    let bytes = |x: &[f64]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let routine = Routine::Cholesky { dtype: DType::F64, paired: false, batch: 5, n: 2 };
    let nan = f64::NAN;
    #[rustfmt::skip]
    let x = bytes(&[
        -1.0, 0.0, 0.0, 1.0, // negative
        1.0, 0.0, 0.0, 0.0, // singular
        1.0, 9.0, nan, 1.0, // not a number below
        nan, 0.0, 0.0, 1.0, // or on the diagonal
        1.0, nan, 0.0, 1.0, // above nobody looks
    ]);
    let out = run(&*compile(alone(routine)), &[x], &[20 * 8]).remove(0);
    let out: Vec<f64> =
        out.chunks(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes"))).collect();
    for (n, l) in out.chunks(4).enumerate() {
        assert_eq!(l[1], 0.0);
        assert!([l[0], l[2], l[3]].iter().all(|x| x.is_nan() == (n < 4)), "matrix {n}: {l:?}");
    }
}

#[test]
fn triangular_systems_are_the_interpreters() {
    for (dtype, slack) in [(DType::F32, 1e-4), (DType::F64, 1e-12)] {
        for flags in 0..64 {
            let [left, lower, transpose, conjugate, unit, paired] =
                [1, 2, 4, 8, 16, 32].map(|bit| flags & bit > 0);
            let triangle = Triangle { left, lower, transpose, conjugate, unit };
            for (batch, n, m) in
                [(1, 0, 2), (1, 2, 0), (1, 1, 1), (3, 3, 2), (1, 9, 300), (2, 37, 5)]
            {
                let a = heavy_diagonals(dtype, paired, batch, n);
                let len = batch * n * m * if paired { 2 } else { 1 };
                // Unit triangles grow what they solve unless the rest is small.
                let small = if unit { 1.0 / (4.0 * n.max(1) as f64) } else { 1.0 };
                let a = scaled(dtype, &a, small);
                let b = Random(5).bytes(dtype, len);
                let routine = Routine::TriangularSolve { dtype, paired, batch, n, m, triangle };
                check(alone(routine), &[a, b], slack);
            }
        }
    }
}

fn scaled(dtype: DType, bytes: &[u8], by: f64) -> Vec<u8> {
    let numbers = bytes.chunks(dtype.size()).map(|b| Scalar::from_bytes(dtype, b));
    let scaled = numbers.map(|x| Scalar::from_f64(dtype, by * x.to_f64().expect("a float")));
    scaled.flat_map(|x| x.expect("a float").to_bytes()).collect()
}

#[test]
fn threads_do_not_show() {
    let d = DType::F32;
    let factor = Routine::Cholesky { dtype: d, paired: false, batch: 5, n: 60 };
    let triangle =
        Triangle { left: true, lower: true, transpose: false, conjugate: false, unit: false };
    let system =
        Routine::TriangularSolve { dtype: d, paired: false, batch: 2, n: 33, m: 700, triangle };
    let x = heavy_diagonals(d, false, 5, 60);
    let a = heavy_diagonals(d, false, 2, 33);
    let b = Random(5).bytes(d, 2 * 33 * 700);
    let mut before = None;
    for threads in 1..4 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let bits = pool.install(|| {
            let l = run(&*compile(alone(factor.clone())), std::slice::from_ref(&x), &[x.len()]);
            let y = run(&*compile(alone(system.clone())), &[a.clone(), b.clone()], &[b.len()]);
            (l, y)
        });
        assert!(before.is_none() || before.as_ref() == Some(&bits), "{threads} threads");
        before = Some(bits);
    }
}
