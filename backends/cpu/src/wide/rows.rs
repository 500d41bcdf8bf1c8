//! Tiles of rows of any distance: each row is moved alone, and a square of them is transposed in
//! registers.

use super::asm::{Cond, Ins, Width};
use super::code::{Address, Amount, Arith, Inst, R};
use super::emitter::{Emitter, size_of_lane};
use super::tiles::{Block, Part};
use super::values::Tile;
use crate::plan::lanes::Bits;
use crate::plan::strided::LARGE;

/// From this many rounds of the vector loop on, rows are asked for two rounds ahead, else one.
const MANY_ROUNDS: usize = 6;
/// The bytes of a cache line.
const LINE: usize = 64;

impl Emitter<'_> {
    pub fn read_rows(&mut self, tile: &Tile, block: &Block) {
        let bits = self.memory_bits(self.buffer_type(tile.buffer));
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        self.ask_for_rows(tile, block);
        for r in 0..count {
            for part in block.parts(each, tile.at.stride(block.n) == 1) {
                let (narrow, mask) = self.of_part(&part, block, bits);
                let rows = (0..each).map(|l| {
                    let from = self.row(tile, r * each + l, part.start)?;
                    Some(self.load_part(self.buffer_type(tile.buffer), narrow, from, mask))
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
    /// seldom begins with a cache line: the block before has asked for its first one. A carry loop
    /// goes on along its rows, which the processor foresees.
    fn ask_for_rows(&mut self, tile: &Tile, block: &Block) {
        let size = self.buffer_type(tile.buffer).size();
        let large = self.buffer_len(tile.buffer) * size >= LARGE;
        let near = self.step(&tile.at).unsigned_abs() as usize * size < LINE;
        let rounds =
            self.nest.vector.map_or(0, |(v, _)| self.nest.kernel.loops[v].extent) / self.lanes;
        if !large || near || rounds < 2 || block.passed || self.tail.is_some() {
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

    pub fn write_rows(&mut self, tile: &Tile, block: &Block) {
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
                let (narrow, mask) = self.of_part(&part, block, bits);
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
                    self.store_part(d, narrow, src, to, mask);
                }
                self.code.push(Inst::Bind(done));
            }
        }
    }

    /// The narrowest register that holds a part of a row, which crosses the fewest cache lines; and
    /// the part's mask, if it does not fill that register.
    fn of_part(&mut self, part: &Part, block: &Block, bits: Bits) -> (Width, Option<R>) {
        let (whole, _) = self.shape(bits);
        if let Some(high) = block.high {
            return (whole, Some(self.first_lanes(high, part.first as i64, bits, whole)));
        }
        let bytes = part.points * size_of_lane(bits);
        let fits = |w: &Width| bytes <= w.bytes() && w.bytes() <= whole.bytes();
        let w = [Width::X128, Width::Y256].into_iter().find(fits).unwrap_or(whole);
        let full = bytes == w.bytes();
        (w, (!full).then(|| self.known_lanes(part.points, bits)))
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
}
