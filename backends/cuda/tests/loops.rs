//! Loops and branches whose bodies are too large for one block: the device decides by itself, in
//! nodes of graphs, equal to the oracle to the bit, and no round waits for the host.

#[path = "support/nests.rs"]
mod nests;
#[path = "support/session.rs"]
mod session;

use cotangent_cuda_stub::control::Counter;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::Executable;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Kernel, Loop, Mode, Order, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{Precision, Program, Routine, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, interp, plan};
use nests::{Random, inputs, mix, nest, one};
use session::{Given, Session, floats, launch, moving, program, session, slot, temp, whole};

/// More points than one block takes.
const LARGE: usize = 9000;

fn expected(p: &Program, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut p = p.clone();
    plan::plan(&mut p);
    interp::run(&verify(p).unwrap(), inputs).unwrap()
}

fn given(inputs: &[Vec<u8>]) -> Vec<Given> {
    inputs.iter().cloned().map(Given::Bytes).collect()
}

/// Runs a program in several orders and compares it with the oracle; the host waits for nothing in
/// between.
fn agrees(s: &Session, p: &Program, e: &dyn Executable, inputs: &[Vec<u8>], what: &str) {
    for seed in [1, 7] {
        s.stub.seed(seed);
        agrees_as_is(s, p, e, inputs, &format!("{what}, seed {seed}"));
    }
}

fn agrees_as_is(s: &Session, p: &Program, e: &dyn Executable, inputs: &[Vec<u8>], what: &str) {
    s.stub.reset();
    let got = s.run(p, e, &given(inputs)).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(got == expected(p, inputs), "{what} differs");
    // Each output is read once.
    assert_eq!(s.stub.count(Counter::DownloadCalls), p.outputs().len() as u64, "{what}");
    assert_eq!(s.stub.count(Counter::Synchronisations), p.outputs().len() as u64, "{what}");
    assert_eq!(e.launches().round_trips, 0, "{what}");
}

