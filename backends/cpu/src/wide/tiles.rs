//! Tiles of transposed operands: whole lines are read, transposed in registers, and lie in the
//! frame while the loop over the block runs. Which loads have tiles is decided in planning.

use super::asm::{Ins, Width};
use super::code::{Address, Amount, Arith, Constant, Inst, R};
use super::emitter::{Emitter, Lanes, Regs, size_of_lane};
use super::masks::by;
use crate::plan::lanes::Bits;
use cotangent_jit::Error;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node};

/// A transposed load: for each point of the block, the lanes.
pub struct Tile {
    buffer: BufferId,
    at: Affine,
    /// The place of the first point in the frame.
    room: u32,
    /// The bytes from there to the current point.
    place: R,
    /// The bytes of one point.
    step: i64,
}

impl Emitter<'_> {
    /// Reads the tiles of a block, loop `n`, which ends at `high` if not at its extent.
    pub fn make_tiles(&mut self, n: usize, high: Option<R>) -> Result<(), Error> {
        let nest = self.nest;
        let block = nest.kernel.loops[n].extent;
        for (node, _) in nest.kernel.nodes.iter().zip(&nest.live).filter(|(_, live)| **live) {
            let Node::Load { buffer, at, guard, .. } = node else { continue };
            let d = self.buffer_type(*buffer);
            let known = self.tiles.iter().any(|t| t.buffer == *buffer && t.at == *at);
            let strided = self.step(at).abs() > 1 && at.stride(n) == 1 && guard.is_empty();
            if !strided || known || d.size() < 4 {
                continue;
            }
            let bits = self.memory_bits(d);
            let (w, count) = self.shape(bits);
            let each = self.lanes_each(bits);
            if !block.is_multiple_of(each) {
                continue;
            }
            let step = count * w.bytes();
            let room = self.code.room((step * block) as u32);
            for r in 0..count {
                for part in 0..block / each {
                    let rows = self.rows(*buffer, at, (r * each, part * each), high);
                    let columns = self.transposed(bits, w, rows);
                    for (c, src) in columns.into_iter().enumerate() {
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

    /// As many rows as a register has lanes, from this lane on, each from this point of the block
    /// on.
    fn rows(
        &mut self,
        buffer: BufferId,
        at: &Affine,
        (lane, point): (usize, usize),
        high: Option<R>,
    ) -> Vec<R> {
        let d = self.buffer_type(buffer);
        let bits = self.memory_bits(d);
        let (w, _) = self.shape(bits);
        let mask = high.map(|high| self.first_lanes(high, point as i64, bits, w));
        let mut rows = Vec::new();
        for l in 0..self.lanes_each(bits) {
            let from = self.address_of_lane(buffer, at, lane + l);
            let from = from.plus((point * d.size()) as i32);
            rows.push(match mask {
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
        for t in 0..self.tiles.len() {
            let (place, step) = (self.tiles[t].place, self.tiles[t].step);
            self.update(Arith::Add, place, Amount::Now(step));
        }
    }
}
