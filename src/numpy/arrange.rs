//! Arrays put beside each other and turned: hstack, vstack, rot90, meshgrid, kron and so on.

use super::fallible::{functions, methods};
use super::join::try_concatenate;
use super::list::ArrayList;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::array::broadcast_shapes::broadcast_arrays;
use crate::prims::array::literal::Operand;
use crate::prims::array::literal::promoted;
use crate::prims::lax;
use cotangent_jit::{DType, Error, err};

/// With axes of size 1 where these say, until there are enough.
fn at_least(x: &Array, rank: usize, places: [usize; 3]) -> Result<Array, Error> {
    let mut shape = x.to_shape();
    while shape.len() < rank {
        shape.insert(places[shape.len()].min(shape.len()), 1);
    }
    lax::try_reshape(x, &shape)
}

methods! {
    //! # Least ranks, mirrors, turns

    /// With at least one axis.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(Array::scalar(1).atleast_1d().shape(), [1]);
    /// ```
    fn atleast_1d, try_atleast_1d(self) -> Array { at_least(self, 1, [0; 3]) }

    /// With at least two axes: a vector becomes a row.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].atleast_2d().shape(), [1, 2]);
    /// ```
    fn atleast_2d, try_atleast_2d(self) -> Array { at_least(self, 2, [0; 3]) }

    /// With at least three axes: a vector of n becomes `[1, n, 1]`, a matrix gets a last axis.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].atleast_3d().shape(), [1, 2, 1]);
    /// ```
    fn atleast_3d, try_atleast_3d(self) -> Array { at_least(self, 3, [0, 0, 2]) }

    /// Columns from right to left: reversed along axis 1.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].fliplr().to_vec::<i32>(), [2, 1, 4, 3]);
    /// ```
    fn fliplr, try_fliplr(self) -> Array { self.try_flip(1) }

    /// Rows from the last to the first: reversed along axis 0.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].flipud().to_vec::<i32>(), [3, 4, 1, 2]);
    /// ```
    fn flipud, try_flipud(self) -> Array { self.try_flip(0) }

    /// So many quarter turns in the plane of the first two axes, from the first toward the second.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].rot90(1).to_vec::<i32>(), [2, 4, 1, 3]);
    /// ```
    fn rot90, try_rot90(self, turns: isize) -> Array {
        match turns.rem_euclid(4) {
            0 => Ok(self.clone()),
            1 => self.try_flip(1)?.try_swapaxes(0, 1),
            2 => self.try_flip([0, 1]),
            _ => self.try_swapaxes(0, 1)?.try_flip(1),
        }
    }

    /// Powers of the elements of a vector as columns: `v[i, j] = x[i]ᵐ` with `m` from `n - 1` down
    /// to 0, or up if `increasing`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].vander(3, false).to_vec::<i32>(), [1, 1, 1, 4, 2, 1]);
    /// ```
    fn vander, try_vander(self, n: usize, increasing: bool) -> Array {
        if self.ndim() != 1 {
            return Err(err!(Shape, "vander: expected a vector, got {}", self.aval()));
        }
        // Before a column is made of each: so many may not even count.
        self.aval().with_shape(vec![self.size(), n]).expect_countable("vander")?;
        let powers = (0..n).map(|m| if increasing { m } else { n - 1 - m });
        let columns = powers.map(|m| self.try_powi(m as i32)?.try_expand_dims(1));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if n == 0 {
            return lax::try_full(&[self.size(), 0], cotangent_jit::Scalar::zero(self.dtype()));
        }
        try_concatenate(&columns, 1)
    }
}

methods! {
    //! # Kronecker, cross and inner products

    /// The Kronecker product: every element of this in the place of a block, times the whole of
    /// `other`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 10].kron(&array![1, 2]).to_vec::<i32>(), [1, 2, 10, 20]);
    /// ```
    fn kron, try_kron(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        let both = promoted("kron", &[self, other], false)?;
        let rank = both[0].ndim().max(both[1].ndim());
        let wide = |x: &Array, first: bool| {
            let ones = std::iter::repeat_n(1, rank - x.ndim());
            let sizes: Shape = ones.chain(x.shape().iter().copied()).collect();
            let pairs = sizes.iter().flat_map(|n| if first { [*n, 1] } else { [1, *n] });
            let shape: Shape = pairs.collect();
            Ok::<_, Error>((lax::try_reshape(x, &shape)?, sizes))
        };
        let ((x, xs), (y, ys)) = (wide(&both[0], true)?, wide(&both[1], false)?);
        let mut pairs = [x, y];
        broadcast_arrays("kron", &mut pairs)?;
        let products = lax::try_mul(&pairs[0], &pairs[1])?;
        lax::try_reshape(&products, &xs.iter().zip(&ys).map(|(m, n)| m * n).collect::<Shape>())
    }

    /// The vector product along the last axis, which has three elements; the others broadcast.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 0, 0].cross(&array![0, 1, 0]).to_vec::<i32>(), [0, 0, 1]);
    /// ```
    fn cross, try_cross(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        let both = promoted("cross", &[self, other], false)?;
        if let Some(odd) = both.iter().find(|x| x.shape().last() != Some(&3)) {
            let got = odd.aval();
            return Err(err!(Shape, "cross: expected three elements along the last axis, got \
                                    {got}"));
        }
        let part = |n: usize, i: usize| {
            let last = both[n].ndim() - 1;
            lax::try_slice_in_dim(&both[n], i, i + 1, last)
        };
        let component = |i: usize, j: usize| -> Result<Array, Error> {
            Ok(part(0, i)? * part(1, j)? - part(0, j)? * part(1, i)?)
        };
        try_concatenate(&[component(1, 2)?, component(2, 0)?, component(0, 1)?], -1)
    }

    /// Sums over the last axes of both: `out[i.., j..] = ∑ₖ self[i.., k] other[j.., k]`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[1, 2], [3, 4]].inner(&array![1, 1]).to_vec::<i32>(), [3, 7]);
    /// ```
    fn inner, try_inner(self, other: impl Operand) -> Array {
        let other = &other.to_array();
        if self.ndim() == 0 || other.ndim() == 0 {
            return Ok(self * other);
        }
        self.try_tensordot(other, -1, -1)
    }
}

