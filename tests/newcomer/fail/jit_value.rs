//! cure: expected a closure
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0, 2.0];
    let f = jit(x.sin());
}
