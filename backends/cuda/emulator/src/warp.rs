//! A warp: the registers of 32 lanes, and the stack of paths that its lanes have parted on.

use crate::fault::{FaultKind, Trap};
use crate::instruction::{Kernel, Predicate, Reg, Value};
use smallvec::SmallVec;

pub const LANES: usize = 32;

/// One value per lane.
pub type Lanes = [u64; LANES];

/// The lanes that run from `at` until they come to `meet`.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub at: usize,
    pub meet: usize,
    pub lanes: u32,
}

/// A copy from global to shared memory that is on its way.
#[derive(Clone, Debug)]
pub struct Copy {
    pub lane: u32,
    pub group: u32,
    pub to: usize,
    pub bytes: usize,
    pub data: [u8; 16],
}

#[derive(Debug, Default)]
pub struct Warp {
    registers: Vec<Lanes>,
    written: Vec<u32>,
    predicates: Vec<u32>,
    known: Vec<u32>,
    pub frames: SmallVec<[Frame; 8]>,
    /// The lanes that the block has, and those of them that have not exited.
    pub all: u32,
    pub live: u32,
    /// The thread of lane 0.
    pub first: u32,
    /// The barrier that the warp waits at.
    pub waits: Option<u64>,
    /// The clock of the last `bar.warp.sync`.
    pub barrier: u32,
    pub copies: Vec<Copy>,
    /// The groups of copies that each lane has committed.
    pub committed: [u32; LANES],
}

/// The lanes of a mask, in order.
pub fn lanes(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (lane < 32).then_some(lane as usize)
    })
}

impl Warp {
    pub fn reset(&mut self, kernel: &Kernel, first: u32, threads: u32) {
        let lanes = threads.min(32);
        self.all = u32::MAX >> (32 - lanes);
        (self.live, self.first, self.waits, self.barrier) = (self.all, first, None, 0);
        self.frames.clear();
        let exit = kernel.code.len();
        self.frames.push(Frame { at: 0, meet: exit, lanes: self.all });
        self.registers.resize(kernel.registers.len(), [0; LANES]);
        self.predicates.resize(kernel.predicates.len(), 0);
        self.written.clear();
        self.written.resize(kernel.registers.len(), 0);
        self.known.clear();
        self.known.resize(kernel.predicates.len(), 0);
        self.copies.clear();
        self.committed = [0; LANES];
    }

    /// The value of each active lane.
    pub fn read(&self, value: Value, active: u32) -> Result<Lanes, Trap> {
        match value {
            Value::Literal(bits) => Ok([bits; LANES]),
            Value::Register(register) => Ok(*self.register(register, active)?),
        }
    }

    pub fn register(&self, register: Reg, active: u32) -> Result<&Lanes, Trap> {
        match active & !self.written[register as usize] {
            0 => Ok(&self.registers[register as usize]),
            missing => Err(unwritten(register, false, missing)),
        }
    }

    pub fn write(&mut self, register: Reg, values: &Lanes, active: u32) {
        let target = &mut self.registers[register as usize];
        match active {
            u32::MAX => *target = *values,
            _ => lanes(active).for_each(|lane| target[lane] = values[lane]),
        }
        self.written[register as usize] |= active;
    }

    /// The lanes for which a predicate holds, among the active ones.
    pub fn holds(&self, p: Predicate, active: u32) -> Result<u32, Trap> {
        match active & !self.known[p.register as usize] {
            0 => {
                let bits = self.predicates[p.register as usize];
                Ok(if p.negated { !bits } else { bits } & active)
            }
            missing => Err(unwritten(p.register, true, missing)),
        }
    }

    pub fn write_predicate(&mut self, register: Reg, holds: u32, active: u32) {
        let bits = &mut self.predicates[register as usize];
        *bits = (*bits & !active) | (holds & active);
        self.known[register as usize] |= active;
    }

    /// Ends lanes wherever they are on the stack.
    pub fn exit(&mut self, gone: u32) {
        self.live &= !gone;
        self.frames.iter_mut().for_each(|f| f.lanes &= !gone);
        self.frames.retain(|f| f.lanes != 0);
    }

    /// Drops the paths that have come to their meeting point.
    pub fn join(&mut self) {
        while self.frames.len() > 1 && self.frames.last().is_some_and(|f| f.at == f.meet) {
            self.frames.pop();
        }
    }

    /// Parts the lanes of the last frame. The path of `first` runs first.
    pub fn part(&mut self, meet: usize, first: (usize, u32), second: (usize, u32)) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at = meet;
            // Inside a path that ends at the same place, the path itself need not wait.
            if frame.meet == meet && self.frames.len() > 1 {
                self.frames.pop();
            }
        }
        for (at, lanes) in [second, first] {
            if at != meet {
                self.frames.push(Frame { at, meet, lanes });
            }
        }
    }
}

/// The register's number stands in the message until the caller names it.
fn unwritten(register: Reg, predicate: bool, missing: u32) -> Trap {
    let what = if predicate { "p" } else { "r" };
    let text = format!("{what}{register}");
    Trap::new(FaultKind::UnwrittenRegister, missing.trailing_zeros(), text)
}
