//! Helpers for the rules of linear algebra. Matrices lie in the last two axes, batch axes in front.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::lowering::DotDims;
use crate::prims::points::binary::try_mul;
use crate::prims::points::compare::{try_eq, try_ge};
use crate::prims::points::complex::try_conj;
use crate::prims::points::select::try_select_n;
use crate::prims::products::dot_general::with_precision;
use crate::prims::rules::numbers::{number, place_dtype};
use crate::prims::shapes::broadcast::try_full;
use crate::prims::shapes::iota::try_iota;
use crate::prims::shapes::transpose::try_transpose;
use cotangent_jit::program::Precision;
use cotangent_jit::{DType, Error, Scalar, err};

/// Errors unless the last two axes have one size.
pub(crate) fn expect_square(name: &str, x: &Aval) -> Result<(), Error> {
    match x.shape[..] {
        [.., m, n] if m == n => Ok(()),
        _ => Err(err!(Shape, "{name}: expected square matrices in the last two axes, got {x}")),
    }
}

/// Errors unless factorisations are computed in this dtype.
pub(crate) fn expect_wide(name: &str, x: &Aval) -> Result<(), Error> {
    if matches!(x.dtype.part(), DType::F32 | DType::F64) {
        return Ok(());
    }
    Err(err!(DType, "{name}: expected f32, f64, c64 or c128, got {x}; convert it"))
}

/// `xᵀ` of each matrix.
pub(crate) fn transposed(x: &Array) -> Result<Array, Error> {
    let mut order: Vec<usize> = (0..x.ndim()).collect();
    let last = order.len() - 1;
    order.swap(last - 1, last);
    try_transpose(x, &order)
}

/// `xᴴ` of each matrix.
pub(crate) fn adjoint(x: &Array) -> Result<Array, Error> {
    let x = transposed(x)?;
    if x.dtype().is_complex() { try_conj(&x) } else { Ok(x) }
}

/// `x y` of each pair of matrices; both have the same batch axes. All digits count, whatever the
/// precision of the scope is: errors grow in systems that are nearly singular.
pub(crate) fn product(x: &Array, y: &Array) -> Result<Array, Error> {
    let rank = x.ndim();
    let batch = || (0..rank - 2).collect();
    let dims = DotDims {
        lhs_contract: [rank - 1].into_iter().collect(),
        rhs_contract: [rank - 2].into_iter().collect(),
        lhs_batch: batch(),
        rhs_batch: batch(),
    };
    with_precision(x, y, &dims, Precision::Full)
}

/// The lower (or upper) triangle of `x`, with zeros elsewhere. `diagonal` tells whether the
/// diagonal belongs to the triangle.
pub(crate) fn triangle(x: &Array, lower: bool, diagonal: bool) -> Result<Array, Error> {
    let (rows, columns) = rows_and_columns(x)?;
    let (far, near) = if lower { (rows, columns) } else { (columns, rows) };
    let zeros = try_full(x.shape(), Scalar::zero(x.dtype()))?;
    if diagonal {
        return try_select_n(&try_ge(&far, &near)?, &[&zeros, x]);
    }
    try_select_n(&try_ge(&near, &far)?, &[x, &zeros])
}

/// The lower triangle with half of the diagonal.
pub(crate) fn lower_half(x: &Array) -> Result<Array, Error> {
    let (rows, columns) = rows_and_columns(x)?;
    let half = try_mul(x, &number(0.5, x.dtype()))?;
    try_select_n(&try_eq(&rows, &columns)?, &[&triangle(x, true, false)?, &half])
}

/// The row and the column of every element.
fn rows_and_columns(x: &Array) -> Result<(Array, Array), Error> {
    let rank = x.ndim();
    let widest = x.shape()[rank - 2].max(x.shape()[rank - 1]);
    let iota = |axis| try_iota(place_dtype(widest), x.shape(), axis);
    Ok((iota(rank - 2)?, iota(rank - 1)?))
}
