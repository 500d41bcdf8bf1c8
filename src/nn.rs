//! Functions that neural networks are made of: activations, softmax and its kin, one-hot vectors,
//! pooling.
//!
//! Not here: layers, parameters, optimisers.

use crate::core::array::Array;
use crate::numpy::axes::{Ints, axes_of};
use crate::numpy::fallible::functions;
use crate::numpy::math::float;
use crate::prims::lax::{self, Borders, Window};
use crate::prims::rules::numbers::holds;
use cotangent_jit::{DType, Error, err};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

functions! {
    /// Rectified linear unit: `max(x, 0)`; NaN stays. Derivative: `t` where `x > 0`, else 0, at 0
    /// too.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::relu(&array![-1.0, 2.0]).to_vec::<f32>(), [0.0, 2.0]);
    /// ```
    fn relu, try_relu(x: &Array) -> Array { x.try_le(0)?.try_select(0, x) }

    /// `x` where it is positive, else `slope · x`.
    fn leaky_relu, try_leaky_relu(x: &Array, slope: f64) -> Array {
        x.try_ge(0)?.try_select(x, slope * x)
    }

    /// `x` where it is positive, else `eˣ - 1`.
    fn elu, try_elu(x: &Array) -> Array {
        // Where x is positive the other case is not computed from it, so that its derivative cannot
        // overflow.
        let below = x.try_gt(0)?.try_select(0, x)?;
        x.try_gt(0)?.try_select(x, below.try_expm1()?)
    }

    /// Sigmoid linear unit, also called swish: `x / (1 + e⁻ˣ)`.
    #[doc(alias = "swish")]
    fn silu, try_silu(x: &Array) -> Array { gated(x, 800.0, |x| x.try_sigmoid()) }

    /// `ln (1 + eˣ)`, without overflow.
    ///
    /// All derivatives are right at 0 too, where those of `max` and `abs` would not be.
    fn softplus, try_softplus(x: &Array) -> Array {
        let right = x.try_gt(0)?;
        let below = right.try_select(-x, x)?;
        Ok(right.try_select(x, 0)? + below.try_exp()?.try_log1p()?)
    }

    /// Gaussian error linear unit: `x Φ(x)` with the normal distribution function `Φ`.
    fn gelu, try_gelu(x: &Array) -> Array {
        gated(x, 40.0, |x| Ok(0.5 * (1.0 + (x * FRAC_1_SQRT_2).try_erf()?)))
    }

    /// [`gelu`] approximated by a tanh: `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))` (Hendrycks and
    /// Gimpel, 2016).
    fn gelu_tanh, try_gelu_tanh(x: &Array) -> Array {
        gated(x, 40.0, |x| {
            let inner = FRAC_2_PI.sqrt() * (x + 0.044715 * x.try_powi(3)?);
            Ok(0.5 * (1.0 + inner.try_tanh()?))
        })
    }
}

/// `x g(x)` with a gate that is 0 below `-bound` and 1 above `bound`: there it is not computed, so
/// that infinities have their limits in values and derivatives.
fn gated(
    x: &Array,
    bound: f64,
    gate: impl Fn(&Array) -> Result<Array, Error>,
) -> Result<Array, Error> {
    if x.dtype().is_complex() {
        return Ok(x * gate(x)?);
    }
    let x = float(x)?;
    // Not by `clip`, whose derivative at NaN is 0.
    let right = x.try_gt(bound)?;
    let near = right.try_select(bound, x.try_lt(-bound)?.try_select(-bound, &x)?)?;
    right.try_select(&x, &near * gate(&near)?)
}

