//! Tiles of an operand into shared memory.
//!
//! A thread copies chunks of neighbours, of up to 16 bytes as far as strides and alignment allow.
//! Chunks lie along one axis of the tile, the fast one; the chunks of a thread follow each other
//! along the other, the slow one. What lies beyond the operand is filled with zeros and never read.

use super::frame::{Frame, advanced, divide};
use super::product::Side;
use crate::ptx::{Class, Code, Value};

/// How a tile lies in shared memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// One line per summed number, of neighbouring rows: lines begin at multiples of these bytes.
    Lines { pitch: usize },
    /// One line per row, of summed numbers, with [`swapped`] chunks.
    Rows,
    /// One line per summed number, of neighbouring rows, with [`swapped`] chunks, of 32 bits in
    /// [`pairs`].
    Depths,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fast {
    Row,
    Depth,
}

/// The shape of a copy, which threads share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    pub rows: usize,
    pub depth: usize,
    /// Bytes of an element.
    pub size: usize,
    pub threads: usize,
    pub layout: Layout,
    fast: Fast,
    /// Elements of a chunk.
    width: usize,
}

impl Shape {
    /// The copy of tiles of so many rows and summed numbers, as lines of rows.
    pub fn new(side: &Side, k: usize, tile: [usize; 2], size: usize, threads: usize) -> Shape {
        Shape::of(side, k, tile, size, threads, false)
    }

    /// The copy of tiles for the multiplication of small matrices of 16 or 32 bits. Lines lie as
    /// the operand does, and chunks change places.
    pub fn swapped(side: &Side, k: usize, tile: [usize; 2], size: usize, threads: usize) -> Shape {
        Shape::of(side, k, tile, size, threads, true)
    }

    fn of(
        side: &Side,
        k: usize,
        [rows, depth]: [usize; 2],
        size: usize,
        threads: usize,
        swaps: bool,
    ) -> Shape {
        let near_rows = side.row == 1 || (side.depth != 1 && side.row < side.depth && !swaps);
        let near_depth = side.depth == 1 && side.row != 1;
        let fast = if near_rows && !near_depth { Fast::Row } else { Fast::Depth };
        let layout = match (size, fast) {
            (_, Fast::Row) if swaps => Layout::Depths,
            (_, Fast::Depth) if swaps => Layout::Rows,
            // Four numbers between lines keep neighbouring lines in different banks, for copies
            // that walk along them, and for fragments of f64.
            (8, _) => Layout::Lines { pitch: (rows + 4) * size },
            (_, Fast::Depth) => Layout::Lines { pitch: (rows + 4) * size },
            (_, Fast::Row) => Layout::Lines { pitch: rows * size },
        };
        let whole = match fast {
            Fast::Row => side.row == 1,
            Fast::Depth => side.depth == 1 && swaps,
        };
        let (extent, other) = match fast {
            Fast::Row => (side.rows, side.depth),
            Fast::Depth => (k, side.row),
        };
        let fits = |w: &usize| {
            let multiple = |s: i64| s.unsigned_abs().is_multiple_of(*w as u64);
            w * size <= 16
                && side.alignment.is_multiple_of(w * size)
                && extent.is_multiple_of(*w)
                && multiple(other)
                && multiple(side.batch)
        };
        let width = if whole { [8, 4, 2].into_iter().find(fits).unwrap_or(1) } else { 1 };
        Shape { rows, depth, size, threads, layout, fast, width }
    }

    /// Bytes of a tile.
    pub fn bytes(&self) -> usize {
        match self.layout {
            Layout::Lines { pitch } => self.depth * pitch,
            Layout::Rows | Layout::Depths => self.depth * self.rows * self.size,
        }
    }

    fn fast_chunks(&self) -> usize {
        match self.fast {
            Fast::Row => self.rows / self.width,
            Fast::Depth => self.depth / self.width,
        }
    }

    /// Places along the slow axis from one chunk of a thread to the next.
    fn step(&self) -> usize {
        (self.threads / self.fast_chunks()).max(1)
    }

    fn chunks(&self) -> usize {
        (self.rows * self.depth / self.width).div_ceil(self.threads)
    }

    /// Chunks of a thread after which those that change places do so as the first.
    fn period(&self) -> usize {
        match self.layout {
            Layout::Lines { .. } => 1,
            _ => (8 / self.step().min(8)).min(self.chunks()),
        }
    }

