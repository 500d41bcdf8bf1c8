//! cure: expected `(Array, 
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let (c, ys) = scan(|c: Array, x: Array| c + x, Array::from(0.0), array![1.0]);
}
