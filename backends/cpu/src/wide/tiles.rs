//! Tiles: accesses that are strided along the vector loop and contiguous along a loop inside of it.
//! Whole rows are read before a block of that loop and taken apart in registers; the columns, lanes
//! of one point each, lie in the frame while the block runs. What a block stores goes the other
//! way. Which nests have such a loop is decided in planning; in a carry loop all that profit.
//!
//! Rows that lie one after the other are read as one piece (`Form::Joined`).
//!
//! A block reads before it writes. That is right also where it reads and writes one buffer: such a
//! kernel loads an element only at the point that stores it, which the verifier sees to.

use super::asm::{Ins, Width};
use super::code::{Address, Amount, Arith, Inst, R};
use super::emitter::Emitter;
use super::values::{Form, Lanes, Regs, Tile};
use crate::plan::strided::joins;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, Store};
use cotangent_jit::{DType, Error};

/// A block of a loop inside of the vector loop.
pub struct Block {
    /// The loop.
    pub n: usize,
    pub points: usize,
    /// The number of points, if there are fewer.
    pub high: Option<R>,
    /// True if the pointers are behind the block when it closes.
    pub passed: bool,
}

/// A part of a row: as many points as a register has lanes, or what is left.
pub struct Part {
    /// The first point of the part.
    pub first: usize,
    pub points: usize,
    /// The distance of its first element in memory from the block's first point.
    pub start: i64,
    pub forward: bool,
}

impl Part {
    /// The points of the part, as they follow each other in memory.
    pub fn in_memory(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, points, forward) = (self.first, self.points, self.forward);
        (0..points).map(move |p| first + if forward { p } else { points - 1 - p })
    }
}

impl Block {
    pub fn parts(&self, each: usize, forward: bool) -> Vec<Part> {
        let part = |first: usize| {
            let points = each.min(self.points - first);
            let start = if forward { first as i64 } else { -((first + points) as i64 - 1) };
            Part { first, points, start, forward }
        };
        (0..self.points).step_by(each).map(part).collect()
    }
}