    /// Bytes from one line along the slow axis to the next.
    pub fn line(&self) -> usize {
        match (self.layout, self.fast) {
            (Layout::Lines { pitch }, Fast::Row) => pitch,
            (Layout::Lines { .. }, Fast::Depth) => self.size,
            (Layout::Rows, _) => self.depth * self.size,
            (Layout::Depths, _) => self.rows * self.size,
        }
    }
}

/// A copy in the making.
pub struct Copy {
    shape: Shape,
    /// The strides along the fast and the slow axis, and of one tile to the next, in bytes.
    slow_stride: i64,
    advance: i64,
    pointer: Value,
    /// Where chunks go, from the start of the tile, by their number modulo the period.
    places: Vec<Value>,
    /// The fast and the slow place of the first chunk.
    fast: Value,
    slow: Value,
    /// Whether rows may lie beyond the last, and how many there are from the tile's first.
    rows: Option<Value>,
    /// The same for summed numbers, from the next tile's first.
    depths: Option<Value>,
    /// Elements on their way, which no asynchronous copy moves.
    held: Vec<Value>,
}

impl Copy {
    /// `which` is 0 for the left operand, 1 for the right one.
    pub fn new(c: &mut Code, shape: Shape, side: &Side, k: usize, f: &Frame, which: usize) -> Copy {
        let size = shape.size as i64;
        let (slow, fast) = divide(c, f.thread, shape.fast_chunks());
        let (fast, slow) = (c.held(fast), c.held(slow));
        let fast = match shape.width {
            1 => fast,
            w => c.get(Class::B32, "mul.lo.s32", format_args!("{fast}, {w}")),
        };
        let (row, depth) = match shape.fast {
            Fast::Row => (fast, slow),
            Fast::Depth => (slow, fast),
        };
        let base = c.get(Class::B64, "ld.param.u64", format_args!("[a{which}]"));
        let base = advanced(c, base, f.batch, side.batch * size);
        let first = f.first[which];
        let at = c.get(Class::B32, "add.s32", format_args!("{first}, {row}"));
        let base = advanced(c, base, at, side.row * size);
        let at = c.get(Class::B32, "add.s32", format_args!("{}, {depth}", f.start));
        let base = advanced(c, base, at, side.depth * size);
        let pointer = c.copy(base);
        let rows = (!side.rows.is_multiple_of(shape.rows)).then(|| {
            let all = c.copy(Value::int(side.rows as i32));
            c.get(Class::B32, "sub.s32", format_args!("{all}, {first}"))
        });
        let depths = (!k.is_multiple_of(shape.depth)).then(|| c.copy(f.depth));
        let slow_stride = match shape.fast {
            Fast::Row => side.depth,
            Fast::Depth => side.row,
        };
        let mut copy = Copy {
            shape,
            slow_stride: slow_stride * size,
            advance: side.depth * shape.depth as i64 * size,
            pointer,
            places: Vec::new(),
            fast,
            slow,
            rows,
            depths,
            held: Vec::new(),
        };
        copy.places = (0..shape.period()).map(|n| copy.place(c, n)).collect();
        copy
    }

    /// The place of chunk `n` from the start of the tile.
    fn place(&self, c: &mut Code, n: usize) -> Value {
        let s = &self.shape;
        let slow = match n * s.step() {
            0 => self.slow,
            by => c.get(Class::B32, "add.s32", format_args!("{}, {by}", self.slow)),
        };
        let (fast, line) = (self.fast, s.line());
        let across = match s.layout {
            Layout::Lines { pitch } if s.fast == Fast::Depth => pitch,
            _ => s.size,
        };
        let place = c.get(Class::B32, "mul.lo.s32", format_args!("{fast}, {across}"));
        let place = match s.layout {
            Layout::Lines { .. } => place,
            Layout::Depths if s.size == 4 => pairs(c, slow, place),
            _ => swapped(c, slow, place, line),
        };
        c.get(Class::B32, "mad.lo.s32", format_args!("{slow}, {line}, {place}"))
    }

    /// Whether chunk `n` lies within the operand; `None` if all do. `fast` says so along the fast
    /// axis.
    fn inside(&self, c: &mut Code, n: usize, fast: Option<Value>) -> Option<Value> {
        let limit = match self.shape.fast {
            Fast::Row => self.depths,
            Fast::Depth => self.rows,
        };
        let Some(limit) = limit else { return fast };
        let by = n * self.shape.step();
        let slow = match by {
            0 => self.slow,
            _ => c.get(Class::B32, "add.s32", format_args!("{}, {by}", self.slow)),
        };
        Some(match fast {
            None => c.get(Class::Pred, "setp.lt.s32", format_args!("{slow}, {limit}")),
            Some(p) => c.get(Class::Pred, "setp.lt.and.s32", format_args!("{slow}, {limit}, {p}")),
        })
    }

