//! CUDA as a family of devices: programs are compiled to PTX and run through the driver.

use crate::emit;
use crate::plan::{Gemm, Item, LIBRARY, Target};
use crate::run::{Device, DeviceMemory, Graph, Module, Queue, blas, count, device, memory};
use cotangent_jit::Error;
use cotangent_jit::backend::{
    Backend, CompileOptions, Executable, Launches, Literal, MemoryStats, Tuning, expect_buffers,
    expect_bytes,
};
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::prepare::complex;
use cotangent_jit::program::{Placement, Program};
use cotangent_jit::verify::Verified;
use smallvec::SmallVec;
use std::sync::{Arc, Mutex};

/// The devices that the driver knows.
pub struct CudaBackend;

/// The process's CUDA devices.
pub fn backend() -> &'static CudaBackend {
    static BACKEND: CudaBackend = CudaBackend;
    &BACKEND
}

/// Bytes of memory for an input that is given by value.
const LITERAL: usize = 16;

impl Backend for CudaBackend {
    fn name(&self) -> &'static str {
        "cuda"
    }

    fn device_count(&self) -> Result<u32, Error> {
        count()
    }

    fn describe(&self, ordinal: u32) -> Result<String, Error> {
        Ok(device(ordinal)?.name.clone())
    }

    fn memory(&self, ordinal: u32) -> Result<&'static dyn Memory, Error> {
        let memory: &'static DeviceMemory = memory(ordinal)?;
        Ok(memory)
    }

    fn compile(
        &self,
        program: &Verified<Program>,
        options: &CompileOptions,
    ) -> Result<Box<dyn Executable>, Error> {
        let named = |e: Error| e.context(format!("compile {}", program.get().name));
        let parts = complex::split(program.get()).map_err(named)?;
        let real = parts.as_ref().unwrap_or(program);
        Ok(Box::new(compile(real.get(), options).map_err(named)?))
    }

    fn upload(&self, from: &[u8], to: &mut Buffer) -> Result<(), Error> {
        expect_bytes("upload", to.bytes(), from.len())?;
        let device = device(to.place().ordinal)?;
        // SAFETY: the buffer is this device's, has as many bytes and is ours alone.
        unsafe { device.write(to.write_pointer().addr() as u64, from) }
    }

    fn download(&self, from: &Buffer, to: &mut [u8]) -> Result<(), Error> {
        expect_bytes("download", from.bytes(), to.len())?;
        let device = device(from.place().ordinal)?;
        // SAFETY: the buffer is this device's and has as many bytes, which an array has written.
        unsafe { device.read(from.pointer().addr() as u64, to) }
    }

    fn synchronize(&self, ordinal: u32) -> Result<(), Error> {
        device(ordinal)?.synchronize()
    }

    fn memory_stats(&self, ordinal: u32) -> MemoryStats {
        memory(ordinal).map(DeviceMemory::stats).unwrap_or_default()
    }

    /// Lanes are threads: any number of them beats a kernel per step, and memory streams past them
    /// however long the loop is.
    fn tuning(&self, _ordinal: u32) -> Tuning {
        Tuning { least_lanes: 1, short_axis: 8, streamed_bytes: 1 << 40, rounds: 1024 }
    }
}

struct CudaExecutable {
    device: &'static Device,
    memory: &'static DeviceMemory,
    graphs: Vec<Mutex<Option<Graph>>>,
    products: Vec<Arc<blas::Product>>,
    module: Module,
    items: Vec<Item>,
    arena: usize,
    inputs: usize,
    outputs: usize,
    place: Placement,
    launches: Launches,
    code_size: usize,
    text: Option<String>,
}

fn compile(program: &Program, options: &CompileOptions) -> Result<CudaExecutable, Error> {
    let device = device(program.place.ordinal)?;
    let conditions = device.conditions.is_some();
    let library = blas::least()?.unwrap_or(LIBRARY);
    let target = Target { conditions, library, ..Target::of(device.multiprocessors) };
    let mut takes = |gemm: &Gemm| Ok(blas::product(device, gemm)?.is_some());
    let plan = emit::plan_with(program, target, &mut takes)?;
    let mut products = Vec::with_capacity(plan.products.len());
    for gemm in &plan.products {
        // Whatever the plan has was there a moment ago, and stays.
        products.extend(blas::product(device, gemm)?);
    }
    let text = emit::module(&plan.entries);
    let module = Module::load(device, &text, &plan.entries)?;
    Ok(CudaExecutable {
        device,
        memory: memory(program.place.ordinal)?,
        graphs: (0..plan.graphs).map(|_| Mutex::new(None)).collect(),
        products,
        module,
        items: plan.items,
        arena: plan.arena,
        inputs: program.inputs().len(),
        outputs: program.outputs().len(),
        place: program.place,
        launches: plan.launches,
        code_size: text.len(),
        text: options.keep_text.then_some(text),
    })
}

impl Drop for CudaExecutable {
    fn drop(&mut self) {
        // Work that is under way needs the module and the graphs. A device that is lost has none.
        let _ = self.device.synchronize();
    }
}

impl Executable for CudaExecutable {
    unsafe fn run(
        &self,
        inputs: &mut [*const u8],
        literals: &[Literal],
        outputs: &[*mut u8],
    ) -> Result<(), Error> {
        expect_buffers((self.inputs, self.outputs), (inputs.len(), outputs.len()))?;
        let room = self.arena.next_multiple_of(LITERAL) + LITERAL * literals.len();
        let arena = if room > 0 { self.memory.take(room)? } else { 0 };
        // SAFETY: the caller's promise; the arena has the bytes of the plan and of the literals.
        let done = unsafe { self.enqueue(inputs, literals, outputs, arena) };
        if room > 0 {
            // What was enqueued comes before all work of the memory's next owner.
            self.memory.give(arena, room);
        }
        done
    }

    fn text(&self, stage: &str) -> Option<String> {
        self.text.clone().filter(|_| stage == "ptx")
    }

    fn code_size(&self) -> usize {
        self.code_size
    }

    fn place(&self) -> Placement {
        self.place
    }

    fn launches(&self) -> Launches {
        self.launches
    }
}

impl CudaExecutable {
    /// # Safety
    /// As for `run`; the arena has room for the plan and then for the literals.
    unsafe fn enqueue(
        &self,
        inputs: &[*const u8],
        literals: &[Literal],
        outputs: &[*mut u8],
        arena: u64,
    ) -> Result<(), Error> {
        let mut addresses: SmallVec<[u64; 8]> = inputs.iter().map(|p| p.addr() as u64).collect();
        if !literals.is_empty() {
            let first = arena + self.arena.next_multiple_of(LITERAL) as u64;
            let mut bytes: SmallVec<[u8; 64]> = SmallVec::new();
            for (n, literal) in literals.iter().enumerate() {
                addresses[literal.input] = first + (LITERAL * n) as u64;
                bytes.extend_from_slice(&literal.bits.to_le_bytes());
            }
            // SAFETY: the arena has room for them behind the plan's bytes.
            unsafe { self.device.write(first, &bytes)? };
        }
        let outputs: SmallVec<[u64; 4]> = outputs.iter().map(|p| p.addr() as u64).collect();
        let (inputs, counters) = (&addresses[..], SmallVec::new());
        let (device, module, graphs) = (self.device, &self.module, &self.graphs[..]);
        let (outputs, products) = (&outputs[..], &self.products[..]);
        let mut queue =
            Queue { device, module, graphs, products, inputs, outputs, arena, counters };
        // SAFETY: the caller's promise.
        unsafe { queue.run(&self.items) }
    }
}
