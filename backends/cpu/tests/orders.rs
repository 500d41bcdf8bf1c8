//! The order of combination: sums, products and extremes along any axis of arrays of any extent and
//! at computed places, and running folds, equal to the oracle to the bit, with one, two and three
//! threads. Kernels of other kinds live in `kernels.rs`, random orders in `random`.

mod support;

use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{BufferId, Combine, Kernel, Loop, Mode, Order, Range, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar, interp};
use support::{Random, compare, compile, launch, output_sizes, run};

const EXTENTS: [usize; 13] = [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100, 1000];
const TYPES: [DType; 6] = [DType::F32, DType::F64, DType::F16, DType::I32, DType::Bool, DType::C64];
const COMBINES: [Combine; 5] =
    [Combine::Sum, Combine::Product, Combine::Max, Combine::Min, Combine::Xor];

/// Extents with their strides.
type Axes = Vec<(usize, i64)>;

/// How the axis of the tested extent lies in memory, and what is reduced with it.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Rows,
    Columns,
    Middle,
    TwoAxes,
    TwoAxesApart,
    Transposed,
    EverySecond,
    Padded,
}

const LAYOUTS: [Layout; 8] = [
    Layout::Rows,
    Layout::Columns,
    Layout::Middle,
    Layout::TwoAxes,
    Layout::TwoAxesApart,
    Layout::Transposed,
    Layout::EverySecond,
    Layout::Padded,
];

impl Layout {
    /// The parallel and the reduce loops, each with its stride.
    fn loops(self, n: usize) -> (Axes, Axes) {
        let m = n as i64;
        match self {
            Layout::Rows => (vec![(3, m)], vec![(n, 1)]),
            Layout::Columns => (vec![(11, 1)], vec![(n, 11)]),
            Layout::Middle => (vec![(2, 5 * m), (5, 1)], vec![(n, 5)]),
            Layout::TwoAxes => (vec![(2, 3 * m)], vec![(3, m), (n, 1)]),
            Layout::TwoAxesApart => (vec![(4, m)], vec![(3, 4 * m), (n, 1)]),
            Layout::Transposed => (vec![], vec![(n, 1), (3, m)]),
            Layout::EverySecond => (vec![(3, 2 * m)], vec![(n, 2)]),
            Layout::Padded => (vec![(3, m)], vec![(n, 1)]),
        }
    }
}

/// `y[kept] = combine of x`, of which the padded layout guards the ends of every row.
fn reduction(layout: Layout, n: usize, d: DType, combine: Combine) -> Kernel {
    let (kept, gone) = layout.loops(n);
    let of = |l: &[(usize, i64)], mode| {
        l.iter().map(move |(extent, _)| Loop { extent: *extent, mode }).collect::<Vec<_>>()
    };
    let loops = [of(&kept, Mode::Parallel), of(&gone, Mode::Reduce)].concat();
    let extents: Vec<usize> = loops.iter().map(|l| l.extent).collect();
    let at = Affine::new(0, kept.iter().chain(&gone).map(|(_, stride)| *stride));
    let len = at.range(&extents).map_or(0, |(_, high)| high as usize + 1);
    let mut b = KernelBuilder::new("order", loops);
    let x = b.buffer(d, len);
    let y = b.buffer(d, kept.iter().map(|(extent, _)| extent).product());
    let v = match layout {
        Layout::Padded => {
            let range = Range { at: Affine::counter(1), low: 2, high: n as i64 - 1 };
            b.load_guarded(x, at, [range], Scalar::one(d))
        }
        _ => b.load(x, at),
    };
    let dense = (0..kept.len()).map(|n| kept[n + 1..].iter().map(|k| k.0 as i64).product());
    b.reduce(y, Affine::new(0, dense.collect::<Vec<i64>>()), combine, v);
    b.finish()
}

/// Runs with one, two and three threads and compares each run with the oracle, bit by bit.
fn check(kernel: &Kernel, seed: u64) {
    let mut r = Random(seed);
    let buffers: Vec<Vec<u8>> = kernel.buffers.iter().map(|b| r.bytes(b.dtype, b.len)).collect();
    let program = launch(kernel);
    let sizes = output_sizes(&program);
    let executable = compile(program);
    let mut expected = buffers.clone();
    interp::run_kernel(kernel, &mut expected).unwrap();
    let written: Vec<usize> =
        (0..buffers.len()).filter(|n| kernel.writes(BufferId(*n as u32))).collect();
    for threads in 1..4 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let got = pool.install(|| run(&*executable, &buffers, &sizes));
        for (got, n) in got.iter().zip(&written) {
            let what = format!("{threads} threads\n{kernel}");
            compare(kernel.buffers[*n].dtype, got, &expected[*n], 0.0, &what);
        }
    }
}

