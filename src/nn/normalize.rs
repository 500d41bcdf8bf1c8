//! Normalization: elements less their mean, over their standard deviation.
//!
//! Statistics of f16 and bf16 are computed in f32, and so is everything up to the result. `scale`
//! and `bias` are arrays that broadcast to the operand, or numbers: 1 and 0 for none.

use crate::core::array::Array;
use crate::numpy::axes::{Ints, axes_of};
use crate::numpy::fallible::functions;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::array::number::Number;
use crate::prims::lax;
use cotangent_jit::{DType, Error, err};

functions! {
    /// `(x - mean) / √(var + eps) · scale + bias` with mean and variance over these axes, of each
    /// example by itself.
    ///
    /// `axes` are usually the last one, `-1`. `scale` and `bias` broadcast to `x`; the numbers 1
    /// and 0 stand for none. The result has the shape of `x` and the float dtype in which the
    /// operands meet; statistics of f16 and bf16 are computed in f32. The variance is divided by
    /// `n`.
    ///
    /// Differentiable in all arrays, in both modes. It is an error if an axis is out of range, an
    /// operand is complex, or `scale` or `bias` do not broadcast to `x`.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let x = array![[1.0, 3.0], [10.0, 30.0]];
    /// assert_eq!(nn::layer_norm(&x, -1, 1, 0, 0.0).to_vec::<f32>(), [-1.0, 1.0, -1.0, 1.0]);
    /// let y = nn::layer_norm(&x, -1, array![2.0, 1.0], array![0.0, 5.0], 0.0);
    /// assert_eq!(y.to_vec::<f32>(), [-2.0, 6.0, -2.0, 6.0]);
    /// ```
    #[doc(alias = "LayerNorm")]
    fn layer_norm, try_layer_norm(
        x: impl Operand, axes: impl Ints, scale: impl Operand, bias: impl Operand, eps: f64,
    ) -> Array {
        let w = Wide::new("layer_norm", &x, &scale, &bias)?;
        let axes = axes_of("layer_norm", axes, &w.x.aval())?;
        let (distance, var) = distances(&w.x, &axes)?;
        w.scaled(distance * (var + eps).try_rsqrt()?)
    }

    /// `x / √(mean x² + eps) · scale` with the mean over these axes: [`layer_norm`] without the
    /// shift. Shapes, dtypes, derivatives and errors as there.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let x = array![[3.0, 3.0], [-5.0, 5.0]];
    /// assert_eq!(nn::rms_norm(x, -1, 1, 0.0).to_vec::<f32>(), [1.0, 1.0, -1.0, 1.0]);
    /// ```
    #[doc(alias = "RMSNorm")]
    fn rms_norm, try_rms_norm(
        x: impl Operand, axes: impl Ints, scale: impl Operand, eps: f64,
    ) -> Array {
        let w = Wide::new("rms_norm", &x, &scale, &0)?;
        let axes = axes_of("rms_norm", axes, &w.x.aval())?;
        let mean = w.x.try_square()?.try_mean_keepdims(&axes)?;
        w.scaled(&w.x * (mean + eps).try_rsqrt()?)
    }

    /// [`layer_norm`] over the axes of space and the features of each of `groups` equal groups of
    /// features: `x` is `[batch, space.., features]`, `scale` and `bias` `[features]`.
    ///
    /// It is an error if the features do not divide into the groups. Dtypes and derivatives as
    /// those of [`layer_norm`].
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let x = array![[1.0, 3.0, 10.0, 30.0]];
    /// assert_eq!(nn::group_norm(x, 2, 1, 0, 0.0).to_vec::<f32>(), [-1.0, 1.0, -1.0, 1.0]);
    /// ```
    #[doc(alias = "GroupNorm")]
    #[doc(alias = "InstanceNorm")]
    fn group_norm, try_group_norm(
        x: impl Operand, groups: usize, scale: impl Operand, bias: impl Operand, eps: f64,
    ) -> Array {
        let w = Wide::new("group_norm", &x, &scale, &bias)?;
        let features = features("group_norm", &w.x)?;
        if groups == 0 || !features.is_multiple_of(groups) {
            return Err(err!(
                Shape,
                "group_norm: expected groups that divide the last axis of {}, got {groups}",
                w.x.aval()
            ));
        }
        let last = w.x.ndim() - 1;
        let mut shape = w.x.to_shape();
        shape[last] = groups;
        shape.push(features / groups);
        let grouped = lax::try_reshape(&w.x, &shape)?;
        let axes = Vec::from_iter((1..last).chain([last + 1]));
        let (distance, var) = distances(&grouped, &axes)?;
        let normal = distance * (var + eps).try_rsqrt()?;
        w.scaled(lax::try_reshape(&normal, w.x.shape())?)
    }

    /// Batch normalization in training, `(x - mean) / √(var + eps) · scale + bias`, and the mean
    /// and variance that it used: those of each feature, the last axis, over all others.
    ///
    /// `x` is `[batch, space.., features]`; `mean` and `var`, divided by `n`, are `[features]`, of
    /// f16 and bf16 in f32. Running averages of them are for the caller to keep, and go into
    /// [`batch_norm_inference`]. The derivative goes through the statistics. Other dtypes,
    /// derivatives and errors as those of [`layer_norm`].
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let x = array![[1.0, 10.0], [3.0, 30.0]];
    /// let (y, mean, var) = nn::batch_norm(&x, 1, 0, 0.0);
    /// assert_eq!(y.to_vec::<f32>(), [-1.0, -1.0, 1.0, 1.0]);
    /// assert_eq!(mean.to_vec::<f32>(), [2.0, 20.0]);
    /// assert_eq!(var.to_vec::<f32>(), [1.0, 100.0]);
    /// ```
    #[doc(alias = "BatchNorm")]
    fn batch_norm, try_batch_norm(
        x: impl Operand, scale: impl Operand, bias: impl Operand, eps: f64,
    ) -> (Array, Array, Array) {
        let w = Wide::new("batch_norm", &x, &scale, &bias)?;
        let features = features("batch_norm", &w.x)?;
        let others = Vec::from_iter(0..w.x.ndim() - 1);
        let mean = w.x.try_mean_axis(&others)?;
        let distance = &w.x - &mean;
        let var = distance.try_square()?.try_mean_axis(&others)?;
        let y = w.scaled(distance * (&var + eps).try_rsqrt()?)?;
        Ok((y, lax::try_reshape(&mean, &[features])?, lax::try_reshape(&var, &[features])?))
    }

    /// Batch normalization with statistics that are known,
    /// `(x - mean) / √(var + eps) · scale + bias`: what [`batch_norm`] becomes when the network is
    /// used.
    ///
    /// `x` is `[batch, space.., features]`, `mean` and `var` are usually `[features]`. All operands
    /// broadcast to `x`. The result has the dtype in which `x`, `scale` and `bias` meet.
    ///
    /// ```
    /// use cotangent::{nn, prelude::*};
    /// let x = array![[1.0, 10.0], [3.0, 30.0]];
    /// let y = nn::batch_norm_inference(x, array![1.0, 0.0], array![4.0, 1.0], 1, 0, 0.0);
    /// assert_eq!(y.to_vec::<f32>(), [0.0, 10.0, 1.0, 30.0]);
    /// ```
    fn batch_norm_inference, try_batch_norm_inference(
        x: impl Operand, mean: impl Operand, var: impl Operand, scale: impl Operand,
        bias: impl Operand, eps: f64,
    ) -> Array {
        let w = Wide::new("batch_norm_inference", &x, &scale, &bias)?;
        let seen = promoted("batch_norm_inference", &[&w.x, &mean, &var], true)?;
        fits("batch_norm_inference", &w.x, &[("mean", &seen[1]), ("var", &seen[2])])?;
        w.scaled((&seen[0] - &seen[1]) * (&seen[2] + eps).try_rsqrt()?)
    }
}

