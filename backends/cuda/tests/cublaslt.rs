//! Products of matrices by the library for them, whose part the stub plays: which products it gets,
//! with which descriptions, and what happens where it is not there, refuses, or fails.
//!
//! The stub checks the descriptions, the bounds and the alignment of operands, and that an
//! algorithm serves what it was chosen for. A process looks for the library once, so tests of
//! another library run in processes of their own.

#[path = "products/case.rs"]
mod case;
#[path = "support/session.rs"]
mod session;
#[path = "products/work.rs"]
mod work;

use case::{Case, Lies, case};
use cotangent_cuda::backend;
use cotangent_cuda::emit::{plan, plan_with};
use cotangent_cuda::plan::{Gemm, Item, Target};
use cotangent_cuda_stub::control::{Counter, beside_this_program};
use cotangent_jit::DType;
use cotangent_jit::backend::Backend;
use cotangent_jit::interp;
use cotangent_jit::kernel::Kernel;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{Precision, Program, SlotKind, Step};
use cotangent_jit::verify::verify;
use session::{Given, Session, binary, launch, slot, temp, whole};
use std::path::Path;
use std::process::Command;

const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];
/// Rows first and depth first, for both operands.
const PLAIN: [Lies; 2] = [Lies::Depth(0), Lies::Rows(0)];

/// The calls of the library that a test may fail.
const CREATE: u32 = 0;
const CHOOSE: u32 = 1;
const MULTIPLY: u32 = 2;

/// Short products are the library's here, too.
const LEAST: (&str, &str) = ("COTANGENT_CUBLASLT_LEAST", "100000");

/// The stub, as driver and as library.
fn session() -> Session {
    if std::env::var_os("CHILD").is_none() {
        // SAFETY: nothing reads it before the session begins, which has one test at a time.
        unsafe {
            std::env::set_var("COTANGENT_CUBLASLT", beside_this_program());
            std::env::set_var(LEAST.0, LEAST.1);
        }
    }
    session::session()
}

fn bytes(s: &Session, p: &Program, inputs: &[Vec<u8>]) -> Vec<u8> {
    let e = s.compile(p);
    let given: Vec<Given> = inputs.iter().cloned().map(Given::Bytes).collect();
    s.run(p, &*e, &given).unwrap().remove(0)
}

/// Runs a product and compares it with the oracle. Gives how many products the library computed.
fn check(s: &Session, case: &Case) -> u64 {
    let before = s.stub.count(Counter::Products);
    let p = case.program();
    let inputs = case.inputs(&p);
    let got = bytes(s, &p, &inputs);
    let expected = interp::run(&verify(p).unwrap(), &inputs).unwrap().remove(0);
    case.compare(&got, &expected, &inputs);
    s.stub.count(Counter::Products) - before
}

