//! Diagonals and triangles of matrices.

use super::fallible::methods;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::prims::lax::{self, GatherDims, Mode};
use crate::prims::rules::numbers::place_dtype;
use cotangent_jit::{Error, Scalar, err};
use smallvec::smallvec;

methods! {
    //! # Diagonals and triangles

    /// The lower triangles of the matrices in the last two axes: zero above diagonal `k` (0 the
    /// main one, 1 above it).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].tril(0).to_vec::<i32>(), [1, 0, 3, 4]);
    /// ```
    fn tril, try_tril(self, k: isize) -> Array {
        triangle("tril", self, k, true)
    }

    /// The upper triangles of the matrices in the last two axes: zero below diagonal `k`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].triu(0).to_vec::<i32>(), [1, 2, 0, 4]);
    /// ```
    fn triu, try_triu(self, k: isize) -> Array {
        triangle("triu", self, k.saturating_sub(1), false)
    }

    /// Of a matrix its diagonal `k`; of a vector the square matrix that has it there.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].diag(0).to_vec::<i32>(), [1, 4]);
    /// assert_eq!(array![1, 2].diag(0).to_vec::<i32>(), [1, 0, 0, 2]);
    /// ```
    #[doc(alias("diagonal", "diagflat", "diag_embed"))]
    fn diag, try_diag(self, k: isize) -> Array {
        match self.ndim() {
            1 => with_diagonal(self, k),
            2 => diagonal(self, 0, 1, k),
            _ => Err(err!(Shape, "diag: expected a vector or a matrix, got {}", self.aval())),
        }
    }

    /// The sum of the main diagonal of a matrix.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].trace().item::<i32>(), 5);
    /// ```
    fn trace, try_trace(self) -> Array {
        if self.ndim() != 2 {
            return Err(err!(Shape, "trace: expected a matrix, got {}", self.aval()));
        }
        lax::try_reduce_sum(&diagonal(self, 0, 1, 0)?, &[0])
    }
}

/// Where column - row <= k, elements of `x` (or, if not `lower`, zeros); elsewhere the other.
fn triangle(op: &str, x: &Array, k: isize, lower: bool) -> Result<Array, Error> {
    if x.ndim() < 2 {
        return Err(err!(Shape, "{op}: expected at least two axes, got {}", x.aval()));
    }
    let (row, column) = (x.ndim() - 2, x.ndim() - 1);
    let (m, n) = (x.shape()[row], x.shape()[column]);
    // Beyond the corners nothing changes, and sums of row and edge fit.
    let k = (k as i128).clamp(-(m as i128), n as i128);
    let dtype = place_dtype(m.saturating_add(n));
    let rows = lax::try_iota(dtype, x.shape(), row)?;
    let columns = lax::try_iota(dtype, x.shape(), column)?;
    let edge = Array::strong_literal(Scalar::from_bits(dtype, k as u128));
    let below = lax::try_le(&columns, &lax::try_add(&rows, &edge)?)?;
    let zeros = lax::try_full(x.shape(), Scalar::zero(x.dtype()))?;
    let cases = if lower { [&zeros, x] } else { [x, &zeros] };
    lax::try_select_n(&below, &cases)
}

/// The diagonal of axes `a < b` of one size as the last axis.
pub(super) fn try_diagonal_of(x: &Array, a: usize, b: usize) -> Result<Array, Error> {
    let (m, n) = (x.shape()[a], x.shape()[b]);
    if m != n {
        return Err(err!(
            Shape,
            "einsum: expected axes of one size for a repeated index, {} has {m} and {n}",
            x.aval()
        ));
    }
    diagonal(x, a, b, 0)
}

/// Elements `[i, i + k]` of axes `a < b`, as the last axis.
fn diagonal(x: &Array, a: usize, b: usize, k: isize) -> Result<Array, Error> {
    let (first, across) = (k.min(0).unsigned_abs(), k.max(0).unsigned_abs());
    let (rows, columns) = (x.shape()[a], x.shape()[b]);
    let count = rows.saturating_sub(first).min(columns.saturating_sub(across));
    if count == 0 {
        let mut shape = x.to_shape();
        shape.remove(b);
        shape.remove(a);
        shape.push(0);
        return lax::try_full(&shape, Scalar::zero(x.dtype()));
    }
    let along = |start: usize| {
        let dtype = place_dtype(rows.max(columns));
        let i = lax::try_iota(dtype, &[count, 1], 0)?;
        lax::try_add(&i, &Array::strong_literal(Scalar::from_bits(dtype, start as u128)))
    };
    let places = lax::try_concatenate(&[along(first)?, along(across)?], 1)?;
    let mut sizes = x.to_shape();
    (sizes[a], sizes[b]) = (1, 1);
    let dims = GatherDims {
        offset_dims: (0..x.ndim() - 2).collect(),
        collapsed_slice_dims: smallvec![a, b],
        start_index_map: smallvec![a, b],
        ..GatherDims::default()
    };
    lax::try_gather(x, &places, &dims, &sizes, Mode::Clip)
}

/// The square matrix with this vector on diagonal `k`, zero elsewhere.
fn with_diagonal(x: &Array, k: isize) -> Result<Array, Error> {
    let n = x.size().saturating_add(k.unsigned_abs());
    Aval::new([n, n], x.dtype()).expect_countable("diag")?;
    let zero = Scalar::zero(x.dtype());
    let pads = [(k.min(0).unsigned_abs() as i64, k.max(0) as i64, 0)];
    let by_row = lax::try_pad(x, &Array::strong_literal(zero), &pads)?;
    let dtype = place_dtype(n.saturating_mul(2));
    let rows = lax::try_iota(dtype, &[n, n], 0)?;
    let columns = lax::try_iota(dtype, &[n, n], 1)?;
    let k = Array::strong_literal(Scalar::from_bits(dtype, k as u128));
    let shifted = lax::try_add(&rows, &k)?;
    let wide = lax::try_broadcast_in_dim(&by_row, &[n, n], &[0])?;
    let zeros = lax::try_full(&[n, n], zero)?;
    lax::try_select_n(&lax::try_eq(&columns, &shifted)?, &[&zeros, &wide])
}
