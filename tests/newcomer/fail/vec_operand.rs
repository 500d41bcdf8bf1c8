//! cure: Array::from(values)
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = array![1.0, 2.0] + vec![1.0, 2.0];
}
