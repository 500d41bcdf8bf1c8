//! A product of matrices: `out[b,m,n] = sum over k of lhs[b,m,k] * rhs[b,k,n]`.

use cotangent_jit::DType;
use cotangent_jit::program::{Precision, Routine};

/// One of the two operands, as rows of numbers that are summed: of `lhs` they are its rows, of
/// `rhs` its columns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Side {
    pub rows: usize,
    /// The distance of two rows, of two summed numbers and of two matrices, in elements.
    pub row: i64,
    pub depth: i64,
    pub batch: i64,
    /// Its address is a multiple of this number of bytes.
    pub alignment: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Product {
    pub dtype: DType,
    pub precision: Precision,
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub sides: [Side; 2],
    /// The address of the results is a multiple of this number of bytes.
    pub alignment: usize,
}

impl Product {
    pub fn of(routine: &Routine, alignment: &[usize]) -> Option<Product> {
        let Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision } = routine else {
            return None;
        };
        let (dtype, batch, m, n, k) = (*dtype, *batch, *m, *n, *k);
        let aligned = |n: usize| alignment.get(n).copied().unwrap_or(dtype.size());
        // The distance of one row, or of one matrix, to the next does not matter.
        let side = |at: usize, rows: usize, [row, depth, b]: [i64; 3]| Side {
            rows,
            row: if rows > 1 { row } else { 0 },
            depth,
            batch: if batch > 1 { b } else { 0 },
            alignment: aligned(at),
        };
        let left = side(0, m, [lhs[1], lhs[2], lhs[0]]);
        let right = side(1, n, [rhs[2], rhs[1], rhs[0]]);
        let (sides, alignment, precision) = ([left, right], aligned(2), *precision);
        Some(Product { dtype, precision, batch, m, n, k, sides, alignment })
    }

    /// The type of sums.
    pub fn sum(&self) -> DType {
        match self.dtype {
            DType::F16 | DType::BF16 => DType::F32,
            d => d,
        }
    }

    pub fn results(&self) -> usize {
        self.batch * self.m * self.n
    }
}
