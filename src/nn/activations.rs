//! Activations: functions of every element.

use crate::core::array::Array;
use crate::numpy::fallible::functions;
use crate::numpy::math::float;
use crate::prims::array::literal::Operand;
use cotangent_jit::Error;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

functions! {
    /// Rectified linear unit: `max(x, 0)`; NaN stays. Derivative: `t` where `x > 0`, else 0, at 0
    /// too.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::relu(array![-1.0, 2.0]).to_vec::<f32>(), [0.0, 2.0]);
    /// ```
    fn relu, try_relu(x: impl Operand) -> Array {
        let x = x.to_array();
        x.try_le(0)?.try_select(0, &x)
    }

    /// `x` where it is not negative, else `slope · x`. Derivative: `t` or `slope · t`.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::leaky_relu(array![-2.0, 2.0], 0.5).to_vec::<f32>(), [-1.0, 2.0]);
    /// ```
    fn leaky_relu, try_leaky_relu(x: impl Operand, slope: f64) -> Array {
        let x = x.to_array();
        x.try_ge(0)?.try_select(&x, slope * &x)
    }

    /// Exponential linear unit: `x` where it is positive, else `eˣ - 1`. Derivative: `t` or `eˣ t`.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::elu(array![f32::NEG_INFINITY, 2.0]).to_vec::<f32>(), [-1.0, 2.0]);
    /// ```
    fn elu, try_elu(x: impl Operand) -> Array {
        let x = x.to_array();
        // Where x is positive the other case is not computed from it, so that its derivative cannot
        // overflow.
        let below = x.try_gt(0)?.try_select(0, &x)?;
        x.try_gt(0)?.try_select(&x, below.try_expm1()?)
    }

    /// Sigmoid linear unit, also called swish: `x σ(x) = x / (1 + e⁻ˣ)`; ints as f32. Derivative:
    /// `σ (1 + x (1 - σ)) t`, with its limits 0 and `t` at the infinities.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::silu(array![f32::NEG_INFINITY, 0.0]).to_vec::<f32>(), [0.0, 0.0]);
    /// ```
    #[doc(alias = "swish")]
    fn silu, try_silu(x: impl Operand) -> Array { gated(&x.to_array(), 800.0, |x| x.try_sigmoid()) }

    /// `ln (1 + eˣ)`, without overflow.
    ///
    /// Derivative: `σ(x) t` with the sigmoid `σ`. All derivatives are right at 0 too, where those
    /// of `max` and `abs` would not be.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::softplus(array![0.0, 1000.0]).to_vec::<f32>(), [0.693_147_2, 1000.0]);
    /// ```
    fn softplus, try_softplus(x: impl Operand) -> Array {
        let x = x.to_array();
        let right = x.try_gt(0)?;
        let below = right.try_select(-&x, &x)?;
        Ok(right.try_select(&x, 0)? + below.try_exp()?.try_log1p()?)
    }

    /// Gaussian error linear unit: `x Φ(x)` with the normal distribution function `Φ`; ints as f32.
    /// Derivative: `(Φ(x) + x φ(x)) t` with the density `φ`.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// assert_eq!(nn::gelu(array![0.0, 30.0]).to_vec::<f32>(), [0.0, 30.0]);
    /// ```
    fn gelu, try_gelu(x: impl Operand) -> Array {
        gated(&x.to_array(), 40.0, |x| Ok(0.5 * (1.0 + (x * FRAC_1_SQRT_2).try_erf()?)))
    }

    /// [`gelu`] approximated by a tanh: `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))` (Hendrycks and
    /// Gimpel, 2016).
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let x = array![-2.0, 0.5, 3.0];
    /// assert!((nn::gelu_tanh(&x) - nn::gelu(&x)).abs().max().item::<f32>() < 1e-3);
    /// ```
    fn gelu_tanh, try_gelu_tanh(x: impl Operand) -> Array {
        gated(&x.to_array(), 40.0, |x| {
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
