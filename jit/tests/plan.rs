//! The planner against a plan that shares nothing: random programs, loops and branches included,
//! give the same bytes, and the verifier finds no overlap.

use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Kernel, Loop, Mode};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::plan::plan;
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, interp};
use smallvec::smallvec;

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// `c = a + b`, four elements each.
fn add() -> Kernel {
    let mut k = KernelBuilder::new("add", [Loop { extent: 4, mode: Mode::Parallel }]);
    let [a, b, c] = [(); 3].map(|()| k.buffer(DType::I32, 4));
    let (x, y) = (k.load(a, Affine::counter(0)), k.load(b, Affine::counter(0)));
    let sum = k.op(ScalarOp::Add, &[x, y]);
    k.store_at(c, Affine::counter(0), sum);
    k.finish()
}

const INPUT: u32 = 0;
const OUTPUT: u32 = 1;
const INDEX: u32 = 2;
const HOLDS: u32 = 3;
const FIRST_TEMP: usize = 4;
const LENGTHS: [usize; 3] = [4, 12, 40];

fn view(slot: u32, at: Affine) -> View {
    View { slot: SlotId(slot), at }
}

/// Makes steps that read only what every path has filled.
struct Maker {
    random: Random,
    lengths: Vec<usize>,
    /// Trips of the enclosing loops; 0 for a while loop.
    loops: Vec<usize>,
}

impl Maker {
    fn temp(&mut self) -> usize {
        self.random.below(self.lengths.len())
    }

    /// Four elements somewhere in a temporary, moving with the innermost loop if there is room.
    fn window(&mut self, temp: usize) -> View {
        let windows = self.lengths[temp] / 4;
        let slot = (FIRST_TEMP + temp) as u32;
        if let Some(&trips) = self.loops.last()
            && (1..=windows).contains(&trips)
            && self.random.below(2) == 0
        {
            let mut strides = vec![0; self.loops.len()];
            strides[self.loops.len() - 1] = 4;
            return view(slot, Affine::new(0, strides));
        }
        view(slot, Affine::constant(4 * self.random.below(windows) as i64))
    }

