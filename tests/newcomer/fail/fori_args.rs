//! cure: 0..n
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = fori_loop(0, 5, |i: Array, x: Array| x + i, Array::from(0));
}
