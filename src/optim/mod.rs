//! Gradient transformations: optimisers put together of small parts, written in public functions
//! only.
//!
//! A [`Transform`] makes updates of gradients. It is a value without state of its own:
//! [`Transform::init`] makes a [`State`] from the parameters, [`Transform::update`] takes one and
//! returns the next, [`apply_updates`] adds the updates to the parameters. Parameters are any
//! pytree of floats; the state is a pytree, too, so that it passes through `jit`, `vmap`, `scan`
//! and `grad` and can be saved.
//!
//! ```
//! use cotangent::optim::{apply_updates, adamw, chain, clip_by_global_norm, schedule};
//! use cotangent::prelude::*;
//!
//! fn loss(w: Array, x: Array, y: Array) -> Array {
//!     (x.matmul(&w) - y).square().mean()
//! }
//!
//! let rate = schedule::warmup_cosine(0.0, 0.3, 10, 200, 0.0);
//! let optimiser = chain([clip_by_global_norm(1.0), adamw(rate, 1e-4)]);
//! let (x, y) = (array![[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], array![1.0, 2.0, 3.5]);
//! let mut w = zeros([2]);
//! let mut state = optimiser.init(&w);
//! let step = jit(|w: Array, state, x: Array, y: Array| {
//!     let (value, gradient) = value_and_grad(loss)(w.clone(), x, y);
//!     let (updates, state) = optimiser.update(gradient, state, &w);
//!     (apply_updates(w, updates), state, value)
//! });
//! let mut value = array![f32::INFINITY];
//! for _ in 0..200 {
//!     (w, state, value) = step(w, state, x.clone(), y.clone());
//! }
//! assert!(value.item::<f32>() < 1e-2);
//! ```
//!
//! | to | use |
//! | --- | --- |
//! | take a known optimiser | [`sgd`], [`adam`], [`adamw`], [`rmsprop`], [`adagrad`], [`lion`], [`lamb`] |
//! | put parts together | [`chain`], [`masked`], [`multi_transform`], [`inject`] |
//! | remember gradients | [`trace`], [`ema`], [`scale_by_adam`], [`scale_by_rms`], [`scale_by_rss`], [`scale_by_lion`] |
//! | scale | [`scale`], [`scale_by_schedule`], [`scale_by_learning_rate`], [`scale_by_trust_ratio`], [`add_decayed_weights`] |
//! | hold back | [`clip`], [`clip_by_global_norm`], [`clip_by_block_rms`], [`zero_nans`], [`set_to_zero`] |
//! | change a rate with the step | [`schedule`] |
//! | write one of your own | [`Rule`] |
//!
//! Parameters of `f16` and `bf16` have states and updates in `f32`, which are rounded once at the
//! end.
//!
//! A learning rate is a number, a [`Schedule`](schedule::Schedule), or an array: made inside a
//! jitted function from an argument, as `adam(&rate)`, it changes from call to call without
//! compiling anew.

mod alias;
mod clip;
mod combine;
mod inject;
mod moments;
mod scale;
pub mod schedule;
mod transform;

pub use alias::{
    adagrad, adam, adam_with, adamw, adamw_with, lamb, lion, rmsprop, rmsprop_with, sgd,
    sgd_momentum,
};
pub use clip::{
    clip, clip_by_block_rms, clip_by_global_norm, global_norm, set_to_zero, try_global_norm,
    zero_nans,
};
pub use combine::{Mask, chain, masked, multi_transform};
pub use inject::{Injected, inject};
pub use moments::{
    AdamOptions, RmsOptions, ema, scale_by_adam, scale_by_lion, scale_by_rms, scale_by_rss, trace,
};
pub use scale::{
    add_decayed_weights, identity, scale, scale_by_learning_rate, scale_by_schedule, scale_by_sign,
    scale_by_trust_ratio,
};
pub use transform::{Rule, State, Transform, apply_updates, incremental_update, try_apply_updates};
