//! Tiles of sums by the multiplication of small matrices: of 16 bits, and of f32 whose operands are
//! rounded to TF32. Both are summed in f32.
//!
//! A warp multiplies fragments of 16 rows, 8 columns and 32 bytes of summed numbers: 16 of 16 bits,
//! 8 of 32. `ldmatrix` reads them from swapped lines without a conflict of banks, and transposes
//! numbers of 16 bits where lines hold neighbouring rows. It cannot transpose those of 32 bits, so
//! each lane loads its own, without a conflict either.

use super::choice::Choice;
use super::copies::{Copy, Layout, Shape, pairs, swapped};
use super::frame::{divide, frame};
use super::output::Output;
use super::pipeline::{Ring, run};
use super::product::Product;
use crate::ptx::{Class, Code, Entry, Value};
use cotangent_jit::DType;

/// Bytes of the summed numbers of a multiplication.
const STEP: usize = 32;
/// Rows, or columns, that one read brings.
const READ: usize = 16;

pub fn entry(p: &Product, choice: &Choice) -> Entry {
    let t = &choice.tiling;
    let (threads, size) = (32 * t.groups[0] * t.groups[1], p.dtype.size());
    let mut c = Code::default();
    c.run_together(t.together);
    let f = frame(&mut c, p, choice);
    let shapes = [(0, t.rows), (1, t.columns)]
        .map(|(n, rows)| Shape::swapped(&p.sides[n], p.k, [rows, t.depth], size, threads));
    let ring = Ring {
        stages: t.stages,
        stage: shapes[0].bytes() + shapes[1].bytes(),
        left: shapes[0].bytes(),
    };
    let mut copies = [0, 1].map(|n| Copy::new(&mut c, shapes[n], &p.sides[n], p.k, &f, n));
    let (warp, lane) = divide(&mut c, f.thread, 32);
    let (warp_row, warp_column) = divide(&mut c, warp, t.groups[1]);
    let own = [t.rows / t.groups[0], t.columns / t.groups[1]];
    let first = [(warp_row, own[0]), (warp_column, own[1])].map(|(warp, own)| {
        let warp = c.held(warp);
        c.get(Class::B32, "mul.lo.s32", format_args!("{warp}, {own}"))
    });
    let sides = [0, 1].map(|n| Fragments::new(&mut c, shapes[n], own[n], first[n], lane, n));
    let sums: Vec<Vec<[Value; 4]>> = (0..own[0] / 16)
        .map(|_| (0..own[1] / 8).map(|_| std::array::from_fn(|_| c.copy(Value::int(0)))).collect())
        .collect();
    run(&mut c, &ring, &mut copies, &f, |c, stage| {
        let places = [0, 1].map(|n| sides[n].places(c, stage));
        for step in 0..t.depth * size / STEP {
            let left = sides[0].read(c, &places[0], 0, step);
            let right = sides[1].read(c, &places[1], ring.left, step);
            for (row, a) in sums.iter().zip(&left) {
                for (n, d) in row.iter().enumerate() {
                    let b = &right[n / 2][n % 2 * 2..][..2];
                    multiply(c, p.dtype, *d, a, b);
                }
            }
        }
    });
    store(&mut c, p, choice, &f, (first, lane), &sums);
    let shared = ring.stages * ring.stage;
    Entry { name: String::new(), addresses: 3, threads: threads as u32, shared, code: c }
}

/// `d = a b + d`
fn multiply(c: &mut Code, dtype: DType, d: [Value; 4], a: &[Value], b: &[Value]) {
    let (shape, t) = match dtype {
        DType::F16 => ("m16n8k16", "f16"),
        DType::BF16 => ("m16n8k16", "bf16"),
        _ => ("m16n8k8", "tf32"),
    };
    let list = |all: &[Value]| {
        let names: Vec<String> = all.iter().map(Value::to_string).collect();
        names.join(", ")
    };
    let (d, a, b) = (list(&d), list(a), list(b));
    c.put(format_args!(
        "mma.sync.aligned.{shape}.row.col.f32.{t}.{t}.f32 {{{d}}}, {{{a}}}, {{{b}}}, {{{d}}}"
    ));
}

/// The reads of one operand by a warp: 16 rows and 32 bytes of summed numbers each.
struct Fragments {
    shape: Shape,
    /// 0 for the left operand, 1 for the right one.
    side: usize,
    reads: usize,
    /// Where a lane reads, from the start of the tile: by step where lines are rows; by read where
    /// lines of 16 bits are summed numbers; in lines of 32 bits by the lowest bit of the read, then
    /// by the half of the rows.
    places: Vec<Value>,
}

impl Fragments {
    fn new(c: &mut Code, shape: Shape, own: usize, first: Value, lane: Value, side: usize) -> Self {
        let reads = own / READ;
        let places = match (shape.layout, shape.size) {
            (Layout::Depths, 4) => loaded(c, &shape, first, lane),
            _ => matrices(c, &shape, reads, first, lane, side),
        };
        Fragments { shape, side, reads, places }
    }

    /// The places in the tile that begins here.
    fn places(&self, c: &mut Code, stage: Value) -> Vec<Value> {
        let at = |p: &Value| c.get(Class::B32, "add.s32", format_args!("{stage}, {p}"));
        self.places.iter().map(at).collect()
    }

