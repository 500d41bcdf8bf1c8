//! Random programs: fused, looped and in place, they give what their operations give one at a time.

use super::alone::{scatter, update, whole_of};
use super::control::{Scan, cond, scan};
use super::fused::rows;
use super::toys::*;
use crate::core::array::Array;
use crate::core::trace::is_tracing;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Combine;
use cotangent_jit::op::ScalarOp;

/// A linear congruential generator.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<'a>(&mut self, pool: &'a [Array]) -> &'a Array {
        &pool[self.below(pool.len())]
    }

    /// One that has this shape, made to have it if need be.
    fn shaped(&mut self, pool: &[Array], shape: &[usize]) -> Array {
        let fitting: Vec<&Array> = pool.iter().filter(|a| a.shape() == shape).collect();
        if !fitting.is_empty() && self.below(4) > 0 {
            return fitting[self.below(fitting.len())].clone();
        }
        let a = self.pick(pool).clone();
        if a.size() == shape.iter().product::<usize>() {
            return reshape(&a, shape);
        }
        // Folded to a number and repeated.
        let all: Vec<usize> = (0..a.ndim()).collect();
        let number = reduce(&a, Combine::Max, &all);
        repeat(&number, shape)
    }
}

const SHAPES: [&[usize]; 6] = [&[], &[3], &[2, 3], &[3, 2], &[6], &[3, 1]];

/// Grows the pool by an operation or two.
fn grow(dice: &mut Dice, pool: &mut Vec<Array>, depth: usize) {
    let a = dice.pick(pool).clone();
    let new = match dice.below(if depth < 2 { 14 } else { 12 }) {
        0..3 => {
            let b = dice.shaped(pool, a.shape());
            let ops = [ScalarOp::Add, ScalarOp::Sub, ScalarOp::Max, ScalarOp::Xor];
            op(ops[dice.below(4)], &[&a, &b])
        }
        3 => add(&a, &int(dice.below(9) as i32)),
        4 if a.ndim() == 2 => transpose(&a),
        5 if a.ndim() >= 1 => {
            // Backwards along the first axis.
            let mut maps: Vec<Affine> = (0..a.ndim()).map(Affine::counter).collect();
            maps[0] = Affine::new(a.shape()[0] as i64 - 1, [-1]);
            view(&a, a.shape(), maps)
        }
        6 => {
            let fitting: Vec<&&[usize]> =
                SHAPES.iter().filter(|s| s.iter().product::<usize>() == a.size()).collect();
            if fitting.is_empty() {
                repeat(&a, &[2])
            } else {
                reshape(&a, fitting[dice.below(fitting.len())])
            }
        }
        7 if a.ndim() >= 1 => {
            let combine = [Combine::Sum, Combine::Max, Combine::Xor][dice.below(3)];
            reduce(&a, combine, &[dice.below(a.ndim())])
        }
        8 if a.ndim() == 2 => {
            let at = dice.shaped(pool, &[3]);
            rows(&a, &at)
        }
        9 if a.ndim() == 1 => {
            let b = dice.shaped(pool, &[3]);
            whole_of(&[&a, &b], 0)
        }
        10 if a.ndim() >= 1 && a.size() > 0 => {
            let patch = dice.shaped(pool, &vec![1; a.ndim()]);
            let at: Vec<Array> = (0..a.ndim()).map(|_| dice.shaped(pool, &[])).collect();
            update(&a, &patch, &at.iter().collect::<Vec<_>>())
        }
        11 if a.ndim() == 1 => {
            let (at, updates) = (dice.shaped(pool, &[3]), dice.shaped(pool, &[3]));
            let at = op(ScalarOp::And, &[&at, &int(7)]);
            scatter(&a, &updates, &at, [None, Some(Combine::Sum)][dice.below(2)])
        }
        12 => return grow_scan(dice, pool, depth + 1),
        13 => return grow_cond(dice, pool, depth + 1),
        _ => mul(&a, &int(3)),
    };
    pool.push(new);
}

