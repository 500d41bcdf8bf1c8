//! The steps of random programs that fold or order: reductions, running folds, folds over windows,
//! sorts.

use super::bench::{Bench, literal, part};
use super::ops::moves;
use super::recipe::Step;
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::prims::lax::{self, Borders, Select, Window};

impl Bench {
    pub fn reduce(&mut self, s: &Step) {
        let (x, bound) = self.number(s.a);
        if x.ndim() == 0 {
            return;
        }
        let mut axes: Vec<usize> = (0..x.ndim()).filter(|a| s.b >> a & 1 == 1).collect();
        if axes.is_empty() {
            axes.push(0);
        }
        let n: usize = axes.iter().map(|a| x.shape()[*a]).product();
        let whole = !moves(&x);
        let (y, bound) = match s.c % 8 {
            // The fold of nothing is infinite, if it is of floats.
            1 if n > 0 || whole => (lax::reduce_max(&part(&x, s.a), &axes), bound),
            2 if n > 0 || whole => (lax::reduce_min(&part(&x, s.a), &axes), bound),
            3 if whole => (lax::reduce_prod(&x, &axes), bound),
            3 => (lax::reduce_prod(&self.sized(&x, bound), &axes), 1.0),
            4 if whole => (lax::reduce_and(&x, &axes), bound),
            5 if whole => (lax::reduce_or(&x, &axes), bound),
            6 if whole => (lax::reduce_xor(&x, &axes), bound),
            7 => {
                // By a function of the user's.
                let zero = literal(x.dtype(), 0.0);
                let sums = lax::reduce(&[x], &[zero], &axes, |a, b| vec![lax::add(&a[0], &b[0])]);
                (sums[0].clone(), bound * n as f64)
            }
            _ => (lax::reduce_sum(&x, &axes), bound * n as f64),
        };
        self.keep(y, bound);
    }

    /// Of size 1 at most, so that products are.
    fn sized(&self, x: &Array, bound: f64) -> Array {
        match x.dtype() {
            d if d.is_complex() => lax::mul(x, &literal(d, 1.0 / bound.max(1.0))),
            d if d.is_float() => lax::cos(x),
            _ => x.clone(),
        }
    }

    pub fn running(&mut self, s: &Step) {
        let (x, bound) = self.number(s.a);
        if x.ndim() == 0 {
            return;
        }
        let axis = s.b as usize % x.ndim();
        let reverse = s.c & 8 != 0;
        let n = x.shape()[axis] as f64;
        let (y, bound) = match s.c % 5 {
            0 => (lax::cumsum(&x, axis, reverse), bound * n.max(1.0)),
            1 => (lax::cumprod(&self.sized(&x, bound), axis, reverse), 1.0),
            2 => (lax::cummax(&part(&x, s.a), axis, reverse), bound),
            3 => (lax::cummin(&part(&x, s.a), axis, reverse), bound),
            _ => {
                let (x, bound) = self.real(s.a);
                if x.ndim() == 0 {
                    return;
                }
                let axis = s.b as usize % x.ndim();
                (lax::cumlogsumexp(&x, axis, reverse), bound + 4.0)
            }
        };
        self.keep(y, bound);
    }