fn each(
    op: &str,
    arrays: impl ArrayList,
    f: impl Fn(&Array) -> Result<Array, Error>,
) -> Result<Vec<Array>, Error> {
    let arrays = arrays.to_arrays();
    if arrays.is_empty() {
        return Err(err!(Shape, "{op}: expected at least one array, got none"));
    }
    arrays.iter().map(f).collect()
}

functions! {
    /// The arrays beside each other: along axis 1, vectors along their only one.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(hstack([array![1], array![2, 3]]).to_vec::<i32>(), [1, 2, 3]);
    /// ```
    fn hstack, try_hstack(arrays: impl ArrayList) -> Array {
        let arrays = each("hstack", arrays, Array::try_atleast_1d)?;
        let axis = if arrays[0].ndim() == 1 { 0 } else { 1 };
        try_concatenate(arrays, axis)
    }

    /// The arrays below each other, along axis 0; vectors are rows.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(vstack([array![1, 2], array![3, 4]]).shape(), [2, 2]);
    /// ```
    #[doc(alias = "row_stack")]
    fn vstack, try_vstack(arrays: impl ArrayList) -> Array {
        try_concatenate(each("vstack", arrays, Array::try_atleast_2d)?, 0)
    }

    /// The arrays behind each other, along axis 2.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(dstack([array![1, 2], array![3, 4]]).shape(), [1, 2, 2]);
    /// ```
    fn dstack, try_dstack(arrays: impl ArrayList) -> Array {
        try_concatenate(each("dstack", arrays, Array::try_atleast_3d)?, 2)
    }

    /// Vectors as columns, matrices beside each other.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(column_stack([array![1, 2], array![3, 4]]).to_vec::<i32>(), [1, 3, 2, 4]);
    /// ```
    fn column_stack, try_column_stack(arrays: impl ArrayList) -> Array {
        let column = |x: &Array| match x.ndim() {
            0 | 1 => lax::try_reshape(x, &[x.size(), 1]),
            _ => Ok(x.clone()),
        };
        try_concatenate(each("column_stack", arrays, column)?, 1)
    }

    /// The coordinates of a grid whose axes are these vectors, the first along axis 1 and the
    /// second along axis 0, as NumPy's `xy`: `n` arrays of `n` vectors, in a fixed array if the
    /// vectors are given in one or in a tuple, else in a `Vec`.
    ///
    /// Any dtypes; scalars are vectors of one element. Linear: a cotangent is summed over the axes
    /// along which its vector was repeated. Errors if something has more than one axis.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (xs, ys) = (array![1, 2, 3], array![4, 5]);
    /// let [x, y] = meshgrid([&xs, &ys]);
    /// assert_eq!(x, array![[1, 2, 3], [1, 2, 3]]);
    /// assert_eq!(y, array![[4, 4, 4], [5, 5, 5]]);
    /// ```
    fn meshgrid, try_meshgrid[L: ArrayList](vectors: L) -> L::Same {
        let grid = coordinates("meshgrid", vectors.to_arrays())?;
        if grid.len() < 2 {
            return Ok(L::same(grid));
        }
        let swapped: Result<Vec<Array>, Error> =
            grid.iter().map(|x| x.try_swapaxes(0, 1)).collect();
        Ok(L::same(swapped?))
    }

    /// The coordinates of a grid whose axes are these vectors, in order: NumPy's `meshgrid` with
    /// `indexing="ij"`. Otherwise as [`meshgrid`].
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let [x, y] = meshgrid_ij([array![1, 2], array![4, 5, 6]]);
    /// assert_eq!(x, array![[1, 1, 1], [2, 2, 2]]);
    /// assert_eq!(y, array![[4, 5, 6], [4, 5, 6]]);
    /// ```
    #[doc(alias("mgrid", "ogrid"))]
    fn meshgrid_ij, try_meshgrid_ij[L: ArrayList](vectors: L) -> L::Same {
        Ok(L::same(coordinates("meshgrid_ij", vectors.to_arrays())?))
    }

    /// Ones on and below the `k`-th diagonal of a matrix of so many rows and columns, zeros above.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(tri(2, 3, 0).to_vec::<f32>(), [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    /// ```
    fn tri, try_tri(rows: usize, columns: usize, k: isize) -> Array {
        lax::try_full(&[rows, columns], cotangent_jit::Scalar::one(DType::F32))?.try_tril(k)
    }
}

/// The coordinates of a grid, the axes in the order of the vectors.
fn coordinates(op: &str, vectors: Vec<Array>) -> Result<Vec<Array>, Error> {
    if let Some(odd) = vectors.iter().find(|v| v.ndim() > 1) {
        return Err(err!(
            Shape,
            "{op}: expected vectors, got {}; flatten it with ravel",
            odd.aval()
        ));
    }
    let sizes: Shape = vectors.iter().map(Array::size).collect();
    let along = |(axis, v): (usize, &Array)| {
        lax::try_broadcast_in_dim(&v.try_atleast_1d()?, &sizes, &[axis])
    };
    vectors.iter().enumerate().map(along).collect()
}