    /// Begins to copy the next tile to this address of shared memory.
    pub fn begin(&mut self, c: &mut Code, to: Value) {
        let s = self.shape;
        let limit = match s.fast {
            Fast::Row => self.rows,
            Fast::Depth => self.depths,
        };
        let fast =
            limit.map(|l| c.get(Class::Pred, "setp.lt.s32", format_args!("{}, {l}", self.fast)));
        let places = self.targets(c, to);
        let bytes = s.width * s.size;
        self.held.clear();
        for n in 0..s.chunks() {
            let inside = self.inside(c, n, fast);
            let from = n as i64 * s.step() as i64 * self.slow_stride;
            let (pointer, from) = match i32::try_from(from) {
                Ok(near) => (self.pointer, near),
                Err(_) => {
                    let far = format_args!("{}, {from}", self.pointer);
                    (c.get(Class::B64, "add.s64", far), 0)
                }
            };
            if bytes == 2 {
                let x = c.copy(Value::Constant(Class::B16, 0));
                let only = inside.map_or_else(String::new, |p| format!("@{p} "));
                c.put(format_args!("{only}ld.global.b16 {x}, [{pointer}+{from}]"));
                self.held.push(x);
                continue;
            }
            let (place, on) = (places[n % places.len()], self.further(n));
            let cache = if bytes == 16 { "cg" } else { "ca" };
            let copy = format!("cp.async.{cache}.shared.global [{place}+{on}]");
            match inside {
                None => c.put(format_args!("{copy}, [{pointer}+{from}], {bytes}")),
                Some(p) => {
                    let read = format_args!("{bytes}, 0, {p}");
                    let read = c.get(Class::B32, "selp.b32", read);
                    c.put(format_args!("{copy}, [{pointer}+{from}], {bytes}, {read}"));
                }
            }
        }
        let Copy { pointer, advance, .. } = *self;
        c.put(format_args!("add.s64 {pointer}, {pointer}, {advance}"));
        if let Some(left) = self.depths {
            c.put(format_args!("sub.s32 {left}, {left}, {}", s.depth));
        }
    }

    fn targets(&self, c: &mut Code, to: Value) -> Vec<Value> {
        let at = |p: &Value| c.get(Class::B32, "add.s32", format_args!("{to}, {p}"));
        self.places.iter().map(at).collect()
    }

    /// Bytes of shared memory from the place of chunk `n` modulo the period to that of chunk `n`.
    fn further(&self, n: usize) -> usize {
        let s = &self.shape;
        n / self.places.len() * self.places.len() * s.step() * s.line()
    }

    /// Whether elements are on their way that [`Copy::end`] must store.
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Ends the copy that was begun last, to the same address.
    pub fn end(&mut self, c: &mut Code, to: Value) {
        if self.held.is_empty() {
            return;
        }
        let places = self.targets(c, to);
        for (n, x) in std::mem::take(&mut self.held).into_iter().enumerate() {
            let (place, on) = (places[n % places.len()], self.further(n));
            c.put(format_args!("st.shared.b16 [{place}+{on}], {x}"));
        }
    }
}

/// The place of a byte in a line of so many bytes, whose chunks of 16 bytes change places by the
/// number of the line, so that the same chunks of eight neighbouring lines lie in different banks.
pub fn swapped(c: &mut Code, number: Value, byte: Value, line: usize) -> Value {
    // Two lines of 64 bytes reach all banks, as does one of 128 or more.
    let (by, mask) = match line {
        64 => (c.get(Class::B32, "shr.u32", format_args!("{number}, 1")), 3),
        _ => (number, 7),
    };
    let by = c.get(Class::B32, "and.b32", format_args!("{by}, {mask}"));
    let by = c.get(Class::B32, "shl.b32", format_args!("{by}, 4"));
    c.get(Class::B32, "xor.b32", format_args!("{byte}, {by}"))
}

/// The place of a byte in a line of numbers of 32 bits, whose pairs of chunks change places by the
/// number of the line, so that eight neighbours of four neighbouring lines lie in different banks.
pub fn pairs(c: &mut Code, number: Value, byte: Value) -> Value {
    let by = c.get(Class::B32, "and.b32", format_args!("{number}, 3"));
    let by = c.get(Class::B32, "shl.b32", format_args!("{by}, 5"));
    c.get(Class::B32, "xor.b32", format_args!("{byte}, {by}"))
}
