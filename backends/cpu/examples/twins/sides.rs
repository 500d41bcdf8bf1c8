//! A kernel on our side, compiled by the backend, and on the side of its twin. Both run on the same
//! inputs.

use crate::library::Twin;
use cotangent_cpu::backend;
use cotangent_jit::DType;
use cotangent_jit::Scalar;
use cotangent_jit::backend::{Backend, CompileOptions, Executable};
use cotangent_jit::kernel::Kernel;
use cotangent_jit::math::far;
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use smallvec::SmallVec;

pub struct Sides {
    executable: Box<dyn Executable>,
    twin: Twin,
    dtype: DType,
    inputs: Vec<Aligned>,
    /// Ours and the twin's.
    outputs: [Aligned; 2],
}

/// A line of the cache.
#[repr(align(64))]
#[derive(Clone)]
struct Line([u8; 64]);

/// Bytes from the start of a line on.
struct Aligned {
    lines: Vec<Line>,
    bytes: usize,
}

impl Aligned {
    fn of(from: &[u8]) -> Aligned {
        let mut lines = vec![Line([0; 64]); from.len().div_ceil(64)];
        for (line, part) in lines.iter_mut().zip(from.chunks(64)) {
            line.0[..part.len()].copy_from_slice(part);
        }
        Aligned { lines, bytes: from.len() }
    }

    fn pointer(&mut self) -> *mut u8 {
        self.lines.as_mut_ptr().cast()
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the lines have as many bytes, all of them written.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.bytes) }
    }
}

extern "C" fn far(function: u32, x: f64) -> f64 {
    let function = match function {
        0 => far::Function::Sin,
        1 => far::Function::Cos,
        _ => far::Function::Tan,
    };
    far::value(function, x)
}

fn program(kernel: &Kernel) -> Program {
    let last = kernel.buffers.len() - 1;
    let slots = kernel.buffers.iter().enumerate().map(|(n, b)| Slot {
        dtype: b.dtype,
        len: b.len,
        kind: if n == last { SlotKind::Output(0) } else { SlotKind::Input(n) },
    });
    let args = (0..=last).map(|n| View::whole(SlotId(n as u32))).collect();
    Program {
        name: kernel.name.clone(),
        place: Placement { backend: "cpu", ordinal: 0 },
        slots: slots.collect(),
        kernels: vec![kernel.clone()],
        steps: vec![Step::Launch { kernel: KernelId(0), args }],
        donations: Vec::new(),
        arena: 0,
    }
}

fn compile(kernel: &Kernel, keep_text: bool) -> Box<dyn Executable> {
    let program = verify(program(kernel)).expect("a program that holds");
    let options = CompileOptions { keep_text, ..CompileOptions::default() };
    backend().compile(&program, &options).expect("a program that compiles")
}

impl Sides {
    /// Our instructions, one a line.
    pub fn listing(kernel: &Kernel) -> String {
        compile(kernel, true).text("asm").expect("text that was asked for")
    }

    /// The bits of the vectors of a kernel in this process, if they are more than 128.
    pub fn bits(kernel: &Kernel) -> Option<usize> {
        let text = Sides::listing(kernel);
        [512, 256].into_iter().find(|bits| text.contains(&format!("vectors of {} bytes", bits / 8)))
    }

    pub fn new(kernel: &Kernel, inputs: &[Vec<u8>], twin: Twin) -> Sides {
        let last = kernel.buffers.last().expect("an output");
        let output = vec![0u8; last.len * last.dtype.size()];
        Sides {
            executable: compile(kernel, false),
            twin,
            dtype: last.dtype,
            inputs: inputs.iter().map(|i| Aligned::of(i)).collect(),
            outputs: [Aligned::of(&output), Aligned::of(&output)],
        }
    }

    pub fn run(&mut self) {
        let mut inputs: SmallVec<[*const u8; 3]> =
            self.inputs.iter_mut().map(|i| i.pointer().cast_const()).collect();
        // SAFETY: the buffers have the bytes of the program's slots, and nobody else looks at the
        // output meanwhile.
        let done = unsafe { self.executable.run(&mut inputs, &[], &[self.outputs[0].pointer()]) };
        done.expect("a run without host calls");
    }

    pub fn run_twin(&mut self) {
        let mut buffers: SmallVec<[*mut u8; 4]> =
            self.inputs.iter_mut().map(Aligned::pointer).collect();
        buffers.push(self.outputs[1].pointer());
        // SAFETY: the buffers have the bytes that the printed loop runs over, and the processor has
        // its vectors, since ours are as wide.
        unsafe { (self.twin)(buffers.as_ptr(), far) };
    }

    /// Panics unless both sides give the same bits; NaNs are equal.
    pub fn check(&mut self, name: &str) {
        self.run();
        self.run_twin();
        let [ours, twin] = self.outputs.each_ref().map(Aligned::bytes);
        let d = self.dtype;
        for (n, (a, b)) in ours.chunks(d.size()).zip(twin.chunks(d.size())).enumerate() {
            let [a, b] = [a, b].map(|x| Scalar::from_bytes(d, x));
            let nan = |s: Scalar| s.to_f64().is_some_and(f64::is_nan);
            assert!(a == b || nan(a) && nan(b), "{name} {d}, element {n}: {a:?}, its twin {b:?}");
        }
    }
}
