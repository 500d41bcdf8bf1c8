//! Whole programs: loops, branches, copies, routines, donation, threads, and code that is freed.

mod support;

use cotangent_cpu::backend;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::{Backend, CompileOptions, Literal};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::host::{HostCall, HostInput, HostOutput};
use cotangent_jit::kernel::{Combine, Kernel, Loop, Mode};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{
    KernelId, Precision, Program, Routine, Slot, SlotId, SlotKind, Step, View,
};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Scalar, interp};
use std::sync::{Arc, Mutex};
use support::{CPU, Random, compare, compile, output_sizes, run};

fn slot(dtype: DType, len: usize, kind: SlotKind) -> Slot {
    Slot { dtype, len, kind }
}

fn temp(dtype: DType, len: usize, arena_offset: usize) -> Slot {
    slot(dtype, len, SlotKind::Temp { arena_offset })
}

fn whole(n: u32) -> View {
    View::whole(SlotId(n))
}

fn moving(n: u32, stride: i64) -> View {
    View { slot: SlotId(n), at: Affine::new(0, [stride]) }
}

fn launch(kernel: u32, args: &[View]) -> Step {
    Step::Launch { kernel: KernelId(kernel), args: args.iter().cloned().collect() }
}

fn program(kernels: Vec<Kernel>, slots: Vec<Slot>, steps: Vec<Step>, arena: usize) -> Program {
    Program { name: "test".into(), place: CPU, slots, kernels, steps, donations: Vec::new(), arena }
}

/// `out[i] = x[i] op y[i]` over `n` points.
fn binary(op: ScalarOp, d: DType, n: usize) -> Kernel {
    let mut b = KernelBuilder::new(op.name(), [Loop { extent: n, mode: Mode::Parallel }]);
    let (x, y) = (b.buffer(d, n), b.buffer(d, n));
    let (v, w) = (b.load(x, Affine::counter(0)), b.load(y, Affine::counter(0)));
    let v = b.op(op, &[v, w]);
    let out = b.buffer(b.dtype(v), n);
    b.store_at(out, Affine::counter(0), v);
    b.finish()
}

fn check(p: Program, seed: u64, tolerance: f64) {
    let mut r = Random(seed);
    let inputs: Vec<Vec<u8>> =
        p.inputs().iter().map(|s| r.bytes(p.slot(*s).dtype, p.slot(*s).len)).collect();
    check_on(p, &inputs, tolerance);
}

fn check_on(p: Program, inputs: &[Vec<u8>], tolerance: f64) {
    let expected = interp::program::run(&verify(p.clone()).unwrap(), inputs).unwrap();
    let types: Vec<DType> = p.outputs().iter().map(|s| p.slot(*s).dtype).collect();
    let sizes = output_sizes(&p);
    let got = run(&*compile(p), inputs, &sizes);
    for ((g, e), d) in got.iter().zip(&expected).zip(types) {
        compare(d, g, e, tolerance, "program");
    }
}

/// A scan: `s = s + x[i]; y[i] = s`, for carries of several sizes, some of them emitted in place.
fn scan(n: usize, trips: usize) -> Program {
    let d = DType::F32;
    let slots = vec![
        slot(d, n, SlotKind::Input(0)),
        slot(d, n * trips, SlotKind::Input(1)),
        slot(d, n * trips, SlotKind::Output(0)),
        slot(d, n, SlotKind::Output(1)),
        temp(d, n, 0),
    ];
    let step = n as i64;
    let body = vec![
        launch(0, &[whole(4), moving(1, step), moving(2, step)]),
        Step::Copy { from: moving(2, step), to: whole(4), len: n },
    ];
    let steps = vec![
        Step::Copy { from: whole(0), to: whole(4), len: n },
        Step::Loop { trips, body },
        Step::Copy { from: whole(4), to: whole(3), len: n },
    ];
    program(vec![binary(ScalarOp::Add, d, n)], slots, steps, (4 * n).next_multiple_of(64))
}

#[test]
fn scans_of_any_size() {
    for (n, trips) in [(1, 0), (1, 1), (1, 1000), (3, 10), (8, 5), (70, 7), (1000, 3)] {
        check(scan(n, trips), n as u64, 0.0);
    }
}

