//! Products summed over axes: matmul, dot, outer, tensordot. `einsum` has its own file.
//!
//! All end in `lax::dot_general`. Operands meet in the dtype that promotion gives.

use super::axes::{Ints, axes_of};
use super::fallible::methods;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax::{self, DotDims};
use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::{Error, err};
use smallvec::{SmallVec, smallvec};

methods! {
    //! # Matrix products

    /// The matrix product over the last two axes; other axes are batch axes and broadcast.
    ///
    /// `out[.., i, j] = sum_k self[.., i, k] * other[.., k, j]`; a vector stands for one row on the
    /// left, one column on the right, and its axis is gone from the result.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let a = array![[1.0, 2.0], [3.0, 4.0]];
    /// assert_eq!(a.matmul(&array![1.0, 1.0]).to_vec::<f32>(), [3.0, 7.0]);
    /// ```
    #[doc(alias("mm", "bmm", "mv", "matvec", "vecmat"))]
    fn matmul, try_matmul(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        let (x, y) = meet("matmul", self, other)?;
        if x.ndim() == 0 || y.ndim() == 0 {
            return Err(err!(
                Shape,
                "matmul: expected arrays of at least one axis, got {} and {}; multiply scalars \
                 with *",
                x.aval(),
                y.aval()
            ));
        }
        let (left, right) = (x.ndim() - 1, y.ndim().saturating_sub(2));
        let (k, n) = (x.shape()[left], y.shape()[right]);
        if k != n {
            return Err(err!(
                Shape,
                "matmul: contracted sizes differ: {} has {k}, {} has {n}",
                x.aval(),
                y.aval()
            ));
        }
        if y.ndim() <= 2 {
            return lax::try_dot_general(&x, &y, &dims(&[left], &[right], &[], &[]));
        }
        if x.ndim() <= 2 {
            // [.., rows of x] from [rows of x, batch.., columns of y]
            let out = lax::try_dot_general(&x, &y, &dims(&[left], &[right], &[], &[]))?;
            let rows = out.ndim() - 2;
            return if x.ndim() == 1 { Ok(out) } else { moveaxis(&out, 0, rows) };
        }
        batched_matmul(&x, &y)
    }

    /// NumPy's `dot`: sums over the last axis of this and the second last (of a vector the only)
    /// axis of `other`; other axes all remain.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].dot(&array![3, 4]).item::<i32>(), 11);
    /// ```
    fn dot, try_dot(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        let (x, y) = meet("dot", self, other)?;
        if x.ndim() == 0 || y.ndim() == 0 {
            return lax::try_dot_general(&x, &y, &dims(&[], &[], &[], &[]));
        }
        let contract = dims(&[x.ndim() - 1], &[y.ndim().saturating_sub(2)], &[], &[]);
        lax::try_dot_general(&x, &y, &contract)
    }

    /// All products of an element of this with one of `other`: `out[i, j] = self[i] * other[j]`,
    /// both read as vectors.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].outer(&array![3, 4]).to_vec::<i32>(), [3, 4, 6, 8]);
    /// ```
    #[doc(alias = "ger")]
    fn outer, try_outer(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        let (x, y) = meet("outer", self, other)?;
        lax::try_dot_general(&x.try_ravel()?, &y.try_ravel()?, &dims(&[], &[], &[], &[]))
    }

    /// Sums over pairs of axes: `axes[k]` of this with `other_axes[k]` of the other.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (a, b) = (ones([2, 3, 4]), ones([4, 3, 5]));
    /// assert_eq!(a.tensordot(&b, [1, 2], [1, 0]).shape(), [2, 5]);
    /// ```
    fn tensordot, try_tensordot(
        self, other: impl Operand, axes: impl Ints, other_axes: impl Ints,
    ) -> Array {
        let other = &other.to_array();
        let (x, y) = meet("tensordot", self, other)?;
        let left = axes_of("tensordot", axes, &x.aval())?;
        let right = axes_of("tensordot", other_axes, &y.aval())?;
        lax::try_dot_general(&x, &y, &dims(&left, &right, &[], &[]))
    }

    /// The sum of the products of all elements, both read as vectors; complex elements of this are
    /// conjugated: `∑ᵢ conj(self[i]) other[i]`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].vdot(&array![[1, 1], [1, 1]]).item::<i32>(), 10);
    /// ```
    fn vdot, try_vdot(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        self.try_conj()?.try_ravel()?.try_dot(&other.try_ravel()?)
    }
}

/// Operands in the dtype in which they meet.
pub(super) fn meet(op: &str, x: &dyn Operand, y: &dyn Operand) -> Result<(Array, Array), Error> {
    let mut both = promoted(op, &[x, y], false)?;
    let y = both.swap_remove(1);
    Ok((both.swap_remove(0), y))
}