    fn block(&mut self, depth: usize, filled: &mut Vec<bool>) -> Vec<Step> {
        let count = 1 + self.random.below(7);
        let mut steps = Vec::new();
        for _ in 0..count {
            let kinds = if depth < 3 { 12 } else { 8 };
            match self.random.below(kinds) {
                0 | 1 => {
                    let t = self.temp();
                    let to = View::whole(SlotId((FIRST_TEMP + t) as u32));
                    let len = self.lengths[t];
                    steps.push(Step::Copy { from: View::whole(SlotId(INPUT)), to, len });
                    filled[t] = true;
                }
                2 => {
                    let t = self.temp();
                    let mut strides = vec![0; self.loops.len()];
                    strides.push(4);
                    let moving = Affine::new(0, strides);
                    let from = view(INPUT, moving.clone());
                    let to = view((FIRST_TEMP + t) as u32, moving);
                    let body = vec![Step::Copy { from, to, len: 4 }];
                    steps.push(Step::Loop { trips: self.lengths[t] / 4, body });
                    filled[t] = true;
                }
                3 => {
                    // Round 0 leaves in window 0 what later rounds read.
                    let [t, c] = [(); 2].map(|()| self.temp());
                    let trips = self.loops.last().copied().unwrap_or(0);
                    if trips == 0 || trips > self.lengths[t] / 4 || self.lengths[c] > 4 || t == c {
                        continue;
                    }
                    let mut strides = vec![0; self.loops.len()];
                    strides[self.loops.len() - 1] = 4;
                    let [from, to] = [INPUT, (FIRST_TEMP + t) as u32]
                        .map(|slot| view(slot, Affine::new(0, strides.iter().copied())));
                    steps.push(Step::Copy { from, to, len: 4 });
                    let [t, to] = [t, c].map(|t| View::whole(SlotId((FIRST_TEMP + t) as u32)));
                    steps.push(Step::Launch {
                        kernel: KernelId(0),
                        args: smallvec![t.clone(), t, to],
                    });
                    filled[c] = true;
                }
                4 | 5 => {
                    let [a, b, c] = [(); 3].map(|()| self.temp());
                    if filled[a] && filled[b] && (filled[c] || self.lengths[c] == 4) {
                        let [x, y, z] = [a, b, c].map(|t| self.window(t));
                        // Different windows that move differently may meet.
                        let meet = |v: &View| v.slot == z.slot && v.at.strides != z.at.strides;
                        if meet(&x) || meet(&y) {
                            continue;
                        }
                        let args = smallvec![x, y, z];
                        steps.push(Step::Launch { kernel: KernelId(0), args });
                        filled[c] = true;
                    }
                }
                6 | 7 => {
                    // The output sees what temporaries hold on the way.
                    let t = self.temp();
                    if filled[t] {
                        let out = View::whole(SlotId(OUTPUT));
                        let args = smallvec![out.clone(), self.window(t), out];
                        steps.push(Step::Launch { kernel: KernelId(0), args });
                    }
                }
                8 | 9 => {
                    let trips = self.random.below(4);
                    self.loops.push(trips);
                    let before = filled.clone();
                    let body = self.block(depth + 1, filled);
                    self.loops.pop();
                    if trips == 0 {
                        *filled = before;
                    }
                    steps.push(Step::Loop { trips, body });
                }
                10 => {
                    self.loops.push(0);
                    let test = self.block(depth + 1, filled);
                    let body = self.block(depth + 1, &mut filled.clone());
                    self.loops.pop();
                    let holds = View::whole(SlotId(HOLDS));
                    steps.push(Step::While { test, holds, body, limit: Some(3) });
                }
                _ => {
                    let mut every = vec![true; filled.len()];
                    let arms = (0..2).map(|_| {
                        let mut here = filled.clone();
                        let arm = self.block(depth + 1, &mut here);
                        every.iter_mut().zip(here).for_each(|(e, h)| *e &= h);
                        arm
                    });
                    let arms = arms.collect();
                    *filled = every;
                    steps.push(Step::Branch { index: View::whole(SlotId(INDEX)), arms });
                }
            }
        }
        steps
    }
}

fn random_program(seed: u64) -> Program {
    let mut random = Random(seed);
    let count = 3 + random.below(9);
    let lengths: Vec<usize> = (0..count).map(|_| LENGTHS[random.below(3)]).collect();
    let slot = |dtype, len, kind| Slot { dtype, len, kind };
    let mut slots = vec![
        slot(DType::I32, 40, SlotKind::Input(0)),
        slot(DType::I32, 4, SlotKind::Output(0)),
        slot(DType::I32, 1, SlotKind::Input(1)),
        slot(DType::Bool, 1, SlotKind::Input(2)),
    ];
    // With room between them, nothing is shared.
    let place = |n: usize| SlotKind::Temp { arena_offset: n * 192 };
    slots.extend(lengths.iter().enumerate().map(|(n, len)| slot(DType::I32, *len, place(n))));
    let mut filled = vec![false; count];
    let mut maker = Maker { random, lengths, loops: Vec::new() };
    let (first, out) = (View::whole(SlotId(INPUT)), View::whole(SlotId(OUTPUT)));
    let mut steps = vec![Step::Copy { from: first, to: out.clone(), len: 4 }];
    steps.extend(maker.block(0, &mut filled));
    steps.extend(maker.block(0, &mut filled));
    for (t, filled) in filled.into_iter().enumerate() {
        // Most die earlier.
        if !filled || maker.random.below(4) > 0 {
            continue;
        }
        for window in 0..maker.lengths[t] / 4 {
            let v = view((FIRST_TEMP + t) as u32, Affine::constant(4 * window as i64));
            let args = smallvec![out.clone(), v, out.clone()];
            steps.push(Step::Launch { kernel: KernelId(0), args });
        }
    }
    Program {
        name: format!("random_{seed}"),
        place: Placement { backend: "cpu", ordinal: 0 },
        slots,
        kernels: vec![add()],
        steps,
        donations: vec![],
        arena: 192 * count,
    }
}

