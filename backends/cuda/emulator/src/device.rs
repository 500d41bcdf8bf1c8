//! A device: its memory, and launches.

use crate::fault::{Fault, FaultKind};
use crate::launch;
use crate::memory::{Memory, Touched};
use crate::module::Module;
use crate::random::Random;
use crate::stats::Stats;
use rustc_hash::FxHashMap;

/// Instructions of warps that a launch may execute, if nothing else is set.
const BUDGET: u64 = 1 << 30;

/// Bytes that can be allocated, if nothing else is set.
const CAPACITY: u64 = 4 << 30;

/// The memory of a device and the seed of its orders.
///
/// Addresses of global memory are never used twice, so that a stale one is always found.
pub struct Device {
    memory: Memory,
    random: Random,
    budget: u64,
    launches: u32,
    /// The addresses of the variables of each module that was launched.
    globals: FxHashMap<u64, Vec<u64>>,
}

/// What a launch asks for beside its entry.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub dynamic_shared: u32,
    /// All blocks are resident at once and may wait for each other.
    pub cooperative: bool,
}

impl Device {
    /// A device whose warps and blocks take turns in an order drawn from a seed. Results of correct
    /// entries do not depend on it.
    pub fn new(seed: u64) -> Device {
        Device::numbered(0, seed)
    }

    /// One of several devices. Their addresses lie apart, so that one of another device is found.
    pub fn numbered(number: u32, seed: u64) -> Device {
        let (memory, random) = (Memory::new(CAPACITY, number), Random::new(seed));
        Device { memory, random, budget: BUDGET, launches: 0, globals: FxHashMap::default() }
    }

    /// Sets the number of instructions that the warps of a launch may execute together.
    pub fn set_budget(&mut self, instructions: u64) {
        self.budget = instructions;
    }

    /// Sets the bytes that can be allocated, now and later.
    pub fn set_capacity(&mut self, bytes: u64) {
        self.memory.capacity = bytes.max(self.memory.allocated);
    }

    /// Reserves bytes, none of which is written yet. Addresses are multiples of 256.
    pub fn allocate(&mut self, bytes: u64) -> Result<u64, Fault> {
        let skew = self.random.below(64);
        if let Some(address) = self.memory.allocate(bytes, skew) {
            return Ok(address);
        }
        let Memory { allocated, capacity, .. } = self.memory;
        let text = format!("cannot allocate {bytes} bytes: {allocated} of {capacity} are in use");
        Err(Fault::new(FaultKind::OutOfMemory, text))
    }

    /// Frees a block by its first address and gives its bytes.
    pub fn free(&mut self, address: u64) -> Result<u64, Fault> {
        self.memory.free(address).map_err(|text| Fault::new(FaultKind::OutOfBounds, text))
    }

    /// The bytes that are allocated, and the number of blocks.
    pub fn allocated(&self) -> (u64, usize) {
        (self.memory.allocated, self.memory.live)
    }

