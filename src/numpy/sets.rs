//! Results whose shape depends on values: where elements are not zero, which values occur. For
//! arrays that are known, as masks are; inside of a trace they are errors.

use super::compare::truth;
use super::fallible::methods;
use super::picks::places_of;
use crate::core::array::Array;
use crate::prims::lax;
use crate::prims::rules::numbers::place_dtype;
use cotangent_jit::{Error, Scalar};

methods! {
    //! # Results whose shape depends on values
    //!
    //! Not of tracers.

    /// The coordinates (i32) of the elements that are not zero, one vector for each axis, in
    /// row-major order.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let at = array![[0, 7], [7, 0]].nonzero();
    /// assert_eq!(at[0].to_vec::<i32>(), [0, 1]);
    /// assert_eq!(at[1].to_vec::<i32>(), [1, 0]);
    /// ```
    fn nonzero, try_nonzero(self) -> Vec<Array> {
        let places = places_of(&truth(self)?)?;
        let axis = |(at, n): (&Array, &usize)| at.try_astype(place_dtype(*n));
        places.iter().zip(self.shape()).map(axis).collect()
    }

    /// The places (i32) in row-major order of the elements that are not zero.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[0, 7], [7, 0]].flatnonzero().to_vec::<i32>(), [1, 2]);
    /// ```
    fn flatnonzero, try_flatnonzero(self) -> Array {
        Ok(self.try_ravel()?.try_nonzero()?.swap_remove(0))
    }

    /// The coordinates of the elements that are not zero, one row (of i32) for each.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![[0, 7], [7, 0]].argwhere().to_vec::<i32>(), [0, 1, 1, 0]);
    /// ```
    fn argwhere, try_argwhere(self) -> Array {
        let at = self.try_nonzero()?;
        if at.is_empty() {
            let count = usize::from(truth(self)?.try_item::<bool>()?);
            return lax::try_full(&[count, 0], 0i32.into());
        }
        super::join::try_stack(&at, -1)
    }

    /// The values that occur, sorted; NaN counts once and comes last.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![3, 1, 3, 2].unique().to_vec::<i32>(), [1, 2, 3]);
    /// ```
    #[doc(alias = "unique_values")]
    fn unique, try_unique(self) -> Array { Ok(occurring(self)?.0) }

    /// The values that occur, sorted, and how often each does (i32).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (values, counts) = array![3, 1, 3].unique_counts();
    /// assert_eq!((values.to_vec::<i32>(), counts.to_vec::<i32>()), (vec![1, 3], vec![1, 2]));
    /// ```
    fn unique_counts, try_unique_counts(self) -> (Array, Array) {
        let (values, first) = occurring(self)?;
        let end = lax::try_full(&[1], Scalar::from_bits(first.dtype(), self.size() as u128))?;
        let ends = lax::try_concatenate(&[first, end], 0)?;
        Ok((values, ends.try_diff(1, 0)?))
    }
}

/// The values, and where in the sorted elements each stands first.
fn occurring(x: &Array) -> Result<(Array, Array), Error> {
    let sorted = lax::try_sort(&x.try_ravel()?, 0)?;
    let n = sorted.size();
    if n == 0 {
        return Ok((sorted, lax::try_full(&[0], 0i32.into())?));
    }
    let (a, b) =
        (lax::try_slice_in_dim(&sorted, 0, n - 1, 0)?, lax::try_slice_in_dim(&sorted, 1, n, 0)?);
    let both_nan = a.try_is_nan()?.try_logical_and(&b.try_is_nan()?)?;
    let other = a.try_ne(&b)?.try_logical_and(&both_nan.try_logical_not()?)?;
    let new = lax::try_concatenate(&[lax::try_full(&[1], true.into())?, other], 0)?;
    let first = new.try_flatnonzero()?;
    Ok((sorted.try_take(&first, 0)?, first))
}
