//! A block of threads: its warps, shared and local memory, barriers and clock.

use crate::clock::Knowledge;
use crate::instruction::Kernel;
use crate::shadow::Cell;
use crate::warp::Warp;

#[derive(Debug, Default)]
pub struct Block {
    pub index: [u32; 3],
    pub warps: Vec<Warp>,
    pub shared: Vec<u8>,
    pub cells: Vec<Cell>,
    pub local: Vec<u8>,
    pub local_written: Vec<bool>,
    pub knowledge: Knowledge,
    /// The clock of the last barrier of the whole block.
    pub barrier: u32,
}

impl Block {
    /// Makes the block of an index ready to run. Nothing of an earlier block remains.
    pub fn reset(&mut self, kernel: &Kernel, index: ([u32; 3], u32), threads: u32, shared: usize) {
        (self.index, self.barrier) = (index.0, 0);
        self.knowledge.reset(index.1);
        self.warps.resize_with(threads.div_ceil(32) as usize, Warp::default);
        for (n, warp) in self.warps.iter_mut().enumerate() {
            let first = 32 * n as u32;
            warp.reset(kernel, first, threads - first);
        }
        self.shared.resize(shared, 0);
        self.cells.clear();
        self.cells.resize(shared, Cell::default());
        let local = threads as usize * kernel.local_bytes as usize;
        self.local.resize(local, 0);
        self.local_written.clear();
        self.local_written.resize(local, false);
    }

    pub fn is_done(&self) -> bool {
        self.warps.iter().all(|w| w.live == 0)
    }
}
