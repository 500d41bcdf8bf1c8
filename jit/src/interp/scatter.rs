//! Scatters whose updates combine by chunks, in copies of the elements, as
//! [`kernel`](crate::kernel) defines it. Scatters in order are kernels like all others.

use super::kernel::{Machine, combined, first, next};
use super::scalar::convert;
use crate::kernel::{Combine, Cut, Store};
use crate::{Error, Scalar};

impl Machine<'_> {
    pub(super) fn scatter(&mut self, store: &Store, combine: Combine) -> Result<(), Error> {
        let loops = &self.kernel.loops;
        let mut extents: Vec<usize> = loops.iter().map(|l| l.extent).collect();
        let outermost = extents[0];
        let length = self.kernel.order.cut.map_or(outermost.max(1), |Cut { length, .. }| length);
        let (buffer, dtype) = (store.buffer, self.dtype(store.buffer));
        let accumulator = combine.accumulator(dtype);
        let len = self.kernel.buffers[buffer.0 as usize].len;
        let mut elements = (0..len as i64)
            .map(|at| convert(self.read(buffer, at)?, accumulator))
            .collect::<Result<Vec<Scalar>, Error>>()?;
        for start in (0..outermost).step_by(length) {
            extents[0] = length.min(outermost - start);
            let chunk = self.copy_of_chunk(store, combine, start as i64, &extents)?;
            for (element, value) in elements.iter_mut().zip(chunk) {
                *element = combined(combine, *element, value)?;
            }
        }
        for (at, element) in elements.into_iter().enumerate() {
            self.write(buffer, at as i64, convert(element, dtype)?)?;
        }
        Ok(())
    }

    /// The updates of the chunk that starts here, combined in a copy of the elements.
    fn copy_of_chunk(
        &mut self,
        store: &Store,
        combine: Combine,
        start: i64,
        extents: &[usize],
    ) -> Result<Vec<Scalar>, Error> {
        let (lanes, len) =
            (self.kernel.order.lanes, self.kernel.buffers[store.buffer.0 as usize].len);
        let accumulator = combine.accumulator(self.dtype(store.buffer));
        let mut partials = vec![vec![combine.neutral(accumulator); len]; lanes];
        let mut place = vec![0; extents.len()];
        let mut inside = first(&mut place, extents);
        while inside {
            self.counters.copy_from_slice(&place);
            self.counters[0] += start;
            self.nodes()?;
            if let Some(at) = self.place(store) {
                let lane = self.counters.last().map_or(0, |n| *n as usize % lanes);
                let value = convert(self.value(store.value), accumulator)?;
                let cell = &mut partials[lane][at as usize];
                *cell = combined(combine, *cell, value)?;
            }
            inside = next(&mut place, extents);
        }
        while partials.len() > 1 {
            let upper = partials.split_off(partials.len() / 2);
            for (low, high) in partials.iter_mut().zip(upper) {
                for (x, y) in low.iter_mut().zip(high) {
                    *x = combined(combine, *x, y)?;
                }
            }
        }
        Ok(partials.swap_remove(0))
    }
}
