//! Tiles of sums in registers, one multiplication per number.
//!
//! A thread has one or two groups of four neighbouring rows, and as many of columns; a warp lies on
//! four groups of rows and eight of columns, so that one read of shared memory serves many lanes.
//! Each sum runs over its numbers in order, in one register.

use super::choice::Choice;
use super::copies::{Copy, Layout, Shape};
use super::frame::{divide, frame};
use super::output::Output;
use super::pipeline::{Ring, run};
use super::product::Product;
use crate::ptx::{Class, Code, Entry, Value};
use cotangent_jit::DType;

/// Neighbouring rows or columns of a thread.
const SIDE: usize = 4;
/// Lanes of a warp along rows and columns.
const LANES: [usize; 2] = [4, 8];

pub fn entry(p: &Product, choice: &Choice) -> Entry {
    let t = &choice.tiling;
    let threads = t.groups[0] * t.groups[1];
    let mut c = Code::default();
    c.run_together(t.together);
    let f = frame(&mut c, p, choice);
    let shapes = [(0, t.rows), (1, t.columns)]
        .map(|(n, rows)| Shape::new(&p.sides[n], p.k, [rows, t.depth], p.dtype.size(), threads));
    let ring = Ring {
        stages: t.stages,
        stage: shapes[0].bytes() + shapes[1].bytes(),
        left: shapes[0].bytes(),
    };
    let mut copies = [0, 1].map(|n| Copy::new(&mut c, shapes[n], &p.sides[n], p.k, &f, n));
    let place = place(&mut c, f.thread, t.groups);
    let mut sums = Sums::new(&mut c, p.dtype, [t.rows, t.columns], t.groups, shapes);
    let size = p.dtype.size();
    let bytes = place.map(|x| c.get(Class::B32, "mul.lo.s32", format_args!("{x}, {size}")));
    run(&mut c, &ring, &mut copies, &f, |c, stage| {
        let left = c.get(Class::B32, "add.s32", format_args!("{stage}, {}", bytes[0]));
        let right = c.get(Class::B32, "add.s32", format_args!("{stage}, {}", bytes[1]));
        sums.add(c, [left, right], [0, ring.left]);
    });
    let output = Output::new(&mut c, p, choice, &f, place);
    sums.store(&mut c, &output);
    let shared = ring.stages * ring.stage;
    Entry { name: String::new(), addresses: 3, threads: threads as u32, shared, code: c }
}

/// The first row and column of a thread.
fn place(c: &mut Code, thread: Value, groups: [usize; 2]) -> [Value; 2] {
    let (warp, lane) = divide(c, thread, 32);
    let (warp_row, warp_column) = divide(c, warp, groups[1] / LANES[1]);
    let (row, column) = divide(c, lane, LANES[1]);
    [(warp_row, row, LANES[0]), (warp_column, column, LANES[1])].map(|(warp, lane, lanes)| {
        let warp = c.held(warp);
        let at = c.get(Class::B32, "mad.lo.s32", format_args!("{warp}, {lanes}, {lane}"));
        c.get(Class::B32, "mul.lo.s32", format_args!("{at}, {SIDE}"))
    })
}

/// The instruction that adds a product of numbers of this type to a sum.
pub fn multiply_add(d: DType) -> &'static str {
    match d {
        DType::F32 => "fma.rn.f32",
        DType::F64 => "fma.rn.f64",
        d if d.size() == 4 => "mad.lo.s32",
        _ => "mad.lo.s64",
    }
}

/// The sums of a thread.
struct Sums {
    dtype: DType,
    shapes: [Shape; 2],
    /// Groups of neighbours of a thread, and rows or columns from one to the next.
    count: [usize; 2],
    apart: [usize; 2],
    /// By row and column.
    all: Vec<Vec<Value>>,
}

impl Sums {
    fn new(
        c: &mut Code,
        dtype: DType,
        tile: [usize; 2],
        groups: [usize; 2],
        shapes: [Shape; 2],
    ) -> Sums {
        let apart = groups.map(|g| g * SIDE);
        let count = [0, 1].map(|n| tile[n] / apart[n]);
        let zero = Value::Constant(Class::of(dtype), 0);
        let all = (0..count[0] * SIDE)
            .map(|_| (0..count[1] * SIDE).map(|_| c.copy(zero)).collect())
            .collect();
        Sums { dtype, shapes, count, apart, all }
    }

    /// Adds the products of a tile, which lies at these addresses and offsets.
    fn add(&mut self, c: &mut Code, at: [Value; 2], offsets: [usize; 2]) {
        let depth = self.shapes[0].depth;
        let load = |c: &mut Code, d: usize| [0, 1].map(|n| self.line(c, at[n], offsets[n], n, d));
        let mut next = load(c, 0);
        for d in 0..depth {
            let [left, right] = next;
            // The numbers of the next step are on their way during the arithmetic of this one.
            next = if d + 1 < depth { load(c, d + 1) } else { [Vec::new(), Vec::new()] };
            for (row, x) in self.all.iter().zip(&left) {
                for (sum, y) in row.iter().zip(&right) {
                    let mnemonic = multiply_add(self.dtype);
                    c.put(format_args!("{mnemonic} {sum}, {x}, {y}, {sum}"));
                }
            }
        }
    }

    /// The numbers of a thread on side `n` for one step of the sum.
    fn line(&self, c: &mut Code, at: Value, offset: usize, n: usize, d: usize) -> Vec<Value> {
        let Layout::Lines { pitch } = self.shapes[n].layout else { return Vec::new() };
        let (size, class) = (self.dtype.size(), Class::of(self.dtype));
        let (bits, width) = (8 * size, 16 / size);
        let mut all = Vec::new();
        for first in (0..self.count[n] * SIDE).step_by(width) {
            let row = first / SIDE * self.apart[n] + first % SIDE;
            let from = offset + d * pitch + row * size;
            let found: Vec<Value> = (0..width).map(|_| c.register(class)).collect();
            let list: Vec<String> = found.iter().map(Value::to_string).collect();
            let list = list.join(", ");
            c.put(format_args!("ld.shared.v{width}.b{bits} {{{list}}}, [{at}+{from}]"));
            all.extend(found);
        }
        all
    }

    fn store(&self, c: &mut Code, output: &Output) {
        for (n, row) in self.all.iter().enumerate() {
            let at = n / SIDE * self.apart[0] + n % SIDE;
            for (group, values) in row.chunks(SIDE).enumerate() {
                output.store(c, at, group * self.apart[1], values);
            }
        }
    }
}
