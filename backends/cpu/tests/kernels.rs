//! Kernels of every shape: strides, guards, gathers, scatters, reductions over any axes, equal to
//! the oracle.

mod support;

use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Cut, Kernel, Loop, Mode, Order, Range, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar};
use support::{Random, check};

fn loops(extents: &[usize], mode: Mode) -> Vec<Loop> {
    extents.iter().map(|e| Loop { extent: *e, mode }).collect()
}

fn dense(extents: &[usize]) -> Vec<i64> {
    (0..extents.len()).map(|n| extents[n + 1..].iter().map(|e| *e as i64).product()).collect()
}

fn random_buffers(k: &Kernel, seed: u64) -> Vec<Vec<u8>> {
    let mut r = Random(seed);
    k.buffers.iter().map(|b| r.bytes(b.dtype, b.len)).collect()
}

const EXTENTS: [&[usize]; 14] = [
    &[],
    &[0],
    &[1],
    &[3],
    &[8],
    &[37],
    &[1, 5],
    &[4, 4],
    &[5, 7],
    &[3, 0],
    &[2, 33],
    &[17, 3],
    &[3, 4, 5],
    &[2, 1, 9],
];

/// `out = select(a < b, a * b + c, -a)` with every operand broadcast, transposed or reversed in
/// turn.
#[test]
fn elementwise_with_any_strides() {
    for d in [DType::F32, DType::F64, DType::I32, DType::U64] {
        for extents in EXTENTS {
            for permuted in [false, true] {
                let n: usize = extents.iter().product();
                let own = dense(extents);
                let mut other = own.clone();
                if permuted && extents.len() > 1 {
                    let reversed: Vec<usize> = extents.iter().rev().copied().collect();
                    other = dense(&reversed).into_iter().rev().collect();
                }
                let mut b = KernelBuilder::new("any", loops(extents, Mode::Parallel));
                let buffers: Vec<_> = (0..3).map(|_| b.buffer(d, n.max(1))).collect();
                let out = b.buffer(d, n.max(1));
                let x = b.load(buffers[0], Affine::new(0, own.iter().copied()));
                let y = b.load(buffers[1], Affine::new(0, other.iter().copied()));
                let reversed = Affine::new(n.max(1) as i64 - 1, own.iter().map(|s| -s));
                let z = if n == 0 { x } else { b.load(buffers[2], reversed) };
                let w = b.load(buffers[2], Affine::default());
                let less = b.op(ScalarOp::Lt, &[x, y]);
                let p = b.op(ScalarOp::Mul, &[y, z]);
                let p = b.op(ScalarOp::Add, &[p, w]);
                let q = b.op(ScalarOp::Neg, &[x]);
                let v = b.op(ScalarOp::Select, &[less, p, q]);
                b.store_at(out, Affine::new(0, other.iter().copied()), v);
                let k = b.finish();
                check(&k, &random_buffers(&k, n as u64));
            }
        }
    }
}

#[test]
fn mixed_widths_and_bools_share_a_loop() {
    for n in [1, 4, 7, 32, 101] {
        let mut b = KernelBuilder::new("mixed", loops(&[n], Mode::Parallel));
        let x = b.buffer(DType::F32, n);
        let y = b.buffer(DType::F64, n);
        let m = b.buffer(DType::Bool, n);
        let i = b.buffer(DType::I64, n);
        let outs = [DType::Bool, DType::F32, DType::F64, DType::I64, DType::I32];
        let outs: Vec<_> = outs.iter().map(|d| b.buffer(*d, n)).collect();
        let at = Affine::counter(0);
        let [x, y, m, i] = [x, y, m, i].map(|buffer| b.load(buffer, at.clone()));
        let wide = b.convert(x, DType::F64);
        let less = b.op(ScalarOp::Lt, &[wide, y]);
        let c = b.counter(0);
        let two = b.constant(Scalar::from(2i64));
        let even = b.op(ScalarOp::Rem, &[c, two]);
        let even = b.convert(even, DType::Bool);
        let odd = b.op(ScalarOp::Xor, &[even, m]);
        let flag = b.op(ScalarOp::Or, &[less, odd]);
        let narrow = b.convert(y, DType::F32);
        let f = b.op(ScalarOp::Select, &[flag, x, narrow]);
        let g = b.op(ScalarOp::Select, &[m, wide, y]);
        let s = b.op(ScalarOp::Add, &[i, c]);
        let s = b.op(ScalarOp::Max, &[s, two]);
        let t = b.convert(s, DType::I32);
        for (out, v) in outs.into_iter().zip([flag, f, g, s, t]) {
            b.store_at(out, at.clone(), v);
        }
        let k = b.finish();
        check(&k, &random_buffers(&k, n as u64));
    }
}

