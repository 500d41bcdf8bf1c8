//! Products of matrices in the interpreter of PTX against the oracle: every type, odd extents, all
//! layouts, batches, strides of zero, addresses of little alignment, parts of sums, several orders
//! of threads.
//!
//! The tolerance is a bound: a sum of `k` products that is rounded `k + 1` times is off by at most
//! `(k + 1) u` times the sum of the magnitudes, with `u` the unit of rounding of the sum's type, and
//! a narrow result by half a place more. Integers are equal.
//!
//! `PTX_FOLDER` is a folder for the texts, for an assembler.

use cotangent_cuda::emit::{module, plan};
use cotangent_cuda::plan::{Argument, Base, Item, Plan, Target};
use cotangent_cuda_emulator::{Device, Module};
use cotangent_jit::affine::Affine;
use cotangent_jit::program::{Placement, Program, Routine, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::{DType, Scalar, interp, verify};
use smallvec::SmallVec;

/// A product, and elements that lie before each argument.
#[derive(Clone, Copy, Debug)]
struct Case {
    dtype: DType,
    batch: usize,
    extents: [usize; 3],
    lhs: [i64; 3],
    rhs: [i64; 3],
    before: [usize; 3],
}

/// How an operand lies: its rows or the summed numbers side by side, with so many elements between
/// two lines.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lies {
    Depth(usize),
    Rows(usize),
    /// With so many elements from one to the next.
    Apart(usize),
    Same,
    SameRows,
    SameDepth,
}

/// Strides of batch, rows and summed numbers.
fn strides(lies: Lies, rows: usize, k: usize) -> [i64; 3] {
    let [b, r, d] = match lies {
        Lies::Depth(more) => [rows * (k + more), k + more, 1],
        Lies::Rows(more) => [k * (rows + more), 1, rows + more],
        Lies::Apart(by) => [rows * k * by, k * by, by],
        Lies::Same => [0, 0, 0],
        Lies::SameRows => [k, 0, 1],
        Lies::SameDepth => [rows, 1, 0],
    };
    [b as i64, r as i64, d as i64]
}

fn case(dtype: DType, batch: usize, [m, n, k]: [usize; 3], lies: [Lies; 2]) -> Case {
    let lhs = strides(lies[0], m, k);
    let [b, row, depth] = strides(lies[1], n, k);
    Case { dtype, batch, extents: [m, n, k], lhs, rhs: [b, depth, row], before: [0; 3] }
}

impl Case {
    fn routine(&self) -> Routine {
        let Case { dtype, batch, extents: [m, n, k], lhs, rhs, .. } = *self;
        Routine::Dot { dtype, batch, m, n, k, lhs, rhs }
    }

    fn program(&self) -> Program {
        let routine = self.routine();
        let kinds = [SlotKind::Input(0), SlotKind::Input(1), SlotKind::Output(0)];
        let mut slots = Vec::new();
        let mut args = SmallVec::new();
        for (n, (dtype, len, _)) in routine.args().into_iter().enumerate() {
            let before = self.before[n];
            args.push(View { slot: SlotId(n as u32), at: Affine::constant(before as i64) });
            slots.push(Slot { dtype, len: before + len, kind: kinds[n] });
        }
        Program {
            name: "product".into(),
            place: Placement { backend: "cuda", ordinal: 0 },
            slots,
            kernels: Vec::new(),
            steps: vec![Step::Routine { routine, args }],
            donations: Vec::new(),
            arena: 0,
        }
    }

    fn inputs(&self, program: &Program) -> [Vec<u8>; 2] {
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut bits = move || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let x = state ^ state >> 29;
            x.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ x >> 32
        };
        [0, 1].map(|n| {
            let one = |_| {
                let x = bits();
                let uniform = (x >> 40) as f64 / (1u64 << 23) as f64 - 1.0;
                match self.dtype.is_float() {
                    true => Scalar::from_f64(self.dtype, uniform).unwrap().to_bytes(),
                    false => Scalar::from_bits(self.dtype, x.into()).to_bytes(),
                }
            };
            (0..program.slots[n].len).flat_map(one).collect()
        })
    }

    /// The sum of the magnitudes of a result's products.
    fn magnitude(&self, inputs: &[Vec<u8>; 2], at: usize) -> f64 {
        let [m, n, k] = self.extents;
        let size = self.dtype.size();
        let (b, row, column) = ((at / (m * n)) as i64, (at / n % m) as i64, (at % n) as i64);
        let read = |n: usize, at: i64| {
            let at = (self.before[n] + at as usize) * size;
            Scalar::from_bytes(self.dtype, &inputs[n][at..at + size]).to_f64().unwrap().abs()
        };
        let product = |d: i64| {
            let left = read(0, b * self.lhs[0] + row * self.lhs[1] + d * self.lhs[2]);
            left * read(1, b * self.rhs[0] + d * self.rhs[1] + column * self.rhs[2])
        };
        (0..k as i64).map(product).sum()
    }

    fn check(&self, seeds: &[u64]) {
        let program = self.program();
        let inputs = self.inputs(&program);
        let made = plan(&program, Target::of(4)).unwrap();
        let text = module(&made.entries);
        if let Some(folder) = std::env::var_os("PTX_FOLDER") {
            let name = format!("{:?}", (self.dtype, self.batch, self.extents, self.lhs, self.rhs));
            let name: String = name.chars().filter(|c| c.is_alphanumeric() || *c == ',').collect();
            let name = format!("{name}_{:?}.ptx", self.before);
            std::fs::write(std::path::Path::new(&folder).join(name), &text).unwrap();
        }
        let verified = verify::verify(program.clone()).unwrap();
        let expected = interp::run(&verified, &inputs).unwrap().remove(0);
        let mut first: Option<Vec<u8>> = None;
        for seed in seeds {
            let got = run(&program, &made, &text, &inputs, *seed);
            let got = got.unwrap_or_else(|why| panic!("{self:?}, seed {seed}: {why}"));
            let first = first.get_or_insert_with(|| got.clone());
            assert!(*first == got, "{self:?}: results depend on the order of threads");
        }
        self.compare(&first.unwrap(), &expected, &inputs);
    }

    fn compare(&self, got: &[u8], expected: &[u8], inputs: &[Vec<u8>; 2]) {
        let size = self.dtype.size();
        let from = self.before[2] * size;
        let all = got[from..].chunks(size).zip(expected[from..].chunks(size)).enumerate();
        for (n, (a, b)) in all {
            let [a, b] = [a, b].map(|x| Scalar::from_bytes(self.dtype, x));
            if !self.dtype.is_float() {
                assert_eq!(a, b, "{self:?}: element {n}");
                continue;
            }
            let [x, y] = [a, b].map(|x| x.to_f64().unwrap());
            let (sum, narrow) = match self.dtype {
                DType::F64 => (53, 0.0),
                DType::F32 => (24, 0.0),
                DType::F16 => (24, 2f64.powi(-11)),
                _ => (24, 2f64.powi(-8)),
            };
            let rounded = (self.extents[2] + 1) as f64 * 2f64.powi(-sum);
            // Both sides round to the narrow type.
            let most = 1.01 * rounded * self.magnitude(inputs, n)
                + 2.0 * narrow * y.abs()
                + 1e-7 * f64::from(u8::from(narrow > 0.0));
            assert!((x - y).abs() <= most, "{self:?}: element {n} is {x}, expected {y} +- {most}");
        }
    }
}

