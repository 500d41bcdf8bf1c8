//! Times the backend by itself: ns per element, compile times, the cost of a call.
//!
//! `cargo run --release -p cotangent-cpu --example speed`

use cotangent_cpu::backend;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::{Backend, CompileOptions, Executable};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Kernel, Loop, Mode, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{
    KernelId, Placement, Precision, Program, Routine, Slot, SlotId, SlotKind, Step, View,
};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Scalar};
use std::time::Instant;

const F32: DType = DType::F32;

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let run = |name: &str, f: &dyn Fn()| {
        if name.contains(&only) {
            f();
        }
    };
    run("elementwise", &elementwise);
    run("ops", &ops);
    run("reduce", &reductions);
    run("calls", &calls);
    run("compile", &compile_times);
    run("loops", &loops);
    run("dot", &dots);
    run("sort", &sorts);
}

/// Best nanoseconds per repetition, of about 0.2 s in all.
fn time(mut f: impl FnMut()) -> f64 {
    f();
    let mut best = f64::INFINITY;
    let start = Instant::now();
    let mut rounds = 1u32;
    while start.elapsed().as_secs_f64() < 0.2 {
        let t = Instant::now();
        for _ in 0..rounds {
            f();
        }
        let spent = t.elapsed().as_nanos() as f64;
        best = best.min(spent / f64::from(rounds));
        if spent < 2e6 {
            rounds *= 2;
        }
    }
    best
}

fn compile(p: Program) -> Box<dyn Executable> {
    backend().compile(&verify(p).unwrap(), &CompileOptions::default()).unwrap()
}

fn program(kernels: Vec<Kernel>, slots: Vec<Slot>, steps: Vec<Step>, arena: usize) -> Program {
    Program {
        name: "speed".into(),
        place: Placement { backend: "cpu", ordinal: 0 },
        slots,
        kernels,
        steps,
        donations: Vec::new(),
        arena,
    }
}

/// One kernel: its last buffer is the output.
fn single(k: Kernel) -> Program {
    let last = k.buffers.len() - 1;
    let slots = k.buffers.iter().enumerate().map(|(n, b)| Slot {
        dtype: b.dtype,
        len: b.len,
        kind: if n == last { SlotKind::Output(0) } else { SlotKind::Input(n) },
    });
    let slots: Vec<Slot> = slots.collect();
    let args = (0..slots.len()).map(|n| View::whole(SlotId(n as u32))).collect();
    program(vec![k], slots, vec![Step::Launch { kernel: KernelId(0), args }], 0)
}

fn timed(p: Program) -> f64 {
    timed_on(p, &|bytes| {
        bytes.chunks_mut(4).enumerate().for_each(|(i, to)| {
            to.copy_from_slice(&(((i * 7919) % 1000) as f32 * 0.003 - 1.0).to_le_bytes());
        });
    })
}

/// The time of a program whose buffers `fill` fills.
fn timed_on(p: Program, fill: &dyn Fn(&mut [u8])) -> f64 {
    let sizes: Vec<usize> = p.slots.iter().map(|s| s.len * s.dtype.size()).collect();
    let kinds: Vec<SlotKind> = p.slots.iter().map(|s| s.kind).collect();
    let memory = backend().memory(0).unwrap();
    let mut buffers: Vec<_> = sizes.iter().map(|n| memory.allocate(*n).unwrap()).collect();
    for b in &mut buffers {
        // SAFETY: the buffer has these bytes.
        fill(unsafe { std::slice::from_raw_parts_mut(b.write_pointer(), b.bytes()) });
    }
    let mut ins: Vec<*const u8> = Vec::new();
    let mut outs: Vec<*mut u8> = Vec::new();
    for (b, kind) in buffers.iter_mut().zip(kinds) {
        match kind {
            SlotKind::Input(_) => ins.push(b.pointer()),
            SlotKind::Output(_) => outs.push(b.write_pointer()),
            SlotKind::Temp { .. } => {}
        }
    }
    let e = compile(p);
    // SAFETY: buffers of the slots' sizes.
    time(|| unsafe { e.run(&mut ins, &[], &outs) }.unwrap())
}

