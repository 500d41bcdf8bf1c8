//! Sorts and selections of the greatest against the interpreter, to the bit: every dtype, special
//! values, equal keys, rows of all lengths and strides, in place, on one to three threads. Sorts of
//! other operands live in `programs.rs`.

mod support;

use cotangent_jit::program::{Program, Routine, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, interp};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::OnceLock;
use support::{CPU, Random, compile, output_sizes, run};

fn reals() -> impl Iterator<Item = DType> {
    DType::ALL.into_iter().filter(|d| !d.is_complex())
}

fn program(slots: Vec<Slot>, steps: Vec<Step>) -> Program {
    let (kernels, donations) = (Vec::new(), Vec::new());
    Program { name: "test".into(), place: CPU, slots, kernels, steps, donations, arena: 0 }
}

fn step(routine: Routine, slots: impl IntoIterator<Item = usize>) -> Step {
    let args = slots.into_iter().map(|n| View::whole(SlotId(n as u32))).collect();
    Step::Routine { routine, args }
}

/// Sorts by the first operand; in place, copies of the operands.
fn sort(dtypes: &[DType], [outer, len, inner]: [usize; 3], in_place: bool) -> Program {
    let (m, n) = (dtypes.len(), outer * len * inner);
    let slot = |i: usize, kind| Slot { dtype: dtypes[i], len: n, kind };
    let slots = (0..m)
        .map(|i| slot(i, SlotKind::Input(i)))
        .chain((0..m).map(|i| slot(i, SlotKind::Output(i))))
        .collect();
    let routine =
        Routine::Sort { dtypes: dtypes.iter().copied().collect(), keys: 1, outer, len, inner };
    if !in_place {
        return program(slots, vec![step(routine, 0..2 * m)]);
    }
    let whole = |n: usize| View::whole(SlotId(n as u32));
    let copies = (0..m).map(|i| Step::Copy { from: whole(i), to: whole(m + i), len: n });
    program(slots, copies.chain([step(routine, (m..2 * m).chain(m..2 * m))]).collect())
}

fn top_k(dtype: DType, place: DType, k: usize, [outer, len, inner]: [usize; 3]) -> Program {
    let slot = |dtype, n, kind| Slot { dtype, len: outer * n * inner, kind };
    let slots = vec![
        slot(dtype, len, SlotKind::Input(0)),
        slot(dtype, k, SlotKind::Output(0)),
        slot(place, k, SlotKind::Output(1)),
    ];
    program(slots, vec![step(Routine::TopK { dtype, place, k, outer, len, inner }, 0..3)])
}

/// Compiled and interpreted agree to the bit, on one, two and three threads.
fn agrees(p: Program, inputs: &[Vec<u8>], what: &str) {
    let expected = interp::program::run(&verify(p.clone()).unwrap(), inputs).unwrap();
    let sizes = output_sizes(&p);
    let e = compile(p);
    for pool in pools() {
        let got = pool.install(|| run(&*e, inputs, &sizes));
        let threads = pool.current_num_threads();
        assert!(got == expected, "{what}, {threads} threads: the results differ");
    }
}

fn pools() -> &'static [ThreadPool] {
    static POOLS: OnceLock<Vec<ThreadPool>> = OnceLock::new();
    let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    POOLS.get_or_init(|| (1..=3).map(pool).collect())
}

/// Elements in which numbers of a narrow range, equal elements, and patterns of bits that are
/// special as floats or ints mix. `kind` says how.
fn elements(d: DType, n: usize, kind: usize, r: &mut Random) -> Vec<u8> {
    if d.is_bool() {
        return (0..n).map(|_| r.below(2) as u8).collect();
    }
    let (size, sign) = (d.size(), 1u64 << (d.bits() - 1));
    let infinity = match d {
        DType::F16 => 0x7c00,
        DType::BF16 => 0x7f80,
        DType::F32 => 0x7f80_0000,
        DType::F64 => 0x7ff0_0000_0000_0000,
        _ => sign - 1,
    };
    // Zeros, infinities, NaN of both signs and several payloads, the least and the greatest.
    let specials = [0, 1, infinity, infinity + 1, infinity | infinity >> 1, sign - 1];
    let mut one = |i: usize| match (kind, r.below(8)) {
        (0, _) | (1, 0..4) => r.bits(),
        (1, _) | (2, _) => specials[r.below(specials.len())] | (sign * (r.bits() & 1)),
        (3, _) => r.below(5) as u64,
        (4, _) => i as u64,
        (5, _) => (n - i) as u64,
        _ => 7,
    };
    (0..n).flat_map(|i| one(i).to_le_bytes()[..size].to_vec()).collect()
}

