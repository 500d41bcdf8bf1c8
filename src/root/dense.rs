//! Small dense systems, by elimination written as a loop over columns.
//!
//! Not here: decompositions of their own interest.

use crate::api::control::scan;
use crate::core::array::Array;
use crate::numpy::create::{arange, eye_dtype};
use crate::numpy::join::concatenate;
use crate::s;

/// The inverse of `a[n, n]`, by Gauss-Jordan elimination with pivots from each column; infinite or
/// NaN if there is none.
pub(crate) fn inverse(a: &Array) -> Array {
    let n = a.shape()[0];
    if n == 0 {
        return a.clone();
    }
    let rows = arange(n as i32);
    let eye = eye_dtype(n, a.dtype());
    // One column after the other becomes a column of the identity.
    let eliminate = |m: Array, (i, unit): (Array, Array)| {
        let at = i.expand_dims(0);
        let below = rows.ge(&i);
        let pivot = below.select(m.take(&at, 1).squeeze(1).abs(), -1.0).argmax();
        // Rows i and pivot change places.
        let order = rows.eq(&i).select(&pivot, rows.eq(&pivot).select(&i, &rows));
        let m = m.take(&order, 0);
        let column = m.take(&at, 1).squeeze(1);
        let row = m.take(&at, 0).squeeze(0) / (&column * &unit).sum();
        let others = unit.eq(1.0).select(0.0, &column);
        let cleared = &m - others.expand_dims(1) * &row;
        (unit.eq(1.0).expand_dims(1).select(&row, &cleared), ())
    };
    let both = concatenate(&[a.clone(), eye.clone()], 1);
    let (reduced, ()) = scan(eliminate, both, (rows.clone(), eye));
    reduced.index(s![.., n as i64..])
}

/// `a b` for `a[n, n]` and `b[n]`; linear in `b`, unlike the elimination.
pub(crate) fn apply(a: &Array, b: &Array) -> Array {
    a.matmul(b)
}
