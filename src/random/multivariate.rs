//! Normal vectors with a covariance. They need the feature `linalg`.
//!
//! Not here: independent normal numbers (`distributions`).

use super::distributions::try_normal;
use super::key::Key;
use crate::core::array::Array;
use crate::linalg::try_cholesky;
use crate::numpy::axes::{Ints, sizes_of};
use crate::numpy::fallible::functions;
use crate::prims::array::literal::promoted;
use cotangent_jit::err;

functions! {
    /// Vectors of the normal distribution with this `mean` `[n]` and `covariance` `[n, n]`:
    /// `mean + l z` with `l` the Cholesky factor of the covariance and `z` standard
    /// [`normal`](super::normal) numbers. The result is `[shape.., n]`.
    ///
    /// A covariance that is not positive definite gives NaN. The result is differentiable with
    /// respect to mean and covariance.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let covariance = array![[2.0, 0.5], [0.5, 1.0]];
    /// let x = random::multivariate_normal(&random::key(42), &array![1.0, -1.0], &covariance, [2]);
    /// assert_eq!(x.shape(), [2, 2]);
    /// ```
    fn multivariate_normal, try_multivariate_normal(
        key: &Key, mean: &Array, covariance: &Array, shape: impl Ints,
    ) -> Array {
        let both = promoted("multivariate_normal", &[mean, covariance], true)?;
        let (mean, covariance) = (&both[0], &both[1]);
        let n = match (mean.shape(), covariance.shape()) {
            (&[n], &[rows, columns]) if n == rows && n == columns => n,
            _ => {
                return Err(err!(
                    Shape,
                    "multivariate_normal: expected a mean [n] and a covariance [n,n], got {} and \
                     {}; map over more with vmap",
                    mean.aval(),
                    covariance.aval()
                ));
            }
        };
        let mut shape = sizes_of("multivariate_normal", shape)?;
        shape.push(n);
        let z = try_normal(key, &shape[..], mean.dtype())?;
        Ok(z.try_matmul(&try_cholesky(covariance)?.try_t()?)? + mean)
    }
}
