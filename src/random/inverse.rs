//! Further distributions, from uniform floats by the inverse of their distribution function, with
//! JAX's formulas.
//!
//! Not here: distributions that need loops without a bound, such as gamma and Dirichlet.

use super::distributions::{real_floats, try_bernoulli, try_uniform};
use super::key::Key;
use crate::core::array::Array;
use crate::numpy::axes::{Ints, sizes_of};
use crate::numpy::fallible::functions;
use crate::numpy::finfo::{epsilon, finfo};
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax;
use crate::prims::rules::numbers::number;
use cotangent_jit::{DType, Scalar, err};
use std::f64::consts::{PI, SQRT_2};

functions! {
    /// Floats of the standard Laplace distribution, density `exp(-|x|) / 2`: `sign(u) ln (1 - |u|)`
    /// with `u` uniform on (-1, 1).
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let x = random::laplace(&random::key(42), [2], DType::F32);
    /// assert!((x - array![0.022839652, -0.44565356]).abs().max().item::<f32>() < 1e-6);
    /// ```
    fn laplace, try_laplace(key: &Key, shape: impl Ints, dtype: DType) -> Array {
        let u = try_uniform(key, shape, dtype, epsilon(dtype) / 2.0 - 1.0, 1.0)?;
        lax::try_mul(&u.try_sign()?, &(-u.try_abs()?).try_log1p()?)
    }

    /// Floats of the standard logistic distribution: `ln (u / (1 - u))` with `u` uniform on (0, 1).
    fn logistic, try_logistic(key: &Key, shape: impl Ints, dtype: DType) -> Array {
        let u = try_uniform(key, shape, dtype, tiny(dtype), 1.0)?;
        lax::try_sub(&u.try_log()?, &(-&u).try_log1p()?)
    }

    /// Floats of the standard Cauchy distribution: `tan(pi (u - 1/2))` with `u` uniform on (0, 1).
    fn cauchy, try_cauchy(key: &Key, shape: impl Ints, dtype: DType) -> Array {
        let u = try_uniform(key, shape, dtype, epsilon(dtype), 1.0)?;
        (PI * (u - 0.5)).try_tan()
    }

    /// Signs, -1 or 1, each with probability 1/2.
    fn rademacher, try_rademacher(key: &Key, shape: impl Ints, dtype: DType) -> Array {
        let up = try_bernoulli(key, 0.5, shape)?.try_astype(dtype)?;
        lax::try_sub(&lax::try_mul(&number(2.0, dtype), &up)?, &number(1.0, dtype))
    }

    /// Normal floats of mean 0 and variance 1 (before the cut), given that they lie between `low`
    /// and `high`, which broadcast to `shape`: `√2 erf⁻¹(u)` with `u` uniform between
    /// `erf(low / √2)` and `erf(high / √2)`.
    ///
    /// Far in a tail, where erf is 1 to the last digit, the results are neighbours of `low` or
    /// `high`. The result is differentiable with respect to the bounds, except for the last step,
    /// which keeps results strictly between them.
    ///
    /// ```
    /// use cotangent::{prelude::*, random};
    /// let x = random::truncated_normal(&random::key(42), [2], DType::F32, -1.0, 2.0);
    /// assert!((x - array![0.14770006, 0.5684449]).abs().max().item::<f32>() < 1e-6);
    /// ```
    fn truncated_normal, try_truncated_normal(
        key: &Key, shape: impl Ints, dtype: DType, low: impl Operand, high: impl Operand,
    ) -> Array {
        let shape = sizes_of("truncated_normal", shape)?;
        real_floats("truncated_normal", dtype)?;
        let like = lax::try_full(&shape, Scalar::zero(dtype))?;
        let bounds = promoted("truncated_normal", &[&low, &high, &like], false)?;
        if bounds[0].dtype() != dtype {
            let got = bounds[0].aval();
            return Err(err!(
                DType,
                "truncated_normal: expected bounds that fit into {dtype}, got {got}"
            ));
        }
        let at = |bound: &Array| (bound / SQRT_2).try_erf();
        let u = try_uniform(key, &shape[..], dtype, at(&bounds[0])?, at(&bounds[1])?)?;
        let x = SQRT_2 * u.try_erf_inv()?;
        let next = |bound: &Array| {
            let up = lax::try_full(bound.shape(), infinity(dtype))?;
            lax::try_nextafter(bound, &up)
        };
        let (above, below) = (next(&bounds[0])?, -next(&-&bounds[1])?);
        x.try_maximum(&above)?.try_minimum(&below)
    }
}

fn infinity(dtype: DType) -> Scalar {
    Scalar::from_f64(dtype, f64::INFINITY).unwrap_or(Scalar::zero(dtype))
}

/// The least positive number of full precision.
fn tiny(dtype: DType) -> f64 {
    finfo(dtype).map_or(0.0, |f| f.tiny)
}
