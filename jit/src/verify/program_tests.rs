//! Programs that break each invariant, with the verifier's messages, and unusual programs that must
//! pass.

use super::verify;
use crate::DType;
use crate::affine::Affine;
use crate::build::KernelBuilder;
use crate::interp;
use crate::kernel::{Kernel, Loop, Mode};
use crate::op::ScalarOp;
use crate::plan::plan;
use crate::program::{
    KernelId, Placement, Precision, Program, Routine, Slot, SlotId, SlotKind, Step, View,
};
use smallvec::smallvec;

/// `b[i] = a[i] + a[i]`.
fn double(len: usize) -> Kernel {
    let mut b = KernelBuilder::new("double", [Loop { extent: len, mode: Mode::Parallel }]);
    let (x, y) = (b.buffer(DType::F32, len), b.buffer(DType::F32, len));
    let v = b.load(x, Affine::counter(0));
    let v = b.op(ScalarOp::Add, &[v, v]);
    b.store_at(y, Affine::counter(0), v);
    b.finish()
}

fn at(slot: u32, offset: i64, strides: &[i64]) -> View {
    View { slot: SlotId(slot), at: Affine::new(offset, strides.iter().copied()) }
}

fn whole(slot: u32) -> View {
    View::whole(SlotId(slot))
}

fn launch(from: View, to: View) -> Step {
    Step::Launch { kernel: KernelId(0), args: smallvec![from, to] }
}

fn copy(from: View, to: View, len: usize) -> Step {
    Step::Copy { from, to, len }
}

/// Slots: 0 input f32[4], 1 output f32[4], 2 and 3 temporaries f32[4], 4 input bool[1], 5 input
/// i32[1].
fn program(steps: Vec<Step>) -> Program {
    let slot = |dtype, len, kind| Slot { dtype, len, kind };
    let temp = SlotKind::Temp { arena_offset: 0 };
    let mut p = Program {
        name: "test".into(),
        place: Placement { backend: "cpu", ordinal: 0 },
        slots: vec![
            slot(DType::F32, 4, SlotKind::Input(0)),
            slot(DType::F32, 4, SlotKind::Output(0)),
            slot(DType::F32, 4, temp),
            slot(DType::F32, 4, temp),
            slot(DType::Bool, 1, SlotKind::Input(1)),
            slot(DType::I32, 1, SlotKind::Input(2)),
        ],
        kernels: vec![double(4)],
        steps,
        donations: vec![],
        arena: 0,
    };
    plan(&mut p);
    p
}

fn chain() -> Program {
    let steps = vec![launch(whole(0), whole(2)), launch(whole(2), whole(3))];
    program([steps, vec![launch(whole(3), whole(1))]].concat())
}

#[track_caller]
fn holds(p: Program) {
    if let Err(e) = verify(p) {
        panic!("{e}");
    }
}

#[track_caller]
fn broken(law: usize, text: &str, mut p: Program, change: impl FnOnce(&mut Program)) {
    change(&mut p);
    let e = verify(p).expect_err("the program passed");
    assert!(e.message().contains(&format!("breaks invariant {law},")), "{e}");
    assert!(e.message().contains(text), "{e}");
}

#[track_caller]
fn breaks(law: usize, text: &str, steps: Vec<Step>) {
    broken(law, text, program(steps), |_| {});
}

#[test]
fn messages_point_into_the_listing() {
    let p = program(vec![launch(whole(0), whole(1)), copy(at(0, 2, &[]), whole(1), 3)]);
    let expected = "\
program test breaks invariant 1, operands exist and fit, and views stay inside their \
    slots: in0[2] spans 2 to 5, the slot has 4
  program test on cpu:0 {
    in0: f32[4]
    out0: f32[4]
    t2: f32[4]
    t3: f32[4]
    in1: bool[1]
    in2: i32[1]
    launch k0 double(in0, out0)
>   copy in0[2] to out0 len 3
  }
";
    assert_eq!(verify(p).unwrap_err().message(), expected);
}

