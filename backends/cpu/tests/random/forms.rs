//! The forms that kernels have: points, reductions, updates in place, carries, scatters, dynamic
//! updates, running folds. Loads and ops live in `draft.rs`.

use crate::draft::{Draft, extents, loops};
use crate::support::Random;
use crate::values::{self, Style};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Cut, Kernel, Mode, NodeId, Order, Store};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar};

/// A kernel and the bytes of its buffers.
pub struct Case {
    pub seed: u64,
    pub form: &'static str,
    pub kernel: Kernel,
    pub buffers: Vec<Vec<u8>>,
}

pub fn case(seed: u64) -> Case {
    // Neighbouring seeds are far apart in the stream of numbers.
    let mut r = Random(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let r = &mut r;
    let (form, draw): (&str, fn(&mut Random) -> Drawn) = match r.below(20) {
        0..=6 => ("points", points),
        7..=12 => ("reductions", reductions),
        13..=15 => ("carries", carries),
        16 => ("scatter", scatter),
        17 => ("updates", updates),
        18 => ("update", update),
        _ if r.below(100) == 0 => ("shared", shared),
        _ => ("running", running),
    };
    let (kernel, styles) = draw(r);
    let buffers = kernel.buffers.iter().zip(styles);
    let buffers = buffers.map(|(b, style)| values::bytes(r, b.dtype, b.len, style)).collect();
    Case { seed, form, kernel, buffers }
}

type Drawn = (Kernel, Vec<Style>);

/// Parallel loops and stores.
fn points(r: &mut Random) -> Drawn {
    let least = usize::from(r.below(8) > 0);
    let extents = match r.below(12) {
        // Two loops so long that a transposed operand is read in tiles.
        0 => vec![8 + r.below(26), 16 + r.below(26)],
        // Many short rows, or short loops in every order.
        1 => vec![1 + r.below(90), 2 + r.below(8)],
        2 => {
            let most = if r.below(4) == 0 { 32 } else { 9 };
            (0..2 + r.below(3)).map(|_| 2 + r.below(most)).collect()
        }
        _ => extents(r, least, 4),
    };
    let mut k = Draft::new(r, loops(&extents, Mode::Parallel));
    if k.one_in(5) {
        in_place(&mut k);
    }
    k.grow();
    for _ in 0..1 + k.r.below(2) {
        let v = k.value();
        k.store_everywhere(v);
    }
    k.finish()
}

/// `x[at] = f(x[at])`, twice at times.
fn in_place(k: &mut Draft) {
    let all: Vec<usize> = (0..k.extents.len()).collect();
    let (at, len) = k.own_places(&all);
    let d = k.any_type();
    let x = k.buffer(d, len);
    let v = k.b.load(x, at.clone());
    k.nodes.push(v);
    k.grow();
    for _ in 0..1 + k.r.below(2) {
        let v = k.value_of(d);
        k.b.store_at(x, at.clone(), v);
    }
}

fn reductions(r: &mut Random) -> Drawn {
    let (all, kept) = match r.below(6) {
        // Folds of short rows, or of the same columns.
        0 => (vec![1 + r.below(90), 1 + r.below(36)], r.below(2)),
        1 => (vec![1 + r.below(9), 1 + r.below(90)], 1),
        _ => {
            let all = extents(r, 1, 4);
            let kept = r.below(all.len());
            (all, kept)
        }
    };
    let gone = &all[kept..];
    let nest = [loops(&all[..kept], Mode::Parallel), loops(gone, Mode::Reduce)].concat();
    let order = (r.below(2) == 0).then(|| random_order(r, kept, gone));
    let mut k = Draft::new(r, nest);
    k.grow();
    let outer: Vec<usize> = (0..kept).collect();
    for n in 0..1 + k.r.below(3) {
        let v = k.value();
        if n > 0 && k.one_in(3) {
            k.store_everywhere(v);
            continue;
        }
        let d = k.b.dtype(v);
        let (at, len) = k.own_places(&outer);
        let (buffer, combine) = (k.buffer(d, len), k.combine(d));
        k.b.reduce(buffer, at, combine, v);
    }
    if let Some(order) = order {
        k.b.order(order);
    }
    k.finish()
}

/// Any order of combination, sensible or not.
fn random_order(r: &mut Random, kept: usize, gone: &[usize]) -> Order {
    let lanes = 1 << r.below(6);
    let of = r.below(gone.len());
    let length = match of + 1 == gone.len() {
        true => lanes * (1 + r.below(4)),
        false => 1 + r.below(9),
    };
    let cut = (r.below(2) == 0).then_some(Cut { of: kept + of, length });
    Order { lanes, cut }
}

/// A sequential loop inside of parallel ones or alone: carries that change places, stores that move
/// with time or fold, and a condition that ends the loop.
fn carries(r: &mut Random) -> Drawn {
    let least = usize::from(r.below(6) > 0);
    let outer = extents(r, least, 2);
    // Long enough for tiles at times.
    let time = if r.below(4) == 0 { 8 + r.below(48) } else { 1 + r.below(8) };
    let nest = [loops(&outer, Mode::Parallel), loops(&[time], Mode::Sequential)].concat();
    let mut k = Draft::new(r, nest);
    let lanes: Vec<usize> = (0..outer.len()).collect();
    let mut carries = Vec::new();
    for _ in 0..1 + k.r.below(3) {
        let d = k.any_type();
        let (at, len) = k.own_places(&lanes);
        let buffer = k.buffer(d, len);
        let v = k.b.load(buffer, at.clone());
        k.nodes.push(v);
        carries.push((buffer, at, v, d));
    }
    k.grow();
    for (buffer, at, _, d) in carries.clone() {
        let other = carries[k.r.below(carries.len())].2;
        let v = match k.r.below(4) {
            0 => k.b.convert(other, d),
            _ => k.value_of(d),
        };
        k.b.store_at(buffer, at, v);
    }
    if k.one_in(3) {
        let holds = k.value_of(DType::Bool);
        let holds = more_often(&mut k, holds);
        k.b.condition(holds);
    } else if k.one_in(2) {
        let v = k.value();
        k.store_everywhere(v);
    } else if k.one_in(3) {
        let v = k.value();
        let d = k.b.dtype(v);
        let (at, len) = k.own_places(&lanes);
        let (buffer, combine) = (k.buffer(d, len), Some(k.combine(d)));
        let start = k.buffer_of(DType::I64, 1, Style::Places);
        let offset = k.one_in(3).then(|| k.b.load(start, Affine::default()));
        k.b.store(Store { buffer, at, offset, combine, value: v });
    }
    k.finish()
}

/// The condition, or that it is still early.
fn more_often(k: &mut Draft, holds: NodeId) -> NodeId {
    let time = k.b.counter(k.extents.len() - 1);
    let early = k.b.constant(Scalar::from(k.r.below(6) as i64));
    let early = k.b.op(ScalarOp::Lt, &[time, early]);
    k.b.op(ScalarOp::Or, &[holds, early])
}

/// Stores at computed positions, in order.
fn scatter(r: &mut Random) -> Drawn {
    let extents = extents(r, 1, 2);
    let mut k = Draft::new(r, loops(&extents, Mode::Sequential));
    let d = k.any_type();
    let len = k.r.below(90);
    let out = k.buffer(d, len);
    if k.one_in(4) {
        let at = k.position();
        let v = k.b.gather(out, at);
        k.nodes.push(v);
    }
    k.grow();
    for _ in 0..1 + k.r.below(2) {
        let offset = Some(k.position());
        let strides: Vec<i64> = k.extents.iter().map(|_| 0).collect();
        let mut at = Affine::new(k.r.below(5) as i64 - 2, strides);
        if let Some(last) = at.strides.last_mut() {
            *last = k.r.below(2) as i64;
        }
        let (buffer, d) = match k.one_in(2) {
            true => (out, d),
            false => {
                let d = k.any_type();
                let len = k.r.below(60);
                (k.buffer(d, len), d)
            }
        };
        let combine = if k.one_in(2) { Some(k.combine(d)) } else { None };
        let value = k.value_of(d);
        k.b.store(Store { buffer, at, offset, combine, value });
    }
    k.finish()
}

/// One store of rows at computed positions, in order or in copies of the elements.
fn updates(r: &mut Random) -> Drawn {
    let extents = extents(r, 1, 3);
    let inner = r.below(extents.len() + 1);
    let mut k = Draft::new(r, loops(&extents, Mode::Sequential));
    k.grow();
    let outer: Vec<usize> = (0..inner).collect();
    let (at, len) = k.own_places(&outer);
    let places = k.buffer_of(DType::I64, len, Style::Places);
    let mut offset = k.b.load(places, at);
    for n in inner..extents.len() {
        let counter = k.b.counter(n);
        let width: usize = extents[n + 1..].iter().product();
        let width = k.b.constant(Scalar::from(width as i64));
        let term = k.b.op(ScalarOp::Mul, &[counter, width]);
        offset = k.b.op(ScalarOp::Add, &[offset, term]);
    }
    if k.one_in(2) {
        let (at, len) = k.own_places(&outer);
        let kept = k.buffer(DType::Bool, len);
        let kept = k.b.load(kept, at);
        let dropped = k.b.constant(Scalar::from(k.r.below(4) as i64 - 3));
        offset = k.b.op(ScalarOp::Select, &[kept, offset, dropped]);
    }
    let d = k.any_type();
    let len = k.r.below(90);
    let buffer = k.buffer(d, len);
    let combine = if k.one_in(5) { None } else { Some(k.combine(d)) };
    let mut value = k.value_of(d);
    if k.one_in(2) {
        let dense = (0..extents.len()).map(|n| extents[n + 1..].iter().product::<usize>() as i64);
        let x = k.buffer(d, extents.iter().product());
        value = k.b.load(x, Affine::new(0, dense));
    }
    let at = Affine::constant(k.r.below(3) as i64 - 1);
    k.b.store(Store { buffer, at, offset: Some(offset), combine, value });
    let copies = combine.is_some_and(|c| c.takes_copies(d));
    if copies && !k.one_in(3) {
        let lanes = if extents.len() == 1 { 1 << k.r.below(6) } else { 1 };
        let length = lanes * (1 + k.r.below(9));
        let cut = (k.r.below(4) > 0).then_some(Cut { of: 0, length });
        k.b.order(Order { lanes, cut });
    }
    k.finish()
}

/// A block at a position that is known when the kernel runs.
fn update(r: &mut Random) -> Drawn {
    let extents = extents(r, 1, 3);
    let mut k = Draft::new(r, loops(&extents, Mode::Parallel));
    k.grow();
    let start = k.buffer_of(DType::I64, 1, Style::Places);
    let mut offset = k.b.load(start, Affine::default());
    if k.one_in(2) {
        let bounds = [0, k.r.below(20) as i64].map(|n| k.b.constant(Scalar::from(n)));
        offset = k.b.op(ScalarOp::Min, &[offset, bounds[1]]);
        offset = k.b.op(ScalarOp::Max, &[offset, bounds[0]]);
    }
    let value = k.value();
    let d = k.b.dtype(value);
    let all: Vec<usize> = (0..k.extents.len()).collect();
    let (at, len) = k.own_places(&all);
    let len = len + k.r.below(30);
    let buffer = k.buffer(d, len);
    let combine = if k.one_in(3) { Some(k.combine(d)) } else { None };
    k.b.store(Store { buffer, at, offset: Some(offset), combine, value });
    k.finish()
}

/// A sequential loop that reads what it wrote before.
fn running(r: &mut Random) -> Drawn {
    let extents = extents(r, 1, 2);
    let mut k = Draft::new(r, loops(&extents, Mode::Sequential));
    let all: Vec<usize> = (0..k.extents.len()).collect();
    let (at, len) = k.own_places(&all);
    let (d, ahead) = (k.any_type(), k.r.below(10));
    let out = k.buffer(d, len + ahead);
    let v = k.b.load(out, at.clone());
    k.nodes.push(v);
    k.grow();
    let v = k.value_of(d);
    k.b.store_at(out, Affine { offset: at.offset + ahead as i64, ..at }, v);
    k.finish()
}

/// So many points and so much work in each that threads share them.
fn shared(r: &mut Random) -> Drawn {
    let (rows, columns) = (40 + r.below(70), 130 + r.below(70));
    let mut b = KernelBuilder::new("shared", loops(&[rows, columns], Mode::Parallel));
    let d = [DType::F32, DType::F64, DType::BF16][r.below(3)];
    let x = b.buffer(d, rows * columns);
    let at = Affine::new(0, [columns as i64, 1]);
    let mut v = b.load(x, at.clone());
    for _ in 0..3 {
        let ops = [ScalarOp::Sin, ScalarOp::Exp, ScalarOp::Tanh, ScalarOp::Log, ScalarOp::Pow];
        let op = ops[r.below(5)];
        v = b.op(op, &[v, v][..op.signature().0]);
    }
    let out = b.buffer(d, rows * columns);
    b.store_at(out, at, v);
    (b.finish(), vec![Style::Odd, Style::Moderate])
}
