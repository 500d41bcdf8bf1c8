//! The plain steps of random programs: which operand each takes, and what only moves elements.

use super::bench::{Bench, int, literal, part};
use super::recipe::{Op, Step};
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::prims::lax;

impl Bench {
    /// Does a step; one that has nothing to do here does nothing.
    pub fn step(&mut self, s: &Step) {
        match s.op {
            Op::Unary => self.unary(s),
            Op::Binary => self.binary(s),
            Op::Wild => self.wild(s),
            Op::OfCase => self.of_case(s),
            Op::Stepwise => self.stepwise(s),
            Op::Complex => self.complex_step(s),
            Op::Reduce => self.reduce(s),
            Op::Running => self.running(s),
            Op::Window => self.window(s),
            Op::Dot => self.dot(s),
            Op::Conv => self.conv(s),
            Op::Take => self.take(s),
            Op::Gather => self.gather(s),
            Op::Scatter => self.scatter(s),
            Op::ScatterAdd => self.scatter_add(s),
            Op::TopK => self.top_k(s),
            Op::Sort => self.sort(s),
            Op::SortBy => self.sort_by(s),
            Op::Argmax => self.argmax(s),
            Op::Convert => self.convert(s),
            Op::Bitcast => self.bitcast(s),
            Op::Precision => self.precision(s),
            Op::Ints => self.some_ints(s),
            Op::Whole => self.whole_step(s),
            Op::Bools => self.bools_step(s),
            Op::Collective => self.collective(s),
            op if op.carries() => self.body_step(s),
            _ => self.moving(s),
        }
    }

    /// What elements of any dtype are moved by.
    fn moving(&mut self, s: &Step) {
        let (x, bound) = self.operand(s.a);
        let shape = x.to_shape();
        let rank = x.ndim();
        let axis = if rank > 0 { s.b as usize % rank } else { 0 };
        match s.op {
            Op::Broadcast => {
                let at = s.b as usize % (rank + 1);
                let mut wide = shape.clone();
                wide.insert(at, 1 + s.c as usize % 3);
                let kept: Vec<usize> = (0..=rank).filter(|a| *a != at).collect();
                self.keep(lax::broadcast_in_dim(&x, &wide, &kept), bound);
            }
            Op::Reshape => {
                let y = match s.c % 4 {
                    0 => lax::reshape(&x, &[x.size()]),
                    1 => lax::expand_dims(&x, &[s.b as usize % (rank + 1)]),
                    2 => {
                        let ones: Vec<usize> = (0..rank).filter(|a| shape[*a] == 1).collect();
                        lax::squeeze(&x, &ones)
                    }
                    _ if rank > 1 => {
                        let mut merged = shape.clone();
                        let n = merged.remove(0);
                        merged[0] *= n;
                        lax::reshape(&x, &merged)
                    }
                    _ => return,
                };
                self.keep(y, bound);
            }
            Op::Transpose if rank > 1 => {
                let by = 1 + s.b as usize % (rank - 1);
                let order: Vec<usize> = (0..rank).map(|a| (a + by) % rank).collect();
                self.keep(lax::transpose(&x, &order), bound);
            }
            Op::Slice if rank > 0 => {
                let stride = 1 + s.c as usize % 2;
                let mut start = vec![0; rank];
                start[axis] = (s.c as usize / 2) % (shape[axis] + 1);
                let mut strides = vec![1; rank];
                strides[axis] = stride;
                self.keep(lax::slice(&x, &start, &shape, &strides), bound);
            }
            Op::Pad if rank > 0 => {
                let mut config = vec![(0, 0, 0); rank];
                let size = shape[axis] as i64;
                let between = i64::from(s.c & 8 != 0);
                let whole = if size > 0 { size + (size - 1) * between } else { 0 };
                let before = ((s.c % 4) as i64 - 2).max(-whole);
                let after = ((s.c / 16 % 4) as i64 - 2).max(-whole - before.min(0));
                config[axis] = (before, after, between);
                if rank > 1 && s.b & 64 != 0 {
                    config[(axis + 1) % rank] = (1, 0, 0);
                }
                let value = match s.c & 4 {
                    0 => literal(x.dtype(), 0.5),
                    _ => self.like(s.b, &x, &[]).0,
                };
                self.keep(lax::pad(&x, &value, &config), bound.max(4.0));
            }
            Op::Concatenate if rank > 0 => {
                let (y, other) = self.like(s.c, &x, &shape);
                self.keep(lax::concatenate(&[x, y], axis), bound.max(other));
            }
            Op::Rev if rank > 0 => {
                let mut axes: Vec<usize> = (0..rank).filter(|a| s.c >> a & 1 == 1).collect();
                if axes.is_empty() {
                    axes.push(axis);
                }
                self.keep(lax::rev(&x, &axes), bound);
            }
            Op::DynamicSlice if rank > 0 && shape[axis] > 0 => {
                let size = 1 + s.c as usize % shape[axis];
                let start = self.int(s.c, &[]);
                self.keep(lax::dynamic_slice_in_dim(&x, &start, size, axis), bound);
            }
            Op::DynamicUpdate if rank > 0 && shape[axis] > 0 => {
                let mut part = shape.clone();
                part[axis] = 1 + s.c as usize % shape[axis];
                let (y, other) = self.like(s.c, &x, &part);
                let start = self.int(s.b, &[]);
                let updated = lax::dynamic_update_slice_in_dim(&x, &y, &start, axis);
                self.keep(updated, bound.max(other));
            }
            Op::Select => {
                let (y, other) = self.like(s.c, &x, &shape);
                let which = if s.b & 2 == 0 { self.bool(s.b, &shape) } else { self.bool(s.b, &[]) };
                self.keep(lax::select_n(&which, &[&x, &y]), bound.max(other));
            }
            Op::SelectMany => {
                let (y, second) = self.like(s.c, &x, &shape);
                let (z, third) = self.like(s.c.wrapping_add(1), &x, &shape);
                let which = if s.b & 2 == 0 { self.int(s.b, &shape) } else { self.int(s.b, &[]) };
                let y = lax::select_n(&which, &[&x, &y, &z]);
                self.keep(y, bound.max(second).max(third));
            }
            Op::Clamp => self.clamp(s),
            Op::Barrier => {
                let (y, other) = self.operand(s.b);
                let mut both = lax::optimization_barrier(&[x, y]);
                self.keep(both.remove(0), bound);
                self.keep(both.remove(0), other);
            }
            Op::StopGradient => {
                // Of something that does not move, or differences would see what derivatives do
                // not.
                let (x, bound) = self.real(s.a);
                let still = lax::floor(&x);
                self.keep(lax::add(&x, &lax::stop_gradient(&still)), 2.0 * bound + 1.0);
            }
            Op::Literal => {
                let value = self.literal(s.c as f64 / 128.0 - 1.0);
                match s.b & 1 {
                    0 => self.keep(value, 1.0),
                    _ => self.keep(lax::broadcast_in_dim(&value, &shape, &[]), 1.0),
                }
            }
            _ => {}
        }
    }

