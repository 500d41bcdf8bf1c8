//! cure: as i64
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let n = [1usize, 2];
    let z = Array::from_slice(&n);
}
