//! cure: without `item()`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let g = grad(|x: Array| x.sum().item::<f32>());
    g(array![1.0]);
}
