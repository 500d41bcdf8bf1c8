//! Control flow, each as a traced function of one number and as its twin on power series.

use super::series::Series;
use super::transforms::{Chain, Transform};
use cotangent::prelude::*;

pub struct Flow {
    pub name: &'static str,
    pub traced: fn(Array) -> Array,
    pub plain: fn(&Series) -> Series,
    /// What the error says that a chain of transforms ends in, if it must: one that JAX has too.
    pub refuses: fn(&Chain) -> Option<&'static str>,
}

pub const ALL: &[Flow] = &[
    Flow { name: "cond", traced: cond_traced, plain: cond_plain, refuses: nothing },
    Flow { name: "switch", traced: switch_traced, plain: switch_plain, refuses: nothing },
    Flow { name: "fori_loop", traced: fori_traced, plain: fori_plain, refuses: nothing },
    Flow { name: "while", traced: while_traced, plain: while_plain, refuses: reverse },
    Flow { name: "bounded while", traced: bounded_traced, plain: while_plain, refuses: nothing },
    Flow { name: "scan", traced: scan_traced, plain: scan_plain, refuses: nothing },
    Flow { name: "checkpointed scan", traced: kept_traced, plain: scan_plain, refuses: nothing },
    Flow { name: "nested scan", traced: nested_traced, plain: nested_plain, refuses: nothing },
    Flow { name: "unrolled scan", traced: unrolled_traced, plain: scan_plain, refuses: nothing },
    Flow { name: "map", traced: map_traced, plain: map_plain, refuses: nothing },
    Flow { name: "associative_scan", traced: prefix_traced, plain: prefix_plain, refuses: nothing },
    Flow { name: "custom_root", traced: root_traced, plain: root_plain, refuses: nothing },
    Flow { name: "custom_jvp", traced: jvp_traced, plain: custom_plain, refuses: nothing },
    Flow { name: "custom_vjp", traced: vjp_traced, plain: custom_plain, refuses: forward },
    Flow { name: "custom_vmap", traced: batch_traced, plain: custom_plain, refuses: nothing },
    Flow { name: "collectives", traced: lanes_traced, plain: lanes_plain, refuses: nothing },
];

fn nothing(_: &Chain) -> Option<&'static str> {
    None
}

/// Forward mode cannot pass a reverse rule; once reverse mode has, there is no rule left.
fn forward(chain: &Chain) -> Option<&'static str> {
    let first = chain.iter().find(|t| t.order() > 0);
    let forward = matches!(first, Some(Transform::Jvp | Transform::Jet));
    forward.then_some("gives reverse mode only")
}

/// Reverse mode would have to keep something of every round, and nobody knows how many there are.
fn reverse(chain: &Chain) -> Option<&'static str> {
    let asked = chain.iter().any(|t| t.is_reverse());
    asked.then_some("reverse mode needs to know how many rounds there are at most; use scan")
}

fn cond_traced(x: Array) -> Array {
    let small = x.gt(0.2);
    // Of values for the other branch the first one makes NaN.
    let y = cond(&small, |x| x.sin() * (&x - 0.1).log(), |x| (-&x).exp(), x.clone());
    // A branch that has nothing to do with the argument, and one that captures it.
    cond(x.lt(5.0), |y| y * &x, |_| Array::scalar(1.0f64), y)
}

fn cond_plain(x: &Series) -> Series {
    let y = if x.value() > 0.2 { &x.sin() * &(x + -0.1).log() } else { (-x).exp() };
    &y * x
}

fn switch_traced(x: Array) -> Array {
    let index = (&x * 3.0).floor().astype(DType::I32);
    let branches: [fn(Array) -> Array; 3] = [|x| x.sin(), |x| &x * &x * &x, |x| (x * 0.5).exp()];
    switch(&index, &branches, x.clone()) * x
}

fn switch_plain(x: &Series) -> Series {
    let y = match ((x.value() * 3.0).floor() as i64).clamp(0, 2) {
        0 => x.sin(),
        1 => &(x * x) * x,
        _ => (x * 0.5).exp(),
    };
    &y * x
}