/// An operand, its scale and its bias in the dtype in which they are computed.
struct Wide {
    x: Array,
    scale: Option<Array>,
    bias: Option<Array>,
    /// The dtype of the result.
    dtype: DType,
}

impl Wide {
    fn new(
        op: &str,
        x: &dyn Operand,
        scale: &dyn Operand,
        bias: &dyn Operand,
    ) -> Result<Wide, Error> {
        let all = promoted(op, &[x, scale, bias], true)?;
        let dtype = all[0].dtype();
        if dtype.is_complex() {
            return Err(err!(
                DType,
                "{op}: expected real operands, got {}, {} and {}; take real(x) and imag(x)",
                x.to_array().aval(),
                scale.to_array().aval(),
                bias.to_array().aval()
            ));
        }
        fits(op, &all[0], &[("scale", &all[1]), ("bias", &all[2])])?;
        let computed = if dtype.is_narrow() { DType::F32 } else { dtype };
        let wide = |x: &Array| lax::try_convert_element_type(x, computed);
        let unless = |o: &dyn Operand, none: f64, x: &Array| match is(o, none) {
            true => Ok(None),
            false => wide(x).map(Some),
        };
        Ok(Wide {
            x: wide(&all[0])?,
            scale: unless(scale, 1.0, &all[1])?,
            bias: unless(bias, 0.0, &all[2])?,
            dtype,
        })
    }

    /// The result from what is normal.
    fn scaled(&self, normal: Array) -> Result<Array, Error> {
        let scaled = self.scale.as_ref().map_or(normal.clone(), |scale| &normal * scale);
        let moved = self.bias.as_ref().map_or(scaled.clone(), |bias| &scaled + bias);
        lax::try_convert_element_type(&moved, self.dtype)
    }
}

/// Whether the operand is this number.
fn is(o: &dyn Operand, value: f64) -> bool {
    match o.number() {
        Some(Number::Float(f)) => f == value,
        Some(n) => n.int().is_some_and(|i| i as f64 == value),
        None => false,
    }
}

/// Whether what goes with `x` broadcasts to it.
fn fits(op: &str, x: &Array, with: &[(&str, &Array)]) -> Result<(), Error> {
    for (name, other) in with {
        other.try_broadcast_to(x.shape()).map_err(|_| {
            let (x, other) = (x.aval(), other.aval());
            err!(Shape, "{op}: expected a {name} that broadcasts to {x}, got {other}")
        })?;
    }
    Ok(())
}

/// The size of the last axis.
fn features(op: &str, x: &Array) -> Result<usize, Error> {
    match x.shape() {
        [_, .., features] => Ok(*features),
        _ => Err(err!(Shape, "{op}: expected [batch, space.., features], got {}", x.aval())),
    }
}

/// The distances from the mean over these axes, and the mean of their squares, whose axes stay.
fn distances(x: &Array, axes: &[usize]) -> Result<(Array, Array), Error> {
    let distance = x - x.try_mean_keepdims(axes)?;
    let var = distance.try_square()?.try_mean_keepdims(axes)?;
    Ok((distance, var))
}