#[test]
fn reductions_of_any_extent_and_layout() {
    let mut seed = 0;
    for n in EXTENTS {
        for layout in LAYOUTS {
            for d in TYPES {
                for combine in COMBINES {
                    if combine.op().result(&[d, d]).is_some() {
                        seed += 1;
                        check(&reduction(layout, n, d, combine), seed);
                    }
                }
            }
        }
    }
}

#[test]
fn long_reductions_are_cut_alike_for_any_number_of_threads() {
    let cases = [
        (70_000, Layout::Rows, DType::F32, Combine::Sum),
        (70_000, Layout::Rows, DType::C64, Combine::Sum),
        (70_000, Layout::Rows, DType::F64, Combine::Product),
        (70_000, Layout::Columns, DType::F32, Combine::Sum),
        (70_000, Layout::Columns, DType::F16, Combine::Sum),
        (70_000, Layout::Middle, DType::F32, Combine::Sum),
        (70_000, Layout::TwoAxes, DType::F32, Combine::Sum),
        (70_000, Layout::TwoAxesApart, DType::F64, Combine::Sum),
        (70_000, Layout::Transposed, DType::F32, Combine::Sum),
        (70_000, Layout::EverySecond, DType::F32, Combine::Sum),
        (70_000, Layout::Padded, DType::F32, Combine::Max),
        (1_000_007, Layout::Transposed, DType::F32, Combine::Sum),
        (1_000_007, Layout::Columns, DType::F64, Combine::Sum),
        (1_000_007, Layout::Padded, DType::F32, Combine::Sum),
    ];
    for (seed, (n, layout, d, combine)) in cases.into_iter().enumerate() {
        let kernel = reduction(layout, n, d, combine);
        assert!(kernel.order.cut.is_some() || matches!(layout, Layout::Middle), "{kernel}");
        check(&kernel, seed as u64);
    }
}

/// `y[rows at computed places] = combine with x`. Some rows are dropped, and some hang over an end.
fn scatter(rows: usize, width: usize, len: usize, d: DType, combine: Option<Combine>) -> Kernel {
    let extents = if width == 1 { vec![rows] } else { vec![rows, width] };
    let loops = extents.iter().map(|n| Loop { extent: *n, mode: Mode::Sequential });
    let mut b = KernelBuilder::new("scatter", loops);
    let (at, x) = (b.buffer(DType::U32, rows), b.buffer(d, rows * width));
    let y = b.buffer(d, len);
    let random = b.load(at, Affine::counter(0));
    let range = b.constant(Scalar::from((len / width + 3) as u32));
    let place = b.op(ScalarOp::Rem, &[random, range]);
    let mut place = b.convert(place, DType::I64);
    let last = b.constant(Scalar::from((len / width) as i64));
    let kept = b.op(ScalarOp::Le, &[place, last]);
    if width > 1 {
        let (by, inner) = (b.constant(Scalar::from(width as i64)), b.counter(1));
        place = b.op(ScalarOp::Mul, &[place, by]);
        place = b.op(ScalarOp::Add, &[place, inner]);
    }
    let dropped = b.constant(Scalar::from(-1i64));
    let offset = Some(b.op(ScalarOp::Select, &[kept, place, dropped]));
    let strides: &[i64] = if width == 1 { &[1] } else { &[width as i64, 1] };
    let value = b.load(x, Affine::new(0, strides.iter().copied()));
    b.store(Store { buffer: y, at: Affine::default(), offset, combine, value });
    b.finish()
}

