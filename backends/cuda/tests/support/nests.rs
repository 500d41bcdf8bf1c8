//! Random nests of loops, tests and branches around launches: addresses in the counters of loops
//! around, limits, empty arms, rounds by inputs, rows that are sorted in between, and routines that
//! the host computes.

use super::session::{launch, program, slot, temp, whole};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Kernel, Loop, Mode};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{Program, Routine, SlotId, SlotKind, Step, View};
use cotangent_jit::{DType, Scalar};

/// Elements of the state, and how far addresses move.
const N: usize = 16;
const ROOM: usize = 64;
/// The most iterations of all loops around a step, as a product.
const MOST: usize = 120;

/// The slots that every nest has: inputs, outputs, temporaries.
const FIRST: u32 = 0;
const WEIGHTS: u32 = 1;
const INDICES: u32 = 2;
const BOUNDS: u32 = 3;
const ONE: u32 = 4;
const OUT: u32 = 5;
const TICKS: u32 = 6;
const STATE: u32 = 7;
const MIXED: u32 = 8;
const TICK: u32 = 9;
const MORE: u32 = 10;
const MATRIX: u32 = 11;
const FACTOR: u32 = 12;
const COUNTS: u32 = 13;

/// A deterministic stream of numbers.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }
}

/// `z = w - x / 2`, which shows the order of steps.
pub fn mix(n: usize) -> Kernel {
    let (d, at) = (DType::F32, Affine::counter(0));
    let mut b = KernelBuilder::new("mix", [Loop { extent: n, mode: Mode::Parallel }]);
    let (x, w) = (b.buffer(d, n), b.buffer(d, n));
    let (u, v) = (b.load(x, at.clone()), b.load(w, at.clone()));
    let half = b.constant(Scalar::from_f64(d, 0.5).unwrap());
    let u = b.op(ScalarOp::Mul, &[u, half]);
    let u = b.op(ScalarOp::Sub, &[v, u]);
    let z = b.buffer(d, n);
    b.store_at(z, at, u);
    b.finish()
}

/// `z = x op y` of one i32.
pub fn one(op: ScalarOp) -> Kernel {
    super::session::binary(op, DType::I32, 1)
}

struct Nest<'a> {
    r: &'a mut Random,
    /// The rounds of the loops around; `None` of one that ends by a test.
    trips: Vec<Option<usize>>,
    /// The counters and bools of the loops that end by a test.
    tests: u32,
    /// Whether the host takes part.
    host: bool,
}

/// A program, whose inputs are those of [`inputs`].
pub fn nest(seed: u64, host: bool) -> Program {
    let mut r = Random(seed);
    let mut nest = Nest { r: &mut r, trips: Vec::new(), tests: 0, host };
    let mut steps = vec![
        Step::Copy { from: whole(FIRST), to: whole(STATE), len: N },
        Step::Copy { from: whole(WEIGHTS), to: whole(OUT), len: N + ROOM },
        Step::Copy { from: whole(BOUNDS), to: whole(TICK), len: 1 },
    ];
    for _ in 0..2 {
        nest.steps(4, 1, &mut steps);
    }
    steps.push(Step::Copy { from: whole(STATE), to: whole(OUT), len: N });
    steps.push(Step::Copy { from: whole(TICK), to: whole(TICKS), len: 1 });
    let (f, i) = (DType::F32, DType::I32);
    let mut slots = vec![
        slot(f, N, SlotKind::Input(0)),
        slot(f, N + ROOM, SlotKind::Input(1)),
        slot(i, 1 + ROOM, SlotKind::Input(2)),
        slot(i, 8, SlotKind::Input(3)),
        slot(i, 1, SlotKind::Input(4)),
        slot(f, N + ROOM, SlotKind::Output(0)),
        slot(i, 1, SlotKind::Output(1)),
        temp(f, N),
        temp(f, N),
        temp(i, 1),
        temp(i, 1),
        slot(f, 4, SlotKind::Input(5)),
        temp(f, 4),
    ];
    for _ in 0..nest.tests {
        slots.extend([temp(i, 1), temp(DType::Bool, 1)]);
    }
    program(vec![mix(N), one(ScalarOp::Lt), one(ScalarOp::Add)], slots, steps)
}

