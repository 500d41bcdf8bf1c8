//! cure: f64::from(c) - x
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let (x, n) = (array![1.0, 2.0], 1u32);
    let y = n - x;
}
