//! Products of matrices in the interpreter of PTX against the oracle: every type, odd extents, all
//! layouts, batches, strides of zero, addresses of little alignment, parts of sums, several orders
//! of threads.
//!
//! The tolerance is a bound: a sum of `k` products that is rounded `k + 1` times is off by at most
//! `(k + 1) u` times the sum of the magnitudes; `u` is the unit of rounding of the sum's type.
//! sum. A narrow result is off by half a place more on either side. Integers are equal.
//!
//! `PTX_FOLDER` is a folder for the texts, for an assembler.

mod case;
mod work;

use case::{Case, Lies, case};
use cotangent_cuda::emit::plan;
use cotangent_cuda::plan::{Item, Target};
use cotangent_jit::DType;
use cotangent_jit::program::{Precision, Step};
use work::Work;

const FLOATS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];
const INTS: [DType; 6] = [DType::I8, DType::U16, DType::I32, DType::U32, DType::I64, DType::U64];

#[test]
fn extents_at_every_place() {
    let odd = [1, 3, 8, 16, 17, 64, 65, 127, 128, 129, 300];
    for dtype in FLOATS {
        for n in odd {
            // Products of few multiplications are kernels, so the others are long.
            let rest = if n < 9 { [300, 80] } else { [70, 90] };
            for extents in [[n, rest[0], rest[1]], [rest[0], n, rest[1]], [rest[0], rest[1], n]] {
                let lies = if n % 2 == 0 {
                    [Lies::Depth(0), Lies::Rows(0)]
                } else {
                    [Lies::Rows(0), Lies::Depth(0)]
                };
                case(dtype, 1, extents, lies).check(&[n as u64]);
            }
        }
    }
}

/// Every tiling with every layout: one tile whose edges are all inside, and several with none.
#[test]
fn layouts() {
    let all = [
        Lies::Depth(0),
        Lies::Rows(0),
        Lies::Depth(3),
        Lies::Rows(8),
        Lies::Apart(2),
        Lies::Same,
        Lies::SameRows,
        Lies::SameDepth,
    ];
    for dtype in FLOATS {
        for (n, left) in all.into_iter().enumerate() {
            for right in all {
                case(dtype, 1, [40, 24, 40], [left, right]).check_forms(&[n as u64]);
            }
            let right = all[(n + 1) % all.len()];
            case(dtype, 1, [128, 256, 64], [left, right]).check_forms(&[n as u64]);
        }
    }
}

/// Every tiling at extents around its sizes.
#[test]
fn tilings_at_their_edges() {
    let odd = [1, 3, 8, 17, 64, 65, 127, 129];
    for dtype in FLOATS {
        for n in odd {
            let lies = if n % 2 == 0 {
                [Lies::Depth(0), Lies::Rows(0)]
            } else {
                [Lies::Rows(0), Lies::Depth(0)]
            };
            for extents in [[n, 40, 20], [40, n, 20], [34, 20, n]] {
                case(dtype, 1, extents, lies).check_forms(&[n as u64]);
            }
        }
    }
}

/// f32 of which 10 bits count: every tiling with every layout, at its edges, and little alignment.
#[test]
fn fewer_digits() {
    let lower = |batch, extents, lies| Case {
        precision: Precision::Tf32,
        ..case(DType::F32, batch, extents, lies)
    };
    let all = [
        Lies::Depth(0),
        Lies::Rows(0),
        Lies::Depth(3),
        Lies::Rows(8),
        Lies::Apart(2),
        Lies::Same,
        Lies::SameRows,
        Lies::SameDepth,
    ];
    for (n, left) in all.into_iter().enumerate() {
        for right in all {
            lower(1, [40, 24, 40], [left, right]).check_forms(&[n as u64]);
        }
        let right = all[(n + 1) % all.len()];
        lower(1, [128, 256, 64], [left, right]).check_forms(&[n as u64]);
    }
    for n in [1, 3, 8, 17, 64, 65, 127, 129] {
        let lies = [[Lies::Depth(0), Lies::Rows(0)], [Lies::Rows(0), Lies::Depth(0)]][n % 2];
        for extents in [[n, 40, 20], [40, n, 20], [34, 20, n]] {
            lower(1, extents, lies).check_forms(&[n as u64]);
        }
    }
    for before in [[1, 0, 0], [0, 2, 0], [4, 8, 1]] {
        let one = lower(1, [64, 40, 32], [Lies::Depth(0), Lies::Rows(0)]);
        Case { before, ..one }.check_forms(&[1]);
    }
    let lies = [Lies::Depth(0), Lies::Rows(0)];
    lower(2, [64, 72, 96], lies).check_forms(&[1, 2, 3]);
    lower(7, [33, 31, 24], lies).check(&[1]);
    lower(1, [17, 20, 1000], lies).check(&[1, 2]);
}

