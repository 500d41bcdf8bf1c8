//! Running one kernel or program on the CPU and on the oracle, and comparing what they leave in
//! memory.

#![allow(dead_code)]

use cotangent_cpu::backend;
use cotangent_jit::backend::{Backend, CompileOptions, Executable};
use cotangent_jit::kernel::{BufferId, Kernel};
use cotangent_jit::program::{Placement, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Scalar, interp};

pub const CPU: Placement = Placement { backend: "cpu", ordinal: 0 };

/// A deterministic stream of numbers.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Elements of a buffer: moderate floats, small ints, now and then an odd value.
    pub fn bytes(&mut self, d: DType, len: usize) -> Vec<u8> {
        if d.is_complex() {
            return self.bytes(d.part(), 2 * len);
        }
        (0..len)
            .flat_map(|_| {
                let x = (self.bits() >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 2.0;
                let s = match d {
                    d if d.is_float() => Scalar::from_f64(d, x),
                    _ => Scalar::from_i64(d, (x * 20.0) as i64),
                };
                s.unwrap().to_bytes()
            })
            .collect()
    }
}

/// A program that launches one kernel; buffers that it writes start with the bytes of their input.
pub fn launch(kernel: &Kernel) -> Program {
    let mut slots = Vec::new();
    let mut steps = Vec::new();
    let mut views = smallvec::SmallVec::new();
    let mut outputs = 0;
    for (n, buffer) in kernel.buffers.iter().enumerate() {
        let slot = |kind| Slot { dtype: buffer.dtype, len: buffer.len, kind };
        slots.push(slot(SlotKind::Input(n)));
        let input = SlotId(slots.len() as u32 - 1);
        if kernel.writes(BufferId(n as u32)) {
            slots.push(slot(SlotKind::Output(outputs)));
            outputs += 1;
            let output = SlotId(slots.len() as u32 - 1);
            let (from, to) = (View::whole(input), View::whole(output));
            steps.push(Step::Copy { from, to, len: buffer.len });
            views.push(View::whole(output));
        } else {
            views.push(View::whole(input));
        }
    }
    steps.push(Step::Launch { kernel: cotangent_jit::program::KernelId(0), args: views });
    Program {
        name: kernel.name.clone(),
        place: CPU,
        slots,
        kernels: vec![kernel.clone()],
        steps,
        donations: Vec::new(),
        arena: 0,
    }
}

pub fn compile(program: Program) -> Box<dyn Executable> {
    let program = verify(program).unwrap();
    backend().compile(&program, &CompileOptions::default()).unwrap()
}

/// Runs on copies of the inputs.
pub fn run(executable: &dyn Executable, inputs: &[Vec<u8>], outputs: &[usize]) -> Vec<Vec<u8>> {
    // Addresses aligned as the contract says, with guard bytes behind.
    let aligned = |bytes: usize| vec![0xa5a5_a5a5_a5a5_a5a5u64; bytes.div_ceil(8) + 8];
    let ins: Vec<Vec<u64>> = inputs
        .iter()
        .map(|bytes| {
            let mut v = aligned(bytes.len());
            as_bytes(&mut v)[..bytes.len()].copy_from_slice(bytes);
            v
        })
        .collect();
    let mut outs: Vec<Vec<u64>> = outputs.iter().map(|n| aligned(*n)).collect();
    let in_pointers: Vec<*const u8> = ins.iter().map(|v| v.as_ptr().cast()).collect();
    let out_pointers: Vec<*mut u8> = outs.iter_mut().map(|v| v.as_mut_ptr().cast()).collect();
    // SAFETY: each is as long as its slot.
    unsafe { executable.run(&in_pointers, &out_pointers) }.unwrap();
    for (v, n) in outs.iter_mut().zip(outputs) {
        assert!(as_bytes(v)[*n..].iter().all(|b| *b == 0xa5), "written past the end");
    }
    outs.iter_mut().zip(outputs).map(|(v, n)| as_bytes(v)[..*n].to_vec()).collect()
}

fn as_bytes(v: &mut [u64]) -> &mut [u8] {
    // SAFETY: plain bytes.
    unsafe { std::slice::from_raw_parts_mut(v.as_mut_ptr().cast(), v.len() * 8) }
}

pub fn output_sizes(program: &Program) -> Vec<usize> {
    let size = |id: &SlotId| program.slot(*id).len * program.slot(*id).dtype.size();
    program.outputs().iter().map(size).collect()
}

/// Compiled and interpreted agree to the bit, but for NaNs.
pub fn check(kernel: &Kernel, buffers: &[Vec<u8>]) {
    let program = launch(kernel);
    let sizes = output_sizes(&program);
    let executable = compile(program);
    let got = run(&*executable, buffers, &sizes);
    let mut expected = buffers.to_vec();
    interp::run_kernel(kernel, &mut expected).unwrap();
    let written = (0..kernel.buffers.len()).filter(|n| kernel.writes(BufferId(*n as u32)));
    for (got, n) in got.iter().zip(written) {
        compare(kernel.buffers[n].dtype, got, &expected[n], 0.0, &format!("{kernel:?}"));
    }
}

pub fn compare(d: DType, got: &[u8], expected: &[u8], tolerance: f64, what: &str) {
    // Complex numbers part by part.
    let d = d.part();
    for (i, (g, e)) in got.chunks(d.size()).zip(expected.chunks(d.size())).enumerate() {
        let (g, e) = (Scalar::from_bytes(d, g), Scalar::from_bytes(d, e));
        let (x, y) = (g.to_f64().unwrap(), e.to_f64().unwrap());
        let near = d.is_float() && tolerance > 0.0 && (x - y).abs() <= tolerance * (1.0 + y.abs());
        let nan = x.is_nan() && y.is_nan();
        assert!(g == e || nan || near, "element {i}: got {g:?}, expected {e:?}\n{what}");
    }
}