    /// Between numbers, or between arrays.
    fn clamp(&mut self, s: &Step) {
        let (x, bound) = self.number(s.a);
        let x = part(&x, s.a);
        if s.c & 1 == 0 {
            let float = x.dtype().is_float();
            let (low, high) = if float { (-0.811, 0.613) } else { (1.0, 5.0) };
            let [low, high] = [low, high].map(|v| literal(x.dtype(), v));
            return self.keep(lax::clamp(&low, &x, &high), 0.9);
        }
        // Below `x` where it is `x` itself: at a bound there is no derivative.
        let (low, other) = self.like(s.b, &x, x.shape());
        let low = lax::sub(&low, &literal(x.dtype(), 0.3));
        let high = lax::add(&low, &literal(x.dtype(), 1.0));
        self.keep(lax::clamp(&low, &x, &high), bound.max(other + 1.0));
    }

    fn some_ints(&mut self, s: &Step) {
        let (x, _) = self.real(s.a);
        let made = match s.c % 4 {
            0 => lax::convert_element_type(&lax::floor(&x), DType::I32),
            1 if x.ndim() > 0 => lax::argsort(&x, s.b as usize % x.ndim()),
            2 => {
                let a = self.int(s.a, x.shape());
                lax::xor(&lax::mul(&a, &int(3)), &int(i32::from(s.b)))
            }
            _ => {
                let b = self.bool(s.b, x.shape());
                self.keep(lax::not(&b), 0.0);
                lax::convert_element_type(&b, DType::I32)
            }
        };
        self.keep_int(lax::rem(&made, &int(7)));
    }
}

/// Whether an operand is among the numbers that have derivatives.
pub fn moves(x: &Array) -> bool {
    x.dtype().is_inexact()
}