/// `out[i, j] = x[i - 1, j - 2]` inside, else 7: padding by guards.
#[test]
fn guarded_loads_fill() {
    for (rows, columns) in [(1, 1), (4, 9), (13, 40)] {
        let mut b = KernelBuilder::new("pad", loops(&[rows + 3, columns + 5], Mode::Parallel));
        let x = b.buffer(DType::F32, rows * columns);
        let out = b.buffer(DType::F32, (rows + 3) * (columns + 5));
        let range = |n: usize, low: i64, extent: usize| Range {
            at: Affine::counter(n),
            low,
            high: low + extent as i64,
        };
        let at = Affine::new(-(columns as i64) - 2, [columns as i64, 1]);
        let guard = [range(0, 1, rows), range(1, 2, columns)];
        let v = b.load_guarded(x, at, guard, Scalar::from(7f32));
        b.store_at(out, Affine::new(0, [(columns + 5) as i64, 1]), v);
        let k = b.finish();
        check(&k, &random_buffers(&k, rows as u64));
    }
}

#[test]
fn gathers_clamp() {
    for n in [1, 5, 64] {
        let mut b = KernelBuilder::new("gather", loops(&[n], Mode::Parallel));
        let x = b.buffer(DType::F32, 11);
        let i = b.buffer(DType::I64, n);
        let out = b.buffer(DType::F32, n);
        let none = b.buffer(DType::F32, 0);
        let at = b.load(i, Affine::counter(0));
        let v = b.gather(x, at);
        let zero = b.gather(none, at);
        let v = b.op(ScalarOp::Add, &[v, zero]);
        b.store_at(out, Affine::counter(0), v);
        let k = b.finish();
        check(&k, &random_buffers(&k, n as u64));
    }
}

/// Every combine, every type it takes, over every subset of the axes of several shapes.
#[test]
fn reductions_over_any_axes() {
    let shapes: [&[usize]; 8] =
        [&[1], &[5], &[100], &[4, 9], &[9, 4], &[3, 0], &[3, 5, 18], &[40, 2, 3]];
    let mut seed = 0;
    for extents in shapes {
        for axes in 1..1u32 << extents.len() {
            for combine in Combine::ALL {
                for d in DType::ALL.into_iter().filter(|d| d.runs()) {
                    if combine.op().result(&[d, d]).is_some() {
                        seed += 1;
                        check_reduction(extents, axes, combine, d, seed);
                    }
                }
            }
        }
    }
}

fn check_reduction(extents: &[usize], axes: u32, combine: Combine, d: DType, seed: u64) {
    let reduced = |n: &usize| axes >> n & 1 == 1;
    let kept: Vec<usize> = (0..extents.len()).filter(|n| !reduced(n)).collect();
    let gone: Vec<usize> = (0..extents.len()).filter(reduced).collect();
    let own = dense(extents);
    let pick = |of: &[usize]| of.iter().map(|n| extents[*n]).collect::<Vec<_>>();
    let mut all = loops(&pick(&kept), Mode::Parallel);
    all.extend(loops(&pick(&gone), Mode::Reduce));
    let mut b = KernelBuilder::new("reduce", all);
    let x = b.buffer(d, extents.iter().product());
    let out = b.buffer(d, pick(&kept).iter().product());
    let strides: Vec<i64> = kept.iter().chain(&gone).map(|n| own[*n]).collect();
    let v = b.load(x, Affine::new(0, strides));
    b.reduce(out, Affine::new(0, dense(&pick(&kept))), combine, v);
    let k = b.finish();
    check(&k, &random_buffers(&k, seed));
}

