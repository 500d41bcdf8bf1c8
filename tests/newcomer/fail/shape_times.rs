//! cure: x * c
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0, 2.0];
    let y = x.shape()[0] * &x;
}
