//! Routines: the closed list of operations that a program calls and does not fuse into kernels.
//!
//! A formula defines each routine. The interpreter evaluates the formula; a backend is free in its
//! method. The views of arguments do not live here (see `program.rs`).

use crate::DType;
use crate::affine::Affine;
use smallvec::SmallVec;

/// An operation that a program calls.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Routine {
    /// `out[b,m,n] = sum over k of lhs[b,m,k] * rhs[b,k,n]`, `out` dense. Args: lhs, rhs, out.
    Dot {
        dtype: DType,
        batch: usize,
        m: usize,
        n: usize,
        k: usize,
        /// Element strides of lhs in b, m, k.
        lhs: [i64; 3],
        /// Element strides of rhs in b, k, n.
        rhs: [i64; 3],
        precision: Precision,
    },
    /// Sorts `outer * inner` rows of `len` elements with stride `inner`, stably and ascending, by
    /// the first `keys` operands lexicographically, moving all operands along. -0 equals 0; NaN
    /// comes last, all NaN are equal; false before true. Args: the operands, then the outputs, in
    /// the same order; an output may share its operand's memory.
    Sort { dtypes: SmallVec<[DType; 2]>, keys: usize, outer: usize, len: usize, inner: usize },
    /// The `k` greatest of `outer * inner` rows of `len` elements with stride `inner`, from the
    /// greatest down, and their positions in the row, of dtype `place`. Of equal elements, the
    /// first comes first. Floats are ordered by their bits: -NaN, -inf, .., -0, 0, .., inf, NaN.
    /// Args: x, values, positions.
    TopK { dtype: DType, place: DType, k: usize, outer: usize, len: usize, inner: usize },
    /// `x = l lᴴ` of `batch` positive definite matrices, `n` by `n`: the lower triangle is read
    /// (and only the real part of the diagonal), `l` has zeros above its diagonal. Where `x` is not
    /// positive definite, the lower triangle is NaN. With `paired`, the elements are complex
    /// numbers, each a pair of `dtype`. Args: x, l.
    Cholesky { dtype: DType, paired: bool, batch: usize, n: usize },
    /// `op(a) x = b` of `batch` systems, or `x op(a) = b`: see [`Triangle`]. `a` is `n` by `n`, `b`
    /// and `x` are `n` by `m`, or `m` by `n` where `a` stands on the right. `paired` as above.
    /// Args: a, b, x.
    TriangularSolve {
        dtype: DType,
        paired: bool,
        batch: usize,
        n: usize,
        m: usize,
        triangle: Triangle,
    },
}

/// The digits of the operands that a product of f32 counts. It is a permission: a device that gains
/// nothing by fewer digits computes with all of them, as the CPU does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Precision {
    /// All digits of the dtype.
    #[default]
    Full,
    /// The 10 bits of mantissa of NVIDIA's TF32: operands of f32 may be rounded to them before they
    /// are multiplied. Products are added in f32. Only products of f32, and of the parts of c64,
    /// have this precision.
    Tf32,
}

impl Precision {
    const ALL: [Precision; 2] = [Precision::Full, Precision::Tf32];

    pub fn name(self) -> &'static str {
        match self {
            Precision::Full => "full",
            Precision::Tf32 => "tf32",
        }
    }

    /// The precision of this name.
    pub fn named(name: &str) -> Option<Precision> {
        Precision::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Tells whether products of this type have the precision.
    pub fn fits(self, dtype: DType) -> bool {
        self == Precision::Full || dtype.part() == DType::F32
    }

    /// The precision for this type: full where the type has no other.
    pub fn of(self, dtype: DType) -> Precision {
        if self.fits(dtype) { self } else { Precision::Full }
    }
}

/// The part of the matrix that a triangular solve reads, and the form in which it is used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Triangle {
    /// `op(a) x = b`, not `x op(a) = b`.
    pub left: bool,
    /// The lower triangle is read, not the upper one.
    pub lower: bool,
    /// The matrix is transposed.
    pub transpose: bool,
    /// The matrix is conjugated.
    pub conjugate: bool,
    /// The diagonal counts as ones, whatever its elements are.
    pub unit: bool,
}

impl Routine {
    pub fn name(&self) -> &'static str {
        match self {
            Routine::Dot { .. } => "dot",
            Routine::Sort { .. } => "sort",
            Routine::TopK { .. } => "top_k",
            Routine::Cholesky { .. } => "cholesky",
            Routine::TriangularSolve { .. } => "triangular_solve",
        }
    }

    /// For each argument its dtype, the number of elements that it must reach, and whether it is
    /// written.
    pub fn args(&self) -> Vec<(DType, usize, bool)> {
        match self {
            Routine::Dot { dtype, batch, m, n, k, lhs, rhs, .. } => {
                let reach = |extents: [usize; 3], strides: &[i64; 3]| {
                    Affine::new(0, *strides).range(&extents).map_or(0, |(_, hi)| hi as usize + 1)
                };
                vec![
                    (*dtype, reach([*batch, *m, *k], lhs), false),
                    (*dtype, reach([*batch, *k, *n], rhs), false),
                    (*dtype, batch * m * n, true),
                ]
            }
            Routine::Sort { dtypes, outer, len, inner, .. } => {
                let n = outer * len * inner;
                let side = |written| dtypes.iter().map(move |d| (*d, n, written));
                side(false).chain(side(true)).collect()
            }
            Routine::TopK { dtype, place, k, outer, len, inner } => {
                let rows = outer * inner;
                vec![
                    (*dtype, rows * len, false),
                    (*dtype, rows * k, true),
                    (*place, rows * k, true),
                ]
            }
            Routine::Cholesky { dtype, paired, batch, n } => {
                let len = batch * n * n * halves(*paired);
                vec![(*dtype, len, false), (*dtype, len, true)]
            }
            Routine::TriangularSolve { dtype, paired, batch, n, m, .. } => {
                let side = batch * n * m * halves(*paired);
                let a = batch * n * n * halves(*paired);
                vec![(*dtype, a, false), (*dtype, side, false), (*dtype, side, true)]
            }
        }
    }

    /// The same routine on complex numbers that are stored as pairs of parts, for routines that
    /// support pairs.
    pub fn on_pairs(&self) -> Routine {
        let mut pairs = self.clone();
        if let Routine::Cholesky { dtype, paired, .. }
        | Routine::TriangularSolve { dtype, paired, .. } = &mut pairs
            && dtype.is_complex()
        {
            (*dtype, *paired) = (dtype.part(), true);
        }
        pairs
    }
}

/// Numbers per element.
fn halves(paired: bool) -> usize {
    if paired { 2 } else { 1 }
}
