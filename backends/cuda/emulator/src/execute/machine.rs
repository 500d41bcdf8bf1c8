//! What instructions work on beside their block.

use crate::clock::Releases;
use crate::fault::{FaultKind, Trap};
use crate::instruction::Kernel;
use crate::memory::Memory;
use crate::random::Random;
use crate::shadow::ReadSets;
use crate::stats::Stats;

/// The extents of a launch.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    /// Where dynamic shared memory begins, and its bytes.
    pub dynamic: (u32, u32),
}

pub struct Machine<'a> {
    pub kernel: &'a Kernel,
    pub memory: &'a mut Memory,
    pub releases: Releases,
    pub sets: ReadSets,
    pub params: &'a [u8],
    pub constant: &'a [u8],
    /// The addresses of the module's variables.
    pub globals: &'a [u64],
    pub shape: Shape,
    pub launch: u32,
    pub random: Random,
    pub stats: Stats,
    /// Gets the conditions that threads set, and answers whether there is such a condition.
    pub set: &'a mut dyn FnMut(u64, u32) -> bool,
}

impl Machine<'_> {
    pub fn threads(&self) -> u32 {
        self.shape.block.iter().product()
    }

    /// The index of a thread in its block.
    pub fn thread(&self, thread: u32) -> [u32; 3] {
        let [x, y, _] = self.shape.block;
        [thread % x, thread / x % y, thread / x / y]
    }

    /// The index of a block in the grid.
    pub fn block(&self, block: u32) -> [u32; 3] {
        let [x, y, _] = self.shape.grid;
        [block % x, block / x % y, block / x / y]
    }

    /// Names the register of a trap.
    pub fn named(&self, trap: Trap) -> Trap {
        if trap.kind != FaultKind::UnwrittenRegister {
            return trap;
        }
        let (what, number) = trap.message.split_at(1);
        let number: usize = number.parse().unwrap_or_default();
        let name = match what {
            "p" => self.kernel.predicates.get(number),
            _ => self.kernel.registers.get(number).map(|(name, _)| name),
        };
        let name = name.map_or("", |n| n);
        Trap { message: format!("`{name}` is read before this thread has written it"), ..trap }
    }
}