fn map(n: usize, inputs: usize, f: impl Fn(&mut KernelBuilder, &[NodeId]) -> NodeId) -> Kernel {
    let mut b = KernelBuilder::new("map", [Loop { extent: n, mode: Mode::Parallel }]);
    let buffers: Vec<_> = (0..inputs).map(|_| b.buffer(F32, n)).collect();
    let out = b.buffer(F32, n);
    let args: Vec<NodeId> = buffers.iter().map(|x| b.load(*x, Affine::counter(0))).collect();
    let v = f(&mut b, &args);
    b.store_at(out, Affine::counter(0), v);
    b.finish()
}

fn axpy(b: &mut KernelBuilder, x: &[NodeId]) -> NodeId {
    let two = b.constant(Scalar::from(2.5f32));
    let p = b.op(ScalarOp::Mul, &[x[0], two]);
    b.op(ScalarOp::Add, &[p, x[1]])
}

fn report(name: &str, n: usize, ns: f64) {
    println!("{name:<28} {n:>10}  {:8.3} ns/element  {:10.1} us", ns / n as f64, ns / 1e3);
}

fn elementwise() {
    for n in [1000, 100_000, 10_000_000] {
        report("axpy", n, timed(single(map(n, 2, axpy))));
        let unary = |op| map(n, 1, move |b, x| b.op(op, x));
        for op in [ScalarOp::Exp, ScalarOp::Sin, ScalarOp::Tanh, ScalarOp::Sqrt] {
            report(op.name(), n, timed(single(unary(op))));
        }
    }
    let n = 2000;
    let mut b =
        KernelBuilder::new("transpose", [n, n].map(|extent| Loop { extent, mode: Mode::Parallel }));
    let (x, out) = (b.buffer(F32, n * n), b.buffer(F32, n * n));
    let v = b.load(x, Affine::new(0, [1, n as i64]));
    b.store_at(out, Affine::new(0, [n as i64, 1]), v);
    report("transpose", n * n, timed(single(b.finish())));
}

/// Ops that have no instruction on some processors, alone and beside a copy, which is worth lanes
/// whatever the op costs.
fn ops() {
    use DType::{F64, I32, I64, U32, U64};
    use ScalarOp::{Add, Clz, Convert, Div, Mul, MulHi, PopCount, Rem};
    println!("{:<28} {:>8} {:>8}  ns/element of 2000, alone and beside a copy", "", "", "");
    let both = |ops: &[ScalarOp], types: &[DType]| -> Vec<(ScalarOp, DType)> {
        types.iter().flat_map(|d| ops.iter().map(move |op| (*op, *d))).collect()
    };
    let conversions = [(F64, I64), (F64, U64), (F32, I64), (I64, F64), (U64, F64), (I64, F32)];
    let rows = both(&[Add, Mul, MulHi, Div, Rem], &[I32, I64, U64])
        .into_iter()
        .chain(both(&[PopCount, Clz], &[U32, U64]))
        .chain(both(&[Rem], &[F32, F64]))
        .chain(conversions.map(|(from, to)| (Convert(to), from)));
    for (op, d) in rows {
        let name = match op {
            Convert(to) => format!("{d} to {to}"),
            op => format!("{} {d}", op.name()),
        };
        let [alone, beside] = [false, true].map(|copy| op_beside(op, d, copy));
        println!("{name:<28} {alone:8.3} {beside:8.3}");
    }
    for d in [F32, F64] {
        println!("gather {d:<21} {:8.3}", gathered(d));
    }
    for extent in [2, 3, 4, 8] {
        println!("rows of {extent:<20} {:8.3}", short_rows(extent));
    }
}

/// Moderate numbers of both signs, as elements of the type.
fn moderate(d: DType, bytes: &mut [u8]) {
    for (i, to) in bytes.chunks_mut(d.size()).enumerate() {
        let x = ((i * 7919) % 1000) as f64 * 0.9 - 300.5;
        let s = if d.is_float() { Scalar::from_f64(d, x) } else { Scalar::from_i64(d, x as i64) };
        to.copy_from_slice(&s.expect("a number").to_bytes());
    }
}

const MANY: usize = 2000;