    /// The registers of a step of the sum, by read: two halves of the rows and two of the summed
    /// numbers. On the left those of the rows come first, on the right the others.
    fn read(&self, c: &mut Code, places: &[Value], offset: usize, step: usize) -> Vec<[Value; 4]> {
        let one = |n: usize| match (self.shape.layout, self.shape.size) {
            (Layout::Depths, 4) => self.load(c, places, offset, n, step),
            _ => self.load_matrices(c, places, offset, n, step),
        };
        let mut all: Vec<[Value; 4]> = (0..self.reads).map(one).collect();
        if self.shape.size == 4 {
            for x in all.iter_mut().flatten() {
                *x = c.get(Class::B32, "cvt.rna.tf32.f32", format_args!("{x}"));
            }
        }
        all
    }

    fn load_matrices(
        &self,
        c: &mut Code,
        places: &[Value],
        offset: usize,
        n: usize,
        step: usize,
    ) -> [Value; 4] {
        let line = self.shape.line();
        let (place, on, turned) = match self.shape.layout {
            Layout::Depths => (places[n], step * STEP / self.shape.size * line, ".trans"),
            _ => (places[step], n * READ * line, ""),
        };
        let on = on + offset;
        let found: [Value; 4] = std::array::from_fn(|_| c.register(Class::B32));
        let [x, y, z, w] = found;
        c.put(format_args!(
            "ldmatrix.sync.aligned.m8n8.x4{turned}.shared.b16 \
             {{{x}, {y}, {z}, {w}}}, [{place}+{on}]"
        ));
        found
    }

    fn load(
        &self,
        c: &mut Code,
        places: &[Value],
        offset: usize,
        n: usize,
        step: usize,
    ) -> [Value; 4] {
        let line = self.shape.line();
        std::array::from_fn(|i| {
            let (rows, depths) = if self.side == 0 { (i % 2, i / 2) } else { (i / 2, i % 2) };
            let place = places[n % 2 * 2 + rows];
            let on = offset + n / 2 * PAIR + (8 * step + 4 * depths) * line;
            c.get(Class::B32, "ld.shared.b32", format_args!("[{place}+{on}]"))
        })
    }
}

/// The places of `ldmatrix`. The four matrices of a read lie two by two. Of the left operand the
/// second one has the next rows, of the right one the next summed numbers, as the multiplication
/// wants them.
fn matrices(
    c: &mut Code,
    shape: &Shape,
    reads: usize,
    first: Value,
    lane: Value,
    side: usize,
) -> Vec<Value> {
    let (size, chunk) = (shape.size, 16 / shape.size);
    let (matrix, within) = divide(c, lane, 8);
    let (high, low) = divide(c, matrix, 2);
    let (next_rows, next_depth) = if side == 0 { (low, high) } else { (high, low) };
    let (along_rows, along_depth) = match shape.layout {
        Layout::Depths => (Value::int(0), within),
        _ => (within, Value::int(0)),
    };
    let times = |c: &mut Code, many: Value, by: usize, plus: Value| {
        let plus = c.held(plus);
        c.get(Class::B32, "mad.lo.s32", format_args!("{many}, {by}, {plus}"))
    };
    let row = times(c, next_rows, 8, along_rows);
    let row = c.get(Class::B32, "add.s32", format_args!("{row}, {first}"));
    let depth = times(c, next_depth, chunk, along_depth);
    let (line, along, count, unit) = match shape.layout {
        Layout::Depths => (depth, row, reads, READ),
        _ => (row, depth, shape.depth * size / STEP, STEP / size),
    };
    let mut places = Vec::with_capacity(count);
    for n in 0..count {
        let at = c.get(Class::B32, "add.s32", format_args!("{along}, {}", n * unit));
        let byte = c.get(Class::B32, "mul.lo.s32", format_args!("{at}, {size}"));
        let bytes = shape.line();
        let byte = swapped(c, line, byte, bytes);
        places.push(c.get(Class::B32, "mad.lo.s32", format_args!("{line}, {bytes}, {byte}")));
    }
    places
}

/// Bytes of 32 rows of 32 bits, within which chunks change places.
const PAIR: usize = 128;

/// The places of a lane's own numbers of 32 bits: of a row in eight and of a summed number in four.
/// A warp's rows are a power of two of at least 16, so the bits of the read and of the half of the
/// rows are zero in the place of the first, and may be added or flipped.
fn loaded(c: &mut Code, shape: &Shape, first: Value, lane: Value) -> Vec<Value> {
    let (row, depth) = divide(c, lane, 4);
    let (row, depth) = (c.held(row), c.held(depth));
    let row = c.get(Class::B32, "add.s32", format_args!("{row}, {first}"));
    let byte = c.get(Class::B32, "mul.lo.s32", format_args!("{row}, 4"));
    let byte = pairs(c, depth, byte);
    let from = c.get(Class::B32, "mad.lo.s32", format_args!("{depth}, {}, {byte}", shape.line()));
    let flipped = |n: i32| c.get(Class::B32, "xor.b32", format_args!("{from}, {}", 32 * n));
    (0..4).map(flipped).collect()
}

fn store(
    c: &mut Code,
    p: &Product,
    choice: &Choice,
    f: &super::frame::Frame,
    (first, lane): ([Value; 2], Value),
    sums: &[Vec<[Value; 4]>],
) {
    let (row, pair) = divide(c, lane, 4);
    let row = c.get(Class::B32, "add.s32", format_args!("{row}, {}", first[0]));
    let column = c.get(Class::B32, "mad.lo.s32", format_args!("{pair}, 2, {}", first[1]));
    let output = Output::new(c, p, choice, f, [row, column]);
    for (i, row) in sums.iter().enumerate() {
        for half in 0..2 {
            for (j, sums) in row.iter().enumerate() {
                output.store(c, 16 * i + 8 * half, 8 * j, &sums[2 * half..][..2]);
            }
        }
    }
}
