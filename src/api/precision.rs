//! `with_matmul_precision` trades digits of products for speed.
//!
//! By default a product of matrices in `f32` counts all 24 bits of its operands, on every device.
//! NVIDIA's GPUs multiply small matrices of TF32, which has the range of `f32` and 10 bits of
//! mantissa, about eight times as fast. A program for which three decimal digits are enough may ask
//! for this: [`Precision::Tf32`].
//!
//! # What the precision means
//!
//! Operands may be rounded to 10 bits before they are multiplied; the products are added in `f32`.
//! It is a permission: the CPU computes in full, and so does a GPU where it gains nothing. So
//! results of two devices differ by more than otherwise: each product may be off by one part in a
//! thousand.
//!
//! The precision is that of the operation, as a parameter of `dot_general` and
//! `conv_general_dilated` in the jaxpr. Derivatives and batches of a product have its precision.
//! The scope is read when an operation is traced or executed; a jitted function keeps one trace for
//! each precision. Only `f32` and `c64` have it: other dtypes are computed in full, and so are the
//! products inside of derivatives of factorisations.

use crate::core::mode::with_precision;
use cotangent_jit::program::Precision;

/// Runs `f`. Meanwhile products and convolutions on this thread have this precision, unless they
/// name one.
///
/// An inner scope decides, so that `Precision::Full` takes back what an outer one set.
/// [`lax::dot_general_with`](crate::lax::dot_general_with()) is for a single product. The page of
/// [the module](self) says what a precision means.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| x.matmul(&x);
/// let x = array![[1.0, 2.0], [3.0, 4.0]];
/// let text = with_matmul_precision(Precision::Tf32, || make_jaxpr(f)(x.clone()).to_string());
/// assert!(text.contains("precision=tf32"));
/// assert!(!make_jaxpr(f)(x).to_string().contains("precision"));
/// ```
#[doc(alias("default_matmul_precision", "allow_tf32", "set_float32_matmul_precision"))]
pub fn with_matmul_precision<R>(precision: Precision, f: impl FnOnce() -> R) -> R {
    with_precision(precision, f)
}