/// This test in a process of its own. Gives what it prints.
fn child(name: &str, variables: &[(&str, &Path)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env("CHILD", "1");
    command.env_remove("COTANGENT_CUBLASLT").env(LEAST.0, LEAST.1).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    text
}

fn is_child() -> bool {
    std::env::var_os("CHILD").is_some()
}

#[test]
fn every_type_and_layout() {
    let s = session();
    let all = [Lies::Depth(0), Lies::Rows(0), Lies::Depth(3), Lies::Rows(8)];
    for dtype in FLOATS {
        for left in all {
            for right in all {
                let extents = [64, 72, 80];
                assert_eq!(check(&s, &case(dtype, 1, extents, [left, right])), 1);
            }
            assert_eq!(check(&s, &case(dtype, 3, [33, 65, 130], [left, all[1]])), 1);
            assert_eq!(check(&s, &case(dtype, 2, [131, 17, 67], [all[1], left])), 1);
        }
    }
}

#[test]
fn batches() {
    let s = session();
    for dtype in FLOATS {
        for lies in [PLAIN, [PLAIN[1], PLAIN[0]]] {
            let own = case(dtype, 6, [40, 48, 33], lies);
            let [lhs, rhs] = [own.lhs, own.rhs];
            // One matrix for all, on either side.
            assert_eq!(check(&s, &Case { lhs: [0, lhs[1], lhs[2]], ..own }), 1);
            assert_eq!(check(&s, &Case { rhs: [0, rhs[1], rhs[2]], ..own }), 1);
        }
        // Heads beside each other in each row, as attention has them.
        let [h, m, n, k] = [4, 40, 48, 37i64];
        let own = case(dtype, h as usize, [m as usize, n as usize, k as usize], PLAIN);
        assert_eq!(check(&s, &Case { lhs: [k, h * k, 1], rhs: [k, 1, h * k], ..own }), 1);
    }
}

#[test]
fn others_are_our_own() {
    let s = session();
    let long = [64, 72, 80];
    for dtype in FLOATS {
        for lies in [
            [Lies::Apart(2), Lies::Depth(0)],
            [Lies::Depth(0), Lies::Same],
            [Lies::SameRows, Lies::Depth(0)],
            [Lies::Depth(0), Lies::SameDepth],
        ] {
            assert_eq!(check(&s, &case(dtype, 1, long, lies)), 0, "{dtype} {lies:?}");
        }
        for extents in [[40, 40, 40], [1, 700, 700], [700, 8, 100], [300, 300, 4], [300, 300, 0]] {
            assert_eq!(check(&s, &case(dtype, 1, extents, PLAIN)), 0, "{dtype} {extents:?}");
        }
    }
    for dtype in [DType::I32, DType::U64, DType::I8] {
        assert_eq!(check(&s, &case(dtype, 1, long, PLAIN)), 0, "{dtype}");
    }
}

#[test]
fn addresses_of_little_alignment() {
    let s = session();
    for dtype in FLOATS {
        for before in [[1, 0, 0], [0, 2, 0], [4, 8, 1], [2, 2, 2]] {
            let own = case(dtype, 1, [64, 66, 68], PLAIN);
            assert_eq!(check(&s, &Case { before, ..own }), 1, "{dtype} {before:?}");
        }
    }
}

#[test]
fn digits_are_dropped_on_request_alone() {
    let s = session();
    let full = case(DType::F32, 1, [64, 72, 80], PLAIN);
    let lower = Case { precision: Precision::Tf32, ..full };
    assert_eq!((check(&s, &full), check(&s, &lower)), (1, 1));
    let p = full.program();
    let inputs = full.inputs(&p);
    let [all, some] = [&full, &lower].map(|c| bytes(&s, &c.program(), &inputs));
    let differ = all.chunks(4).zip(some.chunks(4)).filter(|(a, b)| a != b).count();
    assert!(differ > 4000, "{differ} of {} results differ", 64 * 72);
}

#[test]
fn results_are_the_same_every_time() {
    let s = session();
    let one = case(DType::F32, 2, [70, 64, 300], PLAIN);
    let p = one.program();
    let inputs = one.inputs(&p);
    let first = bytes(&s, &p, &inputs);
    for seed in 0..4 {
        s.stub.seed(seed);
        check(&s, &case(DType::F32, 1, [64, 64, 70 + seed as usize], PLAIN));
        assert_eq!(bytes(&s, &p, &inputs), first);
    }
}

/// `out = (x y) + z`, with a kernel before the product and one behind it.
fn between_kernels(case: &Case) -> Program {
    let [m, n, k] = case.extents;
    let d = case.dtype;
    let kernels: Vec<Kernel> = [m * k, m * n].map(|len| binary(ScalarOp::Add, d, len)).into();
    let mut p = case.program();
    let Step::Routine { routine, .. } = p.steps.remove(0) else { unreachable!() };
    p.kernels = kernels;
    p.slots = vec![
        slot(d, m * k, SlotKind::Input(0)),
        slot(d, k * n, SlotKind::Input(1)),
        slot(d, m * n, SlotKind::Input(2)),
        temp(d, m * k),
        temp(d, m * n),
        slot(d, m * n, SlotKind::Output(0)),
    ];
    let args = [3, 1, 4].map(whole).into_iter().collect();
    p.steps = vec![
        launch(0, &[whole(0), whole(0), whole(3)]),
        Step::Routine { routine, args },
        launch(1, &[whole(4), whole(2), whole(5)]),
    ];
    p
}

#[test]
fn a_product_has_its_place_among_launches() {
    let s = session();
    let one = case(DType::F32, 1, [64, 64, 64], PLAIN);
    let p = between_kernels(&one);
    let e = s.compile(&p);
    assert_eq!(e.launches().to_string(), "3 functions, 0 round trips");
    let whole = |n: usize| -> Vec<f32> {
        (0..4096).map(|i| ((i * (2 * n + 3) + n) % 7) as f32 - 3.0).collect()
    };
    let [x, y, z] = [0, 1, 2].map(whole);
    let expected = |at: usize| {
        let (row, column) = (at / 64, at % 64);
        // The right operand lies by its columns.
        let sum: f32 = (0..64).map(|k| 2.0 * x[64 * row + k] * y[column + 64 * k]).sum();
        sum + z[at]
    };
    let expected: Vec<u8> = (0..4096).flat_map(|at| expected(at).to_le_bytes()).collect();
    for (seed, eagerness) in [(0, 0), (1, 25), (2, 60), (3, 100)] {
        s.stub.seed(seed);
        s.stub.eagerness(eagerness);
        let inputs = [&x, &y, &z].map(|v| Given::Bytes(session::floats(v.iter().copied())));
        let got = s.run(&p, &*e, &inputs).unwrap().remove(0);
        assert!(got == expected, "{seed}");
    }
    s.stub.eagerness(25);
    assert_eq!(s.stub.count(Counter::Products), 4);
}

/// The program in a loop of so many rounds, whose addresses move from round to round.
fn in_loop(case: &Case, trips: usize) -> Program {
    let mut p = case.program();
    let mut body = p.steps.remove(0);
    let Step::Routine { args, .. } = &mut body else { unreachable!() };
    for (view, slot) in args.iter_mut().zip(&mut p.slots) {
        view.at.strides.push(slot.len as i64);
        slot.len *= trips;
    }
    p.steps.push(Step::Loop { trips, body: vec![body] });
    p
}

#[test]
fn only_long_products_interrupt_a_loop() {
    let long = |_: &Gemm| Ok(true);
    for (extents, ours) in [([64, 72, 80], true), ([512, 512, 512], false)] {
        let p = in_loop(&case(DType::F32, 1, extents, PLAIN), 3);
        let made = plan_with(&p, Target::of(4), &mut { long }).unwrap();
        assert_eq!(made.products.is_empty(), ours);
        let [item] = &made.items[..] else { panic!("{:?}", made.items) };
        match item {
            Item::Graph { graph, .. } => assert!(ours && graph.launches().len() >= 3),
            Item::Loop { trips: 3, body } => {
                assert!(!ours && matches!(body[..], [Item::Product { number: 0, .. }]))
            }
            other => panic!("{other:?}"),
        }
        let alone = plan(&p, Target::of(4)).unwrap();
        assert!(alone.products.is_empty() && alone.launches.single == 0);
    }
}

#[test]
fn products_in_a_loop_move_on() {
    let s = session();
    let n = 512;
    let p = in_loop(&case(DType::F32, 1, [n; 3], PLAIN), 2);
    let small = |i: usize, seed: usize| ((i * 31 + seed * 7 + i / n) % 5) as f32 - 2.0;
    let [x, y]: [Vec<f32>; 2] = [1, 2].map(|seed| (0..2 * n * n).map(|i| small(i, seed)).collect());
    let e = s.compile(&p);
    let inputs = [&x, &y].map(|v| Given::Bytes(session::floats(v.iter().copied())));
    let got = s.run(&p, &*e, &inputs).unwrap().remove(0);
    assert_eq!(s.stub.count(Counter::Products), 2);
    for at in (0..2 * n * n).step_by(997) {
        let (round, row, column) = (at / (n * n) * n * n, at / n % n, at % n);
        let product = |k: usize| x[round + n * row + k] * y[round + n * k + column];
        let sum: f32 = (0..n).map(product).sum();
        assert_eq!(got[4 * at..4 * at + 4], sum.to_le_bytes(), "{at}");
    }
}

#[test]
fn a_refused_product_is_our_own() {
    let s = session();
    for (n, status) in [15, 7, 1234].into_iter().enumerate() {
        s.stub.fail_product(CHOOSE, status);
        let one = case(DType::F32, 1, [64, 72, 81 + n], PLAIN);
        assert_eq!(check(&s, &one), 0);
        s.stub.reset();
        // The choice stays, whatever the library would say later.
        assert_eq!(check(&s, &one), 0);
    }
}

#[test]
fn a_product_that_fails_is_an_error_in_words() {
    let s = session();
    let one = case(DType::F32, 1, [64, 72, 80], PLAIN);
    let p = one.program();
    let e = s.compile(&p);
    let inputs = || one.inputs(&p).map(Given::Bytes);
    for (status, name) in [(13, "CUBLAS_STATUS_EXECUTION_FAILED"), (1234, "the status 1234")] {
        s.stub.fail_product(MULTIPLY, status);
        let error = s.run(&p, &*e, &inputs()).unwrap_err();
        assert_eq!(error.message(), format!("cuda:0: cublasLtMatmul failed with {name}"));
        s.stub.reset();
        assert!(s.run(&p, &*e, &inputs()).is_ok());
    }
}

#[test]
fn memory_for_algorithms_is_taken_once() {
    if !is_child() {
        let name = "memory_for_algorithms_is_taken_once";
        child(name, &[("COTANGENT_CUBLASLT", &beside_this_program())]);
        return;
    }
    let s = session();
    let live = || backend().memory_stats(0).live;
    check(&s, &case(DType::F32, 1, [64, 72, 80], PLAIN));
    let before = live();
    // Products of many summed numbers need the memory. It is full.
    let long = case(DType::F32, 1, [64, 72, 300], PLAIN);
    let p = long.program();
    let (e, inputs) = (s.compile(&p), || long.inputs(&p).map(Given::Bytes));
    s.stub.capacity(16 << 20);
    let error = s.run(&p, &*e, &inputs()).unwrap_err();
    assert!(error.message().contains("out of memory: wanted 33554432 bytes"), "{error}");
    assert!(error.to_string().contains("memory for products of matrices"), "{error}");
    s.stub.capacity(4 << 30);
    assert_eq!(check(&s, &long), 1);
    assert_eq!(live() - before, 32 << 20);
    assert_eq!(check(&s, &case(DType::F16, 2, [64, 72, 500], PLAIN)), 1);
    assert_eq!(live() - before, 32 << 20);
}

/// A product in a process with another library, or none: which products the library computed, or
/// the error.
fn elsewhere(name: &str, variables: &[(&str, &Path)]) -> Option<String> {
    if !is_child() {
        return Some(child(name, variables));
    }
    let s = session();
    if std::env::var_os("FAIL_CREATE").is_some() {
        s.stub.fail_product(CREATE, 3);
    }
    let one = case(DType::F32, 1, [64, 72, 80], PLAIN);
    let mut p = one.program();
    cotangent_jit::plan::plan(&mut p);
    let compiled = backend().compile(&verify(p).unwrap(), &Default::default());
    match compiled {
        Ok(_) => println!("products: {}", check(&s, &one)),
        Err(e) => println!("error: {}", e.message()),
    }
    None
}

#[test]
fn without_a_library_products_are_our_own() {
    let name = "without_a_library_products_are_our_own";
    let stub = beside_this_program();
    for variables in [
        // Beside a driver that is named, a library must be named, too.
        &[][..],
        &[("COTANGENT_CUBLASLT", Path::new("off"))],
        &[("COTANGENT_CUBLASLT", &stub), ("FAIL_CREATE", Path::new("1"))],
    ] {
        let Some(text) = elsewhere(name, variables) else { return };
        assert!(text.contains("products: 0"), "{text}");
    }
}

#[test]
fn a_named_library_that_is_none_is_an_error_in_words() {
    let name = "a_named_library_that_is_none_is_an_error_in_words";
    for path in ["/no/such/libcublasLt.so", "/", "libc.so.6"] {
        let Some(text) = elsewhere(name, &[("COTANGENT_CUBLASLT", Path::new(path))]) else {
            return;
        };
        let words = format!("cuda: COTANGENT_CUBLASLT={path}: cannot load cuBLASLt: ");
        assert!(text.contains("error: ") && text.contains(&words), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_of_packages_is_searched() {
    let name = "a_folder_of_packages_is_searched";
    if is_child() {
        elsewhere(name, &[]);
        return;
    }
    let folder = std::env::temp_dir().join(format!("cotangent-cublaslt-{}", std::process::id()));
    let inner = folder.join("nvidia/cu13/lib");
    std::fs::create_dir_all(&inner).unwrap();
    let file = inner.join("libcublasLt.so.13");
    std::os::unix::fs::symlink(beside_this_program(), file).unwrap();
    let text = child(name, &[("COTANGENT_CUBLASLT", &folder)]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(text.contains("products: 1"), "{text}");
}

#[test]
fn each_device_has_its_own() {
    let name = "each_device_has_its_own";
    if !is_child() {
        let variables = [("COTANGENT_CUBLASLT", &*beside_this_program())];
        let devices = ("COTANGENT_STUB_DEVICES", Path::new("2"));
        child(name, &[variables[0], devices]);
        return;
    }
    let s = session();
    let one = case(DType::F32, 1, [64, 72, 300], PLAIN);
    let mut results = Vec::new();
    for ordinal in [0, 1, 0, 1] {
        let mut p = one.program();
        p.place.ordinal = ordinal;
        let inputs = one.inputs(&p);
        let e = s.compile(&p);
        let memory = backend().memory(ordinal).unwrap();
        let mut held = inputs.each_ref().map(|b| memory.allocate(b.len()).unwrap());
        for (bytes, buffer) in inputs.iter().zip(&mut held) {
            backend().upload(bytes, buffer).unwrap();
        }
        let mut got = vec![0; 4 * 64 * 72];
        let mut out = memory.allocate(got.len()).unwrap();
        let mut pointers = held.each_ref().map(|b| b.pointer());
        // SAFETY: the buffers have the bytes of the program's slots.
        unsafe { e.run(&mut pointers, &[], &[out.write_pointer()]).unwrap() };
        backend().download(&out, &mut got).unwrap();
        results.push(got);
    }
    assert_eq!(s.stub.count(Counter::Products), 4);
    assert!(results.windows(2).all(|w| w[0] == w[1]));
}