fn body(dice: &Dice, x: &[Array], outs: &[Vec<usize>], depth: usize) -> Vec<Array> {
    let (mut dice, mut pool) = (dice.clone(), x.to_vec());
    for _ in 0..6 {
        grow(&mut dice, &mut pool, depth);
    }
    outs.iter().map(|shape| dice.shaped(&pool[x.len() / 2..], shape)).collect()
}

fn grow_scan(dice: &mut Dice, pool: &mut Vec<Array>, depth: usize) {
    let shape = |dice: &mut Dice| SHAPES[dice.below(4)].to_vec();
    let carries: Vec<Vec<usize>> = (0..1 + dice.below(3)).map(|_| shape(dice)).collect();
    let ys = vec![shape(dice)];
    let (length, reverse) = (3, dice.below(2) == 0);
    let consts = [dice.pick(pool).clone()];
    let carry: Vec<Array> = carries.iter().map(|s| dice.shaped(pool, s)).collect();
    let xs = [dice.shaped(pool, &[3, 2])];
    let outs: Vec<Vec<usize>> = carries.iter().chain(&ys).cloned().collect();
    let inner = dice.clone();
    dice.below(2);
    if is_tracing() {
        let inputs: Vec<&Array> = consts.iter().chain(&carry).chain(&xs).collect();
        let s = Scan { consts: 1, carry: carry.len(), length, reverse };
        pool.extend(scan(s, &inputs, |x| body(&inner, x, &outs, depth)));
        return;
    }
    let (mut state, mut stacked) = (carry, vec![None; length]);
    for n in 0..length {
        let t = if reverse { length - 1 - n } else { n };
        let row = view(&xs[0], &[2], vec![Affine::constant(t as i64), Affine::counter(0)]);
        let x: Vec<Array> = consts.iter().chain(&state).chain([&row]).cloned().collect();
        let mut out = body(&inner, &x, &outs, depth);
        let y = out.pop().expect("one y");
        let in_front: Vec<usize> = [1].iter().chain(y.shape()).copied().collect();
        stacked[t] = Some(reshape(&y, &in_front));
        state = out;
    }
    pool.extend(state);
    let stacked: Vec<Array> = stacked.into_iter().flatten().collect();
    pool.push(whole_of(&stacked.iter().collect::<Vec<_>>(), 0));
}

fn grow_cond(dice: &mut Dice, pool: &mut Vec<Array>, depth: usize) {
    let index = op(ScalarOp::And, &[&dice.shaped(pool, &[]), &int(1)]);
    let args: Vec<Array> = (0..3).map(|_| dice.pick(pool).clone()).collect();
    let outs: Vec<Vec<usize>> = (0..2).map(|_| SHAPES[dice.below(4)].to_vec()).collect();
    let arms = [dice.clone(), Dice(dice.0 ^ 0x55)];
    dice.below(2);
    if is_tracing() {
        let types: Vec<_> = args.iter().map(|a| a.aval()).collect();
        let arms = arms.iter().map(|d| traced(&types, |x| body(d, x, &outs, depth))).collect();
        let inputs: Vec<&Array> = std::iter::once(&index).chain(&args).collect();
        pool.extend(cond(&inputs, arms));
    } else {
        pool.extend(body(&arms[values(&index)[0] as usize], &args, &outs, depth));
    }
}

fn program(seed: u64, x: &[Array]) -> Vec<Array> {
    let (mut dice, mut pool) = (Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), x.to_vec());
    for _ in 0..16 {
        grow(&mut dice, &mut pool, 0);
    }
    let n = pool.len();
    (0..4).map(|_| pool[n / 2 + dice.below(n - n / 2)].clone()).collect()
}

#[test]
fn fused_as_one_at_a_time() {
    let inputs = [ints(&[2, 3], &[1, -2, 3, 0, 5, 7]), ints(&[3], &[2, 0, 1]), ints(&[], &[4])];
    for seed in 0..seeds() {
        let expected: Vec<Vec<f64>> = program(seed, &inputs).iter().map(values).collect();
        let (text, got) = run(&inputs, |x| program(seed, x));
        assert_eq!(got, expected, "seed {seed}:\n{text}");
    }
}

fn seeds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(30)
}