    /// Windows of up to three elements along one axis.
    pub fn window(&mut self, s: &Step) {
        let (x, bound) = self.number(s.a);
        let rank = x.ndim();
        if rank == 0 {
            return;
        }
        let axis = s.b as usize % rank;
        let along = |n: usize| {
            let mut list = vec![1; rank];
            list[axis] = n;
            list
        };
        let size = 1 + s.c as usize % 3;
        let (stride, dilation) = (1 + s.b as usize / 8 % 2, 1 + s.b as usize / 16 % 2);
        let mut edges = vec![(0, 0); rank];
        let cut = (x.shape()[axis] as i64).min(1);
        edges[axis] = ((s.b / 32 % 4) as i64 - cut, (s.b / 128) as i64);
        let borders = match s.c / 32 % 4 {
            0 => Borders::Valid,
            1 => Borders::Same,
            2 => Borders::SameLower,
            _ => Borders::Explicit(edges.into_iter().collect()),
        };
        let window = Window::new(along(size))
            .strides(along(stride))
            .dilation(along(dilation))
            .base_dilation(along(1 + s.c as usize / 128))
            .borders(borders);
        let ordered = part(&x, s.a);
        let select = if s.c & 1 == 0 { Select::Greatest } else { Select::Least };
        // What lies beyond the borders is infinite.
        let bounded = |y: Array| match y.dtype().is_float() {
            true => lax::clamp(&literal(y.dtype(), -bound), &y, &literal(y.dtype(), bound)),
            false => y,
        };
        let n = size as f64;
        let (y, bound) = match s.c / 4 % 8 {
            0 | 1 => (lax::reduce_window_sum(&x, &window), bound * n),
            2 => (bounded(lax::reduce_window_max(&ordered, &window)), bound),
            3 => (bounded(lax::reduce_window_min(&ordered, &window)), bound),
            4 => {
                let one = literal(x.dtype(), 1.0);
                let product = |a: &[Array], b: &[Array]| vec![lax::mul(&a[0], &b[0])];
                let x = self.sized(&x, bound);
                (lax::reduce_window(&[x], &[one], &window, product).remove(0), 1.0)
            }
            5 => {
                let outs = lax::reduce_window_max(&ordered, &window);
                let (source, other) = self.like(s.b, &ordered, outs.shape());
                let back = lax::select_and_scatter_add(&source, &ordered, select, &window);
                (back, other * n)
            }
            6 => {
                let (other, size) = self.like(s.b, &x, x.shape());
                (lax::select_and_gather_add(&other, &ordered, select, &window), size)
            }
            _ => {
                let windows =
                    lax::sliding_windows(&x, &along(size), &along(stride), &along(dilation));
                (windows, bound)
            }
        };
        self.keep(y, bound);
    }

    pub fn argmax(&mut self, s: &Step) {
        let (x, _) = self.ordered(s.a);
        if x.size() == 0 || x.ndim() == 0 {
            return;
        }
        let axis = s.b as usize % x.ndim();
        match s.c % 4 {
            0 => self.keep_int(lax::argmax(&x, axis)),
            1 => self.keep_int(lax::argmin(&x, axis)),
            2 => self.keep(lax::argmax_as(&x, axis, DType::U8), 0.0),
            _ => self.keep(lax::argmin_as(&x, axis, DType::I64), 0.0),
        }
    }

    pub fn top_k(&mut self, s: &Step) {
        let (x, bound) = self.ordered(s.a);
        if x.ndim() == 0 {
            return;
        }
        let axis = s.b as usize % x.ndim();
        let k = s.c as usize % (x.shape()[axis] + 1);
        let (values, places) = lax::top_k(&x, k, axis);
        self.keep(values, bound);
        self.keep_int(places);
    }

    pub fn sort(&mut self, s: &Step) {
        let (x, bound) = self.ordered(s.a);
        if x.ndim() > 0 {
            self.keep(lax::sort(&x, s.b as usize % x.ndim()), bound);
        }
    }

    /// By the first or the first two of several operands.
    pub fn sort_by(&mut self, s: &Step) {
        let (x, bound) = self.ordered(s.a);
        if x.ndim() == 0 {
            return;
        }
        let (shape, axis) = (x.to_shape(), s.b as usize % x.ndim());
        let (y, other) = self.float_of(s.c, &shape);
        let at = self.int(s.b, &shape);
        let (z, third) = self.like(s.b, &x, &shape);
        let keys = 1 + s.c as usize % 2;
        let mut sorted = lax::sort_by(&[x, at, y, z], axis, keys);
        self.keep(sorted.remove(0), bound);
        self.keep_int(sorted.remove(0));
        self.keep(sorted.remove(0), other);
        self.keep(sorted.remove(0), third);
    }
}
