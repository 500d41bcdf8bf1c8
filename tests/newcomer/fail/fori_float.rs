//! cure: ints
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = fori_loop(0.0..5.0, |i: Array, x: Array| x * 2, Array::from(1));
}