pub(super) fn dims(lc: &[usize], rc: &[usize], lb: &[usize], rb: &[usize]) -> DotDims {
    DotDims {
        lhs_contract: lc.into(),
        rhs_contract: rc.into(),
        lhs_batch: lb.into(),
        rhs_batch: rb.into(),
    }
}

/// Both have batch axes. Where one has size 1, that one is dropped and the other's is a free axis,
/// so nothing is repeated.
fn batched_matmul(x: &Array, y: &Array) -> Result<Array, Error> {
    let rank = x.ndim().max(y.ndim()) - 2;
    let (own, theirs) = (x.ndim() - 2, y.ndim() - 2);
    // Axis `b` of the common batch axes in an operand with `n` of them, and its size.
    let axis = |b: usize, n: usize| (b + n).checked_sub(rank);
    let size = |a: &Array, b: usize, n: usize| axis(b, n).map_or(1, |i| a.shape()[i]);
    let (mut x_drop, mut y_drop): (Shape, Shape) = Default::default();
    // Where each result axis is found: in both, in x alone or in y alone.
    let mut kinds: SmallVec<[(bool, bool); 4]> = SmallVec::new();
    for b in 0..rank {
        let (m, n) = (size(x, b, own), size(y, b, theirs));
        if m != n && m != 1 && n != 1 {
            return Err(err!(
                Shape,
                "matmul: batch sizes differ: {} has {m}, {} has {n}",
                x.aval(),
                y.aval()
            ));
        }
        let in_x = axis(b, own).is_some() && (m != 1 || axis(b, theirs).is_none());
        let in_y = axis(b, theirs).is_some() && (n != 1 || (m == 1 && !in_x));
        if let Some(a) = axis(b, own).filter(|_| !in_x) {
            x_drop.push(a);
        }
        if let Some(a) = axis(b, theirs).filter(|_| !in_y) {
            y_drop.push(a);
        }
        kinds.push((in_x, in_y));
    }
    let (x, y) = (lax::try_squeeze(x, &x_drop)?, lax::try_squeeze(y, &y_drop)?);
    let mut both = dims(&[x.ndim() - 1], &[y.ndim() - 2], &[], &[]);
    // Result of the dot: shared batch axes, x's own and its rows, y's own and its columns.
    let (mut in_x, mut in_y) = (0, 0);
    let mut groups: [Shape; 3] = Default::default();
    for (b, kind) in kinds.iter().enumerate() {
        match kind {
            (true, true) => {
                both.lhs_batch.push(in_x);
                both.rhs_batch.push(in_y);
                groups[0].push(b);
            }
            (true, false) => groups[1].push(b),
            _ => groups[2].push(b),
        }
        in_x += usize::from(kind.0);
        in_y += usize::from(kind.1);
    }
    groups[1].push(rank);
    groups[2].push(rank + 1);
    let places: Shape = groups.concat().into();
    let out = lax::try_dot_general(&x, &y, &both)?;
    let mut order: Shape = smallvec![0; places.len()];
    for (from, to) in places.iter().enumerate() {
        order[*to] = from;
    }
    lax::try_transpose(&out, &order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::aval::Aval;
    use crate::core::trace::trace;
    use cotangent_jit::DType;

    fn shape_of(x: &[usize], y: &[usize]) -> Result<Shape, Error> {
        let avals = [x, y].map(|s| Aval::new(s.iter().copied(), DType::F32));
        let traced = trace(&avals, |a| Ok(vec![a[0].try_matmul(&a[1])?]))?;
        Ok(traced.jaxpr.out_avals()[0].shape.clone())
    }

    #[test]
    fn matmul_has_numpy_shapes() {
        for (x, y, out) in [
            (&[3][..], &[3][..], &[][..]),
            (&[2, 3], &[3], &[2]),
            (&[3], &[3, 4], &[4]),
            (&[2, 3], &[5, 3, 4], &[5, 2, 4]),
            (&[3], &[5, 3, 4], &[5, 4]),
            (&[5, 2, 3], &[3, 4], &[5, 2, 4]),
            (&[5, 2, 3], &[5, 3, 4], &[5, 2, 4]),
            (&[5, 1, 2, 3], &[6, 3, 4], &[5, 6, 2, 4]),
            (&[1, 2, 3], &[6, 5, 3, 4], &[6, 5, 2, 4]),
            (&[1, 2, 3], &[1, 3, 4], &[1, 2, 4]),
            (&[7, 1, 2, 3], &[1, 6, 3, 4], &[7, 6, 2, 4]),
        ] {
            assert_eq!(shape_of(x, y).unwrap()[..], *out, "{x:?} {y:?}");
        }
        let error = shape_of(&[2, 3], &[4, 5]).unwrap_err();
        let text = "matmul: contracted sizes differ: f32[2,3] has 3, f32[4,5] has 4";
        assert_eq!(error.to_string(), text);
        assert!(shape_of(&[2, 2, 3], &[3, 3, 4]).is_err());
    }
}