/// `while s < limit { s = s + s }`, counting rounds by the limit.
#[test]
fn while_loops_end_by_test_or_limit() {
    let d = DType::F32;
    for limit in [None, Some(0), Some(3)] {
        let slots = vec![
            slot(d, 1, SlotKind::Input(0)),
            slot(d, 1, SlotKind::Input(1)),
            slot(d, 1, SlotKind::Output(0)),
            temp(DType::Bool, 1, 0),
            temp(d, 1, 64),
        ];
        let steps = vec![
            Step::Copy { from: whole(0), to: whole(2), len: 1 },
            Step::While {
                test: vec![launch(0, &[whole(2), whole(1), whole(3)])],
                holds: whole(3),
                body: vec![
                    launch(1, &[whole(2), whole(2), whole(4)]),
                    Step::Copy { from: whole(4), to: whole(2), len: 1 },
                ],
                limit,
            },
        ];
        let kernels = vec![binary(ScalarOp::Lt, d, 1), binary(ScalarOp::Add, d, 1)];
        let p = program(kernels, slots, steps, 128);
        let inputs = [1.5f32, 1000.0].map(|x| x.to_le_bytes().to_vec());
        check_on(p, &inputs, 0.0);
    }
}

#[test]
fn branches_clamp_their_index() {
    let d = DType::F64;
    for index in [-5i32, 0, 1, 2, 9] {
        let slots = vec![
            slot(DType::I32, 1, SlotKind::Input(0)),
            slot(d, 5, SlotKind::Input(1)),
            slot(d, 5, SlotKind::Output(0)),
        ];
        let arm = |kernel| vec![launch(kernel, &[whole(1), whole(1), whole(2)])];
        let copy = vec![Step::Copy { from: whole(1), to: whole(2), len: 5 }];
        let steps = vec![Step::Branch { index: whole(0), arms: vec![arm(0), arm(1), copy] }];
        let kernels = vec![binary(ScalarOp::Add, d, 5), binary(ScalarOp::Mul, d, 5)];
        let bytes = vec![index.to_le_bytes().to_vec(), Random(1).bytes(d, 5)];
        check_on(program(kernels, slots, steps, 0), &bytes, 0.0);
    }
}

/// An output in the memory of its donated input.
#[test]
fn donated_memory_is_updated_in_place() {
    for n in [5usize, 4096, 300_000] {
        let d = DType::F32;
        let slots = vec![
            slot(d, n, SlotKind::Input(0)),
            slot(d, n, SlotKind::Input(1)),
            slot(d, n, SlotKind::Output(0)),
        ];
        let steps = vec![launch(0, &[whole(0), whole(1), whole(2)])];
        let mut p = program(vec![binary(ScalarOp::Mul, d, n)], slots, steps, 0);
        p.donations.push((0, 0));
        let e = compile(p);
        let mut x: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let y: Vec<f32> = (0..n).map(|i| 0.5 + (i % 3) as f32).collect();
        let pointer = x.as_mut_ptr().cast::<u8>();
        // SAFETY: the output shares the memory of the input donated to it.
        unsafe { e.run(&mut [pointer, y.as_ptr().cast()], &[], &[pointer]) }.unwrap();
        for (i, v) in x.iter().enumerate() {
            assert_eq!(*v, i as f32 * y[i]);
        }
    }
}

#[test]
fn literals_are_inputs_without_an_address() {
    let d = DType::F32;
    let of = |kind| slot(d, 1, kind);
    let slots = vec![of(SlotKind::Input(0)), of(SlotKind::Input(1)), of(SlotKind::Output(0))];
    let steps = vec![launch(0, &[whole(0), whole(1), whole(2)])];
    let e = compile(program(vec![binary(ScalarOp::Sub, d, 1)], slots, steps, 0));
    let (x, mut out) = (5f32, 0f32);
    let literal = |input, value: f32| Literal { input, bits: u128::from(value.to_bits()) };
    let target = &raw mut out;
    let run = |mut inputs: [*const u8; 2], literals: &[Literal]| {
        // SAFETY: one float each.
        unsafe { e.run(&mut inputs, literals, &[target.cast()]) }.unwrap();
        // SAFETY: the run is over, and the float is ours.
        unsafe { target.read() }
    };
    let (x, none) = (std::ptr::from_ref(&x).cast(), std::ptr::null());
    assert_eq!(run([x, none], &[literal(1, 2.0)]), 3.0);
    assert_eq!(run([none, x], &[literal(0, 2.0)]), -3.0);
    assert_eq!(run([none, none], &[literal(1, 1.0), literal(0, 8.0)]), 7.0);
}

