//! Arrays beyond the last cache, whose stores bypass it.

mod support;

use cotangent_cpu::backend;
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::{Backend, CompileOptions};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Loop, Mode};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::verify::verify;
use support::fenced::Side;
use support::{launch, run_at};

/// Stores of arrays beyond the last cache bypass the caches if their places are aligned: whole
/// arrays and rows, remainders, and outputs that begin in the midst of a line.
#[test]
fn stores_of_large_arrays_bypass_the_caches() {
    let over = |extent| Loop { extent, mode: Mode::Parallel };
    for (d, shape) in [
        (DType::F32, vec![8_400_003]),
        (DType::F32, vec![4, 2_100_000]),
        (DType::F32, vec![4, 2_100_001]),
        (DType::F64, vec![4_200_005]),
    ] {
        let n: usize = shape.iter().product();
        let strides: Vec<i64> =
            (0..shape.len()).map(|l| shape[l + 1..].iter().product::<usize>() as i64).collect();
        let at = Affine::new(0, strides);
        let mut b = KernelBuilder::new("double", shape.iter().map(|n| over(*n)));
        let x = b.buffer(d, n);
        let v = b.load(x, at.clone());
        // One number for each row, so that rows stay apart.
        let r = b.buffer(d, shape[0]);
        let w = match shape.len() {
            1 => v,
            _ => b.load(r, Affine::counter(0)),
        };
        let v = b.op(ScalarOp::Add, &[v, w]);
        let y = b.buffer(d, n);
        b.store_at(y, at, v);
        let program = verify(launch(&b.finish())).unwrap();
        let keep = CompileOptions { keep_text: true, ..CompileOptions::default() };
        let executable = backend().compile(&program, &keep).unwrap();
        let aligned = shape.len() == 1 || shape[1].is_multiple_of(16);
        let text = executable.text("asm").unwrap();
        if text.contains("vectors of") {
            assert_eq!(text.contains("vmovntps"), aligned, "{d} {shape:?}");
        }
        let x: Vec<u8> = match d {
            DType::F32 => (0..n).flat_map(|i| (i as f32).to_ne_bytes()).collect(),
            _ => (0..n).flat_map(|i| (i as f64).to_ne_bytes()).collect(),
        };
        for side in [Side::Start, Side::End] {
            let rows = x[..shape[0] * d.size()].to_vec();
            let inputs = [x.clone(), rows, vec![0; x.len()]];
            let got = run_at(&*executable, &inputs, &[x.len()], side);
            let row = |i: usize| if shape.len() == 1 { i } else { i / shape[1] };
            let same = match d {
                DType::F32 => (got[0].chunks_exact(4).enumerate())
                    .all(|(i, b)| b == ((i + row(i)) as f32).to_ne_bytes()),
                _ => (got[0].chunks_exact(8).enumerate())
                    .all(|(i, b)| b == ((i + row(i)) as f64).to_ne_bytes()),
            };
            assert!(same, "{d} {shape:?} {side:?}");
        }
    }
}
