//! Tiles of transposed operands: whole lines are read, transposed in registers, and lie in the
//! frame while the loop over the block runs. Results of carry loops go the other way. Which loads
//! of parallel loops have tiles is decided in planning; in a carry loop all have that profit.

use super::access::widening;
use super::asm::{Ins, Width};
use super::code::{Address, Amount, Arith, Constant, Inst, R};
use super::emitter::{Emitter, size_of_lane};
use super::masks::by;
use super::values::Tile;
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, Store};
use cotangent_jit::{DType, Error};

impl Emitter<'_> {
    /// Reads the tiles of a block of loop `n`, which ends at `high` if that is given.
    pub fn make_tiles(&mut self, n: usize, block: usize, high: Option<R>) -> Result<(), Error> {
        let nest = self.nest;
        for (node, _) in nest.kernel.nodes.iter().zip(&nest.live).filter(|(_, live)| **live) {
            let Node::Load { buffer, at, guard, .. } = node else { continue };
            let d = self.buffer_type(*buffer);
            let known = self.tiles.iter().any(|t| t.buffer == *buffer && t.at == *at);
            let forward = at.stride(n) == 1;
            if !self.profits(d, at, n, block) || known || !guard.is_empty() {
                continue;
            }
            // Narrow elements have masked loads only where masks are registers.
            let alone = d.size() < 4 && !self.tier.masks();
            if high.is_some() && (!forward || alone) {
                continue;
            }
            let bits = self.memory_bits(d);
            let (w, count) = self.shape(bits);
            let each = self.lanes_each(bits);
            let step = count * w.bytes();
            let room = self.code.room((step * block) as u32);
            for r in 0..count {
                for part in 0..block / each {
                    let first = first_of(part * each, each, forward);
                    let rows = self.rows(*buffer, at, (r * each, first), high);
                    let columns = self.transposed(bits, w, rows);
                    for (c, src) in columns.into_iter().enumerate() {
                        let c = if forward { c } else { each - 1 - c };
                        let at = room as usize + (part * each + c) * step + r * w.bytes();
                        let to = Address::frame(at as u32);
                        self.code.push(Inst::Store { ins: Ins::Vmovups, w, src, to, within: None });
                    }
                }
            }
            let place = self.set(0);
            let (buffer, at, step) = (*buffer, at.clone(), step as i64);
            self.tiles.push(Tile { buffer, at, room, place, step });
        }
        Ok(())
    }

    /// Returns whether an access is strided along the lanes and runs through lines along loop `n`.
    fn profits(&self, d: DType, at: &Affine, n: usize, block: usize) -> bool {
        let strided = self.step(at).abs() > 1 && at.stride(n).abs() == 1;
        strided && !d.is_bool() && block.is_multiple_of(self.lanes_each(self.memory_bits(d)))
    }

    /// Returns whether some access of a carry loop has a tile for a block of so many points.
    pub fn has_tiles(&self, n: usize, block: usize) -> bool {
        let nest = self.nest;
        let loads = (nest.kernel.nodes.iter().zip(&nest.live)).any(|(node, live)| match node {
            Node::Load { buffer, at, guard, .. } => {
                *live && guard.is_empty() && self.profits(self.buffer_type(*buffer), at, n, block)
            }
            _ => false,
        });
        loads || nest.kernel.stores.iter().any(|s| self.writes_lines(s, n, block))
    }

    /// Returns whether the results of a store may wait until a block of a carry loop closes.
    fn writes_lines(&self, s: &Store, n: usize, block: usize) -> bool {
        let d = self.buffer_type(s.buffer);
        let alone = self.nest.kernel.stores.iter().filter(|t| t.buffer == s.buffer).count() == 1;
        let plain = s.offset.is_none() && s.combine.is_none() && alone && d.size() >= 4;
        plain && self.profits(d, &s.at, n, block)
    }

    /// Makes room for the results of a block of a carry loop, loop `n`.
    pub fn open_written_tiles(&mut self, n: usize, block: usize) {
        let nest = self.nest;
        for s in &nest.kernel.stores {
            if !self.writes_lines(s, n, block) {
                continue;
            }
            let (w, count) = self.shape(self.memory_bits(self.buffer_type(s.buffer)));
            let step = count * w.bytes();
            let room = self.code.room((step * block) as u32);
            let place = self.set(0);
            let (buffer, at, step) = (s.buffer, s.at.clone(), step as i64);
            self.written.push(Tile { buffer, at, room, place, step });
        }
    }

    /// Keeps the lanes of a store until its block closes. Returns whether the store has a tile.
    pub fn write_tile(&mut self, buffer: BufferId, at: &Affine, x: &Lanes) -> bool {
        let found = self.written.iter().find(|t| t.buffer == buffer && t.at == *at);
        let Some(tile) = found else { return false };
        let to = Address { index: Some((tile.place, 1)), ..Address::frame(tile.room) };
        let (w, _) = self.shape(x.bits);
        for (r, src) in x.regs.iter().enumerate() {
            let to = to.plus((r * w.bytes()) as i32);
            self.code.push(Inst::Store { ins: Ins::Vmovups, w, src: *src, to, within: None });
        }
        true
    }

    /// Transposes the results of a block of loop `n` and stores them. The pointers are at the end
    /// of the block.
    pub fn close_written_tiles(&mut self, n: usize, block: usize) {
        for tile in std::mem::take(&mut self.written) {
            let (d, stride) = (self.buffer_type(tile.buffer), tile.at.stride(n));
            let (bits, forward) = (self.memory_bits(d), stride == 1);
            let (w, count) = self.shape(bits);
            let each = self.lanes_each(bits);
            for r in 0..count {
                for part in 0..block / each {
                    let column = |c: usize| {
                        let c = if forward { c } else { each - 1 - c };
                        let at = (part * each + c) * tile.step as usize + r * w.bytes();
                        Address::frame(tile.room + at as u32)
                    };
                    let columns = (0..each).map(column).collect::<Vec<_>>();
                    let columns = columns.into_iter().map(|c| self.u(Ins::Vmovups, w, c)).collect();
                    let back = first_of(part * each, each, forward) - block as i64 * stride;
                    for (l, src) in self.transposed(bits, w, columns).into_iter().enumerate() {
                        let to = self.address_of_lane(tile.buffer, &tile.at, r * each + l);
                        let to = to.plus(back as i32 * d.size() as i32);
                        self.code.push(Inst::Store { ins: Ins::Vmovups, w, src, to, within: None });
                    }
                }
            }
        }
    }

    /// As many rows as a register has lanes, from this lane on, each from this point of the block
    /// on.
    fn rows(
        &mut self,
        buffer: BufferId,
        at: &Affine,
        (lane, point): (usize, i64),
        high: Option<R>,
    ) -> Vec<R> {
        let d = self.buffer_type(buffer);
        let bits = self.memory_bits(d);
        let (w, _) = self.shape(bits);
        let mask = high.map(|high| self.first_lanes(high, point, bits, w));
        let mut rows = Vec::new();
        for l in 0..self.lanes_each(bits) {
            let from = self.address_of_lane(buffer, at, lane + l);
            let from = from.plus(point as i32 * d.size() as i32);
            rows.push(match mask {
                _ if d.size() < 4 => self.load_masked(widening(d), w, from, mask),
                None => self.u(Ins::Vmovups, w, from),
                Some(mask) if self.tier.masks() => {
                    let ins = by(bits, Ins::Vmovdqu32, Ins::Vmovdqu64);
                    self.load_masked(ins, w, from, Some(mask))
                }
                Some(mask) => {
                    let dst = self.vector();
                    let ins = by(bits, Ins::Vmaskmovps, Ins::Vmaskmovpd);
                    self.code.push(Inst::MaskedLoad { ins, w, dst, mask, from });
                    dst
                }
            });
        }
        rows
    }

    /// Transposes a square of lanes: blocks off the diagonal change places, at every size.
    fn transposed(&mut self, bits: Bits, w: Width, mut x: Vec<R>) -> Vec<R> {
        let n = x.len();
        let mut size = 1;
        while size < n {
            for i in (0..n).filter(|i| i & size == 0) {
                let (a, b) = (x[i], x[i + size]);
                (x[i], x[i + size]) = match self.tier.masks() {
                    true => (
                        self.mixed(bits, w, a, b, |p| if p & size > 0 { n + p - size } else { p }),
                        self.mixed(bits, w, a, b, |p| if p & size > 0 { n + p } else { p + size }),
                    ),
                    false => self.exchanged(size * size_of_lane(bits), w, a, b),
                };
            }
            size *= 2;
        }
        x
    }

    /// Lane `p` is lane `pick(p)` of the lanes of `a` and, after them, of `b`.
    fn mixed(&mut self, bits: Bits, w: Width, a: R, b: R, pick: impl Fn(usize) -> usize) -> R {
        let size = size_of_lane(bits);
        let lanes = w.bytes() / size;
        let whole = self.tier.width().bytes() / size;
        let lane = |p: usize| (pick(p % lanes) as u64).to_le_bytes();
        let bytes = (0..whole).flat_map(|p| lane(p)[..size].to_vec()).collect();
        let picks = self.code.constant(Constant::Lanes(bytes));
        self.t(by(bits, Ins::Vpermt2d, Ins::Vpermt2q), w, a, picks, b)
    }

    /// By 256-bit instructions: `a` and `b` with the odd blocks of `a` and the even ones of `b`
    /// exchanged, where a block has so many bytes.
    fn exchanged(&mut self, bytes: usize, w: Width, a: R, b: R) -> (R, R) {
        match bytes {
            4 => {
                let low = self.ui(Ins::Vpshufd, w, b, 0b10_10_00_00);
                let high = self.ui(Ins::Vpshufd, w, a, 0b11_11_01_01);
                let first = self.vi(Ins::Vblendps, w, a, low, 0b1010_1010);
                (first, self.vi(Ins::Vblendps, w, high, b, 0b1010_1010))
            }
            8 => (self.v(Ins::Vunpcklpd, w, a, b), self.v(Ins::Vunpckhpd, w, a, b)),
            _ => {
                let first = self.vi(Ins::Vperm2f128, w, a, b, 0x20);
                (first, self.vi(Ins::Vperm2f128, w, a, b, 0x31))
            }
        }
    }

    /// The lanes of a load from its tile, if it has one.
    pub fn tile_lanes(&mut self, buffer: BufferId, at: &Affine) -> Option<Lanes> {
        let tile = self.tiles.iter().find(|t| t.buffer == buffer && t.at == *at)?;
        let from = Address { index: Some((tile.place, 1)), ..Address::frame(tile.room) };
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

/// The distance of the first element of a part of a line that begins at this point, and is walked
/// forward or backward.
fn first_of(point: usize, len: usize, forward: bool) -> i64 {
    if forward { point as i64 } else { -((point + len) as i64 - 1) }
}
