//! cure: capture the number
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let f = jit(|(x, n): (Array, f64)| x * n);
}
