//! cure: capture the number
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|x: Array, n: i32| x * n);
}
