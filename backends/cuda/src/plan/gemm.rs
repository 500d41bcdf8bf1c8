//! A product of matrices as a library of such products takes it: matrices that lie by columns, each
//! operand as it is or transposed.

use cotangent_jit::DType;
use cotangent_jit::program::Precision;

/// Matrices of one batch, which lie by columns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    /// The distance of two columns, in elements; at least the rows.
    pub leading: i64,
    /// The distance of two matrices, in elements.
    pub apart: i64,
    /// Each address is a multiple of this number of bytes.
    pub alignment: usize,
}

/// `out = op(left) op(right)`, where `op` transposes or does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Gemm {
    pub dtype: DType,
    pub precision: Precision,
    pub batch: usize,
    /// With whether it is transposed.
    pub left: (Matrix, bool),
    pub right: (Matrix, bool),
    pub out: Matrix,
}