/// Runs a plan of launches on the interpreter of PTX.
fn run(
    program: &Program,
    made: &Plan,
    text: &str,
    inputs: &[Vec<u8>; 2],
    seed: u64,
) -> Result<Vec<u8>, String> {
    let fault = |e: cotangent_cuda_emulator::Fault| e.to_string();
    let parsed = Module::parse(text).map_err(|e| format!("{e}\n{text}"))?;
    let mut device = Device::new(seed);
    let mut bases = Vec::new();
    for bytes in inputs {
        let address = device.allocate(bytes.len().max(1) as u64).map_err(fault)?;
        device.write(address, bytes).map_err(fault)?;
        bases.push(address);
    }
    let bytes = program.slots[2].bytes() as u64;
    let output = device.allocate(bytes.max(1)).map_err(fault)?;
    let before = program.slots[2].len - program.slots[2].len.min(bytes as usize);
    assert_eq!(before, 0);
    device.write(output, &vec![0x55; bytes as usize]).map_err(fault)?;
    let arena = device.allocate(made.arena.max(1) as u64).map_err(fault)?;
    for item in &made.items {
        let Item::Launch { entry, blocks, args } = item else {
            return Err(format!("not a launch: {item:?}"));
        };
        let params = args.iter().flat_map(|arg| {
            let Argument::Address(at) = arg else { panic!("a counter") };
            let base = match at.base {
                Base::Input(n) => bases[n],
                Base::Output(_) => output,
                Base::Arena => arena,
            };
            base.wrapping_add_signed(at.bytes.offset).to_le_bytes()
        });
        let params: Vec<u8> = params.collect();
        let entry = &made.entries[*entry];
        let (grid, block) = ([*blocks as u32, 1, 1], [entry.threads, 1, 1]);
        device.launch(&parsed, &entry.name, grid, block, 0, &params).map_err(fault)?;
    }
    device.read(output, bytes).map_err(fault)
}

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
                case(dtype, 1, [56, 40, 48], [left, right]).check(&[n as u64]);
            }
        }
    }
}

#[test]
fn orders_of_threads() {
    for dtype in FLOATS {
        for lies in [[Lies::Depth(0), Lies::Depth(0)], [Lies::Rows(0), Lies::Rows(1)]] {
            case(dtype, 2, [64, 72, 96], lies).check(&[1, 2, 3, 4, 5]);
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
        // The batch is the innermost axis of one side.
        let [m, n, k] = [24, 32, 20];
        let inner = case(dtype, 8, [m, n, k], lies);
        Case { rhs: [1, 8 * n as i64, 8], ..inner }.check(&[1]);
        assert_eq!((m, k), (24, 20));
    }
}

#[test]
fn addresses_of_little_alignment() {
    for dtype in FLOATS {
        for before in [[1, 0, 0], [0, 2, 0], [4, 8, 1], [2, 2, 2]] {
            for lies in [[Lies::Depth(0), Lies::Rows(0)], [Lies::Rows(0), Lies::Depth(0)]] {
                Case { before, ..case(dtype, 1, [64, 64, 32], lies) }.check(&[1]);
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

/// The greater tiles: their shapes are chosen for many blocks, or for long sums.
#[test]
fn greater_tiles() {
    for dtype in FLOATS {
        for lies in [[Lies::Depth(0), Lies::Rows(0)], [Lies::Rows(0), Lies::Depth(0)]] {
            case(dtype, 1, [1000, 1040, 9], lies).check(&[1]);
        }
    }
}
