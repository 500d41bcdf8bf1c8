//! Tiles of sums by the multiplication of small matrices of f64.
//!
//! A warp multiplies fragments of 8 rows, 8 columns and 4 summed numbers, one number of either side
//! per lane. Each sum runs over its numbers in order.

use super::choice::Choice;
use super::copies::{Copy, Layout, Shape};
use super::frame::{Frame, divide, frame};
use super::output::Output;
use super::pipeline::{Ring, run};
use super::product::Product;
use crate::ptx::{Class, Code, Entry, Value};

/// Bytes of an element, rows (or columns) and summed numbers of a fragment.
const SIZE: usize = 8;
const SIDE: usize = 8;
const STEP: usize = 4;

/// Sums by fragment: two neighbours of a row.
type Sums = Vec<Vec<[Value; 2]>>;

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
    let (row, depth) = divide(&mut c, lane, STEP);
    let places = [0, 1].map(|n| {
        let at = c.get(Class::B32, "add.s32", format_args!("{row}, {}", first[n]));
        let at = c.get(Class::B32, "mul.lo.s32", format_args!("{at}, {SIZE}"));
        c.get(Class::B32, "mad.lo.s32", format_args!("{depth}, {}, {at}", pitch(&shapes[n])))
    });
    let zero = Value::long(0);
    let sums: Sums = (0..own[0] / SIDE)
        .map(|_| (0..own[1] / SIDE).map(|_| [c.copy(zero), c.copy(zero)]).collect())
        .collect();
    run(&mut c, &ring, &mut copies, &f, |c, stage| {
        let at = places.map(|p| c.get(Class::B32, "add.s32", format_args!("{stage}, {p}")));
        for step in 0..t.depth / STEP {
            let [left, right] = [(0, 0), (1, ring.left)].map(|(n, offset)| {
                let first = offset + step * STEP * pitch(&shapes[n]);
                fragments(c, at[n], first, own[n] / SIDE)
            });
            for (row, a) in sums.iter().zip(&left) {
                for ([x, y], b) in row.iter().zip(&right) {
                    c.put(format_args!(
                        "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {{{x}, {y}}}, {{{a}}}, \
                         {{{b}}}, {{{x}, {y}}}"
                    ));
                }
            }
        }
    });
    store(&mut c, p, choice, &f, (first, lane), &sums);
    let shared = ring.stages * ring.stage;
    Entry { name: String::new(), addresses: 3, threads: threads as u32, shared, code: c }
}

/// Bytes from the numbers of one step of the sum to those of the next.
fn pitch(shape: &Shape) -> usize {
    match shape.layout {
        Layout::Lines { pitch } => pitch,
        Layout::Rows | Layout::Depths => shape.line(),
    }
}

/// A lane's numbers of so many fragments.
fn fragments(c: &mut Code, at: Value, offset: usize, count: usize) -> Vec<Value> {
    let one = |n: usize| {
        let from = offset + n * SIDE * SIZE;
        c.get(Class::B64, "ld.shared.b64", format_args!("[{at}+{from}]"))
    };
    (0..count).map(one).collect()
}

fn store(
    c: &mut Code,
    p: &Product,
    choice: &Choice,
    f: &Frame,
    (first, lane): ([Value; 2], Value),
    sums: &Sums,
) {
    let (row, pair) = divide(c, lane, STEP);
    let row = c.get(Class::B32, "add.s32", format_args!("{row}, {}", first[0]));
    let column = c.get(Class::B32, "mad.lo.s32", format_args!("{pair}, 2, {}", first[1]));
    let output = Output::new(c, p, choice, f, [row, column]);
    for (i, row) in sums.iter().enumerate() {
        for (j, pair) in row.iter().enumerate() {
            output.store(c, SIDE * i, SIDE * j, pair);
        }
    }
}
