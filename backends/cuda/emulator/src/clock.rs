//! What each block knows of the others: vector clocks over blocks.
//!
//! A block counts its releases and barriers. A release at an address leaves there the releasing
//! block's clock and all that it knows; an acquire of that address learns it. Accesses of another
//! block below the learned clock are ordered before everything that follows. Threads of a block
//! share its knowledge: the interpreter does not follow which of them acquired.

use rustc_hash::FxHashMap;

/// Blocks and their clocks, in order of the blocks.
#[derive(Clone, Debug, Default)]
pub struct Clock(Vec<(u32, u32)>);

impl Clock {
    pub fn of(&self, block: u32) -> u32 {
        match self.0.binary_search_by_key(&block, |(b, _)| *b) {
            Ok(n) => self.0[n].1,
            Err(_) => 0,
        }
    }

    pub fn raise(&mut self, block: u32, clock: u32) {
        match self.0.binary_search_by_key(&block, |(b, _)| *b) {
            Ok(n) => self.0[n].1 = self.0[n].1.max(clock),
            Err(n) => self.0.insert(n, (block, clock)),
        }
    }

    pub fn join(&mut self, other: &Clock) {
        other.0.iter().for_each(|(block, clock)| self.raise(*block, *clock));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// What one block knows, and what its fences announce.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    pub block: u32,
    /// The number of the barriers, fences and releases so far.
    pub now: u32,
    pub known: Clock,
    /// Read by strong loads, and known from the next fence on.
    pending: Clock,
    /// What the last fence announces through strong stores.
    announced: Option<Clock>,
}

impl Knowledge {
    pub fn reset(&mut self, block: u32) {
        (self.block, self.now, self.announced) = (block, 1, None);
        self.known.clear();
        self.pending.clear();
    }

    pub fn tick(&mut self) -> u32 {
        self.now += 1;
        self.now
    }

    fn snapshot(&mut self) -> Clock {
        self.tick();
        let mut clock = self.known.clone();
        clock.raise(self.block, self.now);
        clock
    }

    pub fn fence(&mut self) {
        self.known.join(&self.pending);
        self.announced = Some(self.snapshot());
    }
}

/// What releases have left at addresses of global memory during a launch.
#[derive(Debug, Default)]
pub struct Releases(FxHashMap<u64, Clock>);

impl Releases {
    /// A strong load, or the load of an atomic operation.
    pub fn load(&self, by: &mut Knowledge, address: u64, acquires: bool) {
        let Some(left) = self.0.get(&address) else { return };
        match acquires {
            true => by.known.join(left),
            false => by.pending.join(left),
        }
    }

    /// A strong store. An atomic operation `continues` what earlier releases have left.
    pub fn store(&mut self, by: &mut Knowledge, address: u64, releases: bool, continues: bool) {
        let left = match releases {
            true => Some(by.snapshot()),
            false => by.announced.clone(),
        };
        if !continues {
            self.0.remove(&address);
        }
        if let Some(left) = left {
            self.0.entry(address).or_default().join(&left);
        }
    }
}
