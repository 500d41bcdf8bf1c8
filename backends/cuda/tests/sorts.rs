//! Sorts of rows and the greatest of rows, in the interpreter of PTX and through
//! the driver's stub, equal to the oracle to the bit: every dtype, odd values, rows of all lengths
//! and strides, several keys, stability, outputs in the memory of their operands.
//!
//! `PTX_FOLDER` is a folder for the texts, for an assembler. Updates that are sorted live in
//! `scatters.rs`.

mod support;

use cotangent_cuda::emit::module;
use cotangent_cuda::ptx::Entry;
use cotangent_cuda::sorts::{Launches, Memory, entry, launches};
use cotangent_cuda_emulator::{Device, Fault, Module};
use cotangent_jit::affine::Affine;
use cotangent_jit::program::{Placement, Program, Routine, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, interp};
use support::driver::agrees_through_the_driver;
use support::{Random, elements};

const CUDA: Placement = Placement { backend: "cuda", ordinal: 0 };

fn reals() -> impl Iterator<Item = DType> {
    DType::ALL.into_iter().filter(|d| !d.is_complex())
}

/// A program of one routine.
fn alone(routine: &Routine) -> Program {
    let operands = routine.args();
    let (mut inputs, mut outputs) = (0, 0);
    let slots = operands.iter().map(|(dtype, len, written)| {
        let n = if *written { &mut outputs } else { &mut inputs };
        *n += 1;
        let kind = if *written { SlotKind::Output(*n - 1) } else { SlotKind::Input(*n - 1) };
        Slot { dtype: *dtype, len: *len, kind }
    });
    Program {
        name: routine.name().into(),
        place: CUDA,
        slots: slots.collect(),
        kernels: Vec::new(),
        steps: vec![Step::Routine {
            routine: routine.clone(),
            args: (0..operands.len() as u32).map(|n| View::whole(SlotId(n))).collect(),
        }],
        donations: Vec::new(),
        arena: 0,
    }
}

/// The launches on a device with an order drawn from the seed; outputs lie in the memory of their
/// operands, or apart and unwritten.
fn emulated(
    routine: &Routine,
    inputs: &[Vec<u8>],
    in_place: bool,
    seed: u64,
) -> Result<Vec<Vec<u8>>, String> {
    let all = launches(routine, |_| in_place).ok_or("not on the device")?;
    let Launches { all, scratch } = all;
    let entries = all.iter().enumerate();
    let entries: Vec<Entry> = entries.map(|(n, l)| entry(&format!("k{n}"), &l.stage, 0)).collect();
    let text = module(&entries);
    if let Some(folder) = std::env::var_os("PTX_FOLDER") {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::path::Path::new(&folder).join(format!("sort_{n}.ptx"));
        std::fs::write(path, &text).map_err(|e| e.to_string())?;
    }
    let fault = |e: Fault| format!("{e}\n{text}");
    let parsed = Module::parse(&text).map_err(fault)?;
    let mut device = Device::new(seed);
    let mut addresses = Vec::new();
    for bytes in inputs {
        let address = device.allocate(bytes.len().max(1) as u64).map_err(fault)?;
        device.write(address, bytes).map_err(fault)?;
        addresses.push(address);
    }
    let outputs: Vec<usize> =
        routine.args().iter().filter(|a| a.2).map(|(d, len, _)| d.size() * len).collect();
    for (n, bytes) in outputs.iter().enumerate() {
        let apart = device.allocate((*bytes).max(1) as u64).map_err(fault)?;
        addresses.push(if in_place { addresses[n] } else { apart });
    }
    let scratch = device.allocate(scratch.max(1) as u64).map_err(fault)?;
    for (launch, entry) in all.iter().zip(&entries) {
        let params = launch.args.iter().map(|m| match m {
            Memory::Argument(n) => addresses[*n],
            Memory::Scratch(at) => scratch + *at as u64,
        });
        let params: Vec<u8> = params.flat_map(u64::to_le_bytes).collect();
        let grid = [launch.stage.blocks() as u32, 1, 1];
        let block = [entry.threads, 1, 1];
        device.launch(&parsed, &entry.name, grid, block, 0, &params).map_err(fault)?;
    }
    let results = addresses[inputs.len()..].iter().zip(outputs);
    results.map(|(a, bytes)| device.read(*a, bytes as u64).map_err(fault)).collect()
}

