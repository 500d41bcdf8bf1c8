//! cure: capture the number
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x: Array, r: f32| x * r);
    f(array![1.0], 2.0);
}
