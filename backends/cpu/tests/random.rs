//! Random kernels: any mix of loops, strides, guards, gathers, types, ops, stores and reductions,
//! equal to the oracle.

mod support;

use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Cut, Kernel, Loop, Mode, NodeId, Order, Range};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::{DType, Scalar};
use support::{Random, check};

const TYPES: [DType; 13] = [
    DType::F32,
    DType::F64,
    DType::I32,
    DType::I64,
    DType::U32,
    DType::U64,
    DType::Bool,
    DType::I8,
    DType::I16,
    DType::U8,
    DType::U16,
    DType::F16,
    DType::BF16,
];

/// A load from a buffer just large enough, with strides of all kinds.
fn load(b: &mut KernelBuilder, r: &mut Random, extents: &[usize], d: DType) -> NodeId {
    let own: Vec<i64> =
        (0..extents.len()).map(|n| extents[n + 1..].iter().map(|e| *e as i64).product()).collect();
    let strides: Vec<i64> = own
        .iter()
        .map(|s| match r.below(6) {
            0 => 0,
            1 => -s,
            2 => r.below(5) as i64,
            _ => *s,
        })
        .collect();
    let raw = Affine::new(0, strides);
    let (low, high) = raw.range(extents).unwrap_or((0, 0));
    let at = Affine { offset: -low, ..raw };
    let buffer = b.buffer(d, (high - low + 1) as usize);
    if r.below(4) == 0 && !extents.is_empty() {
        let n = r.below(extents.len());
        let low = r.below(4) as i64;
        let range = Range { at: Affine::counter(n), low, high: low + r.below(12) as i64 };
        return b.load_guarded(buffer, at, [range], Scalar::one(d));
    }
    b.load(buffer, at)
}

fn random_kernel(r: &mut Random) -> Kernel {
    let some = |r: &mut Random, most: usize| -> Vec<usize> {
        let sizes = [1, 2, 3, 4, 5, 8, 11, 16, 19, 33];
        (0..r.below(most + 1)).map(|_| sizes[r.below(sizes.len())]).collect()
    };
    let kept = some(r, 3);
    let mut gone = if r.below(2) == 0 { some(r, 2) } else { Vec::new() };
    if !gone.is_empty() && kept.len() < 2 && r.below(3) == 0 {
        gone.push([64, 65, 71, 100, 131][r.below(5)]);
    }
    let all: Vec<usize> = kept.iter().chain(&gone).copied().collect();
    let of = |e: &[usize], mode| e.iter().map(|n| Loop { extent: *n, mode }).collect::<Vec<_>>();
    let loops = [of(&kept, Mode::Parallel), of(&gone, Mode::Reduce)].concat();
    let mut b = KernelBuilder::new("random", loops);
    // A few types per kernel, so that values meet.
    let types: Vec<DType> = (0..1 + r.below(3)).map(|_| TYPES[r.below(TYPES.len())]).collect();
    let mut nodes: Vec<NodeId> = Vec::new();
    for _ in 0..1 + r.below(3) {
        let d = types[r.below(types.len())];
        nodes.push(load(&mut b, r, &all, d));
    }
    for n in 0..all.len() {
        if r.below(3) == 0 {
            nodes.push(b.counter(n));
        }
    }
    for _ in 0..r.below(12) {
        let x = nodes[r.below(nodes.len())];
        let d = b.dtype(x);
        if r.below(8) == 0 {
            nodes.push(b.constant(Scalar::from_i64(d, r.below(40) as i64 - 5).unwrap()));
        }
        if r.below(8) == 0 {
            let i = b.convert(x, DType::I64);
            let buffer = b.buffer(types[0], 1 + r.below(30));
            nodes.push(b.gather(buffer, i));
            continue;
        }
        if r.below(5) == 0 {
            nodes.push(b.convert(x, types[r.below(types.len())]));
            continue;
        }
        let op = ScalarOp::ALL[r.below(ScalarOp::ALL.len())];
        if op.level() == Level::Elementary || matches!(op, ScalarOp::Bitcast(_)) {
            continue;
        }
        let (arity, _) = op.signature();
        let alike: Vec<NodeId> = nodes.iter().copied().filter(|n| b.dtype(*n) == d).collect();
        let mut args = vec![x];
        while args.len() < arity {
            args.push(alike[r.below(alike.len())]);
        }
        if op == ScalarOp::Select {
            args[0] = b.convert(x, DType::Bool);
        }
        if let Ok(n) = b.try_op(op, &args) {
            nodes.push(n);
        }
    }
    let dense = |e: &[usize]| {
        let strides: Vec<i64> =
            (0..e.len()).map(|n| e[n + 1..].iter().map(|e| *e as i64).product()).collect();
        (Affine::new(0, strides), e.iter().product::<usize>())
    };
    for n in 0..1 + r.below(2) {
        let v = nodes[nodes.len() - 1 - r.below(nodes.len().min(3))];
        let d = b.dtype(v);
        let fits: Vec<Combine> =
            Combine::ALL.into_iter().filter(|c| c.op().result(&[d, d]).is_some()).collect();
        if !gone.is_empty() && (n == 0 || r.below(2) == 0) {
            let (at, len) = dense(&kept);
            let out = b.buffer(d, len);
            b.reduce(out, at, fits[r.below(fits.len())], v);
        } else {
            let (at, len) = dense(&all);
            let out = b.buffer(d, len);
            b.store_at(out, at, v);
        }
    }
    if !gone.is_empty() && r.below(2) == 0 {
        b.order(random_order(r, kept.len(), &gone));
    }
    let mut k = b.finish();
    if k.combines_whole_numbers() {
        k.order = Order::SEQUENTIAL;
    }
    k
}

/// Any order of combination, sensible or not.
fn random_order(r: &mut Random, kept: usize, gone: &[usize]) -> Order {
    let lanes = 1 << r.below(6);
    let of = r.below(gone.len());
    let length = match of + 1 == gone.len() {
        true => lanes * (1 + r.below(4)),
        false => 1 + r.below(9),
    };
    let cut = (r.below(2) == 0).then_some(Cut { of: kept + of, length });
    Order { lanes, cut }
}

#[test]
fn random_kernels_agree_with_the_oracle() {
    let count = std::env::var("RANDOM_KERNELS").map_or(600, |n| n.parse().unwrap());
    for seed in 0..count {
        let mut r = Random(seed);
        let k = random_kernel(&mut r);
        let buffers: Vec<Vec<u8>> = k.buffers.iter().map(|b| r.bytes(b.dtype, b.len)).collect();
        check(&k, &buffers);
    }
}