/// The device and the definition agree to the bit.
fn agrees(routine: &Routine, inputs: &[Vec<u8>], in_place: bool, seed: u64, what: &str) {
    let expected = interp::run(&verify(alone(routine)).unwrap(), inputs).unwrap();
    let got = emulated(routine, inputs, in_place, seed).unwrap_or_else(|e| panic!("{what}: {e}"));
    for (n, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let first = got.iter().zip(expected).position(|(a, b)| a != b);
        assert!(got == expected, "{what}: output {n} differs from byte {first:?} on");
    }
}

fn sort(dtypes: &[DType], keys: usize, [outer, len, inner]: [usize; 3]) -> Routine {
    Routine::Sort { dtypes: dtypes.iter().copied().collect(), keys, outer, len, inner }
}

const KINDS: usize = 7;

/// Lengths on both sides of a warp, of a block and of what fits there.
const LENGTHS: [usize; 10] = [0, 1, 2, 31, 32, 33, 1000, 4096, 4097, 20_000];

fn operands(dtypes: &[DType], n: usize, kind: usize, r: &mut Random) -> Vec<Vec<u8>> {
    let kinds = dtypes.iter().enumerate();
    kinds.map(|(i, d)| elements(*d, n, if i == 0 { kind } else { 0 }, r)).collect()
}

#[test]
fn every_dtype_and_every_length() {
    let mut r = Random(1);
    for d in reals() {
        for (n, len) in LENGTHS.into_iter().enumerate() {
            let kinds = if len < 1000 { KINDS } else { 1 };
            for kind in 0..kinds {
                let kind = if kinds == 1 { 1 } else { kind };
                let x = elements(d, len, kind, &mut r);
                let what = format!("sort of {d}[{len}], elements {kind}");
                let routine = sort(&[d], 1, [1, len, 1]);
                agrees(&routine, &[x], (n + kind) % 2 == 0, n as u64, &what);
            }
        }
    }
}

#[test]
fn rows_and_strides() {
    let mut r = Random(2);
    let shapes =
        [[3, 2, 1], [700, 3, 1], [5, 37, 2], [2, 700, 3], [2, 5000, 1], [1, 4100, 3], [40, 1, 7]];
    for (n, shape) in shapes.into_iter().enumerate() {
        for d in [DType::Bool, DType::I16, DType::BF16, DType::F32, DType::I64, DType::F64] {
            let count = shape.iter().product();
            let inputs = operands(&[d, DType::U8], count, n % 4, &mut r);
            let what = format!("sort of {d}{shape:?}");
            agrees(&sort(&[d, DType::U8], 1, shape), &inputs, n % 2 == 0, n as u64, &what);
        }
    }
}

/// Few values of each key, so that every later key and the order before decide somewhere.
#[test]
fn several_keys_and_stability() {
    use DType::*;
    let mut r = Random(3);
    let all: [(&[DType], usize); 6] = [
        (&[U8, I32], 1),
        (&[F32, I16, U32], 2),
        (&[Bool, F16, F64, U16], 3),
        (&[F64, I64, Bool, U8, F32], 3),
        (&[I8, U64], 2),
        (&[U8, F16, F64, Bool, I8, I32], 5),
    ];
    let shapes = [[2, 33, 1], [1, 1000, 1], [3, 130, 2], [1, 4500, 1], [2, 2050, 2]];
    for (dtypes, keys) in all {
        for (n, shape) in shapes.into_iter().enumerate() {
            if keys > 3 && n == 3 {
                continue;
            }
            let n = shape.iter().product();
            let inputs: Vec<Vec<u8>> = dtypes
                .iter()
                .enumerate()
                .map(|(i, d)| elements(*d, n, if i < keys { 2 + i % 2 } else { 4 }, &mut r))
                .collect();
            for in_place in [false, true] {
                let what = format!("sort of {dtypes:?}{shape:?} by {keys}");
                agrees(&sort(dtypes, keys, shape), &inputs, in_place, n as u64, &what);
            }
        }
    }
}

