//! Updates that combine with their element in order, and those of narrow elements in any order, in
//! the interpreter of PTX, equal to the oracle: more updates than random kernels have.
//!
//! `PTX_FOLDER` is a folder for the texts, for an assembler.

mod support;

use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Kernel, Loop, Mode, Order, Store};
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::{DType, interp};
use support::driver::agrees_through_the_driver;
use support::{Random, elements};

fn reals() -> impl Iterator<Item = DType> {
    DType::ALL.into_iter().filter(|d| !d.is_complex())
}

/// Updates by indices, some of them outside, of rows of two elements, in order.
fn scatter(d: DType, combine: Combine, updates: usize, len: usize) -> Kernel {
    let extents = [updates / 2, 2];
    let loops = extents.map(|extent| Loop { extent, mode: Mode::Sequential });
    let mut b = KernelBuilder::new("scatter", loops);
    let places = b.buffer(DType::I64, updates / 2);
    let values = b.buffer(d, updates / 2 * 2);
    let buffer = b.buffer(d, len);
    let place = b.load(places, Affine::counter(0));
    let value = b.load(values, Affine::new(0, [2, 1]));
    let at = Affine::counter(1);
    b.store(Store { buffer, at, offset: Some(place), combine: Some(combine), value });
    Kernel { order: Order::SEQUENTIAL, ..b.finish() }
}

fn combines(d: DType) -> &'static [Combine] {
    use Combine::*;
    match d {
        DType::Bool => &[And, Or, Xor],
        d if d.is_int() => &[Sum, Product, Max, Min, And, Or, Xor],
        _ => &[Sum, Product, Max, Min],
    }
}

/// Numbers of moderate size, so that sums and products show the order in which they were taken.
fn numbers(d: DType, n: usize, r: &mut Random) -> Vec<u8> {
    if !d.is_float() {
        return elements(d, n, 0, r);
    }
    let mut one = || {
        let x = (0.5 + r.below(1 << 20) as f64 / (1 << 20) as f64)
            * if r.below(2) == 0 { -1.0 } else { 1.0 };
        match d {
            DType::F16 => half::f16::from_f64(x).to_le_bytes().to_vec(),
            DType::BF16 => half::bf16::from_f64(x).to_le_bytes().to_vec(),
            DType::F32 => (x as f32).to_le_bytes().to_vec(),
            _ => x.to_le_bytes().to_vec(),
        }
    };
    (0..n).flat_map(|_| one()).collect()
}

/// Few updates, as many as one block sorts, and many; of one element, of a few, of many; buffers of
/// whole words and others.
#[test]
fn scatters_combine_in_order() {
    let mut r = Random(6);
    let mut seed = 0;
    for d in reals() {
        for combine in combines(d) {
            for (updates, len) in
                [(10, 3), (512, 40), (514, 7), (2000, 1), (3000, 501), (6000, 4), (5000, 70_001)]
            {
                if *combine != combines(d)[0] && updates > 3000 {
                    continue;
                }
                let kernel = scatter(d, *combine, updates, len);
                let mut place = || r.below(len + 4) as i64 - 2;
                let places = (0..updates / 2).flat_map(|_| place().to_le_bytes()).collect();
                let values = numbers(d, updates / 2 * 2, &mut r);
                let buffers = [places, values, numbers(d, len, &mut r)];
                let mut expected = buffers.to_vec();
                interp::run_kernel(&kernel, &mut expected).unwrap();
                let what = format!("{} of {updates} {d} in {len}, seed {seed}", combine.name());
                if let Some(folder) = std::env::var_os("PTX_FOLDER") {
                    let path = std::path::Path::new(&folder).join(format!("scatter_{seed}.ptx"));
                    std::fs::write(path, support::text(&kernel, seed).unwrap()).unwrap();
                }
                let got = support::run(&kernel, &buffers, seed);
                let got = got.unwrap_or_else(|e| panic!("{what}: {e}"));
                let wrong = support::difference(d, &got[2], &expected[2]);
                assert!(wrong.is_none(), "{what}: {}", wrong.unwrap_or_default());
                seed += 1;
            }
        }
    }
}

/// Three rounds of updates to one output: few of them in one block, behind a copy. Many are noted,
/// sorted and combined in each round: in one block, or by the one digit of their elements' numbers.
#[test]
fn loops_of_scatters() {
    let mut r = Random(8);
    for (updates, launches) in [(100, 2), (2000, 10), (10_000, 16)] {
        let len = 50;
        let kernel = scatter(DType::F32, Combine::Sum, updates, len);
        let place = Placement { backend: "cuda", ordinal: 0 };
        let slot = |dtype, len, kind| Slot { dtype, len, kind };
        let slots = vec![
            slot(DType::I64, updates / 2, SlotKind::Input(0)),
            slot(DType::F32, updates, SlotKind::Input(1)),
            slot(DType::F32, len, SlotKind::Input(2)),
            slot(DType::F32, len, SlotKind::Output(0)),
        ];
        let whole = |n: u32| View::whole(SlotId(n));
        let args = [0, 1, 3].map(whole).into_iter().collect();
        let body = vec![Step::Launch { kernel: KernelId(0), args }];
        let steps =
            vec![Step::Copy { from: whole(2), to: whole(3), len }, Step::Loop { trips: 3, body }];
        let program = Program {
            name: "rounds".into(),
            place,
            slots,
            kernels: vec![kernel],
            steps,
            donations: Vec::new(),
            arena: 0,
        };
        let mut element = || r.below(len + 2) as i64 - 1;
        let places = (0..updates / 2).flat_map(|_| element().to_le_bytes()).collect();
        let values = numbers(DType::F32, updates, &mut r);
        let inputs = [places, values, numbers(DType::F32, len, &mut r)];
        let counts = agrees_through_the_driver(program, &inputs);
        let graph =
            if launches > 2 { format!(", {launches} of them in 1 graph") } else { "".into() };
        let expected = format!("{launches} functions{graph}, 0 round trips");
        assert_eq!(counts, expected, "{updates} updates");
    }
}