impl Emitter<'_> {
    /// The form of an access that has a tile in this block; `None` if it has none.
    fn form(&self, d: DType, at: &Affine, block: &Block) -> Option<Form> {
        let (step, stride) = (self.step(at), at.stride(block.n));
        if step.abs() <= 1 || stride.abs() != 1 || d.is_bool() {
            return None;
        }
        let each = self.lanes_each(self.memory_bits(d));
        // Narrow elements have masked accesses only where masks are registers.
        let masks = d.size() >= 4 || self.tier.masks();
        let whole = block.high.is_none() && block.points.is_multiple_of(each);
        let forward = stride == 1;
        let exists = self.tail.is_none() && step == block.points as i64;
        let near = block.high.is_none() && joins(step, block.points, self.tier.vectors());
        let joined = near && forward && self.picks_lanes(d);
        match joined && (masks || exists) {
            true => Some(Form::Joined),
            false => ((masks || whole) && (forward || block.high.is_none())).then_some(Form::Apart),
        }
    }

    /// Reads the tiles of a block and makes room for those that it writes.
    pub fn open_tiles(&mut self, block: &Block) -> Result<(), Error> {
        let nest = self.nest;
        for (node, _) in nest.kernel.nodes.iter().zip(&nest.live).filter(|(_, live)| **live) {
            let Node::Load { buffer, at, guard, .. } = node else { continue };
            let known = self.tiles.iter().any(|t| t.buffer == *buffer && t.at == *at);
            let plain = guard.is_empty() && !known;
            let Some(form) = self.form(self.buffer_type(*buffer), at, block).filter(|_| plain)
            else {
                continue;
            };
            let tile = self.tile(*buffer, at, block, form);
            match form {
                Form::Apart => self.read_rows(&tile, block),
                Form::Joined => self.read_joined(&tile, block),
            }
            self.tiles.push(tile);
        }
        for s in &nest.kernel.stores {
            if let Some(form) = self.written_form(s, block) {
                let tile = self.tile(s.buffer, &s.at, block, form);
                self.written.push(tile);
            }
        }
        Ok(())
    }

    /// Stores what the block has left in its tiles.
    pub fn close_tiles(&mut self, block: &Block) {
        self.tiles.clear();
        for tile in std::mem::take(&mut self.written) {
            match tile.form {
                Form::Apart => self.write_rows(&tile, block),
                Form::Joined => self.write_joined(&tile, block),
            }
        }
    }

    fn tile(&mut self, buffer: BufferId, at: &Affine, block: &Block, form: Form) -> Tile {
        let (w, count) = self.shape(self.memory_bits(self.buffer_type(buffer)));
        let step = count * w.bytes();
        let room = self.code.room((step * block.points) as u32);
        let place = self.set(0);
        Tile { buffer, at: at.clone(), n: block.n, form, room, place, step: step as i64 }
    }

    /// Returns whether some access has a tile in the block.
    pub fn has_tiles(&self, block: &Block) -> bool {
        let nest = self.nest;
        let loads = (nest.kernel.nodes.iter().zip(&nest.live)).any(|(node, live)| match node {
            Node::Load { buffer, at, guard, .. } => {
                *live
                    && guard.is_empty()
                    && self.form(self.buffer_type(*buffer), at, block).is_some()
            }
            _ => false,
        });
        loads || nest.kernel.stores.iter().any(|s| self.written_form(s, block).is_some())
    }

    /// Returns whether there are instructions that pick any lanes of a register of this type.
    pub fn picks_lanes(&self, d: DType) -> bool {
        self.tier.masks() || self.shape(self.memory_bits(d)).0 == Width::Y256
    }

    /// The form of the results of a store that may wait until a block closes.
    fn written_form(&self, s: &Store, block: &Block) -> Option<Form> {
        let d = self.buffer_type(s.buffer);
        let alone = self.nest.kernel.stores.iter().filter(|t| t.buffer == s.buffer).count() == 1;
        let plain = s.offset.is_none() && s.combine.is_none() && alone;
        let form = self.form(d, &s.at, block).filter(|_| plain)?;
        // What lies between the rows is not written.
        let between = self.step(&s.at) != block.points as i64;
        Some(if between { Form::Apart } else { form })
    }

    /// Keeps the lanes of a store until its block closes. Returns whether the store has a tile.
    pub fn write_tile(&mut self, buffer: BufferId, at: &Affine, x: &Lanes) -> bool {
        let found = self.written.iter().find(|t| t.buffer == buffer && t.at == *at);
        let Some(to) = found.map(|tile| self.current(tile)) else { return false };
        let (w, _) = self.shape(x.bits);
        for (r, src) in x.regs.iter().enumerate() {
            let to = to.plus((r * w.bytes()) as i32);
            self.code.push(Inst::Store { ins: Ins::Vmovups, w, src: *src, to, within: None });
        }
        true
    }

    /// The place of the current point in the frame.
    fn current(&self, tile: &Tile) -> Address {
        let ahead = self.ahead[tile.n] * tile.step;
        Address { index: Some((tile.place, 1)), ..Address::frame(tile.room) }.plus(ahead as i32)
    }

    /// The place of a register of the lanes of a point.
    pub fn column(&self, tile: &Tile, point: usize, r: usize) -> Address {
        let (w, _) = self.shape(self.memory_bits(self.buffer_type(tile.buffer)));
        Address::frame(tile.room + (point * tile.step as usize + r * w.bytes()) as u32)
    }

    pub fn keep_column(&mut self, tile: &Tile, point: usize, r: usize, src: R) {
        let (w, _) = self.shape(self.memory_bits(self.buffer_type(tile.buffer)));
        let to = self.column(tile, point, r);
        self.code.push(Inst::Store { ins: Ins::Vmovups, w, src, to, within: None });
    }

    /// The number of lanes of this part that exist, if some may not.
    pub fn lanes_that_exist(&mut self) -> Option<Amount> {
        let tail = self.tail.as_ref()?;
        let (left, before) = (tail.left, self.shift as i64);
        if let Some(left) = tail.known {
            return Some(Amount::Now(left as i64 - before));
        }
        if before == 0 {
            return Some(Amount::Reg(left));
        }
        let here = self.copy_general(left);
        self.update(Arith::Sub, here, Amount::Now(before));
        Some(Amount::Reg(here))
    }

    /// The lanes of a load from its tile, if it has one.
    pub fn tile_lanes(&mut self, buffer: BufferId, at: &Affine) -> Option<Lanes> {
        let tile = self.tiles.iter().find(|t| t.buffer == buffer && t.at == *at)?;
        let from = self.current(tile);
        let d = self.buffer_type(buffer);
        let bits = self.memory_bits(d);
        let (w, count) = self.shape(bits);
        let mut regs = Regs::new();
        for r in 0..count {
            regs.push(self.u(Ins::Vmovups, w, from.plus((r * w.bytes()) as i32)));
        }
        Some(Lanes { dtype: d, bits, regs })
    }

    /// Moves on to the next point of the block.
    pub fn advance_tiles(&mut self) {
        let tiles = self.tiles.iter().chain(&self.written);
        for (place, step) in tiles.map(|t| (t.place, t.step)).collect::<Vec<_>>() {
            self.update(Arith::Add, place, Amount::Now(step));
        }
    }
}