#[test]
fn no_result_depends_on_the_order_of_threads() {
    let mut r = Random(4);
    for shape in [[9, 100, 1], [1, 3000, 1], [1, 9000, 1]] {
        let inputs = operands(&[DType::F32, DType::I32], shape.iter().product(), 3, &mut r);
        let routine = sort(&[DType::F32, DType::I32], 1, shape);
        for seed in 0..6 {
            agrees(&routine, &inputs, seed % 2 == 0, seed, &format!("{shape:?}, seed {seed}"));
        }
    }
}

#[test]
fn the_greatest_of_rows() {
    let mut r = Random(5);
    for d in reals() {
        for (n, shape) in
            [[1, 1, 1], [3, 2, 1], [4, 33, 3], [2, 1000, 1], [1, 4096, 1], [2, 4500, 1]]
                .into_iter()
                .enumerate()
        {
            let [outer, len, inner]: [usize; 3] = shape;
            for k in [1, len.div_ceil(3), len] {
                let place = if n % 2 == 0 { DType::I32 } else { DType::I64 };
                let x = elements(d, shape.iter().product(), 1 + k % 3, &mut r);
                let routine = Routine::TopK { dtype: d, place, k, outer, len, inner };
                agrees(
                    &routine,
                    &[x],
                    false,
                    k as u64,
                    &format!("the {k} greatest of {d}{shape:?}"),
                );
            }
        }
    }
    let none =
        Routine::TopK { dtype: DType::F32, place: DType::I32, k: 0, outer: 2, len: 3, inner: 1 };
    assert!(launches(&none, |_| false).is_some_and(|l| l.all.is_empty()));
}

/// A program whose loop sorts its rows in place and takes the greatest, through the driver: nothing
/// goes through the host.
#[test]
fn programs_sort_on_the_device() {
    let (rows, len, k) = (3, 4500, 5);
    let mut p =
        Program { slots: Vec::new(), steps: Vec::new(), ..alone(&sort(&[DType::F32], 1, [1; 3])) };
    let kinds = [
        (DType::F32, rows * len, SlotKind::Input(0)),
        (DType::I32, rows * len, SlotKind::Input(1)),
        (DType::F32, rows * len, SlotKind::Output(0)),
        (DType::I32, rows * len, SlotKind::Output(1)),
        (DType::F32, rows * k, SlotKind::Output(2)),
        (DType::I32, rows * k, SlotKind::Output(3)),
    ];
    p.slots = kinds.into_iter().map(|(dtype, len, kind)| Slot { dtype, len, kind }).collect();
    let whole = |n: u32| View::whole(SlotId(n));
    let row = |n: u32, len: usize| View { slot: SlotId(n), at: Affine::new(0, [len as i64]) };
    let copies = [(0, 2), (1, 3)].map(|(from, to)| Step::Copy {
        from: whole(from),
        to: whole(to),
        len: rows * len,
    });
    let sorted = Step::Routine {
        routine: sort(&[DType::F32, DType::I32], 1, [1, len, 1]),
        args: [2, 3, 2, 3].into_iter().map(|n| row(n, len)).collect(),
    };
    let greatest =
        Routine::TopK { dtype: DType::F32, place: DType::I32, k, outer: 1, len, inner: 1 };
    let args = [row(0, len), row(4, k), row(5, k)].into_iter().collect();
    let greatest = Step::Routine { routine: greatest, args };
    p.steps.extend(copies);
    p.steps.push(Step::Loop { trips: rows, body: vec![sorted, greatest] });
    let mut r = Random(7);
    let inputs = operands(&[DType::F32, DType::I32], rows * len, 1, &mut r);
    let counts = agrees_through_the_driver(p, &inputs);
    assert!(counts.ends_with(" 0 round trips"), "{counts}");
}

/// Numbers of threads and of elements have 31 bits; the host sorts what has more elements.
#[test]
fn huge_rows_are_not_for_launches() {
    assert!(launches(&sort(&[DType::F32], 1, [1 << 20, 1 << 10, 1]), |_| false).is_some());
    assert!(launches(&sort(&[DType::F32], 1, [1 << 20, 1 << 11, 1]), |_| false).is_none());
}
