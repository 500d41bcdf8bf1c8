//! Arrays as sequences of what stands along axis 0: `for row in &x`, `x.iter()`, `x.len()`.

use super::fallible::methods;
use crate::core::array::Array;
use cotangent_jit::{Error, err};
use std::iter::FusedIterator;
use std::ops::Range;

/// The parts of an array along axis 0, in order: rows of a matrix, scalars of a vector.
#[derive(Clone)]
pub struct Parts {
    array: Array,
    left: Range<usize>,
}

impl Parts {
    #[track_caller]
    fn part(&self, i: usize) -> Array {
        self.array.index(i)
    }
}

impl Iterator for Parts {
    type Item = Array;

    fn next(&mut self) -> Option<Array> {
        self.left.next().map(|i| self.part(i))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<Array> {
        self.left.nth(n).map(|i| self.part(i))
    }
}

impl DoubleEndedIterator for Parts {
    fn next_back(&mut self) -> Option<Array> {
        self.left.next_back().map(|i| self.part(i))
    }
}

impl ExactSizeIterator for Parts {}
impl FusedIterator for Parts {}

methods! {
    //! # Go through the parts

    /// The size of axis 0: the number of rows of a matrix, as Python's `len`.
    ///
    /// Any dtype. An error for a scalar, which has no axis; [`Array::size`] counts elements.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(ones([2, 3]).len(), 2);
    /// assert_eq!(ones([2, 3]).size(), 6);
    /// ```
    fn len, try_len(self) -> usize {
        self.shape().first().copied().ok_or_else(|| without_axis("len", self))
    }

    /// The parts along axis 0, in order: `x.index(0)`, `x.index(1)` and so on. `for row in &x` does
    /// the same.
    ///
    /// Any dtype; linear, as indexing is. Under a trace the loop is unrolled: every round records
    /// its own operations, so that many rounds are better a `scan`, and independent ones a `vmap`.
    /// An error for a scalar, which has no axis.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![[1.0, 2.0], [3.0, 4.0]];
    /// let sums: Vec<f32> = x.iter().map(|row| row.sum().item::<f32>()).collect();
    /// assert_eq!(sums, [3.0, 7.0]);
    /// let mut total = Array::from(0.0);
    /// for row in &x {
    ///     total += row.sum();
    /// }
    /// assert_eq!(total.item::<f32>(), 10.0);
    /// ```
    fn iter, try_iter(self) -> Parts {
        let len = self.shape().first().copied().ok_or_else(|| without_axis("iter", self))?;
        Ok(Parts { array: self.clone(), left: 0..len })
    }
}

fn without_axis(op: &str, x: &Array) -> Error {
    err!(
        Axis,
        "{op}: expected an array with an axis, got {x}; item() gives the number, size() counts \
         elements",
        x = x.aval()
    )
}

/// The parts along axis 0. Panics for a scalar.
impl IntoIterator for Array {
    type Item = Array;
    type IntoIter = Parts;

    #[track_caller]
    fn into_iter(self) -> Parts {
        self.iter()
    }
}

/// The parts along axis 0. Panics for a scalar.
impl IntoIterator for &Array {
    type Item = Array;
    type IntoIter = Parts;

    #[track_caller]
    fn into_iter(self) -> Parts {
        self.iter()
    }
}
