//! cure: without a semicolon
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = grad(|x: Array| { x.sum();
    });
    f(array![1.0]);
}
