//! Programs on parts do what the programs on complex numbers do, according to the interpreter.

use super::kernel::split as split_kernel;
use super::split;
use crate::affine::Affine;
use crate::build::KernelBuilder;
use crate::interp::run_kernel;
use crate::kernel::{Combine, Kernel, Loop, Mode, Range, Store};
use crate::op::ScalarOp;
use crate::plan::plan;
use crate::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step, View};
use crate::verify::verify_kernel;
use crate::{Complex, DType, Scalar};

fn numbers(n: usize) -> Vec<u8> {
    let z = |i: usize| Complex::new(i as f64 * 0.75 - 2.0, 1.5 - (i * i % 7) as f64 * 0.5);
    (0..n).flat_map(|i| Scalar::from(z(i)).to_bytes()).collect()
}

/// Both ways on the same memory, byte for byte.
fn same(kernel: Kernel, memory: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let kernel = verify_kernel(kernel).expect("a kernel that is right").into_inner();
    let parts = split_kernel(&kernel).expect("parts");
    let (mut whole, mut halves) = (memory.to_vec(), memory.to_vec());
    run_kernel(&kernel, &mut whole).expect("runs");
    let (before, after) = match parts.folds {
        None => (None, None),
        Some(f) => {
            halves.extend(f.temporaries.iter().map(|t| vec![0xa5; t.len * t.dtype.size()]));
            (Some(f.before), Some(f.after))
        }
    };
    for kernel in before.into_iter().chain([parts.main]).chain(after) {
        let kernel = verify_kernel(kernel).expect("parts that are right").into_inner();
        run_kernel(&kernel, &mut halves).expect("runs");
    }
    halves.truncate(whole.len());
    assert_eq!(whole, halves, "{kernel:?}");
    whole
}

fn nest(loops: &[(usize, Mode)]) -> Vec<Loop> {
    loops.iter().map(|(extent, mode)| Loop { extent: *extent, mode: *mode }).collect()
}

#[test]
fn points_are_pairs_of_parts() {
    let binary =
        [ScalarOp::Add, ScalarOp::Mul, ScalarOp::Div, ScalarOp::Pow, ScalarOp::Max, ScalarOp::Min];
    let unary = [ScalarOp::Neg, ScalarOp::Exp, ScalarOp::Sqrt, ScalarOp::Tanh, ScalarOp::Acos];
    for op in binary.into_iter().chain(unary) {
        let mut b = KernelBuilder::new("map", nest(&[(6, Mode::Parallel)]));
        let (x, y) = (b.buffer(DType::C128, 8), b.buffer(DType::C128, 6));
        let guard = Range { at: Affine::new(-1, [1]), low: 0, high: 5 };
        let fill = Scalar::from(Complex::new(0.5, -3.0));
        let v = b.load_guarded(x, Affine::new(-1, [1]), [guard], fill);
        let w = b.load(x, Affine::new(7, [-1]));
        let v = b.op(op, &[v, w][..op.signature().0]);
        let (equal, size) = (b.op(ScalarOp::Ne, &[v, w]), b.op(ScalarOp::Abs, &[v]));
        let size = b.convert(size, DType::C128);
        let v = b.op(ScalarOp::Select, &[equal, v, size]);
        // In place, beside another buffer.
        let old = b.load(y, Affine::counter(0));
        let v = b.op(ScalarOp::Add, &[v, old]);
        b.store_at(y, Affine::counter(0), v);
        same(b.finish(), &[numbers(8), numbers(6)]);
    }
}

#[test]
fn gathers_clamp_and_stores_drop() {
    for combine in [None, Some(Combine::Sum), Some(Combine::Product), Some(Combine::Max)] {
        let mut b = KernelBuilder::new("move", nest(&[(6, Mode::Sequential)]));
        let (at, x, y) =
            (b.buffer(DType::I64, 6), b.buffer(DType::C128, 3), b.buffer(DType::C128, 4));
        let index = b.load(at, Affine::counter(0));
        let value = b.gather(x, index);
        let at = Affine::new(1, []);
        b.store(Store { buffer: y, at, offset: Some(index), combine, value });
        let index = [-5i64, 1, 1, i64::MAX - 1, i64::MIN, 1 << 62];
        let index = index.iter().flat_map(|i| i.to_le_bytes()).collect();
        same(b.finish(), &[index, numbers(3), numbers(4)]);
    }
}