/// Sums long enough to be cut into chunks, with a map, a second reduction and a store beside them.
#[test]
fn long_reductions_are_cut() {
    for (rows, columns) in
        [(1, 70_001), (3, 30_011), (30_011, 3), (70_003, 1), (701, 100), (33, 4100), (4100, 33)]
    {
        for by_column in [false, true] {
            let mut k = [
                Loop { extent: rows, mode: Mode::Reduce },
                Loop { extent: columns, mode: Mode::Reduce },
            ];
            let keep = usize::from(by_column);
            k.swap(0, keep);
            k[0].mode = Mode::Parallel;
            let mut strides = [columns as i64, 1];
            strides.swap(0, keep);
            let mut b = KernelBuilder::new("long", k);
            let x = b.buffer(DType::F32, rows * columns);
            let sum = b.buffer(DType::F32, k[0].extent);
            let most = b.buffer(DType::I64, k[0].extent);
            let doubled = b.buffer(DType::F32, rows * columns);
            let at = Affine::new(0, strides);
            let v = b.load(x, at.clone());
            let twice = b.op(ScalarOp::Add, &[v, v]);
            let c = b.counter(1);
            b.reduce(sum, Affine::counter(0), Combine::Sum, twice);
            b.reduce(most, Affine::counter(0), Combine::Max, c);
            b.store_at(doubled, at, twice);
            let k = b.finish();
            check(&k, &random_buffers(&k, rows as u64));
        }
    }
}

/// A guard over a loop of few points that is cut into chunks longer than it.
#[test]
fn few_guarded_points_are_cut() {
    let mut b = KernelBuilder::new("few", loops(&[2], Mode::Reduce));
    let (x, out) = (b.buffer(DType::I16, 2), b.buffer(DType::I16, 1));
    let range = Range { at: Affine::counter(0), low: -1, high: 34 };
    let fill = Scalar::from_i64(DType::I16, -99).unwrap();
    let v = b.load_guarded(x, Affine::counter(0), [range], fill);
    b.reduce(out, Affine::default(), Combine::Min, v);
    b.order(Order { lanes: 1, cut: Some(Cut { of: 0, length: 4 }) });
    let k = b.finish();
    check(&k, &random_buffers(&k, 1));
}

#[test]
fn scatters_run_in_order_and_drop_what_is_outside() {
    for combine in [None, Some(Combine::Sum), Some(Combine::Max)] {
        for (n, inner) in [(1, 1), (50, 1), (20, 6)] {
            let mut b = KernelBuilder::new("scatter", loops(&[n, inner], Mode::Sequential));
            let x = b.buffer(DType::F32, n * inner);
            let i = b.buffer(DType::I64, n);
            let out = b.buffer(DType::F32, 30);
            let value = b.load(x, Affine::new(0, [inner as i64, 1]));
            let at = b.load(i, Affine::counter(0));
            b.store(Store {
                buffer: out,
                at: Affine::new(0, [0, 1]),
                offset: Some(at),
                combine,
                value,
            });
            let k = b.finish();
            check(&k, &random_buffers(&k, n as u64));
        }
    }
}

/// A block written at a run-time position, in parallel loops: dynamic_update_slice.
#[test]
fn parallel_stores_at_an_offset() {
    for start in [0i64, 3, 17, -2] {
        let mut b = KernelBuilder::new("update", loops(&[4, 5], Mode::Parallel));
        let x = b.buffer(DType::F32, 20);
        let i = b.buffer(DType::I64, 1);
        let out = b.buffer(DType::F32, 60);
        let value = b.load(x, Affine::new(0, [5, 1]));
        let at = b.load(i, Affine::default());
        let at_affine = Affine::new(0, [10, 1]);
        b.store(Store { buffer: out, at: at_affine, offset: Some(at), combine: None, value });
        let k = b.finish();
        let mut buffers = random_buffers(&k, 1);
        buffers[1] = start.to_le_bytes().to_vec();
        check(&k, &buffers);
    }
}

