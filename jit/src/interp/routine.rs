//! The routines, by their definitions: dot sums in the order of k, sort and top_k compare the
//! elements of rows stably. Linear algebra lives in `linalg.rs`.

use super::linalg::{self, Layout};
use super::memory::{Place, read, write};
use super::scalar;
use crate::affine::Affine;
use crate::kernel::Combine;
use crate::op::ScalarOp;
use crate::program::Routine;
use crate::{Error, Scalar, err};
use std::cmp::{Ordering, Reverse};

pub(super) fn run(routine: &Routine, memory: &mut [Vec<u8>], args: &[Place]) -> Result<(), Error> {
    match routine {
        Routine::Dot { dtype, batch, m, n, k, lhs, rhs, .. } => {
            let (lhs, rhs) = (Affine::new(0, *lhs), Affine::new(0, *rhs));
            let sum = Combine::Sum.accumulator(*dtype);
            for out in 0..batch * m * n {
                let (b, row, column) = (out / (m * n), out / n % m, out % n);
                let mut total = Combine::Sum.identity(sum);
                for inner in 0..*k {
                    let l = lhs.at(&[b as i64, row as i64, inner as i64]) as usize;
                    let r = rhs.at(&[b as i64, inner as i64, column as i64]) as usize;
                    let l = scalar::convert(read(memory, args[0], *dtype, l), sum)?;
                    let r = scalar::convert(read(memory, args[1], *dtype, r), sum)?;
                    let product = scalar::apply(ScalarOp::Mul, &[l, r])?;
                    total = scalar::apply(ScalarOp::Add, &[total, product])?;
                }
                write(memory, args[2], out, scalar::convert(total, *dtype)?);
            }
            Ok(())
        }
        Routine::Sort { dtypes, keys, outer, len, inner } => {
            if let Some(d) = dtypes.iter().find(|d| !d.runs()) {
                return Err(err!(Unsupported, "sort: the interpreter does not run {d}"));
            }
            for row in 0..outer * inner {
                let element = |n: usize| (row / inner * len + n) * inner + row % inner;
                let mut rows: Vec<Vec<Scalar>> = (0..*len)
                    .map(|n| {
                        let operands = dtypes.iter().zip(args);
                        operands.map(|(d, place)| read(memory, *place, *d, element(n))).collect()
                    })
                    .collect();
                rows.sort_by(|a, b| {
                    let pairs = a.iter().zip(b).take(*keys);
                    pairs.fold(Ordering::Equal, |o, (a, b)| o.then_with(|| order(*a, *b)))
                });
                for (n, values) in rows.iter().enumerate() {
                    for (value, place) in values.iter().zip(&args[dtypes.len()..]) {
                        write(memory, *place, element(n), *value);
                    }
                }
            }
            Ok(())
        }
        Routine::TopK { dtype, place, k, outer, len, inner } => {
            for row in 0..outer * inner {
                let element = |len: usize, n: usize| (row / inner * len + n) * inner + row % inner;
                let mut elements: Vec<(usize, Scalar)> = (0..*len)
                    .map(|n| (n, read(memory, args[0], *dtype, element(*len, n))))
                    .collect();
                elements.sort_by_key(|(_, x)| Reverse(rank(*x)));
                for (n, (position, x)) in elements.iter().take(*k).enumerate() {
                    write(memory, args[1], element(*k, n), *x);
                    let position = Scalar::from_bits(*place, *position as u128);
                    write(memory, args[2], element(*k, n), position);
                }
            }
            Ok(())
        }
        Routine::Cholesky { dtype, paired, batch, n } => {
            let at = Layout { dtype: *dtype, paired: *paired };
            linalg::cholesky(at, *batch, *n, memory, args);
            Ok(())
        }
        Routine::TriangularSolve { dtype, paired, batch, n, m, triangle } => {
            let at = Layout { dtype: *dtype, paired: *paired };
            linalg::triangular_solve(at, (*batch, *n, *m), *triangle, memory, args);
            Ok(())
        }
    }
}

/// The order of sorts: -0 equals 0, NaN comes last, all NaN are equal, false before true.
pub fn order(a: Scalar, b: Scalar) -> Ordering {
    if a.dtype().is_float() {
        let (a, b) = (a.to_f64().unwrap_or(f64::NAN), b.to_f64().unwrap_or(f64::NAN));
        return a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
    }
    if a.dtype().is_signed() { a.to_i64().cmp(&b.to_i64()) } else { a.bits().cmp(&b.bits()) }
}

/// A number that orders reals as `top_k` does: floats by their bits, as sign and magnitude.
fn rank(x: Scalar) -> i128 {
    if x.dtype().is_float() {
        let sign = 1 << (x.dtype().bits() - 1);
        let magnitude = (x.bits() & !sign) as i128;
        return if x.bits() & sign == 0 { magnitude } else { -magnitude - 1 };
    }
    if x.dtype().is_signed() { x.to_i64().map_or(0, i128::from) } else { x.bits() as i128 }
}