#[test]
fn a_good_program_runs() {
    let p = verify(chain()).unwrap();
    let x: Vec<u8> = [1f32, 2.0, 3.0, -0.5].iter().flat_map(|x| x.to_le_bytes()).collect();
    let y: Vec<u8> = [8f32, 16.0, 24.0, -4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let out = interp::run(&p, &[x, vec![1], vec![0; 4]]).unwrap();
    assert_eq!(out, [y]);
    let e = interp::run(&p, &[vec![0u8; 3], vec![1], vec![0; 4]]).unwrap_err();
    assert_eq!(e.message(), "run test: input 0: expected 16 bytes, got 3");
}

#[test]
fn one_operands_fit() {
    broken(1, "there is no kernel k0", chain(), |p| p.kernels.clear());
    broken(1, "number 0 of 2 is taken", chain(), |p| p.slots[2].kind = SlotKind::Output(0));
    broken(1, "number 7 of 3", chain(), |p| p.slots[4].kind = SlotKind::Input(7));
    breaks(1, "in1: expected f32, got bool", vec![launch(whole(4), whole(1))]);
    let one = Step::Launch { kernel: KernelId(0), args: smallvec![whole(0)] };
    breaks(1, "expected 2 arguments, got 1", vec![one]);
    breaks(1, "in0[i0]: there is no loop 0", vec![copy(at(0, 0, &[1]), whole(1), 1)]);
    breaks(1, "spans -1 to 0", vec![copy(at(0, -1, &[]), whole(1), 1)]);
    let body = vec![copy(at(0, 0, &[1]), at(1, 0, &[1]), 1)];
    holds(program(vec![Step::Loop { trips: 4, body: body.clone() }]));
    breaks(1, "in0[i0] spans 0 to 5", vec![Step::Loop { trips: 5, body: body.clone() }]);
    let again = Step::While { test: vec![], holds: whole(4), body, limit: None };
    breaks(1, "i0 counts a while loop", vec![again]);
    breaks(
        1,
        "in2: expected bool, got i32",
        vec![Step::While { test: vec![], holds: whole(5), body: vec![], limit: None }],
    );
    breaks(
        1,
        "in0: expected i32, got f32",
        vec![Step::Branch { index: whole(0), arms: vec![vec![]] }],
    );
    breaks(1, "a branch needs an arm", vec![Step::Branch { index: whole(5), arms: vec![] }]);
}

#[test]
fn one_arguments_do_not_overlap() {
    let first = launch(whole(0), whole(1));
    // The same point of the same memory is an update in place.
    holds(program(vec![first.clone(), launch(whole(1), whole(1))]));
    let step = copy(whole(1), at(1, 1, &[]), 3);
    breaks(1, "out0 and out0[1] may overlap", vec![first.clone(), step]);
    holds(program(vec![first.clone(), copy(whole(1), at(1, 2, &[]), 2)]));
    let shift = |by| {
        let mut p = program(vec![first.clone(), launch(whole(1), whole(1))]);
        let mut b = KernelBuilder::new("shift", [Loop { extent: 3, mode: Mode::Parallel }]);
        let (x, y) = (b.buffer(DType::F32, 4), b.buffer(DType::F32, 4));
        let v = b.load(x, Affine::new(by, [1]));
        b.store_at(y, Affine::counter(0), v);
        p.kernels.push(b.finish());
        if let Step::Launch { kernel, .. } = &mut p.steps[1] {
            *kernel = KernelId(1);
        }
        p
    };
    holds(shift(0));
    broken(1, "out0 is bound twice: no store has this index", shift(1), |_| {});
    let dot = |out| Step::Routine {
        routine: Routine::Dot {
            dtype: DType::F32,
            batch: 1,
            m: 2,
            n: 2,
            k: 2,
            lhs: [0, 2, 1],
            rhs: [0, 1, 2],
            precision: Precision::Full,
        },
        args: smallvec![whole(0), whole(2), out],
    };
    let copied = copy(whole(0), whole(2), 4);
    holds(program(vec![copied.clone(), dot(whole(1))]));
    breaks(1, "dot does not work in place", vec![copied, first, dot(whole(2))]);
}

#[test]
fn one_routines_fit() {
    let sort = |keys, args| Step::Routine {
        routine: Routine::Sort { dtypes: smallvec![DType::F32], keys, outer: 1, len: 4, inner: 1 },
        args,
    };
    holds(program(vec![sort(1, smallvec![whole(0), whole(1)])]));
    holds(program(vec![launch(whole(0), whole(1)), sort(1, smallvec![whole(1), whole(1)])]));
    breaks(1, "0 keys of 1 operands", vec![sort(0, smallvec![whole(0), whole(1)])]);
    breaks(1, "expected 2 arguments, got 1", vec![sort(1, smallvec![whole(0)])]);
    let top_k = |dtype, place, k| Step::Routine {
        routine: Routine::TopK { dtype, place, k, outer: 1, len: 4, inner: 1 },
        args: smallvec![whole(0), whole(1), whole(2)],
    };
    breaks(1, "top_k does not take c64", vec![top_k(DType::C64, DType::I32, 4)]);
    breaks(1, "the 5 greatest of 4 elements", vec![top_k(DType::F32, DType::I32, 5)]);
    breaks(1, "f32 does not hold the positions of 4", vec![top_k(DType::F32, DType::F32, 4)]);
    let dot = |dtype, precision| {
        let (lhs, rhs) = ([0, 2, 1], [0, 2, 1]);
        let routine = Routine::Dot { dtype, batch: 1, m: 2, n: 2, k: 2, lhs, rhs, precision };
        Step::Routine { routine, args: smallvec![whole(0), whole(0), whole(1)] }
    };
    let lower = program(vec![dot(DType::F32, Precision::Tf32)]);
    assert!(lower.to_string().contains("rhs=[0, 2, 1] precision=tf32"));
    assert!(!program(vec![dot(DType::F32, Precision::Full)]).to_string().contains("precision"));
    holds(lower);
    let lower = vec![dot(DType::F64, Precision::Tf32)];
    breaks(1, "dot has no precision tf32 of f64", lower);
    let back = Routine::Dot {
        dtype: DType::F32,
        batch: 1,
        m: 2,
        n: 2,
        k: 2,
        lhs: [0, -2, 1],
        rhs: [0, 1, 2],
        precision: Precision::Full,
    };
    breaks(
        1,
        "lead before the start",
        vec![Step::Routine { routine: back, args: smallvec![whole(0), whole(0), whole(1)] }],
    );
}

#[test]
fn two_written_before_read() {
    breaks(2, "t2 is read here before it is written", vec![launch(whole(2), whole(1))]);
    breaks(2, "out0 is not written on every path", vec![launch(whole(0), whole(2))]);
    let write = || vec![launch(whole(0), whole(1))];
    let branch = |arms| Step::Branch { index: whole(5), arms };
    holds(program(vec![branch(vec![write(), write()])]));
    breaks(2, "out0 is not written on every path", vec![branch(vec![write(), vec![]])]);
    holds(program(vec![Step::Loop { trips: 1, body: write() }]));
    breaks(2, "out0 is not written", vec![Step::Loop { trips: 0, body: write() }]);
    let again = |test, body| Step::While { test, holds: whole(4), body, limit: None };
    holds(program(vec![again(write(), vec![])]));
    breaks(2, "out0 is not written", vec![again(vec![], write())]);
    breaks(
        2,
        "t2 is read",
        vec![branch(vec![vec![launch(whole(0), whole(2))], vec![launch(whole(2), whole(1))]])],
    );
}

#[test]
fn three_inputs_stay() {
    breaks(3, "in0 is an input", vec![launch(whole(0), whole(1)), launch(whole(1), whole(0))]);
}

#[test]
fn three_donations_are_dead() {
    let donated = |steps| {
        let mut p = program(steps);
        p.donations = vec![(0, 0)];
        p
    };
    let point = launch(whole(0), whole(1));
    holds(donated(vec![point.clone()]));
    holds(donated(vec![launch(whole(0), whole(2)), launch(whole(2), whole(1))]));
    let late = vec![point.clone(), launch(whole(0), whole(2)), copy(whole(2), whole(1), 4)];
    broken(3, "in0 is read here, after out0", donated(late), |_| {});
    let round = vec![launch(whole(0), whole(2)), copy(whole(2), whole(1), 4)];
    let looped = donated(vec![Step::Loop { trips: 3, body: round }]);
    broken(3, "in0 is read here, after out0", looped, |_| {});
    let shifted = vec![copy(at(0, 1, &[]), whole(1), 1), copy(whole(1), at(1, 1, &[]), 1)];
    broken(3, "this step does not work in place", donated(shifted), |_| {});
    broken(3, "types or lengths differ", donated(vec![point.clone()]), |p| p.donations[0].1 = 1);
    broken(3, "no such input", donated(vec![point.clone()]), |p| p.donations[0].1 = 9);
    broken(3, "another donation", donated(vec![point]), |p| p.donations.push((0, 0)));
}

#[test]
fn four_lives_do_not_overlap() {
    holds(chain());
    broken(4, "t2: f32[4] at byte 0", chain(), |p| {
        for n in [2, 3] {
            p.slots[n].kind = SlotKind::Temp { arena_offset: 0 };
        }
    });
    broken(4, "plan first", chain(), |p| p.arena = 0);
    broken(4, "byte 32 is not aligned", chain(), |p| {
        p.slots[2].kind = SlotKind::Temp { arena_offset: 32 };
    });
}

#[test]
fn small_programs_verify_in_microseconds() {
    let p = chain();
    let start = std::time::Instant::now();
    for _ in 0..100 {
        holds(p.clone());
    }
    let each = start.elapsed() / 100;
    assert!(each.as_micros() < 2000, "{each:?} per program, unoptimised");
}