/// A running sum through memory: loads see what earlier points of a sequential loop stored.
#[test]
fn sequential_loops_read_what_they_wrote() {
    let mut b = KernelBuilder::new("scan", loops(&[20], Mode::Sequential));
    let x = b.buffer(DType::F64, 20);
    let out = b.buffer(DType::F64, 21);
    let before = b.load(out, Affine::counter(0));
    let v = b.load(x, Affine::counter(0));
    let next = b.op(ScalarOp::Add, &[before, v]);
    b.store_at(out, Affine::new(1, [1]), next);
    let k = b.finish();
    check(&k, &random_buffers(&k, 1));
}

/// Kernels with many elementary functions call them: same bits as the oracle, in lanes and as
/// scalars.
#[test]
fn long_chains_of_elementary_functions() {
    for d in [DType::F32, DType::F64] {
        for n in [1, 3, 33] {
            let mut b = KernelBuilder::new("chain", loops(&[n], Mode::Parallel));
            let (x, out) = (b.buffer(d, n), b.buffer(d, n));
            let mut v = b.load(x, Affine::counter(0));
            for i in 0..60 {
                v = b.op([ScalarOp::Sin, ScalarOp::Exp, ScalarOp::Tanh][i % 3], &[v]);
            }
            b.store_at(out, Affine::counter(0), v);
            let k = b.finish();
            check(&k, &random_buffers(&k, n as u64));
        }
    }
}

/// Dynamic slices: positions that advance by one, clamped in places, over the ends and across rows.
#[test]
fn gathers_of_consecutive_elements() {
    for d in [DType::F32, DType::F64, DType::Bool] {
        for start in [-30i64, -3, 0, 5, 41, 90] {
            for (rows, columns) in [(1, 37), (3, 16), (2, 3)] {
                let mut b = KernelBuilder::new("slice", loops(&[rows, columns], Mode::Parallel));
                let (x, i) = (b.buffer(d, 60), b.buffer(DType::I64, rows));
                let out = b.buffer(d, rows * columns);
                let [low, high] = [2i64, 50].map(|c| b.constant(Scalar::from(c)));
                let from = b.load(i, Affine::counter(0));
                let c = b.counter(1);
                let at = b.op(ScalarOp::Add, &[from, c]);
                let clamped = b.op(ScalarOp::Min, &[at, high]);
                let clamped = b.op(ScalarOp::Max, &[low, clamped]);
                let v = b.gather(x, clamped);
                let w = b.gather(x, at);
                let v = b.op(ScalarOp::Max, &[v, w]);
                b.store_at(out, Affine::new(0, [columns as i64, 1]), v);
                let k = b.finish();
                let mut buffers = random_buffers(&k, 3);
                buffers[1] = (0..rows as i64).flat_map(|r| (start + r).to_le_bytes()).collect();
                check(&k, &buffers);
            }
        }
    }
}

/// Guards without a lower or an upper end.
#[test]
fn guards_with_one_end() {
    for (low, high) in [(i64::MIN, 30), (20, i64::MAX), (i64::MIN, i64::MAX), (9, i64::MIN)] {
        for n in [3, 64] {
            let mut b = KernelBuilder::new("end", loops(&[n], Mode::Parallel));
            let (x, out) = (b.buffer(DType::BF16, n), b.buffer(DType::BF16, n));
            let range = Range { at: Affine::counter(0), low, high };
            let v = b.load_guarded(x, Affine::counter(0), [range], Scalar::one(DType::BF16));
            b.store_at(out, Affine::counter(0), v);
            let k = b.finish();
            check(&k, &random_buffers(&k, 1));
        }
    }
}

/// Positions that step by so much from lane to lane that the steps wrap, plain and clamped.
#[test]
fn positions_with_long_steps() {
    for step in [i64::MAX, i64::MIN, i64::MAX / 2, 1 << 40, -(1 << 32)] {
        let mut b = KernelBuilder::new("far", loops(&[64], Mode::Parallel));
        let x = b.buffer(DType::F32, 60);
        let outs = [DType::F32, DType::I32].map(|d| b.buffer(d, 64));
        let at = b.affine(&Affine::new(0, [step]));
        let most = b.constant(Scalar::from(40i64));
        let clamped = b.op(ScalarOp::Min, &[at, most]);
        let v = b.gather(x, clamped);
        let low = b.convert(at, DType::I32);
        b.store_at(outs[0], Affine::counter(0), v);
        b.store_at(outs[1], Affine::counter(0), low);
        let k = b.finish();
        check(&k, &random_buffers(&k, 1));
    }
}