functions! {
    /// `e^(x[i]) / ∑ e^(x[j])` over the axes: positive numbers that sum to 1. Values, derivative
    /// and what becomes of infinities: [`lax::softmax`].
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::softmax(&array![0.0, 0.0], -1).to_vec::<f32>(), [0.5, 0.5]);
    /// // A row whose elements are all masked has no weights.
    /// assert_eq!(nn::softmax(&array![f32::NEG_INFINITY; 2], -1).to_vec::<f32>(), [0.0, 0.0]);
    /// ```
    fn softmax, try_softmax(x: &Array, axes: impl Ints) -> Array {
        lax::try_softmax(&float(x)?, &axes_of("softmax", axes, &x.aval())?)
    }

    /// `x[i] - ln ∑ e^(x[j])` over the axes: the logarithm of [`softmax`], without overflow. See
    /// [`lax::log_softmax`].
    fn log_softmax, try_log_softmax(x: &Array, axes: impl Ints) -> Array {
        lax::try_log_softmax(&float(x)?, &axes_of("log_softmax", axes, &x.aval())?)
    }

    /// `ln ∑ e^(x[j])` over the axes, which are taken away, without overflow. See
    /// [`lax::logsumexp`].
    fn logsumexp, try_logsumexp(x: &Array, axes: impl Ints) -> Array {
        lax::try_logsumexp(&float(x)?, &axes_of("logsumexp", axes, &x.aval())?)
    }

    /// Vectors with a 1 where the label says and 0 elsewhere, along a new last axis of size
    /// `classes`; all 0 for a label out of range. Labels are ints of any width.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let rows = nn::one_hot(&array![2, 0], 3, DType::F32);
    /// assert_eq!(rows.to_vec::<f32>(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    /// ```
    fn one_hot, try_one_hot(labels: &Array, classes: usize, dtype: DType) -> Array {
        let rank = labels.ndim();
        let mut shape = labels.to_shape();
        shape.push(classes);
        let meet = class_dtype(labels.dtype(), classes);
        let labels = lax::try_convert_element_type(labels, meet)?;
        let classes = lax::try_iota(meet, &shape, rank)?;
        let labels = lax::try_broadcast_in_dim(&labels, &shape, &Vec::from_iter(0..rank))?;
        lax::try_convert_element_type(&lax::try_eq(&labels, &classes)?, dtype)
    }
}

/// In which labels meet so many classes: the narrowest dtype of their kind that holds every label
/// and every class.
fn class_dtype(labels: DType, classes: usize) -> DType {
    let wider = match labels {
        // Eight bits are the fewest that a float keeps of an int.
        d if d.is_float() && classes <= 1 << 8 => return d,
        d if d.is_float() => return DType::F64,
        d if d.is_unsigned() => [DType::U32, DType::U64],
        _ => [DType::I32, DType::I64],
    };
    let fits = |d: &DType| classes == 0 || holds(*d, classes as i128 - 1);
    [labels].into_iter().chain(wider).find(fits).unwrap_or(wider[1])
}

/// Windows over the axes of space of `[batch, space.., features]`.
fn over_space(op: &str, x: &Array, sizes: &[usize], strides: &[usize]) -> Result<Window, Error> {
    if x.ndim() != sizes.len() + 2 || strides.len() != sizes.len() {
        return Err(err!(
            Shape,
            "{op}: expected [batch, space.., features] with a size and a stride per axis of space, \
             got {} with {sizes:?} and {strides:?}",
            x.aval()
        ));
    }
    let with_ends = |own: &[usize]| -> Vec<usize> {
        [1].into_iter().chain(own.iter().copied()).chain([1]).collect()
    };
    Ok(Window::new(with_ends(sizes)).strides(with_ends(strides)))
}

/// Borders of space, none of the batch and the features.
fn of_space(borders: Borders) -> Borders {
    match borders {
        Borders::Explicit(mut edges) => {
            edges.insert(0, (0, 0));
            edges.push((0, 0));
            Borders::Explicit(edges)
        }
        named => named,
    }
}

functions! {
    /// The greatest elements of windows over the axes of space of `[batch, space.., features]`.
    ///
    /// The derivative is the tangent of the first element that is the greatest of its window.
    ///
    /// ```
    /// use cotangent::{lax::Borders, nn, prelude::*};
    /// let x = array![1.0, 5.0, 2.0, 3.0].reshape([1, 4, 1]);
    /// let y = nn::max_pool(&x, &[2], &[2], Borders::Valid);
    /// assert_eq!(y.to_vec::<f32>(), [5.0, 3.0]);
    /// ```
    #[doc(alias("max_pool1d", "max_pool2d", "max_pool3d"))]
    fn max_pool, try_max_pool(x: &Array, sizes: &[usize], strides: &[usize],
        borders: Borders) -> Array {
        let window = over_space("max_pool", x, sizes, strides)?.borders(of_space(borders));
        lax::try_reduce_window_max(x, &window)
    }

    /// The means of windows over the axes of space of `[batch, space.., features]`; what lies
    /// beyond the borders counts as 0.
    ///
    /// ```
    /// use cotangent::{lax::Borders, nn, prelude::*};
    /// let x = array![1.0, 5.0, 2.0, 3.0].reshape([1, 4, 1]);
    /// let y = nn::avg_pool(&x, &[2], &[2], Borders::Valid);
    /// assert_eq!(y.to_vec::<f32>(), [3.0, 2.5]);
    /// ```
    #[doc(alias("avg_pool1d", "avg_pool2d", "avg_pool3d"))]
    fn avg_pool, try_avg_pool(x: &Array, sizes: &[usize], strides: &[usize],
        borders: Borders) -> Array {
        let window = over_space("avg_pool", x, sizes, strides)?.borders(of_space(borders));
        let count: usize = sizes.iter().product();
        Ok(lax::try_reduce_window_sum(x, &window)? / count as f64)
    }
}