fn dot(dtype: DType, batch: usize, mnk: [usize; 3], transposed: [bool; 2]) -> Program {
    let [m, n, k] = mnk;
    let strides = |rows: usize, columns: usize, transposed: bool| {
        let batch = (rows * columns) as i64;
        if transposed { [batch, 1, rows as i64] } else { [batch, columns as i64, 1] }
    };
    let (lhs, rhs) = (strides(m, k, transposed[0]), strides(k, n, transposed[1]));
    let precision = Precision::Full;
    let routine = Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision };
    let slots = vec![
        slot(dtype, batch * m * k, SlotKind::Input(0)),
        slot(dtype, batch * k * n, SlotKind::Input(1)),
        slot(dtype, batch * m * n, SlotKind::Output(0)),
    ];
    let args = [whole(0), whole(1), whole(2)].into_iter().collect();
    program(Vec::new(), slots, vec![Step::Routine { routine, args }], 0)
}

#[test]
fn dots_of_every_type_shape_and_layout() {
    let shapes = [
        [1, 1, 1],
        [2, 3, 4],
        [8, 8, 8],
        [1, 37, 19],
        [37, 1, 19],
        [1, 1, 300],
        [5, 7, 0],
        [0, 3, 2],
        [33, 18, 40],
        [70, 90, 65],
        [3, 200, 50],
    ];
    for d in DType::ALL.into_iter().filter(|d| d.runs() && !d.is_bool()) {
        for mnk in shapes {
            for batch in [1, 3] {
                for transposed in [[false, false], [true, false], [false, true], [true, true]] {
                    // One last place: what is summed in f32 is rounded at the end.
                    let slack = match d {
                        DType::BF16 => 2f64.powi(-7),
                        DType::F16 => 2f64.powi(-10),
                        _ => 2e-5,
                    };
                    check(dot(d, batch, mnk, transposed), 7, slack);
                }
            }
        }
    }
}

fn sort(dtypes: &[DType], keys: usize, [outer, len, inner]: [usize; 3]) -> Program {
    let n = outer * len * inner;
    let side = |kind: fn(usize) -> SlotKind| {
        dtypes.iter().enumerate().map(move |(i, d)| slot(*d, n, kind(i)))
    };
    let slots = side(SlotKind::Input).chain(side(SlotKind::Output)).collect();
    let args = (0..2 * dtypes.len() as u32).map(whole).collect();
    let routine =
        Routine::Sort { dtypes: dtypes.iter().copied().collect(), keys, outer, len, inner };
    program(Vec::new(), slots, vec![Step::Routine { routine, args }], 0)
}

#[test]
fn sorts_of_every_type_are_stable() {
    let running = DType::ALL.into_iter().filter(|d| d.runs() && !d.is_complex());
    let running: Vec<DType> = running.collect();
    for shape in [[1, 0, 1], [1, 1, 1], [1, 2, 1], [2, 17, 1], [1, 9, 5], [3, 300, 2], [1, 5000, 1]]
    {
        for (n, d) in running.iter().enumerate() {
            check(sort(&[*d], 1, shape), 3, 0.0);
            let other = running[(n + 3) % running.len()];
            check(sort(&[*d, other], 1, shape), 4, 0.0);
            check(sort(&[*d, other, DType::I32], 2, shape), 5, 0.0);
        }
    }
}

#[test]
fn sorted_floats_put_nan_last_and_zeros_together() {
    let values = [1.0f32, f32::NAN, -0.0, 0.0, f32::NEG_INFINITY, -f32::NAN, -0.0, f32::INFINITY];
    for copies in [1, 40] {
        let n = copies * values.len();
        let bytes: Vec<u8> =
            (0..copies).flat_map(|_| values.iter().flat_map(|v| v.to_le_bytes())).collect();
        let order: Vec<u8> = (0..n as i32).flat_map(i32::to_le_bytes).collect();
        check_on(sort(&[DType::F32, DType::I32], 1, [1, n, 1]), &[bytes, order], 0.0);
    }
}

