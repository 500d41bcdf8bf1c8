//! Blocks of tiles: transposed operands come into shared memory along their own loop, then each
//! thread computes its points.

use super::access::Place;
use super::emitter::Emitter;
use crate::plan::{PITCH, SIDE, Tiles};
use crate::ptx::{Class, Value};
use cotangent_jit::Error;
use cotangent_jit::kernel::Node;

/// Rows of a tile that the threads of a block take at once.
const ROWS: usize = 8;

impl Emitter<'_> {
    /// The code of one thread, by the number of its block and its own number there.
    pub fn tile(&mut self, tiles: &Tiles, block: Value, place: Value) -> Result<(), Error> {
        let (x, y) = (
            self.c.get(Class::B32, "and.b32", format_args!("{place}, 31")),
            self.c.get(Class::B32, "shr.u32", format_args!("{place}, 5")),
        );
        let base = self.c.get(Class::B64, "mov.u64", format_args!("shared"));
        let (across, along) = self.corner(tiles, block);
        for row in 0..SIDE / ROWS {
            let down = self.moved(y, row * ROWS);
            let (a, b) = (self.sum(across, down), self.sum(along, x));
            self.inside(tiles, (a, b), |e| {
                for (n, start) in &tiles.loads {
                    let at = e.element_of_tile(base, *start, *n, (down, x));
                    e.bring(*n, at)?;
                }
                Ok(())
            })?;
        }
        self.c.put(format_args!("bar.sync 0"));
        for row in 0..SIDE / ROWS {
            let down = self.moved(y, row * ROWS);
            let (a, b) = (self.sum(across, x), self.sum(along, down));
            self.inside(tiles, (a, b), |e| {
                for (n, start) in &tiles.loads {
                    let at = e.element_of_tile(base, *start, *n, (x, down));
                    let d = e.types[*n];
                    let value = e.load(d, at, 1, false);
                    e.keep_value(*n, value);
                }
                e.nodes()?;
                e.stores()
            })?;
        }
        Ok(())
    }

    /// The counters of a tile's first point along its two loops; those of the other loops are set.
    fn corner(&mut self, tiles: &Tiles, block: Value) -> (Value, Value) {
        let k = self.k;
        let mut number = block;
        let mut first = (Value::int(0), Value::int(0));
        for n in (0..k.loops.len()).rev() {
            let tiled = n == tiles.across || n == tiles.along;
            let extent = k.loops[n].extent;
            let count = if tiled { extent.div_ceil(SIDE) } else { extent };
            let (rest, counter) = self.divide(number, count);
            number = rest;
            if !tiled {
                self.set_counter(n, counter);
                continue;
            }
            let counter = self.c.held(counter);
            let start = self.c.get(Class::B32, "mul.lo.s32", format_args!("{counter}, {SIDE}"));
            *(if n == tiles.across { &mut first.0 } else { &mut first.1 }) = start;
        }
        first
    }

    fn moved(&mut self, x: Value, by: usize) -> Value {
        match by {
            0 => x,
            _ => self.c.get(Class::B32, "add.s32", format_args!("{x}, {by}")),
        }
    }

    fn sum(&mut self, x: Value, y: Value) -> Value {
        self.c.get(Class::B32, "add.s32", format_args!("{x}, {y}"))
    }

    /// Adds code for a point of these counters, if it is inside of the loops.
    fn inside(
        &mut self,
        tiles: &Tiles,
        (across, along): (Value, Value),
        body: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let k = self.k;
        let outside = self.c.label();
        for (n, at) in [(tiles.across, across), (tiles.along, along)] {
            let extent = k.loops[n].extent;
            if !extent.is_multiple_of(SIDE) {
                let beyond = self.c.get(Class::Pred, "setp.ge.s32", format_args!("{at}, {extent}"));
                self.c.put(format_args!("@{beyond} bra {outside}"));
            }
        }
        self.enter();
        self.set_counter(tiles.across, across);
        self.set_counter(tiles.along, along);
        body(self)?;
        (self.counters[tiles.across], self.counters[tiles.along]) = (None, None);
        self.leave();
        self.c.place(outside);
        Ok(())
    }

    /// The place of a point of a tile in shared memory.
    fn element_of_tile(
        &mut self,
        base: Value,
        start: usize,
        node: usize,
        (row, column): (Value, Value),
    ) -> Place {
        let size = self.types[node].size();
        let operands = format_args!("{row}, {PITCH}, {column}");
        let at = self.c.get(Class::B32, "mad.lo.s32", operands);
        let address = self.c.get(Class::B64, "mad.wide.s32", format_args!("{at}, {size}, {base}"));
        Place { address, offset: start as i64, shared: true }
    }

    /// Moves the element of a load to shared memory.
    fn bring(&mut self, n: usize, to: Place) -> Result<(), Error> {
        let k = self.k;
        let Node::Load { buffer, at, .. } = &k.nodes[n] else { return Ok(()) };
        let d = k.buffers[buffer.0 as usize].dtype;
        let address = self.address(buffer.0, at);
        let from = self.place(buffer.0, address, at.offset * d.size() as i64);
        let unwritten = self.unwritten[buffer.0 as usize];
        let value = self.load(d, from, 1, unwritten);
        self.store(d, to, &value, None);
        Ok(())
    }
}
