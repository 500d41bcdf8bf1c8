//! Tiles: accesses that are strided along the vector loop and contiguous along a loop inside of it.
//! Whole rows are read before a block of that loop and taken apart in registers; the columns, lanes
//! of one point each, lie in the frame while the block runs. What a block stores goes the other way.
//! Which nests have such a loop is decided in planning; in a carry loop all have that profit.
//!
//! Rows that lie one after the other are read as one piece (`Form::Joined`).
//!
//! A block reads before it writes. That is right also where it reads and writes one buffer: such a
//! kernel loads an element only at the point that stores it, which the verifier sees to.

use super::asm::Cond;
use super::asm::{Ins, Width};
use super::code::{Address, Amount, Arith, Inst, R};
use super::emitter::Emitter;
use super::values::{Form, Lanes, Regs, Tile};
use crate::plan::lanes::Bits;
use crate::plan::tiles::joins;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, Store};
use cotangent_jit::{DType, Error};

/// Buffers of so many bytes do not stay in the second cache.
const LARGE: usize = 1 << 20;
/// From this many rounds of the vector loop on, rows are asked for two rounds ahead, else one.
const MANY_ROUNDS: usize = 6;
/// The bytes of a cache line.
const LINE: usize = 64;

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
struct Part {
    /// The first point of the part.
    first: usize,
    points: usize,
    /// The distance of its first element in memory from the block's first point.
    start: i64,
    forward: bool,
}

impl Part {
    /// The points of the part, as they follow each other in memory.
    fn in_memory(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, points, forward) = (self.first, self.points, self.forward);
        (0..points).map(move |p| first + if forward { p } else { points - 1 - p })
    }
}

