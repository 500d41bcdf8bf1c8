//! A launch: its checks, and the turns of its blocks and warps.
//!
//! Some blocks are resident at once: all of a cooperative launch, few of another. They come in an
//! order drawn from the seed, as do the turns of blocks and warps. A turn ends at a barrier, at an
//! exit, at an access that may wait for another block, and after some instructions, so that a block
//! that spins does not keep the others from running.

use crate::block::Block;
use crate::clock::Releases;
use crate::execute::{Machine, Shape, Step, step};
use crate::fault::{Fault, FaultKind, Trap};
use crate::instruction::Kernel;
use crate::memory::Memory;
use crate::random::Random;
use crate::shadow::ReadSets;
use crate::stats::Stats;

/// Blocks that are resident at once unless the launch is cooperative.
const RESIDENT: usize = 16;
/// Threads of a cooperative launch: those of 132 multiprocessors.
const MOST_RESIDENT_THREADS: u64 = 132 * 2048;
/// The most instructions of a turn.
const TURN: u64 = 256;
/// The most shared memory of a block.
const MOST_SHARED: u64 = 227 << 10;

/// The most local memory of a block that the interpreter provides.
const MOST_LOCAL: u64 = 16 << 20;

pub struct Run<'a> {
    pub kernel: &'a Kernel,
    pub constant: &'a [u8],
    pub globals: &'a [u64],
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub dynamic_shared: u32,
    pub cooperative: bool,
    pub params: &'a [u8],
    pub launch: u32,
    pub budget: u64,
    pub random: Random,
}

