//! The plain operations of random programs.

use super::bench::{Bench, int};
use super::recipe::{Op, Step};
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::prims::lax::{self, DotDims, GatherDims, Mode, ScatterMode};

impl Bench {
    /// Does a step; one that has nothing to do here does nothing.
    pub fn step(&mut self, s: &Step) {
        let (x, bound) = self.float(s.a);
        let shape = x.to_shape();
        let rank = x.ndim();
        let axis = if rank > 0 { s.b as usize % rank } else { 0 };
        match s.op {
            Op::Unary => self.unary(s, &x, bound),
            Op::Binary => self.binary(s, &x, bound),
            Op::Reduce if rank > 0 => self.reduce(s, &x, bound),
            Op::Broadcast => {
                let at = s.b as usize % (rank + 1);
                let mut wide = shape.clone();
                wide.insert(at, 1 + s.c as usize % 3);
                let kept: Vec<usize> = (0..=rank).filter(|a| *a != at).collect();
                self.keep(lax::broadcast_in_dim(&x, &wide, &kept), bound);
            }
            Op::Reshape => {
                let y = match s.c % 3 {
                    0 => lax::reshape(&x, &[x.size()]),
                    1 => lax::expand_dims(&x, &[s.b as usize % (rank + 1)]),
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
                let before = (s.c % 3) as i64 - 1;
                let between = i64::from(s.c & 8 != 0);
                config[axis] = (before.max(-(shape[axis] as i64)), (s.c / 16 % 2) as i64, between);
                let value =
                    if s.c & 4 == 0 { self.literal(0.5) } else { self.float_of(s.b, &[]).0 };
                self.keep(lax::pad(&x, &value, &config), bound.max(4.0));
            }
            Op::Concatenate if rank > 0 => {
                let (y, other) = self.float_of(s.c, &shape);
                self.keep(lax::concatenate(&[x, y], axis), bound.max(other));
            }
            Op::Rev if rank > 0 => self.keep(lax::rev(&x, &[axis]), bound),
            Op::Dot => self.dot(s, &x, bound),
            Op::DynamicSlice if rank > 0 && shape[axis] > 0 => {
                let size = 1 + s.c as usize % shape[axis];
                let start = self.int(s.c, &[]);
                self.keep(lax::dynamic_slice_in_dim(&x, &start, size, axis), bound);
            }
            Op::DynamicUpdate if rank > 0 && shape[axis] > 0 => {
                let mut part = shape.clone();
                part[axis] = 1 + s.c as usize % shape[axis];
                let (y, other) = self.float_of(s.c, &part);
                let start = self.int(s.b, &[]);
                let updated = lax::dynamic_update_slice_in_dim(&x, &y, &start, axis);
                self.keep(updated, bound.max(other));
            }
            Op::Gather if rank > 0 && shape[axis] > 0 => {
                let mut wanted = shape.clone();
                wanted[axis] = 1 + s.c as usize % 4;
                let at = self.int(s.c, &wanted);
                self.keep(lax::take_along_axis(&x, &at, axis, Mode::Clip), bound);
            }
            Op::ScatterAdd if rank > 0 && shape[0] > 0 => self.scatter_add(s, &x, bound),
            Op::Sort if rank > 0 => self.keep(lax::sort(&x, axis), bound),
            Op::SortBy if rank > 0 => {
                let (y, other) = self.float_of(s.c, &shape);
                let at = self.int(s.b, &shape);
                let keys = 1 + s.c as usize % 2;
                let mut sorted = lax::sort_by(&[x, at, y], axis, keys);
                self.keep(sorted.remove(0), bound);
                self.keep(sorted.remove(1), other);
                self.keep_int(sorted.remove(0));
            }
            Op::Select => {
                let (y, other) = self.float_of(s.c, &shape);
                let which = if s.b & 2 == 0 { self.bool(s.b, &shape) } else { self.bool(s.b, &[]) };
                self.keep(lax::select_n(&which, &[&x, &y]), bound.max(other));
            }
            Op::Clamp => {
                let (low, high) = (self.literal(-0.811), self.literal(0.613));
                self.keep(lax::clamp(&low, &x, &high), 0.9);
            }
            Op::Convert => {
                let other = if self.dtype == DType::F64 { DType::F32 } else { DType::F64 };
                // Only f32 into f64 and back keeps derivatives as fine as the program's.
                if other == DType::F64 {
                    let wide = lax::convert_element_type(&x, other);
                    let y = lax::convert_element_type(&lax::sin(&wide), self.dtype);
                    self.keep(y, 1.0);
                } else {
                    let whole = lax::convert_element_type(&lax::floor(&x), DType::I32);
                    self.keep(lax::convert_element_type(&whole, self.dtype), bound + 1.0);
                }
            }
            Op::Ints => self.some_ints(s, &x),
            Op::Argmax if rank > 0 && shape[axis] > 0 => {
                let at = if s.c & 1 == 0 { lax::argmax(&x, axis) } else { lax::argmin(&x, axis) };
                self.keep_int(at);
            }
            Op::Barrier => {
                let (y, other) = self.float(s.b);
                let mut both = lax::optimization_barrier(&[x, y]);
                self.keep(both.remove(0), bound);
                self.keep(both.remove(0), other);
            }
            Op::StopGradient => {
                // Of something that does not move, or differences would see what derivatives do not.
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
            Op::Collective => self.collective(s),
            op if op.carries() => self.body_step(s),
            _ => {}
        }
    }

    fn unary(&mut self, s: &Step, x: &Array, bound: f64) {
        let one = self.literal(1.0);
        let above = |x: &Array| lax::add(&lax::square(x), &one);
        let (y, bound) = match s.b % 16 {
            0 => (lax::sin(x), 1.0),
            1 => (lax::cos(x), 1.0),
            2 => (lax::tanh(x), 1.0),
            3 => (lax::logistic(x), 1.0),
            4 => (lax::exp(&lax::neg(&lax::square(x))), 1.0),
            5 => (lax::log(&above(x)), 3.0),
            6 => (lax::sqrt(&above(x)), bound + 1.0),
            7 => (lax::rsqrt(&above(x)), 1.0),
            8 => (lax::neg(x), bound),
            9 => (lax::square(x), bound * bound),
            10 => (lax::integer_pow(&lax::tanh(x), 1 + (s.c % 4) as i32), 1.0),
            11 => (lax::erf(x), 1.0),
            12 => (lax::atan(x), 1.6),
            13 => (lax::expm1(&lax::tanh(x)), 1.8),
            14 => (lax::log1p(&lax::square(x)), 3.0),
            _ => (lax::integer_pow(&above(x), -(1 + (s.c % 2) as i32)), 1.0),
        };
        self.keep(y, bound);
    }

    fn binary(&mut self, s: &Step, x: &Array, bound: f64) {
        let scalar = s.c & 16 != 0;
        let (y, other) = if scalar {
            let value = (s.c % 5) as f64 * 0.5 - 1.0;
            (self.literal(value), 1.0)
        } else {
            self.float_of(s.b, x.shape())
        };
        let one = self.literal(1.0);
        let above = |x: &Array| lax::add(&lax::square(x), &one);
        let (z, bound) = match s.c % 8 {
            0 => (lax::add(x, &y), bound + other),
            1 => (lax::sub(&y, x), bound + other),
            2 => (lax::mul(x, &y), bound * other),
            3 => (lax::div(&y, &above(x)), other),
            4 => (lax::max(x, &y), bound.max(other)),
            5 => (lax::min(&y, x), bound.max(other)),
            6 => (lax::atan2(&y, &above(x)), 1.6),
            _ => (lax::pow(&above(&lax::tanh(x)), &lax::sin(&y)), 2.0),
        };
        self.keep(z, bound);
    }

    fn reduce(&mut self, s: &Step, x: &Array, bound: f64) {
        let mut axes: Vec<usize> = (0..x.ndim()).filter(|a| s.b >> a & 1 == 1).collect();
        if axes.is_empty() {
            axes.push(0);
        }
        let n: usize = axes.iter().map(|a| x.shape()[*a]).product();
        let (y, bound) = match s.c % 4 {
            1 if n > 0 => (lax::reduce_max(x, &axes), bound),
            2 if n > 0 => (lax::reduce_min(x, &axes), bound),
            3 => (lax::reduce_prod(&lax::cos(x), &axes), 1.0),
            _ => (lax::reduce_sum(x, &axes), bound * n as f64),
        };
        self.keep(y, bound);
    }

    fn dot(&mut self, s: &Step, x: &Array, bound: f64) {
        let (y, other) = self.float(s.b);
        if x.ndim() > 3 || y.ndim() > 3 {
            return;
        }
        let meets = |i: usize, j: usize| x.shape()[i] == y.shape()[j];
        let pairs: Vec<(usize, usize)> = (0..x.ndim())
            .flat_map(|i| (0..y.ndim()).map(move |j| (i, j)))
            .filter(|(i, j)| meets(*i, *j))
            .collect();
        let mut dims = DotDims {
            lhs_contract: Default::default(),
            rhs_contract: Default::default(),
            lhs_batch: Default::default(),
            rhs_batch: Default::default(),
        };
        let mut n = 1;
        if !pairs.is_empty() {
            let (i, j) = pairs[s.c as usize % pairs.len()];
            dims.lhs_contract.push(i);
            dims.rhs_contract.push(j);
            n = x.shape()[i];
            let more = pairs.iter().find(|(k, l)| *k != i && *l != j);
            if let Some((k, l)) = more.filter(|_| s.c & 1 == 0) {
                dims.lhs_batch.push(*k);
                dims.rhs_batch.push(*l);
            }
        }
        if x.size() * y.size() <= 400 {
            self.keep(lax::dot_general(x, &y, &dims), bound * other * n as f64);
        }
    }

    /// Rows added where ints point; some of them point outside.
    fn scatter_add(&mut self, s: &Step, x: &Array, bound: f64) {
        let rows = 1 + s.c as usize % 3;
        let mut shape = x.to_shape();
        shape[0] = rows;
        let (updates, other) = self.float_of(s.b, &shape);
        let at = lax::expand_dims(&self.int(s.c, &[rows]), &[1]);
        let dims = GatherDims {
            offset_dims: (1..x.ndim()).collect(),
            collapsed_slice_dims: [0].into_iter().collect(),
            start_index_map: [0].into_iter().collect(),
            ..GatherDims::default()
        };
        let mode = if s.b & 1 == 0 { ScatterMode::Clip } else { ScatterMode::Drop };
        let y = lax::scatter_add(x, &at, &updates, &dims, mode);
        self.keep(y, bound + rows as f64 * other);
    }

    fn some_ints(&mut self, s: &Step, x: &Array) {
        let made = match s.c % 4 {
            0 => lax::convert_element_type(&lax::floor(x), DType::I32),
            1 if x.ndim() > 0 => lax::argsort(x, s.b as usize % x.ndim()),
            2 => {
                let a = self.int(s.a, x.shape());
                lax::xor(&lax::mul(&a, &int(3)), &int(i32::from(s.b)))
            }
            _ => {
                let b = self.bool(s.b, x.shape());
                self.keep_bool(lax::not(&b));
                lax::convert_element_type(&b, DType::I32)
            }
        };
        self.keep_int(lax::rem(&made, &int(7)));
    }
}
