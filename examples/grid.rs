//! Looks for cliffs: times every kind of loop over many shapes of about the same size, and prints
//! nanoseconds an element, and how many times as many the shape takes as its neighbour and as the
//! plain row of the same size.
//!
//! The neighbour of a shape has extents that are multiples of a vector's lanes, or of four, and the
//! same permutation: a shape beyond it pays for odd numbers alone. What is beyond the plain row
//! pays for moving elements across lanes and cache lines as well.
//!
//! `cargo run --release --example grid -- [OP ...]`; on a quiet machine. Sizes are 1, 7, 33, some
//! 1e4 and some 1e6 elements, with odd primes as extents, 3-d and 4-d, and permuted operands;
//! dtypes f32, f64, bf16 and i32. What is beyond a factor of two is marked (`!` for the plain row,
//! `!!` for the neighbour) and counted.

use cotangent::lax;
use cotangent::nn;
use cotangent::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// An op of two arrays of one shape.
struct Op {
    name: &'static str,
    /// True if it takes integers.
    whole: bool,
    f: fn(Array, Array) -> Array,
}

fn last(a: &Array) -> isize {
    a.ndim() as isize - 1
}

const OPS: &[Op] = &[
    Op { name: "scale_add", whole: true, f: |a, b| &a * &a + b },
    Op { name: "exp", whole: false, f: |a, _| a.exp() },
    Op { name: "tanh_mul", whole: false, f: |a, b| a.tanh() * b },
    Op { name: "compare", whole: true, f: |a, b| a.lt(&b).select(&a, &b) },
    Op { name: "sum_all", whole: true, f: |a, _| a.sum() },
    Op { name: "sum_last", whole: true, f: |a, _| a.sum_axis(last(&a)) },
    Op { name: "sum_first", whole: true, f: |a, _| a.sum_axis(0) },
    Op { name: "max_last", whole: true, f: |a, _| a.max_axis(last(&a)) },
    Op { name: "softmax", whole: false, f: |a, _| nn::softmax(&a, -1) },
    Op { name: "subtract_mean", whole: false, f: |a, _| &a - a.mean_keepdims(0) },
    Op { name: "cumsum_last", whole: true, f: |a, _| lax::cumsum(&a, last(&a) as usize, false) },
    Op { name: "cumsum_first", whole: true, f: |a, _| lax::cumsum(&a, 0, false) },
    Op { name: "reverse", whole: true, f: |a, b| lax::rev(&a, &[a.ndim() - 1]) + b },
    Op { name: "convert", whole: true, f: |a, _| a.astype(DType::F32) * 0.5 },
];

/// A shape, and the permutation that leads from the operand to it.
type Form = (&'static [usize], &'static [usize]);

/// Shapes of about one size, the plain row first, and permutations of the operand.
const CLASSES: &[(&str, &[Form])] = &[
    ("few", &[(&[1], &[0]), (&[7], &[0]), (&[33], &[0]), (&[3, 11], &[0, 1]), (&[3, 11], &[1, 0])]),
    (
        "1e4",
        &[
            (&[10_000], &[0]),
            (&[10_007], &[0]),
            (&[100, 100], &[0, 1]),
            (&[101, 97], &[0, 1]),
            (&[101, 97], &[1, 0]),
            (&[3, 3_331], &[0, 1]),
            (&[3_331, 3], &[0, 1]),
            (&[3_331, 3], &[1, 0]),
            (&[23, 19, 23], &[0, 1, 2]),
            (&[23, 19, 23], &[0, 2, 1]),
            (&[23, 19, 23], &[2, 1, 0]),
            (&[7, 11, 13, 11], &[0, 1, 2, 3]),
            (&[7, 11, 13, 11], &[0, 2, 1, 3]),
            (&[7, 11, 13, 11], &[3, 2, 1, 0]),
        ],
    ),
    (
        "1e6",
        &[
            (&[1_000_000], &[0]),
            (&[1_000_003], &[0]),
            (&[1_000, 1_000], &[0, 1]),
            (&[1_009, 991], &[0, 1]),
            (&[1_009, 991], &[1, 0]),
            (&[3, 333_331], &[0, 1]),
            (&[333_331, 3], &[0, 1]),
            (&[333_331, 3], &[1, 0]),
            (&[100, 100, 100], &[0, 1, 2]),
            (&[101, 97, 103], &[0, 1, 2]),
            (&[101, 97, 103], &[0, 2, 1]),
            (&[101, 97, 103], &[1, 0, 2]),
            (&[101, 97, 103], &[2, 1, 0]),
            (&[31, 37, 29, 31], &[0, 1, 2, 3]),
            (&[31, 37, 29, 31], &[0, 2, 1, 3]),
            (&[31, 37, 29, 31], &[3, 2, 1, 0]),
            (&[31, 37, 29, 31], &[1, 3, 0, 2]),
        ],
    ),
];

