//! cure: write `x.lt(y)`
#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

fn main() {
    let (x, y) = (array![1.0], array![2.0]);
    if x < y {}
}
