//! Dropout, by a key.

use crate::core::array::Array;
use crate::numpy::fallible::functions;
use crate::numpy::math::float;
use crate::prims::array::literal::Operand;
use crate::random::{Key, try_bernoulli};
use cotangent_jit::err;

functions! {
    /// Each element left out (0) with probability `rate`, the others divided by `1 - rate`, so that
    /// means stay: inverted dropout, for training. When a network is used it is left away.
    ///
    /// `y[i] = x[i] / (1 - rate)` where `bernoulli(key, 1 - rate, shape)[i]`, else 0: the masks of
    /// the same key in JAX. With `rate` 0 `x` itself, of ints in f32. The key must not be used
    /// again; under `vmap`, lanes with one key have one mask, so give each its own
    /// ([`keys`](crate::random::keys)).
    ///
    /// Derivative: the tangent where `x` is kept, over `1 - rate`; else 0, even of an `x` that is
    /// infinite or NaN. It is an error if `rate` is not in `[0, 1)`.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*, random};
    /// let y = nn::dropout(&random::key(42), ones([4]), 0.5);
    /// assert_eq!(y.to_vec::<f32>(), [2.0, 0.0, 0.0, 0.0]);
    /// ```
    #[doc(alias = "Dropout")]
    fn dropout, try_dropout(key: &Key, x: impl Operand, rate: f64) -> Array {
        if !(0.0..1.0).contains(&rate) {
            return Err(err!(
                Value,
                "dropout: expected a rate of at least 0 and below 1, got {rate:?}"
            ));
        }
        let x = float(&x.to_array())?;
        if rate == 0.0 {
            return Ok(x);
        }
        let kept = try_bernoulli(key, 1.0 - rate, x.shape())?;
        kept.try_select(&x / (1.0 - rate), 0)
    }
}
