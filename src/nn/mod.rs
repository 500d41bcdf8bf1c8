//! Functions that neural networks are made of: pure functions of arrays, whose parameters and keys
//! are arguments.
//!
//! Layout: [`lax`](crate::lax) keeps JAX's order (NCHW, OIHW); `nn` takes channels-last activations
//! `[batch, space.., features]` with OIHW weights `[out, in, space..]`.
//!
//! | to | see |
//! | --- | --- |
//! | bend | [`relu`], [`leaky_relu`], [`elu`], [`silu`], [`softplus`], [`gelu`], [`gelu_tanh`] |
//! | weigh | [`softmax`], [`log_softmax`], [`logsumexp`], [`one_hot`] |
//! | look at neighbours | [`conv`], [`max_pool`], [`avg_pool`] |
//! | normalize | [`layer_norm`], [`rms_norm`], [`group_norm`], [`batch_norm`], [`batch_norm_inference`] |
//! | leave out at random | [`dropout`] |
//! | measure errors | [`softmax_cross_entropy`], [`softmax_cross_entropy_with_integer_labels`], [`sigmoid_binary_cross_entropy`], [`huber`], [`squared_error`], [`l2_loss`] |
//!
//! Not here: layers, optimisers (`optim`). This file declares and re-exports only.

mod activations;
mod conv;
mod dropout;
mod losses;
mod normalize;
mod pool;
mod softmax;

pub use activations::{
    elu, gelu, gelu_tanh, leaky_relu, relu, silu, softplus, try_elu, try_gelu, try_gelu_tanh,
    try_leaky_relu, try_relu, try_silu, try_softplus,
};
pub use conv::{conv, try_conv};
pub use dropout::{dropout, try_dropout};
pub use losses::{
    huber, l2_loss, sigmoid_binary_cross_entropy, softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels, squared_error, try_huber, try_l2_loss,
    try_sigmoid_binary_cross_entropy, try_softmax_cross_entropy,
    try_softmax_cross_entropy_with_integer_labels, try_squared_error,
};
pub use normalize::{
    batch_norm, batch_norm_inference, group_norm, layer_norm, rms_norm, try_batch_norm,
    try_batch_norm_inference, try_group_norm, try_layer_norm, try_rms_norm,
};
pub use pool::{avg_pool, max_pool, try_avg_pool, try_max_pool};
pub use softmax::{
    log_softmax, logsumexp, one_hot, softmax, try_log_softmax, try_logsumexp, try_one_hot,
    try_softmax,
};