fn fori_traced(x: Array) -> Array {
    fori_loop(0..3, |i, c: Array| (&c * &x).sin() + i.astype(DType::F64) * c, x.clone())
}

fn fori_plain(x: &Series) -> Series {
    (0..3).fold(x.clone(), |c, i| &(&c * x).sin() + &(&c * i as f64))
}

/// The number of rounds depends on the value; one round more would give NaN.
fn below(c: Array) -> Array {
    c.lt(1.5)
}

fn climb(c: Array, x: &Array) -> Array {
    &c + 0.3 + (2.0 - &c).log() * x * 0.1
}

fn while_traced(x: Array) -> Array {
    while_loop(below, |c| climb(c, &x), x.clone())
}

fn bounded_traced(x: Array) -> Array {
    while_loop_bounded(9, below, |c| climb(c, &x), x.clone())
}

fn while_plain(x: &Series) -> Series {
    let mut c = x.clone();
    while c.value() < 1.5 {
        c = &(&c + 0.3) + &(&(&(-&c) + 2.0).log() * &(x * 0.1));
    }
    c
}

const STEPS: [f64; 3] = [0.3, -0.8, 0.5];

/// A carry, captured values, slices in and out, and a carry of ints beside.
fn scan_traced(x: Array) -> Array {
    scanned(x, ScanOptions::default())
}

/// In reverse mode only every second step is kept.
fn kept_traced(x: Array) -> Array {
    scanned(x, ScanOptions { checkpoints: Checkpoints::Every(2), ..Default::default() })
}

fn scanned(x: Array, options: ScanOptions) -> Array {
    let step = |(c, n): (Array, Array), a: Array| {
        let next = (&c * &a).sin() + &x * &c;
        let y = &next * &a;
        ((next, n + 1), y)
    };
    let init = (x.clone(), Array::from(0));
    let ((c, n), ys) = scan_with(step, init, Array::from(&STEPS), options);
    c * n.astype(DType::F64) + ys.sum()
}

fn scan_plain(x: &Series) -> Series {
    let (mut c, mut sum) = (x.clone(), x * 0.0);
    for a in STEPS {
        c = &(&c * a).sin() + &(x * &c);
        sum = &sum + &(&c * a);
    }
    &(&c * 3.0) + &sum
}

/// The inner scan runs backwards over what the outer one carries.
fn nested_traced(x: Array) -> Array {
    let outer = |c: Array, a: Array| {
        let inner = |d: Array, b: Array| {
            let next = (&d * &b + &c).sin();
            (next.clone(), next * &a)
        };
        let options = ScanOptions { reverse: true, ..Default::default() };
        let (d, ys) = scan_with(inner, &c * 0.5, Array::from(&STEPS), options);
        (d + &x, ys.sum())
    };
    let (c, ys) = scan(outer, x.clone(), array![1.0f64, -0.6]);
    c + ys.sum()
}

fn nested_plain(x: &Series) -> Series {
    let (mut c, mut sum) = (x.clone(), x * 0.0);
    for a in [1.0, -0.6] {
        let mut d = &c * 0.5;
        for b in STEPS.iter().rev() {
            d = (&(&d * *b) + &c).sin();
            sum = &sum + &(&d * a);
        }
        c = &d + x;
    }
    &c + &sum
}

fn unrolled_traced(x: Array) -> Array {
    scanned(x, ScanOptions { unroll: 2, ..Default::default() })
}

/// One by one, and two at a time.
fn map_traced(x: Array) -> Array {
    let each = map(|a: Array| (&x * &a).sin() * a, Array::from(&STEPS));
    let pairs = map_batched(2, |a: Array| (&x * a).cos(), Array::from(&STEPS));
    each.sum() + pairs.sum()
}

fn map_plain(x: &Series) -> Series {
    STEPS.iter().fold(x * 0.0, |sum, a| {
        let y = x * *a;
        &(&sum + &(&y.sin() * *a)) + &y.cos()
    })
}

/// Products of prefixes.
fn prefix_traced(x: Array) -> Array {
    let elements = (x * Array::from(&STEPS)).sin();
    associative_scan(|a: Array, b: Array| a * b, elements).sum()
}