/// `for t { h = sin(h w + x[t]); y[t] = h }` with `rows` rows of `n`; or `w h`, in which every row
/// needs all others.
fn recurrence(rows: usize, n: usize, trips: usize, mixing: bool) -> Program {
    let d = DType::F32;
    let (len, step) = (rows * n, (rows * n) as i64);
    let mut b = KernelBuilder::new("step", [Loop { extent: len, mode: Mode::Parallel }]);
    let buffers: Vec<_> = (0..4).map(|_| b.buffer(d, len)).collect();
    let (v, w) = (b.load(buffers[0], Affine::counter(0)), b.load(buffers[1], Affine::counter(0)));
    let v = b.op(ScalarOp::Add, &[v, w]);
    let v = b.op(ScalarOp::Sin, &[v]);
    b.store_at(buffers[2], Affine::counter(0), v);
    b.store_at(buffers[3], Affine::counter(0), v);
    let side = if mixing { rows } else { n };
    let slots = vec![
        slot(d, side * side, SlotKind::Input(0)),
        slot(d, len * trips, SlotKind::Input(1)),
        slot(d, len, SlotKind::Input(2)),
        slot(d, len * trips, SlotKind::Output(0)),
        temp(d, len, 0),
        temp(d, len, (4 * len).next_multiple_of(64)),
    ];
    let (n, m) = (n as i64, rows as i64);
    let dot = |k: usize, lhs: [i64; 3]| Routine::Dot {
        dtype: d,
        batch: 1,
        m: rows,
        n: n as usize,
        k,
        lhs,
        rhs: [0, n, 1],
        precision: Precision::Full,
    };
    let (routine, args) = match mixing {
        true => (dot(rows, [0, m, 1]), [whole(0), whole(4), whole(5)]),
        false => (dot(n as usize, [0, n, 1]), [whole(4), whole(0), whole(5)]),
    };
    let body = vec![
        Step::Routine { routine, args: args.into_iter().collect() },
        launch(0, &[whole(5), moving(1, step), whole(4), moving(3, step)]),
    ];
    let steps = vec![Step::Copy { from: whole(2), to: whole(4), len }, Step::Loop { trips, body }];
    program(vec![b.finish()], slots, steps, 2 * (4 * len).next_multiple_of(64))
}

#[test]
fn loops_over_rows() {
    for (rows, n, trips) in [(32, 24, 300), (64, 8, 500), (33, 24, 300)] {
        for mixing in [false, true] {
            let p = recurrence(rows, n, trips, mixing);
            // A small matrix, so that errors do not grow with time.
            let some = |s: &SlotId, scale: f32| -> Vec<u8> {
                let number = |i: usize| ((i * 37 % 101) as f32 / 101.0 - 0.5) * scale;
                (0..p.slot(*s).len).flat_map(|i| number(i).to_le_bytes()).collect()
            };
            let inputs: Vec<Vec<u8>> =
                p.inputs().iter().zip([0.05, 1.0, 1.0]).map(|(s, by)| some(s, by)).collect();
            if rows != 33 {
                check_on(p.clone(), &inputs, 1e-5);
            }
            let shared = compile_text(&p).contains("func_addr");
            assert_eq!(shared, !mixing && rows != 33, "{rows} {n} {mixing}");
        }
    }
}

fn compile_text(p: &Program) -> String {
    let options = CompileOptions { keep_text: true, ..CompileOptions::default() };
    let e = backend().compile(&verify(p.clone()).unwrap(), &options).unwrap();
    e.text("clif").unwrap()
}