fn ints(all: &[i32]) -> Vec<u8> {
    all.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn numbers(n: usize, times: usize) -> Vec<u8> {
    floats((0..n).map(|i| ((i * times) % 97) as f32 - 40.0))
}

/// The slots of the programs below: x, weights, bounds, one, the result, the state, a temporary,
/// and two counts, the second and the third with bools.
fn slots(n: usize, weights: usize) -> Vec<cotangent_jit::program::Slot> {
    let (f, i) = (DType::F32, DType::I32);
    vec![
        slot(f, n, SlotKind::Input(0)),
        slot(f, weights, SlotKind::Input(1)),
        slot(i, 2, SlotKind::Input(2)),
        slot(i, 1, SlotKind::Input(3)),
        slot(f, n, SlotKind::Output(0)),
        temp(f, n),
        temp(f, n),
        temp(i, 1),
        temp(i, 1),
        temp(i, 1),
        temp(DType::Bool, 1),
        temp(DType::Bool, 1),
    ]
}

fn kernels(n: usize) -> Vec<Kernel> {
    vec![mix(n), one(ScalarOp::Lt), one(ScalarOp::Add), one(ScalarOp::Sub)]
}

fn copy(from: u32, to: u32, len: usize) -> Step {
    Step::Copy { from: whole(from), to: whole(to), len }
}

/// The state becomes `weights - state / 2`.
fn mixed(n: usize, weights: View) -> [Step; 2] {
    [launch(0, &[whole(5), weights, whole(6)]), copy(6, 5, n)]
}

/// A count goes up by one.
fn counts(count: u32) -> [Step; 2] {
    [launch(2, &[whole(count), whole(3), whole(7)]), copy(7, count, 1)]
}

fn zero(count: u32) -> Step {
    launch(3, &[whole(3), whole(3), whole(count)])
}

/// `while count < bound { body; count += 1 }`; count 8 has the first bound, 9 the second.
fn counting(count: u32, mut body: Vec<Step>, limit: Option<usize>) -> [Step; 2] {
    let at = i64::from(count - 8);
    let bound = View { slot: SlotId(2), at: Affine::constant(at) };
    let test = vec![launch(1, &[whole(count), bound, whole(count + 2)])];
    body.extend(counts(count));
    [zero(count), Step::While { test, holds: whole(count + 2), body, limit }]
}

#[test]
fn a_loop_of_large_bodies_asks_the_host_nothing() {
    let s = session();
    for limit in [None, Some(0), Some(2), Some(100)] {
        let mut steps = vec![copy(0, 5, LARGE)];
        steps.extend(counting(8, mixed(LARGE, whole(1)).to_vec(), limit));
        steps.push(copy(5, 4, LARGE));
        let p = program(kernels(LARGE), slots(LARGE, LARGE), steps);
        let e = s.compile(&p);
        let words = e.launches().to_string();
        assert!(words.ends_with("in 1 graph with 1 conditional node, 0 round trips"), "{words}");
        let mut kept = Vec::new();
        for bound in [3, 0, 7, -5] {
            // The next run finds its memory elsewhere.
            kept.push(s.upload(&numbers(LARGE, 1)));
            let inputs = [numbers(LARGE, 31), numbers(LARGE, 57), ints(&[bound, 0]), ints(&[1])];
            agrees(&s, &p, &*e, &inputs, &format!("bound {bound}, limit {limit:?}"));
            assert_eq!(s.stub.count(Counter::GraphLaunches), 1);
            // The entry of the large kernel ran as often as the loop had rounds.
            let rounds = (bound.max(0) as usize).min(limit.unwrap_or(100));
            let most = s.stub.kernels().iter().filter(|(_, n)| *n == rounds as u64).count();
            assert!(rounds == 0 || most >= 2, "{:?}", s.stub.kernels());
        }
    }
}

#[test]
fn loops_in_loops() {
    let s = session();
    let n = LARGE;
    let mut inner = mixed(n, whole(1)).to_vec();
    inner.extend(counting(9, mixed(n, whole(1)).to_vec(), Some(2)));
    let mut steps = vec![copy(0, 5, n)];
    steps.extend(counting(8, inner, None));
    steps.push(copy(5, 4, n));
    let p = program(kernels(n), slots(n, n), steps);
    let e = s.compile(&p);
    for bounds in [[2, 1], [3, 0], [0, 2], [2, 5]] {
        let inputs = [numbers(n, 31), numbers(n, 57), ints(&bounds), ints(&[1])];
        agrees(&s, &p, &*e, &inputs, &format!("{bounds:?}"));
    }
    assert_eq!(e.launches().conditions, 2);
}

/// Loops of more launches than a graph unrolls are one node, with several iterations for each of
/// its rounds; addresses move with the counter.
#[test]
fn long_loops_are_one_node() {
    let s = session();
    let (n, step) = (16, 3);
    for trips in [700, 733] {
        let weights = step * trips + n;
        let sort = Routine::Sort {
            dtypes: [DType::F32].into_iter().collect(),
            keys: 1,
            outer: 1,
            len: n,
            inner: 1,
        };
        let mut body = mixed(n, moving(1, step as i64)).to_vec();
        let args = [whole(5), whole(5)].into_iter().collect();
        body.push(Step::Routine { routine: sort, args });
        let steps = vec![copy(0, 5, n), Step::Loop { trips, body }, copy(5, 4, n)];
        let p = program(kernels(n), slots(n, weights), steps);
        let e = s.compile(&p);
        let launches = e.launches();
        assert_eq!((launches.graphs, launches.conditions), (1, 1), "{launches}");
        assert!(launches.nodes < 80, "{launches}");
        let inputs = [numbers(n, 31), numbers(weights, 57), ints(&[0, 0]), ints(&[1])];
        agrees(&s, &p, &*e, &inputs, &format!("{trips} iterations"));
        assert!(s.stub.count(Counter::Kernels) > 2 * trips as u64);
    }
}

/// A branch in a `while` in a loop, by an index at the loop's counter, with an arm of nothing.
#[test]
fn branches_in_loops_in_loops() {
    let s = session();
    let (n, trips) = (LARGE, 6);
    let mut all = slots(n, n + trips);
    all.push(slot(DType::I32, trips, SlotKind::Input(4)));
    let index = View { slot: SlotId(12), at: Affine::new(0, [1, 0]) };
    let shifted = View { slot: SlotId(1), at: Affine::new(1, [1, 0]) };
    let arms = vec![
        mixed(n, whole(1)).to_vec(),
        Vec::new(),
        [mixed(n, shifted.clone()), mixed(n, shifted)].concat(),
    ];
    let body = counting(8, vec![Step::Branch { index, arms }], None).to_vec();
    let steps = vec![copy(0, 5, n), Step::Loop { trips, body }, copy(5, 4, n)];
    let p = program(kernels(n), all, steps);
    let e = s.compile(&p);
    for (bound, indices) in [(2, [0, 1, 2, -7, 9, 2]), (1, [2, 2, 0, 0, i32::MIN, i32::MAX])] {
        let inputs =
            [numbers(n, 31), numbers(n + trips, 57), ints(&[bound, 0]), ints(&[1]), ints(&indices)];
        agrees(&s, &p, &*e, &inputs, &format!("{bound} rounds by {indices:?}"));
    }
}

/// A branch outside of any loop, with more arms than one launch sets conditions of.
#[test]
fn branches_of_many_arms() {
    let s = session();
    let n = 16;
    let arm = |k: usize| mixed(n, View { slot: SlotId(1), at: Affine::constant(k as i64) });
    let sort = Routine::Sort {
        dtypes: [DType::F32].into_iter().collect(),
        keys: 1,
        outer: 1,
        len: n,
        inner: 1,
    };
    let sorted = Step::Routine { routine: sort, args: [whole(5), whole(5)].into_iter().collect() };
    let arms = (0..70).map(|k| match k % 10 {
        3 => Vec::new(),
        4 => vec![sorted.clone()],
        _ => arm(k).to_vec(),
    });
    let index = View { slot: SlotId(2), at: Affine::default() };
    let branch = Step::Branch { index, arms: arms.collect() };
    let steps = vec![copy(0, 5, n), branch, copy(5, 4, n)];
    let p = program(kernels(n), slots(n, n + 70), steps);
    let e = s.compile(&p);
    assert_eq!(e.launches().conditions, 63, "{}", e.launches());
    for index in [i32::MIN, -1, 0, 1, 3, 4, 31, 32, 33, 34, 68, 69, 70, i32::MAX] {
        let inputs = [numbers(n, 31), numbers(n + 70, 57), ints(&[index, 0]), ints(&[1])];
        agrees(&s, &p, &*e, &inputs, &format!("arm {index}"));
    }
}

/// Updates by indices, in order.
fn scatter(updates: usize, len: usize) -> Kernel {
    let d = DType::F32;
    let loops = [Loop { extent: updates, mode: Mode::Sequential }];
    let mut b = KernelBuilder::new("scatter", loops);
    let places = b.buffer(DType::I64, updates);
    let values = b.buffer(d, updates);
    let buffer = b.buffer(d, len);
    let place = b.load(places, Affine::counter(0));
    let value = b.load(values, Affine::counter(0));
    let (at, combine) = (Affine::default(), Some(Combine::Sum));
    b.store(Store { buffer, at, offset: Some(place), combine, value });
    Kernel { order: Order::SEQUENTIAL, ..b.finish() }
}

/// Many rows are sorted, and many updates combined in order, in each round.
#[test]
fn sorts_and_updates_in_loops() {
    let s = session();
    let (n, len) = (5000, 60);
    let mut all = slots(n, n);
    all.push(slot(DType::I64, n, SlotKind::Input(4)));
    all.push(slot(DType::F32, len, SlotKind::Output(1)));
    all.push(slot(DType::F32, len, SlotKind::Input(5)));
    let sort = Routine::Sort {
        dtypes: [DType::F32].into_iter().collect(),
        keys: 1,
        outer: 1,
        len: n,
        inner: 1,
    };
    let mut body = mixed(n, whole(1)).to_vec();
    let args = [whole(5), whole(5)].into_iter().collect();
    body.push(Step::Routine { routine: sort, args });
    body.push(launch(4, &[whole(12), whole(5), whole(13)]));
    let mut steps = vec![copy(0, 5, n), copy(14, 13, len)];
    steps.extend(counting(8, body, None));
    steps.push(copy(5, 4, n));
    let mut all_kernels = kernels(n);
    all_kernels.push(scatter(n, len));
    let p = program(all_kernels, all, steps);
    let e = s.compile(&p);
    let places = (0..n).flat_map(|i| ((i * 7919 % (len + 4)) as i64 - 2).to_le_bytes()).collect();
    let mut inputs =
        vec![numbers(n, 31), numbers(n, 57), ints(&[2, 0]), ints(&[1]), places, numbers(len, 11)];
    agrees(&s, &p, &*e, &inputs, "two rounds");
    inputs[2] = ints(&[0, 0]);
    agrees(&s, &p, &*e, &inputs, "no round");
}

#[test]
fn random_nests_agree_with_the_oracle() {
    let s = session();
    let seeds = std::env::var("RANDOM_NESTS").map_or(60, |n| n.parse().unwrap());
    let mut conditions = 0;
    for seed in 0..seeds {
        let p = nest(seed, false);
        let e = s.compile(&p);
        conditions += e.launches().conditions;
        for run in 0..2 {
            s.stub.seed(7 * seed + run);
            let inputs = inputs(3 * seed + run);
            agrees_as_is(&s, &p, &*e, &inputs, &format!("nest {seed}, run {run}"));
        }
    }
    assert!(conditions > 3 * seeds as usize, "{conditions} conditional nodes");
}

/// What the host takes part in stays between the graphs, whose loops still run by themselves.
#[test]
fn random_nests_around_the_host() {
    let s = session();
    let (mut conditions, mut round_trips) = (0, 0);
    for seed in 0..60 {
        let p = nest(seed, true);
        let e = s.compile(&p);
        if e.launches().round_trips > 0 {
            conditions += e.launches().conditions;
            round_trips += e.launches().round_trips;
        }
        for run in 0..2 {
            s.stub.seed(11 * seed + run);
            let inputs = inputs(5 * seed + run);
            let got = s.run(&p, &*e, &given(&inputs)).unwrap();
            assert!(got == expected(&p, &inputs), "nest {seed}, run {run} differs");
        }
    }
    assert!(conditions > 30 && round_trips > 30, "{conditions}, {round_trips} round trips");
}

/// Products of matrices and vectors, with addresses of several kinds, in a loop.
#[test]
fn products_in_loops() {
    let s = session();
    for dtype in [DType::F32, DType::BF16, DType::F64, DType::I32] {
        for (m, n, k) in [(70, 66, 70), (3, 200, 200), (128, 128, 64)] {
            let (lhs, rhs) = ([0, k as i64, 1], [0, n as i64, 1]);
            let dot =
                Routine::Dot { dtype, batch: 1, m, n, k, lhs, rhs, precision: Precision::Full };
            let mut all = slots(16, 16);
            all.push(slot(dtype, m * k, SlotKind::Input(4)));
            all.push(slot(dtype, k * n, SlotKind::Input(5)));
            all.push(slot(dtype, 3 * m * n, SlotKind::Output(1)));
            all.push(slot(dtype, 3 * m * n, SlotKind::Input(6)));
            // The counter of the inner loop is the second one.
            let to = View { slot: SlotId(14), at: Affine::new(0, [0, (m * n) as i64]) };
            let args = [whole(12), whole(13), to].into_iter().collect();
            let product = Step::Routine { routine: dot, args };
            let body = vec![Step::Loop { trips: 3, body: vec![product] }];
            let mut steps = vec![copy(0, 5, 16), copy(15, 14, 3 * m * n)];
            steps.extend(counting(8, body, None));
            steps.push(copy(5, 4, 16));
            let p = program(kernels(16), all, steps);
            let e = s.compile(&p);
            // Small integers, whose sums are exact in every type.
            let small = |len: usize| -> Vec<u8> {
                let one = |i: usize| (i * 7 % 3) as i64 - 1;
                let bytes = |i: usize| match dtype {
                    DType::F32 => (one(i) as f32).to_le_bytes().to_vec(),
                    DType::F64 => (one(i) as f64).to_le_bytes().to_vec(),
                    DType::BF16 => half::bf16::from_f64(one(i) as f64).to_le_bytes().to_vec(),
                    _ => (one(i) as i32).to_le_bytes().to_vec(),
                };
                (0..len).flat_map(bytes).collect()
            };
            for rounds in [2, 0] {
                let inputs = [
                    numbers(16, 31),
                    numbers(16, 57),
                    ints(&[rounds, 0]),
                    ints(&[1]),
                    small(m * k),
                    small(k * n),
                    small(3 * m * n),
                ];
                let what = format!("{rounds} rounds of {m}x{k}x{n} of {dtype}");
                agrees(&s, &p, &*e, &inputs, &what);
            }
        }
    }
}

/// Several threads run one executable on inputs of their own.
#[test]
fn threads_share_an_executable() {
    let s = session();
    let p = (0..)
        .map(|seed| nest(seed, false))
        .find(|p| s.compile(p).launches().conditions > 4)
        .unwrap();
    let e = s.compile(&p);
    let run = |thread: u64| {
        let mut r = Random(thread);
        for _ in 0..12 {
            let inputs = inputs(r.below(1000) as u64);
            let got = s.run(&p, &*e, &given(&inputs)).unwrap();
            assert!(got == expected(&p, &inputs), "thread {thread} differs");
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..3).map(|n| scope.spawn(move || run(n))).collect();
        all.into_iter().for_each(|t| t.join().unwrap());
    });
}
