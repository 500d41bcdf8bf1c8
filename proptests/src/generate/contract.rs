//! The steps of random programs that contract: matrix products and convolutions, of floats and of
//! ints.

use super::bench::{Bench, literal};
use super::recipe::Step;
use cotangent::core::array::Array;
use cotangent::prims::lax::{self, Borders, ConvAxes, ConvOptions, DotDims};

impl Bench {
    /// A value of the dtype of `x`, in a shape of its own.
    fn peer(&self, i: u8, x: &Array) -> (Array, f64) {
        let shape = self.number(i).0.to_shape();
        self.like(i, x, &shape)
    }

    pub fn dot(&mut self, s: &Step) {
        let (x, bound) = self.number(s.a);
        let (y, other) = self.peer(s.b, &x);
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
            self.keep(lax::dot_general(&x, &y, &dims), bound * other * n as f64);
        }
    }

    /// Along one axis of space, with everything that there is to a convolution.
    pub fn conv(&mut self, s: &Step) {
        let (x, bound) = self.number(s.a);
        let size = x.size().min(12);
        let flat = lax::slice_in_dim(&lax::reshape(&x, &[x.size()]), 0, size, 0);
        let even = size > 0 && size.is_multiple_of(2);
        // Batch, features, and groups of either.
        let (batch, features) = match s.c % 3 {
            1 if even => (1, 2),
            2 if even => (2, 1),
            _ => (1, 1),
        };
        let grouped = s.c & 4 != 0;
        let feature_groups = if features == 2 && grouped { 2 } else { 1 };
        let batch_groups = if batch == 2 && grouped { 2 } else { 1 };
        let (outs, ins, taps) = (2, features / feature_groups, 1 + s.c as usize / 8 % 3);
        let kernel_shape = [outs, ins, taps];
        let (k, other) = self.like(s.b, &x, &kernel_shape);
        // Taps that differ.
        let taps_differ = lax::iota(x.dtype(), &kernel_shape, 2);
        let kernel = lax::add(&k, &lax::mul(&taps_differ, &literal(x.dtype(), 0.25)));
        let lhs = lax::reshape(&flat, &[batch, features, size / (batch * features)]);
        let cut = (size as i64).min(1);
        let edges = [(s.b as i64 % 4 - cut, s.b as i64 / 4 % 3)];
        let mut options = ConvOptions::new()
            .strides([1 + s.b as usize / 16 % 2])
            .rhs_dilation([1 + s.b as usize / 32 % 2])
            .feature_group_count(feature_groups)
            .batch_group_count(batch_groups)
            .borders(match s.c / 32 % 4 {
                0 => Borders::Valid,
                1 => Borders::Same,
                2 => Borders::SameLower,
                _ => Borders::Explicit(edges.into_iter().collect()),
            });
        // Dilated itself only under borders in numbers.
        if s.c / 32 % 4 == 3 {
            options = options.lhs_dilation([1 + s.b as usize / 64 % 2]);
        }
        let (lhs, kernel) = match s.c & 128 {
            0 => (lhs, kernel),
            _ => {
                let axes = ConvAxes::of("NWC", "WIO", "NWC").expect("axes");
                options = options.axes(axes);
                (lax::transpose(&lhs, &[0, 2, 1]), lax::transpose(&kernel, &[2, 1, 0]))
            }
        };
        let y = lax::conv_general_dilated(&lhs, &kernel, &options);
        self.keep(y, bound * (other + 0.5) * (ins * taps) as f64);
    }
}