/// A few lanes that run through a few rounds, in registers of the driver.
#[test]
fn lanes_over_time_in_registers() {
    let d = DType::F32;
    for (lanes, rounds) in [(2, 2), (1, 3), (4, 1), (3, 5)] {
        let time = Loop { extent: rounds, mode: Mode::Sequential };
        let mut b =
            KernelBuilder::new("grow", [Loop { extent: lanes, mode: Mode::Parallel }, time]);
        let x = b.buffer(d, lanes);
        let v = b.load(x, Affine::counter(0));
        let v = b.op(ScalarOp::Mul, &[v, v]);
        b.store_at(x, Affine::counter(0), v);
        let slots = vec![
            slot(d, lanes, SlotKind::Input(0)),
            slot(d, lanes, SlotKind::Output(0)),
            temp(d, lanes, 0),
        ];
        let steps = vec![
            Step::Copy { from: whole(0), to: whole(2), len: lanes },
            Step::Loop { trips: 2, body: vec![launch(0, &[whole(2)])] },
            Step::Copy { from: whole(2), to: whole(1), len: lanes },
        ];
        check(program(vec![b.finish()], slots, steps, 64), 3, 0.0);
    }
}

/// Sums, maps, dots and sorts give the same bits for any number of threads, and inside a user's
/// pool.
#[test]
fn results_do_not_depend_on_threads() {
    let n = 300_001;
    let mut b = KernelBuilder::new("sum", [Loop { extent: n, mode: Mode::Reduce }]);
    let (x, out) = (b.buffer(DType::F32, n), b.buffer(DType::F32, 1));
    let v = b.load(x, Affine::counter(0));
    let v = b.op(ScalarOp::Mul, &[v, v]);
    b.reduce(out, Affine::default(), Combine::Sum, v);
    let sum = support::launch(&b.finish());
    let programs = [
        sum,
        support::launch(&binary(ScalarOp::Div, DType::F64, n)),
        dot(DType::F32, 1, [300, 200, 257], [false, true]),
        dot(DType::F64, 1, [1, 700, 900], [false, false]),
        dot(DType::F32, 1, [900, 1, 700], [false, false]),
        dot(DType::F32, 40, [30, 20, 70], [false, false]),
        sort(&[DType::F32, DType::I32], 1, [1, 100_000, 1]),
        recurrence(64, 24, 200, false),
        recurrence(32, 24, 200, true),
    ];
    for p in programs {
        let mut r = Random(9);
        let inputs: Vec<Vec<u8>> =
            p.inputs().iter().map(|s| r.bytes(p.slot(*s).dtype, p.slot(*s).len)).collect();
        let sizes = output_sizes(&p);
        let e = compile(p);
        let mut seen: Option<Vec<Vec<u8>>> = None;
        for threads in 1..=3 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let got = pool.install(|| run(&*e, &inputs, &sizes));
            assert!(seen.as_ref().is_none_or(|s| *s == got), "{threads} threads differ");
            seen = Some(got);
        }
        assert_eq!(seen, Some(run(&*e, &inputs, &sizes)));
    }
}

#[test]
fn one_executable_runs_on_many_threads_at_once() {
    let p = scan(70, 50);
    let sizes = output_sizes(&p);
    let mut r = Random(3);
    let inputs: Vec<Vec<u8>> =
        p.inputs().iter().map(|s| r.bytes(p.slot(*s).dtype, p.slot(*s).len)).collect();
    let e = compile(p);
    let expected = run(&*e, &inputs, &sizes);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(run(&*e, &inputs, &sizes), expected);
                }
            });
        }
    });
}

#[test]
fn code_is_freed_with_its_executable() {
    for n in 0..1000 {
        let e = compile(support::launch(&binary(ScalarOp::Add, DType::F32, 100 + n)));
        assert!(e.code_size() > 0);
    }
}

#[test]
fn text_is_kept_on_demand() {
    let p = verify(support::launch(&binary(ScalarOp::Add, DType::F32, 1000))).unwrap();
    let e = backend()
        .compile(&p, &CompileOptions { keep_text: true, ..CompileOptions::default() })
        .unwrap();
    // Where vectors are wider than Cranelift's, the kernel is not Cranelift's.
    let clif = e.text("clif").unwrap();
    assert!(clif.contains("f32x4") || clif.contains("not by Cranelift"), "{clif}");
    assert!(e.text("asm").unwrap().contains("addps"));
    assert_eq!(e.text("ptx"), None);
    let e = backend().compile(&p, &CompileOptions::default()).unwrap();
    assert_eq!(e.text("clif"), None);
}

