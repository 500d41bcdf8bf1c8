//! cure: Array::from(number)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x: Array| x.sum().item::<f32>());
    f(array![1.0]);
}