/// The least mean of a few rounds, in nanoseconds.
fn nanoseconds(call: &dyn Fn()) -> f64 {
    let time = |times: usize| {
        let before = Instant::now();
        (0..times).for_each(|_| call());
        before.elapsed().as_secs_f64() * 1e9 / times as f64
    };
    let times = ((2e6 / time(3)) as usize).clamp(2, 10_000);
    (0..9).map(|_| time(times)).fold(f64::INFINITY, f64::min)
}

fn array(shape: &[usize], d: DType) -> Array {
    let n: usize = shape.iter().product();
    let x = (arange(n) % 17).astype(DType::F32) * 0.25 - 2.0;
    x.astype(d).reshape(shape)
}

/// The shape whose extents are the nearest multiples of 16, of 4, or powers of two.
fn neighbour(shape: &[usize]) -> Vec<usize> {
    let near = |n: usize| match n {
        0..=4 => n.next_power_of_two(),
        5..=23 => (n + 2) / 4 * 4,
        _ => (n + 8) / 16 * 16,
    };
    shape.iter().map(|n| near(*n)).collect()
}

/// Nanoseconds an element of an op of a permuted array; a call of few elements is one element.
fn cell(op: &Op, d: DType, shape: &[usize], permutation: &[usize], few: bool) -> f64 {
    let (f, p) = (op.f, permutation.to_vec());
    // The operand whose permutation has this shape.
    let mut operand = vec![0; shape.len()];
    p.iter().zip(shape).for_each(|(at, n)| operand[*at] = *n);
    let g = jit(move |a: Array, b: Array| f(lax::transpose(&a, &p), b));
    let (a, b) = (array(&operand, d), array(shape, d));
    let ns = nanoseconds(&|| {
        black_box(g(a.clone(), b.clone()));
    });
    if few { ns } else { ns / shape.iter().product::<usize>() as f64 }
}

/// Times that are beyond a factor of two, and their number.
#[derive(Default)]
struct Beyond {
    lines: Vec<String>,
}

impl Beyond {
    /// Notes a cell. Returns its mark.
    fn note(&mut self, times: f64, name: &str, mark: &'static str) -> &'static str {
        if times <= 2.0 {
            return "";
        }
        self.lines.push(format!("{name}: {times:.1}"));
        mark
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let (mut cells, mut neighbours, mut rows) = (0, Beyond::default(), Beyond::default());
    for op in OPS.iter().filter(|op| wanted.is_empty() || wanted.iter().any(|w| w == op.name)) {
        for d in [DType::F32, DType::F64, DType::BF16, DType::I32] {
            if d == DType::I32 && !op.whole {
                continue;
            }
            for (class, shapes) in CLASSES {
                print!("{} {d} {class}:", op.name);
                let few = *class == "few";
                let mut plain = None;
                for (shape, permutation) in *shapes {
                    let each = cell(op, d, shape, permutation, few);
                    let near = cell(op, d, &neighbour(shape), permutation, few);
                    let row = *plain.get_or_insert(each);
                    let name = shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
                    let order: String = permutation.iter().map(usize::to_string).collect();
                    let sorted = permutation.is_sorted();
                    let name = if sorted { name } else { format!("{name}.{order}") };
                    let full = format!("{} {d} {name}", op.name);
                    let odd = neighbours.note(each / near, &full, "!!");
                    let far = rows.note(each / row, &full, "!");
                    print!(" {name} {each:.3} ({:.1}{odd} {:.1}{far})", each / near, each / row);
                    cells += 1;
                }
                println!();
            }
        }
    }
    for (all, of) in [(&rows, "the plain row"), (&neighbours, "the neighbour")] {
        println!("{} of {cells} cells beyond two times {of}", all.lines.len());
        all.lines.iter().for_each(|line| println!("{line}"));
    }
}