/// One kernel of several outputs: those are its last buffers.
fn with_outputs(k: Kernel, outputs: usize) -> Program {
    let inputs = k.buffers.len() - outputs;
    let slots = k.buffers.iter().enumerate().map(|(n, b)| Slot {
        dtype: b.dtype,
        len: b.len,
        kind: if n < inputs { SlotKind::Input(n) } else { SlotKind::Output(n - inputs) },
    });
    let slots: Vec<Slot> = slots.collect();
    let args = (0..slots.len()).map(|n| View::whole(SlotId(n as u32))).collect();
    program(vec![k], slots, vec![Step::Launch { kernel: KernelId(0), args }], 0)
}

fn op_beside(op: ScalarOp, d: DType, copy: bool) -> f64 {
    let mut b = KernelBuilder::new("op", [Loop { extent: MANY, mode: Mode::Parallel }]);
    let buffers: Vec<_> = (0..op.signature().0).map(|_| b.buffer(d, MANY)).collect();
    let args: Vec<NodeId> = buffers.iter().map(|x| b.load(*x, Affine::counter(0))).collect();
    let v = b.op(op, &args);
    let result = b.dtype(v);
    let out = b.buffer(result, MANY);
    b.store_at(out, Affine::counter(0), v);
    if copy {
        let other = b.buffer(d, MANY);
        b.store_at(other, Affine::counter(0), args[0]);
    }
    let p = with_outputs(b.finish(), 1 + usize::from(copy));
    timed_on(p, &|bytes| moderate(d, bytes)) / MANY as f64
}

/// Elements at positions that a buffer gives.
fn gathered(d: DType) -> f64 {
    let mut b = KernelBuilder::new("gather", [Loop { extent: MANY, mode: Mode::Parallel }]);
    let (x, at, out) = (b.buffer(d, MANY), b.buffer(DType::I32, MANY), b.buffer(d, MANY));
    let place = b.load(at, Affine::counter(0));
    let place = b.convert(place, DType::I64);
    let v = b.gather(x, place);
    b.store_at(out, Affine::counter(0), v);
    timed_on(with_outputs(b.finish(), 1), &|bytes| moderate(DType::I32, bytes)) / MANY as f64
}

/// `y[i, j] = exp(x[j, i])` with short rows.
fn short_rows(extent: usize) -> f64 {
    let n = MANY / extent;
    let loops = [n, extent].map(|extent| Loop { extent, mode: Mode::Parallel });
    let mut b = KernelBuilder::new("rows", loops);
    let (x, out) = (b.buffer(F32, n * extent), b.buffer(F32, n * extent));
    let v = b.load(x, Affine::new(0, [1, n as i64]));
    let v = b.op(ScalarOp::Exp, &[v]);
    b.store_at(out, Affine::new(0, [extent as i64, 1]), v);
    timed(single(b.finish())) / MANY as f64
}

fn reduction(kept: usize, gone: usize, strides: [i64; 2], combine: Combine) -> Kernel {
    let mut b = KernelBuilder::new(
        "reduce",
        [Loop { extent: kept, mode: Mode::Parallel }, Loop { extent: gone, mode: Mode::Reduce }],
    );
    let (x, out) = (b.buffer(F32, kept * gone), b.buffer(F32, kept));
    let v = b.load(x, Affine::new(0, strides));
    b.reduce(out, Affine::counter(0), combine, v);
    b.finish()
}

fn reductions() {
    for n in [1000, 100_000, 10_000_000] {
        report("sum", n, timed(single(reduction(1, n, [0, 1], Combine::Sum))));
        report("max", n, timed(single(reduction(1, n, [0, 1], Combine::Max))));
    }
    for (rows, columns) in
        [(1000, 1000), (100_000, 10), (100_000, 100), (1000, 100), (10, 100_000), (3000, 3000)]
    {
        let name = format!("sum of rows {rows}x{columns}");
        let k = reduction(rows, columns, [columns as i64, 1], Combine::Sum);
        report(&name, rows * columns, timed(single(k)));
        let name = format!("sum of columns {rows}x{columns}");
        let k = reduction(columns, rows, [1, columns as i64], Combine::Sum);
        report(&name, rows * columns, timed(single(k)));
    }
}