    /// Copies from the host.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let outside = |text| Fault::new(FaultKind::OutOfBounds, format!("a copy to {text}"));
        self.memory.write(address, bytes).map_err(outside)
    }

    /// Copies to the host. Bytes that were never written are a fault.
    pub fn read(&mut self, address: u64, bytes: u64) -> Result<Vec<u8>, Fault> {
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let found = self.memory.read(address, bytes);
        found.map(<[u8]>::to_vec).map_err(|(unwritten, text)| match unwritten {
            true => Fault::new(FaultKind::UnwrittenMemory, format!("a copy to the host: {text}")),
            false => Fault::new(FaultKind::OutOfBounds, format!("a copy of {text}")),
        })
    }

    /// Copies within the device. Bytes that were never written stay so.
    pub fn copy(&mut self, to: u64, from: u64, bytes: u64) -> Result<(), Fault> {
        if bytes == 0 {
            return Ok(());
        }
        let outside = |text| Fault::new(FaultKind::OutOfBounds, format!("a copy of {text}"));
        let (n, at) = self.memory.find(from, bytes).map_err(outside)?;
        let (m, start) = self.memory.find(to, bytes).map_err(outside)?;
        let (end, source) = (start + bytes as usize, at..at + bytes as usize);
        let data = self.memory.block(n).data[source.clone()].to_vec();
        let written = self.memory.block(n).written[source].to_vec();
        let target = self.memory.block(m);
        target.data[start..end].copy_from_slice(&data);
        target.written[start..end].copy_from_slice(&written);
        Ok(())
    }

    /// Fills with a pattern of 1, 2 or 4 bytes, `count` times.
    pub fn fill(&mut self, address: u64, pattern: &[u8], count: u64) -> Result<(), Fault> {
        let bytes = (pattern.len() as u64).saturating_mul(count);
        if bytes == 0 {
            return Ok(());
        }
        let outside = |text| Fault::new(FaultKind::OutOfBounds, format!("a fill of {text}"));
        let (n, at) = self.memory.find(address, bytes).map_err(outside)?;
        let (block, end) = (self.memory.block(n), at + bytes as usize);
        let target = block.data[at..end].chunks_exact_mut(pattern.len());
        target.for_each(|chunk| chunk.copy_from_slice(pattern));
        block.written[at..end].fill(true);
        Ok(())
    }

    /// The block that holds an address: its first address and its bytes.
    pub fn block_of(&mut self, address: u64) -> Result<(u64, u64), Fault> {
        let outside = |text| Fault::new(FaultKind::OutOfBounds, text);
        let (n, _) = self.memory.find(address, 1).map_err(outside)?;
        let block = self.memory.block(n);
        Ok((block.base, block.bytes))
    }

    /// The address and bytes of a module's variable in global memory.
    pub fn global(&mut self, module: &Module, name: &str) -> Result<(u64, u64), Fault> {
        let missing =
            || Fault::new(FaultKind::Name, format!("the module has no variable `{name}`"));
        let n = module.globals.iter().position(|(n, _)| n == name).ok_or_else(missing)?;
        Ok((self.globals_of(module)?[n], module.globals[n].1.len() as u64))
    }

    /// Frees the variables of a module.
    pub fn unload(&mut self, module: &Module) -> Result<(), Fault> {
        let addresses = self.globals.remove(&module.id).unwrap_or_default();
        addresses.into_iter().try_for_each(|a| self.free(a).map(drop))
    }

    fn globals_of(&mut self, module: &Module) -> Result<Vec<u64>, Fault> {
        if let Some(known) = self.globals.get(&module.id) {
            return Ok(known.clone());
        }
        let mut addresses = Vec::new();
        for (_, initial) in &module.globals {
            let address = self.allocate(initial.len() as u64)?;
            self.write(address, initial)?;
            addresses.push(address);
        }
        self.globals.insert(module.id, addresses.clone());
        Ok(addresses)
    }

    /// Runs all blocks of an entry. `params` holds the parameters at the offsets that
    /// [`Entry::parameters`](crate::Entry::parameters) gives.
    pub fn launch(
        &mut self,
        module: &Module,
        entry: &str,
        grid: [u32; 3],
        block: [u32; 3],
        dynamic_shared: u32,
        params: &[u8],
    ) -> Result<Stats, Fault> {
        let launch = Launch { grid, block, dynamic_shared, cooperative: false };
        self.launch_as(module, entry, launch, params)
    }

    /// The same, with all that a launch may ask for.
    pub fn launch_as(
        &mut self,
        module: &Module,
        entry: &str,
        launch: Launch,
        params: &[u8],
    ) -> Result<Stats, Fault> {
        self.launch_setting(module, entry, launch, params, &mut |_, _| false)
    }

    /// The same, as a node of a graph: `set` gets each handle and value that a thread passes to
    /// `cudaGraphSetConditional`, and answers whether the graph has such a condition.
    pub fn launch_setting(
        &mut self,
        module: &Module,
        entry: &str,
        launch: Launch,
        params: &[u8],
        set: &mut dyn FnMut(u64, u32) -> bool,
    ) -> Result<Stats, Fault> {
        let kernel = module.entry(entry)?.kernel();
        let globals = self.globals_of(module)?;
        self.launches += 1;
        let run = launch::Run {
            kernel,
            constant: &module.constant,
            globals: &globals,
            grid: launch.grid,
            block: launch.block,
            dynamic_shared: launch.dynamic_shared,
            cooperative: launch.cooperative,
            params,
            launch: self.launches,
            budget: self.budget,
            random: Random::new(self.random.next()),
        };
        run.execute(&mut self.memory, set)
    }

    /// The bytes of global memory that the last launch has touched.
    pub fn touched(&self) -> Touched {
        self.memory.touched(self.launches)
    }
}
