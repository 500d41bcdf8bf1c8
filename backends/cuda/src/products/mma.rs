//! Tiles of sums by the multiplication of small matrices: 16 bits, summed in f32.
//!
//! A warp multiplies fragments of 16 rows, 8 columns and 16 summed numbers, which `ldmatrix` reads
//! from swapped lines without a conflict of banks, transposed where lines hold neighbouring rows.

use super::choice::Choice;
use super::copies::{Copy, Layout, Shape, swapped};
use super::frame::{divide, frame};
use super::output::Output;
use super::pipeline::{Ring, run};
use super::product::Product;
use crate::ptx::{Class, Code, Entry, Value};
use cotangent_jit::DType;

/// Bytes of an element, and summed numbers of a multiplication.
const SIZE: usize = 2;
const STEP: usize = 16;
/// Rows, or columns, that one read brings.
const READ: usize = 16;

pub fn entry(p: &Product, choice: &Choice) -> Entry {
    let t = &choice.tiling;
    let threads = 32 * t.groups[0] * t.groups[1];
    let mut c = Code::default();
    c.run_together(t.together);
    let f = frame(&mut c, p, choice);
    let shapes = [(0, t.rows), (1, t.columns)]
        .map(|(n, rows)| Shape::new(&p.sides[n], p.k, [rows, t.depth], SIZE, threads));
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
        for step in 0..t.depth / STEP {
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
    let t = if dtype == DType::F16 { "f16" } else { "bf16" };
    let list = |all: &[Value]| {
        let names: Vec<String> = all.iter().map(Value::to_string).collect();
        names.join(", ")
    };
    let (d, a, b) = (list(&d), list(a), list(b));
    c.put(format_args!(
        "mma.sync.aligned.m16n8k16.row.col.f32.{t}.{t}.f32 {{{d}}}, {{{a}}}, {{{b}}}, {{{d}}}"
    ));
}

/// The reads of one operand by a warp: 16 rows and 16 summed numbers each.
struct Fragments {
    shape: Shape,
    reads: usize,
    /// Where a lane reads, from the start of the tile: by step where lines are rows, else by read.
    places: Vec<Value>,
}

impl Fragments {
    /// The four matrices of a read lie two by two. Of the left operand the second one has the next
    /// rows, of the right one the next summed numbers, as the multiplication wants them.
    fn new(c: &mut Code, shape: Shape, own: usize, first: Value, lane: Value, n: usize) -> Self {
        let (matrix, within) = divide(c, lane, 8);
        let (high, low) = divide(c, matrix, 2);
        let (next_rows, next_depth) = if n == 0 { (low, high) } else { (high, low) };
        let (along_rows, along_depth) = match shape.layout {
            Layout::Depths => (Value::int(0), within),
            _ => (within, Value::int(0)),
        };
        let eights = |c: &mut Code, eight: Value, plus: Value| {
            let plus = c.held(plus);
            c.get(Class::B32, "mad.lo.s32", format_args!("{eight}, 8, {plus}"))
        };
        let row = eights(c, next_rows, along_rows);
        let row = c.get(Class::B32, "add.s32", format_args!("{row}, {first}"));
        let depth = eights(c, next_depth, along_depth);
        let reads = own / READ;
        let (line, along, count, unit) = match shape.layout {
            Layout::Depths => (depth, row, reads, READ),
            _ => (row, depth, shape.depth / STEP, STEP),
        };
        let mut places = Vec::with_capacity(count);
        for n in 0..count {
            let at = c.get(Class::B32, "add.s32", format_args!("{along}, {}", n * unit));
            let byte = c.get(Class::B32, "mul.lo.s32", format_args!("{at}, {SIZE}"));
            let bytes = shape.line();
            let byte = swapped(c, line, byte, bytes);
            places.push(c.get(Class::B32, "mad.lo.s32", format_args!("{line}, {bytes}, {byte}")));
        }
        Fragments { shape, reads, places }
    }

    /// The places in the tile that begins here.
    fn places(&self, c: &mut Code, stage: Value) -> Vec<Value> {
        let at = |p: &Value| c.get(Class::B32, "add.s32", format_args!("{stage}, {p}"));
        self.places.iter().map(at).collect()
    }

    fn read(&self, c: &mut Code, places: &[Value], offset: usize, step: usize) -> Vec<[Value; 4]> {
        let line = self.shape.line();
        (0..self.reads)
            .map(|n| {
                let (place, on, turned) = match self.shape.layout {
                    Layout::Depths => (places[n], step * STEP * line, ".trans"),
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
            })
            .collect()
    }
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