fn prefix_plain(x: &Series) -> Series {
    let mut product = &(x * 0.0) + 1.0;
    STEPS.iter().fold(x * 0.0, |sum, a| {
        product = &product * &(x * *a).sin();
        &sum + &product
    })
}

/// `y + sin(y) / 2 = x`, found by a loop in which no derivative looks.
fn root_traced(x: Array) -> Array {
    custom_root(
        |y: Array| &y + 0.5 * y.sin() - &x,
        |f: &(dyn Fn(Array) -> Array + Sync), y: Array| {
            while_loop(|y: Array| f(y).abs().gt(1e-14), |y| &y - 0.7 * f(y.clone()), y)
        },
        |slope: &(dyn Fn(Array) -> Array + Sync), y: Array| &y / slope(ones_like(&y)),
        Array::scalar(0.0f64),
    )
}

fn root_plain(x: &Series) -> Series {
    (0..200).fold(x.clone(), |y, _| x - &(&y.sin() * 0.5))
}

/// `sin x * y` by a rule, on its own result.
fn jvp_traced(x: Array) -> Array {
    let f = custom_jvp(
        |x: Array, y: Array| x.sin() * y,
        |(x, y), (dx, dy)| (x.sin() * &y, dx * x.cos() * &y + x.sin() * dy),
    );
    let y = f(x.clone(), &x * 0.5);
    f(y, x)
}

fn custom_plain(x: &Series) -> Series {
    let y = &x.sin() * &(x * 0.5);
    &y.sin() * x
}

fn vjp_traced(x: Array) -> Array {
    let f = custom_vjp(
        |x: Array, y: Array| x.sin() * y,
        |(x, y): (Array, Array)| (x.sin() * &y, (x, y)),
        |(x, y): (Array, Array), ct: Array| (&ct * x.cos() * y, ct * x.sin()),
    );
    let y = f(x.clone(), &x * 0.5);
    f(y, x)
}

fn batch_traced(x: Array) -> Array {
    let f = custom_vmap(|x: Array, y: Array| x.sin() * y, |_, _, (x, y)| (x.sin() * y, true));
    let y = f(x.clone(), &x * 0.5);
    f(y, x)
}

/// Every collective, between three lanes.
fn lanes_traced(x: Array) -> Array {
    let lane = |x: Array, a: Array| {
        let y = (x * &a).sin();
        let number = axis_index("lane").astype(DType::F64);
        let told = psum(y.clone(), "lane") * &y + pmax(y.clone(), "lane") * number;
        let mean = pmean(y.square(), "lane");
        let left = ppermute(y.clone(), "lane", &[(0, 1), (1, 2)]);
        let all = all_gather(y.clone(), "lane", 0, false);
        let part = psum_scatter(&all * &a, "lane", 0, false);
        let swapped = all_to_all(&all * &y, "lane", 0, 0, false);
        told + mean * left + part * swapped.sum() + axis_size("lane") as f64 * y
    };
    let options = VmapOptions::new().axis_name("lane").in_axes((None::<isize>, 0));
    vmap_with(lane, options)(x, Array::from(&STEPS)).sum()
}

fn lanes_plain(x: &Series) -> Series {
    let zero = x * 0.0;
    let y: Vec<Series> = STEPS.iter().map(|a| (x * *a).sin()).collect();
    let sum = |of: &mut dyn Iterator<Item = Series>| of.fold(zero.clone(), |s, y| &s + &y);
    let total = sum(&mut y.iter().cloned());
    let top = y.iter().max_by(|a, b| a.value().total_cmp(&b.value())).expect("three lanes");
    let mean = &sum(&mut y.iter().map(|y| y * y)) * (1.0 / 3.0);
    sum(&mut (0..3).map(|i| {
        let left = if i == 0 { zero.clone() } else { y[i - 1].clone() };
        let part = sum(&mut STEPS.iter().map(|a| &y[i] * *a));
        let swapped = sum(&mut y.iter().map(|other| &y[i] * other));
        let told = &(&total * &y[i]) + &(top * i as f64);
        let rest = &(&mean * &left) + &(&part * &swapped);
        &(&told + &rest) + &(&y[i] * 3.0)
    }))
}