const KINDS: usize = 7;

#[test]
fn sorts_agree_to_the_bit() {
    let mut r = Random(1);
    for d in reals() {
        for (n, shape) in
            [[1, 1, 1], [3, 2, 1], [5, 37, 2], [2, 700, 1], [1, 1500, 3]].into_iter().enumerate()
        {
            for kind in 0..KINDS {
                let x = elements(d, shape.iter().product(), kind, &mut r);
                let what = format!("sort of {d}{shape:?}, elements {kind}");
                agrees(sort(&[d], shape, (n + kind) % 2 == 0), std::slice::from_ref(&x), &what);
                for other in [DType::U8, DType::F16, DType::I32, DType::F64] {
                    let y = elements(other, shape.iter().product(), kind % 3, &mut r);
                    let what = format!("{what}, with {other}");
                    agrees(sort(&[d, other], shape, kind % 2 == 0), &[x.clone(), y], &what);
                }
            }
        }
    }
}

/// Rows that are split by their highest digit first.
#[test]
fn long_sorts_agree_to_the_bit() {
    let mut r = Random(2);
    let n = (1 << 17) + 4321;
    for (d, kind) in [
        (DType::F32, 0),
        (DType::F32, 1),
        (DType::F32, 6),
        (DType::I32, 3),
        (DType::U32, 4),
        (DType::U8, 0),
        (DType::F16, 1),
        (DType::F64, 1),
        (DType::I64, 5),
    ] {
        let x = elements(d, n, kind, &mut r);
        let y = elements(DType::I32, n, 4, &mut r);
        let what = format!("sort of {d}[{n}], elements {kind}");
        agrees(sort(&[d], [1, n, 1], kind == 1), std::slice::from_ref(&x), &what);
        agrees(sort(&[d, DType::I32], [1, n, 1], kind == 1), &[x, y], &what);
    }
}

#[test]
fn selections_agree_to_the_bit() {
    let mut r = Random(3);
    for d in reals() {
        let shapes: [[usize; 3]; 6] =
            [[1, 0, 1], [1, 1, 1], [3, 2, 1], [5, 37, 2], [2, 700, 1], [1, 1500, 3]];
        for shape in shapes {
            let len = shape[1];
            let mut sizes = vec![0, 1, 2, 9, len / 2, len.saturating_sub(1), len];
            sizes.retain(|k| *k <= len);
            sizes.dedup();
            for kind in 0..KINDS {
                let x = elements(d, shape.iter().product(), kind, &mut r);
                for k in &sizes {
                    let place = if kind % 2 == 0 { DType::I32 } else { DType::I64 };
                    let what = format!("the {k} greatest of {d}{shape:?}, elements {kind}");
                    agrees(top_k(d, place, *k, shape), std::slice::from_ref(&x), &what);
                }
            }
        }
    }
}

/// Rows that are cut into parts.
#[test]
fn long_selections_agree_to_the_bit() {
    let mut r = Random(4);
    let n = (1 << 17) + 4321;
    for (d, kind) in [
        (DType::F32, 0),
        (DType::F32, 1),
        (DType::F32, 2),
        (DType::F32, 6),
        (DType::Bool, 0),
        (DType::I32, 3),
        (DType::I32, 4),
        (DType::U32, 5),
        (DType::I8, 0),
        (DType::BF16, 1),
        (DType::F64, 1),
        (DType::U64, 0),
    ] {
        let x = elements(d, n, kind, &mut r);
        for k in [1, 100, 5000, n / 2, n] {
            let what = format!("the {k} greatest of {d}[{n}], elements {kind}");
            agrees(top_k(d, DType::I32, k, [1, n, 1]), std::slice::from_ref(&x), &what);
        }
    }
}