fn calls() {
    println!("call, 8 floats: {:.1} ns", timed(single(map(8, 2, axpy))));
    println!("call, 1 float: {:.1} ns", timed(single(map(1, 2, axpy))));
    let memory = backend().memory(0).unwrap();
    let allocate = |bytes| time(|| drop(memory.allocate(bytes).unwrap()));
    println!("allocate and free 1 kB: {:.1} ns, 4 MB: {:.1} ns", allocate(1000), allocate(4 << 20));
}

fn chain(n: usize, op: ScalarOp, length: usize) -> Kernel {
    map(n, 1, |b, x| {
        let mut v = x[0];
        for i in 0..length {
            v = b.op(op, &[v]);
            if op.level() == cotangent_jit::op::Level::Machine {
                let c = b.constant(Scalar::from(i as f32));
                v = b.op(ScalarOp::Add, &[v, c]);
            }
        }
        v
    })
}

fn compile_times() {
    let ms = |p: &Program| time(|| drop(compile(p.clone()))) / 1e6;
    println!("compile axpy: {:.3} ms", ms(&single(map(1000, 2, axpy))));
    println!("compile exp: {:.3} ms", ms(&single(chain(1000, ScalarOp::Exp, 1))));
    println!("compile sum: {:.3} ms", ms(&single(reduction(1, 1000, [0, 1], Combine::Sum))));
    let many: Vec<Kernel> = (0..20).map(|i| chain(1000 + i, ScalarOp::Exp, 1)).collect();
    let mut slots = Vec::new();
    let mut steps = Vec::new();
    for (i, k) in many.iter().enumerate() {
        slots.push(Slot { dtype: F32, len: k.buffers[0].len, kind: SlotKind::Input(i) });
        slots.push(Slot { dtype: F32, len: k.buffers[1].len, kind: SlotKind::Output(i) });
        let args = [2 * i, 2 * i + 1].map(|s| View::whole(SlotId(s as u32)));
        steps.push(Step::Launch { kernel: KernelId(i as u32), args: args.into_iter().collect() });
    }
    println!("compile 20 kernels of exp: {:.3} ms", ms(&program(many, slots, steps, 0)));
    let mut slots = Vec::new();
    let mut steps = Vec::new();
    for i in 0..100 {
        slots.push(Slot { dtype: F32, len: 1, kind: SlotKind::Input(i) });
        slots.push(Slot { dtype: F32, len: 1, kind: SlotKind::Output(i) });
        let args = [2 * i, 2 * i + 1].map(|s| View::whole(SlotId(s as u32)));
        steps.push(Step::Launch { kernel: KernelId(0), args: args.into_iter().collect() });
    }
    let hundred = program(vec![chain(1, ScalarOp::Sqrt, 1)], slots, steps, 0);
    println!("compile 100 scalars: {:.3} ms", ms(&hundred));
    for length in [100, 1000, 2000] {
        let p = single(chain(1000, ScalarOp::Sin, length));
        println!("compile {length} sines in a loop: {:.2} ms", ms(&p));
        let p = single(chain(1, ScalarOp::Sin, length));
        println!("compile {length} sines of a scalar: {:.2} ms", ms(&p));
        let p = single(chain(1000, ScalarOp::Sqrt, length));
        println!("compile {length} square roots and sums: {:.2} ms", ms(&p));
    }
}

