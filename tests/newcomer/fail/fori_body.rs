//! cure: takes 2 arguments
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let x = fori_loop(0..5, |x: Array| x * 2, Array::from(1));
}
