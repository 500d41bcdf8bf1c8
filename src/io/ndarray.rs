//! Conversions from and to the arrays of the `ndarray` crate (feature `ndarray`).

use crate::core::array::Array;
use crate::core::construct::Element;
use crate::core::source::raise;
use cotangent_jit::Error;
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};

/// Of any layout; the elements are copied in row-major order.
impl<T: Element, S: Data<Elem = T>, D: Dimension> From<&ArrayBase<S, D>> for Array {
    #[track_caller]
    fn from(array: &ArrayBase<S, D>) -> Array {
        let shape = array.shape().iter().copied();
        match array.as_slice() {
            Some(elements) => Array::new(elements, shape),
            None => Array::new(&array.iter().copied().collect::<Vec<T>>(), shape),
        }
    }
}

/// Of any layout; the elements are copied in row-major order.
impl<T: Element, S: Data<Elem = T>, D: Dimension> From<ArrayBase<S, D>> for Array {
    #[track_caller]
    fn from(array: ArrayBase<S, D>) -> Array {
        Array::from(&array)
    }
}

/// # Give to the crate ndarray
impl Array {
    /// The elements as an array of the `ndarray` crate, in row-major order. Panics on another dtype
    /// or on a value being traced.
    ///
    /// ```
    /// use cotangent::array;
    /// let x = array![[1.0, 2.0], [3.0, 4.0]].to_ndarray::<f32>();
    /// assert_eq!(x[[1, 0]], 3.0);
    /// ```
    #[track_caller]
    pub fn to_ndarray<T: Element>(&self) -> ArrayD<T> {
        raise(self.try_to_ndarray())
    }

    /// Returns the error of [`Array::to_ndarray`] instead of panicking.
    pub fn try_to_ndarray<T: Element>(&self) -> Result<ArrayD<T>, Error> {
        let elements = self.try_to_vec()?;
        Ok(ArrayD::from_shape_vec(IxDyn(self.shape()), elements)
            .expect("as many as the shape says"))
    }
}
