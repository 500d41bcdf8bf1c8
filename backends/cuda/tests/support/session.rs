//! Programs on the backend as it is, through the stub of the driver.

#![allow(dead_code)]

use cotangent_cuda::backend;
use cotangent_cuda_stub::control::{Stub, beside_this_program};
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::{Backend, CompileOptions, Executable, Literal};
use cotangent_jit::buffer::Buffer;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Kernel, Loop, Mode};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Error, plan};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub const CUDA: Placement = Placement { backend: "cuda", ordinal: 0 };

/// The stub, for one test at a time: its settings and counters are those of the process.
pub struct Session {
    pub stub: Stub,
    _alone: MutexGuard<'static, ()>,
}

pub fn session() -> Session {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = beside_this_program();
    // SAFETY: tests of this process run one after the other, and nothing else reads it meanwhile.
    unsafe { std::env::set_var("COTANGENT_CUDA_DRIVER", &path) };
    let stub = Stub::load().expect("the stub lies beside the test");
    stub.reset();
    Session { stub, _alone: alone }
}

impl Session {
    pub fn compile(&self, p: &Program) -> Box<dyn Executable> {
        let mut p = p.clone();
        plan::plan(&mut p);
        let options = CompileOptions { keep_text: true, ..CompileOptions::default() };
        backend().compile(&verify(p).unwrap(), &options).unwrap()
    }

    pub fn upload(&self, bytes: &[u8]) -> Buffer {
        let mut buffer = backend().memory(0).unwrap().allocate(bytes.len()).unwrap();
        backend().upload(bytes, &mut buffer).unwrap();
        buffer
    }

    /// Runs on these inputs, those given as a literal by value.
    pub fn run(
        &self,
        p: &Program,
        executable: &dyn Executable,
        inputs: &[Given],
    ) -> Result<Vec<Vec<u8>>, Error> {
        let (mut held, mut literals) = (Vec::new(), Vec::new());
        let mut pointers: Vec<*const u8> = Vec::new();
        for (n, given) in inputs.iter().enumerate() {
            match given {
                Given::Bytes(bytes) => {
                    held.push(self.upload(bytes));
                    pointers.push(held[held.len() - 1].pointer());
                }
                Given::Literal(bits) => {
                    literals.push(Literal { input: n, bits: *bits });
                    pointers.push(std::ptr::null());
                }
            }
        }
        let sizes: Vec<usize> = p.outputs().iter().map(|s| p.slot(*s).bytes()).collect();
        let memory = backend().memory(0)?;
        let mut outputs = Vec::new();
        for n in &sizes {
            outputs.push(memory.allocate(*n)?);
        }
        let targets: Vec<*mut u8> = outputs.iter_mut().map(Buffer::write_pointer).collect();
        // SAFETY: the buffers have the bytes of their slots and live until the queue is done.
        unsafe { executable.run(&mut pointers, &literals, &targets)? };
        // Freed before the work is done, as callers may.
        drop(held);
        let mut all = Vec::new();
        for (buffer, n) in outputs.iter().zip(sizes) {
            let mut bytes = vec![0; n];
            backend().download(buffer, &mut bytes)?;
            all.push(bytes);
        }
        Ok(all)
    }
}

pub enum Given {
    Bytes(Vec<u8>),
    Literal(u128),
}

pub fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

pub fn slot(dtype: DType, len: usize, kind: SlotKind) -> Slot {
    Slot { dtype, len, kind }
}

pub fn temp(dtype: DType, len: usize) -> Slot {
    slot(dtype, len, SlotKind::Temp { arena_offset: 0 })
}

pub fn whole(n: u32) -> View {
    View::whole(SlotId(n))
}

pub fn moving(n: u32, stride: i64) -> View {
    View { slot: SlotId(n), at: Affine::new(0, [stride]) }
}

pub fn launch(kernel: u32, args: &[View]) -> Step {
    Step::Launch { kernel: KernelId(kernel), args: args.iter().cloned().collect() }
}

pub fn program(kernels: Vec<Kernel>, slots: Vec<Slot>, steps: Vec<Step>) -> Program {
    let (name, donations) = ("test".into(), Vec::new());
    Program { name, place: CUDA, slots, kernels, steps, donations, arena: 0 }
}

/// `z[i] = op(x[i], y[i])`
pub fn binary(op: ScalarOp, d: DType, n: usize) -> Kernel {
    let mut b = KernelBuilder::new("binary", [Loop { extent: n, mode: Mode::Parallel }]);
    let (x, y) = (b.buffer(d, n), b.buffer(d, n));
    let (u, v) = (b.load(x, Affine::counter(0)), b.load(y, Affine::counter(0)));
    let w = b.op(op, &[u, v]);
    let to = b.dtype(w);
    let z = b.buffer(to, n);
    b.store_at(z, Affine::counter(0), w);
    b.finish()
}

fn rows_and_columns(rows: usize, columns: usize, inner: Mode) -> [Loop; 2] {
    [Loop { extent: rows, mode: Mode::Parallel }, Loop { extent: columns, mode: inner }]
}

/// Softmax over rows as three kernels: maxima, sums of exponentials, quotients.
pub fn softmax(rows: usize, columns: usize) -> Program {
    let (d, n) = (DType::F32, rows * columns);
    let dense = Affine::new(0, [columns as i64, 1]);
    let mut k = KernelBuilder::new("maxima", rows_and_columns(rows, columns, Mode::Reduce));
    let (x, m) = (k.buffer(d, n), k.buffer(d, rows));
    let v = k.load(x, dense.clone());
    k.reduce(m, Affine::counter(0), Combine::Max, v);
    let maxima = k.finish();
    let exponential = |k: &mut KernelBuilder| {
        let (x, m) = (k.buffer(d, n), k.buffer(d, rows));
        let (v, w) = (k.load(x, dense.clone()), k.load(m, Affine::counter(0)));
        let v = k.op(ScalarOp::Sub, &[v, w]);
        k.op(ScalarOp::Exp, &[v])
    };
    let mut k = KernelBuilder::new("sums", rows_and_columns(rows, columns, Mode::Reduce));
    let v = exponential(&mut k);
    let s = k.buffer(d, rows);
    k.reduce(s, Affine::counter(0), Combine::Sum, v);
    let sums = k.finish();
    let mut k = KernelBuilder::new("quotients", rows_and_columns(rows, columns, Mode::Parallel));
    let v = exponential(&mut k);
    let (s, y) = (k.buffer(d, rows), k.buffer(d, n));
    let w = k.load(s, Affine::counter(0));
    let v = k.op(ScalarOp::Div, &[v, w]);
    k.store_at(y, dense, v);
    let slots = vec![
        slot(d, n, SlotKind::Input(0)),
        temp(d, rows),
        temp(d, rows),
        slot(d, n, SlotKind::Output(0)),
    ];
    let steps = vec![
        launch(0, &[whole(0), whole(1)]),
        launch(1, &[whole(0), whole(1), whole(2)]),
        launch(2, &[whole(0), whole(1), whole(2), whole(3)]),
    ];
    program(vec![maxima, sums, k.finish()], slots, steps)
}