#[test]
fn scatters_give_the_same_bits_for_any_number_of_threads() {
    use Combine::{Max, Min, Product, Sum};
    // Rows, elements of a row, elements in all; and whether updates combine in copies.
    let shapes = [
        (40_000, 1, 1, true),
        (40_001, 1, 10, true),
        (70_003, 1, 1000, true),
        (70_003, 1, 4001, true),
        (40_000, 1, 30_000, false),
        (20_000, 3, 30, true),
        (20_000, 3, 30_007, false),
        (1000, 64, 640, true),
        (1000, 64, 50_000, false),
        (50, 1000, 3000, true),
        (50, 1000, 12_345, false),
        (100, 1, 1, true),
    ];
    let types = [DType::F32, DType::F64, DType::BF16, DType::I32, DType::U64, DType::F16];
    for (n, (rows, width, len, copies)) in shapes.into_iter().enumerate() {
        for (m, combine) in
            [Some(Sum), Some(Product), Some(Max), Some(Min), None].iter().enumerate()
        {
            let d = types[(n + m) % types.len()];
            let kernel = scatter(rows, width, len, d, *combine);
            let expected = copies && combine.is_some();
            assert_eq!(kernel.order != Order::SEQUENTIAL, expected, "{kernel}");
            check(&kernel, (5 * n + m) as u64);
        }
    }
}

/// `state[b] = combine(state[b], x[b, t]); y[b, t] = state[b]` for `t` in order, forward or
/// backward, in an accumulator.
fn running(blocks: usize, length: usize, d: DType, combine: Combine, reverse: bool) -> Kernel {
    let time = Loop { extent: length, mode: Mode::Sequential };
    let loops = [Loop { extent: blocks, mode: Mode::Parallel }, time];
    let mut b = KernelBuilder::new("running", loops);
    let accumulator = combine.accumulator(d);
    let state = b.buffer(accumulator, blocks);
    let (x, y) = (b.buffer(d, blocks * length), b.buffer(d, blocks * length));
    let long = length as i64;
    let at = match reverse {
        false => Affine::new(0, [long, 1]),
        true => Affine::new(long - 1, [long, -1]),
    };
    let old = b.load(state, Affine::counter(0));
    let value = b.load(x, at.clone());
    let value = b.convert(value, accumulator);
    let new = b.op(combine.op(), &[old, value]);
    b.store_at(state, Affine::counter(0), new);
    let new = b.convert(new, d);
    b.store_at(y, at, new);
    b.finish()
}

#[test]
fn running_folds_of_many_rows() {
    let types = [DType::F32, DType::F64, DType::I32, DType::BF16, DType::I64, DType::U8];
    let mut seed = 0;
    for blocks in [1, 7, 16, 33, 70, 200] {
        for length in [1, 15, 16, 17, 48, 101] {
            for d in types {
                for (combine, reverse) in [(Combine::Sum, false), (Combine::Max, true)] {
                    seed += 1;
                    check(&running(blocks, length, d, combine, reverse), seed);
                }
            }
        }
    }
    for reverse in [false, true] {
        check(&running(500, 496, DType::F32, Combine::Sum, reverse), 1);
    }
}

/// Several reductions of one loop have one order; their bodies have values of both widths, calls
/// of elementary functions, and stores beside them.
#[test]
fn reductions_side_by_side() {
    for n in [5, 8, 40, 70, 1027] {
        let loops = [(4, Mode::Parallel), (n, Mode::Reduce)];
        let mut b = KernelBuilder::new("side", loops.map(|(extent, mode)| Loop { extent, mode }));
        let (x, all) = (b.buffer(DType::F32, 4 * n), b.buffer(DType::F32, 4 * n));
        let at = Affine::new(0, [n as i64, 1]);
        let v = b.load(x, at.clone());
        let e = b.op(ScalarOp::Exp, &[v]);
        b.store_at(all, at, e);
        let wide = b.convert(e, DType::F64);
        let square = b.op(ScalarOp::Mul, &[wide, wide]);
        let zero = b.constant(Scalar::from(0f32));
        let positive = b.op(ScalarOp::Gt, &[v, zero]);
        let count = b.convert(positive, DType::I32);
        let place = b.counter(1);
        for (value, combine) in [
            (v, Combine::Sum),
            (e, Combine::Product),
            (square, Combine::Sum),
            (positive, Combine::And),
            (count, Combine::Sum),
            (place, Combine::Max),
        ] {
            let y = b.buffer(b.dtype(value), 4);
            b.reduce(y, Affine::counter(0), combine, value);
        }
        check(&b.finish(), n as u64);
    }
}
