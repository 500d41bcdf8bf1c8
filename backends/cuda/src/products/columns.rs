//! Products as a library takes them, if it can. Our rows are its columns: `out = lhs rhs` by rows
//! lies in memory as `outᵀ = rhsᵀ lhsᵀ` by columns, so `rhs` stands on the left.

use super::product::{Product, Side};
use crate::plan::{Gemm, Matrix};

/// The greatest extent that every library takes.
const MOST: usize = i32::MAX as usize;

/// The product, if each operand is a matrix by columns, transposed or not.
pub fn gemm(p: &Product) -> Option<Gemm> {
    if p.m.max(p.n).max(p.k).max(p.batch) > MOST {
        return None;
    }
    let [lhs, rhs] = p.sides;
    // `rhsᵀ` has a row for each of its summed vectors, `lhsᵀ` a column.
    let (rows_first, depth_first) = (by_rows(&rhs, p.k), by_depth(&rhs, p.k));
    let left = rows_first.map(|m| (m, false)).or(depth_first.map(|m| (m, true)))?;
    let (rows_first, depth_first) = (by_rows(&lhs, p.k), by_depth(&lhs, p.k));
    let right = depth_first.map(|m| (m, false)).or(rows_first.map(|m| (m, true)))?;
    let apart = (p.m * p.n) as i64;
    let (rows, columns, alignment) = (p.n, p.m, p.alignment);
    let out = Matrix { rows, columns, leading: rows as i64, apart, alignment };
    Some(Gemm { dtype: p.dtype, precision: p.precision, batch: p.batch, left, right, out })
}

/// A column for each summed number, if rows are neighbours.
fn by_rows(side: &Side, k: usize) -> Option<Matrix> {
    (side.rows == 1 || side.row == 1).then(|| matrix(side, [side.rows, k], side.depth)).flatten()
}

/// A column for each row, if summed numbers are neighbours.
fn by_depth(side: &Side, k: usize) -> Option<Matrix> {
    (k == 1 || side.depth == 1).then(|| matrix(side, [k, side.rows], side.row)).flatten()
}

fn matrix(side: &Side, [rows, columns]: [usize; 2], leading: i64) -> Option<Matrix> {
    // The distance from one column to the next does not matter where there is no next one.
    let leading = if columns == 1 { rows as i64 } else { leading };
    let fits = leading >= rows as i64 && side.batch >= 0;
    let (apart, alignment) = (side.batch, side.alignment);
    fits.then_some(Matrix { rows, columns, leading, apart, alignment })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cotangent_jit::DType;
    use cotangent_jit::program::{Precision, Routine};

    fn of(extents: [usize; 4], lhs: [i64; 3], rhs: [i64; 3]) -> Option<Gemm> {
        let [batch, m, n, k] = extents;
        let (dtype, precision) = (DType::F32, Precision::Full);
        let routine = Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision };
        gemm(&Product::of(&routine, &[64, 4, 64])?)
    }

    #[test]
    fn operands_change_places() {
        let g = of([2, 3, 4, 5], [15, 5, 1], [20, 4, 1]).unwrap();
        assert_eq!((g.left.1, g.right.1, g.batch), (false, false, 2));
        let sizes = |m: Matrix| (m.rows, m.columns, m.leading, m.apart, m.alignment);
        assert_eq!(sizes(g.left.0), (4, 5, 4, 20, 4));
        assert_eq!(sizes(g.right.0), (5, 3, 5, 15, 64));
        assert_eq!(sizes(g.out), (4, 3, 4, 12, 64));
    }

    #[test]
    fn transposed_operands_lie_as_they_are() {
        let g = of([1, 3, 4, 5], [0, 1, 3], [0, 1, 5]).unwrap();
        let sizes = |(m, turned): (Matrix, bool)| (m.rows, m.columns, m.leading, turned);
        assert_eq!(sizes(g.left), (5, 4, 5, true));
        assert_eq!(sizes(g.right), (3, 5, 3, true));
    }

    #[test]
    fn lines_may_lie_apart_but_not_elements() {
        // Heads beside each other: the batch lies between rows and summed numbers.
        let heads = of([8, 3, 4, 5], [5, 40, 1], [5, 1, 40]).unwrap();
        assert_eq!((heads.left.0.leading, heads.right.0.leading, heads.left.0.apart), (40, 40, 5));
        assert!(of([1, 3, 4, 5], [0, 10, 2], [0, 4, 1]).is_none());
        assert!(of([1, 3, 4, 5], [0, 0, 1], [0, 4, 1]).is_none());
        assert!(of([1, 3, 4, 5], [0, 0, 0], [0, 4, 1]).is_none());
        // One batch for all.
        assert_eq!(of([7, 3, 4, 5], [15, 5, 1], [0, 4, 1]).unwrap().left.0.apart, 0);
    }
}
