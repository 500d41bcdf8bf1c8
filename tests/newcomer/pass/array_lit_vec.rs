#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let v = vec![1.0f32, 2.0];
    let a = array![v];
}