impl Block {
    fn parts(&self, each: usize, forward: bool) -> Vec<Part> {
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
    fn picks_lanes(&self, d: DType) -> bool {
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
    fn column(&self, tile: &Tile, point: usize, r: usize) -> Address {
        let (w, _) = self.shape(self.memory_bits(self.buffer_type(tile.buffer)));
        Address::frame(tile.room + (point * tile.step as usize + r * w.bytes()) as u32)
    }

    fn keep_column(&mut self, tile: &Tile, point: usize, r: usize, src: R) {
        let (w, _) = self.shape(self.memory_bits(self.buffer_type(tile.buffer)));
        let to = self.column(tile, point, r);
        self.code.push(Inst::Store { ins: Ins::Vmovups, w, src, to, within: None });
    }

    // ---- rows of any distance

    fn read_rows(&mut self, tile: &Tile, block: &Block) {
        let bits = self.memory_bits(self.buffer_type(tile.buffer));
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        self.ask_for_rows(tile, block);
        for r in 0..count {
            for part in block.parts(each, tile.at.stride(block.n) == 1) {
                let mask = self.of_part(&part, block, bits);
                let rows = (0..each).map(|l| {
                    let from = self.row(tile, r * each + l, part.start)?;
                    Some(self.load_part(self.buffer_type(tile.buffer), w, from, mask))
                });
                let rows = rows.collect();
                let columns = self.transposed(bits, w, rows, part.points);
                for (point, src) in part.in_memory().zip(columns) {
                    self.keep_column(tile, point, r, src);
                }
            }
        }
    }

    /// Asks for the rows of later lanes, if the buffer is so large that they come from afar. A row
    /// seldom begins with a cache line: the block before has asked for its first one.
    fn ask_for_rows(&mut self, tile: &Tile, block: &Block) {
        let size = self.buffer_type(tile.buffer).size();
        let large = self.buffer_len(tile.buffer) * size >= LARGE;
        let near = self.step(&tile.at).unsigned_abs() as usize * size < LINE;
        let rounds =
            self.nest.vector.map_or(0, |(v, _)| self.nest.kernel.loops[v].extent) / self.lanes;
        if !large || near || rounds < 2 || self.tail.is_some() {
            return;
        }
        let bytes = block.points * size;
        for lane in 0..self.lanes {
            let ahead = if rounds < MANY_ROUNDS { lane } else { self.lanes + lane } + self.lanes;
            let row = self.address_of_lane(tile.buffer, &tile.at, ahead);
            for end in (1..=bytes.div_ceil(LINE)).map(|line| (line * LINE).min(bytes)) {
                let of = match tile.at.stride(block.n) {
                    1 => row.plus(end as i32 - 1),
                    _ => row.plus(-(end as i32)),
                };
                self.code.push(Inst::Prefetch { of });
            }
        }
    }

    fn write_rows(&mut self, tile: &Tile, block: &Block) {
        let d = self.buffer_type(tile.buffer);
        let (bits, stride) = (self.memory_bits(d), tile.at.stride(block.n));
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        let back = if block.passed { block.points as i64 * stride } else { 0 };
        for r in 0..count {
            for part in block.parts(each, stride == 1) {
                let mut columns = vec![None; each];
                for (n, point) in part.in_memory().enumerate() {
                    let from = self.column(tile, point, r);
                    columns[n] = Some(self.u(Ins::Vmovups, w, from));
                }
                let mask = self.of_part(&part, block, bits);
                let (lanes, done) = (self.lanes_that_exist(), self.code.place());
                let rows = self.transposed(bits, w, columns, each);
                for (l, src) in rows.into_iter().enumerate() {
                    let lane = r * each + l;
                    match lanes {
                        Some(Amount::Now(left)) if lane as i64 >= left => break,
                        Some(Amount::Reg(left)) => {
                            let (cond, b) = (Cond::LE, Amount::Now(lane as i64));
                            self.code.push(Inst::Branch { a: left, cond, b, to: done });
                        }
                        _ => {}
                    }
                    let to = self.address_of_lane(tile.buffer, &tile.at, lane);
                    let to = to.plus((part.start - back) as i32 * d.size() as i32);
                    self.store_part(d, w, src, to, mask);
                }
                self.code.push(Inst::Bind(done));
            }
        }
    }

    /// The mask of a part of a row; `None` if it fills a register.
    fn of_part(&mut self, part: &Part, block: &Block, bits: Bits) -> Option<R> {
        let (w, _) = self.shape(bits);
        match block.high {
            Some(high) => Some(self.first_lanes(high, part.first as i64, bits, w)),
            None if part.points < self.lanes_each(bits) => {
                Some(self.known_lanes(part.points, bits))
            }
            None => None,
        }
    }

    /// The address of the row of a lane, so many elements on; `None` if it is known that the lane
    /// does not exist. Of lanes that may not exist it is the row of the last one that does.
    fn row(&mut self, tile: &Tile, lane: usize, elements: i64) -> Option<Address> {
        let size = self.buffer_type(tile.buffer).size() as i64;
        let ahead = (elements * size) as i32;
        let left = match self.lanes_that_exist() {
            Some(Amount::Now(left)) if lane as i64 >= left => return None,
            Some(Amount::Reg(left)) if lane > 0 => left,
            _ => return Some(self.address_of_lane(tile.buffer, &tile.at, lane).plus(ahead)),
        };
        let last = self.copy_general(left);
        self.update(Arith::Sub, last, Amount::Now(1));
        self.update(Arith::Min, last, Amount::Now(lane as i64));
        self.update(Arith::Mul, last, Amount::Now(self.step(&tile.at) * size));
        let first = self.address_of_lane(tile.buffer, &tile.at, 0);
        let first = self.lea(first);
        self.update(Arith::Add, last, Amount::Reg(first));
        Some(Address::of(last, ahead))
    }

    /// The number of lanes of this part that exist, if some may not.
    fn lanes_that_exist(&mut self) -> Option<Amount> {
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

    // ---- rows that are one piece

    fn read_joined(&mut self, tile: &Tile, block: &Block) {
        let (w, count) = self.shape(self.memory_bits(self.buffer_type(tile.buffer)));
        let from = self.address(tile.buffer, &tile.at);
        for r in 0..count {
            let (step, points) = (self.step(&tile.at) as usize, block.points);
            let d = self.buffer_type(tile.buffer);
            let columns = self.apart(d, w, from, r, (step, points));
            for (point, src) in columns.into_iter().enumerate() {
                self.keep_column(tile, point, r, src);
            }
        }
    }

    /// The lanes of a load whose stride is so small that everything between is read as well; `None`
    /// if it is not.
    pub fn near_lanes(&mut self, buffer: BufferId, at: &Affine) -> Option<Lanes> {
        let (d, step) = (self.buffer_type(buffer), self.step(at));
        // The piece after the last lane is masked.
        let masks = d.size() >= 4 || self.tier.masks();
        if !masks || d.is_bool() || !self.picks_lanes(d) || !joins(step, 1, self.tier.vectors()) {
            return None;
        }
        let bits = self.memory_bits(d);
        let (w, count) = self.shape(bits);
        let from = self.address(buffer, at);
        let mut regs = Regs::new();
        for r in 0..count {
            regs.extend(self.apart(d, w, from, r, (step as usize, 1)));
        }
        Some(Lanes { dtype: d, bits, regs })
    }

    /// The lanes of register `r` of the first `points` elements of rows that begin every `step`
    /// elements.
    fn apart(
        &mut self,
        d: DType,
        w: Width,
        from: Address,
        r: usize,
        (step, points): (usize, usize),
    ) -> Vec<R> {
        let bits = self.memory_bits(d);
        let each = self.lanes_each(bits);
        let pieces = self.pieces(r, bits, (step, points));
        let mut whole = Vec::new();
        for (n, mask) in pieces.into_iter().enumerate() {
            let from = from.plus(((r * step + n) * each * d.size()) as i32);
            whole.push(match mask {
                Piece::None => self.repeated(bits, 0),
                Piece::All => self.load_part(d, w, from, None),
                Piece::Some(mask) => self.load_part(d, w, from, Some(mask)),
            });
        }
        let place = |column: usize, lane: usize| lane * step + column;
        let column = |column| {
            self.picked(bits, w, &whole, |l| (place(column, l) / each, place(column, l) % each))
        };
        (0..points).map(column).collect()
    }

    fn write_joined(&mut self, tile: &Tile, block: &Block) {
        let d = self.buffer_type(tile.buffer);
        let (bits, points) = (self.memory_bits(d), block.points);
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        let to = self.address(tile.buffer, &tile.at);
        let back = if block.passed { points } else { 0 };
        for r in 0..count {
            let mut columns = Vec::new();
            for point in 0..points {
                let from = self.column(tile, point, r);
                columns.push(self.u(Ins::Vmovups, w, from));
            }
            for (n, mask) in self.pieces(r, bits, (points, points)).into_iter().enumerate() {
                let mask = match mask {
                    Piece::None => break,
                    Piece::All => None,
                    Piece::Some(mask) => Some(mask),
                };
                let place = |p: usize| n * each + p;
                let src =
                    self.picked(bits, w, &columns, |p| (place(p) % points, place(p) / points));
                let ahead = ((r * points + n) * each) as i32 - back as i32;
                self.store_part(d, w, src, to.plus(ahead * d.size() as i32), mask);
            }
        }
    }

    /// Which elements exist of the registers that hold `step` elements a lane, of which the first
    /// `points` are read.
    fn pieces(&mut self, r: usize, bits: Bits, (step, points): (usize, usize)) -> Vec<Piece> {
        let (w, _) = self.shape(bits);
        let each = self.lanes_each(bits);
        let left = match self.lanes_that_exist() {
            None => Ok(each),
            Some(Amount::Now(left)) => Ok((left as usize).saturating_sub(r * each).min(each)),
            Some(Amount::Reg(left)) => Err(left),
        };
        let left = left.map_err(|left| {
            let elements = self.copy_general(left);
            self.update(Arith::Sub, elements, Amount::Now((r * each) as i64));
            self.update(Arith::Mul, elements, Amount::Now(step as i64));
            self.update(Arith::Sub, elements, Amount::Now((step - points) as i64));
            self.update(Arith::Max, elements, Amount::Now(0));
            elements
        });
        let piece = |n: usize| match left {
            Err(elements) => Piece::Some(self.first_lanes(elements, (n * each) as i64, bits, w)),
            Ok(left) => {
                let elements = (left * step).saturating_sub(step - points);
                match elements.saturating_sub(n * each) {
                    0 => Piece::None,
                    here if here < each => Piece::Some(self.known_lanes(here, bits)),
                    _ => Piece::All,
                }
            }
        };
        (0..step).map(piece).collect()
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

/// What exists of a register of consecutive elements.
enum Piece {
    None,
    All,
    Some(R),
}
