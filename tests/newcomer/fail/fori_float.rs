//! cure: expected a range
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = fori_loop(5, |i: Array, x: Array| x * 2, Array::from(1));
}