impl Run<'_> {
    fn fault(&self, kind: FaultKind, text: String) -> Fault {
        Fault::new(kind, format!("entry `{}`: {text}", self.kernel.name))
    }

    fn check(&self) -> Result<(), Fault> {
        let product = |e: [u32; 3]| e.iter().map(|n| u64::from(*n)).fold(1, u64::saturating_mul);
        let shape = |text| Err(self.fault(FaultKind::Shape, text));
        let (threads, Run { grid, block, kernel, .. }) = (product(self.block), self);
        let outside =
            |e: &[u32; 3], most: [u32; 3]| e.iter().zip(most).any(|(n, most)| *n == 0 || *n > most);
        if outside(grid, [i32::MAX as u32, 65_535, 65_535]) || product(*grid) > u32::MAX.into() {
            return shape(format!("a grid of {grid:?} blocks"));
        }
        if outside(block, [1024, 1024, 64]) || threads > 1024 {
            return shape(format!("blocks of {block:?} threads"));
        }
        if let Some(exact) = kernel.exact_threads.filter(|e| e != block) {
            return shape(format!("blocks of {block:?} threads, but .reqntid says {exact:?}"));
        }
        if let Some(most) = kernel.max_threads.filter(|m| threads > product(*m)) {
            return shape(format!("blocks of {block:?} threads, but .maxntid says {most:?}"));
        }
        let resident = threads.saturating_mul(product(*grid));
        if self.cooperative && resident > MOST_RESIDENT_THREADS {
            return shape(format!("{resident} threads cannot be resident at once"));
        }
        let shared = u64::from(self.dynamic_start()) + u64::from(self.dynamic_shared);
        if shared > MOST_SHARED {
            let text = format!("{shared} bytes of shared memory, of at most {MOST_SHARED}");
            return Err(self.fault(FaultKind::SharedSize, text));
        }
        let local = threads * u64::from(kernel.local_bytes);
        if local > MOST_LOCAL {
            return shape(format!("blocks that need {local} bytes of local memory"));
        }
        if self.params.len() != kernel.param_bytes as usize {
            let (found, wanted) = (self.params.len(), kernel.param_bytes);
            let text = format!("{found} bytes of parameters, not {wanted}");
            return Err(self.fault(FaultKind::Parameters, text));
        }
        Ok(())
    }

    fn dynamic_start(&self) -> u32 {
        self.kernel.shared_bytes.next_multiple_of(self.kernel.dynamic_align.max(1))
    }

    /// Runs all blocks.
    pub fn execute(
        mut self,
        memory: &mut Memory,
        set: &mut dyn FnMut(u64, u32) -> bool,
    ) -> Result<Stats, Fault> {
        self.check()?;
        let shape = Shape {
            grid: self.grid,
            block: self.block,
            dynamic: (self.dynamic_start(), self.dynamic_shared),
        };
        let mut machine = Machine {
            kernel: self.kernel,
            memory,
            releases: Releases::default(),
            sets: ReadSets::default(),
            params: self.params,
            constant: self.constant,
            globals: self.globals,
            shape,
            launch: self.launch,
            random: Random::new(self.random.next()),
            stats: Stats::default(),
            set,
        };
        let mut order = Order::new(self.grid.iter().product(), &mut self.random);
        let mut resident: Vec<Block> = Vec::new();
        let mut spare = Vec::new();
        let mut left = self.budget;
        loop {
            while self.cooperative || resident.len() < RESIDENT {
                let Some(number) = order.next() else { break };
                let mut block: Block = spare.pop().unwrap_or_default();
                let shared = shape.dynamic.0 + shape.dynamic.1;
                let index = (machine.block(number), number);
                block.reset(self.kernel, index, machine.threads(), shared as usize);
                resident.push(block);
            }
            if resident.is_empty() {
                return Ok(machine.stats);
            }
            let n = self.random.below(resident.len() as u64) as usize;
            let turns = 1 + self.random.below(8);
            for _ in 0..turns {
                self.turn(&mut machine, &mut resident[n], &mut left)?;
                if resident[n].is_done() {
                    machine.stats.blocks += 1;
                    spare.push(resident.swap_remove(n));
                    break;
                }
            }
        }
    }

    /// Runs a warp of a block for a while.
    fn turn(
        &mut self,
        machine: &mut Machine<'_>,
        block: &mut Block,
        left: &mut u64,
    ) -> Result<(), Fault> {
        let ready = |w: &crate::warp::Warp| w.live != 0 && w.waits.is_none();
        let count = block.warps.iter().filter(|w| ready(w)).count();
        if count == 0 {
            return self.release(machine, block);
        }
        let chosen = self.random.below(count as u64) as usize;
        let ready = block.warps.iter().enumerate().filter(|(_, w)| ready(w)).map(|(n, _)| n);
        let Some(w) = { ready }.nth(chosen) else { return Ok(()) };
        for _ in 0..=self.random.below(TURN) {
            if *left == 0 {
                let trap = Trap::of_warp(FaultKind::Budget, "the budget of instructions is spent");
                return Err(self.place(machine, block, w, trap));
            }
            *left -= 1;
            match step(machine, block, w) {
                Ok(Step::Next) => {}
                Ok(Step::Yield | Step::Stop) => break,
                Err(trap) => return Err(self.place(machine, block, w, trap)),
            }
        }
        Ok(())
    }

    /// Lets a block pass the barrier at which all of its warps wait.
    fn release(&self, machine: &mut Machine<'_>, block: &mut Block) -> Result<(), Fault> {
        let mut waiting = block.warps.iter().enumerate().filter(|(_, w)| w.waits.is_some());
        let Some((w, first)) = waiting.next() else { return Ok(()) };
        let id = first.waits;
        if let Some(other) = block.warps.iter().position(|o| o.waits != id) {
            let text = match block.warps[other].live {
                0 => format!("warp {w} waits at a barrier, but warp {other} has exited"),
                _ => format!("the warps {w} and {other} wait at different barriers"),
            };
            let trap = Trap::of_warp(FaultKind::DivergentBarrier, text);
            return Err(self.place(machine, block, w, trap));
        }
        block.warps.iter_mut().for_each(|w| w.waits = None);
        block.barrier = block.knowledge.tick();
        machine.stats.barriers += 1;
        Ok(())
    }

    /// A trap at the place where it was taken.
    fn place(&self, machine: &Machine<'_>, block: &Block, w: usize, trap: Trap) -> Fault {
        let Trap { kind, lane, message } = machine.named(trap);
        let warp = &block.warps[w];
        let frame = warp.frames.last();
        // A warp that waits stands behind its barrier.
        let behind = usize::from(warp.waits.is_some());
        let at = frame.map_or(0, |f| f.at.saturating_sub(behind));
        let line = self.kernel.code.get(at).map(|i| i.line);
        let lane = lane.or(frame.map(|f| f.lanes.trailing_zeros())).unwrap_or(0);
        let thread = Some(machine.thread(warp.first + lane));
        Fault { line, block: Some(block.index), thread, ..self.fault(kind, message) }
    }
}

/// The numbers below a count, each once, in an order drawn from a seed.
struct Order {
    step: u64,
    at: u64,
    count: u64,
    given: u64,
}

impl Order {
    fn new(count: u32, random: &mut Random) -> Order {
        let count = u64::from(count);
        let mut step = 1 + random.below(count);
        while common_divisor(step, count) != 1 {
            step += 1;
        }
        Order { step, at: random.below(count), count, given: 0 }
    }

    fn next(&mut self) -> Option<u32> {
        if self.given == self.count {
            return None;
        }
        self.given += 1;
        self.at = (self.at + self.step) % self.count;
        Some(self.at as u32)
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