/// Where 10 bits hold the operands, nothing is lost; where they do not, digits are.
#[test]
fn fewer_digits_are_those_of_operands() {
    let full = case(DType::F32, 1, [64, 64, 64], [Lies::Depth(0), Lies::Rows(0)]);
    let lower = Case { precision: Precision::Tf32, ..full };
    let text = |c: &Case| Work::of_plan(plan(&c.program(), Target::of(4)).unwrap()).text;
    assert!(!text(&full).contains("tf32") && text(&lower).contains(".tf32.tf32."));
    // Integers up to 500, with sums below 2^24.
    let values = |seed: usize| -> Vec<u8> {
        (0..4096).flat_map(|i| (((i * 37 + seed) % 501) as f32).to_le_bytes()).collect()
    };
    let inputs = [values(1), values(2)];
    let all = [&full, &lower].map(|c| {
        let work = Work::of_plan(plan(&c.program(), Target::of(4)).unwrap());
        work.run(&inputs, 4 * 4096, 1).unwrap()
    });
    assert!(all[0] == all[1]);
}

#[test]
fn orders_of_threads() {
    for dtype in FLOATS {
        for lies in [[Lies::Depth(0), Lies::Depth(0)], [Lies::Rows(0), Lies::Rows(1)]] {
            case(dtype, 2, [64, 72, 96], lies).check_forms(&[1, 2, 3, 4, 5]);
        }
    }
}

#[test]
fn batches() {
    for dtype in FLOATS {
        let lies = [Lies::Depth(0), Lies::Rows(0)];
        case(dtype, 7, [33, 31, 24], lies).check(&[1]);
        case(dtype, 5, [64, 64, 32], [lies[1], lies[0]]).check(&[1]);
        let shared = case(dtype, 6, [40, 40, 16], lies);
        Case { lhs: [0, shared.lhs[1], 1], ..shared }.check(&[1]);
        // Matrices begin at odd places.
        for extents in [[32, 40, 32], [4, 40, 64]] {
            let [m, _, k] = extents.map(|n| n as i64);
            let odd = case(dtype, 3, extents, [lies[0], lies[0]]);
            Case { lhs: [m * k + 1, k, 1], ..odd }.check_forms(&[1]);
            let [rhs, depth, row] = odd.rhs;
            Case { rhs: [rhs + 1, depth, row], ..odd }.check_forms(&[1]);
        }
        // The batch is the innermost axis of one side.
        let inner = case(dtype, 8, [24, 32, 20], lies);
        Case { rhs: [1, 8 * 32, 8], ..inner }.check(&[1]);
    }
}

#[test]
fn addresses_of_little_alignment() {
    for dtype in FLOATS {
        for before in [[1, 0, 0], [0, 2, 0], [4, 8, 1], [2, 2, 2]] {
            for lies in [[Lies::Depth(0), Lies::Rows(0)], [Lies::Rows(0), Lies::Depth(0)]] {
                Case { before, ..case(dtype, 1, [64, 40, 32], lies) }.check_forms(&[1]);
                Case { before, ..case(dtype, 1, [4, 64, 64], lies) }.check_forms(&[1]);
            }
        }
    }
}

#[test]
fn parts_of_sums() {
    for dtype in FLOATS {
        let lies = [Lies::Depth(0), Lies::Rows(0)];
        case(dtype, 1, [17, 20, 1000], lies).check(&[1, 2]);
        case(dtype, 2, [10, 33, 1537], [Lies::Rows(0), Lies::Depth(1)]).check(&[1]);
        case(dtype, 1, [32, 32, 4096], lies).check(&[1]);
    }
}