#[test]
fn folds_are_folds_of_parts() {
    for (combine, extent) in [Combine::Sum, Combine::Product, Combine::Max, Combine::Min]
        .into_iter()
        .flat_map(|c| [(c, 5), (c, 0)])
    {
        let loops = [(3, Mode::Parallel), (2, Mode::Reduce), (extent, Mode::Reduce)];
        let mut b = KernelBuilder::new("fold", nest(&loops));
        let (x, y, n) =
            (b.buffer(DType::C128, 30), b.buffer(DType::C128, 3), b.buffer(DType::F64, 3));
        let v = b.load(x, Affine::new(0, [10, 5, 1]));
        let size = b.op(ScalarOp::Abs, &[v]);
        b.reduce(y, Affine::counter(0), combine, v);
        b.reduce(n, Affine::counter(0), Combine::Max, size);
        same(b.finish(), &[numbers(30), numbers(3), vec![7; 24]]);
    }
}

#[test]
fn sums_of_c64_fold_in_c128() {
    let mut b = KernelBuilder::new("sum", nest(&[(3, Mode::Reduce)]));
    let (x, y) = (b.buffer(DType::C64, 3), b.buffer(DType::C64, 1));
    let v = b.load(x, Affine::counter(0));
    b.reduce(y, Affine::default(), Combine::Sum, v);
    let parts = [16_777_216.0, 1.0, 1.0, -1.0, 1.0, 0.0f32];
    let x = parts.iter().flat_map(|x| x.to_le_bytes()).collect();
    let out = same(b.finish(), &[x, vec![0; 8]]);
    let sum = Scalar::from_bytes(DType::C64, &out[1]);
    assert_eq!(sum, Scalar::from(Complex::new(16_777_218f32, 0.0)));
}

/// A product runs in order and takes the sum beside it along, which still folds in c128.
#[test]
fn sums_beside_products_keep_their_accumulator() {
    let mut b = KernelBuilder::new("both", nest(&[(40, Mode::Reduce)]));
    let (x, y, z) = (b.buffer(DType::C64, 40), b.buffer(DType::C64, 1), b.buffer(DType::C64, 1));
    let w = b.buffer(DType::F32, 1);
    let v = b.load(x, Affine::counter(0));
    let size = b.op(ScalarOp::Real, &[v]);
    b.reduce(y, Affine::default(), Combine::Product, v);
    b.reduce(z, Affine::default(), Combine::Sum, v);
    b.reduce(w, Affine::default(), Combine::Sum, size);
    let x = (0..80).flat_map(|i| (1.0f32 + i as f32 * 1e-7).to_le_bytes()).collect();
    same(b.finish(), &[x, vec![0; 8], vec![0; 8], vec![0; 4]]);
}

/// A program whose loop passes on what it computes from temporary to temporary.
fn chain_in_a_loop(kernel: Kernel) -> Program {
    let temp = SlotKind::Temp { arena_offset: 0 };
    let kinds = [SlotKind::Input(0), SlotKind::Output(0), temp, temp, temp];
    let launch = |from: u32, to: u32| Step::Launch {
        kernel: KernelId(0),
        args: [from, to].map(|s| View::whole(SlotId(s))).into_iter().collect(),
    };
    let mut program = Program {
        name: "loop".into(),
        place: Placement { backend: "cpu", ordinal: 0 },
        slots: kinds.map(|kind| Slot { dtype: DType::C64, len: 4, kind }).to_vec(),
        kernels: vec![kernel],
        steps: vec![Step::Loop {
            trips: 3,
            body: vec![launch(0, 2), launch(2, 3), launch(3, 4), launch(4, 1)],
        }],
        donations: Vec::new(),
        arena: 0,
    };
    plan(&mut program);
    program
}

/// A temporary that an iteration overwrites in full is also overwritten in full by its parts, so
/// temporaries still share memory.
#[test]
fn temporaries_of_a_loop_still_share_memory() {
    let mut b = KernelBuilder::new("square", nest(&[(4, Mode::Parallel)]));
    let (x, y) = (b.buffer(DType::C64, 4), b.buffer(DType::C64, 4));
    let v = b.load(x, Affine::counter(0));
    let v = b.op(ScalarOp::Mul, &[v, v]);
    b.store_at(y, Affine::counter(0), v);
    let program = chain_in_a_loop(b.finish());
    let parts = split(&program).expect("parts").expect("complex slots").into_inner();
    assert!(program.arena < 3 * 64 && parts.arena == program.arena, "{parts:?}");
}

#[test]
fn folds_in_order_go_into_loops() {
    let mut b = KernelBuilder::new("product", nest(&[(4, Mode::Parallel), (4, Mode::Reduce)]));
    let (x, y) = (b.buffer(DType::C64, 4), b.buffer(DType::C64, 4));
    let v = b.load(x, Affine::counter(1));
    b.reduce(y, Affine::counter(0), Combine::Product, v);
    split(&chain_in_a_loop(b.finish())).expect("parts").expect("complex slots");
}
