//! cure: f64::from(c) / x
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let c = 2.0f32;
    let y = c / array![1.0];
}
