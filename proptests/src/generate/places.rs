//! The steps of random programs that read and write at computed places.

use super::bench::{Bench, int};
use super::ops::moves;
use super::recipe::Step;
use cotangent::core::array::Array;
use cotangent::core::aval::Shape;
use cotangent::prims::lax::{self, GatherDims, Mode, ScatterMode, Scattering};
use cotangent::{DType, Scalar};

/// Windows of an array: where they start, and how large they are.
struct Windows {
    at: Array,
    dims: GatherDims,
    sizes: Shape,
    /// They lie inside of the array, and no two meet.
    apart: bool,
}

impl Bench {
    pub fn take(&mut self, s: &Step) {
        let (x, bound) = self.operand(s.a);
        if x.ndim() == 0 {
            return;
        }
        let axis = s.b as usize % x.ndim();
        let mut wanted = x.to_shape();
        if wanted[axis] == 0 {
            return;
        }
        wanted[axis] = 1 + s.c as usize % 4;
        let at = self.int(s.c, &wanted);
        self.keep(lax::take_along_axis(&x, &at, axis, Mode::Clip), bound);
    }

    /// Windows along one axis or all of them, some of them out of range.
    fn windows(&self, s: &Step, x: &Array) -> Option<Windows> {
        let rank = x.ndim();
        if rank == 0 || x.size() == 0 {
            return None;
        }
        let axis = s.b as usize % rank;
        let apart = s.c & 1 == 1;
        let mut sizes = x.to_shape();
        // Windows of whole rows, of one row, or boxes.
        let boxes = !apart && s.c & 2 == 2;
        sizes[axis] = if apart { 1 } else { 1 + s.c as usize / 4 % x.shape()[axis] };
        if boxes {
            sizes.iter_mut().for_each(|n| *n = n.div_ceil(2));
        }
        let collapsed = sizes[axis] == 1 && s.c & 16 == 0;
        let map: Shape = match boxes {
            true => (0..rank).rev().collect(),
            false => [axis].into_iter().collect(),
        };
        let room = (x.shape()[axis] - sizes[axis]) as i32;
        let count = 1 + s.c as usize / 32 % 3;
        let count = if apart { count.min(room as usize + 1) } else { count };
        let batch: Vec<usize> = if s.b & 8 == 0 { vec![count] } else { vec![count, 1] };
        let at = match apart {
            // Each another row.
            true => lax::reshape(&lax::iota(DType::I32, &[count], 0), &batch),
            false => lax::sub(&self.int(s.c, &batch), &int(1)),
        };
        let mut shape = batch.clone();
        shape.push(map.len());
        let all: Vec<usize> = (0..batch.len()).collect();
        let at = lax::broadcast_in_dim(&at, &shape, &all);
        // Unsigned indices, too; narrow ones.
        let index = [DType::I32, DType::U8, DType::I64, DType::I16][s.b as usize / 16 % 4];
        let kept = rank - usize::from(collapsed);
        let first = if s.b & 128 == 0 { batch.len() } else { 0 };
        Some(Windows {
            at: lax::convert_element_type(&at, index),
            dims: GatherDims {
                offset_dims: (first..first + kept).collect(),
                collapsed_slice_dims: (0..rank).filter(|a| *a == axis && collapsed).collect(),
                start_index_map: map,
                ..GatherDims::default()
            },
            sizes,
            apart,
        })
    }

    pub fn gather(&mut self, s: &Step) {
        let (x, bound) = self.operand(s.a);
        let Some(w) = self.windows(s, &x) else { return };
        let mode = match s.a / 4 % 3 {
            1 if moves(&x) => Mode::Fill(filling(&x)),
            1 => Mode::fill(x.dtype()),
            2 if w.apart => Mode::Promise,
            _ => Mode::Clip,
        };
        self.keep(lax::gather(&x, &w.at, &w.dims, &w.sizes, mode), bound.max(1.0));
    }

    pub fn scatter(&mut self, s: &Step) {
        let (x, bound) = self.operand(s.a);
        let Some(w) = self.windows(s, &x) else { return };
        let written = lax::gather(&x, &w.at, &w.dims, &w.sizes, Mode::Clip);
        let (updates, other) = self.like(s.b, &x, written.shape());
        let mode = match s.a / 4 % 3 {
            0 => ScatterMode::Drop,
            2 if w.apart => ScatterMode::Promise,
            _ => ScatterMode::Clip,
        };
        let how = if w.apart { mode.unique() } else { Scattering::from(mode) };
        let ordered = !x.dtype().is_complex();
        let (number, times) = (!x.dtype().is_bool(), written.size() as f64);
        let (y, bound) = match s.a / 16 % 8 {
            0 | 1 if number => {
                (lax::scatter_add(&x, &w.at, &updates, &w.dims, how), bound + times * other)
            }
            // Products of floats that meet have no derivative in the updates.
            2 | 3 if number && (w.apart || !moves(&x)) => {
                (lax::scatter_mul(&x, &w.at, &updates, &w.dims, how), bound * other.max(1.0))
            }
            4 if ordered => (lax::scatter_min(&x, &w.at, &updates, &w.dims, how), bound.max(other)),
            5 if ordered => (lax::scatter_max(&x, &w.at, &updates, &w.dims, how), bound.max(other)),
            _ => (lax::scatter(&x, &w.at, &updates, &w.dims, how), bound.max(other)),
        };
        self.keep(y, bound);
    }

    /// Rows added where ints point; some of them point outside.
    pub fn scatter_add(&mut self, s: &Step) {
        let (x, bound) = self.number(s.a);
        if x.ndim() == 0 || x.shape()[0] == 0 {
            return;
        }
        let rows = 1 + s.c as usize % 3;
        let mut shape = x.to_shape();
        shape[0] = rows;
        let (updates, other) = self.like(s.b, &x, &shape);
        let at = lax::expand_dims(&self.int(s.c, &[rows]), &[1]);
        let dims = GatherDims {
            offset_dims: (1..x.ndim()).collect(),
            collapsed_slice_dims: [0].into_iter().collect(),
            start_index_map: [0].into_iter().collect(),
            ..GatherDims::default()
        };
        let mode = if s.b & 1 == 0 { ScatterMode::Clip } else { ScatterMode::Drop };
        let y = lax::scatter_add(&x, &at, &updates, &dims, mode);
        self.keep(y, bound + rows as f64 * other);
    }
}

fn filling(x: &Array) -> Scalar {
    Scalar::from_f64(x.dtype(), 0.25).expect("a number")
}