/// Positions at the end of the numbers wrap from lane to lane, so a clamp takes effect in some of
/// them, though not in the first and the last one.
#[test]
fn clamped_positions_that_wrap() {
    for (start, bound, ahead) in [(i64::MAX - 2, 50, 1), (i64::MIN + 2, 20, -1)] {
        let mut b = KernelBuilder::new("wrap", loops(&[64], Mode::Parallel));
        let (x, out) = (b.buffer(DType::F32, 60), b.buffer(DType::F32, 64));
        let i = b.buffer(DType::I64, 2);
        let from = b.load(i, Affine::default());
        let less = b.load(i, Affine::constant(1));
        let counter = b.affine(&Affine::new(0, [ahead]));
        let at = b.op(ScalarOp::Add, &[from, counter]);
        let bound = b.constant(Scalar::from(bound as i64));
        let clamp = if ahead > 0 { ScalarOp::Min } else { ScalarOp::Max };
        let at = b.op(clamp, &[at, bound]);
        let at = if ahead > 0 { at } else { b.op(ScalarOp::Neg, &[at]) };
        let order = if ahead > 0 { [at, less] } else { [less, at] };
        let at = b.op(ScalarOp::Sub, &order);
        let v = b.gather(x, at);
        b.store_at(out, Affine::counter(0), v);
        let k = b.finish();
        let mut buffers = random_buffers(&k, 1);
        let other = start - 3 * ahead;
        buffers[2] = [start, other].iter().flat_map(|n| n.to_le_bytes()).collect();
        check(&k, &buffers);
    }
}

/// Rows added at computed places, some of them over the ends: lanes where they fit.
#[test]
fn scatters_of_rows() {
    for combine in [None, Some(Combine::Sum), Some(Combine::Min)] {
        for d in [DType::F32, DType::I64, DType::F64] {
            for width in [1, 4, 11, 32] {
                let mut b = KernelBuilder::new("rows", loops(&[9, width], Mode::Sequential));
                let (x, i) = (b.buffer(d, 9 * width), b.buffer(DType::I64, 9));
                let buffer = b.buffer(d, 5 * width);
                let value = b.load(x, Affine::new(0, [width as i64, 1]));
                let row = b.load(i, Affine::counter(0));
                let stride = b.constant(Scalar::from(width as i64 - 1));
                let from = b.op(ScalarOp::Mul, &[row, stride]);
                let c = b.counter(1);
                let offset = Some(b.op(ScalarOp::Add, &[c, from]));
                b.store(Store { buffer, at: Affine::default(), offset, combine, value });
                let k = b.finish();
                let mut buffers = random_buffers(&k, 5);
                buffers[1] = [3i64, 0, 3, -1, 5, 2, 4, 6, 2].map(i64::to_le_bytes).concat();
                check(&k, &buffers);
            }
        }
    }
}

/// A causal mask of counters: 32-bit lanes made from 64-bit counters.
#[test]
fn counters_as_narrow_lanes() {
    for n in [3, 8, 29] {
        let mut b = KernelBuilder::new("mask", loops(&[n, n], Mode::Parallel));
        let x = b.buffer(DType::F32, n * n);
        let out = b.buffer(DType::F32, n * n);
        let far = b.buffer(DType::U32, n * n);
        let at = Affine::new(0, [n as i64, 1]);
        let [i, j] = [0, 1].map(|axis| b.counter(axis));
        let [low, high] = [i, j].map(|c| b.convert(c, DType::I32));
        let past = b.op(ScalarOp::Ge, &[low, high]);
        let v = b.load(x, at.clone());
        let least = b.constant(Scalar::from(-1e9f32));
        let v = b.op(ScalarOp::Select, &[past, v, least]);
        b.store_at(out, at.clone(), v);
        let by = b.constant(Scalar::from(0x7fff_ffffi64));
        let wide = b.op(ScalarOp::Mul, &[j, by]);
        let wide = b.op(ScalarOp::Sub, &[wide, i]);
        let wide = b.convert(wide, DType::U32);
        b.store_at(far, at, wide);
        let k = b.finish();
        check(&k, &random_buffers(&k, 1));
    }
}

