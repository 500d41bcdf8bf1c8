//! Arrays that are a type only: for tracing and compiling without any data.

use super::pytree::{Pytree, tree_map};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::source::raise;
use crate::core::trace::type_only;
use cotangent_jit::DType;

/// An array of this shape and dtype without elements: what `eval_shape`, `make_jaxpr`, `lower` and
/// [`load_pytree`](crate::io::load_pytree) need to know of one. Computing with it, or reading it,
/// is an error.
///
/// ```
/// use cotangent::prelude::*;
/// let (w, x) = (shape_dtype([1000, 1000], DType::F32), shape_dtype([8, 1000], DType::F32));
/// let shape = eval_shape(|w: Array, x: Array| x.matmul(&w))(w, x);
/// assert_eq!(shape.to_string(), "f32[8,1000]");
/// ```
#[doc(alias = "ShapeDtypeStruct")]
#[track_caller]
pub fn shape_dtype(shape: impl IntoIterator<Item = usize>, dtype: DType) -> Array {
    type_only(raise(Aval::new(shape, dtype).countable("shape_dtype")))
}

/// The same tree with arrays that are a type only.
///
/// ```
/// use cotangent::prelude::*;
/// let types = shape_dtypes(&(array![1.0, 2.0], array![3]));
/// let compiled = jit(|(x, n): (Array, Array)| x * n).lower((types,))?.compile()?;
/// assert_eq!(compiled.call(((array![1.0, 2.0], array![3]),))?.to_vec::<f32>(), [3.0, 6.0]);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn shape_dtypes<T: Pytree + Clone>(tree: &T) -> T {
    tree_map(|x| type_only(x.aval()), tree.clone())
}
