//! Random numbers from explicit keys: Threefry-2x32, bit for bit JAX's (its default,
//! "partitionable" mode).
//!
//! A [`Key`] is a value: the same key always gives the same numbers, so that every use needs a key
//! of its own, made with [`split`] or [`fold_in`]. Keys are pytrees of one `u32[2]` array. They
//! pass through `jit`, `vmap` and `scan`.
//!
//! ```
//! use cotangent::{prelude::*, random};
//! let [a, b] = random::split(&random::key(42));
//! let (x, y) = (random::normal(&a, [2], DType::F32), random::normal(&b, [2], DType::F32));
//! assert_ne!(x.to_vec::<f32>(), y.to_vec::<f32>());
//! ```
//!
//! | file | contents |
//! | --- | --- |
//! | `key` | keys, and the stream of words of each |
//! | `bits` | uniform bits |
//! | `distributions`, `inverse`, `multivariate` | numbers of a distribution |
//!
//! This file declares and re-exports only.

mod bits;
mod distributions;
mod inverse;
mod key;
#[cfg(feature = "linalg")]
mod multivariate;

pub use bits::{bits, try_bits};
pub use distributions::{
    bernoulli, categorical, choice, exponential, gumbel, normal, permutation, randint, shuffle,
    try_bernoulli, try_categorical, try_choice, try_exponential, try_gumbel, try_normal,
    try_permutation, try_randint, try_shuffle, try_uniform, uniform,
};

pub use inverse::{
    cauchy, laplace, logistic, rademacher, truncated_normal, try_cauchy, try_laplace, try_logistic,
    try_rademacher, try_truncated_normal,
};

pub use key::{
    Key, fold_in, key, keys, split, split_n, try_fold_in, try_keys, try_split, try_split_n,
};

#[cfg(feature = "linalg")]
pub use multivariate::{multivariate_normal, try_multivariate_normal};