/// Chains are as deep as a program is long.
#[test]
fn deep_chains_of_positions_and_values() {
    let mut b = KernelBuilder::new("deep", loops(&[64], Mode::Parallel));
    let (x, out) = (b.buffer(DType::F32, 64), b.buffer(DType::F32, 64));
    let one = b.constant(Scalar::from(1i64));
    let mut at = b.counter(0);
    for i in 0..20_000 {
        // Doubling too: a walk of the tree instead of the graph would never end.
        at = if i % 2 == 0 {
            b.op(ScalarOp::Add, &[at, at])
        } else {
            b.op(ScalarOp::Sub, &[at, one])
        };
    }
    let v = b.gather(x, at);
    b.store_at(out, Affine::counter(0), v);
    let k = b.finish();
    check(&k, &random_buffers(&k, 1));
}

/// `for lane { x, y, flag go through time }`, with values of two widths and a bool, and stores of
/// every step beside; with `ends`, each lane until its own count is reached.
fn lanes_over_time(d: DType, e: DType, lanes: usize, trips: usize, ends: bool) -> Kernel {
    let mut nest = loops(&[lanes], Mode::Parallel);
    nest.extend(loops(&[trips], Mode::Sequential));
    let mut b = KernelBuilder::new("time", nest);
    let n = lanes;
    let (x, y) = (b.buffer(d, 2 * n), b.buffer(e, n));
    let (flag, counts, count) =
        (b.buffer(DType::Bool, n), b.buffer(DType::I32, n), b.buffer(DType::I32, n));
    // x is every other element.
    let at = Affine::new(1, [2]);
    let (v, w) = (b.load(x, at.clone()), b.load(y, Affine::counter(0)));
    let (f, c) = (b.load(flag, Affine::counter(0)), b.load(counts, Affine::counter(0)));
    let k = b.load(count, Affine::counter(0));
    let wide = b.convert(v, e);
    let w = b.op(ScalarOp::Add, &[w, wide]);
    let half = b.constant(Scalar::from_f64(d, 0.5).unwrap());
    let halved = b.op(ScalarOp::Mul, &[v, half]);
    let swapped = b.op(ScalarOp::Select, &[f, halved, v]);
    let not = b.op(ScalarOp::Not, &[f]);
    let one = b.constant(Scalar::from(1i32));
    let next = b.op(ScalarOp::Add, &[k, one]);
    b.store_at(x, at, swapped);
    b.store_at(y, Affine::counter(0), w);
    b.store_at(flag, Affine::counter(0), not);
    b.store_at(count, Affine::counter(0), next);
    if ends {
        let more = b.op(ScalarOp::Lt, &[next, c]);
        b.condition(more);
    } else {
        let all = b.buffer(e, n * trips);
        b.store_at(all, Affine::new(0, [1, n as i64]), w);
    }
    b.finish()
}

#[test]
fn lanes_run_through_time() {
    for (d, e) in [(DType::F32, DType::F32), (DType::F32, DType::F64), (DType::F64, DType::F64)] {
        for lanes in [1, 3, 4, 19, 64, 200] {
            for (trips, ends) in [(1, false), (6, false), (1, true), (9, true), (40, true)] {
                let k = lanes_over_time(d, e, lanes, trips, ends);
                let mut buffers = random_buffers(&k, (lanes + trips) as u64);
                // Counts small enough that lanes end at different times.
                let few = |i: usize| ((i * 7 % 13) as i32 - 2).to_le_bytes();
                buffers[3] = (0..lanes).flat_map(few).collect();
                buffers[4] = vec![0; 4 * lanes];
                check(&k, &buffers);
            }
        }
    }
}
