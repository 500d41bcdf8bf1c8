//! Positive definite matrices: their factor, and systems of equations by it.

use super::triangular::{Triangle, try_solve_triangular};
use crate::core::array::Array;
use crate::numpy::fallible::functions;
use crate::prims::array::literal::Operand;
use crate::prims::array::literal::promoted;
use crate::prims::lax;

functions! {
    /// The lower triangular `l` with `a = l lᴴ` of each positive definite matrix `a[.., n, n]`.
    ///
    /// The factor is that of `(a + aᴴ) / 2`; its transpose conjugated is the upper one. Ints and
    /// bools become floats; f16 and bf16 are refused. A matrix that is not positive definite gives
    /// NaN. Derivative: `l Φ(l⁻¹ da l⁻ᴴ)` with `Φ` the lower triangle and half of the diagonal
    /// (Murray 2016).
    ///
    /// ```
    /// use cotangent::{linalg, prelude::*};
    /// let a = array![[4.0, 2.0], [2.0, 10.0]];
    /// assert_eq!(linalg::cholesky(&a).to_vec::<f32>(), [2.0, 0.0, 1.0, 3.0]);
    /// ```
    fn cholesky, try_cholesky(a: impl Operand) -> Array {
        let a = &a.to_array();
        lax::try_cholesky(&promoted("cholesky", &[a], true)?[0], true)
    }

    /// The solution of `a x = b` from the lower factor `l` of `a`, as [`cholesky`] gives it:
    /// `x = l⁻ᴴ l⁻¹ b`.
    ///
    /// Shapes as of [`solve_triangular`](super::solve_triangular). Derivative: that of the formula.
    ///
    /// ```
    /// use cotangent::{linalg, prelude::*};
    /// let l = linalg::cholesky(&array![[4.0, 2.0], [2.0, 10.0]]);
    /// assert_eq!(linalg::cho_solve(&l, &array![6.0, 12.0]).to_vec::<f32>(), [1.0, 1.0]);
    /// ```
    #[doc(alias = "cholesky_solve")]
    fn cho_solve, try_cho_solve(l: impl Operand, b: impl Operand) -> Array {
        let l = &l.to_array();
        let b = &b.to_array();
        let half = try_solve_triangular(l, b, Triangle::lower())?;
        try_solve_triangular(l, &half, Triangle::lower().adjoint())
    }

    /// The solution of `a x = b` with positive definite `a`: [`cho_solve`] with its [`cholesky`]
    /// factor.
    fn solve_positive, try_solve_positive(a: impl Operand, b: impl Operand) -> Array {
        let a = &a.to_array();
        let b = &b.to_array();
        try_cho_solve(&try_cholesky(a)?, b)
    }
}