/// A scan of `trips` steps: `s = s * a + x[i]; y[i] = s`.
fn loops() {
    let trips = 100_000;
    let mut b = KernelBuilder::new("step", []);
    let (s, x, y, t) = (b.buffer(F32, 1), b.buffer(F32, 1), b.buffer(F32, 1), b.buffer(F32, 1));
    let at = Affine::default();
    let (old, new) = (b.load(s, at.clone()), b.load(x, at.clone()));
    let c = b.constant(Scalar::from(0.5f32));
    let v = b.op(ScalarOp::Mul, &[old, c]);
    let v = b.op(ScalarOp::Add, &[v, new]);
    b.store_at(y, at.clone(), v);
    b.store_at(t, at.clone(), v);
    let slot = |len, kind| Slot { dtype: F32, len, kind };
    let slots = vec![
        slot(1, SlotKind::Input(0)),
        slot(trips, SlotKind::Input(1)),
        slot(trips, SlotKind::Output(0)),
        slot(1, SlotKind::Temp { arena_offset: 0 }),
        slot(1, SlotKind::Temp { arena_offset: 64 }),
    ];
    let whole = |n| View::whole(SlotId(n));
    let moving = |n| View { slot: SlotId(n), at: Affine::counter(0) };
    let body = vec![
        Step::Launch {
            kernel: KernelId(0),
            args: [whole(3), moving(1), moving(2), whole(4)].into_iter().collect(),
        },
        Step::Copy { from: whole(4), to: whole(3), len: 1 },
    ];
    let steps =
        vec![Step::Copy { from: whole(0), to: whole(3), len: 1 }, Step::Loop { trips, body }];
    report("scan of scalar steps", trips, timed(program(vec![b.finish()], slots, steps, 128)));
}

fn dots() {
    for dtype in [F32, DType::F64] {
        for n in [2usize, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048] {
            let ns = timed(dot(dtype, 1, n, n, n));
            let flops = 2.0 * (n * n * n) as f64;
            println!("dot {dtype} {n}: {:.1} us, {:.2} GFLOP/s", ns / 1e3, flops / ns);
        }
    }
    for (b, m, n, k) in [
        (1, 1, 4096, 4096),
        (1, 4096, 1, 4096),
        (64, 32, 32, 32),
        (256, 8, 8, 8),
        (1, 128, 10, 784),
        (1, 10_000, 10, 64),
    ] {
        let ns = timed(dot(F32, b, m, n, k));
        let flops = 2.0 * (b * m * n * k) as f64;
        println!("dot f32 {b}x{m}x{n}x{k}: {:.1} us, {:.2} GFLOP/s", ns / 1e3, flops / ns);
    }
}

fn dot(dtype: DType, batch: usize, m: usize, n: usize, k: usize) -> Program {
    let strides = |rows: usize, columns: usize| [(rows * columns) as i64, columns as i64, 1];
    let (lhs, rhs, precision) = (strides(m, k), strides(k, n), Precision::Full);
    let routine = Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision };
    let slot = |len, kind| Slot { dtype, len, kind };
    let slots = vec![
        slot(batch * m * k, SlotKind::Input(0)),
        slot(batch * k * n, SlotKind::Input(1)),
        slot(batch * m * n, SlotKind::Output(0)),
    ];
    let args = (0..3).map(|n| View::whole(SlotId(n))).collect();
    program(Vec::new(), slots, vec![Step::Routine { routine, args }], 0)
}

fn sorts() {
    for n in [1000, 1_000_000] {
        for operands in [1, 2] {
            let dtypes = std::iter::repeat_n(F32, operands).collect();
            let routine = Routine::Sort { dtypes, keys: 1, outer: 1, len: n, inner: 1 };
            let slot = |kind| Slot { dtype: F32, len: n, kind };
            let slots = (0..operands)
                .map(|i| slot(SlotKind::Input(i)))
                .chain((0..operands).map(|i| slot(SlotKind::Output(i))))
                .collect();
            let args = (0..2 * operands).map(|n| View::whole(SlotId(n as u32))).collect();
            let p = program(Vec::new(), slots, vec![Step::Routine { routine, args }], 0);
            report(&format!("sort of {operands}"), n, timed(p));
        }
    }
    for (outer, len, k) in [(1, 1_000_000, 100), (1, 1_000_000, 100_000), (1000, 1000, 10)] {
        let routine = Routine::TopK { dtype: F32, place: DType::I32, k, outer, len, inner: 1 };
        let slot = |dtype, n, kind| Slot { dtype, len: outer * n, kind };
        let slots = vec![
            slot(F32, len, SlotKind::Input(0)),
            slot(F32, k, SlotKind::Output(0)),
            slot(DType::I32, k, SlotKind::Output(1)),
        ];
        let args = (0..3).map(|n| View::whole(SlotId(n))).collect();
        let p = program(Vec::new(), slots, vec![Step::Routine { routine, args }], 0);
        report(&format!("top_k {k} of {len}"), outer * len, timed(p));
    }
}