#[test]
fn a_constant_alone_fills_its_output() {
    let mut b = KernelBuilder::new("fill", [Loop { extent: 37, mode: Mode::Parallel }]);
    let out = b.buffer(DType::F32, 37);
    let v = b.constant(Scalar::from(2.5f32));
    b.store_at(out, Affine::counter(0), v);
    let slots = vec![slot(DType::F32, 37, SlotKind::Output(0))];
    check(program(vec![b.finish()], slots, vec![launch(0, &[whole(0)])], 0), 0, 0.0);
}

/// `for i in 0..5 { if x < 3 { f(x) } else { g(x) } }`, `x` being what the last call gave; calls
/// note their order.
fn calling(log: &Arc<Mutex<Vec<String>>>, fails_at: f32) -> Program {
    let call = |name: &'static str, step: f32| {
        let log = log.clone();
        let function = move |args: &[HostInput], results: &mut [HostOutput]| {
            let x = f32::from_le_bytes(args[0].bytes.try_into().unwrap());
            log.lock().unwrap().push(format!("{name}({x})"));
            assert!(x != fails_at, "{x} is too much");
            results[0].bytes.copy_from_slice(&(x + step).to_le_bytes());
            Ok(())
        };
        let one = vec![(DType::F32, 1)];
        let call = HostCall::new(name, Arc::new(()), one.clone(), one, Arc::new(function));
        Step::Host { call, args: [whole(2), whole(4)].into_iter().collect() }
    };
    let slots = vec![
        slot(DType::F32, 1, SlotKind::Input(0)),
        slot(DType::F32, 1, SlotKind::Input(1)),
        slot(DType::F32, 1, SlotKind::Output(0)),
        temp(DType::Bool, 1, 0),
        temp(DType::F32, 1, 64),
        temp(DType::I32, 1, 128),
    ];
    let mut b = KernelBuilder::new("index", [Loop { extent: 1, mode: Mode::Parallel }]);
    let (from, to) = (b.buffer(DType::Bool, 1), b.buffer(DType::I32, 1));
    let v = b.load(from, Affine::counter(0));
    let v = b.op(ScalarOp::Convert(DType::I32), &[v]);
    b.store_at(to, Affine::counter(0), v);
    let body = vec![
        launch(0, &[whole(2), whole(1), whole(3)]),
        launch(1, &[whole(3), whole(5)]),
        Step::Branch { index: whole(5), arms: vec![vec![call("g", 10.0)], vec![call("f", 1.0)]] },
        Step::Copy { from: whole(4), to: whole(2), len: 1 },
    ];
    let steps =
        vec![Step::Copy { from: whole(0), to: whole(2), len: 1 }, Step::Loop { trips: 5, body }];
    program(vec![binary(ScalarOp::Lt, DType::F32, 1), b.finish()], slots, steps, 192)
}

#[test]
fn host_calls_keep_their_order_and_end_the_program_when_they_fail() {
    let inputs = [1.0f32, 3.0].map(|x| x.to_le_bytes().to_vec());
    let log = Arc::default();
    check_on(calling(&log, -1.0), &inputs, 0.0);
    let whole = ["f(1)", "f(2)", "g(3)", "g(13)", "g(23)"];
    assert_eq!(std::mem::take(&mut *log.lock().unwrap()), [whole, whole].concat());

    let fails = calling(&log, 13.0);
    let said = interp::program::run(&verify(fails.clone()).unwrap(), &inputs).unwrap_err();
    assert!(said.message().ends_with("g: the callback panicked: 13 is too much"), "{said}");
    let executable = compile(fails);
    for x in [1.0f32, 4.0] {
        let (x, limit, mut out) = (x, 3f32, 0f32);
        let mut inputs = [&x, &limit].map(|x| std::ptr::from_ref(x).cast());
        // SAFETY: one float each.
        let done = unsafe { executable.run(&mut inputs, &[], &[(&raw mut out).cast()]) };
        match x {
            1.0 => assert!(done.unwrap_err().message().contains("13 is too much")),
            // The next call works.
            _ => assert_eq!((done.is_ok(), out), (true, 54.0)),
        }
    }
    let failing = &whole[..4];
    let next = ["g(4)", "g(14)", "g(24)", "g(34)", "g(44)"];
    assert_eq!(*log.lock().unwrap(), [failing, failing, &next].concat());
}
