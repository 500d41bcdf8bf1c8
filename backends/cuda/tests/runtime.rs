//! Whole programs through the driver's interface: what is launched and how often, literals, memory
//! and its limits, loops without the host.

#[path = "support/session.rs"]
mod session;

use cotangent_cuda::backend;
use cotangent_cuda_stub::control::Counter;
use cotangent_jit::backend::Backend;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{SlotKind, Step};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, interp, plan};
use session::{
    Given, binary, floats, launch, moving, program, session, slot, softmax, temp, whole,
};

/// The results of the oracle.
fn expected(p: &cotangent_jit::program::Program, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut p = p.clone();
    plan::plan(&mut p);
    interp::run(&verify(p).unwrap(), inputs).unwrap()
}

#[test]
fn literals_are_values() {
    let s = session();
    let d = DType::F32;
    let slots = vec![
        slot(d, 1, SlotKind::Input(0)),
        slot(d, 1, SlotKind::Input(1)),
        slot(d, 1, SlotKind::Output(0)),
    ];
    let p = program(
        vec![binary(ScalarOp::Sub, d, 1)],
        slots,
        vec![launch(0, &[whole(0), whole(1), whole(2)])],
    );
    let e = s.compile(&p);
    let literal = |x: f32| Given::Literal(u128::from(x.to_bits()));
    for (x, y) in [(5.0, 2.0), (1.0, -3.5)] {
        let all = s.run(&p, &*e, &[literal(x), literal(y)]).unwrap();
        assert_eq!(all, [floats([x - y])]);
        let mixed = [Given::Bytes(floats([x])), literal(y)];
        assert_eq!(s.run(&p, &*e, &mixed).unwrap(), [floats([x - y])]);
    }
}

/// `s = s + x[i]; y[i] = s`, step by step.
fn scan(n: usize, trips: usize) -> cotangent_jit::program::Program {
    let (d, step) = (DType::F32, n as i64);
    let slots = vec![
        slot(d, n, SlotKind::Input(0)),
        slot(d, n * trips, SlotKind::Input(1)),
        slot(d, n * trips, SlotKind::Output(0)),
        temp(d, n),
    ];
    let body = vec![
        launch(0, &[whole(3), moving(1, step), moving(2, step)]),
        Step::Copy { from: moving(2, step), to: whole(3), len: n },
    ];
    let first = Step::Copy { from: whole(0), to: whole(3), len: n };
    let steps = vec![first, Step::Loop { trips, body }];
    program(vec![binary(ScalarOp::Add, d, n)], slots, steps)
}

#[test]
fn ten_thousand_small_steps_are_one_launch() {
    let s = session();
    let (n, trips) = (3, 10_000);
    let p = scan(n, trips);
    let e = s.compile(&p);
    let inputs =
        [floats((0..n).map(|i| i as f32)), floats((0..n * trips).map(|i| (i % 7) as f32 - 3.0))];
    let all = s.run(&p, &*e, &inputs.clone().map(Given::Bytes)).unwrap();
    assert_eq!(all, expected(&p, &inputs));
    assert_eq!(s.stub.count(Counter::Kernels), 2, "{:?}", s.stub.kernels());
    assert_eq!(e.launches().to_string(), "2 functions, 0 round trips");
}

#[test]
fn long_loops_of_large_steps_need_no_answers() {
    let s = session();
    let (n, trips) = (9000, 5);
    let p = scan(n, trips);
    let e = s.compile(&p);
    let inputs =
        [floats((0..n).map(|i| i as f32)), floats((0..n * trips).map(|i| (i % 7) as f32 - 3.0))];
    for _ in 0..3 {
        let all = s.run(&p, &*e, &inputs.clone().map(Given::Bytes)).unwrap();
        assert_eq!(all, expected(&p, &inputs));
    }
    assert_eq!(e.launches().to_string(), "11 functions, 11 of them in 1 graph, 0 round trips");
    // The loop and the copy before it are one graph, which is made once.
    assert_eq!(s.stub.count(Counter::GraphLaunches), 3);
    assert_eq!(s.stub.count(Counter::Instantiations), 1);
    assert_eq!(s.stub.count(Counter::GraphNodes), 3 * 11);
}

#[test]
fn softmax_over_rows_is_one_kernel() {
    let s = session();
    for (rows, columns) in [(300, 100), (5, 33), (1000, 64), (260, 1000), (4, 3)] {
        let p = softmax(rows, columns);
        let e = s.compile(&p);
        let x = floats((0..rows * columns).map(|i| ((i * 37) % 101) as f32 * 0.1 - 5.0));
        let all = s.run(&p, &*e, &[Given::Bytes(x.clone())]).unwrap();
        assert_eq!(all, expected(&p, &[x]), "{rows} x {columns}");
        assert_eq!(e.launches().to_string(), "1 function, 0 round trips");
        // The array is loaded once, and only one place stores to it.
        let text = e.text("ptx").unwrap();
        let lines = |what: &str| text.lines().filter(|l| l.trim().starts_with(what)).count();
        assert_eq!(lines("ld.global"), 1, "{text}");
        assert_eq!(lines("st.global"), 1, "{text}");
    }
}

#[test]
fn freed_memory_is_used_again() {
    let s = session();
    let before = backend().memory_stats(0);
    for _ in 0..20 {
        drop(s.upload(&[1; 5000]));
    }
    let after = backend().memory_stats(0);
    assert!(after.misses - before.misses <= 1 && after.hits - before.hits >= 19, "{after:?}");
    assert_eq!(after.live, before.live);
}

#[test]
fn without_memory_the_error_has_the_figures() {
    let s = session();
    s.stub.capacity(64 << 20);
    let memory = backend().memory(0).unwrap();
    let kept = memory.allocate(16 << 20).unwrap();
    drop(memory.allocate(8 << 20).unwrap());
    let e = memory.allocate(1 << 30).unwrap_err();
    assert!(e.message().starts_with("cuda:0: out of memory: wanted 1073741824 bytes; "), "{e}");
    for part in ["held by arrays and runs, 0 kept for reuse", "67108864 free on the device"] {
        assert!(e.message().contains(part), "{e}");
    }
    drop(kept);
    // What is kept goes back before an allocation fails.
    drop(memory.allocate(40 << 20).unwrap());
    s.stub.capacity(4 << 30);
}

#[test]
fn a_missing_library_is_an_error_in_words() {
    if std::env::var_os("CHILD").is_some() {
        println!("{}", backend().device_count().unwrap_err().message());
        println!("{}", backend().memory(0).err().unwrap().message());
        return;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_missing_library_is_an_error_in_words", "--nocapture"]);
    command.env("CHILD", "1").env("COTANGENT_CUDA_DRIVER", "/no/such/libcuda.so");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let start = "cuda: COTANGENT_CUDA_DRIVER=/no/such/libcuda.so: cannot load the library: ";
    assert_eq!(text.lines().filter(|l| l.starts_with(start)).count(), 2, "{text}");
    assert!(output.status.success());
}
