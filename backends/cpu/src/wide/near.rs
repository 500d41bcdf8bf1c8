//! Accesses so near each other that everything between them is moved as well: rows that lie one
//! after the other, and loads of a small stride. A piece of memory is read whole and taken apart.

use super::asm::{Ins, Width};
use super::code::{Address, Amount, Arith, R};
use super::emitter::Emitter;
use super::tiles::Block;
use super::values::{Lanes, Regs, Tile};
use crate::plan::lanes::Bits;
use crate::plan::strided::joins;
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::BufferId;

/// What exists of a register of consecutive elements.
enum Piece {
    None,
    All,
    Some(R),
}

impl Emitter<'_> {
    pub fn read_joined(&mut self, tile: &Tile, block: &Block) {
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

    pub fn write_joined(&mut self, tile: &Tile, block: &Block) {
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
}
