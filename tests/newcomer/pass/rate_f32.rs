//! A learning rate of type `f32`, and one without a suffix.

#![allow(unused)]
use cotangent::optim;
use cotangent::prelude::*;

pub fn main() {
    let rate = 0.5f32;
    let x = array![1.0, 2.0];
    for sgd in [optim::sgd(rate), optim::sgd(0.5)] {
        let (updates, _) = sgd.update(x.clone(), sgd.init(&x), &x);
        assert_eq!(updates.to_vec::<f32>(), [-0.5, -1.0]);
    }
}
