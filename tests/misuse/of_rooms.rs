//! Wrong calls of the functions of `nn`, `random` and `linalg`.

use super::harness::wrong;
use super::values::{ended, m, n, none, s, u, v, z};
use cotangent::lax::{Borders, ConvOptions};
use cotangent::prelude::*;
use cotangent::random::Key;
use cotangent::{nn, random};

fn key() -> Key {
    random::key(0)
}

fn image() -> Array {
    ones([1, 4, 4, 2])
}

wrong! {
    "nn::silu" => nn::silu(ended());
    "nn::softplus" => nn::softplus(ended());
    "nn::relu" => nn::relu(ended());
    "nn::leaky_relu" => nn::leaky_relu(ended(), 0.1);
    "nn::elu" => nn::elu(ended());
    "nn::one_hot" => nn::one_hot(ended(), 2, DType::F32);
    "nn::gelu" => nn::gelu(z());
    "nn::gelu_tanh" => nn::gelu_tanh(ended());
    "nn::conv" => nn::conv(v(), ones([1, 1, 2]), &ConvOptions::new());
    "nn::conv" => nn::conv(image(), ones([3, 5, 2, 2]), &ConvOptions::new());
    "nn::conv" => nn::conv(image(), ones([3, 2, 2]), &ConvOptions::new());
    "nn::conv" => nn::conv(image(), ones([3, 2, 2, 2]), &ConvOptions::new().strides([0, 1]));
    "nn::conv" => nn::conv(image(), ones([3, 2, 2, 2]), &ConvOptions::new().strides([1]));
    "nn::dropout" => nn::dropout(&key(), v(), 1.5);
    "nn::dropout" => nn::dropout(&key(), v(), -0.1);
    "nn::dropout" => nn::dropout(&random::keys(&key(), 2), v(), 0.5);
    "nn::softmax_cross_entropy" => nn::softmax_cross_entropy(v(), u());
    "nn::softmax_cross_entropy" => nn::softmax_cross_entropy(s(), s());
    "nn::softmax_cross_entropy_with_integer_labels" =>
        nn::softmax_cross_entropy_with_integer_labels(m(), v());
    "nn::softmax_cross_entropy_with_integer_labels" =>
        nn::softmax_cross_entropy_with_integer_labels(m(), array![0, 1, 2]);
    "nn::softmax_cross_entropy_with_integer_labels" =>
        nn::softmax_cross_entropy_with_integer_labels(s(), n());
    "nn::sigmoid_binary_cross_entropy" => nn::sigmoid_binary_cross_entropy(v(), u());
    "nn::sigmoid_binary_cross_entropy" => nn::sigmoid_binary_cross_entropy(z(), v());
    "nn::huber" => nn::huber(v(), u(), 1.0);
    "nn::huber" => nn::huber(v(), v(), -1.0);
    "nn::squared_error" => nn::squared_error(v(), u());
    "nn::l2_loss" => nn::l2_loss(v(), u());
    "nn::layer_norm" => nn::layer_norm(m(), 2, 1.0, 0.0, 1e-5);
    "nn::layer_norm" => nn::layer_norm(m(), -1, v(), 0.0, 1e-5);
    "nn::layer_norm" => nn::layer_norm(m(), -1, 1.0, v(), 1e-5);
    "nn::layer_norm" => nn::layer_norm(m(), [1, 1], 1.0, 0.0, 1e-5);
    "nn::rms_norm" => nn::rms_norm(m(), -3, 1.0, 1e-5);
    "nn::rms_norm" => nn::rms_norm(m(), -1, v(), 1e-5);
    "nn::group_norm" => nn::group_norm(m(), 2, 1.0, 0.0, 1e-5);
    "nn::group_norm" => nn::group_norm(m(), 0, 1.0, 0.0, 1e-5);
    "nn::group_norm" => nn::group_norm(s(), 1, 1.0, 0.0, 1e-5);
    "nn::group_norm" => nn::group_norm(m(), 1, v(), 0.0, 1e-5);
    "nn::batch_norm" => nn::batch_norm(m(), v(), 0.0, 1e-5);
    "nn::batch_norm" => nn::batch_norm(s(), 1.0, 0.0, 1e-5);
    "nn::batch_norm_inference" => nn::batch_norm_inference(m(), v(), u(), 1.0, 0.0, 1e-5);
    "nn::batch_norm_inference" => nn::batch_norm_inference(m(), u(), u(), v(), 0.0, 1e-5);
    "nn::max_pool" => nn::max_pool(image(), &[2], &[2, 2], Borders::Valid);
    "nn::max_pool" => nn::max_pool(image(), &[2, 2], &[0, 2], Borders::Valid);
    "nn::max_pool" => nn::max_pool(image(), &[0, 2], &[2, 2], Borders::Valid);
    "nn::max_pool" => nn::max_pool(v(), &[2, 2], &[2, 2], Borders::Valid);
    "nn::avg_pool" => nn::avg_pool(image(), &[2, 2], &[2], Borders::Valid);
    "nn::avg_pool" => nn::avg_pool(v(), &[2, 2], &[2, 2], Borders::Valid);
    "nn::softmax" => nn::softmax(v(), 1);
    "nn::softmax" => nn::softmax(v(), -2);
    "nn::log_softmax" => nn::log_softmax(v(), 1);
    "nn::log_softmax" => nn::log_softmax(v(), [0, 0]);
    "nn::logsumexp" => nn::logsumexp(v(), 1);
    "nn::logsumexp" => nn::logsumexp(v(), -2);

    "random::bits" => random::bits(&key(), [2], DType::F32);
    "random::bits" => random::bits(&key(), [-2], DType::U32);
    "random::uniform" => random::uniform(&key(), [2], DType::I32, 0.0, 1.0);
    "random::uniform" => random::uniform(&key(), [2], DType::F32, u(), 1.0);
    "random::uniform" => random::uniform(&key(), [-2], DType::F32, 0.0, 1.0);
    "random::uniform" => random::uniform(&random::keys(&key(), 2), [2], DType::F32, 0.0, 1.0);
    "random::normal" => random::normal(&key(), [2], DType::I32);
    "random::normal" => random::normal(&key(), [-1], DType::F32);
    "random::normal" => random::normal(&random::keys(&key(), 2), [2], DType::F32);
    "random::exponential" => random::exponential(&key(), [2], DType::I32);
    "random::gumbel" => random::gumbel(&key(), [2], DType::I32);
    "random::bernoulli" => random::bernoulli(&key(), u(), [2]);
    "random::bernoulli" => random::bernoulli(&key(), z(), [2]);
    "random::categorical" => random::categorical(&key(), v(), 1);
    "random::categorical" => random::categorical(&key(), v(), -2);
    "random::categorical" => random::categorical(&key(), z(), 0);
    "random::categorical" => random::categorical(&key(), none(), 0);
    "random::randint" => random::randint(&key(), [2], DType::F32, 0, 1);
    "random::permutation" => random::permutation(&random::keys(&key(), 2), 3);
    "random::permutation" => random::permutation(&key(), usize::MAX);
    "random::shuffle" => random::shuffle(&key(), s());
    "random::choice" => random::choice(&key(), none(), 1, true, None);
    "random::choice" => random::choice(&key(), v(), 3, false, None);
    "random::choice" => random::choice(&key(), v(), 1, true, Some(&u()));
    "random::choice" => random::choice(&key(), s(), 1, true, None);
    "random::choice" => random::choice(&key(), 0, 1, true, None);
    "random::laplace" => random::laplace(&key(), [2], DType::I32);
    "random::logistic" => random::logistic(&key(), [2], DType::I32);
    "random::cauchy" => random::cauchy(&key(), [2], DType::I32);
    "random::rademacher" => random::rademacher(&key(), [-2], DType::I32);
    "random::truncated_normal" => random::truncated_normal(&key(), [2], DType::I32, 0.0, 1.0);
    "random::truncated_normal" => random::truncated_normal(&key(), [2], DType::F32, u(), 1.0);
    "random::split" => random::split::<2>(&random::keys(&key(), 2));
    "random::split_n" => random::split_n(&random::keys(&key(), 2), 2);
    "random::keys" => random::keys(&random::keys(&key(), 2), 2);
    "random::keys" => random::keys(&key(), usize::MAX);
    "random::fold_in" => random::fold_in(&key(), v());
    "random::fold_in" => random::fold_in(&key(), s());
    "Key::from_data" => Key::from_data(v());
}
