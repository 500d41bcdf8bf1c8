//! Systems of equations with triangular matrices.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::numpy::fallible::functions;
use crate::prims::array::broadcast_shapes::{broadcast_shapes, broadcast_to};
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax::{self, Solve};
use cotangent_jit::{Error, err};

/// Which triangle of a matrix counts, and how the matrix stands in the equation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Triangle(Solve);

impl Triangle {
    /// The lower triangle, the diagonal included.
    pub fn lower() -> Triangle {
        Triangle(Solve { lower: true, ..Solve::left() })
    }

    /// The upper triangle, the diagonal included.
    pub fn upper() -> Triangle {
        Triangle(Solve::left())
    }

    /// The diagonal counts as ones, whatever is there.
    pub fn unit_diagonal(self) -> Triangle {
        Triangle(Solve { unit_diagonal: true, ..self.0 })
    }

    /// `aᵀ x = b`.
    pub fn transpose(self) -> Triangle {
        Triangle(self.0.transposed())
    }

    /// `aᴴ x = b`.
    pub fn adjoint(self) -> Triangle {
        Triangle(self.0.adjoint())
    }
}

functions! {
    /// The solution of `a x = b` with each triangular matrix `a[.., n, n]`; see [`Triangle`] for
    /// `aᵀ` and `aᴴ`.
    ///
    /// `b` is a vector `[n]` or has the right-hand sides as columns, `[.., n, m]`; batch axes
    /// broadcast. Operands meet in the dtype that promotion gives, ints become floats, f16 and bf16
    /// are computed in f32. A zero on the diagonal divides as IEEE says. Derivative:
    /// `a⁻¹ (db - da x)`.
    ///
    /// ```
    /// use cotangent::{linalg, prelude::*};
    /// let a = array![[2.0, 0.0], [1.0, 4.0]];
    /// let x = linalg::solve_triangular(&a, &array![2.0, 9.0], linalg::Triangle::lower());
    /// assert_eq!(x.to_vec::<f32>(), [1.0, 2.0]);
    /// ```
    fn solve_triangular, try_solve_triangular(
        a: impl Operand, b: impl Operand, triangle: Triangle,
    ) -> Array {
        let a = &a.to_array();
        let b = &b.to_array();
        let both = promoted("solve_triangular", &[a, b], true)?;
        let (a, b) = (&both[0], &both[1]);
        let column = b.ndim() == 1;
        let b = if column { lax::try_expand_dims(b, &[1])? } else { b.clone() };
        let (a, b) = together(a, &b)?;
        let x = lax::try_triangular_solve(&a, &b, triangle.0)?;
        if column { lax::try_squeeze(&x, &[x.ndim() - 1]) } else { Ok(x) }
    }
}

/// Both with the batch axes in which theirs meet.
fn together(a: &Array, b: &Array) -> Result<(Array, Array), Error> {
    if a.ndim() < 2 || b.ndim() < 2 {
        return Err(err!(
            Shape,
            "solve_triangular: expected matrices a[.., n, n] and a vector or matrices b[.., n, m], \
             got {} and {}",
            a.aval(),
            b.aval()
        ));
    }
    let batch = |x: &Array| Aval::new(x.shape()[..x.ndim() - 2].iter().copied(), x.dtype());
    let shape = broadcast_shapes("solve_triangular", &[batch(a), batch(b)])?;
    let wide = |x: &Array| {
        let mut to = shape.clone();
        to.extend_from_slice(&x.shape()[x.ndim() - 2..]);
        broadcast_to(x, &to)
    };
    Ok((wide(a)?, wide(b)?))
}
