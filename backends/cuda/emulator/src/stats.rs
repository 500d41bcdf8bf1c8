//! What a launch did, in numbers.

use crate::instruction::Class;

/// The instructions of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Executed by warps.
    pub warps: u64,
    /// Executed by lanes.
    pub lanes: u64,
}

/// The requests of warps to global memory of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub requests: u64,
    pub bytes: u64,
    /// The sectors of 32 bytes that the requests touched. Coalesced requests touch as many as their
    /// bytes fill.
    pub sectors: u64,
}

/// The numbers of one launch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Blocks that have run.
    pub blocks: u64,
    counts: [Count; 10],
    pub global_reads: Traffic,
    /// Atomic operations count here.
    pub global_writes: Traffic,
    /// Barriers that a block passed.
    pub barriers: u64,
    /// Branches at which the lanes of a warp part.
    pub divergent_branches: u64,
}

impl Stats {
    /// The instructions of a class.
    pub fn of(&self, class: Class) -> Count {
        self.counts[class as usize]
    }

    /// All instructions.
    pub fn total(&self) -> Count {
        self.counts.iter().fold(Count::default(), |sum, c| Count {
            warps: sum.warps + c.warps,
            lanes: sum.lanes + c.lanes,
        })
    }

    pub(crate) fn count(&mut self, class: Class, active: u32) {
        let count = &mut self.counts[class as usize];
        count.warps += 1;
        count.lanes += u64::from(active.count_ones());
    }
}

impl Traffic {
    /// Counts a request: the addresses of its lanes, each of so many bytes.
    pub(crate) fn request(&mut self, addresses: impl Iterator<Item = u64>, bytes: u64) {
        let mut sectors = [0u64; 64];
        let mut found = 0;
        self.requests += 1;
        for address in addresses {
            self.bytes += bytes;
            for sector in [address >> 5, (address + bytes - 1) >> 5] {
                if found == 0 || sectors[found - 1] != sector {
                    sectors[found] = sector;
                    found += 1;
                }
            }
        }
        let sectors = &mut sectors[..found];
        sectors.sort_unstable();
        let steps = sectors.windows(2).filter(|w| w[0] != w[1]).count();
        self.sectors += if found == 0 { 0 } else { steps as u64 + 1 };
    }
}