#[test]
fn integers() {
    for dtype in INTS {
        for lies in [[Lies::Depth(0), Lies::Rows(0)], [Lies::Rows(1), Lies::Depth(0)]] {
            case(dtype, 1, [70, 65, 33], lies).check(&[1]);
            case(dtype, 3, [16, 40, 600], lies).check(&[1]);
        }
    }
}

#[test]
fn sums_of_nothing() {
    for dtype in FLOATS {
        case(dtype, 2, [300, 300, 0], [Lies::Depth(0), Lies::Rows(0)]).check(&[1]);
    }
}

/// Rows of a warp, of fewer lanes and of a block, chunks of rows, parts; vectors on either side.
#[test]
fn vectors() {
    for dtype in FLOATS {
        for [m, n, k] in [[300, 1, 300], [129, 8, 72], [7, 33, 40], [64, 3, 2100], [2, 1, 4100]] {
            for lies in [
                [Lies::Depth(0), Lies::Depth(0)],
                [Lies::Rows(0), Lies::Rows(0)],
                [Lies::Depth(4), Lies::Rows(1)],
                [Lies::Rows(3), Lies::Apart(3)],
                [Lies::SameRows, Lies::Same],
            ] {
                case(dtype, 1, [m, n, k], lies).check_vectors(&[1, 2]);
                case(dtype, 1, [n, m, k], [lies[1], lies[0]]).check_vectors(&[1]);
            }
        }
        case(dtype, 1, [1, 1, 70000], [Lies::Depth(0), Lies::Depth(0)]).check(&[1]);
        case(dtype, 1, [1000, 2, 3000], [Lies::Depth(0), Lies::Rows(0)]).check(&[1]);
        case(dtype, 1, [1000, 1, 2000], [Lies::Rows(0), Lies::Rows(0)]).check(&[1]);
        case(dtype, 9, [3, 130, 65], [Lies::Depth(0), Lies::Depth(0)]).check_vectors(&[1]);
        case(dtype, 9, [140, 2, 48], [Lies::Rows(0), Lies::Depth(0)]).check_vectors(&[1]);
    }
}

/// More than one band of tiles of rows, the last of which is not full.
#[test]
fn bands_of_tiles() {
    case(DType::F32, 1, [32 * 9 + 1, 100, 10], [Lies::Depth(0), Lies::Rows(0)]).check_forms(&[1]);
    case(DType::F16, 1, [32 * 16, 100, 8], [Lies::Depth(0), Lies::Rows(0)]).check_forms(&[1]);
}

/// In a loop, a product with entries of its own is launched each time, with addresses that move;
/// one block runs a loop of few multiplications as a whole.
#[test]
fn in_a_loop() {
    for (extents, alone) in [([40, 50, 60], false), ([20, 30, 40], true)] {
        let one = case(DType::F32, 1, extents, [Lies::Depth(0), Lies::Rows(0)]);
        let mut program = one.program();
        let mut body = program.steps.pop().unwrap();
        let Step::Routine { args, .. } = &mut body else { unreachable!() };
        for (view, slot) in args.iter_mut().zip(&mut program.slots) {
            view.at.strides.push(slot.len as i64);
            slot.len *= 3;
        }
        program.steps.push(Step::Loop { trips: 3, body: vec![body] });
        let batch = case(DType::F32, 3, extents, [Lies::Depth(0), Lies::Rows(0)]);
        let made = plan(&program, Target::of(4)).unwrap();
        assert_eq!(matches!(made.items[..], [Item::Launch { blocks: 1, .. }]), alone);
        batch.runs(&program, &[Work::of_plan(made)], &[1]);
    }
}

/// Equal products share their entries; parts of sums lie in scratch memory of the run.
#[test]
fn entries_are_shared() {
    let one = case(DType::F32, 1, [17, 20, 1000], [Lies::Depth(0), Lies::Rows(0)]);
    let mut program = one.program();
    program.steps.push(program.steps[0].clone());
    let made = plan(&program, Target::of(4)).unwrap();
    assert_eq!((made.entries.len(), made.launches.nodes), (2, 4));
    assert!(made.arena > 0);
}