/// Inputs of a nest.
pub fn inputs(seed: u64) -> Vec<Vec<u8>> {
    let mut r = Random(seed ^ 0x5eed);
    let mut floats = |n: usize| -> Vec<u8> {
        (0..n).flat_map(|_| (r.below(1000) as f32 / 8.0 - 60.0).to_le_bytes()).collect()
    };
    let all = [floats(N), floats(N + ROOM)];
    let indices = [i32::MIN, -1, 0, 1, 2, 3, 40, i32::MAX];
    let indices: Vec<i32> = (0..=ROOM).map(|_| indices[r.below(indices.len())]).collect();
    let bounds: Vec<i32> = (0..8).map(|_| r.below(6) as i32 - 1).collect();
    let bytes = |all: &[i32]| all.iter().flat_map(|n| n.to_le_bytes()).collect();
    let [first, weights] = all;
    let matrix = [4.0f32, 1.0, 1.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    vec![first, weights, bytes(&indices), bytes(&bounds), bytes(&[1]), matrix]
}

impl Nest<'_> {
    /// A view that moves with the counters around within `ROOM` elements.
    fn moving(&mut self, slot: u32) -> View {
        let (mut left, mut offset) = (ROOM, 0);
        let mut strides = Vec::new();
        for trips in &self.trips {
            let steps = trips.unwrap_or(1).saturating_sub(1);
            let stride = left.checked_div(steps).map_or(0, |most| self.r.below(most + 1));
            left -= stride * steps;
            let back = self.r.below(4) == 0;
            offset += if back { stride * steps } else { 0 };
            strides.push(if back { -(stride as i64) } else { stride as i64 });
        }
        let offset = offset + self.r.below(left + 1);
        View { slot: SlotId(slot), at: Affine::new(offset as i64, strides) }
    }

    fn steps(&mut self, depth: usize, product: usize, all: &mut Vec<Step>) {
        for _ in 0..1 + self.r.below(3) {
            match self.r.below(if depth == 0 { 5 } else { 10 }) {
                0..2 => {
                    let weights = self.moving(WEIGHTS);
                    all.push(launch(0, &[whole(STATE), weights, whole(MIXED)]));
                    all.push(Step::Copy { from: whole(MIXED), to: whole(STATE), len: N });
                }
                2 => {
                    let to = self.moving(OUT);
                    all.push(Step::Copy { from: whole(STATE), to, len: N });
                }
                3 if self.host && self.r.below(2) == 0 => {
                    let (dtype, paired) = (DType::F32, false);
                    let routine = Routine::Cholesky { dtype, paired, batch: 1, n: 2 };
                    let args = [whole(MATRIX), whole(FACTOR)].into_iter().collect();
                    all.push(Step::Routine { routine, args });
                }
                3 => {
                    // A routine is not for one block.
                    let dtypes = [DType::F32].into_iter().collect();
                    let routine = Routine::Sort { dtypes, keys: 1, outer: 1, len: N, inner: 1 };
                    let args = [whole(STATE), whole(STATE)].into_iter().collect();
                    all.push(Step::Routine { routine, args });
                }
                4 => {
                    all.push(launch(2, &[whole(TICK), whole(ONE), whole(MORE)]));
                    all.push(Step::Copy { from: whole(MORE), to: whole(TICK), len: 1 });
                }
                5..7 => self.counted(depth, product, all),
                7 => self.branch(depth, product, all),
                _ => self.tested(depth, product, all),
            }
        }
    }

    fn counted(&mut self, depth: usize, product: usize, all: &mut Vec<Step>) {
        let trips = [0, 1, 2, 3, 7, 33, 40, 67][self.r.below(8)];
        let trips = if trips * product > MOST { 2 } else { trips };
        let mut body = Vec::new();
        self.trips.push(Some(trips));
        self.steps(depth - 1, product * trips.max(1), &mut body);
        self.trips.pop();
        all.push(Step::Loop { trips, body });
    }

    fn branch(&mut self, depth: usize, product: usize, all: &mut Vec<Step>) {
        let index = self.moving(INDICES);
        let mut arms = Vec::new();
        for _ in 0..1 + self.r.below(4) {
            let mut arm = Vec::new();
            if self.r.below(4) > 0 {
                self.steps(depth - 1, product, &mut arm);
            }
            arms.push(arm);
        }
        all.push(Step::Branch { index, arms });
    }

    fn tested(&mut self, depth: usize, product: usize, all: &mut Vec<Step>) {
        let count = COUNTS + 2 * self.tests;
        let holds = count + 1;
        self.tests += 1;
        let bound = View { slot: SlotId(BOUNDS), at: Affine::constant(self.r.below(8) as i64) };
        // Bounds are below 5, so a count from 1 ends soon.

        let mut test = vec![launch(1, &[whole(count), bound, whole(holds)])];
        let mut body = Vec::new();
        self.trips.push(None);
        if self.r.below(3) == 0 {
            self.steps(0, product * 4, &mut test);
        }
        self.steps(depth - 1, product * 4, &mut body);
        self.trips.pop();
        let next = launch(2, &[whole(count), whole(ONE), whole(MORE)]);
        body.push(next);
        body.push(Step::Copy { from: whole(MORE), to: whole(count), len: 1 });
        let limit = [None, None, Some(0), Some(1), Some(2), Some(100)][self.r.below(6)];
        all.push(Step::Copy { from: whole(ONE), to: whole(count), len: 1 });
        all.push(Step::While { test, holds: whole(holds), body, limit });
    }
}
