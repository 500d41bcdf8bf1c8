//! Who touched a byte: the shadow of shared and global memory, which finds races.
//!
//! Each byte remembers its last writer and the readers since. An access is ordered behind another
//!
//! - of the same thread;
//! - of the same block, if a barrier of the block lies between the two;
//! - of the same warp, if a `bar.warp.sync` lies between the two;
//! - of another block, if a chain of releases and acquires leads from the one to the other.
//!
//! Two accesses that are not ordered race if one of them writes, unless both are strong: atomic,
//! relaxed, volatile, acquire or release.

use crate::clock::Knowledge;
use crate::instruction::Order;

/// In place of a thread: several threads of the block.
const MANY: u16 = 0x7ff;
/// In place of a thread: several threads of the warp that the low bits name.
const WARP: u16 = 0x400;
/// In place of a thread: several blocks, listed in the set that the block names.
const BLOCKS: u16 = 0x7fe;

const WRITTEN: u8 = 1;
const READ: u8 = 2;
/// The last write was strong.
const STRONG_WRITE: u8 = 4;
/// A read since was weak.
const WEAK_READ: u8 = 8;
/// Read through the cache of constants.
const READ_ONLY: u8 = 16;
/// A copy is on its way.
const PENDING: u8 = 32;

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    block: u32,
    stamp: u32,
    thread: u16,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    writer: Mark,
    reader: Mark,
    flags: u8,
}

/// A thread at a moment.
pub struct Accessor<'a> {
    pub thread: u16,
    /// The last barrier of the block and of the warp.
    pub barrier: u32,
    pub warp_barrier: u32,
    pub knowledge: &'a Knowledge,
    /// Whether blocks may be ordered at all.
    pub synchronises: bool,
    pub sets: &'a mut ReadSets,
}

/// Readers of several blocks, where these may be ordered.
#[derive(Debug, Default)]
pub struct ReadSets(Vec<Vec<Mark>>);

/// An access that must not meet another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    Race {
        /// Whether the other access writes.
        wrote: bool,
        block: Option<u32>,
        /// The other thread, if it was one alone.
        thread: Option<u16>,
    },
    /// A write of what `ld.global.nc` reads.
    Alias,
    Pending,
}

impl Accessor<'_> {
    fn mark(&self) -> Mark {
        let Knowledge { block, now, .. } = *self.knowledge;
        Mark { block, stamp: now, thread: self.thread }
    }

    fn follows(&self, mark: Mark) -> bool {
        if mark.thread == BLOCKS {
            let set = self.sets.0.get(mark.block as usize);
            return self.synchronises && set.is_some_and(|s| s.iter().all(|m| self.follows(*m)));
        }
        if mark.block != self.knowledge.block {
            return self.synchronises && mark.stamp < self.knowledge.known.of(mark.block);
        }
        let warp = if mark.thread < WARP { mark.thread >> 5 } else { mark.thread & 0x3f };
        let same_warp = mark.thread != MANY && warp == self.thread >> 5;
        mark.thread == self.thread
            || mark.stamp < self.barrier
            || (same_warp && mark.stamp < self.warp_barrier)
    }

    /// The mark of `old` and of this thread.
    fn merge(&mut self, old: Mark) -> Mark {
        let new = self.mark();
        if self.follows(old) {
            return new;
        }
        if old.thread == BLOCKS || old.block != new.block {
            return self.merge_blocks(old, new);
        }
        let warp = if old.thread < WARP { old.thread >> 5 } else { old.thread & 0x3f };
        let thread = match old.thread != MANY && warp == new.thread >> 5 {
            true => WARP | warp,
            false => MANY,
        };
        Mark { thread, ..new }
    }

    fn merge_blocks(&mut self, old: Mark, new: Mark) -> Mark {
        if !self.synchronises {
            return Mark { thread: BLOCKS, ..new };
        }
        if old.thread != BLOCKS {
            self.sets.0.push(vec![old, new]);
            return Mark { block: self.sets.0.len() as u32 - 1, thread: BLOCKS, ..new };
        }
        let set = self.sets.0.get(old.block as usize).map_or(&[][..], |s| s);
        let own = set.iter().position(|m| m.block == new.block);
        let merged = own.map(|n| set[n]).map_or(new, |own| self.merge(own));
        if let Some(set) = self.sets.0.get_mut(old.block as usize) {
            match own {
                Some(n) => set[n] = merged,
                None => set.push(merged),
            }
        }
        old
    }
}

impl Mark {
    fn race(self, wrote: bool) -> Conflict {
        let block = (self.thread != BLOCKS).then_some(self.block);
        Conflict::Race { wrote, block, thread: (self.thread < WARP).then_some(self.thread) }
    }
}

/// What a launch has done to a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    /// A write by strong accesses.
    Update,
}

impl Cell {
    /// What was done to the byte so far.
    pub fn kind(&self) -> Option<Kind> {
        let strong = self.flags & (STRONG_WRITE | WEAK_READ) == STRONG_WRITE;
        match self.flags & (WRITTEN | READ) {
            0 => None,
            READ => Some(Kind::Read),
            _ if strong => Some(Kind::Update),
            _ => Some(Kind::Write),
        }
    }

    pub fn is_written(&self) -> bool {
        self.flags & WRITTEN != 0
    }

    pub fn read(&mut self, by: &mut Accessor<'_>, order: Order) -> Result<(), Conflict> {
        if self.flags & PENDING != 0 {
            return Err(Conflict::Pending);
        }
        if self.flags & WRITTEN != 0 {
            if order.read_only {
                return Err(Conflict::Alias);
            }
            let exempt = order.strong && self.flags & STRONG_WRITE != 0;
            if !exempt && !by.follows(self.writer) {
                return Err(self.writer.race(true));
            }
        }
        self.reader = if self.flags & READ != 0 { by.merge(self.reader) } else { by.mark() };
        self.flags |= READ;
        self.flags |= if order.strong { 0 } else { WEAK_READ };
        self.flags |= if order.read_only { READ_ONLY } else { 0 };
        Ok(())
    }

    pub fn write(&mut self, by: &mut Accessor<'_>, order: Order) -> Result<(), Conflict> {
        if self.flags & PENDING != 0 {
            return Err(Conflict::Pending);
        }
        if self.flags & READ_ONLY != 0 {
            return Err(Conflict::Alias);
        }
        let exempt = order.strong && self.flags & STRONG_WRITE != 0;
        if self.flags & WRITTEN != 0 && !exempt && !by.follows(self.writer) {
            return Err(self.writer.race(true));
        }
        let exempt = order.strong && self.flags & WEAK_READ == 0;
        if self.flags & READ != 0 && !exempt && !by.follows(self.reader) {
            return Err(self.reader.race(false));
        }
        self.writer = by.mark();
        self.flags = WRITTEN | if order.strong { STRONG_WRITE } else { 0 };
        Ok(())
    }

    /// Announces a copy, which writes when the thread has waited for it.
    pub fn announce(&mut self, by: &mut Accessor<'_>) -> Result<(), Conflict> {
        self.write(by, Order::default())?;
        self.flags |= PENDING;
        Ok(())
    }

    /// Ends the announcement: from now on the bytes are a write of the thread.
    pub fn deliver(&mut self, by: &Accessor<'_>) {
        self.writer = by.mark();
        self.flags &= !PENDING;
    }
}