#[test]
fn planned_programs_compute_the_same() {
    let (mut saved, mut total) = (0, 0);
    for seed in 0..1500 {
        let apart = random_program(seed);
        let mut planned = apart.clone();
        plan(&mut planned);
        total += apart.arena;
        saved += apart.arena - planned.arena.min(apart.arena);
        let text = planned.to_string();
        let apart = verify(apart).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let planned = verify(planned).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        for (index, holds) in [(0i32, 1u8), (1, 0), (1, 1)] {
            let numbers = (1..=40i32).flat_map(|n| (n * n * 1009).to_le_bytes()).collect();
            let inputs: [Vec<u8>; 3] = [numbers, index.to_le_bytes().to_vec(), vec![holds]];
            let expected = interp::run(&apart, &inputs).unwrap();
            let got = interp::run(&planned, &inputs).unwrap();
            assert_eq!(got, expected, "seed {seed}, index {index}, holds {holds}\n{text}");
        }
    }
    assert!(saved * 10 > total, "the planner shares nothing: {saved} of {total} bytes");
}

/// `t0 = in + in; t1 = t0 + t0; ...; out = ...`.
fn chain(n: u32) -> Program {
    let mut p = random_program(0);
    let temp = |_| Slot { dtype: DType::I32, len: 4, kind: SlotKind::Temp { arena_offset: 0 } };
    p.slots.truncate(FIRST_TEMP);
    p.slots.extend((0..n).map(temp));
    let whole = |slot| View::whole(SlotId(slot));
    let launch = |from: u32, to: u32| Step::Launch {
        kernel: KernelId(0),
        args: smallvec![whole(from), whole(from), whole(to)],
    };
    p.steps = (0..n).map(|t| launch(if t == 0 { INPUT } else { t + 3 }, t + 4)).collect();
    p.steps.push(launch(n + 3, OUTPUT));
    p
}

#[test]
fn a_chain_needs_two_places() {
    let mut p = chain(20_000);
    // The kernel takes four of the input's forty elements.
    plan(&mut p);
    assert_eq!(p.arena, 128);
    verify(p).unwrap();
}

/// A temporary used inside one loop alone, but whose old contents later iterations read, keeps its
/// place throughout the loop.
#[test]
fn what_rounds_leave_behind_stays() {
    let mut p = random_program(0);
    p.slots.truncate(FIRST_TEMP);
    let (history, last, other) = (4, 5, 6);
    for (n, len) in [12, 4, 12].into_iter().enumerate() {
        let kind = SlotKind::Temp { arena_offset: n * 192 };
        p.slots.push(Slot { dtype: DType::I32, len, kind });
    }
    p.arena = 3 * 192;
    let whole = |slot| View::whole(SlotId(slot));
    let moving = |slot| view(slot, Affine::new(0, [4]));
    let launch = |a, b, c| Step::Launch { kernel: KernelId(0), args: smallvec![a, b, c] };
    let body = vec![
        Step::Copy { from: moving(INPUT), to: moving(history), len: 4 },
        launch(whole(history), whole(history), whole(last)),
        launch(whole(last), whole(OUTPUT), whole(OUTPUT)),
        Step::Copy { from: view(INPUT, Affine::constant(20)), to: whole(other), len: 12 },
        launch(view(other, Affine::constant(8)), whole(OUTPUT), whole(OUTPUT)),
    ];
    let start = Step::Copy { from: whole(INPUT), to: whole(OUTPUT), len: 4 };
    p.steps = vec![start, Step::Loop { trips: 3, body }];
    let apart = p.clone();
    plan(&mut p);
    let numbers: Vec<u8> = (1..=40i32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let inputs = [numbers, vec![0; 4], vec![0]];
    let expected = interp::run(&verify(apart).unwrap(), &inputs).unwrap();
    assert_eq!(interp::run(&verify(p).unwrap(), &inputs).unwrap(), expected);
}
