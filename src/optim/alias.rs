//! Known optimisers, each a chain of parts.

use super::combine::{Mask, chain};
use super::moments::{
    AdamOptions, RmsOptions, scale_by_adam, scale_by_lion, scale_by_rms, scale_by_rss, trace,
};
use super::scale::{add_decayed_weights, scale_by_learning_rate, scale_by_trust_ratio};
use super::schedule::Schedule;
use super::transform::Transform;

/// Gradient descent: `-rate g`.
pub fn sgd(rate: impl Into<Schedule>) -> Transform {
    scale_by_learning_rate(rate).named("sgd")
}

/// Gradient descent with momentum: `-rate t` of the [`trace`] `t ← g + momentum t`; Nesterov's
/// looks ahead.
///
/// ```
/// use cotangent::{optim::sgd_momentum, prelude::*};
/// let (descent, w) = (sgd_momentum(1.0, 0.5, false), array![0.0]);
/// let (_, state) = descent.update(array![1.0], descent.init(&w), &w);
/// assert_eq!(descent.update(array![1.0], state, &w).0.item::<f32>(), -1.5);
/// ```
pub fn sgd_momentum(rate: impl Into<Schedule>, momentum: f64, nesterov: bool) -> Transform {
    chain([trace(momentum, nesterov), scale_by_learning_rate(rate)]).named("sgd")
}

/// Adam (Kingma and Ba, 2015): `-rate` times the direction of [`scale_by_adam`].
pub fn adam(rate: impl Into<Schedule>) -> Transform {
    adam_with(rate, AdamOptions::default())
}

/// [`adam`] with options.
pub fn adam_with(rate: impl Into<Schedule>, options: AdamOptions) -> Transform {
    chain([scale_by_adam(options), scale_by_learning_rate(rate)]).named("adam")
}

/// Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019):
/// `-rate (d + decay p)`.
pub fn adamw(rate: impl Into<Schedule>, decay: f64) -> Transform {
    adamw_with(rate, decay, AdamOptions::default(), Mask::all())
}

/// [`adamw`] with options, and a mask that chooses which parameters decay.
pub fn adamw_with(
    rate: impl Into<Schedule>,
    decay: f64,
    options: AdamOptions,
    mask: Mask,
) -> Transform {
    let decay = add_decayed_weights(decay, mask);
    chain([scale_by_adam(options), decay, scale_by_learning_rate(rate)]).named("adamw")
}

/// RMSProp (Tieleman and Hinton, 2012): `-rate g / √(s + eps)`.
pub fn rmsprop(rate: impl Into<Schedule>) -> Transform {
    rmsprop_with(rate, RmsOptions::default(), None)
}

/// [`rmsprop`] with options, and with momentum applied to the scaled updates.
pub fn rmsprop_with(
    rate: impl Into<Schedule>,
    options: RmsOptions,
    momentum: Option<f64>,
) -> Transform {
    let descent = [scale_by_rms(options), scale_by_learning_rate(rate)];
    chain(descent.into_iter().chain(momentum.map(|decay| trace(decay, false)))).named("rmsprop")
}

/// Adagrad (Duchi, Hazan and Singer, 2011): `-rate g / √(s + 1e-7)` with `s` the sum of squares,
/// begun at 0.1.
pub fn adagrad(rate: impl Into<Schedule>) -> Transform {
    chain([scale_by_rss(0.1, 1e-7), scale_by_learning_rate(rate)]).named("adagrad")
}

/// Lion (Chen and others, 2023): `-rate (sign(..) + decay p)` of [`scale_by_lion`] with 0.9 and
/// 0.99.
pub fn lion(rate: impl Into<Schedule>, decay: f64) -> Transform {
    let decay = add_decayed_weights(decay, Mask::all());
    chain([scale_by_lion(0.9, 0.99), decay, scale_by_learning_rate(rate)]).named("lion")
}

/// LAMB (You and others, 2020): Adam with weight decay, scaled by the [trust
/// ratio](scale_by_trust_ratio) of each leaf.
pub fn lamb(rate: impl Into<Schedule>, decay: f64) -> Transform {
    let options = AdamOptions { eps: 1e-6, ..AdamOptions::default() };
    let decay = add_decayed_weights(decay, Mask::all());
    chain([scale_by_adam(options), decay, scale_by_trust_ratio(), scale_by_learning_rate(rate)])
        .named("lamb")
}
