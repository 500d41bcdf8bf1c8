//! cure: item::<f32>()
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0, 2.0];
    let y = x.sum() as f32;
}
