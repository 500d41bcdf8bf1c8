//! Running one kernel or program on the CPU and on the oracle, and comparing what they leave in
//! memory.

#![allow(dead_code)]

pub mod fenced;

use cotangent_cpu::backend;
use cotangent_jit::backend::{Backend, CompileOptions, Executable};
use cotangent_jit::kernel::{BufferId, Kernel};
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Scalar, interp};
use fenced::{Fenced, Side};
use std::cell::RefCell;

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
    launch_all(&[kernel])
}

/// A program that launches these kernels, each on inputs and outputs of its own.
pub fn launch_all(kernels: &[&Kernel]) -> Program {
    let mut program = Program {
        name: kernels.first().map_or("none", |k| &k.name).to_string(),
        place: CPU,
        slots: Vec::new(),
        kernels: kernels.iter().map(|k| (*k).clone()).collect(),
        steps: Vec::new(),
        donations: Vec::new(),
        arena: 0,
    };
    let (mut inputs, mut outputs) = (0, 0);
    for (n, kernel) in kernels.iter().enumerate() {
        let mut views = smallvec::SmallVec::new();
        for (m, buffer) in kernel.buffers.iter().enumerate() {
            let mut slot = |kind| {
                program.slots.push(Slot { dtype: buffer.dtype, len: buffer.len, kind });
                View::whole(SlotId(program.slots.len() as u32 - 1))
            };
            let mut view = slot(SlotKind::Input(inputs));
            inputs += 1;
            if kernel.writes(BufferId(m as u32)) {
                let (from, to) = (view, slot(SlotKind::Output(outputs)));
                outputs += 1;
                view = to.clone();
                program.steps.push(Step::Copy { from, to, len: buffer.len });
            }
            views.push(view);
        }
        program.steps.push(Step::Launch { kernel: KernelId(n as u32), args: views });
    }
    program
}

pub fn compile(program: Program) -> Box<dyn Executable> {
    let program = verify(program).unwrap();
    backend().compile(&program, &CompileOptions::default()).unwrap()
}

/// Runs on copies of the inputs, each of which ends where memory ends.
pub fn run(executable: &dyn Executable, inputs: &[Vec<u8>], outputs: &[usize]) -> Vec<Vec<u8>> {
    run_at(executable, inputs, outputs, Side::End)
}

/// Runs on copies of the inputs in fenced memory; what is written beside an output is an error.
pub fn run_at(
    executable: &dyn Executable,
    inputs: &[Vec<u8>],
    outputs: &[usize],
    side: Side,
) -> Vec<Vec<u8>> {
    FENCES.with_borrow_mut(|fences| {
        let count = inputs.len() + outputs.len();
        fences.resize_with(fences.len().max(count), Fenced::default);
        let (ins, outs) = fences[..count].split_at_mut(inputs.len());
        let mut sources: Vec<*const u8> =
            ins.iter_mut().zip(inputs).map(|(f, bytes)| f.holding(bytes, side)).collect();
        let targets: Vec<*mut u8> =
            outs.iter_mut().zip(outputs).map(|(f, n)| f.open(*n, side)).collect();
        // SAFETY: each is as long as its slot, and aligned to its elements.
        unsafe { executable.run(&mut sources, &[], &targets) }.unwrap();
        outs.iter().map(Fenced::written).collect()
    })
}

thread_local! {
    /// Memory for the buffers of a run, which the next run uses again.
    static FENCES: RefCell<Vec<Fenced>> = const { RefCell::new(Vec::new()) };
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
    let mut expected = buffers.to_vec();
    interp::run_kernel(kernel, &mut expected).unwrap();
    for side in [Side::End, Side::Start] {
        let got = run_at(&*executable, buffers, &sizes, side);
        let written = (0..kernel.buffers.len()).filter(|n| kernel.writes(BufferId(*n as u32)));
        for (got, n) in got.iter().zip(written) {
            compare(kernel.buffers[n].dtype, got, &expected[n], 0.0, &format!("{kernel:?}"));
        }
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
