//! `x == y`: whole arrays compared to one bool.
//!
//! Not here: comparisons element by element (`Array::eq`, `lt` and so on), and those that promote
//! dtypes (`array_equal`) or allow for rounding (`allclose`).

use crate::core::array::Array;
use crate::core::source::raise;
use crate::prims::array::hints::{Equality, Right};
use cotangent_jit::{DType, Error, Scalar, err};

/// The same shape, the same dtype (weak or strong), and elements that are equal as numbers: NaN
/// differs from itself, and `-0.0` equals `0.0`.
///
/// Arrays of different dtypes are not equal, whatever they hold; `x.array_equal(&y)` looks at the
/// numbers alone, `x.allclose(&y)` allows for rounding, and `x.eq(&y)` compares element by element.
/// Panics for values being traced, whose elements are not known.
///
/// ```
/// use cotangent::prelude::*;
/// assert_eq!(array![1.0, 2.0] * 2.0, array![2.0, 4.0]);
/// assert!(array![1.0] != array![1] && array![f32::NAN] != array![f32::NAN]);
///
/// // So `PartialEq` can be derived.
/// #[derive(Clone, Debug, PartialEq, Pytree)]
/// struct Layer {
///     w: Array,
/// }
/// assert_eq!(Layer { w: array![1.0] }, Layer { w: array![1.0] });
/// ```
impl<T> PartialEq<T> for Array
where
    Right<T>: Equality<T>,
{
    #[track_caller]
    fn eq(&self, other: &T) -> bool {
        Right::<T>::equal(self, other)
    }
}

impl Equality<Array> for Right<Array> {
    #[track_caller]
    fn equal(x: &Array, y: &Array) -> bool {
        x.shape() == y.shape() && x.dtype() == y.dtype() && raise(same_elements(x, y))
    }
}

/// Whether arrays of one shape and dtype have equal elements.
fn same_elements(x: &Array, y: &Array) -> Result<bool, Error> {
    if let Some(traced) = [x, y].into_iter().find(|x| x.is_tracer()) {
        return Err(err!(
            Tracer,
            "==: {} is being traced, so that there is no bool yet; x.eq(&y) compares element by \
             element, and cond or select decide by it",
            traced.aval()
        ));
    }
    let (dtype, x, y) = (x.dtype(), x.to_bytes()?, y.to_bytes()?);
    if !dtype.is_inexact() {
        return Ok(x == y);
    }
    let elements = |bytes| <[u8]>::chunks_exact(bytes, dtype.size());
    Ok(elements(&x).zip(elements(&y)).all(|(x, y)| same_number(dtype, x, y)))
}

fn same_number(dtype: DType, x: &[u8], y: &[u8]) -> bool {
    let [x, y] = [x, y].map(|bytes| Scalar::from_bytes(dtype, bytes));
    let parts = |s: Scalar| s.parts().map(|(re, im)| (re.to_f64(), im.to_f64()));
    match (parts(x), parts(y)) {
        (Some(x), Some(y)) => x == y,
        _ => x.to_f64() == y.to_f64(),
    }
}
