//! Running one kernel on the interpreter of PTX and on the oracle, and comparing what they leave in
//! memory.

#![allow(dead_code)]

pub mod driver;

use cotangent_cuda::emit::{blocks, entry, module};
use cotangent_cuda::plan::{Target, Tasks, tasks};
use cotangent_cuda::ptx::Entry;
use cotangent_cuda_emulator::{Device, Module};
use cotangent_jit::kernel::{BufferId, Kernel};
use cotangent_jit::prepare::complex;
use cotangent_jit::program::{KernelId, Placement, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::{DType, Scalar};

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
}

/// Elements in which numbers of a narrow range, equal elements, and patterns of bits that are
/// special as floats or ints mix. `kind` says how.
pub fn elements(d: DType, n: usize, kind: usize, r: &mut Random) -> Vec<u8> {
    if d.is_bool() {
        return (0..n).map(|_| r.below(2) as u8).collect();
    }
    let (size, sign) = (d.size(), 1u64 << (d.bits() - 1));
    let infinity = match d {
        DType::F16 => 0x7c00,
        DType::BF16 => 0x7f80,
        DType::F32 => 0x7f80_0000,
        DType::F64 => 0x7ff0_0000_0000_0000,
        _ => sign - 1,
    };
    // Zeros, infinities, NaN of both signs and several payloads, the least and the greatest.
    let specials = [0, 1, infinity, infinity + 1, infinity | infinity >> 1, sign - 1];
    let mut one = |i: usize| match (kind, r.below(8)) {
        (0, _) | (1, 0..4) => r.bits(),
        (1, _) | (2, _) => specials[r.below(specials.len())] | (sign * (r.bits() & 1)),
        (3, _) => r.below(5) as u64,
        (4, _) => i as u64,
        (5, _) => (n - i) as u64,
        _ => 7,
    };
    (0..n).flat_map(|i| one(i).to_le_bytes()[..size].to_vec()).collect()
}

/// The kernel on real numbers; `None` if it becomes several.
pub fn real(kernel: &Kernel) -> Option<Kernel> {
    let types = kernel.node_types().unwrap_or_default();
    if !types.iter().any(|d| d.is_complex()) {
        return Some(kernel.clone());
    }
    let mut program = Program {
        name: "k".into(),
        place: Placement { backend: "cuda", ordinal: 0 },
        slots: Vec::new(),
        kernels: vec![kernel.clone()],
        steps: Vec::new(),
        donations: Vec::new(),
        arena: 0,
    };
    let mut args = smallvec::SmallVec::new();
    let (mut inputs, mut outputs) = (0, 0);
    for (n, b) in kernel.buffers.iter().enumerate() {
        let written = kernel.writes(BufferId(n as u32));
        let kind = if written {
            outputs += 1;
            SlotKind::Output(outputs - 1)
        } else {
            inputs += 1;
            SlotKind::Input(inputs - 1)
        };
        let slot = SlotId(program.slots.len() as u32);
        program.slots.push(Slot { dtype: b.dtype, len: b.len, kind });
        args.push(View::whole(slot));
        if written {
            // Whatever the kernel leaves as it is, too.
            let from = SlotId(program.slots.len() as u32);
            program.slots.push(Slot { dtype: b.dtype, len: b.len, kind: SlotKind::Input(inputs) });
            inputs += 1;
            let (from, to) = (View::whole(from), View::whole(slot));
            program.steps.push(Step::Copy { from, to, len: b.len });
        }
    }
    program.steps.push(Step::Launch { kernel: KernelId(0), args });
    let split = complex::split(&program).unwrap().unwrap();
    let [kernel] = &split.get().kernels[..] else { return None };
    Some(kernel.clone())
}

/// The target for a seed: narrow or wide, one point or several per thread.
fn target(seed: u64) -> Target {
    let threads = if seed.is_multiple_of(2) { 1 } else { 1 << 14 };
    let library = cotangent_cuda::plan::LIBRARY;
    Target { threads, wide: seed % 8 == 1, product: false, conditions: false, library }
}

/// The tasks of a kernel and their entries.
fn entries(kernel: &Kernel, seed: u64) -> Result<(Tasks, Vec<Entry>), String> {
    let alignment = vec![16; kernel.buffers.len()];
    let tasks = tasks(kernel, &alignment, target(seed)).map_err(|e| e.to_string())?;
    let one = |n: usize| entry(&format!("k{n}"), &tasks, n, seed % 3 == 1);
    let entries: Result<Vec<Entry>, _> = (0..tasks.tasks.len()).map(one).collect();
    let entries = entries.map_err(|e| e.to_string())?;
    Ok((tasks, entries))
}

/// The text of a kernel's module.
pub fn text(kernel: &Kernel, seed: u64) -> Result<String, String> {
    Ok(module(&entries(kernel, seed)?.1))
}

/// Runs a kernel on these buffers in an order drawn from the seed.
pub fn run(kernel: &Kernel, buffers: &[Vec<u8>], seed: u64) -> Result<Vec<Vec<u8>>, String> {
    let (tasks, entries) = entries(kernel, seed)?;
    let text = module(&entries);
    let fault = |e: cotangent_cuda_emulator::Fault| format!("{e}\n{text}");
    let parsed = Module::parse(&text).map_err(fault)?;
    let mut device = Device::new(seed);
    let mut addresses = Vec::new();
    for bytes in buffers {
        let address = device.allocate(bytes.len().max(1) as u64).map_err(fault)?;
        device.write(address, bytes).map_err(fault)?;
        addresses.push(address);
    }
    let scratch = device.allocate(tasks.scratch.max(1) as u64).map_err(fault)?;
    for (task, entry) in tasks.tasks.iter().zip(&entries) {
        let scratch = task.scratch.iter().map(|at| scratch + *at as u64);
        let params = addresses.iter().copied().chain(scratch);
        let params: Vec<u8> = params.flat_map(u64::to_le_bytes).collect();
        let grid = [u32::try_from(blocks(task)).unwrap(), 1, 1];
        let block = [entry.threads, 1, 1];
        device.launch(&parsed, &entry.name, grid, block, 0, &params).map_err(fault)?;
    }
    let read = |(a, b): (&u64, &Vec<u8>)| device.read(*a, b.len() as u64).map_err(fault);
    addresses.iter().zip(buffers).map(read).collect()
}

/// Whether two elements are the same; any NaN is like any other.
pub fn same(d: DType, a: &[u8], b: &[u8]) -> bool {
    if a == b {
        return true;
    }
    let nan = |x: &[u8]| Scalar::from_bytes(d, x).to_f64().is_some_and(f64::is_nan);
    d.is_float() && nan(a) && nan(b)
}

/// The first element that differs, in words.
pub fn difference(d: DType, got: &[u8], expected: &[u8]) -> Option<String> {
    let d = d.part();
    let size = d.size();
    let all = got.chunks(size).zip(expected.chunks(size)).enumerate();
    let mut wrong = all.filter(|(_, (a, b))| !same(d, a, b));
    let (n, (a, b)) = wrong.next()?;
    let count = 1 + wrong.count();
    let [a, b] = [a, b].map(|x| Scalar::from_bytes(d, x));
    Some(format!("element {n} of {d} is {a:?}, expected {b:?}; {count} differ"))
}
