//! A product with its operands, and what its results must be.

#![allow(dead_code)]

use crate::work::Work;
use cotangent_cuda::emit::plan;
use cotangent_cuda::plan::{Address, Target, alignment};
use cotangent_cuda::products::forms;
use cotangent_jit::affine::Affine;
use cotangent_jit::program::{
    Placement, Precision, Program, Routine, Slot, SlotId, SlotKind, Step, View,
};
use cotangent_jit::{DType, Scalar, interp, verify};
use smallvec::SmallVec;

/// A product, and elements that lie before each argument.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub dtype: DType,
    pub precision: Precision,
    pub batch: usize,
    pub extents: [usize; 3],
    pub lhs: [i64; 3],
    pub rhs: [i64; 3],
    pub before: [usize; 3],
}

/// How an operand lies: its rows or the summed numbers side by side, with so many elements between
/// two lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lies {
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

pub fn case(dtype: DType, batch: usize, [m, n, k]: [usize; 3], lies: [Lies; 2]) -> Case {
    let lhs = strides(lies[0], m, k);
    let [b, row, depth] = strides(lies[1], n, k);
    let (rhs, precision, before) = ([b, depth, row], Precision::Full, [0; 3]);
    Case { dtype, precision, batch, extents: [m, n, k], lhs, rhs, before }
}

impl Case {
    fn routine(&self) -> Routine {
        let Case { dtype, precision, batch, extents: [m, n, k], lhs, rhs, .. } = *self;
        Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision }
    }

    pub fn program(&self) -> Program {
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

    pub fn inputs(&self, program: &Program) -> [Vec<u8>; 2] {
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

    /// Checks the form that a plan chooses.
    pub fn check(&self, seeds: &[u64]) {
        let program = self.program();
        let made = plan(&program, Target::of(4)).unwrap();
        self.runs(&program, &[Work::of_plan(made)], seeds);
    }

    /// Checks all forms that there are.
    pub fn check_forms(&self, seeds: &[u64]) {
        let (program, all) = self.forms();
        assert!(all.len() > 1, "{self:?}: {} forms", all.len());
        self.runs(&program, &all, seeds);
    }

    /// Checks the form for vectors, which is the last one.
    pub fn check_vectors(&self, seeds: &[u64]) {
        let (program, all) = self.forms();
        self.runs(&program, &all[all.len() - 1..], seeds);
    }

    fn forms(&self) -> (Program, Vec<Work>) {
        let program = self.program();
        let Step::Routine { routine, args } = &program.steps[0] else { unreachable!() };
        let addresses: Vec<Address> = args.iter().map(|v| Address::of(&program, v, 0)).collect();
        let aligned: Vec<usize> = addresses.iter().map(alignment).collect();
        let all = forms(routine, &aligned).into_iter();
        let all = all.map(|form| Work::of_launches(form, &addresses)).collect();
        (program, all)
    }

    /// Checks what runs of a program leave in its output.
    pub fn runs(&self, program: &Program, all: &[Work], seeds: &[u64]) {
        let inputs = self.inputs(program);
        let verified = verify::verify(program.clone()).unwrap();
        let expected = interp::run(&verified, &inputs).unwrap().remove(0);
        for (n, work) in all.iter().enumerate() {
            if let Some(folder) = std::env::var_os("PTX_FOLDER") {
                let name = format!("{self:?}");
                let name: String =
                    name.chars().filter(|c| c.is_alphanumeric() || *c == ',').collect();
                let path = std::path::Path::new(&folder).join(format!("{name}_{n}.ptx"));
                std::fs::write(path, &work.text).unwrap();
            }
            let mut first: Option<Vec<u8>> = None;
            for seed in seeds {
                let got = work.run(&inputs, program.slots[2].bytes(), *seed);
                let got = got.unwrap_or_else(|why| panic!("{self:?}, form {n}, {seed}: {why}"));
                let first = first.get_or_insert_with(|| got.clone());
                assert!(*first == got, "{self:?}: results depend on the order of threads");
            }
            self.compare(&first.unwrap(), &expected, &inputs);
        }
    }

    pub fn compare(&self, got: &[u8], expected: &[u8], inputs: &[Vec<u8>; 2]) {
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
            // Each operand of a product of TF32 is off by half a place of 11.
            let operands = if self.precision == Precision::Tf32 { 2f64.powi(-10) } else { 0.0 };
            let rounded = (self.extents[2] + 1) as f64 * 2f64.powi(-sum) + operands;
            // Both sides round to the narrow type.
            let most = 1.01 * rounded * self.magnitude(inputs, n)
                + 2.0 * narrow * y.abs()
                + 1e-7 * f64::from(u8::from(narrow > 0.0));
            assert!((x - y).abs() <= most, "{self:?}: element {n} is {x}, expected {y} +- {most}");
        }
    }
}
